//! Declares stale what operators name: on the listener for them, and by `PURGE` with a token on the other.

use std::fmt;
use std::path::Path;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use subtle::ConstantTimeEq;

use super::body::Body;
use super::failure;
use super::recent::Recent;
use super::response::{CACHE_TAG, SURROGATE_KEY, plain};
use crate::deliver::Delivery;
use crate::error::{Error, Kind, Result};
use crate::request::stale::{self, Stale};

/// What caches have made a method of.
pub(super) const METHOD: &str = "PURGE";

/// A shorter token may be guessed.
const TOKEN_MIN: usize = 16;

/// What has to be known to declare anything stale.
pub(super) struct Token(Box<[u8]>);

/// Says nothing of it.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The token in a file, without the blanks around it.
    pub(super) fn read(file: &Path) -> Result<Token> {
        let shown = file.display();
        let text = std::fs::read(file).map_err(|cause| {
            Error::new(Kind::Unavailable, format!("the token file {shown} cannot be read")).caused_by(cause)
        })?;
        let token = text.trim_ascii();
        if token.len() < TOKEN_MIN {
            return Err(Error::invalid(format!("the token in {shown} has fewer than {TOKEN_MIN} bytes")));
        }
        Ok(Token(token.into()))
    }

    /// Whether a request has it (RFC 6750 section 2.1).
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(|given| given.split_at_checked(b"Bearer ".len()));
        given.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(token.ct_eq(&self.0)))
    }
}

/// The answer to `PURGE` of a target: what is kept of the entry that it is about is stale. Nobody may where there is no token.
pub(super) async fn asked(
    token: Option<&Token>,
    headers: &HeaderMap,
    target: &str,
    (delivery, recent): (&Delivery, &Recent),
) -> Response<Body> {
    let Some(token) = token else { return failure::method_not_allowed() };
    if !token.is_in(headers) {
        let mut refusal = plain(StatusCode::UNAUTHORIZED, "PURGE takes a token: Authorization: Bearer …");
        refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refusal;
    }
    purged(stale::of_url(target).map(|stale| vec![stale]), (delivery, recent)).await
}

/// The answer to a query and fields of an operator that name what is stale.
pub(super) async fn ordered(query: &str, headers: &HeaderMap, kept: (&Delivery, &Recent)) -> Response<Body> {
    purged(named(query, headers), kept).await
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

async fn purged(named: Result<Vec<Stale>>, (delivery, recent): (&Delivery, &Recent)) -> Response<Body> {
    let named = match named {
        Ok(named) => named,
        Err(error) => return failure::failure(&error),
    };
    for stale in &named {
        if let Err(error) = delivery.forget(stale).await {
            return failure::failure(&error);
        }
        tracing::info!(?stale, "purged");
    }
    recent.clear();
    metrics::counter!("vedette_purges_total").increment(named.len() as u64);
    plain(StatusCode::OK, "purged")
}
