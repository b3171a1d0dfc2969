//! The protocol: the same answers on every way through the server, and clients that are slow, silent, gone or hostile.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use vedette::access::partner::Config as AccessConfig;
use vedette::catalog::{Catalog, Config as CatalogConfig};
use vedette::deliver::{Config as DeliverConfig, Delivery, Outcome};
use vedette::origin::Origin;
use vedette::server::{Config, House, Server};

use crate::support::{Answer, library, target};

/// Long enough for any answer on a busy machine; a test that meets it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server in this process, with settings of its own, until it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    delivery: Arc<Delivery>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn new(config: Config, deliver: DeliverConfig) -> Running {
        Running::over(library(), config, deliver)
    }

    /// Over a folder of media of its own.
    pub(crate) fn over(folder: &Path, config: Config, mut deliver: DeliverConfig) -> Running {
        deliver.place.cage.program = env!("CARGO_BIN_EXE_vedette").into();
        let folder = folder.to_owned();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = Config { listen: any, admin_listen: Some(any), ..config };
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let catalog = CatalogConfig { media: folder.clone(), ..CatalogConfig::default() };
                let origin = Origin::folder(&folder).unwrap();
                let catalog = Catalog::open(&catalog, origin.clone()).unwrap();
                let delivery = Delivery::new(&deliver, &AccessConfig::default(), catalog, origin).unwrap();
                let delivery = Arc::new(delivery);
                let house = House::new(&config, Arc::clone(&delivery)).unwrap();
                let server = Server::bind(&config, Vec::new()).await.unwrap();
                let admin = server.admin_address().unwrap().unwrap();
                tell.send((server.address().unwrap(), admin, delivery)).unwrap();
                let stopped = async { drop(stopped.await) };
                server.serve(watch::channel(Arc::new(house)).1, stopped).await.unwrap();
            });
        });
        let (address, admin, delivery) = told.recv().unwrap();
        Running { address, admin, delivery, stop: Mutex::new(Some(stop)), thread: Some(thread) }
    }

    pub(crate) fn usual() -> Running {
        Running::new(Config::default(), DeliverConfig::default())
    }

    pub(crate) fn connect(&self) -> Client {
        Client::to(self.address)
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.connect().ask("GET", target, "")
    }

    pub(crate) fn admin(&self, path: &str) -> Answer {
        Client::to(self.admin).ask("GET", path, "")
    }

    pub(crate) fn delivery(&self) -> Arc<Delivery> {
        Arc::clone(&self.delivery)
    }

    /// Tells it to stop, and does not wait.
    pub(crate) fn stop(&self) {
        drop(self.stop.lock().unwrap().take());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

/// One connection.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn to(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(BufReader::new(stream))
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    /// Sends what the server may not want any more.
    pub(crate) fn try_send(&mut self, text: &str) {
        self.try_send_bytes(text.as_bytes());
    }

    pub(crate) fn try_send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.0.get_mut().write_all(bytes);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    pub(crate) fn read(&mut self, method: &str) -> Answer {
        Answer::read(method, &mut self.0)
    }

    pub(crate) fn ask(&mut self, method: &str, target: &str, fields: &str) -> Answer {
        self.send(&request(method, target, fields));
        self.read(method)
    }

    /// Says that nothing more comes.
    pub(crate) fn shut(&self) {
        let _ = self.0.get_ref().shutdown(Shutdown::Write);
    }

    /// Waits until the server has closed the connection; what it sent before.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => rest,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => rest,
            Err(error) => panic!("the server keeps the connection: {error}"),
        }
    }
}

/// A request without a body.
pub(crate) fn request(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n")
}

/// The fields but those that tell of the moment or of the way.
fn lasting(answer: &Answer) -> Vec<(String, String)> {
    let passing = ["x-request-id", "date", "expires", "x-cache", "cache-status", "server-timing"];
    let mut fields = answer.headers.clone();
    fields.retain(|(name, _)| !passing.contains(&name.as_str()));
    fields.sort();
    fields
}

