//! Artifacts to responses: the fields that leave this service.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::field::{content_range, http_date, now, plain_text, text};
use super::{file, reply};
use crate::deliver::Outcome;
use crate::entry::{EntryId, PartnerId};
use crate::plan::{Freshness, Grace};
use crate::request::stale;

/// What a plan says of its answer, as fields: sent with the answer and with a 304 for it (RFC 9110 section 15.4.5).
#[derive(Clone, Debug)]
pub(super) struct Standing<'a> {
    /// The strong entity tag.
    pub(super) etag: &'a str,
    /// When the answer last changed, in seconds since 1970.
    pub(super) modified: u64,
    /// How long it may be kept.
    pub(super) freshness: Freshness,
    /// The field of the request that had a say, if one had.
    pub(super) vary: Option<&'static str>,
    /// What it is about, for those who keep it and may hear that it is stale.
    pub(super) entry: &'a EntryId,
    /// Whose that is.
    pub(super) partner: PartnerId,
    /// What the viewer may be told.
    pub(super) message: Option<HeaderValue>,
    /// How many seconds ago it was right, where nobody can tell whether it still is.
    pub(super) age: Option<u32>,
}

/// What an artifact adds to its standing.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// The registered media type.
    pub(super) media_type: Cow<'static, str>,
    /// How many bytes it has.
    pub(super) length: u64,
    /// The time of the frame shown.
    pub(super) shown: Option<HeaderValue>,
    /// Whether it is compressed.
    pub(super) is_gzip: bool,
    /// The name to keep it under.
    pub(super) attachment: Option<HeaderValue>,
}

/// Which bytes of a content are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// All, with 200.
    Whole,
    /// These, with 206.
    Bytes(Range<u64>),
    /// Several parts with lines that hold `boundary` between them, so many bytes together, with 206.
    Several { boundary: &'a str, length: u64 },
}

/// What `Vary` says of answers that may be compressed.
pub(super) const ACCEPT_ENCODING: &str = "Accept-Encoding";
/// The time of the frame shown, in seconds.
const X_VEDETTE_TIME: HeaderName = HeaderName::from_static("x-vedette-time");
/// Whether a cache had the answer.
pub(super) const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const HIT: &str = "HIT";
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// As Fastly and Varnish have it, and as Cloudflare has it.
pub(super) const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
pub(super) const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What rules say of the answer to viewers.
const X_KALTURA_MESSAGE: HeaderName = HeaderName::from_static("x-kaltura-message");
/// What is for one client, once.
const UNKEPT: HeaderValue = HeaderValue::from_static("private, no-store");

const BYTES: HeaderValue = HeaderValue::from_static("bytes");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ANY: HeaderValue = HeaderValue::from_static("*");
/// The methods of most targets.
pub(super) const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");
/// What scripts of other sites may read beyond the fields that they always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Server, Content-Length, Content-Range, Date, Cache-Control, Content-Encoding, ETag, X-Kaltura, X-Kaltura-App, \
     X-Kaltura-Message, X-Vedette-Time, X-Cache, Cache-Status, Server-Timing, X-Request-Id",
);
/// Where the fields of an answer are put, each once: a map that hyper writes out, or the text that is sent.
pub(super) trait Fields {
    /// Adds a field.
    fn put(&mut self, name: HeaderName, value: HeaderValue);
    /// Adds a field whose value are these pieces, one after the other, each as [`text`] writes it.
    fn put_text(&mut self, name: HeaderName, pieces: &[&str]);
    /// Adds those of every answer: that it is for every site's pages.
    fn put_shared(&mut self);
}

impl Fields for HeaderMap {
    fn put(&mut self, name: HeaderName, value: HeaderValue) {
        self.insert(name, value);
    }

    fn put_text(&mut self, name: HeaderName, pieces: &[&str]) {
        self.insert(name, plain_text(pieces.concat().into_bytes()));
    }

    fn put_shared(&mut self) {
        self.extend(shared());
    }
}

impl Fields for Vec<u8> {
    fn put(&mut self, name: HeaderName, value: HeaderValue) {
        reply::field(self, &name, value.as_bytes());
    }

    fn put_text(&mut self, name: HeaderName, pieces: &[&str]) {
        reply::text_field(self, &name, pieces);
    }

    fn put_shared(&mut self) {
        static WRITTEN: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let mut written = Vec::new();
            shared().iter().for_each(|(name, value)| reply::field(&mut written, name, value.as_bytes()));
            written
        });
        self.extend_from_slice(&WRITTEN);
    }
}

