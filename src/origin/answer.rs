//! The answers of other servers: what part of them was wanted, and whether they keep coming.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderValue, RANGE, TRANSFER_ENCODING};
use hyper::{Method, Response, StatusCode, Uri};
use hyper_util::client::legacy;
use object_store::client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody};
use tokio::time::{Instant, Sleep};

use super::client::{Breakers, Refused, cause, root};

/// Most bytes passed over of an answer that is the whole where a part was asked for. More would be to read a film for a
/// picture.
const SKIPPED_MAX: u64 = 8 << 20;

/// Most bytes of an answer that is an error.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// What stores say under 403 where who asks is known, and may not: S3 and Google's, and Azure's.
const DENIALS: [&str; 2] = ["<Code>AccessDenied</Code>", "<Code>AuthorizationPermissionMismatch</Code>"];

/// A body that brings less than this in the time that a piece may take is given up.
const PROGRESS_MIN: u64 = 16 << 10;

/// The part that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted(Option<Range<u64>>);

impl Wanted {
    pub(super) fn of(request: &HttpRequest) -> Wanted {
        let range = request.headers().get(RANGE).filter(|_| request.method() == Method::GET);
        let range = range.and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-'));
        let range =
            range.and_then(|(first, last)| Some(first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?));
        Wanted(range)
    }

    /// The answer as one to the range that was asked for, where the server gave the whole; and under the status for a
    /// changed object, where that has become shorter.
    pub(super) fn check(self, mut response: HttpResponse) -> Result<HttpResponse, HttpError> {
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            *response.status_mut() = StatusCode::PRECONDITION_FAILED;
        }
        let Some(range) = self.0.filter(|_| response.status() == StatusCode::OK) else { return Ok(response) };
        let whole = || HttpError::new(HttpErrorKind::Unknown, Whole);
        let length =
            response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let length = length.filter(|_| range.start <= SKIPPED_MAX).ok_or_else(whole)?;
        if range.start >= length {
            *response.status_mut() = StatusCode::PRECONDITION_FAILED;
            return Ok(response);
        }
        let range = range.start..range.end.min(length);
        let (mut head, body) = response.into_parts();
        head.status = StatusCode::PARTIAL_CONTENT;
        head.headers.remove(TRANSFER_ENCODING);
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
        let said = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        head.headers.insert(CONTENT_RANGE, HeaderValue::try_from(said).map_err(|_| whole())?);
        let part = Part { body, skipped: range.start, left: range.end - range.start };
        Ok(HttpResponse::from_parts(head, HttpResponseBody::new(part)))
    }
}

/// A server answered with the whole where a part was asked for.
#[derive(Debug)]
pub(super) struct Whole;

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server does not give parts of files")
    }
}

impl std::error::Error for Whole {}

/// A server did not give what is there, or is not: it does not tell which.
#[derive(Debug)]
pub(super) struct Denied;

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server denies access")
    }
}

impl std::error::Error for Denied {}

/// A part of a body.
struct Part {
    body: HttpResponseBody,
    skipped: u64,
    left: u64,
}

impl Body for Part {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        while self.left > 0 {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            let Ok(mut bytes) = frame.into_data() else { continue };
            let skipped = usize::try_from(self.skipped).unwrap_or(usize::MAX).min(bytes.len());
            self.skipped -= skipped as u64;
            bytes = bytes.split_off(skipped);
            bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= bytes.len() as u64;
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
        Poll::Ready(None)
    }
}

