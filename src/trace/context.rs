//! The trace that a request is part of (W3C Trace Context).

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a request says of the trace that it is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The trace.
    pub trace: TraceId,
    /// The span within it that asks.
    pub span: SpanId,
    /// Whether others tell of it.
    pub is_sampled: bool,
}

/// The name of a trace; not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(pub u128);

/// The name of a span; not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(pub u64);

/// Names that no other trace or span has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
}

impl Parent {
    /// What a `traceparent` field says (section 3.2); `None` where it says nothing that can be understood.
    pub fn read(field: &str) -> Option<Parent> {
        let parts: Vec<&str> = field.splitn(5, '-').collect();
        let (&[version, trace, span, flags], is_last) = (parts.get(..4)?.as_array()?, parts.len() == 4);
        let version = hex(version, 2)?;
        let (trace, span, flags) = (hex(trace, 32)?, hex(span, 16)?, hex(flags, 2)?);
        let is_read = version != 0xff && (is_last || version != 0);
        let span = SpanId(u64::try_from(span).ok()?);
        (is_read && trace != 0 && span.0 != 0).then_some(Parent {
            trace: TraceId(trace),
            span,
            is_sampled: flags & 1 == 1,
        })
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// 32 hexadecimal digits.
impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

/// 16 hexadecimal digits.
impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl TraceId {
    /// A name that no other trace has.
    pub fn fresh() -> TraceId {
        Seeds::next().trace()
    }

    /// Its hexadecimal digits.
    pub fn digits(self) -> [u8; 32] {
        std::array::from_fn(|at| b"0123456789abcdef"[(self.0 >> (124 - 4 * at)) as usize & 15])
    }
}

impl SpanId {
    /// A name that no other span has.
    pub(super) fn fresh() -> SpanId {
        Seeds::next().span()
    }
}

/// What names are made of: a count that no other has, by secrets of this process.
struct Seeds(&'static [RandomState; 3], u64);

impl Seeds {
    fn next() -> Seeds {
        static SECRETS: LazyLock<[RandomState; 3]> = LazyLock::new(|| std::array::from_fn(|_| RandomState::new()));
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Seeds(&SECRETS, COUNT.fetch_add(1, Ordering::Relaxed))
    }

    fn trace(&self) -> TraceId {
        let [front, back] = [0, 1].map(|place| self.0[place].hash_one(self.1).max(1));
        TraceId(u128::from(front) << 64 | u128::from(back))
    }

    fn span(&self) -> SpanId {
        SpanId(self.0[2].hash_one(self.1).max(1))
    }
}

impl Ids {
    pub(super) fn fresh() -> Ids {
        let seeds = Seeds::next();
        Ids { trace: seeds.trace(), span: seeds.span() }
    }

    /// Whether the trace is among so many of a million: the same for all who ask, as its name decides.
    pub(super) fn is_among(self, per_million: u32) -> bool {
        self.trace.0 % 1_000_000 < per_million.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn traces() {
        #[track_caller]
        fn check(field: &str, expected: Option<(u128, u64, bool)>) {
            let found = Parent::read(field).map(|parent| (parent.trace.0, parent.span.0, parent.is_sampled));
            assert_eq!(found, expected, "{field:?}");
        }
        let (id, number) = ("4bf92f3577b34da6a3ce929d0e0e4736", 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        let span = 0x00f0_67aa_0ba9_02b7;
        check(&format!("00-{id}-00f067aa0ba902b7-01"), Some((number, span, true)));
        check(&format!("00-{id}-00f067aa0ba902b7-00"), Some((number, span, false)));
        check(&format!("01-{id}-00f067aa0ba902b7-03-more-and-more"), Some((number, span, true)));
        check(&format!("00-{id}-00f067aa0ba902b7-01-more"), None);
        check(&format!("ff-{id}-00f067aa0ba902b7-01"), None);
        check(&format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), None);
        check(&format!("00-{id}-0000000000000000-01"), None);
        check(&format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()), None);
        check(&format!("00-{id}-00f067aa0ba902b7"), None);
        check(&format!("00-+{}-00f067aa0ba902b7-01", &id[1..]), None);
        check("", None);
    }

    #[test]
    fn as_many_are_sampled_as_are_wanted() {
        let count = |per_million| (0..20_000).filter(|_| Ids::fresh().is_among(per_million)).count();
        assert_eq!((count(0), count(1_000_000)), (0, 20_000));
        assert!((1_500..2_500).contains(&count(100_000)));
    }

    proptest! {
        #[test]
        fn any_field_is_read_or_refused(field in "\\PC{0,80}") {
            let _ = Parent::read(&field);
        }
    }
}
