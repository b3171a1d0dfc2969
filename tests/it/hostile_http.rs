//! Clients that mean harm, row by row of the list that this service is held to.

use std::time::{Duration, Instant};

use vedette::access::network::Network;
use vedette::deliver::Config as DeliverConfig;
use vedette::server::Config;
use vedette::server::forwarded::Proxies;

use crate::http::{Client, Running, request};
use crate::support::{Server, library, target};

fn running(config: Config) -> Running {
    Running::new(config, DeliverConfig::default())
}

/// Long enough for an answer on a busy machine, too short for who waits for others.
const SOON: Duration = Duration::from_secs(5);

/// A picture that is there is there for everybody else meanwhile.
#[track_caller]
fn check_served(running: &Running) {
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
fn row_45_more_connections_than_there_is_room_for_wait() {
    let running = running(Config { connections_max: 4, ..Config::default() });
    let mut kept: Vec<Client> = (0..4).map(|_| running.connect()).collect();
    kept.iter_mut().for_each(|client| assert_eq!(client.ask("GET", "/", "").status, 404));
    let mut waiting = running.connect();
    waiting.send(&request("GET", "/", ""));
    kept.iter_mut().for_each(|client| assert_eq!(client.ask("GET", "/", "").status, 404));
    drop(kept);
    assert_eq!(waiting.read("GET").status, 404);
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

/// With as many open files as the system gives, nobody new is let in, and nobody is lost who is in.
#[test]
fn row_45_no_more_open_files() {
    let server = Server::start_limited("ulimit -n 64;", library(), &[]);
    let path = target("0_avc", "width/160/vid_sec/1");
    assert_eq!(server.get(&path).status, 200);
    let clients: Vec<_> = (0..100).map(|_| std::net::TcpStream::connect(server.address()).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(300));
    drop(clients);
    crate::support::soon(|| server.get(&path).status == 200);
    assert_eq!(server.frame("0_hills", "width/160/vid_sec/2"), 50);
}

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET /` for the host x, in indices of the static table (RFC 7541 appendix A).
const GET: &[u8] = b"\x82\x86\x84\x41\x01x";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ENHANCE_YOUR_CALM: u32 = 11;

/// What the server gives as its reason to end a connection of HTTP/2 on which `frames` are sent; others are served meanwhile.
#[track_caller]
fn ended(running: &Running, frames: &[Vec<u8>]) -> Option<u32> {
    let mut client = running.connect();
    let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat();
    client.send_bytes(&preface);
    frames.chunks(100).for_each(|frames| client.try_send_bytes(&frames.concat()));
    check_served(running);
    let said = client.rest();
    let mut rest = &said[..];
    while let Some((head, after)) = rest.split_at_checked(9) {
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
        let payload = after.get(..length)?;
        if head[3] == GOAWAY {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        rest = &after[length..];
    }
    None
}

#[test]
fn row_18_floods_of_http_2_end_the_connection_that_they_come_on() {
    let config = Config { resets_max: 20, idle_timeout: Duration::from_secs(2), ..Config::default() };
    let running = running(config);
    check_served(&running);
    let streams = || (0..1000).map(|number| 2 * number + 1);
    let get = |stream| frame(HEADERS, END_STREAM | END_HEADERS, stream, GET);
    let resets: Vec<_> =
        streams().flat_map(|stream| [get(stream), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])]).collect();
    assert_eq!(ended(&running, &resets), Some(ENHANCE_YOUR_CALM), "rapid reset");
    // A window that grows beyond its limit is an error of the stream, which the server resets itself.
    let made: Vec<_> = streams()
        .flat_map(|stream| [get(stream), frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff])])
        .collect();
    assert_eq!(ended(&running, &made), Some(ENHANCE_YOUR_CALM), "resets that the server was made to send");
    let mut endless = vec![frame(HEADERS, END_STREAM, 1, GET)];
    endless.extend((0..5000).map(|_| frame(CONTINUATION, 0, 1, &[0x40, 1, b'a', 1, b'b'].repeat(200))));
    assert_eq!(ended(&running, &endless), Some(ENHANCE_YOUR_CALM), "a head without end");
    // What costs the server nothing is answered, until the connection is idle for too long.
    let pings: Vec<_> = (0..5000).map(|_| frame(PING, 0, 0, &[0; 8])).collect();
    ended(&running, &pings);
    let settings: Vec<_> = (0..5000).map(|_| frame(SETTINGS, 0, 0, &[])).collect();
    ended(&running, &settings);
}

#[test]
fn row_18_windows_that_stay_shut() {
    let running = running(Config { write_timeout: Duration::from_secs(1), ..Config::default() });
    check_served(&running);
    let mut client = running.connect();
    client.send_bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.send_bytes(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
    client.send_bytes(&frame(HEADERS, END_STREAM | END_HEADERS, 1, GET));
    let begun = Instant::now();
    client.rest();
    // Sooner than anybody is asked whether he is there.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    check_served(&running);
}

#[test]
fn row_18_streams_beyond_their_limit_are_refused() {
    let running = running(Config { streams_max: 5, idle_timeout: Duration::from_secs(2), ..Config::default() });
    let mut client = running.connect();
    client.send_bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    // No window: no answer ends.
    client.send_bytes(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
    let frames: Vec<_> = (0..20).map(|number| frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, GET)).collect();
    client.send_bytes(&frames.concat());
    let said = client.rest();
    let refused = frame(RST_STREAM, 0, 0, &[0, 0, 0, 7]);
    let count = said.windows(13).filter(|bytes| bytes[..5] == refused[..5] && bytes[9..] == refused[9..]).count();
    assert!(count >= 10, "{count} of 20 are refused");
    check_served(&running);
}
