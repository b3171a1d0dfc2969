//! One connection from its acceptance to its end.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;

use super::body::Body;
use super::express::Express;
use super::pulse::{OpenRequest, Order, Pulse, Pulsed};
use super::recent::Recent;
use super::siding::Siding;
use super::{Site, answer, response};
use crate::deliver::Delivery;

/// Most requests at once on one HTTP/2 connection, as RFC 9113 section 6.5.2 recommends at least.
const STREAMS_MAX: u32 = 100;
/// How often a silent HTTP/2 connection is asked whether anyone is there.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How connections speak HTTP: HTTP/1.1, or HTTP/2 where the client begins with its preface (RFC 9113 section 3.3).
pub(super) fn protocol(header_bytes_max: usize) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The pulse of a connection tells when its head takes too long, without a timer for each request.
    builder.http1().header_read_timeout(None).max_buf_size(header_bytes_max.max(HTTP1_BUFFER_MIN));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(header_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_EVERY);
    builder
}

/// The smallest buffer that hyper takes.
const HTTP1_BUFFER_MIN: usize = 8192;

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct House {
    /// How they speak HTTP.
    pub(super) protocol: auto::Builder<TokioExecutor>,
    /// Where it is reached.
    pub(super) site: Site,
    /// How long a form may take to arrive.
    pub(super) form_patience: Duration,
    /// Who makes the answers.
    pub(super) delivery: Arc<Delivery>,
    /// What is at hand.
    pub(super) recent: Arc<Recent>,
}

/// Answers the requests of a connection until it ends or is told to.
pub(super) async fn serve(house: Arc<House>, (stream, peer): (TcpStream, IpAddr), pulse: Arc<Pulse>) {
    let siding = Arc::new(Siding::default());
    let service = service_fn(|request: Request<Incoming>| {
        let open = OpenRequest::new(&pulse, request.version());
        let (house, siding) = (Arc::clone(&house), Arc::clone(&siding));
        async move {
            let response = guarded(&house, peer, request).await;
            Ok::<_, Infallible>(siding.divert(response, open))
        }
    });
    let stream = Pulsed::new(stream, Arc::clone(&pulse));
    let stream = TokioIo::new(Express::new(stream, Arc::clone(&pulse), Arc::clone(&house.recent), Arc::clone(&siding)));
    let mut connection = pin!(house.protocol.serve_connection(stream, service));
    let mut last = None;
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "connection ended");
                    if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user) {
                        // A body came to no end.
                        pulse.break_off();
                    }
                }
                return;
            }
            order = pulse.told(last) => {
                if order == Order::Close {
                    if pulse.is_answering() {
                        pulse.break_off();
                    }
                    return;
                }
                // One that hyper knows nothing of yet would be dropped with its answer half sent; it sees the end of its
                // stream as soon as the answer is out.
                if pulse.is_lent() {
                    connection.as_mut().graceful_shutdown();
                }
                last = Some(order);
            }
        };
    }
}

/// The answer; a panic on the way to it is a failure of that request alone.
async fn guarded(house: &House, peer: IpAddr, request: Request<Incoming>) -> Response<Body> {
    let answer = AssertUnwindSafe(answer::answer(house, peer, request)).catch_unwind().await;
    answer.unwrap_or_else(|_panic| {
        response::plain(StatusCode::INTERNAL_SERVER_ERROR, "the service failed on this request")
    })
}
