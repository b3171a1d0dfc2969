//! What is sent while a library, an origin or a decoder fails: what was right before, for a while, and no longer.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::far::{Far, Fault};
use crate::support::{Answer, Folder, Server, media, soon, target};

const PICTURE: &str = "vid_sec/1/width/200";

/// A library elsewhere.
fn far() -> Far {
    let far = Far::start();
    for (name, sample) in [("0_film", "0_long.mp4"), ("0_other", "0_hills.mp4")] {
        far.put(&format!("lib/{name}.mp4"), &fs::read(media(sample)).unwrap());
    }
    far
}

/// Serves it, looked at again and again, and asked once.
fn serve(far: &Far, more: &[&str]) -> Server {
    let arguments = ["--catalog-ttl", "100ms", "--origin-retries", "0"];
    Server::start(Path::new(&far.url("lib")), &[&arguments, more].concat())
}

fn status(answer: &Answer) -> &str {
    answer.header("cache-status").unwrap()
}

fn kept(answer: &Answer) -> &str {
    answer.header("cache-control").unwrap()
}

const STALE: &str = "vedette; fwd=stale; detail=stale-if-error";

/// Seconds that an answer may be kept from now on.
#[track_caller]
fn left(answer: &Answer) -> u64 {
    let age: u64 = answer.header("age").map_or(0, |age| age.parse().unwrap());
    let lifetime: u64 = kept(answer).strip_prefix("public, max-age=").unwrap().parse().unwrap();
    lifetime - age
}

#[test]
fn caches_are_told_how_long_a_picture_may_be_sent_beyond_its_time() {
    let folder = Folder::new("stale-told");
    folder.put("0_jpeg.jpg", "0_a.jpg");
    fs::write(folder.path().join("0_draft.toml"), "type = 'video'\nstatus = 'no_content'").unwrap();
    fs::write(folder.path().join("0_closed.toml"), "access_control = 'nobody'").unwrap();
    folder.put("0_jpeg.jpg", "0_closed.jpg");
    let server = Server::start(folder.path(), &[]);
    let all = "public, max-age=3600, stale-while-revalidate=86400, stale-if-error=86400";
    let picture = server.thumbnail("0_a", "width/100");
    assert_eq!(kept(&picture), all);
    let etag = picture.header("etag").unwrap();
    assert_eq!(kept(&server.ask("GET", &target("0_a", "width/100"), &[("if-none-match", etag)])), all);
    assert_eq!(kept(&server.thumbnail("0_draft", "width/100")), "public, max-age=60", "what will be right soon");
    for refused in [target("0_closed", "width/100"), target("0_nobody", "width/100"), target("0_a", "format/x")] {
        assert!(!kept(&server.get(&refused)).contains("stale"), "{refused}");
    }
    let arguments = ["--thumbnail-stale-while-revalidate", "0", "--stale-if-error", "1h"];
    let server = Server::start(folder.path(), &arguments);
    assert_eq!(kept(&server.thumbnail("0_a", "width/100")), "public, max-age=3600, stale-if-error=3600");
    let server = Server::start(folder.path(), &["--thumbnail-max-age", "0"]);
    assert_eq!(kept(&server.thumbnail("0_a", "width/100")), "public, max-age=0", "nothing is nothing");
}

#[test]
fn row_39_row_40_a_library_that_is_away_is_served_as_it_was() {
    let far = far();
    let server = serve(&far, &[]);
    let list = "/hls/p/1/serveFlavor/entryId/0_film/flavorId/0_film_source/index-v1.m3u8";
    let (picture, playlist) = (server.thumbnail("0_film", PICTURE), server.get(list));
    assert_eq!((picture.header("age"), playlist.header("age")), (None, None));
    for fault in [Fault::Status(503), Fault::Status(401), Fault::Garbage] {
        far.always(fault.clone());
        soon(|| status(&server.thumbnail("0_film", PICTURE)) == STALE);
        let stale = server.thumbnail("0_film", PICTURE);
        assert!(stale.body == picture.body && stale.header("etag") == picture.header("etag"), "{fault:?}");
        assert_eq!((stale.header("x-cache"), left(&stale)), (Some("STALE"), 60), "{fault:?}: {}", kept(&stale));
        assert!(stale.header("age").is_some());
        let stale = server.get(list);
        assert_eq!((stale.status, status(&stale), left(&stale)), (200, STALE, 60));
        assert!(stale.body == playlist.body);
        assert_eq!(server.get(&target("0_other", PICTURE)).status, 503, "{fault:?}: nobody knows of that one");
        far.always(None);
        soon(|| status(&server.thumbnail("0_film", PICTURE)) == "vedette; hit");
        assert_eq!(server.thumbnail("0_film", PICTURE).header("age"), None);
    }
    assert!(server.metric("vedette_stale_answers_total") >= 8.0);
}

#[test]
fn row_40_nothing_is_served_as_it_was_for_ever() {
    let far = far();
    let server = serve(&far, &["--stale-if-error", "2s"]);
    server.thumbnail("0_film", PICTURE);
    far.always(Fault::Status(500));
    soon(|| status(&server.thumbnail("0_film", PICTURE)) == STALE);
    soon(|| server.get(&target("0_film", PICTURE)).status == 503);
    assert_eq!(server.get(&target("0_film", PICTURE)).status, 503);
    far.always(None);
    soon(|| server.get(&target("0_film", PICTURE)).status == 200);
}

