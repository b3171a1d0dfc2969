//! The `Range` field: which part of an answer is wanted (RFC 9110 section 14).

use std::ops::Range;

/// What a `Range` field means for an answer of a known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: the field is of another unit, malformed, or names several ranges, and a server may ignore any (section 14.2).
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// Nothing that is there.
    Unsatisfiable,
}

/// What the value of a `Range` field asks of `length` bytes.
pub(super) fn wanted(value: &str, length: u64) -> Wanted {
    let Some((unit, set)) = value.split_once('=') else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Wanted::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else { return Wanted::Whole };
    let (first, last) = (first.trim_end(), last.trim_start());
    if first.is_empty() {
        return suffix(last, length);
    }
    let Some(first) = position(first) else { return Wanted::Whole };
    let last = if last.is_empty() { Some(u64::MAX) } else { position(last) };
    match last {
        None => Wanted::Whole,
        Some(last) if last < first => Wanted::Whole,
        Some(_) if first >= length => Wanted::Unsatisfiable,
        Some(last) => Wanted::Part(first..last.saturating_add(1).min(length)),
    }
}

/// The last so many bytes.
fn suffix(count: &str, length: u64) -> Wanted {
    match position(count) {
        None => Wanted::Whole,
        Some(count) if count == 0 || length == 0 => Wanted::Unsatisfiable,
        Some(count) => Wanted::Part(length.saturating_sub(count)..length),
    }
}

/// A number of any length; beyond 64 bits it is as good as the greatest.
fn position(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Wanted) {
        assert_eq!(wanted(value, 1000), expected, "{value:?}");
    }

    #[test]
    fn single_ranges() {
        check("bytes=0-0", Wanted::Part(0..1));
        check("bytes=0-499", Wanted::Part(0..500));
        check("bytes=500-", Wanted::Part(500..1000));
        check("bytes=-1", Wanted::Part(999..1000));
        check("bytes=-1000", Wanted::Part(0..1000));
        check("bytes=-5000", Wanted::Part(0..1000));
        check("bytes=999-999", Wanted::Part(999..1000));
        check("bytes=0-99999999999999999999999", Wanted::Part(0..1000));
        check("Bytes=0-1", Wanted::Part(0..2));
        check("bytes= 0 - 1 ", Wanted::Part(0..2));
    }

    #[test]
    fn nothing_there() {
        check("bytes=1000-", Wanted::Unsatisfiable);
        check("bytes=1000-2000", Wanted::Unsatisfiable);
        check("bytes=-0", Wanted::Unsatisfiable);
        check("bytes=99999999999999999999999-", Wanted::Unsatisfiable);
        assert_eq!(wanted("bytes=0-", 0), Wanted::Unsatisfiable);
        assert_eq!(wanted("bytes=-5", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn what_is_ignored() {
        for value in
            ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=0-1,3-4", "bytes=+1-2", "items=0-1"]
        {
            check(value, Wanted::Whole);
        }
        check(&format!("bytes={}", vec!["0-0"; 1000].join(",")), Wanted::Whole);
    }

    proptest! {
        #[test]
        fn a_part_lies_inside(value in "bytes=[0-9]{0,22}-[0-9]{0,22}", length in any::<u64>()) {
            if let Wanted::Part(range) = wanted(&value, length) {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }

        #[test]
        fn any_text_is_taken(value in ".*") {
            wanted(&value, 10);
        }
    }
}
