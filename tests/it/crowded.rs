//! More at once than can be made: one rendering for all who want the same, a bounded and fair line for the others, and nothing
//! of it felt by who asks for what is there.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinSet;
use vedette::deliver::Config as DeliverConfig;
use vedette::server::Config;

use crate::http::{Running, request, whole};
use crate::support::{Server, library, signal, soon, target};

/// Requests that are sent at once.
const MANY: usize = 10_000;
/// Connections that they are sent over.
const CONNECTIONS: usize = 20;

/// A service for many requests at once, whose clients are told apart by `X-Forwarded-For`.
fn server(arguments: &[&str]) -> Server {
    let usual = ["--http2-streams-max", "1000", "--proxies-trusted", "127.0.0.1", "--workers", "1"];
    let patient = ["--decode-timeout", "2m", "--request-timeout", "5m"];
    Server::start(library(), &[&usual[..], &patient, arguments].concat())
}

/// Holds the processes that decode, so that nothing is finished until they are let go.
pub(crate) struct Held(Vec<u32>);

impl Held {
    pub(crate) fn of(server: &Server) -> Held {
        let (_, workers) = server.decoders();
        signal("STOP", &workers);
        Held(workers)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        signal("CONT", &self.0);
    }
}

/// What is kept of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    status: u16,
    etag: Option<String>,
    retry_after: Option<u64>,
    length: usize,
}

async fn told(answer: hyper::Response<Incoming>) -> Told {
    let field = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, etag) = (answer.status().as_u16(), field("etag"));
    let retry_after = field("retry-after").map(|seconds| seconds.parse().unwrap());
    Told { status, etag, retry_after, length: whole(answer.into_body()).await.unwrap().len() }
}

/// Connections to a service, over which requests go in turn.
struct Crowd(Vec<SendRequest<String>>);

impl Crowd {
    async fn to(server: &Server) -> Crowd {
        let mut senders = Vec::new();
        for _ in 0..CONNECTIONS {
            let stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
            let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            senders.push(sender);
        }
        Crowd(senders)
    }

    /// The answer to one request of many, for a client.
    fn ask(&self, number: usize, path: &str, client: &str) -> impl Future<Output = Told> + Send + use<> {
        let request = hyper::Request::get(format!("http://test{path}")).header("x-forwarded-for", client);
        let (mut sender, request) = (self.0[number % CONNECTIONS].clone(), request.body(String::new()).unwrap());
        async move {
            sender.ready().await.unwrap();
            told(sender.send_request(request).await.unwrap()).await
        }
    }
}

/// Waits until so many requests are being answered.
async fn in_progress(server: &Server, count: usize) {
    patiently(|| server.metric("vedette_requests_in_progress") >= count as f64);
}

/// Waits until something is so, for as long as thousands of requests may take on a busy machine.
#[track_caller]
fn patiently(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "it takes too long");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn ten_thousand_equal_misses_are_one_rendering() {
    let server = server(&[]);
    runtime().block_on(async {
        let (crowd, path) = (Crowd::to(&server).await, target("0_long", "width/300/vid_sec/42"));
        let held = Held::of(&server);
        let mut asks = JoinSet::new();
        (0..MANY).for_each(|number| drop(asks.spawn(crowd.ask(number, &path, "192.0.2.1"))));
        in_progress(&server, MANY).await;
        drop(held);
        let answers = asks.join_all().await;
        assert_eq!((answers.len(), answers[0].status), (MANY, 200));
        assert!(answers.iter().all(|answer| *answer == answers[0] && answer.etag.is_some()));
    });
    assert_eq!(server.metric("vedette_cache_misses_total{cache=\"artifacts\"}"), 1.0);
    assert_eq!(server.metric("vedette_cache_misses_total{cache=\"frames\"}"), 1.0);
    assert_eq!(server.metric("vedette_cache_misses_total{cache=\"indexes\"}"), 1.0);
    assert_eq!(server.metric("vedette_cache_shared_total{cache=\"artifacts\"}"), MANY as f64 - 1.0);
}

