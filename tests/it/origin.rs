//! A library elsewhere: the same answers as from a folder, for no more bytes than it takes, and in spite of faults.

use std::io::Read;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use crate::far::{Far, Fault, Seen};
use crate::support::{Folder, Server, media, target};

/// An origin with some files of the sample library.
fn far(samples: &[&str]) -> Far {
    let far = Far::start();
    for sample in samples {
        far.put(&format!("lib/{sample}"), &std::fs::read(media(sample)).unwrap());
    }
    far
}

fn serve(far: &Far, arguments: &[&str]) -> Server {
    Server::start(Path::new(&far.url("lib")), arguments)
}

/// The whole of a film.
const FILM: &str = "/p/1/sp/100/serveFlavor/entryId/0_long/flavorId/0_long_source/name/a.mp4";

/// The ranges of a file that were asked for.
fn ranges(seen: &[Seen], name: &str) -> Vec<(u64, u64)> {
    seen.iter().filter(|seen| seen.target.ends_with(name)).filter_map(|seen| seen.range).collect()
}

#[track_caller]
fn assert_apart(mut ranges: Vec<(u64, u64)>) {
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0), "a byte twice: {ranges:?}");
}

#[test]
fn answers_are_those_of_a_folder() {
    let samples = ["0_long.mp4", "0_hills.mp4", "0_vp9.webm", "0_jpeg_progressive.jpg"];
    let far = far(&samples);
    let (here, there) = (Server::of_library(), serve(&far, &["--origin-block-size", "16KiB"]));
    let mut targets: Vec<String> = vec![
        target("0_long", "vid_sec/42"),
        target("0_long", "vid_slices/5/width/100"),
        target("0_vp9", "vid_sec/1"),
        target("0_jpeg_progressive", "width/200"),
        "/p/1/sp/100/serveFlavor/entryId/0_long/flavorId/0_long_source/name/a.mp4".to_owned(),
    ];
    for name in ["master.m3u8", "index-v1.m3u8", "seg-2-v1.ts"] {
        targets.push(format!("/hls/p/1/sp/100/serveFlavor/entryId/0_hills/flavorId/0_hills_source/{name}"));
    }
    for name in ["manifest.mpd", "init-v1.mp4", "seg-2-v1.m4s"] {
        targets.push(format!("/dash/p/1/sp/100/serveFlavor/entryId/0_hills/flavorId/0_hills_source/{name}"));
    }
    for target in targets {
        let (near, remote) = (here.get(&target), there.get(&target));
        assert_eq!((near.status, remote.status), (200, 200), "{target}: {}", remote.text());
        assert!(near.body == remote.body, "{target}: other bytes");
    }
    let part = [("range", "bytes=300000-399999")];
    let (near, remote) = (here.ask("GET", FILM, &part), there.ask("GET", FILM, &part));
    assert_eq!((near.status, remote.status), (206, 206));
    assert!(near.body == remote.body);
}

#[test]
fn a_thumbnail_costs_the_index_once_and_one_group_of_pictures() {
    let far = far(&["0_long.mp4"]);
    let server = serve(&far, &["--origin-block-size", "4KiB"]);
    server.thumbnail("0_long", "vid_sec/42");
    let first = ranges(&far.take_seen(), "0_long.mp4");
    server.thumbnail("0_long", "vid_sec/71");
    let second = ranges(&far.take_seen(), "0_long.mp4");
    server.thumbnail("0_long", "vid_sec/72/width/50");
    let third = ranges(&far.take_seen(), "0_long.mp4");
    server.thumbnail("0_long", "vid_sec/71.5/width/50");
    assert_eq!(ranges(&far.take_seen(), "0_long.mp4"), [], "what leads there is there already");
    assert_eq!(second.len(), 1, "one range for another group: {second:?}");
    assert!(third.len() <= 1, "the rest of the group at most: {third:?}");
    let size = |ranges: &[(u64, u64)]| ranges.iter().map(|(first, last)| last + 1 - first).sum::<u64>();
    assert!(size(&second) < 150_000, "{second:?}");
    assert!(size(&third) < 50_000, "{third:?}");
    assert_apart([first, second, third].concat());
}

