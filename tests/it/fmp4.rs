//! What we package as fragmented MP4, as ffmpeg, ffprobe and another reader of boxes see it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use mp4_atom::{Any, Codec, Decode, Moof, Moov};
use vedette::deliver::sources;
use vedette::entry::Source;
use vedette::media::time::Micros;
use vedette::media::{Index, Media, Track};
use vedette::origin::Origin;
use vedette::packager::fmp4;
use vedette::packager::layout::{Layout, Slice};
use vedette::packager::segments::{Pace, segments};
use vedette::packager::timeline::{Timeline, Window};

use crate::support::{Folder, cage, media};

const PACE: Pace = Pace { target: Micros(1_000_000), first: Vec::new() };

/// The index of a file, completed as the service does it.
fn index(path: &Path) -> Index {
    let about = fs::metadata(path).unwrap();
    let mtime = about.modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
    let source = Source {
        location: path.file_name().unwrap().to_str().unwrap().into(),
        size: about.len(),
        modified: mtime.as_secs(),
        version: Source::file_version(about.len(), mtime.as_nanos()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let origin = Origin::folder(path.parent().unwrap()).unwrap();
    let index = runtime.block_on(sources::index(&origin, &cage(), &source)).unwrap();
    Index::clone(&index)
}

fn track<'a>(index: &'a Index, stream: &str) -> &'a Track {
    let is_wanted = |track: &&Track| match track.media {
        Media::Video(_) => stream == "v",
        Media::Audio(_) => stream == "a",
        Media::Other => false,
    };
    index.tracks.iter().find(is_wanted).unwrap()
}

fn bytes(layout: &Layout, file: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for slice in layout.slices() {
        match slice {
            Slice::Made(made) => bytes.extend_from_slice(made),
            Slice::Source(range) => bytes.extend_from_slice(&file[range.start as usize..range.end as usize]),
        }
    }
    assert_eq!(bytes.len() as u64, layout.len());
    bytes
}

/// The init segment and all segments of a track within a window.
fn packaged(path: &Path, stream: &str, window: Window) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (index, file) = (index(path), fs::read(path).unwrap());
    let timeline = Timeline::new(track(&index, stream), window).unwrap().unwrap();
    let init = fmp4::init(&timeline).unwrap();
    let segments = segments(&timeline, &PACE);
    (
        init,
        segments
            .iter()
            .map(|segment| bytes(&fmp4::segment(&timeline, segment.number, segment.samples.clone()), &file))
            .collect(),
    )
}

/// A frame as ffmpeg decodes it: when it is shown in seconds, and the digest of its pixels.
pub(crate) type Frame = (f64, String);

/// The frames of a file, without a word of warning.
#[track_caller]
pub(crate) fn frames(path: &Path, stream: &str) -> Vec<Frame> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "warning", "-copyts", "-i"])
        .arg(path)
        .args(["-map", &format!("0:{stream}:0"), "-fps_mode", "passthrough", "-enc_time_base", "-1"])
        .args(["-f", "framemd5", "-"])
        .output()
        .unwrap();
    let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && warnings.is_empty(), "{}: {warnings}", path.display());
    let text = String::from_utf8(output.stdout).unwrap();
    let base = text.lines().find_map(|line| line.strip_prefix("#tb 0: ")).unwrap();
    let (num, den) = base.split_once('/').unwrap();
    let tick: f64 = num.parse::<f64>().unwrap() / den.parse::<f64>().unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let frame = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        (fields[2].parse::<f64>().unwrap() * tick, fields[5].to_owned())
    };
    lines.map(frame).collect()
}

fn probe(path: &Path, entries: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "warning", "-show_entries", entries, "-of", "default=nw=1"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Puts a packaged track into a file.
fn put(folder: &Folder, init: &[u8], segments: &[Vec<u8>]) -> PathBuf {
    let path = folder.path().join("packaged.mp4");
    fs::write(&path, [init, &segments.concat()].concat()).unwrap();
    path
}

/// How far times may differ: a tick of the coarsest containers.
const NEAR: f64 = 0.0011;

/// The pictures of a file packaged are those of the file, at the same times, the first one from zero on. Those behind what is
/// needed to decode the first come at the same times as `expected`.
#[track_caller]
pub(crate) fn check_frames(what: &str, found: &[Frame], expected: &[Frame]) {
    // ffmpeg moves fragments with negative composition offsets later by the largest of them.
    let start = found[0].0;
    let behind = found.len().checked_sub(expected.len());
    let found = &found[behind.unwrap_or_else(|| panic!("{what}: {} of {}", found.len(), expected.len()))..];
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.1, expected.1, "{what}: frame {place}");
        let at = found.0 - start;
        let near = if place == 0 { at < 0.01 } else { (at - expected.0).abs() < NEAR };
        assert!(near, "{what}: frame {place} at {at} for {}", expected.0);
    }
}

