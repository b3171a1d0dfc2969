//! Artifacts and errors to responses: every field and every status that leaves this service.

use std::cell::RefCell;
use std::fmt::Write;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::pulse::OpenRequest;
use crate::deliver::reading::Reading;
use crate::error::{Code, Error, Kind};
use crate::plan::Freshness;

/// A body whose length is known from the start. The request that it answers is open until it is sent off.
#[derive(Debug, Default)]
pub(super) struct Body {
    carried: Carried,
    _open: Option<OpenRequest>,
}

/// The bytes of a body.
#[derive(Debug)]
enum Carried {
    /// In memory.
    Bytes(Bytes),
    /// On their way: so many are left.
    Reading(Box<Reading>, u64),
}

impl Default for Carried {
    fn default() -> Carried {
        Carried::Bytes(Bytes::new())
    }
}

impl Body {
    /// A body that is being read and has `length` bytes.
    pub(super) fn reading(reading: Reading, length: u64) -> Body {
        Body { carried: Carried::Reading(Box::new(reading), length), _open: None }
    }

    /// The bytes, where they are in memory.
    pub(super) fn bytes(&self) -> Option<&Bytes> {
        match &self.carried {
            Carried::Bytes(bytes) => Some(bytes),
            Carried::Reading(..) => None,
        }
    }

    /// The same body, which keeps `open` until it is sent off.
    pub(super) fn keeping(self, open: OpenRequest) -> Body {
        Body { _open: Some(open), ..self }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body { carried: Carried::Bytes(bytes), _open: None }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    /// A body that cannot be read to its end fails, and the connection with it: the client sees that it has not all.
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.carried {
            Carried::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Carried::Reading(reading, left) => {
                let next = ready!(reading.poll_next(cx));
                if let Some(Ok(bytes)) = &next {
                    *left = left.saturating_sub(bytes.len() as u64);
                }
                Poll::Ready(next.map(|read| read.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.carried {
            Carried::Bytes(bytes) => bytes.is_empty(),
            Carried::Reading(_, left) => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.carried {
            Carried::Bytes(bytes) => bytes.len() as u64,
            Carried::Reading(_, left) => *left,
        })
    }
}

/// What a plan says of its answer, as fields: sent with the answer and with a 304 for it (RFC 9110 section 15.4.5).
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// The strong entity tag.
    pub(super) etag: HeaderValue,
    /// When the answer last changed, in seconds since 1970.
    pub(super) modified: u64,
    /// How long it may be kept.
    pub(super) freshness: Freshness,
    /// The field of the request that had a say, if one had.
    pub(super) vary: Option<&'static str>,
}

/// What an artifact adds to its standing.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// The registered media type.
    pub(super) media_type: &'static str,
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
pub(super) enum Part {
    /// All, with 200.
    Whole,
    /// These, with 206.
    Bytes(Range<u64>),
}

/// What `Vary` says of answers that may be compressed.
pub(super) const ACCEPT_ENCODING: &str = "Accept-Encoding";
/// The time of the frame shown, in seconds.
const X_VEDETTE_TIME: HeaderName = HeaderName::from_static("x-vedette-time");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const HIT: &str = "HIT";
/// The cache had the picture.
pub(super) const CACHE_STATUS_HIT: &str = "vedette; hit";
/// The picture was made for this request.
pub(super) const CACHE_STATUS_MADE: &str = "vedette; fwd=miss; stored";
/// The picture was being made for another request.
pub(super) const CACHE_STATUS_SHARED: &str = "vedette; fwd=miss; collapsed";
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const X_KALTURA: HeaderName = HeaderName::from_static("x-kaltura");
const X_KALTURA_APP: HeaderName = HeaderName::from_static("x-kaltura-app");

const ANY: HeaderValue = HeaderValue::from_static("*");
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");
/// Those of what takes no form.
const ALLOWED_WITHOUT_FORM: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// What scripts of other sites may read beyond the fields that they always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Server, Content-Length, Content-Range, Date, Cache-Control, Content-Encoding, ETag, X-Kaltura, X-Kaltura-App, \
     X-Vedette-Time, X-Cache, Cache-Status, Server-Timing",
);
/// Seconds that a failure of the content may be kept: the page that shows it again does not ask again, and a repair shows soon.
const FAILURE_MAX_AGE: u32 = 10;
/// Seconds after which a busy service is worth another try.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// The status of each kind of failure.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthorized => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Busy | Kind::Unavailable | Kind::Changed => StatusCode::SERVICE_UNAVAILABLE,
        Kind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer with all its fields. `body` has the bytes of `part`; `headers` is an empty map with room.
pub(super) fn success(
    standing: &Standing,
    content: &Content,
    part: &Part,
    body: Body,
    mut headers: HeaderMap,
) -> Response<Body> {
    let (status, length) = match part {
        Part::Whole => (StatusCode::OK, content.length),
        Part::Bytes(range) => {
            let (first, last) = (range.start, range.end.saturating_sub(1));
            headers.insert(header::CONTENT_RANGE, text(format_args!("bytes {first}-{last}/{}", content.length)));
            (StatusCode::PARTIAL_CONTENT, range.end - range.start)
        }
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content.media_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(shown) = &content.shown {
        headers.insert(X_VEDETTE_TIME, shown.clone());
    }
    if content.is_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(attachment) = &content.attachment {
        headers.insert(header::CONTENT_DISPOSITION, attachment.clone());
    }
    stand(&mut headers, standing);
    share(&mut headers);
    respond(status, headers, body)
}

/// 302: the answer is at `location`. The dialect sends a line of nothing with it.
pub(super) fn redirect(location: &str, max_age: u32) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(FIELDS_FEW);
    headers.insert(header::LOCATION, text(format_args!("{}", location.replace(' ', "%20"))));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("1"));
    keep(&mut headers, Freshness::Private(max_age), now());
    share(&mut headers);
    respond(StatusCode::FOUND, headers, Bytes::from_static(b"\n"))
}

/// The field that has a file kept under a name instead of shown (RFC 6266): the name as it is, and what is left of it for
/// clients that read no other than ASCII.
pub(super) fn attachment(name: &str) -> HeaderValue {
    let is_plain = |c: char| (' '..='~').contains(&c) && !matches!(c, '"' | '\\' | '%');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if plain == name {
        return text(format_args!("attachment; filename=\"{plain}\""));
    }
    let mut full = String::with_capacity(3 * name.len());
    for byte in name.bytes() {
        // The attr-char of RFC 8187 section 3.2.1.
        match byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            true => full.push(byte.into()),
            false => full += &format!("%{byte:02X}"),
        }
    }
    text(format_args!("attachment; filename=\"{plain}\"; filename*=UTF-8''{full}"))
}

