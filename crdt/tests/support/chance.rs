//! Reproducible decisions.

/// A reproducible source of decisions (SplitMix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len())]
    }
}

/// Runs `rounds` rounds from a fresh seed, or one round from the seed in `CODESYNC_SEED`; a failing round prints its seed.
pub(crate) fn seeded(rounds: u64, mut round: impl FnMut(&mut Chance)) {
    #[expect(clippy::disallowed_methods, reason = "tests have no config.rs")]
    let fixed = std::env::var("CODESYNC_SEED").ok();
    let start = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let first = fixed.as_deref().map_or(start.as_nanos() as u64, |seed| seed.parse().unwrap());
    let rounds = if fixed.is_some() { 1 } else { rounds };
    println!("seeds {first} to {}", first + rounds - 1);
    for seed in first..first + rounds {
        let guard = PrintSeed(seed);
        round(&mut Chance::new(seed));
        std::mem::forget(guard);
    }
}

struct PrintSeed(u64);

impl Drop for PrintSeed {
    fn drop(&mut self) {
        println!("failed; run it again with CODESYNC_SEED={}", self.0);
    }
}
