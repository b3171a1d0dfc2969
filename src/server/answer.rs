//! The road of one request through the service: method, target, plan, preconditions, artifact, range.

use std::time::{Duration, Instant};

use hyper::body::Body as HttpBody;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::Site;
use super::coding;
use super::conditional::{self, Validators, Verdict};
use super::connection::House;
use super::form;
use super::range::{self, Wanted};
use super::recent;
use super::response::{self, Body, Content, Part, Standing};
use super::telemetry::{self, Asked};
use crate::deliver::{Delivered, Outcome, artifact};
use crate::error::{Error, Kind};
use crate::packager::name::File;
use crate::plan::{Client, Decision};
use crate::request::path::TARGET_MAX;
use crate::request::shown::shown;
use crate::request::{self, Accepts};

/// What the service is, for who asks for something else.
const NOTHING_HERE: &str = "nothing is served under this path; vedette shows a frame of any video, at any size, by URL: \
                            /p/1/thumbnail/entry_id/{id}/width/640/vid_sec/10; and plays it: \
                            /p/1/sp/100/playManifest/entryId/{id}/format/applehttp/a.m3u8";

/// The answer to a request, counted and logged. The body of a POST is a form; that of other methods is not looked at.
pub(super) async fn answer<B: HttpBody>(house: &House, request: Request<B>) -> Response<Body> {
    let begun = Instant::now();
    let (head, body) = request.into_parts();
    let asked = Head { method: head.method, version: head.version, headers: head.headers };
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let authority = head.uri.authority().map(|authority| authority.as_str());
    let (kind, response) = match asked.method {
        Method::POST => match posted(house, &asked, target, body).await {
            Ok(form) => {
                let (kind, response) = routed(house, &asked, authority, (target, &form)).await;
                (kind, response::without_keeping(response))
            }
            Err(refusal) => (Asked::Other, *refusal),
        },
        _ => routed(house, &asked, authority, (target, "")).await,
    };
    if let Some(body) = response.body().bytes().filter(|_| is_at_hand(&asked, kind, &response)) {
        let wanted = recent::Wanted { target: target.as_bytes(), gzip: takes_gzip(&asked.headers) };
        house.recent.remember(wanted, kind, response.headers(), body);
    }
    let took = begun.elapsed();
    telemetry::answered(kind, response.status().as_u16(), took);
    tracing::debug!(target: "vedette::access", method = %asked.method, url = %shown(target), status = response.status().as_u16(), ms = millis(took));
    if asked.method == Method::HEAD { response::without_body(response) } else { response }
}

/// A request without its target and body.
struct Head {
    method: Method,
    version: Version,
    headers: HeaderMap,
}

/// Whether an equal request of this second has the same answer whatever its fields say but for the coding: a kept answer,
/// whole, in which neither `Accept` nor `Host` had a say. Only the answer itself tells that it was kept.
fn is_at_hand(head: &Head, asked: Asked, response: &Response<Body>) -> bool {
    let vary = response.headers().get(header::VARY);
    head.method == Method::GET
        && head.version == Version::HTTP_11
        && matches!(asked, Asked::Thumbnail | Asked::Playlist | Asked::Segment)
        && response.status() == StatusCode::OK
        && response::is_hit(response.headers())
        && vary.is_none_or(|vary| vary == response::ACCEPT_ENCODING)
}

/// The form of a POST, or what is answered without it.
async fn posted<B: HttpBody>(house: &House, head: &Head, target: &str, body: B) -> Result<String, Box<Response<Body>>> {
    if request::takes_form(target) == Some(false) {
        return Err(Box::new(response::form_not_allowed()));
    }
    form::read(&head.headers, body, house.form_patience).await
}

/// The answer to a target and a form, which is empty where there is none.
async fn routed(
    house: &House,
    head: &Head,
    authority: Option<&str>,
    (target, form): (&str, &str),
) -> (Asked, Response<Body>) {
    if let Some(refusal) = refused(head) {
        return (Asked::Other, refusal);
    }
    match request::parse_with_form(target, form) {
        None => (Asked::Other, response::plain(StatusCode::NOT_FOUND, NOTHING_HERE)),
        // What is too large before anything is looked up is the URL itself.
        Some(Err(error)) if error.kind() == Kind::TooLarge => {
            let is_form = !form.is_empty() && target.len() <= TARGET_MAX;
            let status = if is_form { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::URI_TOO_LONG };
            (Asked::Other, response::plain(status, error.message()))
        }
        Some(Err(error)) => (Asked::Other, response::failure(&error)),
        Some(Ok(request)) => {
            let base = base(&house.site, head, authority, &request);
            let client = Client { accepts: accepts(&head.headers), base: &base };
            let mut response = answered(house, head, &request, client).await;
            if response.as_ref().is_err_and(|failure| house.delivery.relearn(&request, failure)) {
                response = answered(house, head, &request, client).await;
            }
            (asked(&request), response.unwrap_or_else(|error| failed(target, &error)))
        }
    }
}

