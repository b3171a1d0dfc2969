//! Settings read again while the service runs, and restarts that nobody notices.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::support::{Folder, Server, library, soon, target};

/// Puts settings where a service reads them, by way of a rename.
fn settings(folder: &Path, text: &str) {
    std::fs::write(folder.join("new"), text).unwrap();
    std::fs::rename(folder.join("new"), folder.join("vedette.toml")).unwrap();
}

#[test]
fn row_47_settings_that_are_wrong_change_nothing() {
    let folder = Folder::new("row-47");
    settings(folder.path(), "thumbnail.max_age = '100s'\n");
    let server = Server::start(library(), &["--config", folder.path().join("vedette.toml").to_str().unwrap()]);
    let max_age = || {
        let answer = server.thumbnail("0_avc", "width/160/vid_sec/1");
        let kept = answer.header("cache-control").unwrap().split(", ").find_map(|said| said.strip_prefix("max-age="));
        kept.unwrap().to_owned()
    };
    let count = |outcome: &str, count: u32| {
        server.metrics().contains(&format!("vedette_config_reloads_total{{outcome=\"{outcome}\"}} {count}\n"))
    };
    assert_eq!(max_age(), "100");
    settings(folder.path(), "thumbnail.max_age = '200s'\nworkers = 3\n");
    server.signal("HUP");
    soon(|| count("taken", 1));
    soon(|| max_age() == "200");
    assert!(server.metrics().contains("vedette_config_last_reload_successful 1\n"));
    for wrong in [
        "thumbnail.max_age = '300'\n",
        "thumbnail.max_age = \n",
        "countries = '/nowhere.mmdb'\nthumbnail.max_age = '300s'\n",
    ] {
        let refused = server.metrics().matches("outcome=\"refused\"").count();
        settings(folder.path(), wrong);
        server.signal("HUP");
        soon(|| server.metrics().contains("vedette_config_last_reload_successful 0\n") && max_age() == "200");
        assert!(refused <= 1);
    }
    soon(|| count("refused", 3));
    settings(folder.path(), "thumbnail.max_age = '400s'\n");
    server.signal("HUP");
    soon(|| max_age() == "400");
    assert!(server.stop());
}

#[test]
fn sessions_are_good_as_the_settings_of_the_moment_say_and_spent_stays_spent() {
    let folder = Folder::new("sessions-reload");
    let partner = |secret: &str| {
        let rule = "[[access_control.rule]]\nblock = true\n[[access_control.rule.condition]]\nauthenticated = true\nnot = true\n";
        let guard = format!("[[access_control]]\nname = 'members'\n{rule}");
        settings(
            folder.path(),
            &format!("[[partner]]\nid = 0\nadmin_secret = '{secret}'\naccess_control = 'members'\n{guard}"),
        );
    };
    let session = |secret: &str, privileges: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_vedette"))
            .args(["ks", "make", "--secret", secret, "--partner", "0", "--type", "0", "--user", "u"])
            .args(["--expiry", "4000000000", "--privileges", privileges])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    partner("old");
    let server = Server::start(library(), &["--config", folder.path().join("vedette.toml").to_str().unwrap()]);
    let reloads = std::cell::Cell::new(0);
    let renew = || {
        server.signal("HUP");
        reloads.set(reloads.get() + 1);
        soon(|| {
            server.metrics().contains(&format!("vedette_config_reloads_total{{outcome=\"taken\"}} {}\n", reloads.get()))
        });
    };
    let path = target("0_avc", "width/160/vid_sec/1");
    let status = |session: &str| server.ask("GET", &path, &[("X-Kaltura-Ks", session)]).status;
    let (good, once) = (session("old", "sview:*"), session("old", "sview:*,actionslimit:1"));
    assert_eq!((status(&good), status(&once), status(&once)), (200, 200, 404));
    renew();
    assert_eq!((status(&good), status(&once)), (200, 404), "what was spent before is spent");
    partner("new,old");
    renew();
    assert_eq!((status(&good), status(&session("new", "sview:*"))), (200, 200));
    partner("new");
    renew();
    assert_eq!((status(&good), status(&session("new", "sview:*"))), (404, 200));
}

