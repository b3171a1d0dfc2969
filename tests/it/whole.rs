//! A reader gets every byte or a reset: never a short body with a clean end.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hyper_util::rt::{TokioExecutor, TokioIo};
use vedette::deliver::Config as DeliverConfig;
use vedette::server::Config;

use crate::http::{Running, request, whole};
use crate::support::{Folder, target};

/// Long enough for any answer on a busy machine; a test that meets it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const TARGET: &str = "/p/1/serveFlavor/entryId/0_big/flavorId/0_big_source/name/a.mp4";
/// Many times what the sockets hold.
const LONG: usize = 32 << 20;
/// Several windows, and more than the sockets hold.
const MIDDLING: usize = 12 << 20;

/// A service over a folder with one large file of no regularity.
struct Library {
    running: Running,
    path: PathBuf,
    bytes: Vec<u8>,
    _folder: Folder,
}

impl Library {
    fn new(name: &str, length: usize, config: Config) -> Library {
        let folder = Folder::new(name);
        let path = folder.path().join("0_big.mp4");
        let mut bytes = vec![0; length];
        for (number, word) in (1u64..).zip(bytes.chunks_exact_mut(8)) {
            word.copy_from_slice(&number.wrapping_mul(6_364_136_223_846_793_005).to_be_bytes());
        }
        std::fs::write(&path, &bytes).unwrap();
        let running = Running::over(folder.path(), config, DeliverConfig::default());
        Library { running, path, bytes, _folder: folder }
    }
}

