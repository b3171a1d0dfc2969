//! The road of one request through the service: method, target, plan, preconditions, artifact, range.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Body as HttpBody;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::account::Account;
use super::asker::{self, asker};
use super::body::Body;
use super::coding;
use super::conditional::{self, Validators};
use super::failure;
use super::field;
use super::form;
use super::forwarded::Way;
use super::head;
use super::house::House;
use super::ident::{self, X_REQUEST_ID};
use super::journal::{self, millis};
use super::multipart;
use super::prepared::{Prepared, content, etag, standing, takes_gzip};
use super::purge;
use super::quota::Tally;
use super::range::{self, Wanted};
use super::recent;
use super::reply;
use super::response::{self, Content, Part};
use super::telemetry::{self, Asked};
use super::traces::Steps;
use super::{Peer, Site};
use crate::access::viewer::Asker;
use crate::deliver::admission::Admission;
use crate::deliver::artifact::{self, Timings};
use crate::deliver::extent::Held;
use crate::deliver::{Delivered, Outcome};
use crate::error::{Error, Kind};
use crate::packager::layout::{Layout, Slice};
use crate::plan::{Client, Decision, Plan};
use crate::request::path::TARGET_MAX;
use crate::request::shown::shown;
use crate::request::{self, Accepts};

/// What the service is, for who asks for something else.
const NOTHING_HERE: &str = "nothing is served under this path; vedette shows a frame of any video, at any size, by URL: \
                            /p/1/thumbnail/entry_id/{id}/width/640/vid_sec/10; and plays it: \
                            /p/1/sp/100/playManifest/entryId/{id}/format/applehttp/a.m3u8";

/// The answer to a request, counted and logged. The body of a POST is a form; that of other methods is not looked at.
pub(super) async fn answer<B: HttpBody>(
    house: &House,
    peer: Peer,
    request: Request<B>,
    tally: Tally,
) -> Response<Body> {
    let begun = Instant::now();
    let (head, body) = request.into_parts();
    let name = ident::name(head.headers.get(X_REQUEST_ID).map(HeaderValue::as_bytes));
    let asked = Head { method: head.method, version: head.version, headers: head.headers, peer, name };
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let authority = head.uri.authority().map(|authority| authority.as_str());
    let account = Account::open(house, &asked, target, begun);
    let (kind, mut response) = account.of(decided(house, &asked, (authority, target), (body, tally))).await;
    account.close(kind, &mut response);
    response.headers_mut().insert(X_REQUEST_ID, asked.name);
    if asked.method == Method::HEAD { response::without_body(response) } else { response }
}

/// The answer to a request by its method, unless its client asks for more than one may.
async fn decided<B: HttpBody>(
    house: &House,
    head: &Head,
    (authority, target): (Option<&str>, &str),
    (body, tally): (B, Tally),
) -> (Asked, Response<Body>) {
    let client = || house.proxies.way(head.peer, &head.headers).client;
    if tally == Tally::Uncounted
        && let Err(exceeded) = house.admit(client)
    {
        return (Asked::Other, failure::too_many_requests(exceeded));
    }
    match head.method {
        Method::POST => match posted(house, head, target, body).await {
            Ok(form) => {
                let (kind, response) = routed(house, head, authority, (target, &form)).await;
                (kind, response::without_keeping(response))
            }
            Err(refusal) => (Asked::Other, *refusal),
        },
        ref method if method.as_str() == purge::METHOD => {
            (Asked::Other, purge::asked(house, client(), &head.headers, target).await)
        }
        _ => routed(house, head, authority, (target, "")).await,
    }
}

/// A request without its target and body, and who sent it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) peer: Peer,
    /// What it is known by.
    pub(super) name: HeaderValue,
}

/// Whether a plain request of this second for the same has the same answer, or a part of it, whatever else its fields say but
/// for the coding: a kept one in which neither `Accept` nor `Host` had a say.
fn is_at_hand(head: &Head, asked: Asked, outcome: Outcome, response: &Response<Body>) -> bool {
    let vary = response.headers().get(header::VARY);
    head.method == Method::GET
        && matches!(asked, Asked::Thumbnail | Asked::Playlist | Asked::Segment | Asked::File)
        && outcome == Outcome::Hit
        && vary.is_none_or(|vary| vary == response::ACCEPT_ENCODING)
}

