//! HTTP: listeners, connections, drain; nothing below this module has heard of HTTP.

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
mod line;
mod multipart;
pub mod proxy_protocol;
mod pulse;
pub mod range;
mod recent;
mod reply;
mod response;
mod siding;
mod telemetry;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};

use self::admin::Admin;
use self::connection::House;
use self::crowd::Crowd;
use self::pulse::Patience;
use self::recent::Recent;
use crate::deliver::Delivery;
use crate::error::{Error, Kind, Result};

/// The settings of the listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where requests are answered.
    pub listen: SocketAddr,
    /// Where health and metrics are answered; `None` for nowhere.
    pub admin_listen: Option<SocketAddr>,
    /// Most connections at once; more wait to be accepted.
    pub connections_max: usize,
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
    /// How the site is reached from outside.
    pub site: Site,
}

/// How the site is reached from outside.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Site {
    /// The scheme and host that URLs in manifests and redirects begin with, without a slash at the end; `None` leaves it to
    /// the request.
    pub public_url: Option<String>,
    /// The hosts that a request may name to be written into such URLs, as `Host` has them.
    pub hosts: Vec<String>,
}

/// A port that needs no rights, on this machine alone: opening a service to others is a decision.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Beside the main listener, never on it: metrics are not for the public.
const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
/// More than a CDN opens, fewer than would exhaust a common limit of file descriptors together with files.
const CONNECTIONS_MAX: usize = 4096;
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
            header_timeout: HEADER_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            drain_timeout: DRAIN_TIMEOUT,
            header_bytes_max: HEADER_BYTES_MAX,
            site: Site::default(),
        }
    }
}

/// Open listeners that nobody is answered on yet.
#[derive(Debug)]
pub struct Server {
    main: TcpListener,
    admin: Option<TcpListener>,
    recorded: PrometheusHandle,
    config: Config,
}

impl Server {
    /// Opens the listeners. Connections queue up from here on.
    pub async fn bind(config: Config) -> Result<Server> {
        let recorded = telemetry::install()?;
        let main = listener(config.listen).await?;
        let admin = match config.admin_listen {
            Some(address) => Some(listener(address).await?),
            None => None,
        };
        Ok(Server { main, admin, recorded, config })
    }

    /// Where requests are answered: the port is the one that was given where port 0 was asked for.
    pub fn address(&self) -> Result<SocketAddr> {
        address(&self.main)
    }

    /// Where health and metrics are answered; `None` for nowhere.
    pub fn admin_address(&self) -> Result<Option<SocketAddr>> {
        self.admin.as_ref().map(address).transpose()
    }

    /// Answers requests until `stop` completes, then finishes those that are open within the drain timeout.
    pub async fn serve(self, delivery: Arc<Delivery>, stop: impl Future<Output = ()>) -> Result<()> {
        let patience = Patience {
            header: self.config.header_timeout,
            idle: self.config.idle_timeout,
            write: self.config.write_timeout,
        };
        let crowd = Arc::new(Crowd::new(self.config.connections_max, patience));
        let admin =
            Admin { delivery: Arc::clone(&delivery), crowd: Arc::clone(&crowd), recorded: self.recorded.clone() };
        let recent = Arc::new(Recent::new());
        let background = [
            tokio::spawn(keep(Arc::clone(&recent), self.recorded)),
            tokio::spawn(admin::serve(self.admin, Arc::new(admin))),
            tokio::spawn(Arc::clone(&crowd).watch()),
        ];
        let protocol = connection::protocol(self.config.header_bytes_max);
        let (site, form_patience) = (self.config.site.clone(), self.config.header_timeout);
        let house = Arc::new(House { protocol, site, form_patience, delivery, recent });
        tokio::select! {
            () = stop => {}
            () = accept(self.main, &crowd, &house) => {}
        }
        crowd.drain(self.config.drain_timeout).await;
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
async fn accept(listener: TcpListener, crowd: &Arc<Crowd>, house: &Arc<House>) {
    loop {
        let seat = crowd.seat().await;
        let (stream, peer) = accepted(&listener).await;
        let member = crowd.join(seat);
        let house = Arc::clone(house);
        tokio::spawn(async move {
            connection::serve(house, (stream, peer.ip()), Arc::clone(&member.pulse)).await;
            drop(member);
        });
    }
}

/// The next connection, and where it comes from. Where the system has no room for one, it waits a moment: open ones may end.
async fn accepted(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // An answer that is ready leaves at once; on failure it leaves later.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn listener(address: SocketAddr) -> Result<TcpListener> {
    let cannot = |error| Error::new(Kind::Unavailable, format!("cannot listen on {address}")).caused_by(error);
    TcpListener::bind(address).await.map_err(cannot)
}

fn address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().map_err(|error| Error::new(Kind::Internal, "a listener has no address").caused_by(error))
}
