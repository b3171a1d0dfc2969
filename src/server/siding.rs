//! Where an answer is put that goes out beneath hyper: a file is sent without passing through it.
//!
//! The service cannot write to the connection, and what it gives to hyper has to be in memory. An answer whose body is a part
//! of a file therefore waits here. Hyper is given an empty one instead, of which nothing is written: when it is flushed, the
//! one that waits is sent in its place.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::Response;

use super::body::Body;
use super::pulse::OpenRequest;
use super::quota::Tally;
use super::reply;
use crate::deliver::extent::Extent;

/// The siding of one connection.
#[derive(Debug, Default)]
pub(super) struct Siding(Mutex<Track>);

#[derive(Debug, Default)]
enum Track {
    /// Hyper answers for itself.
    #[default]
    Closed,
    /// Hyper works on a single request, which may be answered from here.
    Open(Tally),
    /// An answer waits.
    Taken(Waiting),
}

/// An answer that waits to be sent.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Its head.
    pub(super) head: Bytes,
    /// Its body.
    pub(super) body: Extent,
    /// Its request, which is open until it is sent.
    pub(super) open: OpenRequest,
}

impl Siding {
    /// The answer to the next request may be put here.
    pub(super) fn open(&self, tally: Tally) {
        *self.track() = Track::Open(tally);
    }

    /// No answer may be put here.
    pub(super) fn close(&self) {
        *self.track() = Track::Closed;
    }

    /// Whether the request that hyper works on counts already.
    pub(super) fn tally(&self) -> Tally {
        if let Track::Open(tally) = *self.track() { tally } else { Tally::Uncounted }
    }

    /// Whether an answer waits.
    pub(super) fn is_taken(&self) -> bool {
        matches!(*self.track(), Track::Taken(_))
    }

    /// The answer that waits.
    pub(super) fn leave(&self) -> Option<Waiting> {
        let mut track = self.track();
        match std::mem::take(&mut *track) {
            Track::Taken(waiting) => Some(waiting),
            other => {
                *track = other;
                None
            }
        }
    }

    /// Puts an answer here if it can be sent from here; what hyper is given instead.
    pub(super) fn divert(&self, response: Response<Body>, open: OpenRequest) -> Response<Body> {
        let mut track = self.track();
        match response.body().extent() {
            Some(body) if matches!(*track, Track::Open(_)) => {
                let head = reply::head(response.status(), response.headers());
                *track = Track::Taken(Waiting { head, body: body.clone(), open });
                Response::new(Body::default())
            }
            _ => response.map(|body| body.keeping(open)),
        }
    }

    fn track(&self) -> MutexGuard<'_, Track> {
        // Nothing that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
