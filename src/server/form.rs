//! Forms in the body of a POST, and JSON instead: read whole, within a time and a size.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use hyper::body::{Body as HttpBody, Buf};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::response;
use crate::request::json;

/// How much of a client is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Most bytes of a form.
    pub(super) bytes_max: usize,
    /// How long it may take to arrive.
    pub(super) patience: Duration,
}

/// The media types of forms, and of what is taken for one.
const TYPE: &str = "application/x-www-form-urlencoded";
const TYPE_JSON: &str = "application/json";

/// What is taken, as `Accept-Post` tells it (W3C Linked Data Platform 1.0 section 7.1).
const ACCEPTED: &str = "application/x-www-form-urlencoded, application/json";

/// How parameters are written in a body.
#[derive(Clone, Copy, PartialEq)]
enum Language {
    Form,
    Json,
}

/// The form in a body; empty for no body. What comes instead is the answer to a body that is no form, is too large or takes
/// too long.
pub(super) async fn read<B: HttpBody>(
    headers: &HeaderMap,
    body: B,
    limits: Limits,
) -> Result<String, Box<Response<Body>>> {
    if body.is_end_stream() {
        return Ok(String::new());
    }
    let language = language(headers)?;
    if body.size_hint().lower() > limits.bytes_max as u64 {
        return Err(too_large(limits.bytes_max));
    }
    match tokio::time::timeout(limits.patience, collected(body, limits.bytes_max)).await {
        Ok(bytes) => {
            let text = String::from_utf8(bytes?).map_err(|_| bad("the form is not UTF-8"))?;
            match language {
                Language::Form => Ok(text),
                Language::Json => json::as_form(&text).map_err(|error| bad(error.message())),
            }
        }
        Err(_elapsed) => Err(refusal(StatusCode::REQUEST_TIMEOUT, "the form took too long to arrive")),
    }
}

fn language(headers: &HeaderMap) -> Result<Language, Box<Response<Body>>> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let is_plain = headers.get(header::CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    let languages = [(TYPE, Language::Form), (TYPE_JSON, Language::Json)];
    let found = languages.into_iter().find(|(name, _)| essence.eq_ignore_ascii_case(name) && is_plain);
    if let Some((_, language)) = found {
        return Ok(language);
    }
    let mut response =
        refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, &format!("a body is a form: {TYPE}, or {TYPE_JSON}"));
    response.headers_mut().insert("accept-post", HeaderValue::from_static(ACCEPTED));
    Err(response)
}

async fn collected<B: HttpBody>(body: B, bytes_max: usize) -> Result<Vec<u8>, Box<Response<Body>>> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|_| bad("the form does not arrive"))?;
        let Ok(mut data) = frame.into_data() else { continue };
        if bytes.len() + data.remaining() > bytes_max {
            return Err(too_large(bytes_max));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            let length = chunk.len();
            data.advance(length);
        }
    }
    Ok(bytes)
}

fn too_large(bytes_max: usize) -> Box<Response<Body>> {
    refusal(StatusCode::PAYLOAD_TOO_LARGE, &format!("a form has at most {bytes_max} bytes"))
}

fn bad(line: &str) -> Box<Response<Body>> {
    refusal(StatusCode::BAD_REQUEST, line)
}

fn refusal(status: StatusCode, line: &str) -> Box<Response<Body>> {
    Box::new(response::plain(status, line))
}
