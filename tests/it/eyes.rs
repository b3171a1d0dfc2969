//! What operators see: names of requests, the log, readiness, health, numbers.

use std::time::{Duration, Instant};

use serde_json::Value;
use vedette::deliver::Config as DeliverConfig;
use vedette::server::Config;

use crate::crowded::Held;
use crate::http::{Client, Running, request};
use crate::support::{Answer, Folder, Server, library, soon, target};

#[test]
fn requests_have_names_on_every_way_through() {
    let running = Running::usual();
    let path = target("0_avc", "width/160/vid_sec/1");
    let file = "/p/1/sp/100/raw/entry_id/0_hills/0_hills.mp4?relocate=f.mp4";
    let mut client = running.connect();
    let mut name = |path: &str, fields: &str| -> (String, Answer) {
        let answer = client.ask("GET", path, fields);
        (answer.header("x-request-id").unwrap_or_else(|| panic!("{path} has no name")).to_owned(), answer)
    };
    let mut fresh = Vec::new();
    for path in [path.as_str(), file, "/nothing", "/p/1/thumbnail/entry_id/0_none/width/3"] {
        let whole = name(path, "").1.body;
        // At first made, then found, then at hand.
        for round in 0..4 {
            let (given, answer) = name(path, "X-Request-ID: abc-1\r\n");
            assert_eq!((given.as_str(), &answer.body), ("abc-1", &whole), "{path} {round}");
            let (other, answer) = name(path, "");
            assert!(other.len() == 32 && answer.body == whole, "{path} {round}: {other}");
            fresh.push(other);
            let (other, _) = name(path, "X-Request-ID: a b\r\n");
            assert!(other.len() == 32, "what may not stand in logs is not taken: {other}");
        }
    }
    let (given, part) = name(&path, "Range: bytes=2-5\r\nX-Request-ID: part\r\n");
    assert_eq!((given.as_str(), part.status, part.body.len()), ("part", 206, 4));
    fresh.sort();
    fresh.dedup();
    assert_eq!(fresh.len(), 16);
}

/// The lines about requests in a log of JSON, as soon as there are so many.
#[track_caller]
fn lines(log: &std::path::Path, count: usize) -> Vec<Value> {
    let read = || -> Vec<Value> {
        let text = std::fs::read_to_string(log).unwrap();
        let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        whole.filter(|line| line["target"] == "vedette::access").collect()
    };
    soon(|| read().len() >= count);
    read()
}

#[test]
fn every_request_is_logged_without_secrets() {
    let folder = Folder::new("log");
    let log = folder.path().join("log");
    let arguments = ["--log-requests", "true", "--log-format", "json", "--proxies-trusted", "127.0.0.1"];
    let server = Server::logging(&log, library(), &arguments);
    let path = target("0_avc", "width/160/vid_sec/1");
    let secret = format!("{path}/ks/s3cr3t?kt=s3cr3t");
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for _ in 0..3 {
        let parent = format!("00-{trace}-00f067aa0ba902b7-01");
        let referrer = "https://site.example/watch?ks=s3cr3t&v=1";
        let fields = [("X-Forwarded-For", "192.0.2.1"), ("Referer", referrer), ("X-Kaltura-Ks", "s3cr3t")];
        server.ask("GET", &path, &[&fields[..], &[("traceparent", &parent), ("X-Request-Id", "n-1")]].concat());
    }
    server.ask("HEAD", &secret, &[("User-Agent", "a\"b")]);
    let lines = lines(&log, 4);
    let line = &lines[0];
    for (name, expected) in [
        ("client", "192.0.2.1"),
        ("method", "GET"),
        ("url", path.as_str()),
        ("version", "HTTP/1.1"),
        ("kind", "thumbnail"),
        ("referrer", "https://site.example/watch?ks=***&v=1"),
        ("request", "n-1"),
        ("trace", trace),
    ] {
        assert_eq!(line[name], expected, "{name}");
    }
    assert!(line["status"].is_u64() && line["bytes"].is_u64() && line["ms"].is_f64(), "{line}");
    assert_eq!(
        (&lines[3]["method"], &lines[3]["client"], &lines[3]["user_agent"]),
        (&"HEAD".into(), &"127.0.0.1".into(), &"a\"b".into())
    );
    assert_eq!(lines[3]["url"], format!("{path}/ks/***?kt=***"));
    assert!(!std::fs::read_to_string(&log).unwrap().contains("s3cr3t"));
    assert!(!server.metrics().contains("s3cr3t"));
}

