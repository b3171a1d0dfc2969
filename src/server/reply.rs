//! Answers of HTTP/1.1 as they are written (RFC 9112 section 2.1).

use std::ops::Range;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName};

use super::field::{http_date, make_plain, now};

/// The head of an answer that is given now with these fields.
pub(super) fn head(status: StatusCode, headers: &HeaderMap) -> Bytes {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    begin(&mut head, status);
    fields(&mut head, headers, |_| true);
    finish(&mut head, now());
    head.into()
}

/// Begins a head with its first line.
pub(super) fn begin(head: &mut Vec<u8>, status: StatusCode) {
    for part in ["HTTP/1.1 ", status.as_str(), " ", status.canonical_reason().unwrap_or_default(), "\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
}

/// Adds how many bytes follow the head.
pub(super) fn length(head: &mut Vec<u8>, bytes: u64) {
    field(head, &header::CONTENT_LENGTH, itoa::Buffer::new().format(bytes).as_bytes());
}

/// More than most heads have.
pub(super) const HEAD_BYTES: usize = 1024;

/// Adds those of the fields whose names are wanted.
pub(super) fn fields(head: &mut Vec<u8>, headers: &HeaderMap, is_wanted: impl Fn(&HeaderName) -> bool) {
    for (name, value) in headers.iter().filter(|(name, _)| is_wanted(name)) {
        field(head, name, value.as_bytes());
    }
}

/// Adds a field.
pub(super) fn field(head: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

/// Adds a field with a value in pieces that may be foreign text, as [`field::text`](super::field::text) has it.
pub(super) fn text_field(head: &mut Vec<u8>, name: &HeaderName, pieces: &[&str]) {
    head.extend_from_slice(name.as_str().as_bytes());
    head.extend_from_slice(b": ");
    let begin = head.len();
    pieces.iter().for_each(|piece| head.extend_from_slice(piece.as_bytes()));
    make_plain(&mut head[begin..]);
    head.extend_from_slice(b"\r\n");
}

/// Adds how many bytes follow the head, and which these are of so many (RFC 9110 section 14.4).
pub(super) fn part(head: &mut Vec<u8>, part: &Range<u64>, of: u64) {
    length(head, part.end - part.start);
    let [mut first, mut last, mut all]: [_; 3] = std::array::from_fn(|_| itoa::Buffer::new());
    let (first, last) = (first.format(part.start), last.format(part.end.saturating_sub(1)));
    text_field(head, &header::CONTENT_RANGE, &["bytes ", first, "-", last, "/", all.format(of)]);
}

/// Ends a head with its date.
pub(super) fn finish(head: &mut Vec<u8>, second: u64) {
    field(head, &header::DATE, http_date(second).as_bytes());
    head.extend_from_slice(b"\r\n");
}
