//! Declares stale what operators name: on the listener for them, and by `PURGE` on the other.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use futures_util::future::join_all;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use subtle::ConstantTimeEq;

use super::body::Body;
use super::failure;
use super::house::House;
use super::response::{CACHE_TAG, SURROGATE_KEY, plain};
use crate::error::{Error, Kind, Result};
use crate::network::Network;
use crate::request::stale::{self, Stale};

/// What caches have made a method of.
pub(super) const METHOD: &str = "PURGE";

/// A shorter token may be guessed.
const TOKEN_MIN: usize = 16;

/// Who may declare anything stale by `PURGE`.
pub(super) struct Purgers {
    networks: Vec<Network>,
    token: Option<Box<[u8]>>,
}

/// Says nothing of the token.
impl fmt::Debug for Purgers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Purgers").field("networks", &self.networks).finish_non_exhaustive()
    }
}

impl Purgers {
    /// Clients in these networks, and who has the token in a file, which may have blanks around it.
    pub(super) fn new(networks: Vec<Network>, token_file: Option<&Path>) -> Result<Purgers> {
        Ok(Purgers { networks, token: token_file.map(token).transpose()? })
    }

    fn are_none(&self) -> bool {
        self.networks.is_empty() && self.token.is_none()
    }

    /// Whether they are who asks, in the clear words of its address or with the token (RFC 6750 section 2.1).
    fn have(&self, client: IpAddr, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(|given| given.split_at_checked(BEARER.len()));
        let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(BEARER)).map(|(_, token)| token);
        let knows = || given.zip(self.token.as_deref()).is_some_and(|(given, token)| given.ct_eq(token).into());
        self.networks.iter().any(|network| network.contains(client)) || knows()
    }
}

const BEARER: &[u8] = b"Bearer ";

fn token(file: &Path) -> Result<Box<[u8]>> {
    let shown = file.display();
    let text = std::fs::read(file).map_err(|cause| {
        Error::new(Kind::Unavailable, format!("the token file {shown} cannot be read")).caused_by(cause)
    })?;
    match text.trim_ascii() {
        token if token.len() >= TOKEN_MIN => Ok(token.into()),
        _ => Err(Error::invalid(format!("the token in {shown} has fewer than {TOKEN_MIN} bytes"))),
    }
}

/// The answer to `PURGE` of a target by a client: what is kept of the entry that it is about is stale.
pub(super) async fn asked(house: &House, client: IpAddr, headers: &HeaderMap, target: &str) -> Response<Body> {
    if house.purgers.are_none() {
        return failure::method_not_allowed();
    }
    if !house.purgers.have(client, headers) {
        let mut refusal = plain(StatusCode::UNAUTHORIZED, "PURGE takes a token: Authorization: Bearer …");
        refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refusal;
    }
    purged(stale::of_url(target).map(|stale| vec![stale]), house).await
}

/// The answer to a query and fields of an operator that name what is stale.
pub(super) async fn ordered(query: &str, headers: &HeaderMap, house: &House) -> Response<Body> {
    purged(named(query, headers), house).await
}

fn named(query: &str, headers: &HeaderMap) -> Result<Vec<Stale>> {
    let mut named = stale::of_query(query)?;
    for field in [SURROGATE_KEY, CACHE_TAG] {
        for tags in headers.get_all(field) {
            let tags = tags.to_str().map_err(|_| Error::invalid("tags are of A-Z a-z 0-9 _ - ."))?;
            named.extend(stale::of_tags(tags)?);
        }
    }
    if named.is_empty() {
        return Err(Error::invalid(
            "expected what is stale: ?url=, ?entry=, ?partner=, ?tag=, ?all=true or Surrogate-Key",
        ));
    }
    Ok(named)
}

async fn purged(named: Result<Vec<Stale>>, house: &House) -> Response<Body> {
    let named = match named {
        Ok(named) => named,
        Err(error) => return failure::failure(&error),
    };
    // All of them, also where one fails, and those that are written down together.
    let forgotten = join_all(named.iter().map(|stale| house.delivery.forget(stale))).await;
    house.recent.clear();
    if let Err(error) = forgotten.into_iter().collect::<Result<()>>() {
        tracing::error!(?error, "a purge failed");
        return failure::failure(&error);
    }
    metrics::counter!("vedette_purges_total").increment(named.len() as u64);
    plain(StatusCode::OK, "purged")
}
