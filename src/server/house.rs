//! What all connections share at a time: settings that may change while the service runs, and who makes the answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio_rustls::TlsAcceptor;

use super::forwarded::Proxies;
use super::pulse::Patience;
use super::purge::Purgers;
use super::quota::{Exceeded, Quota};
use super::recent::Recent;
use super::{Config, Site, form, tls};
use crate::country::Countries;
use crate::deliver::Delivery;
use crate::error::Result;
use crate::trace::Tracer;

/// What requests are answered by.
pub struct House {
    /// How connections speak HTTP.
    pub(super) protocol: auto::Builder<TokioExecutor>,
    /// How long they may show no progress.
    pub(super) patience: Patience,
    /// Where the site is reached.
    pub(super) site: Site,
    /// Who stands before it.
    pub(super) proxies: Proxies,
    /// Where clients are.
    pub(super) countries: Option<Countries>,
    /// How connections are kept from who reads along; `None` for not at all.
    pub(super) tls: Option<TlsAcceptor>,
    /// Most connections of one client.
    pub(super) connections_per_client_max: usize,
    /// How much each client may ask for; `None` for as much as it likes.
    quota: Option<Quota>,
    /// How much of a form is waited for.
    pub(super) form: form::Limits,
    /// Most parts of an answer in parts.
    pub(super) ranges_max: usize,
    /// How long open requests may go on once the service is told to stop.
    pub(super) drain_timeout: Duration,
    /// Whether every request is told of in the log.
    pub(super) log_requests: bool,
    /// Who may declare anything stale.
    pub(super) purgers: Purgers,
    /// Who makes the answers.
    pub(super) delivery: Arc<Delivery>,
    /// What is at hand.
    pub(super) recent: Arc<Recent>,
    /// Who is told of requests.
    pub(super) tracer: Option<Tracer>,
}

/// How often a silent HTTP/2 connection is asked whether anyone is there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// The smallest buffer that hyper takes.
const HTTP1_BUFFER_MIN: usize = 8192;

impl House {
    /// What answers by these settings and with `delivery`. To be called within a runtime. Reads the files that they name; fails
    /// where one cannot be used.
    pub fn new(config: &Config, delivery: Arc<Delivery>) -> Result<House> {
        let tracer = Tracer::start(&config.traces)?;
        House::with(config, delivery, (Arc::new(Recent::new()), tracer, None))
    }

    /// What answers in its place from now on.
    pub fn renewed(&self, config: &Config, delivery: Arc<Delivery>) -> Result<House> {
        House::with(config, delivery, (Arc::clone(&self.recent), self.tracer.clone(), self.quota.as_ref()))
    }

    fn with(
        config: &Config,
        delivery: Arc<Delivery>,
        (recent, tracer, quota): (Arc<Recent>, Option<Tracer>, Option<&Quota>),
    ) -> Result<House> {
        let certificate = config.tls_certificate.as_deref().zip(config.tls_key.as_deref());
        Ok(House {
            protocol: protocol(config),
            patience: Patience {
                header: config.header_timeout,
                idle: config.idle_timeout,
                write: config.write_timeout,
            },
            site: config.site.clone(),
            proxies: config.proxies.clone(),
            countries: config.countries.as_deref().map(Countries::open).transpose()?,
            tls: certificate.map(|(certificate, key)| tls::acceptor(certificate, key)).transpose()?,
            connections_per_client_max: config.connections_per_client_max,
            quota: Quota::new(config, quota),
            form: form::Limits { bytes_max: config.body_bytes_max, patience: config.header_timeout },
            ranges_max: config.ranges_max,
            drain_timeout: config.drain_timeout,
            log_requests: config.log_requests,
            purgers: Purgers::new(config.purge_from.clone(), config.purge_token_file.as_deref())?,
            delivery,
            recent,
            tracer,
        })
    }

    /// Counts a request of a client, unless it is one too many. Proxies that are trusted ask for others, whom they do not always
    /// tell, and may ask for more.
    pub(super) fn admit(&self, client: impl FnOnce() -> IpAddr) -> std::result::Result<(), Exceeded> {
        let Some(quota) = &self.quota else { return Ok(()) };
        let client = client();
        if self.proxies.are(client) { Ok(()) } else { quota.take(client) }
    }
}

/// How connections speak HTTP: HTTP/1.1, or HTTP/2 where the client begins with its preface (RFC 9113 section 3.3).
fn protocol(config: &Config) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The pulse of a connection tells when its head takes too long, without a timer for each request.
    builder.http1().header_read_timeout(None).max_buf_size(config.header_bytes_max.max(HTTP1_BUFFER_MIN));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.streams_max)
        .max_pending_accept_reset_streams(config.resets_max)
        .max_local_error_reset_streams(config.resets_max)
        .max_header_list_size(u32::try_from(config.header_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_EVERY);
    builder
}