/// 304: the client has it.
pub(super) fn not_modified(standing: &Standing) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(FIELDS_FEW);
    stand(&mut headers, standing);
    share(&mut headers);
    respond(StatusCode::NOT_MODIFIED, headers, Bytes::new())
}

/// 416: no byte of the range is there.
pub(super) fn unsatisfiable(length: u64) -> Response<Body> {
    let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE, &format!("there are {length} bytes"));
    response.headers_mut().insert(header::CONTENT_RANGE, text(format_args!("bytes */{length}")));
    response
}

/// The answer to a failure: its numbered error in the dialect where it has one, else the status of its kind.
pub(super) fn failure(error: &Error) -> Response<Body> {
    let Some(code) = error.code() else {
        let mut response = plain(status(error.kind()), error.message());
        response.headers_mut().insert(header::CACHE_CONTROL, error_cache_control(error.kind()));
        retry(&mut response, error.kind());
        return response;
    };
    let mut response = plain(coded_status(error.kind()), &format!("{}: {}", code.name(), error.message()));
    let headers = response.headers_mut();
    headers.insert(X_KALTURA, text(format_args!("error-{}", code.number())));
    headers.insert(X_KALTURA_APP, exiting(code, error.message()));
    headers.insert(header::CACHE_CONTROL, error_cache_control(error.kind()));
    retry(&mut response, error.kind());
    response
}

/// The dialect answers 404 to everything about a request or its content; what may heal by itself keeps its own status.
fn coded_status(kind: Kind) -> StatusCode {
    let native = status(kind);
    if native.is_server_error() { native } else { StatusCode::NOT_FOUND }
}

fn exiting(code: Code, message: &str) -> HeaderValue {
    text(format_args!("exiting on error {} - {}, {message}", code.number(), code.name()))
}

fn error_cache_control(kind: Kind) -> HeaderValue {
    match kind {
        Kind::Invalid | Kind::NotFound | Kind::Unsupported | Kind::TooLarge => {
            text(format_args!("public, max-age={FAILURE_MAX_AGE}"))
        }
        Kind::Unauthorized
        | Kind::Forbidden
        | Kind::Busy
        | Kind::Unavailable
        | Kind::Changed
        | Kind::TimedOut
        | Kind::Internal => HeaderValue::from_static("no-store"),
    }
}

