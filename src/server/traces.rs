//! What a collector is told of requests, by OpenTelemetry's conventions for HTTP: never what would let its reader pass for a
//! client.

use std::net::IpAddr;
use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode, Version};

use super::answer::Head;
use super::body::Body;
use super::field;
use super::house::House;
use super::ident::{self, TRACEPARENT};
use super::response::X_CACHE;
use super::telemetry::Asked;
use crate::request::shown::shown;
use crate::trace::context::Parent;
use crate::trace::{self, Span, Tracer};

/// A request that is told of.
#[derive(Debug)]
pub(super) struct Traced {
    tracer: Tracer,
    span: Span,
}

/// The steps that an answer took.
#[derive(Clone, Debug)]
pub(super) struct Steps(pub(super) Vec<(&'static str, Duration)>);

/// A request that has come, if it is to be told of.
pub(super) fn begin(house: &House, parent: Option<Parent>) -> Option<Traced> {
    let tracer = house.tracer.as_ref()?;
    Some(Traced { span: tracer.begin(parent)?, tracer: tracer.clone() })
}

/// The same with fields that may name a trace.
pub(super) fn begin_with(house: &House, headers: &HeaderMap) -> Option<Traced> {
    house.tracer.as_ref()?;
    begin(house, ident::parent(headers))
}

/// `work` for a request: origins that it asks are told of the request's span, if it has one.
pub(super) fn within<F: Future>(traced: Option<&Traced>, work: F) -> impl Future<Output = F::Output> {
    trace::within(traced.map(|traced| &traced.span), work)
}

impl Traced {
    /// The field that names it in its answer.
    pub(super) fn field(&self) -> (HeaderName, HeaderValue) {
        (TRACEPARENT, field::text(format_args!("{}", self.span.context())))
    }

    /// Tells of a request for a target by a client, and of its answer, which names it.
    pub(super) fn answered(
        mut self,
        (head, target, client): (&Head, &str, IpAddr),
        (kind, response): (Asked, &mut Response<Body>),
    ) {
        let (name, value) = self.field();
        response.headers_mut().insert(name, value);
        self.ask((head.method.as_str(), target), (head.version, head.peer.is_secure));
        let text = |headers: &HeaderMap, name: HeaderName| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        self.span.tell("client.address", client.to_string());
        for (name, value) in [
            ("user_agent.original", text(&head.headers, header::USER_AGENT)),
            ("vedette.request_id", head.name.to_str().ok().map(str::to_owned)),
            ("vedette.cache", text(response.headers(), X_CACHE)),
        ] {
            if let Some(value) = value {
                self.span.tell(name, value);
            }
        }
        let Steps(steps) = response.extensions_mut().remove().unwrap_or(Steps(Vec::new()));
        steps.into_iter().for_each(|(name, took)| self.span.step(name, took));
        self.end(head.method.as_str(), kind, response.status());
    }

    /// Says what is asked, and how.
    pub(super) fn ask(&mut self, (method, target): (&str, &str), (version, is_secure): (Version, bool)) {
        let target = shown(target);
        let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
        self.span.tell("http.request.method", method);
        self.span.tell("url.scheme", if is_secure { "https" } else { "http" });
        self.span.tell("url.path", path);
        if let Some(query) = query {
            self.span.tell("url.query", query);
        }
        self.span.tell(
            "network.protocol.version",
            match version {
                Version::HTTP_10 => "1.0",
                Version::HTTP_2 => "2",
                _ => "1.1",
            },
        );
    }

    /// Ends it with an answer.
    pub(super) fn end(mut self, method: &str, kind: Asked, status: StatusCode) {
        self.span.tell("http.response.status_code", i64::from(status.as_u16()));
        self.span.tell("vedette.kind", kind.label());
        if status.is_server_error() {
            self.span.tell("error.type", status.as_str());
        }
        self.span.end(format!("{method} {}", kind.label()), status.is_server_error());
        self.tracer.end(self.span);
    }
}