/// The answer, where it is an error with as much of its text as is of use. Fails where access is denied: of what stores
/// say under that status, all else is wrong with the credentials. Answers to HEAD say nothing. What is gone for good (RFC 9110
/// section 15.5.11) is not there.
pub(super) async fn spoken(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let (mut head, body) = response.into_parts();
    if head.status == StatusCode::GONE {
        head.status = StatusCode::NOT_FOUND;
    }
    let (mut pieces, mut text) = (body.bytes_stream(), Vec::new());
    while let Some(Ok(piece)) = pieces.next().await {
        text.extend_from_slice(&piece[..piece.len().min(ERROR_BYTES_MAX - text.len())]);
        if text.len() == ERROR_BYTES_MAX {
            break;
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let is_denied = !text.contains("<Code>") || DENIALS.iter().any(|code| text.contains(code));
    if head.status == StatusCode::FORBIDDEN && is_denied {
        return Err(HttpError::new(HttpErrorKind::Unknown, Denied));
    }
    Ok(HttpResponse::from_parts(head, text.into()))
}

/// A request under way. The breaker of its origin hears once of how it went, also where nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Watch {
    breakers: Arc<Breakers>,
    origin: Uri,
    /// How long a piece of the body may take.
    patience: Duration,
    is_told: bool,
}

impl Watch {
    /// A request that `origin` is about to be asked.
    pub(super) fn new(breakers: Arc<Breakers>, origin: Uri, patience: Duration) -> Watch {
        Watch { breakers, origin, patience, is_told: false }
    }

    pub(super) fn failed(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.is_told, true) {
            self.breakers.failed(&self.origin, reason);
        }
    }

    fn succeeded(&mut self) {
        if !std::mem::replace(&mut self.is_told, true) {
            self.breakers.succeeded(&self.origin);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.is_told {
            self.breakers.given_up(&self.origin);
        }
    }
}

/// The answer with its body watched.
pub(super) fn watched(response: Response<Incoming>, mut watch: Watch) -> HttpResponse {
    let (head, body) = response.into_parts();
    if head.status.is_server_error() || head.status == StatusCode::TOO_MANY_REQUESTS {
        watch.failed(head.status.as_str());
        count_failure("status");
    }
    let timer = Box::pin(tokio::time::sleep(watch.patience));
    let mut watched = Watched { body, watch, timer, got: 0 };
    watched.look_for_end();
    HttpResponse::from_parts(head, HttpResponseBody::new(watched))
}

/// A body that is given up where it does not come, and tells the breaker how it went.
struct Watched {
    body: Incoming,
    watch: Watch,
    timer: Pin<Box<Sleep>>,
    /// Bytes since the timer was set.
    got: u64,
}

impl Watched {
    fn failed(&mut self, error: HttpError) -> HttpError {
        count_failure(label(&error));
        self.watch.failed(&root(&error));
        error
    }

    fn look_for_end(&mut self) {
        if self.body.is_end_stream() {
            self.watch.succeeded();
        }
    }

    fn progressed(&mut self, bytes: u64) {
        metrics::counter!("vedette_origin_bytes_total").increment(bytes);
        self.got += bytes;
        if self.got >= PROGRESS_MIN {
            self.got = 0;
            self.timer.as_mut().reset(Instant::now() + self.watch.patience);
        }
        self.look_for_end();
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(self.timer.as_mut().poll(cx));
                return Poll::Ready(Some(Err(self.failed(HttpError::new(HttpErrorKind::Timeout, Stalled)))));
            }
        };
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                self.progressed(frame.data_ref().map_or(0, |bytes| bytes.len() as u64));
                Some(Ok(frame))
            }
            Some(Err(error)) => Some(Err(self.failed(HttpError::new(kind(&error), error)))),
            None => {
                self.look_for_end();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body did not keep coming.
#[derive(Debug)]
struct Stalled;

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body stopped coming")
    }
}

impl std::error::Error for Stalled {}

/// Why there was no answer.
pub(super) fn failure(error: legacy::Error) -> HttpError {
    let kind = match () {
        () if cause::<Refused>(&error).is_some() => HttpErrorKind::Unknown,
        () if cause::<io::Error>(&error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) => {
            HttpErrorKind::Timeout
        }
        () if error.is_connect() => HttpErrorKind::Connect,
        () => cause::<hyper::Error>(&error).map_or(HttpErrorKind::Unknown, kind),
    };
    HttpError::new(kind, error)
}

/// What kind of failure it is to whoever would try again: no request here changes anything.
fn kind(error: &hyper::Error) -> HttpErrorKind {
    if error.is_parse() || error.is_user() { HttpErrorKind::Decode } else { HttpErrorKind::Interrupted }
}

fn label(error: &HttpError) -> &'static str {
    match error.kind() {
        HttpErrorKind::Connect => "connect",
        HttpErrorKind::Timeout => "timeout",
        HttpErrorKind::Request | HttpErrorKind::Interrupted => "interrupted",
        _ if cause::<Refused>(error).is_some() => "refused",
        _ => "other",
    }
}

/// Counts a request by how its answer began.
pub(super) fn tell(outcome: &Result<Response<Incoming>, HttpError>, took: Duration) {
    let status = match outcome {
        Ok(response) => Cow::from(response.status().as_str().to_owned()),
        Err(error) => {
            count_failure(label(error));
            Cow::from("none")
        }
    };
    metrics::counter!("vedette_origin_requests_total", "status" => status).increment(1);
    metrics::histogram!("vedette_origin_request_duration_seconds").record(took);
}

/// Counts a failure.
pub(super) fn count_failure(kind: &'static str) {
    metrics::counter!("vedette_origin_failures_total", "kind" => kind).increment(1);
}
