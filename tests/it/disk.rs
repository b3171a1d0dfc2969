//! Finished pictures on disk: they outlive the service, and nothing that befalls them or their disk is ever sent.

use std::fs;
use std::path::PathBuf;

use crate::support::{Answer, Folder, Server, library, soon, target};

/// A library of three entries, and a folder for what is made of them.
struct Shelf {
    media: Folder,
    cache: Folder,
}

const FILM: &str = "vid_sec/1/width/200";

impl Shelf {
    fn new(name: &str) -> Shelf {
        let media = Folder::new(&format!("disk-{name}"));
        media.put("0_long.mp4", "0_film.mp4");
        media.put("0_hills.mp4", "0_other.mp4");
        media.put("0_jpeg.jpg", "0_still.jpg");
        fs::write(media.path().join("0_film.toml"), "partner_id = 12").unwrap();
        Shelf { media, cache: Folder::new(&format!("disk-{name}-cache")) }
    }

    fn start(&self) -> Server {
        Server::start(self.media.path(), &["--cache-disk-folder", self.cache.path().to_str().unwrap()])
    }

    fn pictures(&self) -> PathBuf {
        self.cache.path().join("pictures")
    }

    /// What is kept.
    fn files(&self) -> Vec<PathBuf> {
        let folders = fs::read_dir(self.pictures()).into_iter().flatten().flatten().map(|folder| folder.path());
        let files = folders.filter(|folder| folder.is_dir()).flat_map(|folder| fs::read_dir(folder).unwrap());
        files.map(|file| file.unwrap().path()).collect()
    }

    #[track_caller]
    fn wait_for(&self, count: usize) {
        soon(|| self.files().len() == count);
    }

    /// Has a picture of each video made and kept.
    fn filled(&self) -> Server {
        let server = self.start();
        server.thumbnail("0_film", FILM);
        server.thumbnail("0_other", FILM);
        self.wait_for(2);
        server
    }
}

fn status(answer: &Answer) -> &str {
    answer.header("cache-status").unwrap()
}

const ON_DISK: &str = "vedette; hit; detail=disk";
const MADE: &str = "vedette; fwd=miss; stored";

#[test]
fn pictures_outlive_a_restart_and_a_kill() {
    let shelf = Shelf::new("restart");
    let drawn = [
        ("0_film", "vid_sec/4.2/width/320"),
        ("0_film", "vid_slices/5/width/100"),
        ("0_still", "width/200/format/png"),
        ("0_still", "width/100/format/webp"),
    ];
    let mut server = shelf.start();
    let made = drawn.map(|(entry, parameters)| server.thumbnail(entry, parameters));
    shelf.wait_for(drawn.len());
    let hits = |server: &Server, count: usize| {
        let name = format!("vedette_cache_hits_total{{cache=\"artifacts_disk\"}} {count}");
        server.metrics().lines().any(|line| line == name)
    };
    for is_killed in [false, true] {
        // Dropping it is kill -9.
        if is_killed {
            drop(server)
        } else {
            assert!(server.stop())
        };
        server = shelf.start();
        for (before, (entry, parameters)) in made.iter().zip(drawn) {
            let found = server.thumbnail(entry, parameters);
            assert_eq!((status(&found), found.header("x-cache")), (ON_DISK, Some("HIT")), "{parameters}");
            assert!(found.body == before.body, "{parameters}: other bytes");
            for name in ["etag", "content-type", "x-vedette-time", "last-modified", "cache-control", "vary"] {
                assert_eq!(found.header(name), before.header(name), "{parameters}: {name}");
            }
            let timing = found.header("server-timing").unwrap();
            assert!(timing.contains("cache;desc=disk") && timing.contains("disk;dur="), "{timing}");
            assert!(!timing.contains("decode;dur="), "{timing}");
            assert_eq!(status(&server.thumbnail(entry, parameters)), "vedette; hit", "memory has it from now on");
        }
        assert!(hits(&server, drawn.len()));
    }
}

