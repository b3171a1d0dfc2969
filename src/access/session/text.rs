//! The text of sessions: base64 as clients carry it, and fields as PHP reads and writes them.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// The longest session in characters: room for hundreds of entries in its privileges.
pub(super) const TEXT_MAX: usize = 8 * 1024;

/// The most fields of a session.
const FIELDS_MAX: usize = 256;

/// What PHP's `urlencode` writes as `%XX`; a space it writes as `+`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The bytes of a base64 text of either alphabet, with or without its padding; white space in it means nothing.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let translated = |b: u8| match b {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let mut digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).map(translated).collect();
    let whole = digits.len();
    while digits.last() == Some(&b'=') {
        digits.pop();
    }
    let is_padded_right = whole == digits.len() || (whole.is_multiple_of(4) && whole - digits.len() <= 2);
    is_padded_right.then(|| STANDARD_NO_PAD.decode(digits).ok())?
}

/// Standard base64, as sessions of version 1 are written.
pub(super) fn encode_v1(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Base64 for URLs, its padding kept, as sessions of version 2 are written.
pub(super) fn encode_v2(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}

/// A value as PHP's `urlencode` writes it.
pub(super) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, ENCODED).to_string().replace("%20", "+")
}

/// A field as PHP's `parse_str` reads it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name, with `_` for the characters that PHP does not allow.
    pub(super) name: String,
    /// Its value; that of a list (`name[]=a&name[]=b`) has a `/` between its parts.
    pub(super) value: String,
    is_list: bool,
}

/// The fields of a form, each name once: where it first stands, with what was last said. `None` for more than
/// [`FIELDS_MAX`].
pub(super) fn fields(form: &[u8]) -> Option<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    let pairs = form.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
    for (at, pair) in pairs.enumerate() {
        if at == FIELDS_MAX {
            return None;
        }
        let end = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        let value = decoded(pair.get(end + 1..).unwrap_or_default());
        let Some((name, is_list)) = named(&decoded(&pair[..end])) else { continue };
        match fields.iter_mut().find(|field| field.name == name) {
            Some(field) if is_list && field.is_list => field.value = format!("{}/{value}", field.value),
            Some(field) => (field.value, field.is_list) = (value, is_list),
            None => fields.push(Field { name, value, is_list }),
        }
    }
    Some(fields)
}

fn decoded(text: &[u8]) -> String {
    let spaced: Cow<'_, [u8]> = match text.contains(&b'+') {
        true => text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect(),
        false => text.into(),
    };
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

/// A name as PHP makes one of `text`, and whether it is that of a list.
fn named(text: &str) -> Option<(String, bool)> {
    let text = text.trim_start_matches(' ');
    let bracket = text.find('[').filter(|at| *at > 0 && text[*at..].contains(']'));
    let name = text[..bracket.unwrap_or(text.len())].replace([' ', '.', '['], "_");
    (!name.is_empty()).then_some((name, bracket.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_clients_carry_it() {
        #[track_caller]
        fn check(text: &str, expected: Option<&[u8]>) {
            assert_eq!(decode(text).as_deref(), expected, "{text:?}");
        }
        check("-_8=", Some(&[0xfb, 0xff]));
        check("+/8=", Some(&[0xfb, 0xff]));
        check("-_8", Some(&[0xfb, 0xff]));
        check(" -_\t8\r\n=", Some(&[0xfb, 0xff]));
        check("-w==", Some(&[0xfb]));
        check("", Some(&[]));
        // Wrong padding, bits beyond the last byte, foreign characters.
        for wrong in ["-w=", "-_8==", "=", "====", "-w=8", "-_9=", "a", "a.bc", "a%3D", "äbcd", "ab\0c"] {
            check(wrong, None);
        }
        check(&"A".repeat(TEXT_MAX), Some(&[0; TEXT_MAX / 4 * 3]));
        check(&"A".repeat(TEXT_MAX + 4), None);
    }

    #[test]
    fn values_as_php_writes_them() {
        assert_eq!(encoded("a Z9-_.~*@/%20ä\0"), "a+Z9-_.%7E%2A%40%2F%2520%C3%A4%00");
    }

    #[track_caller]
    fn check_fields(form: &str, expected: &[(&str, &str)]) {
        let found = fields(form.as_bytes()).unwrap();
        let found: Vec<_> = found.iter().map(|field| (field.name.as_str(), field.value.as_str())).collect();
        assert_eq!(found, expected, "{form:?}");
    }

    #[test]
    fn fields_as_php_reads_them() {
        check_fields("a=1&b=2", &[("a", "1"), ("b", "2")]);
        check_fields("a=1&b=2&a=3", &[("a", "3"), ("b", "2")]);
        check_fields("a&b=&=c&&", &[("a", ""), ("b", "")]);
        check_fields("a+b=c+d%2B&x.y=%7E~", &[("a_b", "c d+"), ("x_y", "~~")]);
        check_fields("%20+a=1&a[=2&[a]=3", &[("a", "1"), ("a_", "2"), ("_a]", "3")]);
        check_fields("a[]=1&a[k]=2&b=0&b[]=1&a=x=y", &[("a", "x=y"), ("b", "1")]);
        check_fields("a[]=1&a[]=2", &[("a", "1/2")]);
        check_fields("a=%zz%4&b=%ff", &[("a", "%zz%4"), ("b", "\u{fffd}")]);
        check_fields("", &[]);
    }

    #[test]
    fn fields_are_counted() {
        assert!(fields("a&".repeat(FIELDS_MAX).as_bytes()).is_some());
        assert_eq!(fields("a&".repeat(FIELDS_MAX + 1).as_bytes()), None);
    }
}
