//! Carries spans to a collector: in batches, one at a time, and never again what was not taken.

use std::time::{Duration, Instant};

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::percent_decode_str;
use tokio::sync::{mpsc, oneshot};

use super::otlp;
use super::span::Span;
use crate::error::{Error, Result};
use crate::origin;

/// Most spans of one batch.
const BATCH_MAX: usize = 512;

/// How long spans wait for others.
const WAIT: Duration = Duration::from_secs(1);

/// How long a batch may take to be taken.
const SEND_MAX: Duration = Duration::from_secs(10);

/// How often the log is told that the collector does not take them.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// What is added to the URL of a collector.
const PATH: &str = "/v1/traces";

/// More fields for requests to the collector, such as those that say who sends: `name=value,…`, the values percent-encoded.
const FIELDS_VARIABLE: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// What an exporter is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Tell of a span.
    Tell(Box<Span>),
    /// Send what there is, and say when that is done.
    Flush(oneshot::Sender<()>),
}

/// What sends spans.
pub(super) struct Exporter {
    client: Client<HttpsConnector<HttpConnector>, String>,
    target: Uri,
    fields: HeaderMap,
    service: String,
    told: Option<Instant>,
}

impl Exporter {
    /// What sends spans of `service` to the collector at a URL, with the fields that the environment gives.
    pub(super) fn new(endpoint: &str, service: &str) -> Result<Exporter> {
        let https = HttpsConnectorBuilder::new().with_tls_config(origin::tls()).https_or_http().enable_http1().build();
        let given = std::env::var(FIELDS_VARIABLE).unwrap_or_default();
        let mut fields = fields(&given).ok_or_else(|| {
            // The value is not shown: it holds secrets.
            Error::invalid(format!("{FIELDS_VARIABLE} is not name=value,name=value"))
        })?;
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        fields.insert(USER_AGENT, HeaderValue::from_static(concat!("vedette/", env!("CARGO_PKG_VERSION"))));
        Ok(Exporter {
            client: Client::builder(TokioExecutor::new()).build(https),
            target: target(endpoint)?,
            fields,
            service: service.to_owned(),
            told: None,
        })
    }

    /// Sends what is ordered, for as long as anybody may order.
    pub(super) async fn follow(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut room = Vec::with_capacity(BATCH_MAX);
        loop {
            let (spans, flushes, is_over) = batch(&mut orders, &mut room).await;
            if !spans.is_empty() {
                self.send(&spans).await;
            }
            for flush in flushes {
                // Nobody may be left to hear it.
                let _ = flush.send(());
            }
            if is_over {
                return;
            }
        }
    }

    async fn send(&mut self, spans: &[Box<Span>]) {
        let mut request = Request::new(otlp::request(&self.service, spans));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.fields.clone();
        let failure = match tokio::time::timeout(SEND_MAX, self.client.request(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => {
                metrics::counter!("vedette_trace_spans_sent_total").increment(spans.len() as u64);
                return;
            }
            Ok(Ok(answer)) => answer.status().to_string(),
            Ok(Err(error)) => format!("{error:?}"),
            Err(late) => late.to_string(),
        };
        dropped("collector", spans.len());
        if self.told.is_none_or(|told| told.elapsed() > TOLD_EVERY) {
            self.told = Some(Instant::now());
            tracing::warn!(failure, collector = %self.target, "traces are dropped");
        }
    }
}

/// The next spans, who waits for what came before, and whether no more come. Spans wait for a batch to fill, but not for long.
async fn batch(
    orders: &mut mpsc::Receiver<Order>,
    room: &mut Vec<Order>,
) -> (Vec<Box<Span>>, Vec<oneshot::Sender<()>>, bool) {
    let (mut spans, mut flushes) = (Vec::new(), Vec::new());
    let mut until = None;
    while spans.len() < BATCH_MAX && flushes.is_empty() {
        let more = orders.recv_many(room, BATCH_MAX - spans.len());
        let count = match until {
            None => more.await,
            Some(until) => match tokio::time::timeout_at(until, more).await {
                Ok(count) => count,
                Err(_) => break,
            },
        };
        if count == 0 {
            return (spans, flushes, true);
        }
        until = until.or_else(|| Some(tokio::time::Instant::now() + WAIT));
        for order in room.drain(..) {
            match order {
                Order::Tell(span) => spans.push(span),
                Order::Flush(done) => flushes.push(done),
            }
        }
    }
    (spans, flushes, false)
}

/// Counts spans that nobody will be told of.
pub(super) fn dropped(reason: &'static str, count: usize) {
    metrics::counter!("vedette_trace_spans_dropped_total", "reason" => reason).increment(count as u64);
}

/// Where the collector at a URL takes traces.
pub(super) fn target(endpoint: &str) -> Result<Uri> {
    let invalid = || Error::invalid(format!("{endpoint:?} is no URL of a collector such as http://localhost:4318"));
    let uri: Uri = format!("{}{PATH}", endpoint.trim_end_matches('/')).parse().map_err(|_| invalid())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().filter(|authority| is_http && !authority.as_str().contains('@'));
    authority.filter(|authority| !authority.host().is_empty()).ok_or_else(invalid)?;
    if uri.query().is_some() { Err(invalid()) } else { Ok(uri) }
}

/// The fields that a variable gives.
fn fields(given: &str) -> Option<HeaderMap> {
    let mut fields = HeaderMap::new();
    for pair in given.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let name: HeaderName = name.trim().parse().ok()?;
        let value: Vec<u8> = percent_decode_str(value.trim()).collect();
        let mut value = HeaderValue::from_bytes(&value).ok()?;
        value.set_sensitive(name == AUTHORIZATION);
        fields.insert(name, value);
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collectors() {
        for (endpoint, expected) in [
            ("http://localhost:4318", Some("http://localhost:4318/v1/traces")),
            ("https://otlp.example.com/tenant/", Some("https://otlp.example.com/tenant/v1/traces")),
            ("http://[::1]:4318", Some("http://[::1]:4318/v1/traces")),
            ("localhost:4318", None),
            ("grpc://localhost:4317", None),
            ("http://u:p@localhost", None),
            ("http://localhost/?a=b", None),
            ("http://", None),
            ("", None),
        ] {
            assert_eq!(target(endpoint).ok().map(|uri| uri.to_string()).as_deref(), expected, "{endpoint}");
        }
    }

    #[test]
    fn fields_of_the_environment() {
        let found = fields(" api-key=a%20b , x=1,").unwrap();
        assert_eq!(
            (found.len(), &found["api-key"], &found["x"]),
            (2, &HeaderValue::from_static("a b"), &HeaderValue::from_static("1"))
        );
        assert!(fields("api-key").is_none() && fields("a b=c").is_none());
        assert!(fields("").unwrap().is_empty());
    }
}
