//! Preconditions: `If-*` fields in the order of RFC 9110 section 13.2.2.

use std::time::{Duration, SystemTime};

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};

/// What names the answer at its current version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validators<'a> {
    /// The strong entity tag, with its quotes.
    pub(super) etag: &'a str,
    /// When it last changed, in seconds since 1970.
    pub(super) modified: u64,
}

/// What preconditions decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Answer the request.
    Proceed,
    /// The client has it: 304.
    NotModified,
    /// The client asked for another version: 412.
    Failed,
}

/// Whether a request with these fields is answered, and how if not.
pub(super) fn judge(method: &Method, headers: &HeaderMap, current: Validators<'_>) -> Verdict {
    if headers.contains_key(IF_MATCH) {
        if !any_tag(headers, IF_MATCH, |tag| tag == current.etag) {
            return Verdict::Failed;
        }
    } else if date(headers, IF_UNMODIFIED_SINCE).is_some_and(|since| current.modified > since) {
        return Verdict::Failed;
    }
    let safe = method == Method::GET || method == Method::HEAD;
    if headers.contains_key(IF_NONE_MATCH) {
        // Weak comparison (section 8.8.3.2).
        let matches = any_tag(headers, IF_NONE_MATCH, |tag| tag.strip_prefix("W/").unwrap_or(tag) == current.etag);
        return match (matches, safe) {
            (false, _) => Verdict::Proceed,
            (true, true) => Verdict::NotModified,
            (true, false) => Verdict::Failed,
        };
    }
    if safe && date(headers, IF_MODIFIED_SINCE).is_some_and(|since| current.modified <= since) {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Whether a `Range` field counts, as far as `If-Range` has a say. A date counts only where nothing can have changed twice
/// within it (section 8.8.2.2).
pub(super) fn range_counts(headers: &HeaderMap, current: Validators<'_>, now: u64) -> bool {
    let Some(value) = headers.get(IF_RANGE) else { return true };
    let Ok(value) = value.to_str() else { return false };
    if value.contains('"') {
        return value.trim() == current.etag;
    }
    parse_date(value).is_some_and(|date| date == current.modified && current.modified + 1 < now)
}

/// Whether any entity tag of a list passes; `*` stands for any.
fn any_tag(headers: &HeaderMap, name: HeaderName, passes: impl Fn(&str) -> bool) -> bool {
    let lines = headers.get_all(name);
    lines.iter().filter_map(|line| line.to_str().ok()).any(|line| line.trim() == "*" || tags(line).any(&passes))
}

/// The entity tags of a list, `W/` and quotes included. Ends where the list is malformed.
fn tags(mut list: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        list = list.trim_start_matches([' ', '\t', ',']);
        let start = if list.starts_with("W/") { 2 } else { 0 };
        let opaque = list.get(start..)?.strip_prefix('"')?;
        let end = start + 1 + opaque.find('"')? + 1;
        let tag = list.get(..end)?;
        list = list.get(end..)?;
        Some(tag)
    })
}

/// The date of a field, in seconds since 1970; `None` where it is missing, repeated or malformed (section 13.1.3).
fn date(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?.to_str().ok()?;
    lines.next().is_none().then(|| parse_date(line))?
}

fn parse_date(text: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(text.trim()).ok()?;
    time.duration_since(SystemTime::UNIX_EPOCH).ok().as_ref().map(Duration::as_secs)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const CURRENT: Validators<'_> = Validators { etag: "\"abc\"", modified: 784_111_777 };
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[track_caller]
    fn check(fields: &[(HeaderName, &str)], expected: Verdict) {
        assert_eq!(judge(&Method::GET, &headers(fields), CURRENT), expected, "{fields:?}");
    }

    #[test]
    fn one_field_at_a_time() {
        check(&[], Verdict::Proceed);
        check(&[(IF_MATCH, "\"abc\"")], Verdict::Proceed);
        check(&[(IF_MATCH, "\"x\", \"abc\"")], Verdict::Proceed);
        check(&[(IF_MATCH, "*")], Verdict::Proceed);
        check(&[(IF_MATCH, "\"x\"")], Verdict::Failed);
        check(&[(IF_MATCH, "W/\"abc\"")], Verdict::Failed);
        check(&[(IF_UNMODIFIED_SINCE, BEFORE)], Verdict::Failed);
        check(&[(IF_UNMODIFIED_SINCE, SAME)], Verdict::Proceed);
        check(&[(IF_UNMODIFIED_SINCE, "yesterday")], Verdict::Proceed);
        check(&[(IF_NONE_MATCH, "\"abc\"")], Verdict::NotModified);
        check(&[(IF_NONE_MATCH, "W/\"abc\"")], Verdict::NotModified);
        check(&[(IF_NONE_MATCH, "\"a,b\" , W/\"abc\"")], Verdict::NotModified);
        check(&[(IF_NONE_MATCH, "*")], Verdict::NotModified);
        check(&[(IF_NONE_MATCH, "\"x\"")], Verdict::Proceed);
        check(&[(IF_NONE_MATCH, "abc")], Verdict::Proceed);
        check(&[(IF_NONE_MATCH, "\"abc")], Verdict::Proceed);
        check(&[(IF_NONE_MATCH, "\"x\""), (IF_NONE_MATCH, "\"abc\"")], Verdict::NotModified);
        check(&[(IF_MODIFIED_SINCE, BEFORE)], Verdict::Proceed);
        check(&[(IF_MODIFIED_SINCE, SAME)], Verdict::NotModified);
        check(&[(IF_MODIFIED_SINCE, AFTER)], Verdict::NotModified);
        check(&[(IF_MODIFIED_SINCE, "0")], Verdict::Proceed);
        check(&[(IF_MODIFIED_SINCE, SAME), (IF_MODIFIED_SINCE, SAME)], Verdict::Proceed);
    }

    #[test]
    fn the_order_of_the_standard() {
        check(&[(IF_MATCH, "\"abc\""), (IF_UNMODIFIED_SINCE, BEFORE)], Verdict::Proceed);
        check(&[(IF_MATCH, "\"x\""), (IF_NONE_MATCH, "\"abc\"")], Verdict::Failed);
        check(&[(IF_MATCH, "\"abc\""), (IF_NONE_MATCH, "\"abc\"")], Verdict::NotModified);
        check(&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, AFTER)], Verdict::Proceed);
        check(&[(IF_UNMODIFIED_SINCE, SAME), (IF_MODIFIED_SINCE, SAME)], Verdict::NotModified);
    }

    #[test]
    fn only_reading_gives_304() {
        let fields = headers(&[(IF_NONE_MATCH, "\"abc\"")]);
        assert_eq!(judge(&Method::HEAD, &fields, CURRENT), Verdict::NotModified);
        assert_eq!(judge(&Method::POST, &fields, CURRENT), Verdict::Failed);
        let fields = headers(&[(IF_MODIFIED_SINCE, SAME)]);
        assert_eq!(judge(&Method::POST, &fields, CURRENT), Verdict::Proceed);
    }

    #[test]
    fn if_range() {
        let now = CURRENT.modified + 60;
        let cases = [
            ("\"abc\"", now, true),
            ("W/\"abc\"", now, false),
            ("\"x\"", now, false),
            (SAME, now, true),
            (SAME, CURRENT.modified + 1, false),
            (BEFORE, now, false),
            (AFTER, now, false),
            ("yesterday", now, false),
        ];
        for (value, now, expected) in cases {
            assert_eq!(range_counts(&headers(&[(IF_RANGE, value)]), CURRENT, now), expected, "{value}");
        }
        assert!(range_counts(&HeaderMap::new(), CURRENT, now));
    }
}