fn retry(response: &mut Response<Body>, kind: Kind) {
    if matches!(kind, Kind::Busy | Kind::Unavailable | Kind::Changed) {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
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
    share(&mut headers);
    respond(StatusCode::OK, headers, Bytes::new())
}

/// 405: a method that is not answered.
pub(super) fn method_not_allowed() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "allowed are GET, HEAD, POST and OPTIONS");
    response.headers_mut().insert(header::ALLOW, ALLOWED_METHODS);
    response
}

/// 405: a form for what takes none.
pub(super) fn form_not_allowed() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "allowed are GET, HEAD and OPTIONS");
    response.headers_mut().insert(header::ALLOW, ALLOWED_WITHOUT_FORM);
    response
}

/// The same answer, to be kept by nobody.
pub(super) fn without_keeping(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
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
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    share(&mut headers);
    respond(StatusCode::OK, headers, body)
}

/// The same answer without its body, as `HEAD` has it: the fields say what the body would be (RFC 9110 section 9.3.2).
pub(super) fn without_body(response: Response<Body>) -> Response<Body> {
    response.map(|_| Body::default())
}

/// Names the cache's part in the answer (RFC 9211 section 2).
pub(super) fn cache_fields(headers: &mut HeaderMap, cache_status: &'static str) {
    let x_cache = if cache_status == CACHE_STATUS_HIT { HIT } else { "MISS" };
    headers.insert(X_CACHE, HeaderValue::from_static(x_cache));
    headers.insert(CACHE_STATUS, HeaderValue::from_static(cache_status));
}

/// Whether these fields tell of an answer that was kept.
pub(super) fn is_hit(headers: &HeaderMap) -> bool {
    headers.get(X_CACHE).is_some_and(|value| value == HIT)
}

