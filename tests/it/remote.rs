//! The sample library in an object store, and files elsewhere that a folder names: found and served as those of a folder are.

use std::path::Path;
use std::process::Command;

use crate::cloud::Cloud;
use crate::far::{Far, Fault};
use crate::s3;
use crate::support::{Folder, Server, library, media, soon, target};

/// A store with the sample library beneath `lib/`.
fn store(name: &str) -> s3::Server {
    let store = s3::Server::start(name);
    copy(library(), &store.file("lib"));
    store
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let place = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &place)
        } else {
            drop(std::fs::copy(item.path(), place))
        }
    }
}

const MEDIA: &str = "s3://bucket/lib";

#[test]
fn a_store_answers_as_a_folder_does() {
    let store = store("it-answers");
    check_as_folder(MEDIA, &store.environment());
}

#[test]
fn stores_of_other_makes_answer_as_a_folder_does() {
    for cloud in Cloud::all() {
        put_all(&cloud, library(), "lib");
        check_as_folder(&cloud.url("lib"), &cloud.environment());
    }
}

fn put_all(cloud: &Cloud, from: &Path, key: &str) {
    for item in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let key = format!("{key}/{}", item.file_name().to_str().unwrap());
        if item.file_type().unwrap().is_dir() {
            put_all(cloud, &item.path(), &key);
        } else {
            cloud.put(&key, &std::fs::read(item.path()).unwrap());
        }
    }
}

fn check_as_folder(media: &str, environment: &[(String, String)]) {
    let here = Server::of_library();
    let there = Server::start_within(Path::new(media), &[], environment);
    let mut targets = vec![
        target("0_long", "vid_sec/42"),
        target("0_long", "vid_slices/5/width/100"),
        target("0_vp9", "vid_sec/1"),
        target("0_avi", "vid_sec/1"),
        target("0_jpeg_progressive", "width/200"),
        target("0_nobody", "width/200"),
        "/p/1/sp/100/playManifest/entryId/0_ladder/format/applehttp/a.m3u8".to_owned(),
        "/p/1/sp/100/serveFlavor/entryId/0_long/flavorId/0_long_source/name/a.mp4".to_owned(),
    ];
    for name in ["master.m3u8", "index-v1.m3u8", "index-v1-a1.m3u8", "seg-2-v1.ts", "seg-1-v1-a1.ts"] {
        targets.push(format!("/hls/p/1/sp/100/serveFlavor/entryId/0_ladder/{name}"));
    }
    for name in ["manifest.mpd", "init-v1.mp4", "seg-2-v1.m4s", "init-a1.mp4", "seg-1-a1.m4s"] {
        targets.push(format!("/dash/p/1/sp/100/serveFlavor/entryId/0_ladder/{name}"));
    }
    for target in targets {
        let (near, far) = (here.get(&target), there.get(&target));
        assert_eq!(near.status, far.status, "{media} {target}: {}", far.text());
        // A URL of a segment names the version of its file, and that is the store's.
        let text =
            |body: &[u8]| String::from_utf8_lossy(body).lines().map(|line| line.split("-x").count()).sum::<usize>();
        let is_text = near.header("content-type").is_some_and(|kind| kind.contains("mpegurl") || kind.contains("dash"));
        let is_same = if is_text { text(&near.body) == text(&far.body) } else { near.body == far.body };
        assert!(is_same, "{media} {target}: other bytes");
    }
    assert_eq!(there.frame("0_long", "vid_sec/42"), here.frame("0_long", "vid_sec/42"));
}

#[test]
fn a_store_without_names_tells_what_is_absent() {
    let store = store("it-silent");
    store.deny_names();
    let server = Server::start_within(Path::new(MEDIA), &[], &store.environment());
    server.thumbnail("0_long", "vid_sec/42");
    server.thumbnail("0_jpeg_progressive", "width/200");
    let absent = server.get(&target("0_nobody", "width/200"));
    assert_eq!(absent.status, 404, "{}", absent.text());
    let manifest = server.get("/p/1/sp/100/playManifest/entryId/0_nobody/format/applehttp/a.m3u8");
    assert_eq!(manifest.status, 404, "{}", manifest.text());
}

