//! Which codings a client takes (RFC 9110 section 12.5.3).

/// Whether an `Accept-Encoding` field names gzip, with a quality above zero. A wildcard is what libraries send that then do
/// not decode.
pub(super) fn takes_gzip(value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|coding| {
        let mut parts = coding.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(b"gzip")) && !parts.any(is_refusal)
    })
}

/// Whether a parameter says a quality of zero.
pub(super) fn is_refusal(parameter: &[u8]) -> bool {
    let mut sides = parameter.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
    let is_quality = sides.next().is_some_and(|name| name.eq_ignore_ascii_case(b"q"));
    let value = sides.next().unwrap_or_default();
    is_quality && value.first() == Some(&b'0') && value.iter().all(|byte| matches!(byte, b'0' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: bool) {
        assert_eq!(takes_gzip(value.as_bytes()), expected, "{value:?}");
    }

    #[test]
    fn gzip_by_name() {
        check("gzip", true);
        check("deflate, GZIP;q=0.5, br", true);
        check("br;q=1, gzip ; q=0", false);
        check("gzip;q=0.000", false);
        check("gzip;level=0", true);
        check("*", false);
        check("x-gzip", false);
        check("", false);
    }
}