#[test]
fn equal_requests_at_once_read_once() {
    let far = far(&["0_long.mp4"]);
    let server = serve(&far, &[]);
    far.set_latency(Duration::from_millis(50));
    let bodies = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let body = server.thumbnail("0_long", "vid_sec/42").body;
                bodies.lock().unwrap().push(body);
            });
        }
    });
    let bodies = bodies.into_inner().unwrap();
    assert!(bodies.len() == 100 && bodies.iter().all(|body| *body == bodies[0]));
    assert_apart(ranges(&far.take_seen(), "0_long.mp4"));
}

#[test]
fn faults_of_an_origin_are_survived_or_told() {
    let far = far(&["0_long.mp4"]);
    let patience =
        ["--origin-response-timeout", "500ms", "--origin-read-timeout", "500ms", "--origin-block-size", "4KiB"];
    let server = serve(&far, &patience);
    server.thumbnail("0_long", "vid_sec/1");
    for (second, fault) in [(12, Fault::Short), (22, Fault::Reset), (32, Fault::Hang), (42, Fault::Status(503))] {
        far.next([fault]);
        server.thumbnail("0_long", &format!("vid_sec/{second}"));
    }
    far.always(Fault::Hang);
    let answer = server.get(&target("0_long", "vid_sec/52"));
    assert_eq!(answer.status, 504, "{}", answer.text());
    far.always(None);
    far.always(Fault::Status(500));
    let answer = server.get(&target("0_long", "vid_sec/52"));
    assert_eq!(answer.status, 503, "{}", answer.text());
}

#[test]
fn a_replaced_file_is_never_mixed_with_what_it_was() {
    let far = far(&["0_long.mp4"]);
    let server = serve(&far, &["--origin-block-size", "4KiB", "--catalog-ttl", "1h"]);
    let before = server.frame("0_long", "vid_sec/0");
    assert_eq!(server.get(FILM).body, std::fs::read(media("0_long.mp4")).unwrap());
    far.put("lib/0_long.mp4", &std::fs::read(media("0_hills.mp4")).unwrap());
    // The catalog is to look again, and then all is of the new file.
    let after = server.get(FILM);
    assert_eq!(after.status, 200, "{}", after.text());
    let (old, new) = (std::fs::read(media("0_long.mp4")).unwrap(), std::fs::read(media("0_hills.mp4")).unwrap());
    assert!(after.body == old || after.body == new, "neither the one nor the other");
    assert_eq!(before, 0);
}

#[test]
fn blocks_on_disk_outlive_a_kill() {
    let (far, folder) = (far(&["0_long.mp4"]), Folder::new("origin-disk"));
    let disk = folder.path().join("disk");
    let arguments = ["--origin-block-size", "4KiB", "--cache-disk-folder", disk.to_str().unwrap()];
    let server = serve(&far, &arguments);
    let picture = server.thumbnail("0_long", "vid_sec/42").body;
    let count = || walk(&disk).len();
    crate::support::soon(|| {
        let before = count();
        std::thread::sleep(Duration::from_millis(200));
        before > 10 && count() == before
    });
    // Dropping it is kill -9.
    drop(server);
    far.take_body_bytes();
    far.take_seen();
    let server = serve(&far, &arguments);
    assert!(server.thumbnail("0_long", "vid_sec/42").body == picture);
    assert_eq!(ranges(&far.take_seen(), "0_long.mp4"), [], "all was on disk");
    // Where no sidecar is, the server says so in a few words.
    assert!(far.take_body_bytes() < 1000, "all was on disk");
    drop(server);
    for file in walk(&disk) {
        let mut bytes = std::fs::read(&file).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 4;
        std::fs::write(file, bytes).unwrap();
    }
    let server = serve(&far, &arguments);
    assert!(server.thumbnail("0_long", "vid_sec/42").body == picture, "no damaged block is used");
    assert!(far.take_body_bytes() > 0);
}

