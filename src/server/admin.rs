//! The listener for operators: health and metrics.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::body::Body;
use super::crowd::Crowd;
use super::{failure, response, telemetry};
use crate::deliver::Delivery;

/// What the pages are made of.
pub(super) struct Admin {
    /// The workers and caches.
    pub(super) delivery: Arc<Delivery>,
    /// The connections.
    pub(super) crowd: Arc<Crowd>,
    /// The metrics.
    pub(super) recorded: PrometheusHandle,
}

/// Most connections at once: a scraper, a few probes, a person.
const CONNECTIONS_MAX: usize = 64;

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
                let response = page(&admin, &request);
                async { Ok::<_, Infallible>(response) }
            });
            let connection =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "admin connection ended");
            }
        });
    }
}

fn page<B>(admin: &Admin, request: &Request<B>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return failure::method_not_allowed();
    }
    let mut response = match request.uri().path() {
        "/livez" | "/health" | "/healthcheck" => response::plain(StatusCode::OK, "ok"),
        "/readyz" if admin.crowd.is_draining() => response::plain(StatusCode::SERVICE_UNAVAILABLE, "draining"),
        "/readyz" => response::plain(StatusCode::OK, "ok"),
        "/metrics" => {
            let text = telemetry::page(&admin.recorded, &admin.delivery, admin.crowd.len());
            response::document(HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"), text)
        }
        _ => response::plain(StatusCode::NOT_FOUND, "here are /livez, /readyz, /health, /healthcheck and /metrics"),
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if request.method() == Method::HEAD { response::without_body(response) } else { response }
}
