//! Errors and refusals to responses: the only way from a kind of failure to a status.

use std::time::Duration;

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::field::text;
use super::quota::Exceeded;
use super::response::{ALLOWED_METHODS, plain};
use crate::error::{Code, Error, Kind};

const X_KALTURA: HeaderName = HeaderName::from_static("x-kaltura");
const KALTURA_RAW: HeaderName = HeaderName::from_static("kalturaraw");
const X_KALTURA_APP: HeaderName = HeaderName::from_static("x-kaltura-app");
/// The methods of what takes no form.
const ALLOWED_WITHOUT_FORM: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// Seconds that a failure of the content may be kept: the page that shows it again does not ask again, and a repair shows soon.
const FAILURE_MAX_AGE: u32 = 10;
/// Seconds after which a service that does not say for how long it is busy is worth another try.
const RETRY_AFTER_S: u64 = 2;
/// Longest that anybody is told to stay away.
const RETRY_AFTER_MAX_S: u64 = 120;

/// The answer to a failure: its numbered error in the dialect where it has one, else the status of its kind.
pub(super) fn failure(error: &Error) -> Response<Body> {
    let Some(code) = error.code() else {
        let mut response = plain(status(error.kind()), error.message());
        response.headers_mut().insert(header::CACHE_CONTROL, error_cache_control(error.kind()));
        retry(&mut response, error);
        return response;
    };
    let mut response = plain(coded_status(error.kind()), &format!("{}: {}", code.name(), error.message()));
    let headers = response.headers_mut();
    headers.insert(X_KALTURA, text(format_args!("error-{}", wire(code))));
    headers.insert(X_KALTURA_APP, exiting(code, error.message()));
    headers.insert(header::CACHE_CONTROL, error_cache_control(error.kind()));
    retry(&mut response, error);
    response
}

/// The dialect answers 404 to everything about a request or its content; what may heal by itself keeps its own status.
fn coded_status(kind: Kind) -> StatusCode {
    let native = status(kind);
    if native.is_server_error() { native } else { StatusCode::NOT_FOUND }
}

/// The same of a file: what is refused is said to be, where players and pages with pictures know of 404 alone.
pub(super) fn file_failure(error: &Error) -> Response<Body> {
    let mut response = failure(error);
    if matches!(error.kind(), Kind::Unauthorized | Kind::Forbidden) {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    response
}

/// The same of `raw`, which says in a field of its own what is not there.
pub(super) fn raw_failure(error: &Error) -> Response<Body> {
    let mut response = file_failure(error);
    if response.status() == StatusCode::NOT_FOUND {
        response.headers_mut().insert(KALTURA_RAW, text(format_args!("{}", error.message())));
    }
    response
}

/// The same of a file as the servers that the dialect is of have it: 200 and nothing, and what is wrong in the fields alone. What
/// may heal by itself is told as it is, for caches would keep it.
pub(super) fn legacy(mut response: Response<Body>) -> Response<Body> {
    if response.headers().contains_key(X_KALTURA) && !response.status().is_server_error() {
        *response.status_mut() = StatusCode::OK;
        *response.body_mut() = Body::default();
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    }
    response
}

/// What the dialect calls an error on the wire: its number, or, behind a blank, the name of one of the API's.
fn wire(code: Code) -> String {
    code.number().map_or_else(|| format!(" {}", code.name()), |number| number.to_string())
}

fn exiting(code: Code, message: &str) -> HeaderValue {
    match code.number() {
        Some(number) => text(format_args!("exiting on error {number} - {}, {message}", code.name())),
        None => text(format_args!("exiting on error {} - {message}", code.name())),
    }
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

fn retry(response: &mut Response<Body>, error: &Error) {
    if matches!(error.kind(), Kind::Busy | Kind::Unavailable | Kind::Changed) {
        let seconds = error.retry_after().map_or(RETRY_AFTER_S.into(), seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
}

/// Whole seconds that are no shorter than a wait (RFC 9110 section 10.2.3).
fn seconds(wait: Duration) -> HeaderValue {
    (wait.as_millis().div_ceil(1000) as u64).clamp(1, RETRY_AFTER_MAX_S).into()
}

/// 429: a client asks for more than one may (RFC 6585 section 4).
pub(super) fn too_many_requests(exceeded: Exceeded) -> Response<Body> {
    let mut response = plain(StatusCode::TOO_MANY_REQUESTS, &exceeded.to_string());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::RETRY_AFTER, seconds(exceeded.wait));
    response
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
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
        let busy = |millis| Error::coded(Code::TooManyProcesses, "x").retried_after(Duration::from_millis(millis));
        check(busy(6_001), (503, "error-46", "no-store", "7"));
        check(busy(0), (503, "error-46", "no-store", "1"));
        check(busy(u64::MAX), (503, "error-46", "no-store", "120"));
        check(Error::unsupported("x").or_code(Code::ImageResizeFailed), (404, "error-17", "public, max-age=10", ""));
        check(Error::invalid("x"), (400, "", "public, max-age=10", ""));
        check(Error::too_large("x"), (413, "", "public, max-age=10", ""));
        check(Error::new(Kind::Unavailable, "x"), (503, "", "no-store", "2"));
        check(Error::new(Kind::Changed, "x"), (503, "", "no-store", "2"));
        check(Error::new(Kind::TimedOut, "x"), (504, "", "no-store", ""));
        check(Error::new(Kind::Internal, "x"), (500, "", "no-store", ""));
    }

    #[test]
    fn failures_of_old() {
        let told = |error: Error| {
            let response = legacy(file_failure(&error));
            (
                response.status().as_u16(),
                field(&response, "content-length").to_owned(),
                field(&response, "x-kaltura").to_owned(),
            )
        };
        let nothing = |code: &str| (200, "0".to_owned(), code.to_owned());
        assert_eq!(told(Error::coded(Code::EntryNotFound, "x")), nothing("error-1"));
        assert_eq!(told(Error::coded(Code::AccessControlRestricted, "x")), nothing("error-3"));
        assert_eq!(told(Error::new(Kind::Unavailable, "x").or_code(Code::FileNotFound)).0, 503);
        assert_eq!(told(Error::new(Kind::Internal, "x")).0, 500);
    }

    #[test]
    fn an_error_names_itself_and_injects_nothing() {
        let response = failure(&Error::coded(Code::BadQuery, "width \"a\r\nX-Evil: 1\" ü"));
        let app = "exiting on error 25 - BAD_QUERY, width \"a??X-Evil: 1\" ??";
        assert_eq!(field(&response, "x-kaltura-app"), app);
        assert_eq!(response.body().bytes().unwrap(), "BAD_QUERY: width \"a  X-Evil: 1\" ü\n");
        assert_eq!(field(&response, "content-type"), "text/plain; charset=utf-8");
    }
}