#[test]
fn the_same_answer_the_first_time_and_the_hundredth() {
    let running = Running::usual();
    let path = target("0_avc", "width/160/vid_sec/1");
    let mut client = running.connect();
    let first = client.ask("GET", &path, "");
    assert_eq!((first.status, first.header("x-cache")), (200, Some("MISS")));
    let start = Instant::now();
    let mut asked = 0;
    // Long enough to pass from one second of the clock to the next, on both ways through the server.
    while start.elapsed() < Duration::from_millis(1200) {
        let again = client.ask("GET", &path, "Accept: image/webp\r\nConnection: keep-alive\r\n");
        assert_eq!((again.status, again.header("x-cache")), (200, Some("HIT")));
        assert_eq!(lasting(&again), lasting(&first));
        assert!(again.body == first.body);
        assert!(again.header("date").is_some() && again.header("expires").is_some());
        asked += 1;
    }
    assert!(asked > 100, "{asked}");
}

#[test]
fn what_is_made_at_once_is_what_is_made_otherwise() {
    let running = Running::usual();
    let mut client = running.connect();
    let place = |protocol: &str, clip: u32| {
        format!("/{protocol}/p/1/sp/100/serveFlavor/entryId/0_hills/clipTo/{clip}/flavorId/0_hills_source")
    };
    // What the library and the file are is known from here on.
    assert_eq!(client.ask("GET", &format!("{}/master.m3u8", place("hls", 1000)), "").status, 200);
    let files = [
        ("hls", "master.m3u8"),
        ("hls", "index-v1.m3u8"),
        ("hls", "iframes-v1.m3u8"),
        ("hls", "index-v9.m3u8"),
        ("hls", "index-v1.txt"),
        ("dash", "manifest.mpd"),
        ("dash", "init-v1.mp4"),
    ];
    let mut clip = 1500;
    for (protocol, file) in files {
        for fields in ["", "Accept-Encoding: gzip\r\n"] {
            clip += 1;
            let target = format!("{}/{file}", place(protocol, clip));
            let plain = [(); 4].map(|()| client.ask("GET", &target, fields));
            // Conditions are for hyper to judge.
            let judged = client.ask("GET", &target, &format!("{fields}If-None-Match: \"another\"\r\n"));
            let is_text = judged.status == 200 && !file.starts_with("init");
            assert_eq!(judged.header("content-encoding").is_some(), !fields.is_empty() && is_text, "{target}");
            for answer in plain {
                assert_eq!((answer.status, lasting(&answer)), (judged.status, lasting(&judged)), "{target}");
                assert!(answer.body == judged.body, "{target}");
            }
            let head = client.ask("HEAD", &target, fields);
            assert_eq!((head.status, lasting(&head)), (judged.status, lasting(&judged)), "{target}");
            if let Some(tag) = judged.header("etag") {
                assert_eq!(client.ask("GET", &target, &format!("{fields}If-None-Match: {tag}\r\n")).status, 304);
            }
        }
    }
}

