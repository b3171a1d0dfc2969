//! HTTP: listeners, connections, drain; nothing below this module has heard of HTTP.

mod account;
mod admin;
mod answer;
mod asker;
mod body;
mod coding;
mod conditional;
mod connection;
mod crowd;
mod express;
mod failure;
mod field;
mod file;
mod form;
pub mod forwarded;
pub mod head;
mod house;
mod ident;
mod journal;
mod line;
mod multipart;
mod prepared;
mod process;
mod proxy_protocol;
mod pulse;
mod purge;
mod quota;
pub mod range;
mod recent;
mod reply;
mod response;
mod siding;
mod telemetry;
mod tls;
mod traces;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::Receiver;

use self::admin::Admin;
use self::crowd::Crowd;
use self::forwarded::Proxies;
pub use self::house::House;
use self::recent::Recent;
use crate::error::{Error, Kind, Result};
use crate::network::Network;
use crate::trace::Config as TraceConfig;

/// The settings of the listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where requests are answered.
    pub listen: SocketAddr,
    /// Where health and metrics are answered; `None` for nowhere.
    pub admin_listen: Option<SocketAddr>,
    /// Most connections at once; more wait to be accepted.
    pub connections_max: usize,
    /// Most connections of one client; more are refused. A client is an address, or a network of IPv6 that one subscriber
    /// has; proxies that are trusted are none.
    pub connections_per_client_max: usize,
    /// Most requests a second of one client in the long run, at most a million; `None` for as many as it likes. A client is what
    /// it is above.
    pub requests_per_client_max: Option<NonZeroU32>,
    /// Most requests of one client at once, where it has not asked for a while; from 1 on.
    pub requests_per_client_burst: u32,
    /// How long a client may take to send a request's head, or a form in its body.
    pub header_timeout: Duration,
    /// How long a connection may stay open between requests.
    pub idle_timeout: Duration,
    /// How long a client may take no byte of an answer that is ready for it.
    pub write_timeout: Duration,
    /// How long open requests may go on once the service is told to stop.
    pub drain_timeout: Duration,
    /// Most bytes of a request's head.
    pub header_bytes_max: usize,
    /// Most bytes of a request's body.
    pub body_bytes_max: usize,
    /// Most parts of a file that one answer has.
    pub ranges_max: usize,
    /// Most requests at once on one connection of HTTP/2.
    pub streams_max: u32,
    /// Most requests that a client may have taken back, or broken, on one connection of HTTP/2 before it is ended.
    pub resets_max: usize,
    /// The file of the main listener's certificate, and of those that vouch for it, in PEM; `None` for connections in the
    /// clear.
    pub tls_certificate: Option<PathBuf>,
    /// The file of its private key, in PEM; `None` for connections in the clear.
    pub tls_key: Option<PathBuf>,
    /// The clients that may declare anything stale by `PURGE`.
    pub purge_from: Vec<Network>,
    /// The file with the token by which others may; `None` where no other may.
    pub purge_token_file: Option<PathBuf>,
    /// How the site looks from outside.
    pub site: Site,
    /// Who stands between clients and the service.
    pub proxies: Proxies,
    /// Whether every request is told of in the log.
    pub log_requests: bool,
    /// Who is told of requests.
    pub traces: TraceConfig,
    /// The database file of countries; `None` for none, and no client is of any country.
    pub countries: Option<PathBuf>,
}

/// How the site looks from outside.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Site {
    /// The scheme and host that URLs in manifests and redirects begin with, without a slash at the end; `None` leaves it to
    /// the request.
    pub public_url: Option<String>,
    /// The hosts that a request may name to be written into such URLs, as `Host` has them.
    pub hosts: Vec<String>,
    /// Whether a file that is refused or missing is told of as by the servers that the dialect is of: with 200 and nothing.
    pub legacy_status: bool,
}

/// A port that needs no rights, on this machine alone: opening a service to others is a decision.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Beside the main listener, never on it: metrics are not for the public.
const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
/// More than a CDN opens, fewer than would exhaust a common limit of file descriptors together with files.
const CONNECTIONS_MAX: usize = 4096;
/// Far more than a browser opens, or an office behind one address; a quarter of all.
const CONNECTIONS_PER_CLIENT_MAX: usize = 1024;
/// What a page full of thumbnails asks for.
const REQUESTS_PER_CLIENT_BURST: u32 = 100;
/// What imgproxy allows to read a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the minute that common load balancers keep connections, so that they close first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A phone that enters a tunnel comes back within this; a client that never reads does not.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Within the half minute that Kubernetes grants before it kills.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);
/// Twice the longest URL, with room for cookies that clients send to everyone.
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// Four times the longest URL.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// More parts than players ask for, and few enough that an answer is not much longer than what it is of.
const RANGES_MAX: usize = 16;
/// What RFC 9113 section 6.5.2 recommends at least.
const STREAMS_MAX: u32 = 100;
/// Twice what a page takes back that is left while it loads; a flood is over at once.
const RESETS_MAX: usize = 200;
/// How often what is over is thrown away.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// How long to wait where the system gives no connection, for want of file descriptors most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: LISTEN,
            admin_listen: Some(ADMIN_LISTEN),
            connections_max: CONNECTIONS_MAX,
            connections_per_client_max: CONNECTIONS_PER_CLIENT_MAX,
            requests_per_client_max: None,
            requests_per_client_burst: REQUESTS_PER_CLIENT_BURST,
            header_timeout: HEADER_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            drain_timeout: DRAIN_TIMEOUT,
            header_bytes_max: HEADER_BYTES_MAX,
            body_bytes_max: BODY_BYTES_MAX,
            ranges_max: RANGES_MAX,
            streams_max: STREAMS_MAX,
            resets_max: RESETS_MAX,
            tls_certificate: None,
            tls_key: None,
            purge_from: Vec::new(),
            purge_token_file: None,
            site: Site::default(),
            proxies: Proxies::default(),
            log_requests: false,
            traces: TraceConfig::default(),
            countries: None,
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Peer {
    /// Where it comes from.
    address: IpAddr,
    /// Whether nobody between could read along.
    is_secure: bool,
}