#[test]
fn what_was_known_is_served_while_an_origin_is_away() {
    let far = far(&["0_long.mp4", "0_hills.mp4"]);
    let server = serve(&far, &["--catalog-ttl", "50ms", "--origin-retries", "0"]);
    let picture = server.thumbnail("0_long", "vid_sec/42");
    let segment = "/hls/p/1/sp/100/serveFlavor/entryId/0_long/flavorId/0_long_source/seg-2-v1.ts";
    let before = (server.get(segment).body, server.get(FILM).body);
    far.always(Fault::Status(500));
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(60));
        assert!(server.thumbnail("0_long", "vid_sec/42").body == picture.body);
    }
    assert!((server.get(segment).body, server.get(FILM).body) == before);
    assert_eq!(server.thumbnail("0_long", "vid_sec/43").status, 200, "what is made of blocks that are here, too");
    assert_eq!(server.get(&target("0_hills", "vid_sec/1")).status, 503, "nobody knows whether that is there");
    far.always(None);
    crate::support::soon(|| server.get(&target("0_hills", "vid_sec/1")).status == 200);
}

#[test]
fn a_file_that_never_stays_as_it_was_is_told_of() {
    let far = far(&["0_long.mp4"]);
    let server = serve(&far, &["--origin-block-size", "4KiB", "--catalog-ttl", "1h"]);
    server.thumbnail("0_long", "vid_sec/0");
    far.take_seen();
    far.always(Fault::Changing);
    let answer = server.get(&target("0_long", "vid_sec/42"));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("changed while it was being read"), "{}", answer.text());
    let reads = far.take_seen().iter().filter(|seen| seen.method == "GET" && seen.range.is_some()).count();
    assert!((2..=4).contains(&reads), "tried once more, and no oftener: {reads}");
    far.always(None);
    far.put("lib/0_long.mp4", &std::fs::read(media("0_hills.mp4")).unwrap());
    assert_eq!(server.get(&target("0_long", "vid_sec/42")).status, 200, "it is over when the file stays");
}

#[test]
fn a_body_of_a_replaced_file_ends_before_it_is_whole() {
    let (far, old) = (Far::start(), [&b"%PDF-1.7\n"[..], &vec![b'o'; 48 << 20]].concat());
    far.put("lib/0_text.pdf", &old);
    let server = serve(&far, &["--catalog-ttl", "1h", "--cache-blocks-size", "1MiB"]);
    let mut answer = server.send("/p/1/raw/entry_id/0_text/direct_serve/1");
    let mut front = vec![0; 100_000];
    answer.read_exact(&mut front).unwrap();
    let new = [&b"%PDF-1.7\n"[..], &vec![b'n'; 48 << 20]].concat();
    far.put("lib/0_text.pdf", &new);
    let mut rest = Vec::new();
    // Whether it ends with a reset or early is the same to who counts.
    let _ = answer.read_to_end(&mut rest);
    let body = [front, rest].concat();
    assert!(body.len() < old.len(), "it was not whole when the file was replaced: {}", body.len());
    assert!(body.ends_with(b"oooo"), "and is all of the file that it was begun with");
    assert!(server.get("/p/1/raw/entry_id/0_text/direct_serve/1").body == new, "who asks again gets the new one");
}

#[test]
fn kills_in_the_middle_of_writes_do_no_harm() {
    let (far, folder) = (far(&["0_long.mp4"]), Folder::new("origin-kills"));
    let disk = folder.path().join("disk");
    let arguments = ["--origin-block-size", "4KiB", "--cache-disk-folder", disk.to_str().unwrap()];
    let film = std::fs::read(media("0_long.mp4")).unwrap();
    for round in 0..8 {
        let server = serve(&far, &arguments);
        let answer = server.send(FILM);
        crate::support::soon(|| walk(&disk).len() > 10 * round);
        // Dropping it is kill -9.
        drop(server);
        drop(answer);
    }
    let server = serve(&far, &arguments);
    assert!(server.get(FILM).body == film);
    assert!(far.take_seen().iter().any(|seen| seen.range.is_some()));
}

