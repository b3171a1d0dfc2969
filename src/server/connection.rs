//! One connection from its acceptance to its end.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch::Receiver;

use super::body::Body;
use super::express::Express;
use super::house::House;
use super::pulse::{OpenRequest, Order, Pulse, Pulsed};
use super::siding::Siding;
use super::{Peer, answer, proxy_protocol, response};
use crate::error::{Error, Kind, Result};

/// Answers the requests of a connection until it ends or is told to.
pub(super) async fn serve(houses: Receiver<Arc<House>>, (mut stream, from): (TcpStream, IpAddr), pulse: Arc<Pulse>) {
    let house = Arc::clone(&houses.borrow());
    let peer = tokio::select! {
        peer = arrived(&house, &mut stream, from) => match peer {
            Ok(peer) => peer,
            Err(error) => return tracing::debug!(%from, ?error, "connection refused"),
        },
        _ = pulse.told(None) => return,
    };
    let siding = Arc::new(Siding::default());
    let service = service_fn(|request: Request<Incoming>| {
        let open = OpenRequest::new(&pulse, request.version());
        let (house, siding) = (Arc::clone(&houses.borrow()), Arc::clone(&siding));
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

/// Who is at the other end of a connection that comes from `from`, which is told by a proxy where it is one.
async fn arrived(house: &House, stream: &mut TcpStream, from: IpAddr) -> Result<Peer> {
    let mut peer = Peer { address: from, is_secure: false };
    if house.proxies.protocol && house.proxies.are(from) {
        let told = tokio::time::timeout(house.patience.header, proxy_protocol::read(stream)).await;
        let told = told.map_err(|_| Error::new(Kind::TimedOut, "a proxy takes too long to say who its client is"))?;
        peer.address = told?.map_or(from, |client| client.ip());
    }
    Ok(peer)
}

/// The answer; a panic on the way to it is a failure of that request alone.
async fn guarded(house: &House, peer: Peer, request: Request<Incoming>) -> Response<Body> {
    let answer = AssertUnwindSafe(answer::answer(house, peer, request)).catch_unwind().await;
    answer.unwrap_or_else(|_panic| {
        response::plain(StatusCode::INTERNAL_SERVER_ERROR, "the service failed on this request")
    })
}
