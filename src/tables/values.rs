//! How values are written: sizes, durations, counts, switches.

use std::time::Duration;

/// Units of sizes in bytes. What people call K, M and G of memory is meant in steps of 1024.
const SIZES: [(&str, u64); 11] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
    ("B", 1),
];

/// Units of durations in milliseconds.
const DURATIONS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];

/// Durations beyond a year are slips.
const DURATION_MAX: Duration = Duration::from_secs(366 * 86_400);

/// A number with the factor of its unit.
fn measured(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (digits, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)))
        .filter(|(digits, _)| digits.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// A size in bytes such as `512MiB`; without a unit it is in bytes.
pub fn size(text: &str) -> Option<u64> {
    count(text).or_else(|| measured(text, &SIZES))
}

/// The shortest writing of a size.
pub fn show_size(bytes: u64) -> String {
    let binary = &SIZES[..3];
    let fits = |unit: &&(&str, u64)| bytes >= unit.1 && bytes.is_multiple_of(unit.1);
    binary.iter().find(fits).map_or(bytes.to_string(), |(unit, factor)| format!("{}{unit}", bytes / factor))
}

/// A duration such as `10s` or `250ms`, of a year at most. Nothing but zero goes without a unit.
pub fn duration(text: &str) -> Option<Duration> {
    let millis = if text == "0" { Some(0) } else { measured(text, &DURATIONS) };
    millis.map(Duration::from_millis).filter(|duration| *duration <= DURATION_MAX)
}

/// What [`seconds`] reads, in words.
pub const SECONDS: &str = "a duration in whole seconds such as 30s";

/// A duration of whole seconds.
pub fn seconds(text: &str) -> Option<u32> {
    let duration = duration(text).filter(|duration| duration.subsec_nanos() == 0)?;
    u32::try_from(duration.as_secs()).ok()
}

/// The shortest writing of a duration, in hours at most.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [("h", 3_600_000), ("m", 60_000), ("s", 1000)];
    let fits = |unit: &&(&str, u128)| millis >= unit.1 && millis.is_multiple_of(unit.1);
    units.iter().find(fits).map_or(format!("{millis}ms"), |(unit, factor)| format!("{}{unit}", millis / factor))
}

/// A whole number in digits alone.
pub fn count(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether something is on.
pub fn switch(text: &str) -> Option<bool> {
    match text {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        #[track_caller]
        fn check(text: &str, expected: Option<u64>) {
            assert_eq!(size(text), expected, "{text:?}");
        }
        check("512MiB", Some(512 << 20));
        check("1 GB", Some(1_000_000_000));
        check("2G", Some(2 << 30));
        check("100", Some(100));
        check("100B", Some(100));
        check("0", Some(0));
        check("", None);
        check("MiB", None);
        check("-1MiB", None);
        check("1.5GiB", None);
        check("1TiB", None);
        check("99999999999GiB", None);
        check("+1", None);
    }

    #[test]
    fn durations() {
        #[track_caller]
        fn check(text: &str, expected: Option<u64>) {
            assert_eq!(duration(text), expected.map(Duration::from_millis), "{text:?}");
        }
        check("250ms", Some(250));
        check("10s", Some(10_000));
        check("5m", Some(300_000));
        check("2h", Some(7_200_000));
        check("1d", Some(86_400_000));
        check("0", Some(0));
        check("10", None);
        check("s", None);
        check("-1s", None);
        check("1000d", None);
        check("99999999999999999999s", None);
        assert_eq!(["2m", "0", "1500ms", "10"].map(seconds), [Some(120), Some(0), None, None]);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(bytes: u64, millis in 0_u64..=31_000_000_000) {
            prop_assert_eq!(size(&show_size(bytes)), Some(bytes));
            let length = Duration::from_millis(millis);
            prop_assert_eq!(duration(&show_duration(length)), Some(length));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = (size(&text), duration(&text), count(&text), switch(&text));
        }
    }
}
