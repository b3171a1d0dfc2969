//! Clients that mean harm: requests that are two, bodies that nobody asked for, clients that are slow on purpose.

use std::time::{Duration, Instant};

use vedette::deliver::Config as DeliverConfig;
use vedette::network::Network;
use vedette::server::Config;
use vedette::server::forwarded::Proxies;

use crate::http::{Client, Running, request};
use crate::support::target;

pub(super) fn running(config: Config) -> Running {
    Running::new(config, DeliverConfig::default())
}

/// Long enough for an answer on a busy machine, too short for who waits for others.
const SOON: Duration = Duration::from_secs(5);

/// A picture that is there is there for everybody else meanwhile.
#[track_caller]
pub(super) fn check_served(running: &Running) {
    let begun = Instant::now();
    assert_eq!(running.get(&target("0_avc", "width/160/vid_sec/1")).status, 200);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn row_16_what_is_more_than_a_request() {
    let running = running(Config::default());
    let path = target("0_avc", "width/160/vid_sec/1");
    let mut upgrade = running.connect();
    upgrade.send(&request("GET", &path, "Connection: upgrade\r\nUpgrade: websocket\r\n"));
    assert_eq!(upgrade.read("GET").status, 200, "another protocol is not spoken");
    for (method, status) in [("CONNECT", 405), ("TRACE", 405)] {
        let mut client = running.connect();
        client.send(&format!("{method} test:80 HTTP/1.1\r\nHost: test\r\n\r\n"));
        let found = client.read(method).status;
        assert!(found == status || found == 400, "{method}: {found}");
    }
    let mut old = running.connect();
    for _ in 0..2 {
        old.send(&format!("GET {path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        assert_eq!(old.read("GET").status, 200);
    }
}

#[test]
fn row_17_many_slow_heads_keep_nobody_waiting() {
    let running = running(Config { header_timeout: Duration::from_secs(1), ..Config::default() });
    check_served(&running);
    let mut slow: Vec<Client> = (0..300).map(|_| running.connect()).collect();
    slow.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\nX-a: b"));
    check_served(&running);
    slow.into_iter().for_each(|client| drop(client.rest()));
    check_served(&running);
    let page = running.admin("/metrics").text();
    assert!(page.contains("\nvedette_connections 0\n") || page.contains("\nvedette_connections 1\n"), "{page}");
}

#[test]
fn row_17_a_client_has_so_many_connections() {
    let running = running(Config { connections_per_client_max: 4, ..Config::default() });
    let mut kept: Vec<Client> = (0..4).map(|_| running.connect()).collect();
    kept.iter_mut().for_each(|client| assert_eq!(client.ask("GET", "/", "").status, 404));
    assert_eq!(running.connect().rest(), b"", "one too many");
    kept.iter_mut().for_each(|client| assert_eq!(client.ask("GET", "/", "").status, 404));
    drop(kept);
    crate::support::soon(|| {
        let mut client = running.connect();
        client.try_send(&request("GET", "/", "Connection: close\r\n"));
        client.rest().starts_with(b"HTTP/1.1 404")
    });
    assert!(running.admin("/metrics").text().contains("vedette_connections_refused_total{reason=\"client\"}"));
}

#[test]
fn row_17_a_trusted_proxy_has_as_many_as_it_needs() {
    let proxies = Proxies { trusted: vec![Network::parse("127.0.0.1").unwrap()], ..Proxies::default() };
    let running = running(Config { connections_per_client_max: 4, proxies, ..Config::default() });
    let mut kept: Vec<Client> = (0..16).map(|_| running.connect()).collect();
    kept.iter_mut().for_each(|client| assert_eq!(client.ask("GET", "/", "").status, 404));
}

#[test]
fn row_15_heads_and_bodies_beyond_their_limits() {
    let running = running(Config { header_bytes_max: 8 << 10, body_bytes_max: 2 << 10, ..Config::default() });
    let mut client = running.connect();
    client.send(&request("GET", "/", &format!("X-a: {}\r\n", "b".repeat(16 << 10))));
    assert_eq!(client.read("GET").status, 431);
    let mut client = running.connect();
    client.send(&request("GET", "/", &"X-a: b\r\n".repeat(200)));
    assert_eq!(client.read("GET").status, 431);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (length, status) in [(1 << 10, 404), (3 << 10, 413)] {
        let mut client = running.connect();
        let fields = format!("{form}Content-Length: {length}\r\n");
        client.send(&(request("POST", "/", &fields) + &"a".repeat(length)));
        assert_eq!(client.read("POST").status, status, "{length} bytes");
    }
    let mut client = running.connect();
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1 << 10));
    client.send(&(request("POST", "/", &format!("{form}Transfer-Encoding: chunked\r\n")) + &chunk.repeat(3)));
    assert_eq!(client.read("POST").status, 413, "chunks add up");
}

#[test]
fn row_20_ranges_beyond_their_limit() {
    let path = target("0_avc", "width/160/vid_sec/1");
    for (ranges_max, statuses) in [(2, [206, 206, 200]), (1, [206, 200, 200])] {
        let running = running(Config { ranges_max, ..Config::default() });
        let length = running.get(&path).body.len();
        for (ranges, status) in ["0-9", "0-9,20-29", "0-9,20-29,40-49"].into_iter().zip(statuses) {
            for _ in 0..3 {
                let answer = running.connect().ask("GET", &path, &format!("Range: bytes={ranges}\r\n"));
                assert_eq!(answer.status, status, "{ranges} of {ranges_max}");
                assert!(answer.body.len() <= length, "no part is sent twice");
            }
        }
    }
}

#[test]
fn row_15_what_is_no_request_is_counted() {
    let running = running(Config::default());
    let mut client = running.connect();
    client.send("GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n");
    assert_eq!(client.read("GET").status, 400);
    crate::support::soon(|| {
        running.admin("/metrics").text().contains("vedette_connections_refused_total{reason=\"malformed\"} 1")
    });
}

/// Requests that two readers would see differently end their connection with a refusal, and what is behind them is no request.
#[test]
fn row_15_requests_that_are_two() {
    let running = running(Config { idle_timeout: Duration::from_secs(3), ..Config::default() });
    let path = target("0_avc", "width/160/vid_sec/1");
    check_served(&running);
    let inner = request("GET", "/smuggled", "");
    let chunked = "Transfer-Encoding: chunked\r\n";
    let long = "9".repeat(25);
    let field = "Content-Type: application/x-www-form-urlencoded\r\n";
    for method in ["GET", "POST"] {
        let head = |fields: &str| request(method, &path, &format!("{field}{fields}"));
        for (what, sent) in [
            ("both lengths", head(&format!("Content-Length: 5\r\n{chunked}")) + "0\r\n\r\n" + &inner),
            ("both, the other way", head(&format!("{chunked}Content-Length: 5\r\n")) + "0\r\n\r\n" + &inner),
            ("two lengths", head("Content-Length: 0\r\nContent-Length: 5\r\n") + &inner),
            ("a list of lengths", head("Content-Length: 0, 5\r\n") + &inner),
            ("a length with a sign", head("Content-Length: +5\r\n") + &inner),
            ("a length of 25 digits", head(&format!("Content-Length: {long}\r\n")) + &inner),
            ("a coding that is none", head("Transfer-Encoding: xchunked\r\n") + &inner),
            ("chunked and more", head("Transfer-Encoding: chunked, identity\r\n") + &inner),
            ("chunked with a tab inside", head("Transfer-Encoding:\x0bchunked\r\n") + "0\r\n\r\n" + &inner),
            ("a blank before the colon", head("Transfer-Encoding : chunked\r\n") + "0\r\n\r\n" + &inner),
            ("a folded line", head("X-a: b\r\n c: d\r\n") + &inner),
            ("a zero byte", head("X-a: b\0c\r\n") + &inner),
            ("a lone CR", head("X-a: b\rX-c: d\r\n") + &inner),
            ("a negative chunk", head(chunked) + "-1\r\n\r\n" + &inner),
            ("a huge chunk", head(chunked) + "fffffffffffffffff\r\n" + &inner),
            ("a chunk of no size", head(chunked) + "\r\n" + &inner),
            (
                "a flood of extensions",
                head(chunked) + &format!("1;{}\r\na\r\n0\r\n\r\n", "a=b;".repeat(20_000)) + &inner,
            ),
        ] {
            let mut client = running.connect();
            client.try_send(&sent);
            let said = String::from_utf8_lossy(&client.rest()).into_owned();
            let answers = said.matches("HTTP/1.1 ").count();
            assert!(answers <= 1, "{method}, {what}: {said}");
            assert!(
                !said.contains("nothing is served under this path"),
                "{method}, {what}: what is behind is asked: {said}"
            );
            let is_refused = said.is_empty() || said.starts_with("HTTP/1.1 4");
            // The body of a GET is not looked at, and of both lengths that in chunks counts (RFC 9112 section 6.3): there is an
            // answer, and the connection ends with it.
            let may_be_answered = method == "GET" || what.starts_with("both");
            assert!(is_refused || may_be_answered && said.starts_with("HTTP/1.1 200"), "{method}, {what}: {said}");
        }
    }
    check_served(&running);
}

/// Lines that end in LF alone mean the same to the whole service, or are refused.
#[test]
fn row_15_lines_without_cr() {
    let running = running(Config::default());
    let path = target("0_avc", "width/160/vid_sec/1");
    let whole = running.get(&path).body;
    for text in [
        format!("GET {path} HTTP/1.1\nHost: test\nConnection: close\n\n"),
        format!("GET {path} HTTP/1.1\r\nHost: test\nConnection: close\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\n\nGET /smuggled HTTP/1.1\r\n\r\n"),
    ] {
        let mut client = running.connect();
        client.send(&text);
        let said = client.rest();
        assert_eq!(said.windows(9).filter(|bytes| bytes == b"HTTP/1.1 ").count(), 1, "{text:?}");
        assert!(said.starts_with(b"HTTP/1.1 400") || said.ends_with(&whole), "{text:?}");
    }
}

/// The body of a GET is read over as far as it is worth it, and is never a request.
#[test]
fn row_16_a_get_with_a_body() {
    let running = running(Config::default());
    let path = target("0_avc", "width/160/vid_sec/1");
    let whole = running.get(&path).body;
    for length in [10, 60 << 10, 8 << 20] {
        let mut client = running.connect();
        client.send(&request("GET", &path, &format!("Content-Length: {length}\r\n")));
        client.try_send(&request("GET", "/smuggled", ""));
        let answer = client.read("GET");
        assert!(answer.status == 200 && answer.body == whole, "{length}: {}", answer.status);
        // However much more comes of it, there is no second answer before the body is over.
        client.try_send_bytes(&vec![b'x'; length.min(1 << 20)]);
        client.try_send(&request("GET", &path, "Connection: close\r\n"));
        client.shut();
        let rest = client.rest();
        assert!(!String::from_utf8_lossy(&rest).contains("nothing is served"), "{length}");
    }
    // Another protocol is not spoken, and what comes with the wish for it is the next request.
    let mut upgrade = running.connect();
    let wish = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    upgrade.send(&(request("GET", &path, wish) + &request("GET", &path, "Connection: close\r\n")));
    assert!(upgrade.read("GET").body == whole && upgrade.read("GET").body == whole);
    assert!(upgrade.rest().is_empty());
}

/// Bodies that trickle in keep nobody but their senders waiting.
#[test]
fn row_17_slow_bodies() {
    let running = running(Config { header_timeout: Duration::from_secs(1), ..Config::default() });
    check_served(&running);
    let fields = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n";
    let mut slow: Vec<Client> = (0..200).map(|_| running.connect()).collect();
    for client in &mut slow {
        client.send(&(request("POST", "/p/1/thumbnail/", fields) + "width="));
    }
    for _ in 0..10 {
        check_served(&running);
        slow.iter_mut().for_each(|client| client.try_send("1"));
    }
    for client in slow {
        let said = client.rest();
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&said));
    }
    check_served(&running);
}

