//! The machine: no more files, one processor, a clock that jumps, orders that never end, and an end under load.

use std::io::BufReader;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vedette::access::session::Role;
use vedette::server::Config;

use super::http::running;
use crate::guards::{House, LATE, session};
use crate::http::{Client, request};
use crate::support::{Answer, Folder, Server, library, media, soon, target};

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

/// With as many open files as the system gives, nobody new is let in, and nobody is lost who is in.
#[test]
fn row_45_no_more_open_files() {
    let server = Server::start_limited("ulimit -n 64;", library(), &[]);
    let path = target("0_avc", "width/160/vid_sec/1");
    assert_eq!(server.get(&path).status, 200);
    let clients: Vec<_> = (0..100).map(|_| std::net::TcpStream::connect(server.address()).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(300));
    drop(clients);
    soon(|| server.get(&path).status == 200);
    assert_eq!(server.frame("0_hills", "width/160/vid_sec/2"), 50);
}

/// On one processor everything is served, and an end under load cuts nobody off.
#[test]
fn row_45_one_processor_and_an_end_under_load() {
    // Whatever else runs on that processor, nobody is sent away before the end.
    let patience = ["--queue-timeout", "5m", "--http-drain-timeout", "5m"];
    let server = Server::start_limited("taskset -pc 0 $$ >/dev/null;", library(), &patience);
    let expected = server.thumbnail("0_hills", "width/160/vid_sec/1").body;
    let film = "/p/1/sp/100/serveFlavor/entryId/0_long/flavorId/0_long_source/name/a.mp4";
    let mut open: Vec<_> = (0..6)
        .map(|number| (server.send(&target("0_long", &format!("width/{}/vid_slices/12", 100 + number))), None))
        .collect();
    open.push((server.send(film), Some(std::fs::read(media("0_long.mp4")).unwrap())));
    open.push((server.send(&target("0_hills", "width/160/vid_sec/1")), Some(expected)));
    soon(|| server.metric("vedette_workers_busy") > 0.0);
    server.signal("TERM");
    for (stream, body) in open {
        let answer = Answer::read("GET", &mut BufReader::new(stream));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(body.is_none_or(|body| body == answer.body));
    }
    assert!(server.stop(), "it ends of itself, and well");
}

/// Orders to declare things stale, one after the other for as long as they come, for names that nobody has: hits go on, and are
/// right.
#[test]
fn row_41_a_storm_of_purges() {
    let folder = Folder::new("row-41");
    folder.put("0_hills.mp4", "0_film.mp4");
    let server = Server::start(folder.path(), &[]);
    let picture = server.thumbnail("0_film", "width/160/vid_sec/1").body;
    let before = server.resident();
    std::thread::scope(|scope| {
        let server = &server;
        for storm in 0..4 {
            scope.spawn(move || {
                for number in 0..250 {
                    let order = match number % 4 {
                        0 => format!("/purge?entry=0_none_{storm}_{number}"),
                        1 => format!("/purge?tag=p_{number}"),
                        2 => "/purge?entry=0_film".to_owned(),
                        _ => "/purge?all=1".to_owned(),
                    };
                    assert_eq!(server.admin("POST", &order, &[]).status, 200, "{order}");
                }
            });
        }
        for _ in 0..100 {
            assert!(server.thumbnail("0_film", "width/160/vid_sec/1").body == picture);
        }
    });
    for (method, path) in [("PURGE", target("0_film", "width/160")), ("POST", "/purge?all=1".to_owned())] {
        let answer = server.ask(method, &path, &[]);
        assert!((400..=405).contains(&answer.status), "{method}: {}", answer.status);
    }
    assert!(server.resident() < before + (256 << 20), "{} bytes", server.resident());
}

/// A clock that a test sets: what programs take for the time of day is so many seconds later.
struct Clock {
    folder: Folder,
}