#[test]
fn ten_thousand_sizes_are_one_index_and_a_bounded_queue_and_hits_do_not_wait() {
    let server = server(&["--queue-timeout", "5m"]);
    let there = target("0_hills", "width/160/vid_sec/1");
    server.thumbnail("0_hills", "width/160/vid_sec/1");
    let indexes = server.metric("vedette_cache_misses_total{cache=\"indexes\"}");
    runtime().block_on(async {
        let crowd = Crowd::to(&server).await;
        let held = Held::of(&server);
        let asks: Vec<_> = (0..MANY)
            .map(|number| {
                let path = target(
                    "0_long",
                    &format!("width/{}/height/{}/type/5/vid_sec/42", 40 + number % 100, 40 + number / 100),
                );
                tokio::spawn(crowd.ask(number, &path, &format!("192.0.2.{}", number % 200)))
            })
            .collect();
        // One is at work, and all others that do not wait have been refused, while nothing moves.
        patiently(|| server.metric("vedette_shed_total") + server.metric("vedette_queue_length") >= MANY as f64 - 1.0);
        let waiting = server.metric("vedette_queue_length");
        assert!((100.0..=129.0).contains(&waiting), "{waiting}");
        for number in 0..1000 {
            let hit = crowd.ask(number, &there, "192.0.2.250").await;
            assert_eq!((hit.status, hit.retry_after), (200, None));
        }
        assert_eq!(server.metric("vedette_queue_length"), waiting, "nothing has moved");
        drop(held);
        let (mut made, mut refused) = (0, 0);
        for ask in asks {
            match ask.await.unwrap() {
                Told { status: 200, retry_after: None, .. } => made += 1,
                Told { status: 503, retry_after: Some(1..=120), .. } => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((made, refused), (waiting as usize + 1, MANY - waiting as usize - 1));
    });
    assert_eq!(server.metric("vedette_cache_misses_total{cache=\"indexes\"}"), indexes + 1.0);
    assert_eq!(server.metric("vedette_queue_length"), 0.0);
    soon(|| server.metric("vedette_work_memory_bytes") == 0.0);
}

/// In which order clients had their answers, who asked for the misses of `greedy` before `other` asked for a few.
fn order(server: &Server, greedy: usize, other: usize) -> Vec<usize> {
    let order = Arc::new(Mutex::new(Vec::new()));
    runtime().block_on(async {
        let (crowd, mut asks) = (Crowd::to(server).await, JoinSet::new());
        server.thumbnail("0_long", "width/64/vid_sec/1");
        let held = Held::of(server);
        for number in 0..greedy + other {
            let client = usize::from(number >= greedy);
            let path = target("0_long", &format!("width/300/vid_sec/{}", number + 2));
            let (ask, order) = (crowd.ask(number, &path, &format!("192.0.2.{client}")), Arc::clone(&order));
            asks.spawn(async move {
                let answer = ask.await;
                assert_eq!(answer.status, 200);
                order.lock().unwrap().push(client);
            });
            if number + 1 == greedy {
                in_progress(server, greedy).await;
            }
        }
        in_progress(server, greedy + other).await;
        drop(held);
        asks.join_all().await;
    });
    Arc::into_inner(order).unwrap().into_inner().unwrap()
}

#[test]
fn a_greedy_client_does_not_delay_another_one() {
    let server = server(&["--queue-timeout", "5m"]);
    let order = order(&server, 50, 3);
    let last = order.iter().rposition(|client| *client == 1).unwrap();
    // One that was begun before, one of the greedy for each, and some that overtake each other on their way here.
    assert!(last <= 12, "{order:?}");
}

#[test]
fn a_service_that_is_told_to_stop_finishes_what_waits() {
    let server = server(&["--queue-timeout", "5m"]);
    server.thumbnail("0_long", "width/64/vid_sec/1");
    runtime().block_on(async {
        let (crowd, mut asks) = (Crowd::to(&server).await, JoinSet::new());
        let held = Held::of(&server);
        for number in 0..30 {
            let path = target("0_long", &format!("width/300/vid_sec/{}", number + 2));
            asks.spawn(crowd.ask(number, &path, "192.0.2.1"));
        }
        in_progress(&server, 30).await;
        server.signal("TERM");
        soon(|| server.metric("vedette_draining") == 1.0);
        drop(held);
        let answers = asks.join_all().await;
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.length > 0), "{answers:?}");
    });
    assert!(server.ended());
}

#[test]
fn clients_that_leave_take_their_work_along() {
    let running = Running::new(Config::default(), DeliverConfig { workers: 1, ..DeliverConfig::default() });
    for number in 0..1000 {
        let path = target("0_long", &format!("width/640/vid_slices/{}", 20 + number % 80));
        running.connect().send(&request("GET", &format!("{path}/quality/{}", 10 + number / 80), ""));
    }
    // Connections are let in in the order in which they came: by this answer all are.
    assert_eq!(running.get("/").status, 404);
    let all_left = || running.admin("/metrics").text().lines().any(|line| line == "vedette_connections 0");
    soon(|| {
        let load = running.delivery().load();
        all_left() && (load.busy, load.queued, load.memory) == (0, 0, 0)
    });
    assert_eq!(running.get(&target("0_avc", "width/160/vid_sec/1")).status, 200);
}

#[test]
fn what_takes_too_much_memory_is_refused_in_words() {
    let server = server(&["--work-memory-size", "16MiB"]);
    let (code, text) = server.refusal("0_hills", "width/2000/vid_sec/1");
    assert!(code == "error-17" && text.contains("MiB of memory"), "{code} {text}");
    server.thumbnail("0_hills", "width/160/vid_sec/1");
    assert_eq!(server.metric("vedette_work_memory_bytes_max"), f64::from(16 << 20));
    assert_eq!(server.metric("vedette_shed_total{reason=\"memory\"}"), 1.0);
}

#[test]
fn what_making_takes_is_explained() {
    let explain = |parameters: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vedette"));
        let output =
            command.args(["explain", &target("0_long", parameters), "--media"]).arg(library()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("takes"));
        line.unwrap_or_else(|| panic!("{text}")).trim().to_owned()
    };
    // Half a second into a GOP of ten, from its keyframe on: 13 pictures of 320x180, and one that the last refers to.
    assert!(explain("width/160/vid_sec/0.5").contains(": 0.8 Mpx decoded of "), "{}", explain("width/160/vid_sec/0.5"));
    let (keyframe, avif) = (explain("width/160/vid_sec/9/exact/0"), explain("width/640/vid_sec/9/format/avif"));
    assert!(keyframe.contains(": 0.1 Mpx decoded of "), "{keyframe}");
    assert!(avif.contains("0.23 Mpx written"), "{avif}");
}