#[test]
fn only_what_is_everyones_is_made_at_once() {
    let running = Running::usual();
    let place = "/hls/p/1/sp/100/serveFlavor/entryId/0_hills/flavorId/0_hills_source";
    let at_once = |target: &str| {
        let request = vedette::request::parse(target).unwrap().unwrap();
        let asker = vedette::access::viewer::Asker { target: Some(target), ..Default::default() };
        running.delivery.at_once(&request, &asker).map(|(_, delivered)| delivered.outcome)
    };
    let [playlist, picture] = [format!("{place}/index-v1.m3u8"), target("0_avc", "width/160/vid_sec/1")];
    let clip = playlist.replace("/flavorId", "/clipTo/1700/flavorId");
    for (known, target, expected) in [(&playlist, &clip, Outcome::Made), (&picture, &picture, Outcome::Hit)] {
        assert_eq!(at_once(target), None, "nothing is known of {target} yet");
        // The catalog looks at an entry again where more than a second passes.
        let found = (0..100).find_map(|_| {
            assert_eq!(running.get(known).status, 200);
            at_once(target)
        });
        assert_eq!(found, Some(expected), "{target}");
    }
    for target in [playlist, picture] {
        assert_eq!(running.get(&target).status, 200);
        assert_eq!(at_once(&format!("{target}?referrer=aHR0cDovL2EuYg==")), None, "{target}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let running = Running::usual();
    let [a, b] = ["width/160/vid_sec/1", "width/120/vid_sec/2"].map(|parameters| target("0_avc", parameters));
    let (whole_a, whole_b) = (running.get(&a), running.get(&b));
    let fresh = target("0_avc", "width/99/vid_sec/3");
    let plain = |target: &str| request("GET", target, "");
    for round in 0..20 {
        let mut client = running.connect();
        let batch = [
            plain(&a),
            plain(&b),
            request("HEAD", &a, ""),
            plain(&b),
            request("GET", &a, "Range: bytes=0-9\r\n"),
            plain("/nothing"),
            plain(&format!("{fresh}/name/{round}")),
            plain(&a),
            request("GET", &b, "Connection: close\r\n"),
        ];
        client.send(&batch.concat());
        assert!(client.read("GET").body == whole_a.body);
        assert!(client.read("GET").body == whole_b.body);
        assert_eq!(client.read("HEAD").header("content-length"), Some(whole_a.body.len().to_string().as_str()));
        assert!(client.read("GET").body == whole_b.body);
        let part = client.read("GET");
        assert!(part.status == 206 && part.body == whole_a.body[..10]);
        assert_eq!(client.read("GET").status, 404);
        assert_eq!(client.read("GET").status, 200);
        assert!(client.read("GET").body == whole_a.body);
        assert!(client.read("GET").body == whole_b.body);
        assert_eq!(client.rest(), b"");
    }
}

#[test]
fn requests_in_pieces_are_answered() {
    let running = Running::usual();
    let path = target("0_avc", "width/160/vid_sec/1");
    let whole = running.get(&path);
    let text = request("GET", &path, "");
    for cut in [1, 3, 20, text.len() - 3, text.len() - 1] {
        let mut client = running.connect();
        for _ in 0..3 {
            client.send(&text[..cut]);
            // The server has read the first piece when another connection has been answered; if not, the test is only easier.
            running.get("/nothing");
            client.send(&text[cut..]);
            assert!(client.read("GET").body == whole.body, "cut at {cut}");
        }
    }
}

#[test]
fn a_body_is_no_second_request() {
    let running = Running::usual();
    let path = target("0_avc", "width/160/vid_sec/1");
    running.get(&path);
    let smuggled = request("GET", "/smuggled", "");
    let chunked = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
    let long = format!("Content-Length: {}\r\n", smuggled.len());
    for (fields, body) in [(long.as_str(), &smuggled), ("Transfer-Encoding: chunked\r\n", &chunked)] {
        for method in ["GET", "POST"] {
            let mut client = running.connect();
            client.send(&(request(method, &path, fields) + body));
            let expected = if method == "GET" { 200 } else { 415 };
            assert_eq!(client.read(method).status, expected);
            client.send(&request("GET", &path, "Connection: close\r\n"));
            // Either the body was read over and the next request is answered, or the connection was closed.
            let rest = String::from_utf8_lossy(&client.rest()).into_owned();
            assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 200"), "{method} {fields}: {rest}");
        }
    }
}

#[test]
fn ambiguous_requests_are_refused() {
    let running = Running::usual();
    let path = target("0_avc", "width/160/vid_sec/1");
    running.get(&path);
    for fields in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 1, 2\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length : 5\r\n",
        "Host: other\r\n",
        " folded: line\r\n",
        "no colon\r\n",
    ] {
        let mut client = running.connect();
        client.send(&(request("GET", &path, fields) + "hello"));
        let status = client.read("GET").status;
        assert_eq!(status, 400, "{fields:?}");
    }
    let mut client = running.connect();
    client.send(&format!("GET {path} HTTP/1.1\r\n\r\n"));
    assert_eq!(client.read("GET").status, 400, "a request without Host");
}

#[test]
fn methods() {
    let running = Running::usual();
    let path = target("0_avc", "width/160/vid_sec/1");
    for (method, status) in [("PUT", 405), ("DELETE", 405), ("TRACE", 405), ("BREW", 501)] {
        let answer = running.connect().ask(method, &path, "");
        assert_eq!(answer.status, status, "{method}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method}");
    }
    let options = running.connect().ask("OPTIONS", &path, "Origin: https://example.org\r\n");
    assert_eq!((options.status, options.body.len()), (200, 0));
    assert_eq!(options.header("access-control-allow-origin"), Some("*"));
    assert_eq!(options.header("access-control-allow-methods"), Some("GET, HEAD, POST, OPTIONS"));
    assert!(options.header("access-control-allow-headers").unwrap().contains("Range"));
    let old = {
        let mut client = running.connect();
        client.send(&format!("GET {path} HTTP/1.0\r\n\r\n"));
        client.read("GET")
    };
    assert_eq!(old.status, 200);
}

#[test]
fn http_2_by_prior_knowledge() {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let running = Running::usual();
    let path = target("0_avc", "width/160/vid_sec/1");
    let over_1 = running.get(&path);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        for _ in 0..50 {
            let request = hyper::Request::get(format!("http://test{path}")).body(String::new()).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.version()), (200, hyper::Version::HTTP_2));
            assert_eq!(answer.headers()["etag"].to_str().ok(), over_1.header("etag"));
            assert!(whole(answer.into_body()).await.unwrap() == over_1.body);
        }
        drop(sender);
        connection.await.unwrap().unwrap();
    });
}

