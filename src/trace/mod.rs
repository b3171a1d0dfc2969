//! Tells a collector of requests: spans over OTLP, for which no request ever waits.

pub mod context;
mod export;
mod otlp;
mod span;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use self::context::{Ids, Parent};
use self::export::{Exporter, Order};
pub use self::span::{Span, Value};
use crate::error::Result;
use crate::origin::{Asking, on_behalf};

/// The settings of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The URL of a collector, to which `/v1/traces` is added; `None` for no traces.
    pub endpoint: Option<String>,
    /// What the service is called there.
    pub service: String,
    /// Of a million requests that are part of no trace, how many begin one.
    pub per_million: u32,
}

/// All of them: what OpenTelemetry calls `parentbased_always_on`.
const PER_MILLION: u32 = 1_000_000;

/// Most spans that wait for the exporter; more are dropped.
const QUEUE_MAX: usize = 4096;

/// How long the last ones may take when the service stops.
const FLUSH_MAX: Duration = Duration::from_secs(3);

impl Default for Config {
    fn default() -> Config {
        Config { endpoint: None, service: "vedette".to_owned(), per_million: PER_MILLION }
    }
}

impl Config {
    /// Whether `text` is the URL of a collector that can be told.
    pub fn is_endpoint(text: &str) -> bool {
        export::target(text).is_ok()
    }
}

/// `work`, of which origins are told that it is a part of a span; of none where there is none.
pub fn within<F: Future>(span: Option<&Span>, work: F) -> impl Future<Output = F::Output> {
    on_behalf(span.and_then(|span| Asking::new(&span.context()).ok()), work)
}

/// Begins and ends spans. Clones are the same.
#[derive(Clone, Debug)]
pub struct Tracer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    orders: mpsc::Sender<Order>,
    per_million: u32,
}

impl Tracer {
    /// What tells the collector of `config`; `None` where there is none. To be called within a runtime. Fails where it cannot be
    /// told.
    pub fn start(config: &Config) -> Result<Option<Tracer>> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let exporter = Exporter::new(endpoint, &config.service)?;
        let (orders, received) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(exporter.follow(received));
        Ok(Some(Tracer(Arc::new(Inner { orders, per_million: config.per_million }))))
    }

    /// The span of a request that says it is part of a trace, or of none; `None` where it is not to be told of.
    pub fn begin(&self, parent: Option<Parent>) -> Option<Span> {
        let ids = Ids::fresh();
        let is_sampled = match parent {
            Some(parent) => parent.is_sampled,
            None => ids.is_among(self.0.per_million),
        };
        is_sampled.then(|| Span::begin(ids, parent))
    }

    /// Has the collector be told of a span that is over, if there is time for it.
    pub fn end(&self, span: Span) {
        if self.0.orders.try_send(Order::Tell(Box::new(span))).is_err() {
            export::dropped("queue", 1);
        }
    }

    /// Waits until the collector has been told of all that ended before, for a few seconds at most.
    pub async fn flush(&self) {
        let (done, told) = oneshot::channel();
        let flush = async {
            if self.0.orders.send(Order::Flush(done)).await.is_ok() {
                let _ = told.await;
            }
        };
        // Whoever stops does not wait for a collector that is away.
        let _ = tokio::time::timeout(FLUSH_MAX, flush).await;
    }
}
