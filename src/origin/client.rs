//! Asks other servers: where a connection may go, how long each step may take, and what becomes of redirects.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hyper::Uri;
use hyper::header::{ACCEPT_ENCODING, HeaderValue, LOCATION, USER_AGENT};
use hyper::http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpService,
};
use tokio::net::TcpStream;
use url::Url;

use super::answer;
use super::behalf::{Asking, TRACEPARENT};
use super::breaker::Breaker;
use super::guard::Reach;
use super::place::Place;

/// How long each step of asking may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until a connection stands.
    pub(super) connect: Duration,
    /// From the request to the head of its answer.
    pub(super) response: Duration,
    /// From one piece of a body to the next.
    pub(super) body: Duration,
}

/// Most redirects that are followed.
const REDIRECTS_MAX: usize = 5;

/// Servers and load balancers close idle connections after a minute, or 20 seconds at some.
const IDLE_MAX: Duration = Duration::from_secs(15);
const IDLE_CONNECTIONS_MAX: usize = 64;

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

type Pool = legacy::Client<HttpsConnector<Connector>, HttpRequestBody>;

/// A client of HTTP. Clones share its connections.
#[derive(Clone, Debug)]
pub(super) struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    public: Pool,
    anywhere: Pool,
    places: Vec<Place>,
    patience: Patience,
    breakers: Arc<Breakers>,
}

/// The breaker of each scheme, host and port.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<Uri, Breaker>>);

/// The client as an object store uses it.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    client: Client,
    /// Plain HTTP: redirects are followed, and where a URL may lead is asked of the places.
    is_web: bool,
}

/// A request that was not made, and never is.
#[derive(Debug)]
pub(super) struct Refused(String);

/// A request that was not made because the origin failed before.
#[derive(Debug)]
pub(super) struct Resting(Duration);

impl Client {
    /// A client that follows redirects into `places` alone.
    pub(super) fn new(places: Vec<Place>, patience: Patience) -> Client {
        let tls = tls();
        let pool = |reach| {
            let connector = Connector { reach, patience: patience.connect };
            let https = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http().enable_http1();
            legacy::Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_MAX)
                .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
                .build(https.wrap_connector(connector))
        };
        let (public, anywhere) = (pool(Reach::Public), pool(Reach::Anywhere));
        Client(Arc::new(Inner { public, anywhere, places, patience, breakers: Arc::default() }))
    }

    /// The client for the stores of a place.
    pub(super) fn talk(&self, place: &Place) -> Talk {
        Talk { client: self.clone(), is_web: place.is_web() }
    }
}

/// Certificates are checked against those that the system trusts.
pub fn tls() -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        tracing::warn!(errors = ?found.errors, "the system has no certificates: no https:// origin can be read");
    }
    roots.add_parsable_certificates(found.certs);
    rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

impl HttpConnector for Talk {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Talk {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let wanted = answer::Wanted::of(&request);
        let (mut head, body) = request.into_parts();
        head.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        head.headers.insert(USER_AGENT, HeaderValue::from_static(concat!("vedette/", env!("CARGO_PKG_VERSION"))));
        // It comes behind any signature, which is of the fields that it names and no others.
        if let Some(asking) = Asking::current() {
            head.headers.insert(TRACEPARENT, asking.field().clone());
        }
        for _ in 0..=REDIRECTS_MAX {
            let reach = self.reach(&head.uri)?;
            let request = HttpRequest::from_parts(head.clone(), body.clone());
            let response = self.client.ask(request, reach).await?;
            let next = if self.is_web { redirect(&head.uri, &response)? } else { None };
            match next {
                Some(uri) => head.uri = uri,
                None => return wanted.check(answer::spoken(response).await?),
            }
        }
        Err(refused(format!("more than {REDIRECTS_MAX} redirects")))
    }
}

impl Talk {
    /// How far a connection for `uri` may go. What object stores ask comes from the settings and the environment alone.
    fn reach(&self, uri: &Uri) -> Result<Reach, HttpError> {
        if !self.is_web {
            return Ok(Reach::Anywhere);
        }
        let url = Url::parse(&uri.to_string()).map_err(|cause| HttpError::new(HttpErrorKind::Unknown, cause))?;
        let places = self.client.0.places.iter();
        let place = places.filter(|place| place.holds(&url)).max_by_key(|place| place.url.path().len());
        place.map(|place| place.reach).ok_or_else(|| refused("a redirect to where nothing may be read".to_owned()))
    }
}