fn asked(request: &request::Request) -> Asked {
    match request {
        request::Request::Thumbnail(_) => Asked::Thumbnail,
        request::Request::PlayManifest(_) => Asked::PlayManifest,
        request::Request::Package(package) => match package.file {
            File::Multivariant | File::Manifest | File::Playlist(_) | File::IframePlaylist(_) => Asked::Playlist,
            File::Init(_) | File::Segment { .. } | File::Iframe { .. } | File::Subtitles(_) | File::Blank => {
                Asked::Segment
            }
        },
        request::Request::Served(_) => Asked::File,
    }
}

/// The scheme and host that URLs in an answer begin with: those of the site where it has any, else what the player asked
/// for, at a host that is the site's; none otherwise, and URLs are paths.
fn base(site: &Site, head: &Head, authority: Option<&str>, request: &request::Request) -> String {
    let request::Request::PlayManifest(asked) = request else { return String::new() };
    if let Some(url) = &site.public_url {
        return url.clone();
    }
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(authority);
    match host.filter(|host| site.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))) {
        Some(host) => format!("{}://{host}", asked.scheme),
        None => String::new(),
    }
}

/// What is answered without a look at what is asked for.
fn refused(head: &Head) -> Option<Response<Body>> {
    if head.version == Version::HTTP_11 && head.headers.get_all(header::HOST).iter().count() != 1 {
        // RFC 9112 section 3.2.
        return Some(response::plain(StatusCode::BAD_REQUEST, "a request has exactly one Host field"));
    }
    match head.method {
        Method::GET | Method::HEAD | Method::POST => None,
        Method::OPTIONS => Some(response::options()),
        Method::PUT | Method::DELETE | Method::PATCH | Method::TRACE | Method::CONNECT => {
            Some(response::method_not_allowed())
        }
        _ => Some(response::plain(StatusCode::NOT_IMPLEMENTED, "allowed are GET, HEAD, POST and OPTIONS")),
    }
}

async fn answered(
    house: &House,
    head: &Head,
    request: &request::Request,
    client: Client<'_>,
) -> Result<Response<Body>, Error> {
    let begun = Instant::now();
    let plan = match house.delivery.plan(request, client, response::now()).await? {
        Decision::Make(plan) => plan,
        Decision::Redirect { location, max_age } => return Ok(response::redirect(&location, max_age)),
    };
    let planned = begun.elapsed();
    let is_text = plan.work.is_text();
    let is_gzip = is_text && takes_gzip(&head.headers);
    let etag = if is_gzip { format!("\"{}-gzip\"", plan.key) } else { format!("\"{}\"", plan.key) };
    let current = Validators { etag: &etag, modified: plan.modified };
    let standing = Standing {
        etag: response::text(format_args!("{etag}")),
        modified: plan.modified,
        freshness: plan.freshness,
        vary: if is_text { Some(response::ACCEPT_ENCODING) } else { plan.negotiated.then_some("Accept") },
    };
    match conditional::judge(&head.method, &head.headers, current) {
        Verdict::NotModified => return Ok(response::not_modified(&standing)),
        Verdict::Failed => {
            return Ok(response::plain(StatusCode::PRECONDITION_FAILED, "it is another one by now"));
        }
        Verdict::Proceed => {}
    }
    let delivered = house.delivery.artifact(&plan).await?;
    telemetry::delivered(delivered.outcome, &delivered.artifact.timings);
    match delivered.outcome {
        Outcome::Hit => {}
        _ if plan.work.is_light() => {
            tracing::debug!(target: "vedette::made", work = %plan.work, ms = millis(begun.elapsed()));
        }
        _ => tracing::info!(target: "vedette::made", work = %plan.work, ms = millis(begun.elapsed())),
    }
    let artifact = &delivered.artifact;
    let compressed = is_gzip.then(|| artifact.gzip()).flatten();
    let body = compressed.map_or_else(|| artifact.body.clone(), artifact::Body::Bytes);
    let content = Content {
        media_type: artifact.media_type,
        length: body.len(),
        shown: artifact.shown.map(|time| response::text(format_args!("{time}"))),
        is_gzip,
        attachment: plan.attachment.as_deref().map(response::attachment),
    };
    let mut response = sent(house, head, &standing, current, (&content, body)).await?;
    describe(response.headers_mut(), &delivered, planned, begun.elapsed());
    Ok(response)
}