/// Many who read nothing of long answers are let go, and cost the others nothing meanwhile.
#[test]
fn row_17_many_slow_readers() {
    let running = running(Config { write_timeout: Duration::from_secs(2), ..Config::default() });
    let path = target("0_hills", "width/1600/format/bmp/vid_sec/1");
    let length = running.get(&path).body.len();
    check_served(&running);
    let mut slow: Vec<Client> = (0..60).map(|_| running.connect()).collect();
    slow.iter_mut().for_each(|client| client.send(&request("GET", &path, "")));
    for _ in 0..10 {
        check_served(&running);
    }
    let open = || running.admin("/metrics").text();
    crate::support::soon(|| open().contains("\nvedette_connections 0\n"));
    slow.into_iter().for_each(|client| assert!(client.rest().len() < length, "it was let go before it had all"));
}

/// What a request calls this host is in no answer, and no part of what is kept.
#[test]
fn row_11_hosts_that_are_others() {
    let running = running(Config::default());
    let paths = [
        target("0_avc", "width/160/vid_sec/1"),
        "/p/1/sp/100/playManifest/entryId/0_hills/format/applehttp/a.m3u8".to_owned(),
        "/p/1/sp/100/playManifest/entryId/0_hills/format/mpegdash/a.mpd".to_owned(),
        "/hls/p/1/sp/100/serveFlavor/entryId/0_hills/flavorId/0_hills_source/master.m3u8".to_owned(),
        "/p/1/sp/100/raw/entry_id/0_hills".to_owned(),
    ];
    for path in paths {
        let plain = running.get(&path);
        assert!(plain.status < 400, "{path}: {}", plain.status);
        for text in [
            format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
            format!("GET http://evil.example{path} HTTP/1.1\r\nHost: test\r\n\r\n"),
            format!("GET http://evil.example{path} HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
            format!("GET {path} HTTP/1.1\r\nHost: test\r\nX-Forwarded-Host: evil.example\r\n\r\n"),
            format!("GET {path} HTTP/1.1\r\nHost: test\r\nX-Host: evil.example\r\nX-Original-URL: /evil\r\n\r\n"),
        ] {
            let mut client = running.connect();
            client.send(&text);
            let answer = client.read("GET");
            assert_eq!((answer.status, answer.header("etag")), (plain.status, plain.header("etag")), "{text}");
            assert!(answer.body == plain.body && answer.header("location") == plain.header("location"), "{text}");
            assert!(answer.headers.iter().all(|(_, value)| !value.contains("evil")), "{text}");
        }
        for text in [
            format!("GET {path} HTTP/1.1\r\nHost: test\r\nHost: evil.example\r\n\r\n"),
            format!("GET {path} HTTP/1.1\r\nX-Host: test\r\n\r\n"),
        ] {
            let mut client = running.connect();
            client.send(&text);
            assert_eq!(client.read("GET").status, 400, "{text}");
        }
    }
}