/// Names the steps that took any time, in milliseconds (W3C Server Timing section 2).
pub(super) fn timing_field(headers: &mut HeaderMap, steps: &[(&'static str, Duration)]) {
    let mut value = String::with_capacity(32 * steps.len());
    for (name, took) in steps.iter().filter(|(_, took)| !took.is_zero()) {
        let separator = if value.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(value, "{separator}{name};dur={:.2}", took.as_secs_f64() * 1000.0);
    }
    if !value.is_empty() {
        headers.insert(SERVER_TIMING, text(format_args!("{value}")));
    }
}

/// The fields of most answers but a picture's.
const FIELDS_FEW: usize = 16;

fn stand(headers: &mut HeaderMap, standing: &Standing) {
    headers.insert(header::ETAG, standing.etag.clone());
    headers.insert(header::LAST_MODIFIED, http_date(standing.modified));
    keep(headers, standing.freshness, now());
    if let Some(field) = standing.vary {
        headers.insert(header::VARY, HeaderValue::from_static(field));
    }
}

/// A year: what HTTP caches take for ever.
const YEAR: u32 = 31_536_000;

fn keep(headers: &mut HeaderMap, freshness: Freshness, now: u64) {
    let (value, seconds) = match freshness {
        Freshness::Public(seconds) => (text(format_args!("public, max-age={seconds}")), seconds),
        Freshness::Private(seconds) => (text(format_args!("private, max-age={seconds}, max-stale=0")), seconds),
        Freshness::Immutable => (HeaderValue::from_static("public, max-age=31536000, immutable"), YEAR),
    };
    headers.insert(header::CACHE_CONTROL, value);
    headers.insert(header::EXPIRES, http_date(now.saturating_add(seconds.into())));
}

/// Answers are for every site's pages.
fn share(headers: &mut HeaderMap) {
    headers.insert(header::SERVER, HeaderValue::from_static("vedette"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(TIMING_ALLOW_ORIGIN, ANY);
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
}

fn respond(status: StatusCode, headers: HeaderMap, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A date as HTTP writes it (RFC 9110 section 5.6.7).
pub(super) fn http_date(seconds: u64) -> HeaderValue {
    thread_local! {
        /// The same few dates are written over and over within a second.
        static LAST: RefCell<[(u64, Option<HeaderValue>); 4]> = const { RefCell::new([const { (0, None) }; 4]) };
    }
    let seconds = seconds.min(HTTP_DATE_MAX);
    LAST.with_borrow_mut(|dates| {
        let slot = &mut dates[(seconds % 4) as usize];
        match &slot.1 {
            Some(value) if slot.0 == seconds => value.clone(),
            _ => {
                let date = httpdate::HttpDate::from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
                let value = text(format_args!("{date}"));
                *slot = (seconds, Some(value.clone()));
                value
            }
        }
    })
}

/// The end of the year 9999, after which no HTTP date can be written.
const HTTP_DATE_MAX: u64 = 253_402_300_799;

/// A field value of what may be foreign text: anything but printable ASCII becomes `?`.
pub(super) fn text(arguments: std::fmt::Arguments<'_>) -> HeaderValue {
    let mut value = arguments.to_string().into_bytes();
    value.iter_mut().filter(|byte| !(0x20..0x7f).contains(*byte)).for_each(|byte| *byte = b'?');
    HeaderValue::from_maybe_shared(Bytes::from(value)).unwrap_or(HeaderValue::from_static("?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        let etag = HeaderValue::from_static("\"abc\"");
        Standing { etag, modified: 784_111_777, freshness: Freshness::Public(3600), vary: None }
    }

    fn content() -> Content {
        Content {
            media_type: "image/jpeg",
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
            ("vary", ""),
        ] {
            assert_eq!(field(&response, name), expected, "{name}");
        }
        let expires = httpdate::parse_http_date(field(&response, "expires")).unwrap();
        let ahead = expires.duration_since(SystemTime::now()).unwrap().as_secs();
        assert!((3590..=3600).contains(&ahead), "{ahead}");
    }

    #[test]
    fn a_part_names_its_range() {
        let part = Bytes::from_static(b"234").into();
        let response = success(&standing(), &content(), &Part::Bytes(2..5), part, HeaderMap::new());
        assert_eq!((response.status().as_u16(), field(&response, "content-range")), (206, "bytes 2-4/10"));
        assert_eq!((field(&response, "content-length"), &response.body().bytes().unwrap()[..]), ("3", &b"234"[..]));
    }

    #[test]
    fn names_to_keep_files_under() {
        for (name, expected) in [
            ("talk.mp4", "attachment; filename=\"talk.mp4\""),
            ("a \"b\".mp4", "attachment; filename=\"a _b_.mp4\"; filename*=UTF-8''a%20%22b%22.mp4"),
            ("ü\r\n", "attachment; filename=\"___\"; filename*=UTF-8''%C3%BC%0D%0A"),
        ] {
            assert_eq!(attachment(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_redirect_is_followed_for_a_while() {
        let response = redirect("/dash/a b", 60);
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

    #[track_caller]
    fn check(error: Error, expected: (u16, &str, &str, &str)) {
        let response = failure(&error);
        let found = (
            response.status().as_u16(),
            field(&response, "x-kaltura"),
            field(&response, "cache-control"),
            field(&response, "retry-after"),
        );
        assert_eq!(found, expected, "{error:?}");
    }

    #[test]
    fn failures() {
        check(Error::coded(Code::BadQuery, "x"), (404, "error-25", "public, max-age=10", ""));
        check(Error::coded(Code::EntryNotFound, "x"), (404, "error-1", "public, max-age=10", ""));
        check(Error::coded(Code::AccessControlRestricted, "x"), (404, "error-3", "no-store", ""));
        check(Error::coded(Code::TooManyProcesses, "x"), (503, "error-46", "no-store", "2"));
        check(Error::unsupported("x").or_code(Code::ImageResizeFailed), (404, "error-17", "public, max-age=10", ""));
        check(Error::invalid("x"), (400, "", "public, max-age=10", ""));
        check(Error::too_large("x"), (413, "", "public, max-age=10", ""));
        check(Error::new(Kind::Unavailable, "x"), (503, "", "no-store", "2"));
        check(Error::new(Kind::TimedOut, "x"), (504, "", "no-store", ""));
        check(Error::new(Kind::Internal, "x"), (500, "", "no-store", ""));
    }

    #[test]
    fn an_error_names_itself_and_injects_nothing() {
        let response = failure(&Error::coded(Code::BadQuery, "width \"a\r\nX-Evil: 1\" ü"));
        let app = "exiting on error 25 - BAD_QUERY, width \"a??X-Evil: 1\" ??";
        assert_eq!(field(&response, "x-kaltura-app"), app);
        assert_eq!(response.body().bytes().unwrap(), "BAD_QUERY: width \"a  X-Evil: 1\" ü\n");
        assert_eq!(field(&response, "content-type"), "text/plain; charset=utf-8");
    }

    #[test]
    fn timings_in_milliseconds() {
        let mut headers = HeaderMap::new();
        let step = Duration::from_micros;
        timing_field(&mut headers, &[("queue", step(0)), ("decode", step(12_345)), ("encode", step(900))]);
        assert_eq!(headers[SERVER_TIMING], "decode;dur=12.35, encode;dur=0.90");
    }
}
