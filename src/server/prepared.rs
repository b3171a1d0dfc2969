//! A plan, and what the fields of its answer say of it before anything is made.

use std::fmt::Write;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use super::answer::Head;
use super::body::Body;
use super::conditional::{self, Validators, Verdict};
use super::response::{self, Content, Standing};
use super::{coding, field, file};
use crate::deliver::artifact::{self, Artifact};
use crate::plan::Plan;

/// A plan, and what is said of what it comes to.
pub(super) struct Prepared {
    /// The plan.
    pub(super) plan: Plan,
    /// Whether its bytes are compressed.
    pub(super) is_gzip: bool,
    /// The entity tag of what it comes to.
    pub(super) etag: String,
    message: Option<HeaderValue>,
    age: Option<u32>,
}

impl Prepared {
    /// A plan for a request, and what the viewer may be told; `age` is how many seconds ago it was right, where nobody can tell
    /// whether it still is.
    pub(super) fn new(plan: Plan, head: &Head, message: Option<HeaderValue>, age: Option<u32>) -> Prepared {
        let is_gzip = plan.work.is_text() && takes_gzip(&head.headers);
        let etag = etag(&plan, is_gzip);
        Prepared { plan, is_gzip, etag, message, age }
    }

    /// What is said of it.
    pub(super) fn standing(&self) -> Standing<'_> {
        Standing { message: self.message.clone(), age: self.age, ..standing(&self.plan, &self.etag) }
    }

    /// What conditions are held against.
    pub(super) fn current(&self) -> Validators<'_> {
        Validators { etag: &self.etag, modified: self.plan.modified }
    }

    /// The answer where by the client's conditions nothing is sent.
    pub(super) fn answered_without(&self, head: &Head) -> Option<Response<Body>> {
        match conditional::judge(&head.method, &head.headers, self.current()) {
            Verdict::NotModified => Some(response::not_modified(&self.standing())),
            Verdict::Failed => Some(response::plain(StatusCode::PRECONDITION_FAILED, "it is another one by now")),
            Verdict::Proceed => None,
        }
    }
}

/// The most bytes of an entity tag.
const ETAG_BYTES: usize = 39;

/// The entity tag of what a plan comes to.
pub(super) fn etag(plan: &Plan, is_gzip: bool) -> String {
    let mut etag = String::with_capacity(ETAG_BYTES);
    // Writing to a string cannot fail.
    let _ = write!(etag, "\"{}", plan.key);
    etag + if is_gzip { "-gzip\"" } else { "\"" }
}

/// What a plan says of its answer to anybody.
pub(super) fn standing<'a>(plan: &'a Plan, etag: &'a str) -> Standing<'a> {
    let vary = match plan.work.is_text() {
        true => Some(response::ACCEPT_ENCODING),
        false => plan.negotiated.then_some("Accept"),
    };
    Standing {
        etag,
        modified: plan.modified,
        freshness: plan.freshness,
        vary,
        entry: &plan.entry,
        partner: plan.partner,
        message: None,
        age: None,
    }
}

/// What an artifact adds to the standing of its plan, and its bytes.
pub(super) fn content(plan: &Plan, artifact: &Artifact, is_gzip: bool) -> (artifact::Body, Content) {
    let compressed = is_gzip.then(|| artifact.gzip()).flatten();
    let body = compressed.map_or_else(|| artifact.body.clone(), artifact::Body::Bytes);
    let content = Content {
        media_type: artifact.media_type.clone(),
        length: body.len(),
        shown: artifact.shown.map(|time| field::text(format_args!("{time}"))),
        is_gzip,
        attachment: plan.attachment.as_deref().map(file::attachment),
    };
    (body, content)
}

/// Whether a client takes what gzip has compressed.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().any(|value| coding::takes_gzip(value.as_bytes()))
}
