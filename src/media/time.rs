//! Times of media: the only place where they are multiplied.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// Ticks per second of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timescale(NonZeroU32);

/// A time or a length in ticks of some [`Timescale`]. Negative before the start of the presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Ticks(pub i64);

/// A time or a length in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Micros(pub i64);

impl Timescale {
    /// One tick a microsecond.
    pub const MICROS: Timescale = Timescale(NonZeroU32::new(1_000_000).unwrap());

    /// `None` for zero, which no track may have (ISO/IEC 14496-12 section 8.4.2).
    pub fn new(ticks_per_second: u32) -> Option<Timescale> {
        NonZeroU32::new(ticks_per_second).map(Timescale)
    }

    /// Ticks per second.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

/// `ticks` of one timescale in another, rounded down; saturates at the ends of the range.
pub fn rescale(ticks: Ticks, from: Timescale, to: Timescale) -> Ticks {
    let product = i128::from(ticks.0) * i128::from(to.get());
    let quotient = product.div_euclid(i128::from(from.get()));
    Ticks(quotient.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
}

impl Ticks {
    /// The same time in microseconds, rounded down.
    pub fn micros(self, timescale: Timescale) -> Micros {
        Micros(rescale(self, timescale, Timescale::MICROS).0)
    }
}

impl Micros {
    /// The same time in ticks, rounded down.
    pub fn ticks(self, timescale: Timescale) -> Ticks {
        rescale(Ticks(self.0), Timescale::MICROS, timescale)
    }
}

/// Seconds with as many of six decimals as are not zero: `1.5`, `0`, `-0.04`.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let (seconds, fraction) = (magnitude / 1_000_000, magnitude % 1_000_000);
        if fraction == 0 {
            return write!(f, "{sign}{seconds}");
        }
        let decimals = format!("{fraction:06}");
        write!(f, "{sign}{seconds}.{}", decimals.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescale_rounds_down_and_saturates() {
        let (from, to) = (Timescale::new(3).unwrap(), Timescale::new(10).unwrap());
        assert_eq!(rescale(Ticks(1), from, to), Ticks(3));
        assert_eq!(rescale(Ticks(-1), from, to), Ticks(-4));
        assert_eq!(rescale(Ticks(i64::MAX), from, to), Ticks(i64::MAX));
        assert_eq!(rescale(Ticks(i64::MIN), from, to), Ticks(i64::MIN));
    }

    #[test]
    fn micros_print_as_seconds() {
        let cases = [(0, "0"), (1_500_000, "1.5"), (-40_000, "-0.04"), (1, "0.000001")];
        for (micros, expected) in cases {
            assert_eq!(Micros(micros).to_string(), expected);
        }
    }
}
