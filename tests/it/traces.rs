//! What a collector is told of requests, read by the schema of OTLP.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Deserialize;
use vedette::deliver::Config as DeliverConfig;
use vedette::server::Config;
use vedette::trace::Config as TraceConfig;

use crate::far::Far;
use crate::http::Running;
use crate::s3;
use crate::support::{Server, library, soon, target};

/// `ExportTraceServiceRequest` of opentelemetry-proto in JSON; what is not in the schema is refused.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Export {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceSpans {
    resource: Resource,
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    attributes: Vec<KeyValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeSpans {
    #[expect(dead_code, reason = "it is there")]
    scope: Scope,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there")]
struct Scope {
    name: String,
    version: String,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Span {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    parent_span_id: String,
    name: String,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    #[serde(default)]
    attributes: Vec<KeyValue>,
    status: Option<Status>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    code: u8,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    key: String,
    value: AnyValue,
}

#[derive(Clone, Deserialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum AnyValue {
    StringValue(String),
    IntValue(String),
}

impl AnyValue {
    fn text(&self) -> &str {
        match self {
            AnyValue::StringValue(text) | AnyValue::IntValue(text) => text,
        }
    }
}

impl Span {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|pair| pair.key == name).map(|pair| pair.value.text())
    }

    fn times(&self) -> (u128, u128) {
        (self.start_time_unix_nano.parse().unwrap(), self.end_time_unix_nano.parse().unwrap())
    }
}

/// What a collector was sent.
#[derive(Clone)]
struct Post {
    path: String,
    headers: HashMap<String, String>,
    body: String,
}

/// A receiver of OTLP over HTTP that answers as it is told.
struct Collector {
    url: String,
    posts: Arc<Mutex<Vec<Post>>>,
}

impl Collector {
    /// Answers with these statuses in turn, the last one for ever; `None` is no answer at all.
    fn new(statuses: &'static [Option<u16>]) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let posts: Arc<Mutex<Vec<Post>>> = Arc::default();
        let received = Arc::clone(&posts);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let received = Arc::clone(&received);
                std::thread::spawn(move || converse(stream.unwrap(), &received, statuses));
            }
        });
        Collector { url, posts }
    }

    fn spans(&self) -> Vec<Span> {
        let posts = self.posts.lock().unwrap().clone();
        let exports = posts.iter().map(|post| serde_json::from_str::<Export>(&post.body).unwrap());
        let scopes = exports.flat_map(|export| export.resource_spans).flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// The spans of requests, once there are so many.
    #[track_caller]
    fn requests(&self, count: usize) -> Vec<Span> {
        let found = || self.spans().into_iter().filter(|span| span.kind == 2).collect::<Vec<_>>();
        soon(|| found().len() >= count);
        found()
    }
}

fn converse(stream: TcpStream, received: &Mutex<Vec<Post>>, statuses: &[Option<u16>]) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split(' ');
        assert_eq!(words.next(), Some("POST"));
        let path = words.next().unwrap().to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let mut posts = received.lock().unwrap();
        posts.push(Post { path, headers, body: String::from_utf8(body).unwrap() });
        let status = statuses[(posts.len() - 1).min(statuses.len() - 1)];
        drop(posts);
        match status {
            Some(status) => {
                let answer =
                    format!("HTTP/1.1 {status} S\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}");
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
            None => std::thread::sleep(Duration::from_secs(3600)),
        }
    }
}

