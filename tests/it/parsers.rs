//! Playlists and manifests as programs read them that are not ours.

use std::collections::BTreeMap;
use std::process::Command;

use crate::players::{Tools, printed};
use crate::support::Server;

/// Entries of several qualities and languages, of pictures with and without sound, and of sound alone.
const ENTRIES: [&str; 5] = ["0_multi", "0_hills", "0_ladder", "0_long", "0_tone_aac"];

/// What a parser tells of one track.
#[derive(Debug, PartialEq)]
struct Told {
    codec: String,
    segments: u32,
    seconds: f64,
}

/// What parsers told, by entry and track, once for each protocol.
type Protocols = BTreeMap<String, BTreeMap<String, Told>>;

/// Reads the lines that tests/browser/parse.mjs describes.
fn read(text: &str) -> Protocols {
    let mut protocols = Protocols::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let &[entry, protocol, kind, name, codec, segments, seconds] = words.as_slice() else { panic!("{line:?}") };
        let told =
            Told { codec: codec.to_owned(), segments: segments.parse().unwrap(), seconds: seconds.parse().unwrap() };
        let tracks = protocols.entry(protocol.to_owned()).or_default();
        let before = tracks.insert(format!("{entry} {kind} {name}"), told);
        assert!(before.is_none(), "told twice: {line}");
    }
    protocols
}

#[test]
fn parsers_agree_about_every_track() {
    let folders = ["tests/browser/node_modules", "target/parsers"];
    let Some(tools) = Tools::find(&["node"], &folders) else { return };
    let server = Server::of_library();
    let node = printed(Command::new("node").arg(tools.scripts.join("parse.mjs")).arg(server.url()).args(ENTRIES));
    let python = tools.scripts.join("../../target/parsers/bin/python");
    let python = printed(Command::new(python).arg(tools.scripts.join("parse.py")).arg(server.url()).args(ENTRIES));
    assert_eq!(node, python, "the parsers of node and those of Python read the same");
    let protocols = read(&node);
    let (hls, dash) = (&protocols["hls"], &protocols["dash"]);
    assert_eq!(hls.keys().collect::<Vec<_>>(), dash.keys().collect::<Vec<_>>(), "both protocols offer the same tracks");
    for (track, by_hls) in hls {
        let by_dash = &dash[track];
        assert!((by_hls.seconds - by_dash.seconds).abs() < 0.01, "{track}: {by_hls:?} {by_dash:?}");
        // A manifest offers captions as a whole.
        let is_cut_alike = track.contains(" text ") || by_hls.segments == by_dash.segments;
        assert!(by_hls.codec == by_dash.codec && is_cut_alike, "{track}: {by_hls:?} {by_dash:?}");
    }
}

/// When GStreamer shows each frame, or sounds each piece of sound, of an entry that it plays to the end; in nanoseconds.
#[track_caller]
fn played(server: &Server, entry: &str, format: &str, sinks: [&str; 2]) -> Vec<u64> {
    // GStreamer 1.22 may wait without an end where a manifest, whoever wrote it, has captions of more than 0.75 s in a file of
    // their own and no sound: what divides the streams waits for room in the queue of captions, and the queue for pictures.
    let captions = if entry == "0_ladder" { "/disableCaptions/1" } else { "" };
    let url =
        format!("{}/p/1/sp/100/playManifest/entryId/{entry}/format/{format}/protocol/http{captions}/a", server.url());
    let ending = if format == "applehttp" { "m3u8" } else { "mpd" };
    let said = printed(
        Command::new("timeout")
            .args(["60", "gst-launch-1.0", "playbin3", "flags=video+audio"])
            .arg(format!("uri={url}.{ending}"))
            .arg(format!("video-sink={} sync=false", sinks[0]))
            .arg(format!("audio-sink={} sync=false", sinks[1])),
    );
    assert!(said.contains("Got EOS"), "{entry} {format} is not played to its end:\n{said}");
    // A line of the sink is a time and a checksum: `0:00:01.040000000 5086802d6fb07df8347526b5d4369ff622d618f8`.
    let time = |line: &str| {
        let (time, sum) = line.split_once(' ')?;
        let (rest, seconds) = time.rsplit_once(':')?;
        let (hours, minutes) = rest.split_once(':')?;
        let nanos: u64 = seconds.replace('.', "").parse().ok()?;
        let minutes = hours.parse::<u64>().ok()? * 60 + minutes.parse::<u64>().ok()?;
        (sum.len() == 40).then_some(minutes * 60_000_000_000 + nanos)
    };
    said.lines().filter_map(time).collect()
}

#[test]
fn gstreamer_plays_to_the_end_and_misses_nothing() {
    let Some(_) = Tools::find(&["gst-launch-1.0"], &[]) else { return };
    let server = Server::of_library();
    // The steps between pictures, and the most that a piece of sound lasts, in nanoseconds.
    let (frame, sound) = (40_000_000, 25_000_000);
    let pictures = [("0_multi", 600), ("0_hills", 250), ("0_long", 2250), ("0_ladder", 100)];
    for (entry, format) in streams(&pictures.map(|(entry, _)| entry)) {
        let times = played(&server, entry, format, ["checksumsink", "fakesink"]);
        let frames = pictures.iter().find(|(other, _)| *other == entry).map(|(_, frames)| *frames);
        assert_eq!(Some(times.len()), frames, "{entry} {format}: every frame is shown once");
        let is_regular = times.windows(2).all(|pair| pair[1].abs_diff(pair[0] + frame) < 1_000_000);
        assert!(is_regular, "{entry} {format}: {times:?}");
    }
    for (entry, format) in streams(&["0_multi", "0_hills", "0_tone_aac"]) {
        let times = played(&server, entry, format, ["fakesink", "checksumsink"]);
        let is_whole = times.windows(2).all(|pair| pair[1] > pair[0] && pair[1] - pair[0] <= sound);
        assert!(times.len() > 100 && is_whole, "{entry} {format}: {times:?}");
    }
}

/// The entries in both protocols, but HLS of one segment: GStreamer 1.22 gives up on it, whoever wrote it.
fn streams<'a>(entries: &[&'a str]) -> Vec<(&'a str, &'static str)> {
    let both = entries.iter().flat_map(|entry| ["applehttp", "mpegdash"].map(|format| (*entry, format)));
    both.filter(|stream| !matches!(stream, ("0_tone_aac" | "0_ladder", "applehttp"))).collect()
}