#[track_caller]
fn check_pictures(name: &str) {
    let path = media(name);
    let (init, segments) = packaged(&path, "v", Window::default());
    let folder = Folder::new(&format!("fmp4-{name}"));
    let found = frames(&put(&folder, &init, &segments), "v");
    let mut expected = frames(&path, "v");
    if !name.ends_with(".mp4") && !name.ends_with(".mov") {
        // Other containers are taken to start with their first picture.
        let start = expected[0].0;
        expected.iter_mut().for_each(|frame| frame.0 -= start);
    }
    check_frames(name, &found, &expected);
    read_boxes(name, &init, &segments);
}

/// Another reader finds the boxes sound, the fragments in order and without gaps, and the samples where they are said to be.
#[track_caller]
fn read_boxes(name: &str, init: &[u8], segments: &[Vec<u8>]) -> Moov {
    let mut rest = init;
    let Ok(Any::Ftyp(ftyp)) = Any::decode(&mut rest) else { panic!("{name}: ftyp") };
    assert!(ftyp.compatible_brands.iter().any(|brand| *brand == b"cmfc".into()), "{name}");
    let Ok(Any::Moov(moov)) = Any::decode(&mut rest) else { panic!("{name}: moov") };
    assert!(rest.is_empty() && moov.trak.len() == 1 && moov.mvex.is_some(), "{name}");
    let mut next = None;
    for (number, segment) in (1u32..).zip(segments) {
        let mut rest = &segment[..];
        let Ok(Any::Styp(styp)) = Any::decode(&mut rest) else { panic!("{name}: styp") };
        assert_eq!(styp.major_brand, b"msdh".into());
        let start = segment.len() - rest.len();
        let Ok(Any::Moof(moof)) = Any::decode(&mut rest) else { panic!("{name}: moof") };
        let body = segment.len() - rest.len() + 8 - start;
        let Ok(Any::Mdat(mdat)) = Any::decode(&mut rest) else { panic!("{name}: mdat") };
        assert_eq!((moof.mfhd.sequence_number, rest.len()), (number, 0), "{name}");
        let (from, to) = run(&moof, body, mdat.data.len());
        assert!(next.is_none_or(|next| next == from), "{name}: segment {number} at {from}, {next:?} expected");
        next = Some(to);
    }
    moov
}

/// When the samples of a fragment start and end, whose bytes are `len` from `body` on.
fn run(moof: &Moof, body: usize, len: usize) -> (u64, u64) {
    let [traf] = &moof.traf[..] else { panic!("one track") };
    let [trun] = &traf.trun[..] else { panic!("one run") };
    assert!(traf.tfhd.default_base_is_moof && trun.data_offset == Some(body as i32));
    let (mut size, mut time) = (0, traf.tfdt.as_ref().unwrap().base_media_decode_time);
    let from = time;
    for sample in trun.samples.iter() {
        size += sample.size.or(traf.tfhd.default_sample_size).unwrap() as usize;
        time += u64::from(sample.duration.or(traf.tfhd.default_sample_duration).unwrap());
    }
    assert_eq!(size, len);
    (from, time)
}

#[test]
fn pictures_are_those_of_the_source() {
    for name in ["0_avc.mp4", "0_hevc.mp4", "0_hevc10.mp4", "0_av1.mp4", "0_vfr.mp4", "0_co64.mp4", "0_mov.mov"] {
        check_pictures(name);
    }
    for name in ["0_opengop_avc.mp4", "0_opengop_hevc.mp4", "0_rotated_90.mp4", "0_fragmented.mp4", "0_mkv.mkv"] {
        check_pictures(name);
    }
    for name in ["0_edit_trimmed.mp4", "0_edit_empty.mp4", "0_signed_offsets.mp4", "0_one_frame.mp4", "0_flv.flv"] {
        check_pictures(name);
    }
    for name in ["0_fragmented_sidx.mp4", "0_anamorphic.mp4", "0_444.mp4", "0_hlg.mp4", "0_hills.mp4"] {
        check_pictures(name);
    }
}

