//! How many requests each client may make: a bucket of tokens for each of them, in a table of a fixed size.
//!
//! Of a bucket nothing is kept but when it will be full again (the generic cell rate algorithm): who has not asked for a while
//! has a full one, and is forgotten without loss. Where a set of the table has no room, the client in it goes whose bucket is
//! full first, so that a crowd of new ones forgives nobody who asks for far too much.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Config;
use crate::network::subscriber;

/// What every client may ask for, and what each has asked for.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    rate: Rate,
    buckets: Arc<Buckets>,
}

/// So many requests a second, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    per_second: NonZeroU32,
    burst: u32,
}

/// A client that asks for more than one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exceeded {
    rate: Rate,
    /// How long until it may ask again.
    pub(super) wait: Duration,
}

/// Whether a request counts among those of its client already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tally {
    Counted,
    Uncounted,
}

#[derive(Debug)]
struct Buckets {
    sets: Box<[Mutex<Set>]>,
    hasher: RandomState,
    begun: Instant,
}

/// Clients whose addresses have the same hash.
type Set = [Bucket; CLIENTS];

#[derive(Clone, Copy, Debug)]
struct Bucket {
    client: IpAddr,
    /// When it is full, in nanoseconds.
    full_at: u64,
}

/// Sets, and clients in each: 65,536 are told apart at once, in 2 MiB.
const SETS: usize = 4096;
const CLIENTS: usize = 16;

const SECOND: u64 = 1_000_000_000;

const NOBODY: Bucket = Bucket { client: IpAddr::V4(Ipv4Addr::UNSPECIFIED), full_at: 0 };

impl Quota {
    /// What `config` allows, with what clients have asked for so far; `None` where they may ask for whatever they like.
    pub(super) fn new(config: &Config, before: Option<&Quota>) -> Option<Quota> {
        let rate = Rate { per_second: config.requests_per_client_max?, burst: config.requests_per_client_burst };
        let buckets = before.map_or_else(|| Arc::new(Buckets::new()), |before| Arc::clone(&before.buckets));
        Some(Quota { rate, buckets })
    }

    /// Counts a request of the client at `address`, unless it is one too many.
    pub(super) fn take(&self, address: IpAddr) -> Result<(), Exceeded> {
        self.take_at(address, self.buckets.begun.elapsed())
    }

    fn take_at(&self, address: IpAddr, now: Duration) -> Result<(), Exceeded> {
        // 584 years.
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX / 2);
        let exceeded = |wait| Exceeded { rate: self.rate, wait: Duration::from_nanos(wait) };
        self.buckets.take(subscriber(address), self.rate, now).map_err(exceeded)
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rate { per_second, burst } = self.rate;
        write!(f, "a client may make {per_second} requests a second, and {burst} at once")
    }
}

impl Buckets {
    fn new() -> Buckets {
        let sets = (0..SETS).map(|_| Mutex::new([NOBODY; CLIENTS])).collect();
        Buckets { sets, hasher: RandomState::new(), begun: Instant::now() }
    }

    /// Takes a token of the client at `now`; where there is none, how many nanoseconds until there is.
    fn take(&self, client: IpAddr, rate: Rate, now: u64) -> Result<(), u64> {
        let mut set = self.set(client);
        let known = set.iter().position(|bucket| bucket.client == client);
        let full_first = || set.iter().enumerate().min_by_key(|(_, bucket)| bucket.full_at).map_or(0, |(at, _)| at);
        let at = known.unwrap_or_else(full_first);
        let every = SECOND / u64::from(rate.per_second.get());
        let empty = now + every * u64::from(rate.burst);
        // Settings may have been others when it asked last.
        let full_at = every + known.map_or(now, |at| set[at].full_at.clamp(now, empty));
        if full_at > empty {
            return Err(full_at - empty);
        }
        set[at] = Bucket { client, full_at };
        Ok(())
    }