/// Serves the library, telling a collector by the variables that all services know.
fn serve(collector: &Collector, more: &[&str]) -> Server {
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_SERVICE_NAME", "edge"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s%20t"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Server::start_within(library(), more, &environment)
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[test]
fn a_request_is_a_span_with_its_steps() {
    let collector = Collector::new(&[Some(200)]);
    let server = serve(&collector, &[]);
    let path = target("0_hills", "width/160/vid_sec/1");
    let asked = format!("{path}/ks/s3cr3t?kt=s3cr3t&a=b");
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let answer =
        server.ask("GET", &asked, &[("traceparent", &parent), ("user-agent", "test"), ("x-request-id", "n-1")]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let span = collector.requests(1).remove(0);
    assert_eq!((span.trace_id.as_str(), span.parent_span_id.as_str()), (TRACE, PARENT));
    assert_eq!(answer.header("traceparent"), Some(format!("00-{TRACE}-{}-01", span.span_id).as_str()));
    assert_eq!((span.name.as_str(), span.status.is_none()), ("GET thumbnail", true));
    for (name, expected) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("url.path", &format!("{path}/ks/***")),
        ("url.query", "kt=***&a=b"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
        ("client.address", "127.0.0.1"),
        ("user_agent.original", "test"),
        ("vedette.request_id", "n-1"),
        ("vedette.cache", "MISS"),
        ("vedette.kind", "thumbnail"),
    ] {
        assert_eq!(span.attribute(name), Some(expected), "{name}");
    }
    let (begun, ended) = span.times();
    let steps: Vec<Span> = collector.spans().into_iter().filter(|step| step.kind == 1).collect();
    for name in ["plan", "index", "read", "decode", "scale", "encode"] {
        let step = steps.iter().find(|step| step.name == name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!((&step.trace_id, &step.parent_span_id), (&span.trace_id, &span.span_id), "{name}");
        let (from, to) = step.times();
        assert!(begun <= from && from < to && to <= ended, "{name}: {from} to {to} in {begun} to {ended}");
    }
    let mut ids: Vec<_> = collector.spans().into_iter().map(|span| span.span_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), collector.spans().len());
    let posts = collector.posts.lock().unwrap().clone();
    for post in &posts {
        assert_eq!((post.path.as_str(), post.headers["content-type"].as_str()), ("/v1/traces", "application/json"));
        assert_eq!(post.headers["api-key"], "s t");
        assert!(!post.body.contains("s3cr3t"), "{}", post.body);
        let export: Export = serde_json::from_str(&post.body).unwrap();
        let resource = &export.resource_spans[0].resource.attributes;
        assert!(resource.iter().any(|pair| pair.key == "service.name" && pair.value.text() == "edge"));
    }
}

#[test]
fn what_is_at_hand_is_told_of_too() {
    let collector = Collector::new(&[Some(200)]);
    let traces = TraceConfig { endpoint: Some(collector.url.clone()), ..TraceConfig::default() };
    let running = Running::new(Config { traces, ..Config::default() }, DeliverConfig::default());
    let path = target("0_hills", "width/160/vid_sec/1");
    let field = |flags: &str| format!("traceparent: 00-{TRACE}-{PARENT}-{flags}\r\n");
    let mut client = running.connect();
    // At first made, then found, then at hand.
    for _ in 0..6 {
        let answer = client.ask("GET", &path, &field("01"));
        let named = answer.header("traceparent").unwrap();
        assert!(answer.status == 200 && named.starts_with(&format!("00-{TRACE}-")), "{named}");
    }
    assert_eq!(client.ask("GET", &target("0_none", "width/3"), "").status, 404);
    // Those who say that nobody tells of them are not told of.
    let untold = client.ask("GET", &path, &field("00"));
    assert_eq!((untold.status, untold.header("traceparent")), (200, None));
    drop((client, running));
    let spans = collector.requests(7);
    assert_eq!(spans.len(), 7);
    let of_trace = spans.iter().filter(|span| span.trace_id == TRACE && span.parent_span_id == PARENT);
    assert_eq!(of_trace.count(), 6);
    let missing = spans.iter().find(|span| span.trace_id != TRACE).unwrap();
    assert_eq!((missing.attribute("http.response.status_code"), missing.parent_span_id.as_str()), (Some("404"), ""));
    assert!(missing.status.is_none(), "a client's mistake is none of the server");
}

/// What is read of origins for a request that is told of is asked on its behalf, whoever reads it: the library, the index, the
/// frames, the bytes of a file. What is read for one that is not told of says nothing.
#[test]
fn origins_are_told_whom_they_are_asked_for() {
    let (collector, far) = (Collector::new(&[Some(200)]), Far::start());
    let film = std::fs::read(library().join("0_long.mp4")).unwrap();
    ["0_a", "0_b", "0_c"].iter().for_each(|name| far.put(&format!("lib/{name}.mp4"), &film));
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), collector.url.clone())];
    let media = PathBuf::from(far.url("lib"));
    let server = Server::start_within(&media, &["--catalog-ttl", "1h", "--origin-block-size", "16KiB"], &environment);
    let file = |name: &str| format!("/p/1/raw/entry_id/{name}/direct_serve/1/forceproxy/true");
    let playlist = "/hls/p/1/serveFlavor/entryId/0_b/flavorId/0_b_source/index-v1.m3u8".to_owned();
    for asked in [target("0_a", "width/160/vid_sec/42"), file("0_a"), playlist, file("0_b")] {
        far.take_traces();
        let answer = server.ask("GET", &asked, &[("traceparent", &format!("00-{TRACE}-{PARENT}-01"))]);
        assert_eq!(answer.status, 200, "{asked}");
        let span = answer.header("traceparent").map(str::to_owned);
        assert!(span.as_ref().is_some_and(|span| span.starts_with(&format!("00-{TRACE}-")) && !span.contains(PARENT)));
        let told = far.take_traces();
        assert!(!told.is_empty() && told.iter().all(|told| *told == span), "{asked}: {told:?}, {span:?}");
    }
    let untold = server.ask("GET", &file("0_c"), &[("traceparent", &format!("00-{TRACE}-{PARENT}-00"))]);
    let told = far.take_traces();
    assert!(untold.status == 200 && told.len() > 1 && told.iter().all(Option::is_none), "{told:?}");
}

