//! How many requests a client may make.

use std::num::NonZeroU32;
use std::time::Instant;

use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use vedette::network::Network;
use vedette::server::Config;
use vedette::server::forwarded::{Header, Proxies};

use super::http::running;
use crate::http::{Client, Running, request};
use crate::support::target;

/// Requests that a client has saved up; one more comes back each second.
const BURST: u32 = 40;

fn limiting(proxies: Proxies) -> Config {
    let requests_per_client_max = NonZeroU32::new(1);
    Config { requests_per_client_max, requests_per_client_burst: BURST, proxies, ..Config::default() }
}

/// Checks that of requests begun at `begun` as many were answered as there were, and no more.
#[track_caller]
fn check_passed(passed: u32, begun: Instant) {
    let back = u32::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!((BURST..=BURST + back).contains(&passed), "{passed} of {BURST} and {back}");
}

/// How many of `ask` are answered before the first one is told to come again later; that it is told so is checked.
#[track_caller]
fn passed(mut ask: impl FnMut(u32) -> crate::support::Answer) -> u32 {
    for number in 0..BURST + 100 {
        let answer = ask(number);
        if answer.status != 429 {
            assert_eq!(answer.status, 200, "{}", answer.text());
            continue;
        }
        assert_eq!((answer.header("retry-after"), answer.header("cache-control")), (Some("1"), Some("no-store")));
        assert!(answer.header("x-request-id").is_some() && answer.header("etag").is_none());
        return number;
    }
    panic!("nobody is told to come again later");
}

/// Whatever way a request takes through the server, it counts once: at hand, made, conditional, in part, by HEAD or POST.
#[test]
fn row_08_requests_of_a_client_are_counted_on_every_way() {
    let running = running(limiting(Proxies::default()));
    let path = target("0_avc", "width/160/vid_sec/1");
    let playlist = "/hls/p/1/sp/100/serveFlavor/entryId/0_hills/flavorId/0_hills_source/index-v1.m3u8";
    let ways: [(&str, &str, &str); 6] = [
        ("GET", &path, ""),
        ("GET", &path, "If-None-Match: \"x\"\r\n"),
        ("GET", playlist, ""),
        ("HEAD", &path, ""),
        ("GET", &path, "X-Request-Id: 7\r\n"),
        ("POST", &path, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n"),
    ];
    let (mut client, begun) = (running.connect(), Instant::now());
    let count = passed(|number| {
        let (method, path, fields) = ways[number as usize % ways.len()];
        client.ask(method, path, fields)
    });
    check_passed(count, begun);
    // Each way is refused by itself; the connection stays, and the operators' port knows nothing of it.
    for (method, path, fields) in ways {
        assert!((0..100).any(|_| client.ask(method, path, fields).status == 429), "{method} {fields}");
    }
    let mut asked = (0..100).map(|_| client.ask("GET", "/anything", ""));
    let refused = asked.find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.text(), "a client may make 1 requests a second, and 40 at once\n");
    assert!((0..2 * BURST).all(|_| running.admin("/livez").status == 200));
    let page = running.admin("/metrics").text();
    assert!(page.contains("vedette_requests_total{kind=\"other\",status=\"429\"}"), "{page}");
}

#[test]
fn row_08_requests_over_http_2_count_as_well() {
    let running = running(limiting(Proxies::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let (mut count, begun) = (0, Instant::now());
        for _ in 0..2 * BURST {
            let url = format!("http://test{}", target("0_avc", "width/160/vid_sec/1"));
            let asked = Request::get(url).body(String::new()).unwrap();
            count += u32::from(sender.send_request(asked).await.unwrap().status() == 200);
        }
        check_passed(count, begun);
    });
}

/// Behind proxies a client is who they say it is; they themselves are none.
#[test]
fn row_08_a_client_behind_proxies_is_who_they_say() {
    for (header, field) in [(Header::XForwardedFor, "X-Forwarded-For: "), (Header::Forwarded, "Forwarded: for=")] {
        let trusted = vec![Network::parse("127.0.0.1").unwrap(), Network::parse("10.0.0.0/8").unwrap()];
        let running = running(limiting(Proxies { trusted, header, protocol: false }));
        let path = target("0_avc", "width/160/vid_sec/1");
        let mut client = running.connect();
        let mut as_client = |says: &str| client.ask("GET", &path, &format!("{field}{says}\r\n"));
        let begun = Instant::now();
        // What a client says before them is its own.
        let front = if header == Header::Forwarded { "10.0.0.9, for=192.0.2.1" } else { "10.0.0.9, 192.0.2.1" };
        check_passed(passed(|_| as_client(front)), begun);
        assert_eq!(as_client("192.0.2.2").status, 200, "another client");
        let begun = Instant::now();
        let within = |number: u32| match header {
            Header::XForwardedFor => format!("2001:db8::{number:x}"),
            Header::Forwarded => format!("\"[2001:db8::{number:x}]\""),
        };
        check_passed(passed(|number| as_client(&within(number))), begun);
        // The same two on the way that is not the fast one.
        let slowly = |client: &mut Client, says: &str| {
            client.ask("GET", &path, &format!("If-None-Match: \"x\"\r\n{field}{says}\r\n")).status
        };
        assert!((0..100).any(|_| slowly(&mut client, front) == 429));
        let of_the_proxy = |running: &Running| {
            let mut client = running.connect();
            (0..2 * BURST).all(|_| client.ask("GET", &path, "").status == 200)
        };
        assert!(of_the_proxy(&running), "who asks for others is not held to it");
    }
}

/// Requests that were sent before the answers to earlier ones came count each, and each is answered.
#[test]
fn row_08_requests_in_a_row_are_answered_each() {
    let running = running(limiting(Proxies::default()));
    let path = target("0_avc", "width/160/vid_sec/1");
    assert_eq!(running.get(&path).status, 200);
    let (mut client, begun) = (running.connect(), Instant::now());
    client.send(&request("GET", &path, "").repeat(2 * BURST as usize));
    let statuses: Vec<u16> = (0..2 * BURST).map(|_| client.read("GET").status).collect();
    let count = statuses.iter().filter(|status| **status == 200).count();
    check_passed(u32::try_from(count).unwrap() + 1, begun);
    assert!(statuses.iter().all(|status| matches!(status, 200 | 429)));
}
