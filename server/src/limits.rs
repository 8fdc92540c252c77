//! Rate limits, by address and by account, of this node and, with Redis, of all nodes together. Full buckets are
//! removed, and the number of buckets is bounded.

mod shared;

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Mutex,
    time::{Duration, Instant},
};

use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use self::shared::Shared;
use crate::{config::Switch, directory::mailbox, ids::UserId, redis::Redis};

/// The buckets of one limit: about 10 MB.
const KEYS_MAX: usize = 100_000;
/// The interval at which a limit with too many buckets removes full ones.
const CLEANING_INTERVAL: Duration = Duration::from_secs(1);

/// A limit is exceeded: how long until the next call is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded(pub Duration);

/// All rate limits.
pub struct Limits {
    switch: Switch,
    shared: Option<Shared>,
    calls_by_address: Limiter<IpAddr>,
    calls_by_account: Limiter<UserId>,
    registrations: Limiter<IpAddr>,
    log_ins_by_address: Limiter<IpAddr>,
    passwords_by_account: Limiter<String>,
    /// Limits the user of an account while others try passwords on it.
    passwords_of_known: Limiter<String>,
    password_changes: Limiter<UserId>,
    accepts: Limiter<IpAddr>,
    sockets: Limiter<IpAddr>,
}

impl Limits {
    /// The limits, enabled or not; with Redis they are counted there too.
    pub fn new(switch: Switch, redis: Option<&Redis>) -> Self {
        let ms = Duration::from_millis;
        Self {
            switch,
            shared: redis.map(Shared::new),
            calls_by_address: Limiter::new("calls", 600, ms(10), KEYS_MAX),
            calls_by_account: Limiter::new("calls", 300, ms(20), KEYS_MAX),
            registrations: Limiter::new("registrations", 20, ms(30_000), KEYS_MAX),
            log_ins_by_address: Limiter::new("log-ins", 30, ms(2_000), KEYS_MAX),
            passwords_by_account: Limiter::new("passwords", 10, ms(10_000), KEYS_MAX),
            passwords_of_known: Limiter::new("known passwords", 10, ms(10_000), KEYS_MAX),
            password_changes: Limiter::new("password changes", 10, ms(10_000), KEYS_MAX),
            accepts: Limiter::new("accepts", 30, ms(2_000), KEYS_MAX),
            // After the death of a node, a whole office behind one address reconnects at once.
            sockets: Limiter::new("sockets", 500, ms(20), KEYS_MAX),
        }
    }

    /// How much of one address is accepted within `window`: calls and sockets together, attempts to log in, to register and
    /// to use links, and sockets. A firewall in front must allow more, or it locks a whole office out.
    pub fn accepted_within(&self, window: Duration) -> [u128; 3] {
        let sockets = self.sockets.accepted_within(window);
        let calls = self.calls_by_address.accepted_within(window) + sockets;
        let auth = [&self.registrations, &self.log_ins_by_address, &self.accepts];
        [calls, auth.map(|limiter| limiter.accepted_within(window)).iter().sum(), sockets]
    }

    /// Counts a call of an account.
    pub(crate) async fn account(&self, user: UserId) -> Result<(), Exceeded> {
        self.check(&self.calls_by_account, user).await
    }

    /// Counts a registration from an address.
    pub(crate) async fn registration(&self, address: IpAddr) -> Result<(), Exceeded> {
        self.check(&self.registrations, network(address)).await
    }

    /// Counts a login attempt, successful or not, from an address.
    pub(crate) async fn log_in(&self, address: IpAddr) -> Result<(), Exceeded> {
        self.check(&self.log_ins_by_address, network(address)).await
    }

    /// Counts a password attempt on an account, known or not.
    pub(crate) async fn password(&self, email: &str) -> Result<(), Exceeded> {
        self.check(&self.passwords_by_account, mailbox::key(email)).await
    }

    /// Counts a password attempt on an account from a network where it logged in before.
    pub(crate) async fn password_from(&self, user: UserId, network: IpAddr) -> Result<(), Exceeded> {
        self.check(&self.passwords_of_known, format!("{user} {network}")).await
    }

