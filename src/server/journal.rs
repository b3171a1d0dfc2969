//! What the log tells of requests: never what would let its reader pass for a client.

use std::net::IpAddr;
use std::time::Duration;

use hyper::Response;
use hyper::header::{self, HeaderMap, HeaderName};

use super::answer::Head;
use super::body::Body;
use super::ident;
use super::response::X_CACHE;
use super::telemetry::Asked;
use crate::error::{Error, Kind};
use crate::request::shown::shown;

/// Tells of a request for a target by a client, and of its answer.
pub(super) fn request(
    (head, target, client): (&Head, &str, IpAddr),
    (kind, response, took): (Asked, &Response<Body>, Duration),
) {
    tracing::info!(
        target: "vedette::access",
        %client,
        method = %head.method,
        url = %shown(target),
        version = ?head.version,
        status = response.status().as_u16(),
        bytes = text(response.headers(), header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok()),
        ms = millis(took),
        kind = kind.label(),
        cache = text(response.headers(), X_CACHE),
        referrer = text(&head.headers, header::REFERER).map(shown).as_deref(),
        user_agent = text(&head.headers, header::USER_AGENT),
        request = head.name.to_str().ok(),
        trace = ident::trace(&head.headers).as_deref(),
    );
}

/// Tells why a request for a target failed: with all causes where that is a fault of the service, or of what it depends on.
pub(super) fn failure(head: &Head, target: &str, error: &Error) {
    let (url, request, trace) = (shown(target), head.name.to_str().ok(), ident::trace(&head.headers));
    let trace = trace.as_deref();
    match error.kind() {
        Kind::Internal | Kind::Unavailable | Kind::Changed | Kind::TimedOut => {
            tracing::error!(%url, request, trace, ?error)
        }
        Kind::Busy => tracing::warn!(%url, request, trace, ?error),
        Kind::Invalid | Kind::Unauthorized | Kind::Forbidden | Kind::NotFound | Kind::Unsupported | Kind::TooLarge => {
            tracing::debug!(%url, request, trace, ?error)
        }
    }
}

/// Milliseconds, to the hundredth.
pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}

/// What a field says, if anything, in printable ASCII.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}