#[test]
fn who_leaves_before_the_answer_is_told_of() {
    let folder = Folder::new("left");
    let log = folder.path().join("log");
    let arguments = ["--log-requests", "true", "--log-format", "json", "--decode-timeout", "2m"];
    let server = Server::logging(&log, library(), &arguments);
    let held = Held::of(&server);
    let path = target("0_avc", "width/160/vid_sec/1");
    let mut client = Client::to(server.address());
    client.send(&request("GET", &path, "X-Request-Id: left\r\n"));
    soon(|| server.metric("vedette_requests_in_progress") == 1.0);
    drop(client);
    let lines = lines(&log, 1);
    drop(held);
    let line = &lines[0];
    assert_eq!((&line["status"], &line["request"], &line["kind"]), (&499.into(), &"left".into(), &"thumbnail".into()));
    assert_eq!((&line["url"], &line["bytes"]), (&path.into(), &Value::Null));
    let counted = r#"vedette_requests_total{kind="thumbnail",status="499"} 1"#;
    assert!(server.metrics().contains(counted), "{}", server.metrics());
}

#[test]
fn who_has_no_room_is_not_ready() {
    let deliver = DeliverConfig { workers: 1, queue_max: 1, ..DeliverConfig::default() };
    let running = Running::new(Config::default(), deliver);
    assert_eq!((running.admin("/readyz").status, running.admin("/health").status), (200, 200));
    let mut clients: Vec<Client> = Vec::new();
    let begun = Instant::now();
    while !running.delivery().load().is_full() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        let mut client = running.connect();
        client.send(&request("GET", &target("0_long", &format!("width/640/vid_slices/{}", 100 + clients.len())), ""));
        clients.push(client);
        std::thread::sleep(Duration::from_millis(20));
    }
    let answers = ["/readyz", "/health", "/livez"].map(|path| running.admin(path));
    if running.delivery().load().is_full() {
        assert_eq!(answers.each_ref().map(|answer| answer.status), [503, 503, 200]);
        assert!(answers[0].text().contains("saturated"), "{}", answers[0].text());
    }
    drop(clients);
    soon(|| running.admin("/readyz").status == 200 && running.admin("/health").status == 200);
}

#[test]
fn as_many_connections_as_there_may_be_is_not_ready() {
    let running = Running::new(Config { connections_max: 2, ..Config::default() }, DeliverConfig::default());
    let mut clients = [running.connect(), running.connect()];
    clients.iter_mut().for_each(|client| assert_eq!(client.ask("GET", "/", "").status, 404));
    soon(|| running.admin("/readyz").status == 503);
    drop(clients);
    soon(|| running.admin("/readyz").status == 200);
}

#[test]
fn a_check_up_shows_and_packages_a_film() {
    // No entry of the library has a say.
    let folder = Folder::new("checkup");
    let running = Running::over(folder.path(), Config::default(), DeliverConfig::default());
    let decoded = |running: &Running| {
        let page = running.admin("/metrics").text();
        let line = page.lines().find(|line| line.starts_with("vedette_cache_misses_total{cache=\"indexes\"}"));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
    };
    for round in 1..=3 {
        let before = decoded(&running);
        let answer = running.admin("/health");
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"), "{round}");
        assert_eq!(running.admin("/healthcheck").status, 200);
        assert!(decoded(&running) > before, "nothing of it is remembered");
    }
}

#[test]
fn numbers_have_the_names_that_are_looked_for() {
    let running = Running::usual();
    let path = target("0_avc", "width/160/vid_sec/1");
    running.get(&path);
    running.get(&path);
    running.get("/p/1/thumbnail/entry_id/0_none/width/3");
    let _open = running.connect();
    // An answer may be out a moment before it counts as sent.
    soon(|| running.admin("/metrics").text().lines().any(|line| line == "vedette_requests_in_progress 0"));
    let page = running.admin("/metrics").text();
    for name in [
        "vedette_requests_total{kind=\"thumbnail\",status=\"200\"} ",
        "vedette_errors_total{type=\"not_found\"} ",
        "vedette_request_duration_seconds_count{kind=\"thumbnail\"} ",
        "vedette_request_span_duration_seconds_count{span=\"queue\"} ",
        "vedette_request_span_duration_seconds_count{span=\"index\"} ",
        "vedette_request_span_duration_seconds_count{span=\"read\"} ",
        "vedette_request_span_duration_seconds_count{span=\"decode\"} ",
        "vedette_request_span_duration_seconds_count{span=\"scale\"} ",
        "vedette_request_span_duration_seconds_count{span=\"encode\"} ",
        "vedette_cache_hits_total{cache=\"artifacts\"} ",
        "vedette_cache_misses_total{cache=\"indexes\"} ",
        "vedette_workers ",
        "vedette_workers_busy ",
        "vedette_workers_utilization ",
        "vedette_queue_length 0",
        "vedette_queue_length_max 128",
        "vedette_queue_cost_seconds 0",
        "vedette_queue_wait_seconds ",
        "vedette_work_memory_bytes ",
        "vedette_work_memory_bytes_max 2147483648",
        "vedette_decode_samples_total ",
        "vedette_connections ",
        "vedette_draining 0",
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_cpu_seconds_total ",
        "process_start_time_seconds ",
    ] {
        assert!(page.lines().any(|line| line.starts_with(name)), "{name} is not in\n{page}");
    }
    assert!(!page.contains("0_avc"), "no entry is a label");
}
