//! Heads of requests: where the short way calls one complete, it ends as every reader of RFC 9112 sees it.

use vedette::server::head::{Head, head};

/// Throws `bytes` at it.
pub fn check(bytes: &[u8]) {
    if let Head::Plain { length, .. } | Head::Bodyless { length } = head(bytes) {
        let first = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        assert_eq!(first, Some(length - 4), "it ends with the first empty line");
    }
}
