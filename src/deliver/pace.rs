//! How fast work really goes, beside what it was estimated to take.

use std::time::Duration;

/// The time that work took, and what it was estimated to take, of late.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    took: u64,
    priced: u64,
}

/// Microseconds after which what was before counts half.
const MEMORY: u64 = 30_000_000;

/// Microseconds that estimates are believed for from the start.
const TRUST: u64 = 1_000_000;

impl Default for Pace {
    fn default() -> Pace {
        Pace { took: TRUST, priced: TRUST }
    }
}

impl Pace {
    /// Work of `priced` microseconds took so long.
    pub(super) fn learn(&mut self, priced: u64, took: Duration) {
        if priced == 0 {
            return;
        }
        self.priced = self.priced.saturating_add(priced);
        self.took = self.took.saturating_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if self.priced > MEMORY {
            (self.took, self.priced) = (self.took / 2, self.priced / 2);
        }
    }

    /// How long work of `priced` microseconds will take on one worker.
    pub(super) fn real(&self, priced: u64) -> Duration {
        let micros = u128::from(priced) * u128::from(self.took) / u128::from(self.priced.max(1));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_machine_is_found_out_and_so_is_a_fast_one() {
        let mut pace = Pace::default();
        assert_eq!(pace.real(100), Duration::from_micros(100));
        let millis = Duration::from_millis;
        for (took, expected) in [(200, 200), (50, 50)] {
            (0..2000).for_each(|_| pace.learn(100_000, millis(took)));
            let real = pace.real(100_000);
            assert!(real.abs_diff(millis(expected)) < millis(5), "{real:?}");
        }
        pace.learn(0, Duration::from_secs(1000));
        pace.learn(u64::MAX, Duration::MAX);
        assert!(pace.real(u64::MAX) > Duration::ZERO);
    }
}
