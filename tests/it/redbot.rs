//! A second opinion on HTTP: redbot finds no fault with answers of any kind.

use std::process::Command;

use crate::players::{Tools, printed};
use crate::support::{Server, target};

/// What it always has to say: lengths are right, and conditions and ranges are understood.
const PRAISE: [&str; 6] = ["CL_CORRECT", "DATE_CORRECT", "FRESHNESS_FRESH", "INM_304", "IMS_304", "RANGE_CORRECT"];

/// Words of the dialect that HTTP could do without.
const DIALECT: [&str; 2] = [
    // `public` where nothing else would make it private.
    "STORE_PUBLIC_UNNECESSARY",
    // `max-stale` in an answer.
    "CC_WRONG_MESSAGE",
];

/// It tells MP4 by brands that begin with `mp4` alone (MIME Sniffing section 6.2.1), and knows no other media of ours.
const UNTOLD: &str = "CONTENT_TYPE_MISMATCH";

#[test]
fn redbot_finds_no_fault() {
    let Some(tools) = Tools::find(&["python3"], &["target/parsers"]) else { return };
    let server = Server::of_library();
    let packaged = "p/1/serveFlavor/entryId/0_hills/flavorId/0_hills_source/name/a.mp4";
    let media = [
        format!("/{packaged}"),
        "/p/1/serveFlavor/entryId/0_moov_last/flavorId/0_moov_last_source/name/a.mp4".to_owned(),
        format!("/hls/{packaged}/seg-1-v1.m4s"),
        format!("/hls/{packaged}/seg-1-v1.ts"),
        target("0_hills", "width/320/vid_sec/1"),
        target("0_hills", "width/320/vid_sec/1/format/auto"),
    ];
    let texts = [
        format!("/hls/{packaged}/index-v1.m3u8"),
        format!("/dash/{packaged}/manifest.mpd"),
        "/p/1/sp/100/playManifest/entryId/0_ladder/format/applehttp/a.m3u8".to_owned(),
    ];
    std::thread::scope(|scope| {
        for path in media.iter().chain(&texts) {
            scope.spawn(|| check(&tools, &server, path, texts.contains(path)));
        }
    });
}

#[track_caller]
fn check(tools: &Tools, server: &Server, path: &str, is_text: bool) {
    let python = tools.scripts.join("../../target/parsers/bin/python");
    let said = printed(Command::new(python).arg(tools.scripts.join("check.py")).arg(server.url_of(path)));
    let notes = said.lines().filter_map(|line| line.split_once(' '));
    for (level, note) in notes.clone() {
        let name = note.split(' ').next().unwrap();
        let is_known = DIALECT.contains(&name) || (name == UNTOLD && !is_text);
        assert!(matches!(level, "good" | "info") || is_known, "{path}: {note}");
    }
    let is_praised = |name: &str| notes.clone().any(|(level, note)| level == "good" && note.starts_with(name));
    for name in PRAISE {
        assert!(is_praised(name), "{path}: {name} is missing\n{said}");
    }
    assert_eq!(is_praised("CONNEG_GZIP_GOOD"), is_text, "{path}: {said}");
}