/// Where `response` to a request for `uri` leads on to.
fn redirect(uri: &Uri, response: &HttpResponse) -> Result<Option<Uri>, HttpError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let next = || {
        let location = response.headers().get(LOCATION)?.to_str().ok()?;
        let url = Url::parse(&uri.to_string()).ok()?.join(location).ok()?;
        Uri::try_from(url.as_str()).ok()
    };
    next().map(Some).ok_or_else(|| refused("a redirect to no URL".to_owned()))
}

impl Client {
    /// One request and the head of its answer.
    async fn ask(&self, request: HttpRequest, reach: Reach) -> Result<HttpResponse, HttpError> {
        let inner = &self.0;
        let origin = origin(request.uri());
        inner.breakers.admit(&origin)?;
        let pool = match reach {
            Reach::Public => &inner.public,
            Reach::Anywhere => &inner.anywhere,
        };
        let mut watch = answer::Watch::new(Arc::clone(&inner.breakers), origin, inner.patience.body);
        let start = Instant::now();
        let outcome = match tokio::time::timeout(inner.patience.response, pool.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(answer::failure(error)),
            Err(elapsed) => Err(HttpError::new(HttpErrorKind::Timeout, elapsed)),
        };
        answer::tell(&outcome, start.elapsed());
        match outcome {
            Ok(response) => Ok(answer::watched(response, watch)),
            Err(error) => {
                if cause::<Refused>(&error).is_none() {
                    watch.failed(&root(&error));
                }
                Err(error)
            }
        }
    }
}

/// Scheme, host and port.
fn origin(uri: &Uri) -> Uri {
    let mut parts = hyper::http::uri::Parts::default();
    parts.scheme = uri.scheme().cloned().or(Some(Scheme::HTTP));
    parts.authority = uri.authority().cloned();
    parts.path_and_query = Some(hyper::http::uri::PathAndQuery::from_static("/"));
    Uri::from_parts(parts).unwrap_or_default()
}

impl Breakers {
    fn admit(&self, origin: &Uri) -> Result<(), HttpError> {
        let admitted = self.open().entry(origin.clone()).or_default().admit(Instant::now());
        admitted.map_err(|wait| {
            answer::count_failure("resting");
            HttpError::new(HttpErrorKind::Unknown, Resting(wait))
        })
    }

    pub(super) fn succeeded(&self, origin: &Uri) {
        self.open().entry(origin.clone()).or_default().succeeded();
    }

    pub(super) fn failed(&self, origin: &Uri, reason: &str) {
        let mut open = self.open();
        let breaker = open.entry(origin.clone()).or_default();
        let before = *breaker;
        breaker.failed(Instant::now());
        if matches!(breaker, Breaker::Open { .. }) && before != *breaker {
            tracing::warn!(%origin, reason, "an origin fails, and is left alone for a while");
        }
    }

    pub(super) fn given_up(&self, origin: &Uri) {
        self.open().entry(origin.clone()).or_default().given_up(Instant::now());
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Uri, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(reason: String) -> HttpError {
    answer::count_failure("refused");
    HttpError::new(HttpErrorKind::Unknown, Refused(reason))
}

/// The first cause of `error` that is a `T`.
pub(super) fn cause<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An I/O error does not count what it carries among its causes, but that one's.
        let carried = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        if let Some(found) = carried.and_then(|carried| carried.downcast_ref::<T>()) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// What the last of the causes of `error` says: those before it tell of URLs, and these may be secret.
pub(super) fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl std::fmt::Display for Resting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it failed, and is left alone for {} ms", self.0.as_millis())
    }
}

impl std::error::Error for Resting {}

/// Makes connections, none to where it may not.
#[derive(Clone, Debug)]
struct Connector {
    reach: Reach,
    patience: Duration,
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Connector { reach, patience } = *self;
        Box::pin(async move {
            let connected = tokio::time::timeout(patience, connect(&uri, reach)).await;
            connected.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in time")))
        })
    }
}

/// A connection to the host of `uri`. Its name is resolved once, and what is connected to is what was checked, whether
/// the host was a name, an address, or a number.
async fn connect(uri: &Uri, reach: Reach) -> io::Result<TokioIo<TcpStream>> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 });
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    let allowed = addresses.iter().filter(|address| reach.allows(address.ip())).take(ADDRESSES_MAX);
    let mut failure = match addresses.first() {
        Some(address) => io::Error::other(Refused(format!("{host} is {}, which is not public", address.ip()))),
        None => io::Error::new(io::ErrorKind::NotFound, "the host has no address"),
    };
    for address in allowed {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(TokioIo::new(stream));
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
