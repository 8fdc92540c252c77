use rand::{RngExt, SeedableRng, rngs::StdRng};
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-03-01 00:00 UTC);

fn policy() -> Policy {
    "5m/1h,1h/1d,1d/30d,30d".parse().unwrap()
}

fn taken(offset: u128, ago: Duration) -> Taken {
    Taken { offset: Offset(offset), at: Some(NOW - ago), named: false }
}

/// The snapshots that are left of one every `every` for `length`, pruned as they were taken; offsets are seconds.
fn left_of(policy: &Policy, every: i64, length: Duration) -> Vec<Taken> {
    let mut left: Vec<Taken> = Vec::new();
    for second in (every..=length.whole_seconds()).step_by(usize::try_from(every).unwrap()) {
        let now = NOW - length + Duration::seconds(second);
        let offset = Offset(u128::try_from(second).unwrap());
        let base = left.last().map_or(Offset::ZERO, |taken| taken.offset);
        left.push(Taken { offset, at: Some(now), named: false });
        let gone = policy.drop(&left, &[offset, base], now);
        left.retain(|taken| !gone.contains(&taken.offset));
    }
    left
}

#[test]
fn a_busy_day_leaves_five_minutes_then_hours() {
    let left = left_of(&policy(), 5, Duration::DAY);
    let age = |taken: &Taken| NOW - taken.at.unwrap();
    let young = left.iter().filter(|taken| age(taken) <= Duration::HOUR).count();
    assert!((12..=14).contains(&young), "{young}");
    assert!((22..=25).contains(&(left.len() - young)), "{}", left.len());
    for pair in left.windows(2) {
        let most = if age(&pair[0]) <= Duration::HOUR { Duration::minutes(10) } else { Duration::hours(2) };
        assert!(pair[1].at.unwrap() - pair[0].at.unwrap() <= most, "{pair:?}");
    }
}

#[test]
fn years_leave_days_then_months() {
    let left = left_of(&policy(), 3_600, Duration::days(400));
    assert!((60..=85).contains(&left.len()), "{}", left.len());
    let old = left.iter().filter(|taken| NOW - taken.at.unwrap() > Duration::days(30)).count();
    assert!((12..=14).contains(&old), "{old}");
}

#[test]
fn the_last_state_of_an_editing_session_is_kept() {
    let day = [taken(1, Duration::hours(60)), taken(2, Duration::hours(59)), taken(3, Duration::hours(58))];
    let later = [taken(4, Duration::MINUTE), taken(5, Duration::SECOND)];
    let all = [day.as_slice(), later.as_slice()].concat();
    let gone = policy().drop(&all, &[Offset(5), Offset(4)], NOW);
    assert_eq!(gone, [Offset(2), Offset(1)]);
}

#[test]
fn the_end_of_a_policy_is_the_end_of_versions() {
    let policy: Policy = "1h/1d".parse().unwrap();
    let old = taken(1, Duration::days(2));
    let named = Taken { named: true, ..taken(2, Duration::days(2)) };
    let newest = [taken(3, Duration::days(2)), taken(4, Duration::days(2))];
    assert_eq!(policy.drop(&[old, named, newest[0], newest[1]], &[Offset(4), Offset(3)], NOW), [Offset(1)]);
}

#[test]
fn a_snapshot_that_is_no_version_goes_unless_it_is_needed_or_newer() {
    let stray = |offset| Taken { offset: Offset(offset), at: None, named: false };
    let all = [1, 2, 3, 4, 5].map(stray);
    assert_eq!(policy().drop(&all, &[Offset(4), Offset(2)], NOW), [Offset(3), Offset(1)]);
    assert_eq!(policy().drop(&all, &[Offset(1)], NOW), [], "somebody else has taken newer ones");
}

#[test]
fn needed_snapshots_are_never_pruned() {
    let seed = rand::random::<u64>();
    println!("CODESYNC_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..2_000 {
        let snapshots: Vec<Taken> = (1..=random.random_range(1..60))
            .map(|offset| Taken {
                offset: Offset(offset),
                at: random.random_bool(0.9).then(|| NOW - Duration::seconds(random.random_range(0..10_000_000))),
                named: random.random_bool(0.1),
            })
            .collect();
        let needed = [0; 2].map(|_| snapshots[random.random_range(0..snapshots.len())].offset);
        let gone = policy().drop(&snapshots, &needed, NOW);
        let newest = u128::try_from(snapshots.len()).unwrap();
        assert!(gone.iter().all(|offset| !needed.contains(offset) && offset.0 + 1 < newest), "{gone:?}");
        assert!(snapshots.iter().all(|taken| !taken.named || !gone.contains(&taken.offset)));
        let left: Vec<Taken> = snapshots.iter().filter(|taken| !gone.contains(&taken.offset)).copied().collect();
        assert_eq!(policy().drop(&left, &needed, NOW), [], "once is enough");
    }
}

#[test]
fn invalid_retention_policies_are_refused() {
    for text in ["", "5", "5m/", "0m", "5m,1h", "1h/1d,5m/1h", "5x/1h", "-1m", "é"] {
        assert!(text.parse::<Policy>().is_err(), "{text}");
    }
    assert!("90s/10m".parse::<Policy>().is_ok());
}