/// A body, or what there was of it before it failed.
pub(crate) async fn whole(mut body: hyper::body::Incoming) -> Result<Vec<u8>, usize> {
    use hyper::body::Body;
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(frame) = frame else { return Err(bytes.len()) };
        bytes.extend_from_slice(&frame.into_data().unwrap());
    }
    Ok(bytes)
}

#[test]
fn who_reads_or_says_nothing_is_let_go() {
    let quick = Duration::from_millis(400);
    let config = Config { header_timeout: quick, idle_timeout: quick, write_timeout: quick, ..Config::default() };
    let running = Running::new(config, DeliverConfig::default());
    let path = target("0_hills", "width/1600/format/bmp/vid_sec/1");
    let length = running.get(&path).body.len();

    let silent = running.connect();
    let mut after_an_answer = running.connect();
    after_an_answer.ask("GET", "/nothing", "");
    let mut slow_head = running.connect();
    slow_head.send("GET / HTTP/1.1\r\nHost:");
    let mut no_reader = running.connect();
    no_reader.send(&request("GET", &path, ""));

    assert_eq!(silent.rest(), b"");
    assert_eq!(after_an_answer.rest(), b"");
    slow_head.rest();
    std::thread::sleep(3 * quick);
    assert!(no_reader.rest().len() < length, "it was let go before it had all");
}

