//! A library elsewhere: the same answers as from a folder, for no more bytes than it takes, and in spite of faults.

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
    let whole = "/p/1/sp/100/serveFlavor/entryId/0_long/flavorId/0_long_source/name/a.mp4";
    let part = [("range", "bytes=300000-399999")];
    let (near, remote) = (here.ask("GET", whole, &part), there.ask("GET", whole, &part));
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
    let whole = "/p/1/sp/100/serveFlavor/entryId/0_long/flavorId/0_long_source/name/a.mp4";
    assert_eq!(server.get(whole).body, std::fs::read(media("0_long.mp4")).unwrap());
    far.put("lib/0_long.mp4", &std::fs::read(media("0_hills.mp4")).unwrap());
    // The catalog is to look again, and then all is of the new file.
    let after = server.get(whole);
    assert_eq!(after.status, 200, "{}", after.text());
    let (old, new) = (std::fs::read(media("0_long.mp4")).unwrap(), std::fs::read(media("0_hills.mp4")).unwrap());
    assert!(after.body == old || after.body == new, "neither the one nor the other");
    assert_eq!(before, 0);
}

#[test]
fn blocks_on_disk_outlive_a_kill() {
    let (far, folder) = (far(&["0_long.mp4"]), Folder::new("origin-disk"));
    let disk = folder.path().join("blocks");
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

/// The files beneath a folder of folders.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let folders = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|folder| folder.path());
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
    let whole = "/p/1/sp/100/serveFlavor/entryId/0_long/flavorId/0_long_source/name/a.mp4";
    let body = server.get(whole).body;
    assert!(body == std::fs::read(media("0_long.mp4")).unwrap());
    assert_apart(ranges(&far.take_seen(), "0_long.mp4"));
}