/// The form of a POST, or what is answered without it.
async fn posted<B: HttpBody>(house: &House, head: &Head, target: &str, body: B) -> Result<String, Box<Response<Body>>> {
    if request::takes_form(target) == Some(false) {
        return Err(Box::new(failure::form_not_allowed()));
    }
    form::read(&head.headers, body, house.form).await
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
        Some(Err(error)) => (Asked::Other, failure::failure(&error)),
        Some(Ok(request)) => {
            let way = house.proxies.way(head.peer, &head.headers);
            let base = base(&house.site, way, host(head, authority), &request);
            let client = Client { accepts: accepts(&head.headers), base: &base };
            let country = house.countries.as_ref().and_then(|countries| countries.of(way.client));
            let asker = asker(&head.headers, (way.client, country), form.is_empty().then_some(target));
            let mut response = answered(house, head, (target, &request), (client, &asker)).await;
            if let Err(failure) = &response
                && house.delivery.relearn(&request, &failure.error).await
            {
                response = answered(house, head, (target, &request), (client, &asker)).await;
            }
            (
                Asked::of(&request),
                response.unwrap_or_else(|failure| failed(&house.site, (head, target), &request, &failure)),
            )
        }
    }
}

/// The scheme and host that URLs in an answer begin with: those of the site where it has any, else what the player asked
/// for, at a host that is the site's; none otherwise, and URLs are paths.
fn base(site: &Site, way: Way<'_>, host: Option<&str>, request: &request::Request) -> String {
    let request::Request::PlayManifest(asked) = request else { return String::new() };
    if let Some(url) = &site.public_url {
        return url.clone();
    }
    let is_own = |host: &&str| site.hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
    match way.host.or(host).filter(is_own) {
        Some(host) => format!("{}://{host}", asked.scheme.as_deref().or(way.scheme).unwrap_or("http")),
        None => String::new(),
    }
}

/// The host that a request is for (RFC 9110 section 7.2).
fn host<'a>(head: &'a Head, authority: Option<&'a str>) -> Option<&'a str> {
    head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(authority)
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
            Some(failure::method_not_allowed())
        }
        _ => Some(response::plain(StatusCode::NOT_IMPLEMENTED, "allowed are GET, HEAD, POST and OPTIONS")),
    }
}

/// Why there is no answer.
struct Failure {
    error: Error,
    /// Whether it is the same for whoever asks.
    is_for_all: bool,
    /// What the viewer may be told.
    message: Option<HeaderValue>,
}

async fn answered(
    house: &House,
    head: &Head,
    wanted: (&str, &request::Request),
    (client, asker): (Client<'_>, &Asker<'_>),
) -> Result<Response<Body>, Failure> {
    let unknown = |error| Failure { error, is_for_all: true, message: None };
    let admission = house.delivery.admit(wanted.1, asker).await.map_err(unknown)?;
    let message = told(&admission);
    let answer = match admitted(house, head, wanted, (client, asker, &admission, &message)).await {
        Err(error) => before(house, head, wanted, (client, &admission, &message), error).await,
        answer => answer,
    };
    answer.map_err(|error| Failure { error, is_for_all: admission.is_for_all(), message })
}

/// What the viewer may be told.
fn told(admission: &Admission<'_>) -> Option<HeaderValue> {
    let has_any = !admission.messages.is_empty();
    has_any.then(|| field::text(format_args!("{}", admission.messages.join("; "))))
}