/// Loaded before all else; time that only goes on is left as it is.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
static volatile long long *later;
static int (*real)(clockid_t, struct timespec *);
__attribute__((constructor)) static void begin(void) {
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("VEDETTE_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = file < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) later = map;
    if (file >= 0) close(file);
}
int clock_gettime(clockid_t id, struct timespec *now) {
    if (!real) begin();
    int status = real(id, now);
    if (status == 0 && id == CLOCK_REALTIME && later) now->tv_sec += *later;
    return status;
}
"#;

impl Clock {
    fn new(name: &str) -> Clock {
        let folder = Folder::new(name);
        std::fs::write(folder.path().join("clock.c"), SHIM).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([folder.path().join("clock.so"), folder.path().join("clock.c")])
            .args(["-ldl"])
            .status()
            .unwrap();
        assert!(built.success(), "cc builds the clock");
        let clock = Clock { folder };
        clock.set(0);
        clock
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has it be so many seconds later than it is.
    fn set(&self, later: i64) {
        let path = self.file("later");
        let file = std::fs::File::options().create(true).truncate(false).write(true).open(path).unwrap();
        file.write_all_at(&later.to_ne_bytes(), 0).unwrap();
    }

    fn environment(&self) -> Vec<(String, String)> {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD".to_owned(), path(&self.file("clock.so"))),
            ("VEDETTE_TEST_CLOCK".to_owned(), path(&self.file("later"))),
            ("TZ".to_owned(), "Asia/Kathmandu".to_owned()),
        ]
    }
}

const DAY: i64 = 24 * 60 * 60;

/// A clock that jumps by a day, by twenty years beyond 2038, and back: sessions follow it to the second, and nothing else does.
#[test]
fn row_44_a_clock_that_jumps() {
    let (house, clock) = (House::new("row-44"), Clock::new("row-44-clock"));
    let server = house.serve_within(&[], &clock.environment());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (hour, late) = (session(101, now + 3600, Role::User, "sview:*"), session(101, LATE, Role::User, "sview:*"));
    let open = "/p/101/thumbnail/entry_id/0_open/width/60/vid_sec/1";
    let before = server.get(open);
    assert_eq!(before.status, 200);
    let raw = "/p/101/raw/entry_id/0_members/forceproxy/1";
    let ask = |session: &str| {
        let answer = server.ask("GET", raw, &[("x-kaltura-ks", session)]);
        (answer.status, answer.header("x-kaltura").map(str::to_owned))
    };
    let over = (403, Some("error-31".to_owned()));
    for (number, (later, is_over)) in [
        (0, false),
        (DAY, true),
        (0, false),
        (-DAY, false),
        (20 * 365 * DAY, true),
        (3500, false),
        (3700, true),
        (0, false),
    ]
    .into_iter()
    .enumerate()
    {
        clock.set(later);
        // The first of a second may still be from the one before.
        soon(|| ask(&hour) == if is_over { over.clone() } else { (200, None) });
        assert_eq!(ask(&late).0, 200, "{later}");
        let kept = server.get(open);
        assert!(
            kept.status == 200 && kept.body == before.body && kept.header("etag") == before.header("etag"),
            "{later}"
        );
        // What is made takes neither longer nor shorter than before: nothing is given up, nothing hangs.
        let made = server.get(&format!("/p/101/thumbnail/entry_id/0_open/width/{}/vid_sec/2", 61 + number));
        assert_eq!(made.status, 200, "{later}: {}", made.text());
    }
    // Files are looked at again, whatever the time of day was when they were looked at last.
    house.replace("0_open/source.mp4", "0_long.mp4");
    soon(|| server.get(open).body != before.body);
}

/// A few seconds of what `make soak` does for as long as one likes: no answer is wrong. Growth takes longer to be told.
#[test]
fn row_48_everything_at_once() {
    assert!(library().is_dir(), "there is something to ask for");
    let output = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/soak.py"))
        .arg("8")
        .env("VEDETTE", env!("CARGO_BIN_EXE_vedette"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
}