#[test]
fn what_costs_little_is_not_kept() {
    let shelf = Shelf::new("cheap");
    fs::write(shelf.media.path().join("0_draft.toml"), "type = 'video'\nstatus = 'no_content'").unwrap();
    let server = shelf.start();
    server.thumbnail("0_draft", "width/200");
    for file in ["master.m3u8", "index-v1.m3u8", "seg-1-v1.m4s"] {
        assert_eq!(
            server.get(&format!("/hls/p/1/serveFlavor/entryId/0_film/flavorId/0_film_source/{file}")).status,
            200
        );
    }
    server.thumbnail("0_film", FILM);
    shelf.wait_for(1);
    assert!(server.stop());
    assert_eq!(shelf.files().len(), 1);
}

#[test]
fn row_42_files_that_are_damaged_are_made_anew() {
    let harms: [fn(&mut Vec<u8>); 4] = [
        |bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 4;
        },
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| bytes.extend([0; 100]),
        |bytes| bytes.clear(),
    ];
    let shelf = Shelf::new("damaged");
    let whole = shelf.filled().thumbnail("0_film", FILM).body;
    for (number, harm) in harms.into_iter().enumerate() {
        for file in shelf.files() {
            let mut bytes = fs::read(&file).unwrap();
            harm(&mut bytes);
            fs::write(&file, bytes).unwrap();
        }
        let server = shelf.start();
        let made = server.thumbnail("0_film", FILM);
        assert_eq!((status(&made), made.body == whole), (MADE, true), "{number}");
        server.thumbnail("0_other", FILM);
        soon(|| shelf.files().iter().all(|file| fs::metadata(file).unwrap().len() > 1000));
        assert!(server.stop());
        let server = shelf.start();
        let found = server.thumbnail("0_film", FILM);
        assert_eq!((status(&found), found.body == whole), (ON_DISK, true), "{number}: it was written again");
    }
}

#[test]
fn row_42_a_disk_that_is_full_is_done_without() {
    let shelf = Shelf::new("full");
    // No file may grow beyond a kilobyte. That goes for the memory in which decoders hand over what they made, too.
    let cache = shelf.cache.path().to_str().unwrap();
    let arguments = ["--cache-disk-folder", cache, "--decode-isolation", "none"];
    let server = Server::start_limited("ulimit -f 2; trap '' XFSZ;", shelf.media.path(), &arguments);
    let made = server.thumbnail("0_film", FILM);
    soon(|| server.metric("vedette_cache_failures_total") == 1.0);
    assert_eq!(status(&server.thumbnail("0_film", FILM)), "vedette; hit");
    assert_eq!(shelf.files(), [] as [PathBuf; 0], "nothing half is left");
    drop(server);
    let server = shelf.start();
    let again = server.thumbnail("0_film", FILM);
    assert_eq!((status(&again), again.body == made.body), (MADE, true));
    shelf.wait_for(1);
}

#[test]
fn row_42_a_folder_that_cannot_be_used_is_done_without() {
    let shelf = Shelf::new("no-folder");
    let file = shelf.cache.path().join("file");
    fs::write(&file, "").unwrap();
    let server = Server::start(shelf.media.path(), &["--cache-disk-folder", file.to_str().unwrap()]);
    assert_eq!(status(&server.thumbnail("0_film", FILM)), MADE);
    assert_eq!(status(&server.thumbnail("0_film", FILM)), "vedette; hit");
    assert_eq!(server.admin("POST", "/purge?entry=0_film", &[]).status, 200, "there is nothing to come back");
    assert_eq!(status(&server.thumbnail("0_film", FILM)), MADE);
}

