//! Whether an origin is worth asking: after many failures in a row it is left alone for a while, then asked once.

use std::time::{Duration, Instant};

/// Failures in a row after which an origin is left alone: more than one request with its retries.
const FAILURES_MAX: u32 = 8;

/// How long it is left alone at first; twice as long each time that it fails again, up to the most.
const REST: Duration = Duration::from_secs(2);
const REST_MAX: Duration = Duration::from_secs(30);

/// After this time a trial of which nothing was heard is followed by another.
const TRIAL_MAX: Duration = Duration::from_secs(10);

/// The state of one origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaker {
    /// It is asked.
    Closed { failures: u32 },
    /// It is left alone.
    Open { until: Instant, rest: Duration },
    /// One request is under way to see whether it is well again.
    Trial { until: Instant, rest: Duration },
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Whether a request may be made now; if not, how long until it may.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match *self {
            Breaker::Closed { .. } => Ok(()),
            Breaker::Open { until, .. } | Breaker::Trial { until, .. } if now < until => Err(until - now),
            Breaker::Open { rest, .. } | Breaker::Trial { rest, .. } => {
                *self = Breaker::Trial { until: now + TRIAL_MAX, rest };
                Ok(())
            }
        }
    }

    /// A request had an answer.
    pub(super) fn succeeded(&mut self) {
        *self = Breaker::default();
    }

    /// A request was given up by those who wanted it: of a trial nothing will be heard, and the next request is one.
    pub(super) fn given_up(&mut self, now: Instant) {
        if let Breaker::Trial { rest, .. } = *self {
            *self = Breaker::Open { until: now, rest };
        }
    }

    /// A request had no answer, or one that says that the origin is not well.
    pub(super) fn failed(&mut self, now: Instant) {
        *self = match *self {
            Breaker::Closed { failures } if failures + 1 < FAILURES_MAX => Breaker::Closed { failures: failures + 1 },
            Breaker::Closed { .. } => Breaker::Open { until: now + REST, rest: REST },
            // What was under way before it opened tells nothing new.
            Breaker::Open { .. } => *self,
            Breaker::Trial { rest, .. } => {
                let rest = (2 * rest).min(REST_MAX);
                Breaker::Open { until: now + rest, rest }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_MAX {
            assert_eq!(breaker.admit(now), Ok(()));
            breaker.failed(now);
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_alone() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            (1..FAILURES_MAX).for_each(|_| breaker.failed(now));
            assert_eq!(breaker.admit(now), Ok(()));
            breaker.succeeded();
        }
        assert_eq!(opened(now).admit(now), Err(REST));
    }

    #[test]
    fn one_trial_decides() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + REST;
        assert_eq!(breaker.admit(later), Ok(()));
        assert_eq!(breaker.admit(later), Err(TRIAL_MAX), "a second while the first is under way");
        let mut well = breaker;
        well.succeeded();
        assert_eq!(well, Breaker::default());
        breaker.failed(later);
        assert_eq!(breaker.admit(later), Err(2 * REST));
    }

    #[test]
    fn it_rests_no_longer_than_the_most_and_a_lost_trial_is_repeated() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for _ in 0..10 {
            now += REST_MAX;
            assert_eq!(breaker.admit(now), Ok(()));
            breaker.failed(now);
        }
        assert_eq!(breaker.admit(now), Err(REST_MAX));
        now += REST_MAX;
        assert_eq!(breaker.admit(now), Ok(()));
        assert_eq!(breaker.admit(now + TRIAL_MAX), Ok(()), "nothing was heard of the first");
    }

    #[test]
    fn a_trial_that_is_given_up_is_followed_by_another() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + REST;
        assert_eq!((breaker.admit(later), breaker.admit(later)), (Ok(()), Err(TRIAL_MAX)));
        breaker.given_up(later);
        assert_eq!((breaker.admit(later), breaker.admit(later)), (Ok(()), Err(TRIAL_MAX)));
        breaker.succeeded();
        breaker.given_up(later);
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn failures_from_before_do_not_prolong_the_rest() {
        let now = Instant::now();
        let mut breaker = opened(now);
        breaker.failed(now + REST / 2);
        assert_eq!(breaker.admit(now + REST), Ok(()));
    }
}
