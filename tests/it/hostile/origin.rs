//! Origins that lie, stall, lead elsewhere or are asked for more than a client gets.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::videos::RESIDENT_MAX;
use crate::far::{Far, Fault};
use crate::support::{Folder, Server, media, target};

/// Long enough for every retry on a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

fn far(samples: &[&str]) -> Far {
    let far = Far::start();
    for sample in samples {
        far.put(&format!("lib/{sample}"), &std::fs::read(media(sample)).unwrap());
    }
    far
}

/// A service of what rests at a URL, which does not wait long.
fn serve(url: &str, more: &[&str]) -> Server {
    let patience = ["--origin-response-timeout", "500ms", "--origin-read-timeout", "500ms", "--origin-retries", "1"];
    Server::start(Path::new(url), &[&patience[..], more].concat())
}

/// Ids that nobody has cost the origin a few questions each, once; who asks for them again asks nobody.
#[test]
fn row_08_ids_that_nobody_has() {
    const IDS: usize = 400;
    const CLIENTS: usize = 8;
    let far = far(&["0_long.mp4"]);
    let server = Server::start(Path::new(&far.url("lib")), &["--catalog-ttl", "1h", "--origin-requests-max", "4"]);
    let picture = server.thumbnail("0_long", "vid_sec/1").body;
    far.take_seen();
    far.take_connections();
    let ask_all = || {
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let server = &server;
                scope.spawn(move || {
                    for id in (client..IDS).step_by(CLIENTS) {
                        assert_eq!(server.get(&target(&format!("0_none{id}"), "width/160")).status, 404);
                    }
                });
            }
        });
    };
    ask_all();
    let asked = far.take_seen().len();
    assert!((IDS..=IDS * 16).contains(&asked), "{asked} questions for {IDS} ids");
    // As many at once as there may be, some of them anew after a while.
    assert!(far.take_connections() <= 16, "no more at once than is allowed");
    ask_all();
    assert_eq!(far.take_seen(), [], "what is not there is remembered");
    assert!(server.thumbnail("0_long", "vid_sec/1").body == picture);
}

/// One byte of a film costs a block of it, and many ranges cost no byte twice.
#[test]
fn row_20_a_byte_of_a_film_elsewhere() {
    let far = Far::start();
    let film = [&b"%PDF-1.7\n"[..], &vec![b'x'; 48 << 20]].concat();
    far.put("lib/0_text.pdf", &film);
    let server = Server::start(Path::new(&far.url("lib")), &[]);
    let path = "/p/1/raw/entry_id/0_text/direct_serve/1";
    assert_eq!(server.ask("HEAD", path, &[]).status, 200);
    far.take_body_bytes();
    for (range, length) in [("bytes=40000000-40000000", 1), ("bytes=0-0", 1), ("bytes=-1", 1)] {
        let answer = server.ask("GET", path, &[("range", range)]);
        assert_eq!((answer.status, answer.body.len()), (206, length), "{range}");
        let read = far.take_body_bytes();
        assert!(read <= 4 << 20, "{range}: {read} bytes were read");
    }
    let apart: Vec<_> = (0..16).map(|number| format!("{0}-{0}", number * 3_000_000)).collect();
    let answer = server.ask("GET", path, &[("range", &format!("bytes={}", apart.join(",")))]);
    assert_eq!(answer.status, 206);
    let read = far.take_body_bytes();
    assert!(read < film.len() as u64 / 2, "{read} bytes were read for sixteen");
}

/// An origin that answers everything with the same bytes.
struct Same {
    address: SocketAddr,
    is_stopped: Arc<AtomicBool>,
}

impl Same {
    /// `pieces` are sent one after the other, again and again as long as they are taken where `goes_on`.
    fn start(head: &str, pieces: Vec<u8>, goes_on: bool) -> Same {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (head, pieces, stopped) = (Arc::new(head.to_owned()), Arc::new(pieces), Arc::clone(&is_stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(mut stream), head, pieces) = (stream, Arc::clone(&head), Arc::clone(&pieces)) else { continue };
                std::thread::spawn(move || {
                    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
                    let mut sent = stream.write_all(head.as_bytes());
                    sent = sent.and_then(|()| stream.write_all(&pieces));
                    while goes_on && sent.is_ok() {
                        sent = stream.write_all(&pieces);
                    }
                });
            }
        });
        Same { address, is_stopped }
    }
}

impl Drop for Same {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(self.address);
    }
}