#[test]
fn a_head_that_never_ends_is_let_go() {
    let config = Config { header_timeout: Duration::from_millis(400), ..Config::default() };
    let running = Running::new(config, DeliverConfig::default());
    let mut client = running.connect();
    let start = Instant::now();
    client.send("GET / HTTP/1.1\r\n");
    while client.0.get_mut().write_all(b"x: y\r\n").is_ok() {
        assert!(start.elapsed() < PATIENCE, "it may go on forever");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_overfull_house_says_so() {
    let deliver = DeliverConfig { workers: 1, queue_max: 1, ..DeliverConfig::default() };
    let running = Running::new(Config::default(), deliver);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = |i: u32| running.get(&target("0_long", &format!("width/640/vid_sec/{}", i as f64 / 7.0)));
        let clients: Vec<_> = (0..40).map(|i| scope.spawn(move || ask(i))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(!refused.is_empty() && refused.len() < answers.len(), "{} refused", refused.len());
    for answer in refused {
        assert_eq!((answer.status, answer.header("x-kaltura")), (503, Some("error-46")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("retry-after").is_some());
    }
}

#[test]
fn work_for_nobody_is_given_up() {
    let deliver = DeliverConfig { workers: 1, ..DeliverConfig::default() };
    let running = Running::new(Config::default(), deliver);
    for i in 0..20 {
        let mut client = running.connect();
        client.send(&request("GET", &target("0_long", &format!("width/640/vid_slices/{}", 50 + i)), ""));
    }
    let start = Instant::now();
    while running.delivery.load().busy + running.delivery.load().queued > 0 {
        assert!(start.elapsed() < PATIENCE, "{:?}", running.delivery.load());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(running.get(&target("0_avc", "width/160/vid_sec/1")).status, 200);
}

#[test]
fn draining_finishes_what_is_open() {
    let mut running = Running::usual();
    let idle = running.connect();
    let mut served = running.connect();
    for _ in 0..5 {
        assert_eq!(served.ask("GET", &target("0_avc", "width/160/vid_sec/1"), "").status, 200);
    }
    // A worker may be through with an answer a moment after it is out.
    while running.delivery.load().busy > 0 {
        std::thread::yield_now();
    }
    let mut busy = running.connect();
    busy.send(&request("GET", &target("0_long", "width/320/vid_slices/40"), ""));
    while running.delivery.load().busy == 0 {
        std::thread::yield_now();
    }
    assert_eq!(running.admin("/readyz").status, 200);
    running.stop();
    assert_eq!(idle.rest(), b"", "idle connections end at once");
    assert_eq!(served.rest(), b"", "idle connections end at once");
    let answer = busy.read("GET");
    assert_eq!(answer.status, 200);
    assert!(!answer.body.is_empty());
    assert!(busy.rest().is_empty());
    running.thread.take().unwrap().join().unwrap();
    running.thread = Some(std::thread::spawn(|| ()));
    assert!(TcpStream::connect(running.address).is_err(), "nobody listens any more");
}

#[test]
fn draining_has_an_end() {
    let config = Config { drain_timeout: Duration::from_millis(300), ..Config::default() };
    let mut running = Running::new(config, DeliverConfig::default());
    let mut stuck = running.connect();
    stuck.send("GET / HTTP/1.1\r\nHost:");
    running.get("/nothing");
    let start = Instant::now();
    running.stop();
    running.thread.take().unwrap().join().unwrap();
    running.thread = Some(std::thread::spawn(|| ()));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn operators_see_health_and_numbers() {
    let running = Running::usual();
    let path = target("0_avc", "width/160/vid_sec/1");
    (0..3).for_each(|_| drop(running.get(&path)));
    for path in ["/livez", "/readyz", "/health", "/healthcheck"] {
        assert_eq!(running.admin(path).status, 200, "{path}");
    }
    assert_eq!(running.admin("/p/1/thumbnail/entry_id/0_avc").status, 404);
    assert_eq!(running.get("/metrics").status, 404, "numbers are not for the public");
    let page = running.admin("/metrics").text();
    for name in [
        "vedette_requests_total{kind=\"thumbnail\",status=\"200\"}",
        "vedette_request_duration_seconds_bucket{kind=\"thumbnail\",le=\"0.001\"}",
        "vedette_request_span_duration_seconds_count{span=\"decode\"}",
        "vedette_cache_hits_total{cache=\"artifacts\"}",
        "vedette_cache_misses_total{cache=\"artifacts\"}",
        "vedette_workers ",
        "vedette_queue_length ",
        "vedette_build_info{version=",
    ] {
        assert!(page.contains(name), "{name} is not in\n{page}");
    }
}

/// A POST of a form of some type.
#[track_caller]
fn post(running: &Running, path: &str, media_type: &str, form: &str) -> Answer {
    let fields = format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", form.len());
    let mut client = running.connect();
    client.send(&(request("POST", path, &fields) + form));
    client.read("POST")
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn forms_ask_like_urls() {
    let running = Running::usual();
    let expected = running.get(&target("0_hills", "width/160/vid_sec/1"));
    let cases = [
        ("/p/1/thumbnail/", "entry_id=0_hills&width=160&vid_sec=1"),
        ("/p/1/thumbnail/entry_id/0_hills/width/160", "width=90&vid_sec=%31"),
        ("/p/1/thumbnail/entry_id/0_hills?width=160", "width=90&vid_sec=2&vid_sec=1"),
    ];
    for (path, form) in cases {
        let answer = post(&running, path, "Application/X-WWW-Form-URLEncoded; charset=utf-8", form);
        assert_eq!((answer.status, &answer.body), (200, &expected.body), "{path} {form}");
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        assert_eq!(answer.header("expires"), None);
    }
    let manifest = "/p/1/sp/100/playManifest";
    let redirect =
        post(&running, &format!("{manifest}/format/url?entryId=0_hills"), FORM, "format=applehttp&entryId=0_x");
    assert_eq!(redirect.status, 302);
    let playlist = post(&running, &format!("{manifest}/"), FORM, "entryId=0_hills&format=applehttp&format=url");
    assert!(playlist.status == 200 && playlist.text().starts_with("#EXTM3U"), "{}", playlist.text());
    let json = r#"{"entryId":"0_hills","format":"applehttp"}"#;
    let said_in_json = post(&running, &format!("{manifest}/"), "application/json; charset=utf-8", json);
    assert_eq!((said_in_json.status, said_in_json.text()), (200, playlist.text()));
    let file = redirect.header("location").unwrap();
    assert_eq!(post(&running, file, FORM, "clipTo=x").status, 404);
    assert_eq!(post(&running, file, FORM, "").body, running.get(file).body);
}

#[test]
fn forms_that_are_refused() {
    let config = Config { header_timeout: Duration::from_secs(1), ..Config::default() };
    let running = Running::new(config, DeliverConfig::default());
    let path = target("0_hills", "width/160");
    assert_eq!(post(&running, &path, "text/plain", "{}").status, 415);
    assert_eq!(post(&running, &path, "application/json", "[1]").status, 400);
    assert_eq!(post(&running, &path, FORM, &"x=y&".repeat(16 * 1024)).status, 413);
    assert_eq!(post(&running, &path, FORM, &"x=y&".repeat(300)).status, 413);
    assert_eq!(post(&running, &path, FORM, "width=%zz").status, 400);
    assert_eq!(post(&running, "/none", FORM, "width=1").status, 404);
    let packaged = "/hls/p/1/sp/100/serveFlavor/entryId/0_hills/master.m3u8";
    let refused = post(&running, packaged, FORM, "a=b");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    let mut slow = running.connect();
    let fields = format!("Content-Type: {FORM}\r\nContent-Length: 9\r\n");
    slow.send(&(request("POST", &path, &fields) + "width="));
    assert_eq!(slow.read("POST").status, 408);
}

#[test]
fn the_answer_to_a_form_is_not_at_hand() {
    let running = Running::usual();
    let path = target("0_hills", "width/161");
    for form in ["vid_sec=1", "vid_sec=2", "vid_sec=1", "vid_sec=1"] {
        assert_eq!(post(&running, &path, FORM, form).status, 200);
    }
    let (got, posted) = (running.get(&path), post(&running, &path, FORM, "vid_sec=1"));
    assert_ne!(got.body, posted.body);
    assert_ne!(got.header("cache-control"), Some("private, no-store"));
}