fn shared() -> [(HeaderName, HeaderValue); 5] {
    [
        (header::SERVER, HeaderValue::from_static("vedette")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
        (TIMING_ALLOW_ORIGIN, ANY),
        (CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin")),
    ]
}

/// The answer with all its fields. `body` has the bytes of `part`; `headers` is an empty map with room.
pub(super) fn success(
    standing: &Standing<'_>,
    content: &Content,
    part: &Part<'_>,
    body: Body,
    mut headers: HeaderMap,
) -> Response<Body> {
    describe(&mut headers, standing, content);
    let (status, length) = match part {
        Part::Whole => (StatusCode::OK, content.length),
        Part::Bytes(range) => {
            headers.insert(header::CONTENT_RANGE, content_range(range, content.length));
            (StatusCode::PARTIAL_CONTENT, range.end - range.start)
        }
        Part::Several { boundary, length } => {
            let media_type = text(format_args!("multipart/byteranges; boundary={boundary}"));
            headers.insert(header::CONTENT_TYPE, media_type);
            (StatusCode::PARTIAL_CONTENT, *length)
        }
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    respond(status, headers, body)
}

/// The fields of an answer but those that tell how much of it is sent.
pub(super) fn describe(fields: &mut impl Fields, standing: &Standing<'_>, content: &Content) {
    fields.put_text(header::CONTENT_TYPE, &[&content.media_type]);
    fields.put(header::ACCEPT_RANGES, BYTES);
    fields.put(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if let Some(policy) = file::policy(&content.media_type) {
        fields.put(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        // Its URL may hold a session or a token, and it may lead elsewhere.
        fields.put(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    if let Some(shown) = &content.shown {
        fields.put(X_VEDETTE_TIME, shown.clone());
    }
    if content.is_gzip {
        fields.put(header::CONTENT_ENCODING, GZIP);
    }
    if let Some(attachment) = &content.attachment {
        fields.put(header::CONTENT_DISPOSITION, attachment.clone());
    }
    stand(fields, standing);
    fields.put_shared();
}

/// 302: the answer is at `location`. The dialect sends a line of nothing with it.
pub(super) fn redirect(location: &str, freshness: Freshness) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(FIELDS_FEW);
    headers.insert(header::LOCATION, text(format_args!("{}", location.replace(' ', "%20"))));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("1"));
    keep(&mut headers, freshness, now());
    headers.put_shared();
    respond(StatusCode::FOUND, headers, Bytes::from_static(b"\n"))
}

/// 304: the client has it.
pub(super) fn not_modified(standing: &Standing<'_>) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(FIELDS_FEW);
    stand(&mut headers, standing);
    headers.put_shared();
    respond(StatusCode::NOT_MODIFIED, headers, Bytes::new())
}

/// 416: no byte of the range is there.
pub(super) fn unsatisfiable(length: u64) -> Response<Body> {
    let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE, &format!("there are {length} bytes"));
    response.headers_mut().insert(header::CONTENT_RANGE, text(format_args!("bytes */{length}")));
    response
}

/// The answer to `OPTIONS`: what scripts of other sites may do (Fetch standard, section 3.3).
pub(super) fn options() -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(FIELDS_FEW);
    headers.insert(header::ALLOW, ALLOWED_METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Origin, X-Requested-With, Content-Type, Accept, Range, Cache-Control, If-None-Match, If-Modified-Since, X-Kaltura-Ks"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.put_shared();
    respond(StatusCode::OK, headers, Bytes::new())
}

/// The same answer with what the viewer may be told.
pub(super) fn telling(mut response: Response<Body>, message: Option<&HeaderValue>) -> Response<Body> {
    if let Some(message) = message {
        response.headers_mut().insert(X_KALTURA_MESSAGE, message.clone());
    }
    response
}

/// The same answer, to be kept by nobody.
pub(super) fn without_keeping(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CACHE_CONTROL, UNKEPT);
    response.headers_mut().remove(header::EXPIRES);
    response
}

/// A line of text, which may be foreign: control characters become blanks.
pub(super) fn plain(status: StatusCode, line: &str) -> Response<Body> {
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).chain(['\n']).collect();
    let mut response = document(HeaderValue::from_static("text/plain; charset=utf-8"), line);
    *response.status_mut() = status;
    response
}

/// A text of a type.
pub(super) fn document(media_type: HeaderValue, text: String) -> Response<Body> {
    let body = Bytes::from(text);
    let mut headers = HeaderMap::with_capacity(FIELDS_FEW);
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.put_shared();
    respond(StatusCode::OK, headers, body)
}

/// The same answer without its body, as `HEAD` has it: the fields say what the body would be (RFC 9110 section 9.3.2).
pub(super) fn without_body(response: Response<Body>) -> Response<Body> {
    response.map(|_| Body::default())
}

/// Names the cache's part in the answer (RFC 9211 section 2).
pub(super) fn cache_fields(fields: &mut impl Fields, outcome: Outcome) {
    let (x_cache, cache_status) = match outcome {
        Outcome::Hit => (HIT, "vedette; hit"),
        Outcome::OnDisk => (HIT, "vedette; hit; detail=disk"),
        Outcome::Stale => ("STALE", "vedette; fwd=stale; detail=stale-if-error"),
        Outcome::Made => ("MISS", "vedette; fwd=miss; stored"),
        Outcome::Shared => ("MISS", "vedette; fwd=miss; collapsed"),
    };
    fields.put_text(X_CACHE, &[x_cache]);
    fields.put_text(CACHE_STATUS, &[cache_status]);
}

/// Tells of an answer that was kept that no time was spent on it.
pub(super) fn hit_timing_field(fields: &mut impl Fields) {
    fields.put_text(SERVER_TIMING, &["cache;desc=hit"]);
}

/// Names the steps that took any time, in milliseconds (W3C Server Timing section 2), of an answer that was not in
/// memory.
pub(super) fn timing_field(fields: &mut impl Fields, outcome: Outcome, steps: &[(&'static str, Duration)]) {
    let cache = match outcome {
        Outcome::Hit => "hit",
        Outcome::OnDisk => "disk",
        Outcome::Stale => "stale",
        Outcome::Made | Outcome::Shared => "miss",
    };
    let mut text = String::with_capacity(TIMING_BYTES);
    text += "cache;desc=";
    text += cache;
    for (name, took) in steps.iter().filter(|(_, took)| !took.is_zero()) {
        // Hundredths of a millisecond, rounded; a one before the last two digits keeps their zeros.
        let hundredths = (took.as_micros() as u64 + 5) / 10;
        let (mut whole, mut rest) = (itoa::Buffer::new(), itoa::Buffer::new());
        for part in
            [", ", name, ";dur=", whole.format(hundredths / 100), ".", &rest.format(100 + hundredths % 100)[1..]]
        {
            text += part;
        }
    }
    fields.put_text(SERVER_TIMING, &[&text]);
}

/// As long as most values of `Server-Timing` are.
const TIMING_BYTES: usize = 96;

/// The fields of most answers but a picture's.
const FIELDS_FEW: usize = 16;

fn stand(fields: &mut impl Fields, standing: &Standing<'_>) {
    fields.put_text(header::ETAG, &[standing.etag]);
    fields.put(header::LAST_MODIFIED, http_date(standing.modified));
    keep(fields, standing.freshness, now());
    if let Some(age) = standing.age {
        fields.put(header::AGE, HeaderValue::from(age));
    }
    if let Some(field) = standing.vary {
        fields.put_text(header::VARY, &[field]);
    }
    let mut digits = itoa::Buffer::new();
    let partner = digits.format(standing.partner.0);
    fields.put_text(SURROGATE_KEY, &stale::tags(standing.entry, partner, " "));
    fields.put_text(CACHE_TAG, &stale::tags(standing.entry, partner, ","));
    if let Some(message) = &standing.message {
        fields.put(X_KALTURA_MESSAGE, message.clone());
    }
}

/// A year: what HTTP caches take for ever.
const YEAR: u32 = 31_536_000;

fn keep(fields: &mut impl Fields, freshness: Freshness, now: u64) {
    let mut digits = itoa::Buffer::new();
    let seconds = match freshness {
        Freshness::Public(seconds) => {
            fields.put_text(header::CACHE_CONTROL, &["public, max-age=", digits.format(seconds)]);
            seconds
        }
        Freshness::Lenient(seconds, grace) => {
            fields.put_text(header::CACHE_CONTROL, &["public, max-age=", digits.format(seconds), &lenient(grace)]);
            seconds
        }
        Freshness::Private(seconds) => {
            fields.put_text(header::CACHE_CONTROL, &["private, max-age=", digits.format(seconds), ", max-stale=0"]);
            seconds
        }
        Freshness::Immutable => {
            fields.put(header::CACHE_CONTROL, IMMUTABLE);
            YEAR
        }
        Freshness::Unkept => return fields.put(header::CACHE_CONTROL, UNKEPT),
    };
    fields.put(header::EXPIRES, http_date(now.saturating_add(seconds.into())));
}

/// What is added of a time beyond the usual one (RFC 5861 sections 3 and 4).
fn lenient(grace: Grace) -> String {
    let directives = [("stale-while-revalidate", grace.while_revalidate), ("stale-if-error", grace.if_error)];
    let given = directives.iter().filter(|(_, seconds)| *seconds > 0);
    given.map(|(directive, seconds)| format!(", {directive}={seconds}")).collect()
}

fn respond(status: StatusCode, headers: HeaderMap, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    static ENTRY: LazyLock<EntryId> = LazyLock::new(|| EntryId::new("0_a").unwrap());

    fn standing() -> Standing<'static> {
        Standing {
            etag: "\"abc\"",
            modified: 784_111_777,
            freshness: Freshness::Public(3600),
            vary: None,
            entry: &ENTRY,
            partner: PartnerId(1),
            message: None,
            age: None,
        }
    }

    fn content() -> Content {
        Content {
            media_type: "image/jpeg".into(),
            length: 10,
            shown: Some(text(format_args!("12.48"))),
            is_gzip: false,
            attachment: None,
        }
    }

    fn whole() -> Body {
        Bytes::from_static(b"0123456789").into()
    }

    fn field<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn a_picture_has_every_field() {
        let response = success(&standing(), &content(), &Part::Whole, whole(), HeaderMap::new());
        assert_eq!(response.status(), 200);
        for (name, expected) in [
            ("content-type", "image/jpeg"),
            ("content-length", "10"),
            ("accept-ranges", "bytes"),
            ("etag", "\"abc\""),
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("cache-control", "public, max-age=3600"),
            ("access-control-allow-origin", "*"),
            ("timing-allow-origin", "*"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("x-content-type-options", "nosniff"),
            ("x-vedette-time", "12.48"),
            ("surrogate-key", "entry_0_a p_1"),
            ("cache-tag", "entry_0_a,p_1"),
            ("vary", ""),
        ] {
            assert_eq!(field(&response, name), expected, "{name}");
        }
        let expires = httpdate::parse_http_date(field(&response, "expires")).unwrap();
        let ahead = expires.duration_since(SystemTime::now()).unwrap().as_secs();
        assert!((3590..=3600).contains(&ahead), "{ahead}");
    }

    #[test]
    fn what_is_written_at_once_is_what_a_map_holds() {
        let (mut map, mut written) = (HeaderMap::new(), Vec::new());
        let took = [("total", Duration::from_micros(1500))];
        for freshness in [Freshness::Public(1), Freshness::Private(2), Freshness::Immutable, Freshness::Unkept] {
            (map, written) = Default::default();
            let standing = Standing { freshness, ..standing() };
            describe(&mut map, &standing, &content());
            describe(&mut written, &standing, &content());
            timing_field(&mut map, Outcome::Made, &took);
            timing_field(&mut written, Outcome::Made, &took);
            let mut of_map = Vec::new();
            reply::fields(&mut of_map, &map, |_| true);
            let lines = |text: &[u8]| {
                let mut lines: Vec<_> = String::from_utf8(text.to_vec()).unwrap().lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            assert_eq!(lines(&written), lines(&of_map));
        }
        assert!(map.len() > 10 && written.ends_with(b"\r\n"));
    }

    #[test]
    fn a_part_names_its_range() {
        let part = Bytes::from_static(b"234").into();
        let response = success(&standing(), &content(), &Part::Bytes(2..5), part, HeaderMap::new());
        assert_eq!((response.status().as_u16(), field(&response, "content-range")), (206, "bytes 2-4/10"));
        assert_eq!((field(&response, "content-length"), &response.body().bytes().unwrap()[..]), ("3", &b"234"[..]));
    }

    #[test]
    fn a_redirect_is_followed_for_a_while() {
        let response = redirect("/dash/a b", Freshness::Private(60));
        assert_eq!((response.status().as_u16(), field(&response, "location")), (302, "/dash/a%20b"));
        assert_eq!(field(&response, "cache-control"), "private, max-age=60, max-stale=0");
        assert_eq!(field(&response, "content-length"), "1");
    }

    #[test]
    fn head_keeps_the_length() {
        let response = without_body(success(&standing(), &content(), &Part::Whole, whole(), HeaderMap::new()));
        assert_eq!((field(&response, "content-length"), response.body().bytes().unwrap().len()), ("10", 0));
    }

    #[test]
    fn not_modified_has_what_the_standard_asks() {
        let negotiated = Standing { vary: Some("Accept"), ..standing() };
        let response = not_modified(&negotiated);
        assert_eq!(response.status(), 304);
        for name in ["etag", "cache-control", "expires", "last-modified", "vary", "access-control-allow-origin"] {
            assert_ne!(field(&response, name), "", "{name}");
        }
        assert_eq!(field(&response, "content-type"), "");
    }

    #[test]
    fn timings_in_milliseconds() {
        let mut headers = HeaderMap::new();
        let step = Duration::from_micros;
        timing_field(
            &mut headers,
            Outcome::Made,
            &[("queue", step(0)), ("decode", step(12_345)), ("encode", step(900))],
        );
        assert_eq!(headers[SERVER_TIMING], "cache;desc=miss, decode;dur=12.35, encode;dur=0.90");
    }
}
