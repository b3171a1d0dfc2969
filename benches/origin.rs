//! What a library elsewhere costs: round trips and time of a thumbnail and of a segment, at an origin 50 ms away.
//! `cargo bench --bench origin` tells.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)] // a bench that cannot set up has nothing to tell

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use self::far::Far;

#[path = "../tests/it/far.rs"]
#[allow(dead_code, reason = "the tests of origins use the rest")]
mod far;

/// There and back again.
const ROUND_TRIP: Duration = Duration::from_millis(50);

const THUMBNAIL: &str = "/p/1/thumbnail/entry_id/film/width/320/vid_sec";
const SEGMENT: &str = "/hls/p/1/sp/100/serveFlavor/entryId/film/flavorId/film_source/seg";

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(media: &str) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vedette"));
        command.args([
            "serve",
            "--media",
            media,
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "off",
            "--log-level",
            "warn",
        ]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().rsplit('/').next().unwrap().to_owned();
        Server { child, address }
    }

    fn get(&self, target: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{target}: {}",
            String::from_utf8_lossy(&answer[..200.min(answer.len())])
        );
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two hours of the sample film, told by its index as far as it is long.
fn film() -> Vec<u8> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/library/0_long.mp4");
    let file = std::env::temp_dir().join(format!("vedette-bench-{}.mp4", std::process::id()));
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-stream_loop", "79", "-i"]).arg(sample);
    assert!(command.args(["-c", "copy", "-movflags", "+faststart"]).arg(&file).status().unwrap().success());
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    bytes
}

fn main() {
    let (far, film) = (Far::start(), film());
    println!("a film of {:.1} MB, its origin {ROUND_TRIP:?} away", film.len() as f64 / 1e6);
    far.put("lib/film.mp4", &film);
    let server = Server::start(&far.url("lib"));
    far.set_latency(ROUND_TRIP);
    println!("{:34} {:>8} {:>9} {:>12} {:>9} {:>12}", "", "time", "requests", "connections", "KB", "round trips");
    let measure = |what: &str, target: String| {
        far.take_seen();
        far.take_connections();
        far.take_body_bytes();
        let start = Instant::now();
        server.get(&target);
        let took = start.elapsed();
        let (requests, connections) = (far.take_seen().len(), far.take_connections());
        let trips = took.as_secs_f64() / ROUND_TRIP.as_secs_f64();
        let bytes = far.take_body_bytes() as f64 / 1e3;
        println!("{what:34} {:>6}ms {requests:>9} {connections:>12} {bytes:>9.0} {trips:>12.1}", took.as_millis());
    };
    measure("first thumbnail, with the index", format!("{THUMBNAIL}/3000"));
    for second in [1000, 4000, 6000] {
        measure("cold thumbnail after the index", format!("{THUMBNAIL}/{second}"));
    }
    measure("thumbnail of blocks in memory", format!("{THUMBNAIL}/3001"));
    measure("playlist", "/hls/p/1/sp/100/serveFlavor/entryId/film/flavorId/film_source/index-v1.m3u8".to_owned());
    for number in [100, 101, 500] {
        measure("cold segment", format!("{SEGMENT}-{number}-v1.ts"));
    }
    measure("the whole film", "/p/1/serveFlavor/entryId/film/flavorId/film_source/name/a.mp4".to_owned());
}
