//! Every entry that plays, over each protocol, cut into short segments: ffmpeg decodes it without a word, and sees the frames of
//! the stored file at their times and its sound without a gap.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::fmp4::{check_frames, frames};
use crate::support::{Server, library};

/// Entries of one file that play nowhere: what they are coded as goes into no container.
const REFUSED: [&str; 13] = [
    "0_avi",
    "0_grown",
    "0_interlaced",
    "0_mjpeg",
    "0_mpeg2",
    "0_mpeg4",
    "0_packed",
    "0_program_stream",
    "0_prores",
    "0_prores_alpha",
    "0_ts",
    "0_vp8",
    "0_vp9_alpha",
];

/// Entries whose pictures go into no transport stream, and those whose sound does not.
const NOT_SEEN_IN_TS: [&str; 3] = ["0_av1", "0_odd", "0_vp9"];
const NOT_HEARD_IN_TS: [&str; 2] = ["0_flac", "0_opus"];

/// How an entry is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Hls,
    Ts,
    Dash,
}

impl Way {
    fn asked(self, entry: &str) -> String {
        let format = match self {
            Way::Hls => "applehttp/a.m3u8",
            Way::Ts => "applehttp/container/ts/a.m3u8",
            Way::Dash => "mpegdash/a.mpd",
        };
        format!("/p/1/sp/100/playManifest/entryId/{entry}/format/{format}")
    }

    /// What ffmpeg is to open for the pictures and for the sound; `None` where the entry does not play.
    fn opened(self, server: &Server, entry: &str) -> Option<[String; 2]> {
        let answer = server.get(&self.asked(entry));
        if self == Way::Dash {
            // ffmpeg 5.1 takes what a manifest behind a redirect names for beside the redirect.
            let manifest = answer.header("location")?;
            let is_there = server.get(manifest).status == 200;
            return is_there.then(|| [server.url_of(manifest), server.url_of(manifest)]);
        }
        let master = answer.text();
        let pictures = master.lines().find(|line| line.starts_with("/hls/"))?;
        let sound = master.lines().find(|line| line.contains("TYPE=AUDIO"));
        let sound = sound.and_then(|line| line.split("URI=\"").nth(1)?.split('"').next()).unwrap_or(pictures);
        Some([server.url_of(pictures), server.url_of(sound)])
    }
}

/// The entries of one file, and their files.
fn entries() -> Vec<(String, String)> {
    let kinds = ["mp4", "mov", "mkv", "webm", "flv", "ts", "mpg", "avi", "m4a", "mp3"];
    let file = |name: &str| {
        let (entry, kind) = name.rsplit_once('.')?;
        let is_whole = !entry.starts_with("0_broken") && !library().join(format!("{entry}.toml")).exists();
        (kinds.contains(&kind) && is_whole).then(|| (entry.to_owned(), name.to_owned()))
    };
    let names = std::fs::read_dir(library()).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap());
    let found: BTreeSet<_> = names.filter_map(|name| file(&name)).collect();
    assert!(found.len() > 40, "{found:?}");
    found.into_iter().collect()
}

/// A packet of sound: when it starts, how long it lasts, and the digest of its bytes.
type Packet = (i64, i64, String);

/// The packets of the sound of a file or URL without a word of warning; none where it has no sound.
#[track_caller]
fn packets(input: &str, options: &[&str], filter: &[&str]) -> Vec<Packet> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "warning", "-copyts"])
        .args(options)
        .args(["-i", input, "-map", "0:a:0", "-c", "copy"])
        .args(filter)
        .args(["-f", "framemd5", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("matches no streams") {
        return Vec::new();
    }
    assert!(output.status.success() && said.is_empty(), "{input}: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let packet = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        (fields[2].parse().unwrap(), fields[3].parse().unwrap(), fields[5].to_owned())
    };
    text.lines().filter(|line| !line.starts_with('#')).map(packet).collect()
}

/// Packets at either end that ffmpeg keeps to itself because an edit list leaves them out, or reads in a way of its own.
const CUT_OFF: usize = 4;

/// The sound goes on from packet to packet, and is that of the file.
#[track_caller]
fn check_sound(what: &str, found: &[Packet], expected: &[Packet]) {
    // Times in ticks that do not divide a packet are rounded.
    let length = |packet: &Packet| if packet.1 > 0 { packet.1 } else { found[1].0 - found[0].0 };
    // ffmpeg 5.1 is a packet late with the first ones of a playlist of transport streams, whoever made it.
    let gap = found[CUT_OFF..].windows(2).find(|pair| (pair[0].0 + length(&pair[0]) - pair[1].0).abs() > 2);
    assert!(gap.is_none(), "{what}: {gap:?}");
    let digests = |packets: &[Packet]| packets.iter().map(|packet| packet.2.clone()).collect::<Vec<_>>();
    let (found, expected) = (digests(found), digests(expected));
    assert!(found.len() + CUT_OFF >= expected.len(), "{what}: {} of {}", found.len(), expected.len());
    assert!(expected.windows(found.len()).any(|part| part == found), "{what}: other sound than that of the file");
}

#[track_caller]
fn check(way: Way) {
    let server = Server::start(library(), &["--segment-duration", "1s"]);
    let mut refused = BTreeSet::new();
    for (entry, name) in entries() {
        let Some([pictures, sound]) = way.opened(&server, &entry) else {
            refused.insert(entry);
            continue;
        };
        let file = library().join(&name);
        // A transport stream cannot say that pictures are turned.
        let is_turned = way == Way::Ts && entry.starts_with("0_rotated");
        if !is_turned && !["mp3", "m4a"].iter().any(|kind| name.ends_with(kind)) {
            check_frames(&entry, &frames(Path::new(&pictures), "v"), &shown(&file));
        }
        let is_iso = ["mp4", "m4a", "mov"].iter().any(|kind| name.ends_with(kind));
        let expected = packets(file.to_str().unwrap(), if is_iso { &["-ignore_editlist", "1"] } else { &[] }, &[]);
        let is_heard = way != Way::Ts || !NOT_HEARD_IN_TS.contains(&&*entry);
        if !expected.is_empty() && is_heard {
            let is_framed = way == Way::Ts && !name.ends_with("mp3");
            let unframed: &[&str] = if is_framed { &["-bsf:a", "aac_adtstoasc"] } else { &[] };
            check_sound(&entry, &packets(&sound, &[], unframed), &expected);
        }
    }
    let mut expected: BTreeSet<&str> = REFUSED.into();
    if way == Way::Ts {
        expected.extend(NOT_SEEN_IN_TS);
    }
    assert_eq!(refused.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
}

/// The frames of a stored file; what is not ISO BMFF is taken to start with its first one.
fn shown(file: &Path) -> Vec<(f64, String)> {
    let mut expected = frames(file, "v");
    let start = if matches!(file.extension().and_then(|kind| kind.to_str()), Some("mp4" | "mov")) {
        0.0
    } else {
        expected[0].0
    };
    expected.iter_mut().for_each(|frame| frame.0 -= start);
    expected
}

#[test]
fn hls_is_the_stored_file() {
    check(Way::Hls);
}

#[test]
fn transport_streams_are_the_stored_file() {
    check(Way::Ts);
}

#[test]
fn dash_is_the_stored_file() {
    check(Way::Dash);
}
