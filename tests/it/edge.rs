//! nginx in front of the service, as `deploy/compose/nginx.conf` has it: what a CDN keeps, and how it asks.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::http::Client;
use crate::players::Tools;
use crate::support::{Answer, Folder, Server, soon, target};

/// Where Debian has it, which is on the path of few.
const NGINX: &str = "/usr/sbin/nginx";

/// An nginx that keeps what a service answers, until it is dropped.
struct Edge {
    nginx: Child,
    address: SocketAddr,
    _folder: Folder,
}

impl Edge {
    /// One in front of `server`; `None` where nginx is not installed.
    fn of(server: &Server) -> Option<Edge> {
        Tools::find(&["nginx"], &[])?;
        let folder = Folder::new("edge");
        let place = folder.path().display();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {place}/{name};"))
            .concat();
        let config = include_str!("../../deploy/compose/nginx.conf");
        let config = [
            ("http {", format!("http {{ access_log off; {temporary}")),
            ("/var/cache/nginx", format!("{place}/cache")),
            ("server vedette:8080", format!("server {}", server.address())),
            ("listen 8000", format!("listen {address}")),
        ]
        .iter()
        .fold(config.to_owned(), |config, (given, here)| {
            assert!(config.contains(given), "{given}");
            config.replace(given, here)
        });
        std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let mut command = Command::new(if Path::new(NGINX).exists() { NGINX } else { "nginx" });
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
        // Its workers write to the folder as well.
        command.args(["-g", &format!("daemon off; user root; pid {place}/pid;")]);
        let nginx = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        soon(|| std::net::TcpStream::connect(address).is_ok());
        Some(Edge { nginx, address, _folder: folder })
    }

    fn ask(&self, method: &str, target: &str, fields: &str) -> Answer {
        Client::to(self.address).ask(method, target, fields)
    }

    /// An answer, and whether it was kept here.
    fn get(&self, target: &str, fields: &str) -> (Answer, String) {
        let answer = self.ask("GET", target, fields);
        let kept = answer.header("x-edge-cache").unwrap_or_default().to_owned();
        (answer, kept)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "TERM", &self.nginx.id().to_string()]).status();
        let _ = self.nginx.wait();
    }
}

#[test]
fn what_may_be_kept_is_asked_for_once() {
    let server = Server::of_library();
    let Some(edge) = Edge::of(&server) else { return };
    let place = "/p/1/sp/100/serveFlavor/entryId/0_avc/flavorId/0_avc_source/name/a.mp4";
    for path in [
        target("0_avc", "width/160/vid_sec/1"),
        format!("/hls{place}/index-v1.m3u8"),
        format!("/hls{place}/seg-1-v1.m4s"),
        format!("/dash{place}/manifest.mpd"),
        place.to_owned(),
    ] {
        let own = server.get(&path);
        assert_eq!(own.status, 200, "{path}");
        for expected in ["MISS", "HIT"] {
            let (answer, kept) = edge.get(&path, "");
            assert_eq!((answer.status, kept.as_str()), (200, expected), "{path}");
            assert!(answer.body == own.body, "{path}");
            for name in ["content-type", "cache-control"] {
                assert_eq!(answer.header(name), own.header(name), "{path}");
            }
        }
        let (answer, _) = edge.get(&path, &format!("If-None-Match: {}\r\n", own.header("etag").unwrap()));
        assert_eq!(answer.status, 304, "{path}");
    }
}

#[test]
fn files_are_kept_a_megabyte_at_a_time() {
    let folder = Folder::new("edge-files");
    let bytes: Vec<u8> = (0..3_500_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(folder.path().join("0_big.mp4"), &bytes).unwrap();
    let server = Server::start(folder.path(), &[]);
    let Some(edge) = Edge::of(&server) else { return };
    let path = "/p/1/serveFlavor/entryId/0_big/flavorId/0_big_source/name/a.mp4";
    let (part, _) = edge.get(path, "Range: bytes=2000000-2000009\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &bytes[2_000_000..2_000_010]));
    assert_eq!(part.header("content-range"), Some("bytes 2000000-2000009/3500000"));
    assert_eq!(edge.get(path, "Range: bytes=2000000-2000009\r\n").1, "HIT");
    let (whole, _) = edge.get(path, "");
    assert!(whole.status == 200 && whole.body == bytes);
    let asked = server.metrics().lines().any(|line| line == r#"vedette_requests_total{kind="file",status="206"} 4"#);
    assert!(asked, "each of the four megabytes once:\n{}", server.metrics());
}

#[test]
fn what_depends_on_the_client_is_kept_for_clients_like_it() {
    let server = Server::of_library();
    let Some(edge) = Edge::of(&server) else { return };
    let path = target("0_avc", "width/160/vid_sec/1/format/auto");
    for (fields, kind) in
        [("Accept: image/avif\r\n", "image/avif"), ("Accept: image/webp\r\n", "image/webp"), ("", "image/jpeg")]
    {
        for expected in ["MISS", "HIT"] {
            let (answer, kept) = edge.get(&path, fields);
            assert_eq!((answer.header("content-type"), kept.as_str()), (Some(kind), expected));
        }
    }
}

#[test]
fn what_is_kept_outlives_the_service() {
    let server = Server::of_library();
    let Some(edge) = Edge::of(&server) else { return };
    let [kept, other] = ["1", "2"].map(|second| target("0_avc", &format!("width/160/vid_sec/{second}")));
    for expected in ["MISS", "HIT"] {
        let (answer, way) = edge.get(&target("0_none", "width/160"), "");
        assert_eq!((answer.status, way.as_str()), (404, expected), "absence is kept for as long as it says");
    }
    assert_eq!(edge.get(&kept, "").0.status, 200);
    assert!(server.stop());
    let (answer, way) = edge.get(&kept, "");
    assert_eq!((answer.status, way.as_str()), (200, "HIT"));
    assert_eq!(edge.get(&other, "").0.status, 502);
}
