//! HTTP/2 used as a weapon: each flood ends the connection that it comes on, and nobody else notices.

use std::time::{Duration, Instant};

use vedette::server::Config;

use super::http::{check_served, running};
use crate::http::Running;
use crate::support::{soon, target};

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
    let said = frames_in(&client.rest());
    let end = said.into_iter().find(|frame| frame.kind == GOAWAY)?;
    Some(u32::from_be_bytes(end.payload[4..8].try_into().unwrap()))
}

/// What came on a connection.
struct Frame {
    kind: u8,
    payload: Vec<u8>,
}

/// The whole frames among `bytes`.
fn frames_in(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((head, after)) = bytes.split_at_checked(9) {
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
        let Some((payload, rest)) = after.split_at_checked(length) else { break };
        frames.push(Frame { kind: head[3], payload: payload.to_vec() });
        bytes = rest;
    }
    frames
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
    let quick = Duration::from_secs(2);
    let running = running(Config { streams_max: 5, idle_timeout: quick, write_timeout: quick, ..Config::default() });
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

/// A head that grows two thousandfold when it is unpacked (RFC 7541 section 7.3) is refused before it has.
#[test]
fn row_18_heads_that_unpack_to_more_than_is_allowed() {
    let running = running(Config { idle_timeout: Duration::from_secs(2), ..Config::default() });
    let value = [b'v'; 3900];
    // As above, but that nothing of it is put into the table.
    let get = b"\x82\x86\x84\x01\x01x".as_slice();
    // A field that is put into the table, with a length of 3900 (section 5.1), and then named again and again.
    let bomb = [get, b"\x40\x01a\x7f\xbd\x1d", &value, &[0xbe; 10_000]].concat();
    let mut client = running.connect();
    client.send_bytes(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat());
    for stream in (1..400).step_by(2) {
        // Each connection has a table of its own, and what follows on it names the field alone.
        let block = if stream == 1 { bomb.clone() } else { [get, &[0xbe; 12_000]].concat() };
        client.try_send_bytes(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &block));
    }
    check_served(&running);
    let said = frames_in(&client.rest());
    assert!(said.iter().any(|frame| matches!(frame.kind, HEADERS | RST_STREAM | GOAWAY)), "it has an answer");
    let answered_with_ok = said.iter().any(|frame| frame.kind == HEADERS && frame.payload.first() == Some(&0x88));
    assert!(!answered_with_ok, "none of these is taken for a request");
    let peak = peak_memory();
    assert!(peak < PEAK_MAX, "{peak} bytes");
}

/// More than a service takes for a small picture, and less than one of those heads after the other unpacked.
const PEAK_MAX: u64 = 512 << 20;

/// Most memory that this process had.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// What is taken back is not worked at any more.
#[test]
fn row_18_work_of_streams_that_are_taken_back_ends() {
    let running = running(Config::default());
    let mut client = running.connect();
    client.send_bytes(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat());
    let streams: Vec<u32> = (0..20).map(|number| 2 * number + 1).collect();
    for stream in &streams {
        let path = target("0_long", &format!("width/640/vid_slices/{}", 100 + stream));
        // Method, scheme, the path as it is, and the host.
        let block =
            [&b"\x82\x86\x04"[..], &[u8::try_from(path.len()).unwrap()], path.as_bytes(), b"\x41\x01x"].concat();
        client.send_bytes(&frame(HEADERS, END_STREAM | END_HEADERS, *stream, &block));
    }
    let load = || running.delivery().load();
    soon(|| load().busy > 0);
    let resets: Vec<_> = streams.iter().map(|stream| frame(RST_STREAM, 0, *stream, &[0, 0, 0, 8])).collect();
    client.send_bytes(&resets.concat());
    soon(|| load().busy + load().queued == 0);
    check_served(&running);
}