/// A lock that is never given: whoever writes down what was purged waits for ever, and nobody else does, at the start neither.
#[test]
fn row_42_a_disk_that_hangs_holds_up_nobody() {
    let shelf = Shelf::new("hangs");
    let server = shelf.filled();
    let lock = fs::File::open(shelf.pictures().join("generations.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let answer = server.admin("POST", "/purge?entry=0_film", &[]);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("may come back after a restart"), "{}", answer.text());
    assert_eq!(status(&server.thumbnail("0_film", FILM)), MADE, "as far as memory goes, it is purged");
    assert_eq!(status(&server.thumbnail("0_other", FILM)), "vedette; hit");
    assert!(server.stop());
    let server = shelf.start();
    assert_eq!(status(&server.thumbnail("0_other", FILM)), MADE, "it does without");
    assert!(server.metrics().contains("vedette_cache_disk_open{cache=\"artifacts_disk\"} 0"));
    assert!(server.stop());
    drop(lock);
    assert_eq!(status(&shelf.start().thumbnail("0_other", FILM)), ON_DISK);
}

#[test]
fn row_43_kills_in_the_middle_of_writes_do_no_harm() {
    let (shelf, reference) = (Shelf::new("kills"), Server::of_library());
    let parameters = |number: usize| format!("width/{}", 40 + number);
    for round in 0..6 {
        let server = shelf.start();
        let open: Vec<_> = (0..30).map(|number| server.send(&target("0_still", &parameters(number)))).collect();
        soon(|| shelf.files().len() > 4 * round);
        // Dropping it is kill -9.
        drop(server);
        drop(open);
    }
    let server = shelf.start();
    let found = (0..30).filter(|number| {
        let answer = server.thumbnail("0_still", &parameters(*number));
        assert!(answer.body == reference.thumbnail("0_jpeg", &parameters(*number)).body, "{number}: other bytes");
        status(&answer) == ON_DISK
    });
    assert!(found.count() > 20);
    let is_new = |file: &fs::DirEntry| file.file_name().to_string_lossy().starts_with("new-");
    assert!(!fs::read_dir(shelf.pictures()).unwrap().flatten().any(|file| is_new(&file)), "nothing half is left");
}

#[test]
fn row_43_a_folder_has_one_user() {
    let shelf = Shelf::new("two");
    let first = shelf.filled();
    let second = shelf.start();
    let open = "vedette_cache_disk_open{cache=\"artifacts_disk\"} ";
    let is_open = |server: &Server, value: &str| server.metrics().contains(&format!("{open}{value}"));
    assert!(is_open(&first, "1") && is_open(&second, "0"));
    assert_eq!(status(&second.thumbnail("0_film", FILM)), MADE, "it does without");
    assert_eq!(status(&second.thumbnail("0_film", FILM)), "vedette; hit");
    assert_eq!(second.admin("POST", "/purge?entry=0_film", &[]).status, 200);
    drop((first, second));
    let next = shelf.start();
    assert!(is_open(&next, "1"));
    assert_eq!(status(&next.thumbnail("0_film", FILM)), MADE, "whoever was told of the purge");
    assert_eq!(status(&next.thumbnail("0_other", FILM)), ON_DISK);
}

/// Fields of an order.
type Fields<'a> = &'a [(&'a str, &'a str)];

#[test]
fn what_was_purged_does_not_come_back_after_a_restart() {
    let orders: [(&str, Fields<'_>, bool); 6] = [
        ("/purge?entry=0_film", &[], false),
        ("/purge?partner=12", &[], false),
        ("/purge?tag=entry_0_film", &[], false),
        ("/purge", &[("surrogate-key", "entry_0_nobody entry_0_film p_77")], false),
        ("/purge?url=/p/1/thumbnail/entry_id/0_film/width/10", &[], false),
        ("/purge?all=true", &[], true),
    ];
    let shelf = Shelf::new("purge");
    drop(shelf.filled());
    for (number, (order, fields, is_all)) in orders.into_iter().enumerate() {
        let server = shelf.start();
        assert_eq!(status(&server.thumbnail("0_film", FILM)), ON_DISK, "{order}: before");
        assert_eq!(status(&server.thumbnail("0_other", FILM)), ON_DISK, "{order}: before");
        assert_eq!(server.admin("POST", order, fields).status, 200, "{order}");
        // Dropping it is kill -9, right after the answer.
        drop(server);
        let server = shelf.start();
        assert_eq!(status(&server.thumbnail("0_film", FILM)), MADE, "{order}: it does not come back");
        assert_eq!(status(&server.thumbnail("0_other", FILM)), if is_all { MADE } else { ON_DISK }, "{order}");
        shelf.wait_for(if is_all { number + 4 } else { number + 3 });
    }
    let server = shelf.start();
    let statuses = ["0_film", "0_other"].map(|entry| status(&server.thumbnail(entry, FILM)).to_owned());
    assert_eq!(statuses, [ON_DISK, ON_DISK], "what was made since is there");
}

#[test]
fn row_42_a_purge_that_cannot_be_written_down_ends_all_that_is_kept() {
    let shelf = Shelf::new("purge-full");
    let server = shelf.filled();
    let journal = shelf.pictures().join("generations");
    // A real device without room.
    fs::remove_file(&journal).unwrap();
    std::os::unix::fs::symlink("/dev/full", &journal).unwrap();
    assert_eq!(server.admin("POST", "/purge?entry=0_film", &[]).status, 200);
    assert_eq!(status(&server.thumbnail("0_film", FILM)), MADE);
    assert_eq!(status(&server.thumbnail("0_other", FILM)), "vedette; hit");
    drop(server);
    let server = shelf.start();
    let statuses = ["0_film", "0_other"].map(|entry| status(&server.thumbnail(entry, FILM)).to_owned());
    assert_eq!(statuses, [MADE, MADE]);
    // And where not even that can be done, who purges is told.
    fs::remove_file(&journal).unwrap();
    fs::create_dir(&journal).unwrap();
    let answer = server.admin("POST", "/purge?entry=0_other", &[]);
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("may come back after a restart"), "{}", answer.text());
    assert_eq!(status(&server.thumbnail("0_other", FILM)), MADE, "as far as memory goes, it is purged");
}

#[test]
fn row_42_a_journal_that_is_damaged_ends_all_that_is_kept() {
    let shelf = Shelf::new("journal");
    let server = shelf.filled();
    server.admin("POST", "/purge?entry=0_nobody", &[]);
    drop(server);
    let journal = shelf.pictures().join("generations");
    let text = fs::read_to_string(&journal).unwrap();
    for damaged in [text.replacen("nobody", "nobodi", 1), text.trim_end().to_owned(), String::new()] {
        assert_ne!(damaged, text);
        fs::write(&journal, &damaged).unwrap();
        let server = shelf.start();
        assert_eq!(status(&server.thumbnail("0_film", FILM)), MADE, "{damaged:?}");
        drop(server);
    }
    fs::write(&journal, &text).unwrap();
    assert_eq!(status(&shelf.start().thumbnail("0_film", FILM)), ON_DISK, "the first names are good again");
}

#[test]
fn who_may_is_asked_before_the_disk() {
    let shelf = Shelf::new("access");
    drop(shelf.filled());
    fs::write(shelf.media.path().join("0_film.toml"), "access_control = 'members'").unwrap();
    let server = shelf.start();
    assert_eq!(server.refusal("0_film", FILM).0, "error-3");
    assert_eq!(status(&server.thumbnail("0_other", FILM)), ON_DISK);
    fs::write(shelf.media.path().join("0_other.toml"), "status = 'deleted'").unwrap();
    soon(|| server.get(&target("0_other", FILM)).status == 404);
}

#[test]
fn another_library_has_names_of_its_own() {
    let shelf = Shelf::new("libraries");
    drop(shelf.filled());
    let cache = shelf.cache.path().to_str().unwrap();
    let other = Folder::new("disk-libraries-other");
    // The same name, size and time, as a copy that keeps them has.
    let copy = other.path().join("0_film.mp4");
    fs::copy(library().join("0_long.mp4"), &copy).unwrap();
    let times = fs::metadata(shelf.media.path().join("0_film.mp4")).unwrap().modified().unwrap();
    fs::File::options().write(true).open(&copy).unwrap().set_modified(times).unwrap();
    let server = Server::start(other.path(), &["--cache-disk-folder", cache]);
    assert_eq!(status(&server.thumbnail("0_film", FILM)), MADE);
}
