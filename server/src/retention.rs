//! Which snapshots are kept, pure: times and offsets in, offsets out. Kept snapshots are the versions that people can
//! restore. The newest two, those that the log still needs, and those with a name are always kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use time::{Duration, OffsetDateTime};

use crate::offset::Offset;

/// Snapshots that are kept at any age: the log is trimmed up to the second.
const NEWEST: usize = 2;

/// The retention of versions without a name: up to some age one for each step of time, then one for each longer step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(Vec<Tier>);

/// One version for each `step`, up to `age`; without an age without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tier {
    step: Duration,
    age: Option<Duration>,
}

/// A snapshot that may be pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The offset that it covers.
    pub offset: Offset,
    /// When it was taken; unknown if it is no version.
    pub at: Option<OffsetDateTime>,
    /// Whether it has a name.
    pub named: bool,
}

impl Policy {
    /// The offsets of those of `snapshots` to prune. `needed` are bases of the log; snapshots newer than the newest of
    /// them were taken by another node in between, and are kept.
    pub fn drop(&self, snapshots: &[Taken], needed: &[Offset], now: OffsetDateTime) -> Vec<Offset> {
        let mut newest_first: Vec<&Taken> = snapshots.iter().collect();
        newest_first.sort_unstable_by_key(|taken| std::cmp::Reverse(taken.offset));
        let last_needed = needed.iter().max().copied().unwrap_or_default();
        let thinned = self.thin(snapshots, now);
        let stays = |taken: &Taken| {
            taken.named
                || needed.contains(&taken.offset)
                || taken.offset > last_needed
                || thinned.contains(&taken.offset)
        };
        newest_first.into_iter().skip(NEWEST).filter(|taken| !stays(taken)).map(|taken| taken.offset).collect()
    }

    /// The last version of each step: the state in which people left the document.
    fn thin(&self, snapshots: &[Taken], now: OffsetDateTime) -> BTreeSet<Offset> {
        let mut last_of_step = BTreeMap::new();
        for taken in snapshots {
            let Some(at) = taken.at else { continue };
            let in_tier = |tier: &Tier| tier.age.is_none_or(|age| now - at <= age);
            let Some(tier) = self.0.iter().position(in_tier) else { continue };
            let step = at.unix_timestamp().div_euclid(self.0[tier].step.whole_seconds());
            let last = last_of_step.entry((tier, step)).or_insert(taken.offset);
            *last = taken.offset.max(*last);
        }
        last_of_step.into_values().collect()
    }
}

impl FromStr for Policy {
    type Err = &'static str;

    /// Parses `step/age` pairs, the youngest first, the last with or without an age: `5m/1h,1h/1d,1d/30d,30d`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let tiers: Option<Vec<Tier>> = text.split(',').map(|text| tier(text.trim())).collect();
        let tiers = tiers.ok_or("a step is a number above 0 with s, m, h or d, its age too: 5m/1h,1h/1d,30d")?;
        let bounded = &tiers[..tiers.len() - 1];
        if bounded.iter().any(|tier| tier.age.is_none()) {
            return Err("only the last step goes without an age");
        }
        if !tiers.is_sorted_by_key(|tier| tier.age.unwrap_or(Duration::MAX)) {
            return Err("ages rise");
        }
        if tiers.iter().any(|tier| tier.age.is_some_and(|age| age < tier.step)) {
            return Err("a step is no longer than its age: of a longer one nothing would be kept for sure");
        }
        Ok(Self(tiers))
    }
}

fn tier(text: &str) -> Option<Tier> {
    match text.split_once('/') {
        None => Some(Tier { step: length(text)?, age: None }),
        Some((step, age)) => Some(Tier { step: length(step)?, age: Some(length(age)?) }),
    }
}

fn length(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    // Bounded, so that no sum of times overflows.
    let number: u32 = number.parse().ok().filter(|number| (1..=100_000).contains(number))?;
    Some(Duration::seconds(i64::from(number) * seconds))
}

#[cfg(test)]
mod tests;