/// A way through the server: what it is, and whether the same is asked for so often before that it is at hand.
const WAYS: &[(&str, bool)] = &[
    ("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n", false),
    ("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n", true),
    ("GET {target} HTTP/1.1\r\nHost: x\r\nRange: bytes=1-\r\n\r\n", false),
    ("GET {target} HTTP/1.1\r\nHost: x\r\nRange: bytes=1-\r\n\r\n", true),
    ("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false),
    ("GET {target} HTTP/1.0\r\nHost: x\r\n\r\n", false),
];

/// How a body ended.
#[derive(Debug, PartialEq)]
enum End {
    /// With as many bytes as were announced.
    Whole,
    /// With a reset before that.
    Reset,
    /// As if that had been all.
    Short,
}

/// Asks on a way, and reads what comes from the head on with a pause after each piece.
fn asked(
    running: &Running,
    (text, is_at_hand): (&str, bool),
    at_head: impl FnOnce(),
    pause: Duration,
) -> (Vec<u8>, End) {
    if is_at_hand {
        // A third answer within one second of the clock; if the second is over before it, the test is only another one.
        let mut client = running.connect();
        for _ in 0..2 {
            client.ask("GET", TARGET, "Range: bytes=0-0\r\n");
        }
    }
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.replace("{target}", TARGET).as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let length: usize = length.parse().unwrap();
    at_head();
    let (mut body, mut piece) = (Vec::new(), vec![0; 256 << 10]);
    while body.len() < length {
        match stream.read(&mut piece) {
            Ok(0) => return (body, End::Short),
            Ok(count) => body.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return (body, End::Reset),
            Err(error) => panic!("{text:?}: {error}"),
        }
        std::thread::sleep(pause);
    }
    (body, End::Whole)
}

#[test]
fn a_slow_reader_gets_every_byte_of_a_file() {
    let library = Library::new("slow-file", MIDDLING, Config::default());
    for &(text, is_at_hand) in WAYS {
        let (body, end) = asked(&library.running, (text, is_at_hand), || (), Duration::from_millis(3));
        assert_eq!(end, End::Whole, "{text:?}");
        let skipped = library.bytes.len() - body.len();
        assert!(skipped == usize::from(text.contains("Range")) && body == library.bytes[skipped..], "{text:?}");
    }
}

#[test]
fn a_slow_reader_gets_every_byte_of_a_picture() {
    let running = Running::usual();
    // Some megabytes in memory: more than the sockets hold.
    let path = target("0_hills", "width/1600/format/bmp/vid_sec/1");
    let expected = running.get(&path);
    assert!(expected.body.len() > 1 << 20, "{}", expected.body.len());
    for _ in 0..3 {
        let mut stream = TcpStream::connect(running.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request("GET", &path, "Connection: close\r\n").as_bytes()).unwrap();
        let (mut bytes, mut piece) = (Vec::new(), vec![0; 64 << 10]);
        loop {
            let count = stream.read(&mut piece).unwrap();
            if count == 0 {
                break;
            }
            bytes.extend_from_slice(&piece[..count]);
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(bytes.ends_with(&expected.body), "{} of {} bytes", bytes.len(), expected.body.len());
    }
}

#[test]
fn a_file_that_is_cut_short_breaks_the_answer_off() {
    for (number, &way) in WAYS.iter().enumerate() {
        let library = Library::new(&format!("cut-{number}"), LONG, Config::default());
        let cut = || File::options().write(true).open(&library.path).unwrap().set_len(1 << 20).unwrap();
        let (body, end) = asked(&library.running, way, cut, Duration::ZERO);
        assert_eq!(end, End::Reset, "{way:?}: {} bytes", body.len());
    }
}

#[test]
fn a_file_that_is_written_over_breaks_the_answer_off() {
    for (number, &way) in WAYS.iter().enumerate() {
        let library = Library::new(&format!("over-{number}"), LONG, Config::default());
        // The end of the file at its size, as a careless copy would.
        let write_over = || {
            let file = File::options().write(true).open(&library.path).unwrap();
            file.write_all_at(&[0; 64 << 10], (LONG - (1 << 20)) as u64).unwrap();
        };
        let (body, end) = asked(&library.running, way, write_over, Duration::ZERO);
        assert_eq!(end, End::Reset, "{way:?}: {} bytes", body.len());
    }
}

#[test]
fn a_file_that_is_replaced_is_sent_to_its_end() {
    let library = Library::new("replaced-whole", LONG, Config::default());
    let aside = library.path.with_extension("new~");
    let replace = || {
        std::fs::write(&aside, b"another file").unwrap();
        std::fs::rename(&aside, &library.path).unwrap();
    };
    let (body, end) = asked(&library.running, WAYS[0], replace, Duration::ZERO);
    assert_eq!(end, End::Whole);
    assert!(body == library.bytes);
}

#[test]
fn a_stream_of_http_2_that_comes_to_no_end_is_reset() {
    let library = Library::new("cut-stream", LONG, Config::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(library.running.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut ask = async || {
            let request = hyper::Request::get(format!("http://x{TARGET}")).body(String::new()).unwrap();
            sender.send_request(request).await.unwrap()
        };
        assert!(whole(ask().await.into_body()).await.unwrap() == library.bytes);
        let answer = ask().await;
        File::options().write(true).open(&library.path).unwrap().set_len(1 << 20).unwrap();
        assert!(whole(answer.into_body()).await.unwrap_err() < LONG);
        drop(sender);
        connection.await.unwrap().unwrap();
    });
}

#[test]
fn who_takes_no_byte_of_a_file_is_let_go() {
    let quick = Duration::from_millis(400);
    let library = Library::new("no-reader", LONG, Config { write_timeout: quick, ..Config::default() });
    for &way in WAYS {
        let wait = || std::thread::sleep(4 * quick);
        let (body, end) = asked(&library.running, way, wait, Duration::ZERO);
        assert_eq!(end, End::Reset, "{way:?}: {} bytes", body.len());
    }
}

#[test]
fn draining_finishes_files() {
    for (number, &way) in WAYS.iter().enumerate() {
        let library = Library::new(&format!("drained-{number}"), MIDDLING, Config::default());
        let (stop, stopped) = std::sync::mpsc::channel();
        let (text, _) = way;
        let body = std::thread::scope(|scope| {
            let running = &library.running;
            let pause = Duration::from_millis(2);
            let client = scope.spawn(move || asked(running, way, || stop.send(()).unwrap(), pause));
            stopped.recv().unwrap();
            // The connection is told while its answer is on its way.
            running.stop();
            client.join().unwrap()
        });
        assert_eq!(body.1, End::Whole, "{text:?}");
        let start = Instant::now();
        drop(library);
        assert!(start.elapsed() < Duration::from_secs(20), "{text:?}: {:?}", start.elapsed());
    }
}
