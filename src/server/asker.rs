//! Who asks, as far as the fields of a request and its connection tell.

use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName};

use super::field::now;
use crate::access::viewer::Asker;

/// The Kaltura session, beside the URL.
pub(super) const X_KALTURA_KS: HeaderName = HeaderName::from_static("x-kaltura-ks");

/// Who asks now with these fields, from an address that is of a country. `target` is all that is asked, but for a form.
pub(super) fn asker<'a>(
    headers: &'a HeaderMap,
    (address, country): (IpAddr, Option<&'a str>),
    target: Option<&'a str>,
) -> Asker<'a> {
    Asker {
        session: session(headers),
        referrer: field(headers, header::REFERER),
        user_agent: field(headers, header::USER_AGENT),
        address: Some(address),
        country,
        target,
        now: now(),
    }
}

/// The session that stands beside the URL.
pub(super) fn session(headers: &HeaderMap) -> Option<&str> {
    field(headers, X_KALTURA_KS)
}

fn field(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}