/// What clients met with.
#[derive(Default)]
struct Met {
    answers: AtomicUsize,
    lost: AtomicUsize,
}

/// One request over a connection of its own, or over one that is kept. Only what HTTP allows is tried again: a request on a
/// kept connection that ended without a byte of an answer (RFC 9112 section 9.3.1).
fn ask(address: SocketAddr, kept: &mut Option<BufReader<TcpStream>>, path: &str, keeps: bool) -> Result<(), String> {
    let fields = if keeps { "" } else { "Connection: close\r\n" };
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
    loop {
        let is_fresh = kept.is_none();
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(address).map_err(|error| format!("connect: {error}"))?;
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                BufReader::new(stream)
            }
        };
        match exchange(&mut stream, &request) {
            Ok(closes) => {
                *kept = (keeps && !closes).then_some(stream);
                return Ok(());
            }
            Err((0, _)) if !is_fresh => {}
            Err((count, error)) => return Err(format!("after {count} bytes, fresh: {is_fresh}: {error}")),
        }
    }
}

/// Whether the answer says that it is the last; or what came of it, and why no more.
fn exchange(stream: &mut BufReader<TcpStream>, request: &str) -> Result<bool, (usize, String)> {
    stream.get_mut().write_all(request.as_bytes()).map_err(|error| (0, error.to_string()))?;
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Err((answer.len(), "it ends".to_owned())),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err((answer.len(), error.to_string())),
        };
        answer.extend_from_slice(&buffer[..count]);
        let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse::<usize>().unwrap();
        if answer.len() == end + 4 + length {
            return Ok(head.contains("connection: close"));
        }
    }
}

#[test]
fn restarts_behind_a_socket_of_systemd_and_reloads_lose_no_request() {
    const CLIENTS: usize = 8;
    const RESTARTS: usize = 3;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = Server::on(&listener, library(), &[]);
    assert_eq!(server.address(), address, "it answers on the socket that it was given");
    let (met, over) = (Met::default(), AtomicBool::new(false));
    // At hand, from memory, and a file: all ways through the server.
    let paths = [
        target("0_avc", "width/160/vid_sec/1"),
        "/p/1/sp/100/raw/entry_id/0_hills/0_hills.mp4?relocate=f.mp4".to_owned(),
    ];
    let server = std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (met, over, path) = (&met, &over, &paths[client / 2 % 2]);
            scope.spawn(move || {
                let mut kept = None;
                while !over.load(Relaxed) {
                    match ask(address, &mut kept, path, client % 2 == 0) {
                        Ok(()) => met.answers.fetch_add(1, Relaxed),
                        Err(why) => {
                            eprintln!("client {client}: {why}");
                            met.lost.fetch_add(1, Relaxed)
                        }
                    };
                }
            });
        }
        let mut seen = 0;
        for _ in 0..RESTARTS {
            for _ in 0..3 {
                server.signal("HUP");
                soon(|| met.answers.load(Relaxed) > seen + 100);
                seen = met.answers.load(Relaxed);
            }
            assert!(server.stop(), "it ends of itself");
            // Nobody answers now; who comes waits in the socket's queue.
            server = Server::on(&listener, library(), &[]);
            seen = met.answers.load(Relaxed);
        }
        soon(|| met.answers.load(Relaxed) > seen + 200);
        over.store(true, Relaxed);
        // It answers until the last client is through.
        server
    });
    assert!(server.stop());
    assert_eq!(met.lost.load(Relaxed), 0, "of {} requests", met.answers.load(Relaxed));
}

#[test]
fn systemd_is_told_how_it_goes() {
    let folder = Folder::new("notify");
    let path = folder.path().join("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let told = || {
        let mut buffer = [0; 256];
        let count = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    };
    let environment = [("NOTIFY_SOCKET".to_owned(), path.to_str().unwrap().to_owned())];
    let server = Server::start_within(library(), &[], &environment);
    assert_eq!(told(), "READY=1");
    server.signal("HUP");
    assert!(told().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(told(), "READY=1");
    assert!(server.stop());
    assert_eq!(told(), "STOPPING=1");
}
