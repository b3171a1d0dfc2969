//! The listener for operators: health, metrics, and what is stale.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::watch::Receiver;

use super::body::Body;
use super::crowd::Crowd;
use super::house::House;
use super::{failure, purge, response, telemetry};
use crate::deliver::Delivery;
use crate::error::{Error, Kind};

/// What the pages are made of.
pub(super) struct Admin {
    /// Who makes the answers.
    pub(super) house: Receiver<Arc<House>>,
    /// The connections.
    pub(super) crowd: Arc<Crowd>,
    /// The metrics.
    pub(super) recorded: PrometheusHandle,
}

/// Most connections at once: a scraper, a few probes, a person.
const CONNECTIONS_MAX: usize = 64;

/// How long a check-up may take; it takes some milliseconds where there is no crowd. Less than a probe waits.
const CHECK_UP_MAX: Duration = Duration::from_secs(4);

/// Answers on `listener` for as long as it is polled.
pub(super) async fn serve(listener: Option<TcpListener>, admin: Arc<Admin>) {
    let Some(listener) = listener else { return };
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(seat) = Arc::clone(&seats).acquire_owned().await {
        let (stream, _) = super::accepted(&listener).await;
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            let _seat = seat;
            let service = service_fn(|request| {
                let admin = Arc::clone(&admin);
                async move { Ok::<_, Infallible>(answer(&admin, &request).await) }
            });
            let connection =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "admin connection ended");
            }
        });
    }
}

async fn answer<B>(admin: &Admin, request: &Request<B>) -> Response<Body> {
    if request.method() == Method::POST && request.uri().path() == "/purge" {
        let (query, house) = (request.uri().query().unwrap_or_default(), Arc::clone(&admin.house.borrow()));
        return purge::ordered(query, request.headers(), &house).await;
    }
    page(admin, request).await
}

async fn page<B>(admin: &Admin, request: &Request<B>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return failure::method_not_allowed();
    }
    let unready = |why| response::plain(StatusCode::SERVICE_UNAVAILABLE, why);
    let delivery = Arc::clone(&admin.house.borrow().delivery);
    let mut response = match request.uri().path() {
        "/livez" => response::plain(StatusCode::OK, "ok"),
        "/readyz" if admin.crowd.is_draining() => unready("draining"),
        "/readyz" if delivery.load().is_full() => unready("saturated: as much work waits as may"),
        "/readyz" if admin.crowd.is_full() => unready("saturated: as many connections are open as may be"),
        "/readyz" => response::plain(StatusCode::OK, "ok"),
        "/health" | "/healthcheck" => health(&delivery).await,
        "/metrics" => {
            let text = telemetry::page(&admin.recorded, &delivery, &admin.crowd);
            response::document(HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"), text)
        }
        _ => response::plain(
            StatusCode::NOT_FOUND,
            "here are /livez, /readyz, /health, /healthcheck and /metrics, and POST /purge",
        ),
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if request.method() == Method::HEAD { response::without_body(response) } else { response }
}

/// Whether a film can be shown and packaged.
async fn health(delivery: &Delivery) -> Response<Body> {
    let failure = match tokio::time::timeout(CHECK_UP_MAX, delivery.check_up()).await {
        Ok(Ok(())) => return response::plain(StatusCode::OK, "ok"),
        Ok(Err(error)) => error,
        Err(_elapsed) => Error::new(Kind::TimedOut, "the check-up takes too long"),
    };
    tracing::error!(error = ?failure, "the check-up failed");
    response::plain(StatusCode::SERVICE_UNAVAILABLE, failure.message())
}
