//! Numbers as PHP's casts read them, which real URLs rely on: leading blanks, the longest numeric front, zero for none.

/// The number at the front of `text`; zero where there is none. Never NaN; infinite where it is too large.
pub(super) fn decimal(text: &str) -> f64 {
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let front = numeric_front(trimmed.as_bytes());
    trimmed[..front].parse().unwrap_or(0.0)
}

/// The whole number at the front of `text`, cut towards zero and clamped; `1e3` is a thousand.
pub(super) fn whole(text: &str, low: i32, high: i32) -> i32 {
    let plain = text.len() <= 9 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let value = if plain {
        text.bytes().fold(0, |value, digit| value * 10 + i32::from(digit - b'0'))
    } else {
        decimal(text) as i32
    };
    value.clamp(low, high)
}

/// The number at the front of `text`, clamped between whole numbers, in parts of which `scale` make one; halves away from
/// zero.
pub(super) fn scaled(text: &str, range: (i32, i32), scale: u32) -> i64 {
    let value = decimal(text).clamp(range.0.into(), range.1.into());
    (value * f64::from(scale)).round() as i64
}

/// How many bytes at the start of `text` make a number: sign, digits with at most one point, exponent.
fn numeric_front(text: &[u8]) -> usize {
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let sign = |at: usize| usize::from(matches!(text.get(at), Some(b'+' | b'-')));
    let start = sign(0);
    let integral = digits(start);
    let mut end = start + integral;
    let mut fraction = 0;
    if text.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        end += 1 + fraction;
    }
    if integral + fraction == 0 {
        return 0;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let exponent = end + 1 + sign(end + 1);
        let length = digits(exponent.min(text.len()));
        end = if length > 0 { exponent + length } else { end };
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: f64) {
        assert_eq!(decimal(text), expected, "{text:?}");
        if expected.abs() < 1e9 {
            assert_eq!(whole(text, i32::MIN, i32::MAX), expected as i32, "{text:?}");
        }
    }

    #[test]
    fn the_front_counts() {
        let cases = [
            ("", 0.0),
            ("abc", 0.0),
            ("12abc", 12.0),
            ("1.9", 1.9),
            ("1e3", 1000.0),
            ("1e", 1.0),
            ("1e+", 1.0),
            ("1e-2x", 0.01),
            ("0x20", 0.0),
            (" \t\n7", 7.0),
            ("7 8", 7.0),
            ("-5", -5.0),
            ("+5", 5.0),
            (".5", 0.5),
            ("5.", 5.0),
            (".", 0.0),
            ("-", 0.0),
            ("-.e5", 0.0),
            ("1.2.3", 1.2),
            ("nan", 0.0),
            ("inf", 0.0),
            ("-0", 0.0),
            ("640!", 640.0),
            ("--5", 0.0),
            ("٣", 0.0),
            ("1E2", 100.0),
            ("000000000007", 7.0),
            ("123456789", 123456789.0),
        ];
        for (text, expected) in cases {
            check(text, expected);
        }
    }

    #[test]
    fn out_of_range_is_clamped() {
        for text in ["99999999999999999999", "1e9", "1e999", "10001"] {
            assert_eq!(whole(text, -1, 10_000), 10_000, "{text}");
            assert_eq!(scaled(text, (-1, 10_000), 1000), 10_000_000, "{text}");
        }
        assert_eq!(whole("-1e999", -1, 10_000), -1);
        assert_eq!(scaled("0.0032520325203252", (-1, 10), 1_000_000), 3252);
        assert_eq!(scaled("-0.0005", (-1, 10), 1000), -1);
    }

    proptest! {
        #[test]
        fn any_text_is_a_number(text in ".{0,40}") {
            prop_assert!(!decimal(&text).is_nan());
        }
    }
}
