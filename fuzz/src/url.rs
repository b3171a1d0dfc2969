//! Targets of requests, with the form of a body behind the first line end.

use vedette::request;

/// Throws `bytes` at it, where they are text.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (target, form) = text.split_once('\n').unwrap_or((text, ""));
    let takes_form = request::takes_form(target);
    match request::parse_with_form(target, form) {
        Some(Ok(request)) => {
            let _ = (request.subject(), request.credentials().expiry, request.sequence());
        }
        Some(Err(error)) => assert!(error.to_string().len() < 4096, "an error is no echo"),
        None => assert!(takes_form.is_none(), "a grammar takes a form and no target: {target}"),
    }
}