#[test]
fn a_disk_that_is_full_is_done_without() {
    let (far, folder) = (far(&["0_long.mp4"]), Folder::new("origin-full"));
    let disk = folder.path().join("disk");
    let arguments = ["--origin-block-size", "16KiB", "--cache-disk-folder", disk.to_str().unwrap()];
    // No file may grow beyond half a block, so that each write fails in its middle as on a full disk. That goes for the memory in
    // which decoders hand over what they made, too.
    let limited = [&arguments[..], &["--decode-isolation", "none"]].concat();
    let server = Server::start_limited("ulimit -f 16; trap '' XFSZ;", Path::new(&far.url("lib")), &limited);
    let film = std::fs::read(media("0_long.mp4")).unwrap();
    assert!(server.get(FILM).body == film);
    server.thumbnail("0_long", "vid_sec/42");
    assert_eq!(walk(&disk), [] as [std::path::PathBuf; 0], "nothing half is left");
    drop(server);
    let server = serve(&far, &arguments);
    assert!(server.get(FILM).body == film);
    crate::support::soon(|| walk(&disk).len() > 10);
}

/// The files of blocks in a folder for them.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let folders = std::fs::read_dir(folder.join("blocks")).into_iter().flatten().flatten().map(|folder| folder.path());
    let files = folders.filter(|folder| folder.is_dir()).flat_map(|folder| std::fs::read_dir(folder).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn a_folder_that_cannot_be_written_is_done_without() {
    let (far, folder) = (far(&["0_long.mp4"]), Folder::new("origin-no-disk"));
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let server = serve(&far, &["--cache-disk-folder", file.to_str().unwrap()]);
    server.thumbnail("0_long", "vid_sec/42");
}

#[test]
fn a_slow_reader_gets_every_byte() {
    let far = far(&["0_long.mp4"]);
    let server = serve(&far, &["--origin-block-size", "64KiB"]);
    far.set_latency(Duration::from_millis(20));
    let body = server.get(FILM).body;
    assert!(body == std::fs::read(media("0_long.mp4")).unwrap());
    assert_apart(ranges(&far.take_seen(), "0_long.mp4"));
}

/// More than the service has threads that may block.
const STUCK: usize = 520;

/// A film whose index is not at its front.
fn film_behind() -> Vec<u8> {
    let film = std::fs::read(media("0_moov_last.mp4")).unwrap();
    let (kind, rest) = film.split_at(u32::from_be_bytes(*film.first_chunk().unwrap()) as usize);
    let free = 1_u32 << 20;
    [kind, &free.to_be_bytes(), b"free", &vec![0; free as usize - 8], rest].concat()
}

#[test]
fn an_origin_that_hangs_does_not_hold_up_a_folder() {
    let (far, folder) = (far(&["0_long.mp4"]), Folder::new("origin-hangs"));
    let name = |entry: &str, file: &str| {
        let sidecar = format!("[[flavors]]\nfile = '{}'", far.url(&format!("lib/{file}")));
        std::fs::write(folder.path().join(format!("{entry}.toml")), sidecar).unwrap();
    };
    far.put("lib/behind.mp4", &film_behind());
    name("0_film", "0_long.mp4");
    (0..20).for_each(|number| name(&format!("0_behind_{number}"), &format!("behind.mp4?{number}")));
    folder.put("0_long.mp4", "0_long.mp4");
    let origins = far.url("lib/");
    let arguments = ["--origins", &origins, "--origin-private", "true", "--origin-read-timeout", "60s"];
    let server = Server::start(folder.path(), &[&arguments[..], &["--origin-block-size", "4KiB"]].concat());
    server.thumbnail("0_film", "vid_sec/0");
    far.always(Fault::HangBehind);
    let moments =
        (0..STUCK).map(|number| target("0_film", &format!("vid_sec/{}.{:02}", 2 + number / 25, number % 25 * 4)));
    let behind = (0..20).map(|number| target(&format!("0_behind_{number}"), "vid_sec/0"));
    let stuck: Vec<_> = moments.chain(behind).map(|target| server.send(&target)).collect();
    std::thread::sleep(Duration::from_secs(3));
    let begun = std::time::Instant::now();
    server.thumbnail("0_long", "vid_sec/42");
    assert!(server.get(FILM).body == std::fs::read(media("0_long.mp4")).unwrap());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(stuck);
}