#[test]
fn pictures_of_vp9_are_those_of_the_source() {
    for name in ["0_vp9.webm", "0_odd.webm"] {
        check_pictures(name);
    }
}

#[test]
fn a_segment_decodes_by_itself() {
    let path = media("0_avc.mp4");
    let (init, segments) = packaged(&path, "v", Window::default());
    let all = frames(&path, "v");
    let folder = Folder::new("fmp4-alone");
    let mut at = 0;
    for segment in segments {
        let found = frames(&put(&folder, &init, &[segment]), "v");
        let hashes = |frames: &[Frame]| frames.iter().map(|frame| frame.1.clone()).collect::<Vec<_>>();
        assert_eq!(hashes(&found), hashes(&all[at..at + found.len()]));
        at += found.len();
    }
    assert_eq!(at, all.len());
}

#[test]
fn a_window_starts_with_the_frame_that_is_on_display() {
    // Frames of 40 ms: 17 is on display at 700 ms, 47 until 1920 ms.
    let path = media("0_avc.mp4");
    let window = Window { from: Micros(700_000), to: Some(Micros(1_920_000)) };
    let (init, segments) = packaged(&path, "v", window);
    let folder = Folder::new("fmp4-window");
    let found = frames(&put(&folder, &init, &segments), "v");
    let expected: Vec<Frame> = frames(&path, "v")[17..48].iter().map(|(at, hash)| (at - 0.7, hash.clone())).collect();
    let first = found.iter().position(|frame| frame.1 == expected[0].1).unwrap();
    check_frames("window", &found[..first + expected.len()], &expected);
}

#[track_caller]
fn check_sound(path: &Path, codec: &str) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let (init, segments) = packaged(path, "a", Window::default());
    let folder = Folder::new(&format!("fmp4-sound-{name}"));
    let packaged = put(&folder, &init, &segments);
    let (found, expected) = (frames(&packaged, "a"), frames(path, "a"));
    // What is cut off at either end is cut by ffmpeg in a way of its own for each container.
    let count = found.len().min(expected.len()) - 4;
    let middle = |frames: &[Frame]| frames[frames.len() - count..frames.len() - 1].to_vec();
    let (found, expected) = (middle(&found), middle(&expected));
    let differs = found.iter().zip(&expected).position(|(found, expected)| found.1 != expected.1);
    assert_eq!(differs, None, "{name}");
    // Other containers are taken to start with their first sample.
    let is_iso = name.ends_with(".mp4") || name.ends_with(".m4a");
    let start = if is_iso { 0.0 } else { expected[0].0 - found[0].0 };
    let late = found.iter().zip(&expected).find(|(found, expected)| (found.0 + start - expected.0).abs() > 2.0 * NEAR);
    assert!(late.is_none(), "{name}: {late:?}");
    assert!(probe(&packaged, "stream=codec_tag_string").contains(codec), "{name}");
    read_boxes(name, &init, &segments);
}

#[test]
fn sound_is_that_of_the_source() {
    check_sound(&media("0_hills.mp4"), "mp4a");
    check_sound(&media("0_tone_aac.m4a"), "mp4a");
    check_sound(&media("0_tone.mp3"), "mp4a");
}

#[test]
fn sound_of_every_codec_is_that_of_the_source() {
    let folder = Folder::new("fmp4-codecs");
    let cases = [
        ("ac3", "ac-3", "mp4 mkv"),
        ("eac3", "ec-3", "mp4 mkv"),
        ("libopus", "Opus", "mp4 mkv webm"),
        ("flac", "fLaC", "mp4 mkv"),
        ("libmp3lame", "mp4a", "mp4 mkv"),
        ("aac", "mp4a", "mkv"),
    ];
    for (encoder, codec, containers) in cases {
        for container in containers.split(' ') {
            let path = folder.path().join(format!("{encoder}.{container}"));
            let made = Command::new("ffmpeg")
                .args(["-nostdin", "-v", "error", "-i"])
                .arg(media("0_tone.mp3"))
                .args(["-t", "3", "-ar", "48000", "-strict", "-2", "-metadata:s:a:0", "language=fra", "-c:a", encoder])
                .arg(&path)
                .status()
                .unwrap();
            assert!(made.success());
            check_sound(&path, codec);
            let (init, segments) = packaged(&path, "a", Window::default());
            assert!(probe(&put(&folder, &init, &segments), "stream_tags=language").contains("fr"), "{encoder}");
        }
    }
}