/// What no origin should say: lengths that are negative or without end, heads and bodies that never stop, what unpacks to more.
#[test]
fn row_37_answers_that_are_none() {
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        (0..256).for_each(|_| encoder.write_all(&[0; 1 << 20]).unwrap());
        encoder.finish().unwrap()
    };
    let packed = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let part = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-18446744073709551615/18446744073709551616\r\n";
    for (what, head, body, goes_on) in [
        ("a bomb of gzip", packed.as_str(), bomb, false),
        ("a negative chunk", chunked, b"-1\r\nabc\r\n".to_vec(), false),
        ("a chunk of 2^64", chunked, b"ffffffffffffffffff\r\nabc\r\n".to_vec(), true),
        ("chunks without end", chunked, [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat(), true),
        ("a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", vec![b'x'; 4096], false),
        ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\n", vec![b'x'; 9], false),
        ("a body without end", "HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 1 << 16], true),
        ("a head without end", "HTTP/1.1 200 OK\r\n", b"X-a: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n".repeat(100), true),
        ("a part beyond all numbers", part, b"Content-Length: 18446744073709551615\r\n\r\n".to_vec(), true),
        ("nothing", "", Vec::new(), false),
    ] {
        let same = Same::start(head, body, goes_on);
        let mut server = serve(&format!("http://{}/lib", same.address), &[]);
        let begun = Instant::now();
        for path in [target("0_x", "width/160"), "/p/1/raw/entry_id/0_x/direct_serve/1".to_owned()] {
            let answer = server.get(&path);
            assert!(answer.status >= 400, "{what}: {} to {path}", answer.status);
        }
        assert!(begun.elapsed() < ANSWERED_WITHIN, "{what}: {:?}", begun.elapsed());
        assert!(server.runs() && server.resident() < RESIDENT_MAX / 2, "{what}: {} bytes", server.resident());
    }
}

/// Redirects end, and lead nowhere but to where files may rest.
#[test]
fn row_37_redirects_without_end_or_to_elsewhere() {
    let far = far(&["0_long.mp4"]);
    let other = Far::start();
    other.put("secret.mp4", &std::fs::read(media("0_long.mp4")).unwrap());
    for to in [
        far.url("lib/0_long.mp4"),
        other.url("secret.mp4"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "//169.254.169.254/".to_owned(),
        "gopher://127.0.0.1:1/".to_owned(),
        format!("http://{}@{}/secret.mp4", far.address(), other.address()),
        String::new(),
    ] {
        far.always(Fault::Redirect(to.clone()));
        far.take_seen();
        let server = serve(&far.url("lib"), &[]);
        let begun = Instant::now();
        let answer = server.get(&target("0_long", "vid_sec/1"));
        assert!(answer.status >= 400, "{to}: {}", answer.status);
        assert!(begun.elapsed() < ANSWERED_WITHIN, "{to}: {:?}", begun.elapsed());
        // Each question is led on so often and no oftener.
        let asked = far.take_seen().len();
        assert!(asked <= 400, "{to}: {asked} questions");
    }
    assert_eq!(other.take_connections(), 0, "nobody else is asked");
}

/// However this machine is written, a URL in the library leads to it where the settings allow it, and nowhere else.
#[test]
fn row_38_this_machine_under_other_names() {
    let (far, folder) = (far(&["0_avc.mp4"]), Folder::new("row-38"));
    let port = far.address().port();
    let names = [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.0.0.1.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::1]",
        "[2001:0:7f00:1::]",
    ];
    let origins: Vec<String> = names.iter().map(|name| format!("http://{name}:{port}/")).collect();
    for (number, origin) in origins.iter().enumerate() {
        let sidecar = format!("[[flavors]]\nfile = '{origin}lib/0_avc.mp4'\n");
        std::fs::write(folder.path().join(format!("0_{number}.toml")), sidecar).unwrap();
    }
    // What stands before the @ is no host.
    let front = format!("http://cdn.example.com:80@127.0.0.1:{port}/lib/0_avc.mp4");
    std::fs::write(folder.path().join("0_user.toml"), format!("[[flavors]]\nfile = '{front}'\n")).unwrap();
    let origins = [&origins[..], &["http://cdn.example.com/".to_owned()]].concat().join(",");
    let quick = ["--origin-connect-timeout", "500ms", "--origin-retries", "0"];
    let strict = Server::start(folder.path(), &[&["--origins", &origins], &quick[..]].concat());
    for (number, name) in names.iter().enumerate() {
        let answer = strict.get(&target(&format!("0_{number}"), "width/160"));
        assert!(answer.status >= 400, "{name}: {}", answer.status);
    }
    assert!(strict.get(&target("0_user", "width/160")).status >= 400);
    assert_eq!(far.take_connections(), 0, "no connection is made");
    let open =
        Server::start(folder.path(), &[&["--origins", &origins, "--origin-private", "true"], &quick[..]].concat());
    assert_eq!(open.frame("0_0", "width/160/vid_sec/1"), 25, "where it may be, it is found");
    assert!(open.get(&target("0_user", "width/160")).status >= 400, "a user is no host");
}