    fn set(&self, client: IpAddr) -> MutexGuard<'_, Set> {
        // Nothing that can panic runs under the lock.
        self.sets[self.hasher.hash_one(client) as usize % SETS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Rate = Rate { per_second: NonZeroU32::new(10).unwrap(), burst: 3 };
    const TENTH: u64 = SECOND / 10;

    fn client(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn so_many_at_once_and_then_so_many_a_second() {
        let buckets = Buckets::new();
        let take = |now| buckets.take(client(1), RATE, now);
        assert_eq!([take(0), take(0), take(0), take(0)], [Ok(()), Ok(()), Ok(()), Err(TENTH)]);
        assert_eq!(take(TENTH - 1), Err(1), "what is refused costs nothing");
        assert_eq!([take(TENTH), take(TENTH)], [Ok(()), Err(TENTH)]);
        assert_eq!(buckets.take(client(2), RATE, TENTH), Ok(()), "others are not held to it");
        let later = 100 * SECOND;
        assert_eq!([take(later), take(later), take(later), take(later)], [Ok(()), Ok(()), Ok(()), Err(TENTH)]);
    }

    fn quota(per_second: u32, burst: u32, before: Option<&Quota>) -> Option<Quota> {
        let (requests_per_client_max, requests_per_client_burst) = (NonZeroU32::new(per_second), burst);
        Quota::new(&Config { requests_per_client_max, requests_per_client_burst, ..Config::default() }, before)
    }

    #[test]
    fn other_settings_hold_for_those_who_are_known() {
        let take = |quota: &Quota| quota.take_at(client(1), Duration::ZERO).map_err(|exceeded| exceeded.wait);
        let second = Duration::from_secs(1);
        let before = quota(1, 2, None).unwrap();
        assert_eq!([take(&before), take(&before), take(&before)], [Ok(()), Ok(()), Err(second)]);
        let more = quota(1, 3, Some(&before)).unwrap();
        assert_eq!([take(&more), take(&more)], [Ok(()), Err(second)]);
        assert_eq!(take(&quota(100, 1, Some(&more)).unwrap()), Err(second / 100), "nobody waits by settings of old");
        assert!(quota(0, 1, Some(&more)).is_none());
    }

    #[test]
    fn a_subscriber_is_one_client() {
        let quota = quota(1, 1, None).unwrap();
        let take = |address: &str| quota.take_at(address.parse().unwrap(), Duration::ZERO).is_ok();
        assert!(take("2001:db8::1") && !take("2001:db8::ffff:0:0:2") && take("2001:db8:0:1::1"));
        assert!(take("192.0.2.1") && !take("::ffff:192.0.2.1") && take("192.0.2.2"));
    }

    #[test]
    fn a_crowd_of_others_forgives_nobody() {
        let buckets = Buckets::new();
        while buckets.take(client(1), RATE, 0).is_ok() {}
        // Far more than there is room for; each of them asks once.
        for number in 2..4 * (SETS * CLIENTS) as u32 {
            assert_eq!(buckets.take(client(number), RATE, 0), Ok(()));
        }
        assert_eq!(buckets.take(client(1), RATE, 0), Err(TENTH));
    }

    proptest! {
        /// Over any time no more pass than there may be at once and come back in that time.
        #[test]
        fn nobody_gets_more(
            per_second in 1..=1_000_000_u32,
            burst in 1..=300_u32,
            pauses in proptest::collection::vec(0..SECOND / 4, 1..300),
        ) {
            let (buckets, every) = (Buckets::new(), SECOND / u64::from(per_second));
            let rate = Rate { per_second: NonZeroU32::new(per_second).unwrap(), burst };
            let (mut now, mut passed) = (0, 0);
            for pause in pauses {
                now += pause;
                let taken = buckets.take(client(1), rate, now);
                passed += u64::from(taken.is_ok());
                prop_assert!(passed <= u64::from(burst) + now / every);
                // After the wait that is told, and no sooner, it may ask again.
                if let Err(wait) = taken {
                    prop_assert!(wait <= every && buckets.take(client(1), rate, now + wait - 1).is_err());
                }
            }
        }
    }
}
