//! One connection from its acceptance to its end.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, TryFutureExt};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch::Receiver;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::body::Body;
use super::crowd::Member;
use super::express::Express;
use super::house::House;
use super::pulse::{OpenRequest, Order, Pulsed};
use super::quota::Tally;
use super::siding::Siding;
use super::telemetry::refused;
use super::{Peer, answer, proxy_protocol, response};
use crate::error::{Error, Kind, Result};

/// A connection in the clear, or one that nobody reads along.
type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// Answers the requests of a connection that comes from an address, until it ends or is told to.
pub(super) async fn serve(houses: Receiver<Arc<House>>, (stream, from): (TcpStream, IpAddr), mut member: Member) {
    let pulse = Arc::clone(&member.pulse);
    let house = Arc::clone(&houses.borrow());
    let arrived = tokio::select! {
        arrived = arrived(&house, stream, from, &mut member) => arrived,
        _ = pulse.told(None) => return,
    };
    let (stream, peer) = match arrived {
        Ok(arrived) => arrived,
        Err(error) => return tracing::debug!(%from, ?error, "connection refused"),
    };
    let siding = Arc::new(Siding::default());
    let service = service_fn(|request: Request<Incoming>| {
        let open = OpenRequest::new(&pulse, request.version());
        // Hyper reads these alone, and does not tell whether there was a length besides: RFC 9112 section 6.3.
        let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
        let (house, siding) = (Arc::clone(&houses.borrow()), Arc::clone(&siding));
        let tally = siding.tally();
        async move {
            let mut response = guarded(&house, peer, request, tally).await;
            if open.is_last() || is_chunked {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(siding.divert(response, open))
        }
    });
    let stream = match stream {
        Either::Left(clear) => {
            let stream = Pulsed::new(clear, Arc::clone(&pulse));
            let siding = Arc::clone(&siding);
            Either::Left(Express::new((stream, peer), Arc::clone(&pulse), houses.clone(), siding))
        }
        Either::Right(secret) => {
            pulse.give();
            Either::Right(Pulsed::new(secret, Arc::clone(&pulse)))
        }
    };
    let mut connection = pin!(house.protocol.serve_connection(TokioIo::new(stream), service));
    let mut last = None;
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "connection ended");
                    match error.downcast_ref::<hyper::Error>() {
                        // A body came to no end.
                        Some(error) if error.is_user() => pulse.break_off(),
                        Some(error) if error.is_parse() || error.is_parse_too_large() => refused("malformed"),
                        _ => {}
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
                // Of others hyper sees the end as soon as no request is left: it would drop what it knows nothing of.
                if pulse.is_given() {
                    connection.as_mut().graceful_shutdown();
                }
                last = Some(order);
            }
        };
    }
}

/// A connection that comes from `from`, and who is at its other end, which is told by a proxy where it is one.
async fn arrived(house: &House, stream: TcpStream, from: IpAddr, member: &mut Member) -> Result<(Stream, Peer)> {
    let patience = house.patience.header;
    let (mut stream, mut address) = (stream, from);
    if house.proxies.protocol && house.proxies.are(from) {
        let told = in_time(patience, proxy_protocol::read(&mut stream)).await.inspect_err(|_| refused("proxy"))?;
        address = told.map_or(from, |client| client.ip());
    }
    if !house.proxies.are(address) && !member.is_one_of(address, house.connections_per_client_max) {
        refused("client");
        return Err(Error::new(Kind::Busy, "the client has as many connections as one may have"));
    }
    let Some(tls) = &house.tls else { return Ok((Either::Left(stream), Peer { address, is_secure: false })) };
    let disagreed = |error| Error::invalid("no agreement on TLS").caused_by(error);
    let stream = in_time(patience, tls.accept(stream).map_err(disagreed)).await.inspect_err(|_| refused("tls"))?;
    Ok((Either::Right(stream), Peer { address, is_secure: true }))
}

/// What comes of `step`, unless it takes too long.
async fn in_time<T>(patience: Duration, step: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| Error::new(Kind::TimedOut, "the other end takes too long to say who it is");
    tokio::time::timeout(patience, step).await.map_err(late)?
}

/// The answer; a panic on the way to it is a failure of that request alone.
async fn guarded(house: &House, peer: Peer, request: Request<Incoming>, tally: Tally) -> Response<Body> {
    let answer = AssertUnwindSafe(answer::answer(house, peer, request, tally)).catch_unwind().await;
    answer.unwrap_or_else(|_panic| {
        response::plain(StatusCode::INTERNAL_SERVER_ERROR, "the service failed on this request")
    })
}