    /// Counts the password that a user enters to change it.
    pub(crate) async fn password_change(&self, user: UserId) -> Result<(), Exceeded> {
        self.check(&self.password_changes, user).await
    }

    /// Counts an attempt to use a share link from an address.
    pub(crate) async fn accept(&self, address: IpAddr) -> Result<(), Exceeded> {
        self.check(&self.accepts, network(address)).await
    }

    /// Counts a call of an address.
    pub(crate) async fn call_from(&self, address: IpAddr) -> Result<(), Exceeded> {
        self.check(&self.calls_by_address, network(address)).await
    }

    /// Counts a socket request of an address.
    pub(crate) async fn socket_from(&self, address: IpAddr) -> Result<(), Exceeded> {
        self.check(&self.sockets, network(address)).await
    }

    async fn check<K: Hash + Eq + Clone + ToString>(&self, limiter: &Limiter<K>, key: K) -> Result<(), Exceeded> {
        if self.switch == Switch::Off {
            return Ok(());
        }
        limiter.check(&key).map_err(Exceeded)?;
        match &self.shared {
            Some(shared) => shared.check(limiter, &key.to_string()).await.map_err(Exceeded),
            None => Ok(()),
        }
    }
}

/// The network of one customer: with IPv6 the /64, because one customer has all of its addresses.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)).into(),
    }
}

/// One bucket per key: `burst` at once, and one more every `period`.
struct Limiter<K: Hash + Eq + Clone> {
    name: &'static str,
    burst: u32,
    period: Duration,
    keyed: DefaultKeyedRateLimiter<K>,
    /// The bucket shared by keys that do not fit.
    newcomers: DefaultDirectRateLimiter,
    keys_max: usize,
    cleaned: Mutex<Option<Instant>>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(name: &'static str, burst: u32, period: Duration, keys_max: usize) -> Self {
        let at_once = NonZeroU32::new(burst).expect("every limit lets something through");
        let quota = Quota::with_period(period).expect("every limit has a period").allow_burst(at_once);
        Self {
            name,
            burst,
            period,
            keyed: RateLimiter::keyed(quota),
            newcomers: RateLimiter::direct(quota),
            keys_max,
            cleaned: Mutex::new(None),
        }
    }

    fn accepted_within(&self, window: Duration) -> u128 {
        u128::from(self.burst) + window.as_millis() / self.period.as_millis()
    }

    /// Counts one call, or returns how long to wait.
    fn check(&self, key: &K) -> Result<(), Duration> {
        let wait = |not: NotUntil<<DefaultClock as Clock>::Instant>| not.wait_time_from(DefaultClock::default().now());
        if self.is_full() { self.newcomers.check().map_err(wait) } else { self.keyed.check_key(key).map_err(wait) }
    }

    fn is_full(&self) -> bool {
        if self.keyed.len() < self.keys_max {
            return false;
        }
        let mut cleaned = self.cleaned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if cleaned.is_none_or(|at| at.elapsed() >= CLEANING_INTERVAL) {
            *cleaned = Some(Instant::now());
            self.keyed.retain_recent();
        }
        self.keyed.len() >= self.keys_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn each_key_has_its_own_bucket() {
        let limiter = Limiter::new("tests", 2, HOUR, 10);
        assert!(limiter.check(&1).is_ok());
        assert!(limiter.check(&1).is_ok());
        let wait = limiter.check(&1).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= HOUR, "{wait:?}");
        assert!(limiter.check(&2).is_ok());
    }

    #[test]
    fn keys_past_the_bound_share_a_bucket() {
        let limiter = Limiter::new("tests", 2, HOUR, 3);
        (1..=3).for_each(|key| assert!(limiter.check(&key).is_ok()));
        let let_through = (4..1000).filter(|key| limiter.check(key).is_ok()).count();
        assert_eq!(let_through, 2);
        assert_eq!(limiter.keyed.len(), 3);
    }

    #[test]
    fn an_ipv6_customer_is_one_key() {
        let [a, b, c] =
            ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"].map(|text| network(text.parse().unwrap()));
        assert_eq!(a, b);
        assert_ne!(a, c);
    }
}