/// Open listeners that nobody is answered on yet.
#[derive(Debug)]
pub struct Server {
    main: TcpListener,
    admin: Option<TcpListener>,
    recorded: PrometheusHandle,
    connections_max: usize,
}

impl Server {
    /// Opens the listeners, but those that were open before and are handed over: that for requests, then that for health and
    /// metrics. Connections queue up from here on.
    pub async fn bind(config: &Config, handed: Vec<StdListener>) -> Result<Server> {
        let recorded = telemetry::install()?;
        let mut handed = handed.into_iter();
        let main = listener(config.listen, handed.next()).await?;
        let admin = match (config.admin_listen, handed.next()) {
            (None, _) => None,
            (Some(address), handed) => Some(listener(address, handed).await?),
        };
        Ok(Server { main, admin, recorded, connections_max: config.connections_max })
    }

    /// Where requests are answered: the port is the one that was given where port 0 was asked for.
    pub fn address(&self) -> Result<SocketAddr> {
        address(&self.main)
    }

    /// Where health and metrics are answered; `None` for nowhere.
    pub fn admin_address(&self) -> Result<Option<SocketAddr>> {
        self.admin.as_ref().map(address).transpose()
    }

    /// Answers requests until `stop` completes, then finishes those that are open within the drain timeout. Every request is
    /// answered by the house that there is when it comes.
    pub async fn serve(self, house: Receiver<Arc<House>>, stop: impl Future<Output = ()>) -> Result<()> {
        let crowd = Arc::new(Crowd::new(self.connections_max));
        let recent = Arc::clone(&house.borrow().recent);
        let admin = Admin { house: house.clone(), crowd: Arc::clone(&crowd), recorded: self.recorded.clone() };
        let background = [
            tokio::spawn(keep(recent, self.recorded)),
            tokio::spawn(admin::serve(self.admin, Arc::new(admin))),
            tokio::spawn(Arc::clone(&crowd).watch(house.clone())),
        ];
        tokio::select! {
            () = stop => {}
            () = accept(self.main, &crowd, &house) => {}
        }
        let timeout = house.borrow().drain_timeout;
        crowd.drain(timeout).await;
        let tracer = house.borrow().tracer.clone();
        if let Some(tracer) = tracer {
            tracer.flush().await;
        }
        background.iter().for_each(|task| task.abort());
        Ok(())
    }
}

/// Throws away what is over, for as long as it is polled: answers of past seconds, samples that histograms have taken in.
async fn keep(recent: Arc<Recent>, recorded: PrometheusHandle) {
    loop {
        tokio::time::sleep(KEEP_EVERY).await;
        recent.sweep();
        recorded.run_upkeep();
    }
}

/// Lets connections in for as long as it is polled.
async fn accept(listener: TcpListener, crowd: &Arc<Crowd>, house: &Receiver<Arc<House>>) {
    loop {
        let seat = crowd.seat().await;
        let (stream, peer) = accepted(&listener).await;
        let member = crowd.join(seat);
        let house = house.clone();
        tokio::spawn(connection::serve(house, (stream, peer.ip()), member));
    }
}

/// The next connection, and where it comes from. Where the system has no room for one, it waits a moment: open ones may end.
async fn accepted(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut is_told = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // An answer that is ready leaves at once; on failure it leaves later.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                if !is_told {
                    tracing::warn!(%error, "cannot accept connections for now");
                    is_told = true;
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn listener(address: SocketAddr, handed: Option<StdListener>) -> Result<TcpListener> {
    let opened = match handed {
        Some(listener) => listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)),
        None => TcpListener::bind(address).await,
    };
    opened.map_err(|error| Error::new(Kind::Unavailable, format!("cannot listen on {address}")).caused_by(error))
}

fn address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().map_err(|error| Error::new(Kind::Internal, "a listener has no address").caused_by(error))
}