#[test]
fn row_39_a_library_that_is_away_is_not_stormed() {
    let far = far();
    let server = serve(&far, &["--stale-if-error", "0"]);
    server.thumbnail("0_film", PICTURE);
    far.always(Fault::Status(503));
    soon(|| server.get(&target("0_film", PICTURE)).status == 503);
    far.take_seen();
    for number in 0..300 {
        let entry = if number % 2 == 0 { "0_film" } else { "0_other" };
        assert_eq!(server.get(&target(entry, PICTURE)).status, 503);
    }
    let asked = far.take_seen().len();
    assert!(asked <= 60, "of an origin that fails little is asked: {asked}");
}

#[test]
fn row_40_what_was_purged_is_not_served_as_it_was() {
    let far = far();
    let server = serve(&far, &[]);
    server.thumbnail("0_film", PICTURE);
    server.thumbnail("0_other", PICTURE);
    far.always(Fault::Status(503));
    assert_eq!(server.admin("POST", "/purge?entry=0_film", &[]).status, 200);
    assert_eq!(server.get(&target("0_film", PICTURE)).status, 503);
    assert_eq!(server.get(&target("0_other", PICTURE)).status, 200);
}

/// An entry here whose film is elsewhere, and may be replaced.
struct Replaced {
    folder: Folder,
    far: Far,
    server: Server,
}

impl Replaced {
    fn new(name: &str, more: &[&str]) -> Replaced {
        let (folder, far) = (Folder::new(name), Far::start());
        far.put("cdn/a.mp4", &fs::read(media("0_long.mp4")).unwrap());
        let url = far.url("cdn/a.mp4");
        fs::write(folder.path().join("0_film.toml"), format!("[[flavors]]\nfile = '{url}'")).unwrap();
        let origins = far.url("cdn/");
        let arguments = ["--origins", &origins, "--origin-private", "true", "--catalog-ttl", "100ms"];
        let arguments = [&arguments[..], &["--origin-retries", "0"], more].concat();
        let server = Server::start(folder.path(), &arguments);
        Replaced { folder, far, server }
    }

    /// Replaces the film by one that cannot be read: its head can be seen, and nothing else.
    fn replace(&self) {
        self.far.put("cdn/a.mp4", &fs::read(media("0_hills.mp4")).unwrap());
        self.far.always(Fault::Hang);
    }
}

const QUICK: [&str; 4] = ["--origin-read-timeout", "200ms", "--origin-response-timeout", "500ms"];

#[test]
fn row_39_the_last_good_picture_is_sent_where_the_next_cannot_be_made() {
    let replaced = Replaced::new("stale-replaced", &QUICK);
    let Replaced { far, server, .. } = &replaced;
    let before = server.thumbnail("0_film", PICTURE);
    replaced.replace();
    soon(|| status(&server.thumbnail("0_film", PICTURE)) == STALE);
    let stale = server.thumbnail("0_film", PICTURE);
    assert!(stale.body == before.body && stale.header("etag") == before.header("etag"));
    assert_eq!((stale.header("x-cache"), left(&stale)), (Some("STALE"), 60), "{}", kept(&stale));
    let etag = before.header("etag").unwrap();
    let unchanged = server.ask("GET", &target("0_film", PICTURE), &[("if-none-match", etag)]);
    assert_eq!((unchanged.status, unchanged.header("age").is_some()), (304, true));
    let part = server.ask("GET", &target("0_film", PICTURE), &[("range", "bytes=2-5")]);
    assert_eq!((part.status, part.body == before.body[2..6]), (206, true));
    let other = server.get(&target("0_film", "vid_sec/2/width/200"));
    assert!(other.status >= 500, "another wish was never fulfilled: {}", other.status);
    far.always(None);
    soon(|| server.thumbnail("0_film", PICTURE).body != before.body);
    assert!(!status(&server.thumbnail("0_film", PICTURE)).contains("stale"));
}

#[test]
fn row_39_the_last_good_picture_is_not_sent_for_ever_nor_after_a_purge_nor_to_others() {
    let replaced = Replaced::new("stale-ends", &[&QUICK[..], &["--stale-if-error", "3s"]].concat());
    let Replaced { server, .. } = &replaced;
    let ask = || server.get(&target("0_film", PICTURE));
    server.thumbnail("0_film", PICTURE);
    replaced.replace();
    soon(|| status(&server.thumbnail("0_film", PICTURE)) == STALE);
    sleep(Duration::from_secs(4));
    assert!(ask().status >= 500, "{}", ask().status);

    let replaced = Replaced::new("stale-purged", &QUICK);
    let server = &replaced.server;
    let ask = || server.get(&target("0_film", PICTURE));
    server.thumbnail("0_film", PICTURE);
    replaced.replace();
    soon(|| status(&server.thumbnail("0_film", PICTURE)) == STALE);
    server.admin("POST", "/purge?entry=0_film", &[]);
    assert!(ask().status >= 500, "{}", ask().status);

    for sidecar in ["access_control = 'members'", "status = 'deleted'"] {
        let replaced = Replaced::new("stale-refused", &QUICK);
        let server = &replaced.server;
        server.thumbnail("0_film", PICTURE);
        replaced.replace();
        soon(|| status(&server.thumbnail("0_film", PICTURE)) == STALE);
        let path = replaced.folder.path().join("0_film.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{sidecar}\n{text}")).unwrap();
        soon(|| server.get(&target("0_film", PICTURE)).status == 404);
    }
}
