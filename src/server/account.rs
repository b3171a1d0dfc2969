//! What is told of each request, once: with its answer, or when nobody stays for one.

use std::time::Instant;

use bytes::Bytes;
use hyper::{Response, StatusCode};

use super::answer::Head;
use super::body::Body;
use super::house::House;
use super::journal;
use super::telemetry::{self, Asked};
use super::traces::{self, Traced};
use crate::request;

/// What nginx says of a request whose client closed the connection, or reset the stream, before the answer.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A request that was begun. It is counted, logged and traced when it is closed; where its client leaves before that, as
/// [`CLIENT_CLOSED_REQUEST`].
pub(super) struct Account<'a> {
    house: &'a House,
    head: &'a Head,
    target: &'a str,
    begun: Instant,
    traced: Option<Traced>,
    is_open: bool,
}

impl<'a> Account<'a> {
    /// The account of a request for `target` that came just now.
    pub(super) fn open(house: &'a House, head: &'a Head, target: &'a str, begun: Instant) -> Account<'a> {
        let traced = traces::begin_with(house, &head.headers);
        Account { house, head, target, begun, traced, is_open: true }
    }

    /// What `work` for the request gives: origins that it asks are told of the request's span, if it has one.
    pub(super) async fn of<F: Future>(&self, work: F) -> F::Output {
        traces::within(self.traced.as_ref(), work).await
    }

    /// Tells of the answer, which names the request's span from then on.
    pub(super) fn close(mut self, kind: Asked, response: &mut Response<Body>) {
        self.tell(kind, response);
    }

    fn tell(&mut self, kind: Asked, response: &mut Response<Body>) {
        self.is_open = false;
        let (house, head) = (self.house, self.head);
        let client = || house.proxies.way(head.peer, &head.headers).client;
        let took = self.begun.elapsed();
        telemetry::answered(kind, response.status().as_u16(), took);
        if house.log_requests || tracing::enabled!(target: "vedette::access", tracing::Level::DEBUG) {
            journal::request((head, self.target, client()), (kind, response, took));
        }
        if let Some(traced) = self.traced.take() {
            traced.answered((head, self.target, client()), (kind, response));
        }
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        if self.is_open
            && let Ok(status) = StatusCode::from_u16(CLIENT_CLOSED_REQUEST)
        {
            let kind = match request::parse(self.target) {
                Some(Ok(request)) => Asked::of(&request),
                _ => Asked::Other,
            };
            let mut response = Response::new(Body::from(Bytes::new()));
            *response.status_mut() = status;
            self.tell(kind, &mut response);
        }
    }
}
