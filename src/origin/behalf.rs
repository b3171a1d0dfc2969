//! On whose behalf origins are asked: they are told of the trace that it is a part of (W3C Trace Context).
//!
//! Who asks is known to the task that answers a request, and what that reads is read for it. What others wait for as well is
//! read on behalf of the first. A task of its own has to be told, by [`carried`].

use std::future::Future;

use hyper::header::{HeaderName, HeaderValue};

use crate::error::{Error, Result};

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The span that asks, as a `traceparent` field names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking(HeaderValue);

tokio::task_local! {
    static ASKING: Option<Asking>;
}

impl Asking {
    /// The span that this value of a `traceparent` field names. Fails where that is none of a field.
    pub fn new(traceparent: &str) -> Result<Asking> {
        let odd = |cause| Error::invalid(format!("{traceparent:?} is no value of a field")).caused_by(cause);
        HeaderValue::from_str(traceparent).map(Asking).map_err(odd)
    }

    pub(super) fn field(&self) -> &HeaderValue {
        &self.0
    }

    /// On whose behalf the current task reads.
    pub(super) fn current() -> Option<Asking> {
        ASKING.try_with(Clone::clone).ok().flatten()
    }
}

/// `work`, and what it reads, on behalf of a span; of none where that is told to nobody.
pub fn on_behalf<F: Future>(asking: Option<Asking>, work: F) -> impl Future<Output = F::Output> {
    ASKING.scope(asking, work)
}

/// `work`, which a task of its own is going to do, on behalf of whom the current one reads for.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    on_behalf(Asking::current(), work)
}
