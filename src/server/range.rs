//! The `Range` field: which parts of an answer are wanted (RFC 9110 section 14).

use std::ops::Range;

/// What a `Range` field means for an answer of a known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: the field is of another unit, malformed, and a server may ignore any (section 14.2).
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// These, two at least, in the order asked for. None meets another.
    Parts(Vec<Range<u64>>),
    /// Nothing that is there.
    Unsatisfiable,
}

/// What the value of a `Range` field asks of `length` bytes.
pub fn wanted(value: &str, length: u64) -> Wanted {
    let Some(ranges) = ranges(value, length) else { return Wanted::Whole };
    let mut ranges = merged(ranges);
    match ranges.len() {
        0 => Wanted::Unsatisfiable,
        1 => Wanted::Part(ranges.swap_remove(0)),
        _ => Wanted::Parts(ranges),
    }
}

/// Those of the ranges asked for that are there; `None` where the field is not to be understood.
fn ranges(value: &str, length: u64) -> Option<Vec<Range<u64>>> {
    let (unit, set) = value.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    // Lists may have empty elements (section 5.6.1.2).
    let mut specs = set.split(',').map(str::trim).filter(|spec| !spec.is_empty()).peekable();
    specs.peek()?;
    let mut ranges = Vec::new();
    for spec in specs {
        ranges.extend(range(spec, length)?);
    }
    Some(ranges)
}

/// The bytes that one range asks for, none where it lies outside; `None` where it is malformed (section 14.1.2).
fn range(spec: &str, length: u64) -> Option<Option<Range<u64>>> {
    let (first, last) = spec.split_once('-')?;
    let (first, last) = (first.trim_end(), last.trim_start());
    if first.is_empty() {
        return match (position(last)?, length) {
            (0, _) => Some(None),
            // The last bytes of nothing are all of it, which no part can say.
            (_, 0) => None,
            (count, _) => Some(Some(length.saturating_sub(count)..length)),
        };
    }
    let first = position(first)?;
    let last = if last.is_empty() { u64::MAX } else { position(last)? };
    if last < first {
        return None;
    }
    Some((first < length).then(|| first..last.saturating_add(1).min(length)))
}

/// Ranges that overlap or follow each other at once as one, which stands where the first of them stood (section 15.3.7.2).
fn merged(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut placed: Vec<(usize, Range<u64>)> = ranges.into_iter().enumerate().collect();
    placed.sort_unstable_by_key(|(_, range)| range.start);
    placed.dedup_by(|(place, range), (kept_place, kept)| {
        let meets = range.start <= kept.end;
        if meets {
            kept.end = kept.end.max(range.end);
            *kept_place = (*kept_place).min(*place);
        }
        meets
    });
    placed.sort_unstable_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, range)| range).collect()
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
        check("bytes=-0,1000-,2000-3000", Wanted::Unsatisfiable);
        check("bytes=99999999999999999999999-", Wanted::Unsatisfiable);
        assert_eq!(wanted("bytes=0-", 0), Wanted::Unsatisfiable);
        assert_eq!(wanted("bytes=-0", 0), Wanted::Unsatisfiable);
        assert_eq!(wanted("bytes=-5", 0), Wanted::Whole);
    }

    #[test]
    fn several_ranges() {
        let parts = |ranges: &[Range<u64>]| Wanted::Parts(ranges.to_vec());
        check("bytes=0-1,3-4", parts(&[0..2, 3..5]));
        check("bytes= 0-1 ,\t3-4 ,", parts(&[0..2, 3..5]));
        check("bytes=,,0-1,,,3-4", parts(&[0..2, 3..5]));
        check("bytes=500-599,0-9", parts(&[500..600, 0..10]));
        check("bytes=-1,0-0", parts(&[999..1000, 0..1]));
        check("bytes=0-0,5000-,10-10", parts(&[0..1, 10..11]));
        // What meets is one, where the first of it was asked for.
        check("bytes=0-1,2-4", Wanted::Part(0..5));
        check("bytes=5-9,0-4", Wanted::Part(0..10));
        check("bytes=0-9,5-14", Wanted::Part(0..15));
        check("bytes=0-99,10-19", Wanted::Part(0..100));
        check("bytes=0-,0-,0-", Wanted::Part(0..1000));
        check("bytes=100-199,900-,0-9,200-299", parts(&[100..300, 900..1000, 0..10]));
        check("bytes=100-199,900-,0-9,50-99", parts(&[50..200, 900..1000, 0..10]));
        check("bytes=5-,1000-", Wanted::Part(5..1000));
    }

    #[test]
    fn many_are_as_few_as_they_can_be() {
        let apart = |count: u64| (0..count).map(|n| format!("{0}-{0}", 2 * n)).collect::<Vec<_>>().join(",");
        assert!(matches!(wanted(&format!("bytes={}", apart(16)), 1000), Wanted::Parts(parts) if parts.len() == 16));
        check(&format!("bytes={},0-", apart(300)), Wanted::Part(0..1000));
        check(&format!("bytes={}", vec!["0-0"; 1000].join(",")), Wanted::Part(0..1));
    }

    #[test]
    fn what_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=0-1,5-2",
            "bytes=0-1,x",
            "bytes=0-1;3-4",
            "bytes=0-1, bytes=3-4",
            "bytes=+1-2",
            "bytes=--1",
            "bytes=1-2-3",
            "items=0-1",
        ] {
            check(value, Wanted::Whole);
        }
    }

    /// Fields of one to forty ranges.
    fn fields() -> impl Strategy<Value = String> {
        let spec = prop_oneof![
            (0u64..120, 0u64..40).prop_map(|(from, more)| format!("{from}-{}", from + more)),
            (0u64..120).prop_map(|from| format!("{from}-")),
            (0u64..120).prop_map(|count| format!("-{count}")),
        ];
        prop::collection::vec(spec, 1..40).prop_map(|specs| format!("bytes={}", specs.join(",")))
    }

    /// Which of `length` bytes a field names, one by one.
    fn named(field: &str, length: u64) -> Vec<bool> {
        let mut named = vec![false; length as usize];
        for spec in field["bytes=".len()..].split(',') {
            let (from, to) = spec.split_once('-').unwrap();
            let range = match (from.parse::<u64>(), to.parse::<u64>()) {
                (Ok(from), to) => from.min(length)..to.map_or(length, |to| (to + 1).min(length)),
                (_, count) => length.saturating_sub(count.unwrap())..length,
            };
            range.for_each(|at| named[at as usize] = true);
        }
        named
    }

    proptest! {
        #[test]
        fn parts_are_what_is_named_and_nothing_twice(field in fields(), length in 1u64..100) {
            let parts = match wanted(&field, length) {
                Wanted::Whole => return Ok(()),
                Wanted::Unsatisfiable => Vec::new(),
                Wanted::Part(part) => vec![part],
                Wanted::Parts(parts) => parts,
            };
            let mut sent = vec![false; length as usize];
            for at in parts.into_iter().inspect(|part| assert!(part.start < part.end)).flatten() {
                prop_assert!(!std::mem::replace(&mut sent[at as usize], true), "{} is sent twice", at);
            }
            prop_assert_eq!(sent, named(&field, length));
        }

        #[test]
        fn a_part_lies_inside(value in "bytes=[0-9]{0,22}-[0-9]{0,22}", length in any::<u64>()) {
            if let Wanted::Part(range) = wanted(&value, length) {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }

        #[test]
        fn any_text_is_taken(value in ".*", ranges in "bytes=[-0-9, ]{0,40}", length in any::<u64>()) {
            wanted(&value, length);
            wanted(&ranges, length);
        }
    }
}
