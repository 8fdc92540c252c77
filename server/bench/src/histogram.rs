//! Latencies in microseconds, kept to about 3 %.

const STEPS: u64 = 32;

pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; bucket(u64::from(u32::MAX)) + 1], count: 0 }
    }
}

impl Histogram {
    pub fn record(&mut self, micros: u32) {
        self.buckets[bucket(u64::from(micros))] += 1;
        self.count += 1;
    }

    /// In milliseconds; the upper edge of the bucket, so never flattering.
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let wanted = ((self.count as f64 * quantile).ceil() as u64).max(1);
        let mut passed = 0;
        let found = self.buckets.iter().position(|count| {
            passed += count;
            passed >= wanted
        })?;
        Some(upper_edge(found) as f64 / 1000.0)
    }
}

/// Exact below 64, then 32 steps for every doubling.
fn bucket(value: u64) -> usize {
    if value < 2 * STEPS {
        return value as usize;
    }
    let shift = u64::from(value.ilog2() - STEPS.ilog2());
    (shift * STEPS + (value >> shift)) as usize
}

fn upper_edge(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    ((bucket % STEPS + STEPS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_contiguous_and_close() {
        for value in (0..200_000).chain([u64::from(u32::MAX)]) {
            let edge = upper_edge(bucket(value));
            assert!(edge >= value && edge as f64 <= value as f64 * 1.032, "{value} in {edge}");
            assert_eq!(bucket(edge), bucket(value));
            assert_eq!(bucket(edge + 1), bucket(value) + 1);
        }
    }

    #[test]
    fn quantiles() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_ms(0.99), None);
        (1..=100).for_each(|ms| histogram.record(ms * 1000));
        let p99 = histogram.quantile_ms(0.99).unwrap();
        assert!((99.0..102.2).contains(&p99), "{p99}");
    }
}