#[test]
fn what_a_web_server_denies_is_absent() {
    let (far, folder) = (Far::start(), Folder::new("denied"));
    far.put("lib/0_film.mp4", &std::fs::read(media("0_long.mp4")).unwrap());
    let (log, picture) = (folder.path().join("log"), target("0_film", "vid_sec/1"));
    let serve = || {
        let arguments = ["--catalog-ttl", "100ms", "--origin-retries", "0"];
        Server::logging(&log, Path::new(&far.url("lib")), &arguments)
    };
    // To find the film, names are tried that are not there.
    for (absent, expected) in [(403, (200, 404)), (404, (200, 404)), (410, (200, 404)), (401, (503, 503))] {
        far.set_absent(absent);
        let server = serve();
        let found = (server.get(&picture).status, server.get(&target("0_nobody", "vid_sec/1")).status);
        assert_eq!(found, expected, "{absent}");
        assert!(server.stop());
        let denials = std::fs::read_to_string(&log).unwrap().matches("denies is taken to be absent").count();
        assert_eq!(denials, usize::from(absent == 403), "{absent}: it is said once");
    }
    far.set_absent(404);
    let server = serve();
    assert_eq!(server.get(&picture).status, 200);
    far.always(Fault::Status(403));
    soon(|| server.get(&picture).status == 404);
    assert_eq!(server.metric("vedette_stale_answers_total"), 0.0, "it is no fault");
    far.always(None);
    soon(|| server.get(&picture).status == 200);
}

#[test]
fn a_replaced_file_is_tried_once_more() {
    let store = store("it-replaced");
    let arguments = ["--catalog-ttl", "1h", "--cache-memory-size", "0", "--cache-frames-size", "0"];
    let server = Server::start_within(Path::new(MEDIA), &arguments, &store.environment());
    server.thumbnail("0_long", "vid_sec/1");
    std::fs::copy(media("0_hills.mp4"), store.file("lib/0_long.mp4")).unwrap();
    let whole = "/p/1/sp/100/serveFlavor/entryId/0_long/flavorId/0_long_source/name/a.mp4";
    let answer = server.get(whole);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.body == std::fs::read(media("0_hills.mp4")).unwrap(), "it is all of the new file");
    std::fs::remove_file(store.file("lib/0_long.mp4")).unwrap();
    std::fs::copy(media("0_vfr.mp4"), store.file("lib/0_other.mp4")).unwrap();
    assert_eq!(server.thumbnail("0_other", "vid_sec/0").status, 200, "what is new is found without a list of all");
}

#[test]
fn a_flavor_may_rest_elsewhere() {
    let (far, folder) = (Far::start(), Folder::new("elsewhere"));
    far.put("cdn/film.mp4", &std::fs::read(media("0_long.mp4")).unwrap());
    let sidecar = |url: &str| format!("[[flavors]]\nfile = '{url}'\n");
    std::fs::write(folder.path().join("0_film.toml"), sidecar(&far.url("cdn/film.mp4"))).unwrap();
    std::fs::write(folder.path().join("0_foreign.toml"), sidecar(&far.url("elsewhere/film.mp4"))).unwrap();
    let origins = far.url("cdn/");
    let arguments = ["--origins", &origins, "--origin-private", "true"];
    let (here, there) = (Server::of_library(), Server::start(folder.path(), &arguments));
    assert_eq!(there.frame("0_film", "vid_sec/42"), here.frame("0_long", "vid_sec/42"));
    assert_eq!(there.get(&target("0_foreign", "vid_sec/42")).status, 404);
    let checked = Command::new(env!("CARGO_BIN_EXE_vedette"))
        .args(["check-config", "--media", folder.path().to_str().unwrap()])
        .args(arguments)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(told.contains(&format!("0_foreign.toml:1: \"{}\" is not", far.url("elsewhere/film.mp4"))), "{told}");
    assert!(told.contains(&origins) && !checked.status.success(), "{told}");
}

#[test]
fn commands_look_into_a_store() {
    let store = s3::Server::start("it-commands");
    std::fs::create_dir_all(store.file("lib")).unwrap();
    std::fs::copy(media("0_long.mp4"), store.file("lib/0_long.mp4")).unwrap();
    std::fs::write(store.file("lib/0_wrong.toml"), "nmae = 'x'").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vedette"));
        let output = command.args(arguments).envs(store.environment()).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (is_well, told) = run(&["inspect", "s3://bucket/lib/0_long.mp4"]);
    assert!(is_well && told.contains("avc"), "{told}");
    let (is_well, told) = run(&["explain", "--media", MEDIA, &target("0_long", "vid_sec/42")]);
    assert!(is_well && told.contains("\"0_long.mp4\"@"), "{told}");
    let (is_well, told) = run(&["check-config", "--media", MEDIA]);
    assert!(!is_well && told.contains("0_wrong.toml:1: unknown key `nmae`"), "{told}");
    let (is_well, told) = run(&["inspect", "s3://bucket/lib/none.mp4"]);
    assert!(!is_well && told.contains("there is no such file"), "{told}");
}