/// The part of a content that is asked for.
async fn sent(
    house: &House,
    head: &Head,
    standing: &Standing,
    current: Validators<'_>,
    (content, body): (&Content, artifact::Body),
) -> Result<Response<Body>, Error> {
    // A range is of GET alone (RFC 9110 section 14.2).
    let range = head.headers.get(header::RANGE).filter(|_| head.method == Method::GET);
    let part = match range.and_then(|value| value.to_str().ok()) {
        Some(value) if conditional::range_counts(&head.headers, current, response::now()) => {
            range::wanted(value, content.length)
        }
        _ => Wanted::Whole,
    };
    let (part, body) = match part {
        Wanted::Whole => (Part::Whole, body),
        Wanted::Part(range) => (Part::Bytes(range.clone()), body.part(range)),
        Wanted::Unsatisfiable => return Ok(response::unsatisfiable(content.length)),
    };
    let body = match body {
        _ if head.method == Method::HEAD => Body::default(),
        artifact::Body::Bytes(bytes) => bytes.into(),
        stored => {
            let length = stored.len();
            Body::reading(house.delivery.read(stored).await?, length)
        }
    };
    Ok(response::success(standing, content, &part, body, HeaderMap::with_capacity(FIELDS_MAX)))
}

/// More fields than any answer has.
const FIELDS_MAX: usize = 24;

fn describe(headers: &mut HeaderMap, delivered: &Delivered, planned: Duration, total: Duration) {
    match delivered.outcome {
        Outcome::Hit => return response::cache_fields(headers, response::CACHE_STATUS_HIT),
        Outcome::Made => response::cache_fields(headers, response::CACHE_STATUS_MADE),
        Outcome::Shared => response::cache_fields(headers, response::CACHE_STATUS_SHARED),
    }
    let steps = delivered.artifact.timings.steps();
    let steps: Vec<_> = [("plan", planned)].into_iter().chain(steps).chain([("total", total)]).collect();
    response::timing_field(headers, &steps);
}

/// The answer to a failure. What the service or what it depends on did wrong is logged with its causes.
fn failed(target: &str, error: &Error) -> Response<Body> {
    let target = shown(target);
    match error.kind() {
        Kind::Internal | Kind::Unavailable | Kind::Changed | Kind::TimedOut => tracing::error!(url = %target, ?error),
        Kind::Busy => tracing::warn!(url = %target, ?error),
        Kind::Invalid | Kind::Unauthorized | Kind::Forbidden | Kind::NotFound | Kind::Unsupported | Kind::TooLarge => {
            tracing::debug!(url = %target, ?error)
        }
    }
    response::failure(error)
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}

/// The formats that an `Accept` field names itself, with a quality above zero (RFC 9110 section 12.5.1). A wildcard is what
/// every client sends, and says nothing.
fn accepts(headers: &HeaderMap) -> Accepts {
    let mut accepts = Accepts::default();
    for line in headers.get_all(header::ACCEPT).iter().filter_map(|line: &HeaderValue| line.to_str().ok()) {
        for range in line.split(',') {
            let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
            let wanted = match name.trim() {
                name if name.eq_ignore_ascii_case("image/avif") => &mut accepts.avif,
                name if name.eq_ignore_ascii_case("image/webp") => &mut accepts.webp,
                _ => continue,
            };
            *wanted = !parameters.split(';').any(|parameter| coding::is_refusal(parameter.trim().as_bytes()));
        }
    }
    accepts
}

/// Whether a client takes what gzip has compressed.
fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().any(|value| coding::takes_gzip(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, avif: bool, webp: bool) {
        let headers = [(header::ACCEPT, HeaderValue::from_str(accept).unwrap())].into_iter().collect();
        assert_eq!(accepts(&headers), Accepts { avif, webp }, "{accept:?}");
    }

    #[test]
    fn formats_named() {
        check("image/avif,image/webp,image/apng,*/*;q=0.8", true, true);
        check("image/webp;q=0", false, false);
        check("image/webp; q=0.000, IMAGE/AVIF;Q=0.5", true, false);
        check("image/webp;v=0;q=1", false, true);
        check("*/*", false, false);
        check("image/*", false, false);
        check("", false, false);
        check(&"image/webp;q=0.1,".repeat(500), false, true);
    }
}
