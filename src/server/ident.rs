//! By what a request is known: here, in the logs of others, and in a trace that it is a part of.

use std::borrow::Cow;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::field::plain_text;
use crate::trace::context::{Parent, TraceId};

/// The name of a request, as it comes and as it leaves.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The trace that it is a part of.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest name that is taken from others.
const LENGTH_MAX: usize = 128;

/// The name of a request: the one that it comes with, where that is one, else another than any other has.
pub(super) fn name(given: Option<&[u8]>) -> HeaderValue {
    plain_text(named(given).into_owned())
}

/// The same, as it is written.
pub(super) fn named(given: Option<&[u8]>) -> Cow<'_, [u8]> {
    let given = given.filter(|name| is_name(name)).map(Cow::Borrowed);
    given.unwrap_or_else(|| Cow::Owned(TraceId::fresh().digits().into()))
}

/// Whether a name may stand in logs.
fn is_name(name: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(byte);
    (1..=LENGTH_MAX).contains(&name.len()) && name.iter().all(is_plain)
}

/// The trace that a request is a part of, where it says so, once.
pub(super) fn parent(headers: &HeaderMap) -> Option<Parent> {
    let mut fields = headers.get_all(TRACEPARENT).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    Parent::read(field.to_str().ok()?)
}

/// What the log calls that trace.
pub(super) fn trace(headers: &HeaderMap) -> Option<String> {
    parent(headers).map(|parent| parent.trace.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_or_given() {
        for name_given in ["a", "01J-x_y.z", "req:1/2+3=", &"x".repeat(128)] {
            assert_eq!(name(Some(name_given.as_bytes())), name_given);
        }
        for other in ["", "a b", "a\"b", "a\nb", "ü", &"x".repeat(129)] {
            let given = name(Some(other.as_bytes()));
            assert!(given.len() == 32 && given != other, "{other:?}");
        }
        assert_ne!(name(None), name(None));
    }
}