#[track_caller]
fn check_probe(name: &str, expected: &[&str]) {
    let path = media(name);
    let (init, segments) = packaged(&path, "v", Window::default());
    let folder = Folder::new(&format!("fmp4-probe-{name}"));
    let entries = "stream=codec_tag_string,width,height,sample_aspect_ratio,color_range,color_space,color_transfer,\
                   color_primaries:stream_side_data=rotation:stream_tags=language";
    let said = probe(&put(&folder, &init, &segments), entries);
    for line in expected {
        assert!(said.lines().any(|said| said == *line), "{name}: {line} is not in\n{said}");
    }
}

#[test]
fn pictures_are_described_as_they_were() {
    check_probe("0_avc.mp4", &["codec_tag_string=avc1", "sample_aspect_ratio=1:1"]);
    check_probe("0_hevc10.mp4", &["codec_tag_string=hvc1"]);
    check_probe("0_av1.mp4", &["codec_tag_string=av01"]);
    check_probe("0_vp9.webm", &["codec_tag_string=vp09"]);
    check_probe("0_rotated_90.mp4", &["rotation=-90"]);
    check_probe("0_rotated_180.mp4", &["rotation=-180"]);
    check_probe("0_rotated_270.mp4", &["rotation=90"]);
    check_probe("0_pq.mp4", &["color_transfer=smpte2084", "color_primaries=bt2020", "color_space=bt2020nc"]);
    check_probe("0_hlg.mp4", &["color_transfer=arib-std-b67", "color_primaries=bt2020"]);
    check_probe("0_bars_709.mp4", &["color_space=bt709"]);
    check_probe("0_fullrange.mp4", &["color_range=pc"]);
}

#[test]
fn an_iframe_is_a_segment_of_one_picture() {
    let path = media("0_avc.mp4");
    let (index, file) = (index(&path), fs::read(&path).unwrap());
    let timeline = Timeline::new(track(&index, "v"), Window::default()).unwrap().unwrap();
    let keyframes: Vec<u32> = timeline.track().samples.keyframes(timeline.numbers()).collect();
    let iframes = (1..).zip(&keyframes).map(|(number, keyframe)| fmp4::iframe(&timeline, number, *keyframe));
    let iframes: Vec<_> = iframes.map(|layout| bytes(&layout, &file)).collect();
    let init = fmp4::init(&timeline).unwrap();
    let folder = Folder::new("fmp4-iframes");
    let found = frames(&put(&folder, &init, &iframes), "v");
    let all = frames(&path, "v");
    assert_eq!(found.len(), keyframes.len());
    for frame in &found {
        assert!(all.iter().any(|other| other.1 == frame.1 && (other.0 - frame.0).abs() < NEAR));
    }
    let moov = read_boxes("iframes", &init, &iframes);
    assert!(matches!(moov.trak[0].mdia.minf.stbl.stsd.codecs[0], Codec::Avc1(_)));
}

#[test]
fn dolby_vision_is_told_of() {
    for (name, tag, profile, compatibility) in [("0_dolby_8.mp4", "hvc1", 8, 1), ("0_dolby_5.mp4", "dvh1", 5, 0)] {
        check_pictures(name);
        let (init, segments) = packaged(&media(name), "v", Window::default());
        let folder = Folder::new(&format!("fmp4-dolby-{profile}"));
        let said = probe(&put(&folder, &init, &segments), "stream=codec_tag_string:stream_side_data");
        for line in [
            format!("codec_tag_string={tag}"),
            format!("dv_profile={profile}"),
            "dv_level=1".into(),
            format!("dv_bl_signal_compatibility_id={compatibility}"),
        ] {
            assert!(said.lines().any(|said| said == line), "{name}: {line} is not in\n{said}");
        }
    }
}

#[test]
fn flac_says_how_many_bits_its_samples_have() {
    let (init, _) = packaged(&media("0_flac.mp4"), "a", Window::default());
    let entry = init.windows(4).position(|bytes| bytes == b"fLaC").unwrap();
    assert_eq!(init[entry + 22..entry + 24], [0, 24]);
}

#[test]
fn what_does_not_fit_is_refused() {
    for (name, reason) in [("0_vp8.webm", "Vp8 is not carried"), ("0_ts.ts", "one run of bytes")] {
        let index = index(&media(name));
        let error = fmp4::check(track(&index, "v")).unwrap_err();
        assert!(error.to_string().contains(reason), "{name}: {error}");
    }
}