/// The field stands behind the signature of requests to stores, which is good all the same.
#[test]
fn stores_are_told_behind_their_signature() {
    let (collector, store) = (Collector::new(&[Some(200)]), s3::Server::start("traces"));
    std::fs::create_dir_all(store.file("lib")).unwrap();
    std::fs::copy(library().join("0_long.mp4"), store.file("lib/0_a.mp4")).unwrap();
    let mut environment = store.environment();
    environment.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), collector.url.clone()));
    let server = Server::start_within(std::path::Path::new("s3://bucket/lib"), &[], &environment);
    let answer = server.ask("GET", &target("0_a", "width/160/vid_sec/42"), &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let span = answer.header("traceparent").map(str::to_owned);
    let told = store.take_traces();
    assert!(span.is_some() && told.len() > 1 && told.iter().all(|told| *told == span), "{told:?}, {span:?}");
}

#[test]
fn faults_of_the_service_are_marked() {
    let collector = Collector::new(&[Some(200)]);
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), collector.url.clone())];
    // Nobody listens there.
    let nowhere = PathBuf::from("http://127.0.0.1:9/lib");
    let server = Server::start_within(&nowhere, &["--origin-retries", "0"], &environment);
    assert_eq!(server.get(&target("0_a", "width/3")).status, 503);
    let span = collector.requests(1).remove(0);
    assert_eq!((span.status.as_ref().unwrap().code, span.attribute("error.type")), (2, Some("503")));
}

#[test]
fn what_ended_before_the_service_is_told() {
    let collector = Collector::new(&[Some(200)]);
    let server = serve(&collector, &[]);
    (0..40).for_each(|number| drop(server.get(&format!("/nothing/{number}"))));
    assert!(server.stop());
    assert_eq!(collector.requests(40).len(), 40);
}

#[test]
fn a_ratio_of_none_begins_no_traces() {
    let collector = Collector::new(&[Some(200)]);
    let server = serve(&collector, &["--traces-ratio", "0"]);
    (0..20).for_each(|number| drop(server.get(&format!("/nothing/{number}"))));
    server.ask("GET", "/nothing", &[("traceparent", &format!("00-{TRACE}-{PARENT}-01"))]);
    assert!(server.stop());
    assert_eq!(collector.requests(1).len(), 1, "but goes on with those of others");
}

#[test]
fn a_collector_that_fails_costs_its_spans_and_nothing_else() {
    // The first batch is refused, the second never answered.
    let collector = Collector::new(&[Some(503), None]);
    let server = serve(&collector, &[]);
    server.get("/nothing");
    soon(|| server.metric("vedette_trace_spans_dropped_total") == 1.0);
    server.get("/nothing");
    soon(|| collector.posts.lock().unwrap().len() == 2);
    // More than wait for it.
    let begun = Instant::now();
    let mut answers = 0;
    while server.metric("vedette_trace_spans_dropped_total") < 2.0 {
        for _ in 0..500 {
            assert_eq!(server.get("/nothing").status, 404);
            answers += 1;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{answers}");
    }
    let begun = Instant::now();
    assert!(server.stop());
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits for a collector that is away");
}

#[test]
fn without_a_collector_nobody_is_told() {
    let server = Server::of_library();
    let answer = server.ask("GET", "/nothing", &[("traceparent", &format!("00-{TRACE}-{PARENT}-01"))]);
    assert_eq!(answer.header("traceparent"), None);
}