async fn admitted(
    house: &House,
    head: &Head,
    (target, request): (&str, &request::Request),
    (client, asker, admission, message): (Client<'_>, &Asker<'_>, &Admission<'_>, &Option<HeaderValue>),
) -> Result<Response<Body>, Error> {
    let begun = Instant::now();
    let plan = match house.delivery.plan(request, client, admission).await? {
        Decision::Make(plan) => plan,
        Decision::Redirect { location, freshness } => {
            return Ok(response::telling(response::redirect(&location, freshness), message.as_ref()));
        }
    };
    let planned = begun.elapsed();
    let prepared = Prepared::new(plan, head, message.clone(), admission.doubt_s);
    if let Some(response) = prepared.answered_without(head) {
        return Ok(response);
    }
    let mut delivered = house.delivery.artifact(&prepared.plan, asker.address).await?;
    house.delivery.remember(request, client, &prepared.plan, delivered.outcome);
    telemetry::delivered(delivered.outcome, &delivered.artifact.timings);
    tell(&prepared.plan, &delivered, begun);
    if admission.doubt_s.is_some() && matches!(delivered.outcome, Outcome::Hit | Outcome::OnDisk) {
        delivered.outcome = Outcome::Stale;
    }
    sent(house, head, (target, request), (admission, &prepared), (&delivered, planned, begun)).await
}

/// What was made before for the same wish, where there is any that may be sent for what failed.
async fn before(
    house: &House,
    head: &Head,
    (target, request): (&str, &request::Request),
    (client, admission, message): (Client<'_>, &Admission<'_>, &Option<HeaderValue>),
    error: Error,
) -> Result<Response<Body>, Error> {
    let begun = Instant::now();
    let Some((plan, delivered, age_s)) = house.delivery.last_good(request, client, admission, &error).await else {
        return Err(error);
    };
    tracing::warn!(?error, url = %shown(target), age_s, "what was made before is sent");
    let prepared = Prepared::new(plan, head, message.clone(), Some(age_s));
    match prepared.answered_without(head) {
        Some(response) => Ok(response),
        None => {
            let took = (&delivered, Duration::ZERO, begun);
            sent(house, head, (target, request), (admission, &prepared), took).await
        }
    }
}

/// The answer that sends an artifact, or the part of it that is asked for.
async fn sent(
    house: &House,
    head: &Head,
    (target, request): (&str, &request::Request),
    (admission, prepared): (&Admission<'_>, &Prepared),
    (delivered, planned, begun): (&Delivered, Duration, Instant),
) -> Result<Response<Body>, Error> {
    let standing = prepared.standing();
    let (body, content) = content(&prepared.plan, &delivered.artifact, prepared.is_gzip);
    let wanted = wanted(head, prepared.current(), &content, house.ranges_max);
    let Some((part, layout)) = arranged(wanted, &content, prepared.etag.trim_matches('"')) else {
        return Ok(response::unsatisfiable(content.length));
    };
    let (held, body) = match head.method {
        Method::HEAD => (None, Body::default()),
        _ => {
            let held = house.delivery.held(&body).await?;
            let body = carried(house, &body, held.as_ref(), &layout).await?;
            (held, body)
        }
    };
    if standing.age.is_some() {
        telemetry::stale();
    }
    let mut response = response::success(&standing, &content, &part, body, HeaderMap::with_capacity(FIELDS_MAX));
    let steps = steps(delivered, planned);
    describe(response.headers_mut(), delivered.outcome, &steps, begun.elapsed());
    if house.tracer.is_some() {
        response.extensions_mut().insert(Steps(steps));
    }
    let kind = Asked::of(request);
    let is_at_hand = admission.is_for_holders()
        && !matches!(part, Part::Several { .. })
        && is_at_hand(head, kind, delivered.outcome, &response);
    if let Some(held) = held.filter(|_| is_at_hand) {
        let session = asker::session(&head.headers).map(str::as_bytes);
        let wanted = head::Wanted { target: target.as_bytes(), session, gzip: takes_gzip(&head.headers) };
        let now = field::now();
        house.recent.remember((wanted, kind), now, || recent::fields(response.headers(), now), held);
    }
    Ok(response)
}

/// The answer to a plain request and what it is of, where that is a matter of microseconds: as it would be answered otherwise,
/// and without a moment's waiting. `None` for everything else. Its head is added to `sent`, with what `identify` adds there, and
/// a short body as well; a long one is returned.
pub(super) fn at_once(
    house: &House,
    wanted: head::Wanted<'_>,
    (begun, now): (Instant, u64),
    sent: &mut Vec<u8>,
    identify: &dyn Fn(&mut Vec<u8>),
) -> Option<(Asked, Outcome, Bytes)> {
    let target = std::str::from_utf8(wanted.target).ok()?;
    let request = request::parse(target)?.ok()?;
    let kind = Asked::of(&request);
    if !matches!(kind, Asked::Thumbnail | Asked::Playlist) {
        return None;
    }
    let session = wanted.session.map(std::str::from_utf8).transpose().ok()?;
    let holder = Asker { target: Some(target), session, now, ..Asker::default() };
    let (plan, delivered) = house.delivery.at_once(&request, &holder)?;
    tell(&plan, &delivered, begun);
    let is_gzip = plan.work.is_text() && wanted.gzip;
    let (artifact::Body::Bytes(body), content) = content(&plan, &delivered.artifact, is_gzip) else { return None };
    let etag = etag(&plan, is_gzip);
    let describe = |fields: &mut Vec<u8>| {
        response::describe(fields, &standing(&plan, &etag), &content);
        response::cache_fields(fields, delivered.outcome);
        match delivered.outcome {
            Outcome::Hit => response::hit_timing_field(fields),
            outcome => response::timing_field(fields, outcome, &[("total", begun.elapsed())]),
        }
        reply::finish(fields, now);
    };
    reply::begin(sent, StatusCode::OK);
    identify(sent);
    reply::length(sent, body.len() as u64);
    describe(sent);
    let rest = if body.len() <= COPIED_MAX { Bytes::new() } else { body.clone() };
    if rest.is_empty() {
        sent.extend_from_slice(&body);
    }
    if delivered.outcome == Outcome::Hit {
        let fields = || {
            let mut fields = Vec::with_capacity(reply::HEAD_BYTES);
            describe(&mut fields);
            fields
        };
        house.recent.remember((wanted, kind), now, fields, Held::Bytes(body));
    }
    Some((kind, delivered.outcome, rest))
}

/// A body up to here is copied behind its head, so that both are sent in one piece.
const COPIED_MAX: usize = 4096;

/// Tells the log of what was made.
fn tell(plan: &Plan, delivered: &Delivered, begun: Instant) {
    match delivered.outcome {
        Outcome::Hit | Outcome::OnDisk | Outcome::Stale => {}
        _ if plan.work.is_light() => {
            tracing::debug!(target: "vedette::made", work = %plan.work, ms = millis(begun.elapsed()));
        }
        _ => {
            let priced_ms = millis(delivered.artifact.timings.priced);
            tracing::info!(target: "vedette::made", work = %plan.work, ms = millis(begun.elapsed()), priced_ms);
        }
    }
}

/// Which part of a content is asked for. A range is of GET alone, and a field that comes twice is none (RFC 9110 sections
/// 14.2 and 5.3).
fn wanted(head: &Head, current: Validators<'_>, content: &Content, ranges_max: usize) -> Wanted {
    let mut fields = head.headers.get_all(header::RANGE).iter();
    let (Some(field), None, &Method::GET) = (fields.next(), fields.next(), &head.method) else { return Wanted::Whole };
    if !conditional::range_counts(&head.headers, current, field::now()) {
        return Wanted::Whole;
    }
    match field.to_str().map_or(Wanted::Whole, |value| range::wanted(value, content.length)) {
        // The fields of an answer in parts could not say that it is the parts which are compressed.
        Wanted::Parts(_) if content.is_gzip => Wanted::Whole,
        // Who asks for many is not well served by parts (RFC 9110 section 14.2).
        Wanted::Parts(parts) if parts.len() > ranges_max => Wanted::Whole,
        wanted => wanted,
    }
}

/// What is sent of a content with `length` bytes, and which part that is; `None` where no byte of it is asked for.
fn arranged<'a>(wanted: Wanted, content: &Content, boundary: &'a str) -> Option<(Part<'a>, Layout)> {
    Some(match wanted {
        Wanted::Whole => (Part::Whole, (0..content.length).into()),
        Wanted::Part(range) => (Part::Bytes(range.clone()), range.into()),
        Wanted::Parts(ranges) => {
            let layout = multipart::layout(&ranges, content.length, &content.media_type, boundary);
            (Part::Several { boundary, length: layout.len() }, layout)
        }
        Wanted::Unsatisfiable => return None,
    })
}

/// What a layout makes of a body: from where it is, or read.
async fn carried(house: &House, body: &artifact::Body, held: Option<&Held>, layout: &Layout) -> Result<Body, Error> {
    match (held, layout.slices()) {
        (Some(held), []) => Ok(held.part(0..0).into()),
        (Some(held), [Slice::Source(range)]) => Ok(held.part(range.clone()).into()),
        _ => Ok(Body::reading(house.delivery.read(body.arranged(layout)).await?, layout.len())),
    }
}

/// More fields than any answer has.
const FIELDS_MAX: usize = 24;

/// The steps that took any time for this answer.
fn steps(delivered: &Delivered, planned: Duration) -> Vec<(&'static str, Duration)> {
    let made = match delivered.outcome {
        // What was there was made long ago.
        Outcome::Hit | Outcome::Stale => Timings::default(),
        Outcome::OnDisk | Outcome::Made | Outcome::Shared => delivered.artifact.timings,
    };
    let steps = [("plan", planned)].into_iter().chain(made.steps());
    steps.filter(|(_, took)| !took.is_zero()).collect()
}

fn describe(headers: &mut HeaderMap, outcome: Outcome, steps: &[(&'static str, Duration)], total: Duration) {
    response::cache_fields(headers, outcome);
    match outcome {
        Outcome::Hit => response::hit_timing_field(headers),
        _ => response::timing_field(headers, outcome, &[steps, &[("total", total)]].concat()),
    }
}

/// The answer to a failure. What the service or what it depends on did wrong is logged with its causes.
fn failed(site: &Site, (head, target): (&Head, &str), request: &request::Request, failure: &Failure) -> Response<Body> {
    let Failure { error, is_for_all, message } = failure;
    telemetry::failed(error.kind());
    journal::failure(head, target, error);
    let of_file = |response| if site.legacy_status { failure::legacy(response) } else { response };
    let response = match request {
        request::Request::Raw(_) => of_file(failure::raw_failure(error)),
        request::Request::Served(_) | request::Request::Download(_) | request::Request::Asset(_) => {
            of_file(failure::file_failure(error))
        }
        request::Request::Thumbnail(_) | request::Request::PlayManifest(_) | request::Request::Package(_) => {
            failure::failure(error)
        }
    };
    let response = response::telling(response, message.as_ref());
    if *is_for_all { response } else { response::without_keeping(response) }
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
