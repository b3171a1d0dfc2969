//! Segments of MPEG-TS, as ffmpeg reads them, against the files they are made from.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use vedette::media::mp4::{Reader, Step};
use vedette::media::samples::{Collector, Raw, Sample};
use vedette::media::time::{Micros, Timescale};
use vedette::media::{Index, Track};
use vedette::packager::mpegts::{self, BASE, Flow, Mux};
use vedette::packager::segments::{Pace, Segment, segments};
use vedette::packager::timeline::{Timeline, Window};

use crate::support::{Folder, media};

fn index(file: &[u8]) -> Index {
    let (mut reader, mut range) = Reader::new(file.len() as u64);
    loop {
        match reader.feed(&file[range.start as usize..range.end as usize]).unwrap() {
            Step::Read(next) => range = next,
            Step::Done(index) => return *index,
        }
    }
}

fn read(file: &[u8], ranges: &[Range<u64>]) -> Vec<Bytes> {
    ranges.iter().map(|range| Bytes::copy_from_slice(&file[range.start as usize..range.end as usize])).collect()
}

fn write(mux: &Mux, file: &[u8]) -> Vec<u8> {
    let bytes = mux.write(&read(file, &mux.pictures()), &read(file, &mux.sound())).unwrap();
    assert!(mux.len().is_none_or(|len| len == bytes.len() as u64), "{:?} is not {}", mux.len(), bytes.len());
    assert_eq!(bytes.len() % 188, 0);
    bytes
}

/// The bytes of a segment from one on, in pieces of at most so many bytes.
fn flow(mux: &Arc<Mux>, file: &[u8], at: u64, bytes_max: u64) -> Vec<u8> {
    let (mut flow, before) = Flow::new(Arc::clone(mux), at).unwrap();
    let mut out = Vec::new();
    while let Some(piece) = flow.next(bytes_max) {
        let [mut pictures, mut sound] = [&piece.pictures, &piece.sound].map(|ranges| read(file, ranges).concat());
        let length = out.len();
        flow.write(&piece, &mut pictures, &mut sound, &mut out).unwrap();
        assert!(out.len() - length == piece.len() && piece.len() as u64 <= bytes_max.max(188));
        // No more is read than is written, but for what tells how a sample goes on.
        assert!(pictures.len() + sound.len() <= piece.len() + 8);
    }
    out.split_off(before as usize)
}

fn sound(index: &Index) -> Option<&Track> {
    index.tracks.iter().find(|track| matches!(track.media, vedette::media::Media::Audio(_)))
}

/// All segments of about two seconds of a file's window, pictures and sound together.
fn all_segments(file: &[u8], index: &Index, window: Window) -> Vec<Vec<u8>> {
    let timeline = |track| Timeline::new(track, window).unwrap().unwrap();
    let (pictures, heard) = (index.video().map(timeline), sound(index).map(timeline));
    let pace = Pace { target: Micros(2_000_000), first: vec![Micros(1_000_000)] };
    let leading = pictures.as_ref().or(heard.as_ref()).unwrap();
    let list = segments(leading, &pace);
    let ticks = |ticks: u64| leading.micros(ticks as i64);
    let heard_in = |segment: &Segment| {
        let is_last = segment.number as usize == list.len();
        let to = (!is_last).then(|| ticks(segment.start + segment.duration));
        let heard = heard.as_ref()?;
        Some((heard, mpegts::sound_of(heard, ticks(segment.start), to)))
    };
    let segment = |segment: &Segment| {
        let shown = pictures.as_ref().map(|pictures| (pictures, segment.samples.clone()));
        write(&mpegts::segment(shown, heard_in(segment), segment.number).unwrap(), file)
    };
    list.iter().map(segment).collect()
}

/// What ffmpeg decodes of a stream of a file: when each frame is shown, in ticks of 90 kHz, and a digest of it. ffmpeg must
/// have nothing to say.
#[track_caller]
fn frames(options: &[&str], path: &Path, stream: &str) -> Vec<(i64, String)> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "warning", "-copyts"])
        .args(options)
        .arg("-i")
        .arg(path)
        .args(["-map", stream, "-fps_mode", "passthrough", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{}: {complaint}", path.display());
    let text = String::from_utf8(output.stdout).unwrap();
    let timebase = text.lines().find_map(|line| line.strip_prefix("#tb 0: 1/")).unwrap();
    let timebase = Timescale::new(timebase.parse().unwrap()).unwrap().get();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        (fields[2].parse::<i64>().unwrap() * 90_000 / i64::from(timebase), fields[5].to_owned())
    };
    rows.map(row).collect()
}

/// Packets of a stream as ffprobe reads them: when each is shown and decoded, and whether it is a keyframe.
fn packets(path: &Path, stream: &str) -> Vec<(i64, i64, bool)> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", stream, "-show_entries", "packet=pts,dts,flags", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        Some((fields[0].parse().ok()?, fields[1].parse().ok()?, fields[2].starts_with('K')))
    };
    text.lines().filter_map(row).collect()
}

/// The times of the clock in a stream, in ticks of 90 kHz, and the numbers of packets out of turn.
fn clocks(stream: &[u8]) -> (Vec<i64>, usize) {
    let (mut clocks, mut faults) = (Vec::new(), 0);
    let mut counters = std::collections::HashMap::new();
    for packet in stream.chunks(188) {
        assert_eq!(packet[0], 0x47);
        let pid = u16::from_be_bytes([packet[1] & 31, packet[2]]);
        let step = packet[3] >> 4 & 1;
        let last = counters.insert(pid, packet[3] & 15);
        faults += usize::from(last.is_some_and(|last| (last + step) % 16 != packet[3] & 15));
        if packet[3] & 0x20 != 0 && packet[4] > 0 && packet[5] & 0x10 != 0 {
            let field = packet[6..11].iter().fold(0i64, |field, byte| field << 8 | i64::from(*byte));
            clocks.push(field >> 7);
        }
    }
    (clocks, faults)
}

struct Packaged {
    folder: Folder,
    segments: Vec<Vec<u8>>,
}

impl Packaged {
    fn new(path: &Path) -> Packaged {
        Packaged::of(path, Window::default())
    }

    fn of(path: &Path, window: Window) -> Packaged {
        let name = path.file_name().unwrap().to_str().unwrap();
        let folder = Folder::new(&format!("mpegts-{name}-{}", window.from));
        let file = fs::read(path).unwrap();
        let packaged = Packaged { folder, segments: all_segments(&file, &index(&file), window) };
        fs::write(packaged.whole(), packaged.segments.concat()).unwrap();
        packaged
    }

    fn whole(&self) -> PathBuf {
        self.folder.path().join("whole.ts")
    }

    /// The pictures of the whole are those of the source, at their times.
    #[track_caller]
    fn check_pictures(&self, source: &Path) {
        let expected = frames(&[], source, "0:v:0");
        let found = frames(&[], &self.whole(), "0:v:0");
        assert_eq!(found.len(), expected.len());
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            // A first picture that would be shown late is shown from zero on.
            let time = if place == 0 { 0 } else { expected.0 };
            let late = found.0 - BASE as i64 - time;
            assert!(found.1 == expected.1 && (-1..=1).contains(&late), "{found:?} is not {expected:?}");
        }
        let packets = packets(&self.whole(), "v:0");
        assert_eq!(packets.len(), expected.len());
        assert!(packets.iter().all(|(shown, decoded, _)| decoded <= shown));
        assert!(packets.windows(2).all(|pair| pair[0].1 < pair[1].1), "decoding times go up");
    }

    /// The sound of the whole is that of the source, with all that only fills the decoder.
    #[track_caller]
    fn check_sound(&self, source: &Path) {
        let expected = frames(&["-ignore_editlist", "1"], source, "0:a:0");
        let found = frames(&[], &self.whole(), "0:a:0");
        let digests = |frames: &[(i64, String)]| frames.iter().map(|frame| frame.1.clone()).collect::<Vec<_>>();
        assert_eq!(digests(&found), digests(&expected));
        let times = frames(&[], source, "0:a:0");
        let (last, expected) = (found.last().unwrap().0 - BASE as i64, times.last().unwrap().0);
        assert!((last - expected).abs() <= 2, "{last} is not {expected}");
    }

    /// The clock is told often enough and never late, and packets are numbered in turn from segment to segment.
    #[track_caller]
    fn check_clock(&self) {
        let (clocks, faults) = clocks(&self.segments.concat());
        assert_eq!(faults, 0);
        assert!(clocks.windows(2).all(|pair| (1..=9_000).contains(&(pair[1] - pair[0]))), "{clocks:?}");
    }

    /// Each segment starts with a keyframe by itself.
    #[track_caller]
    fn check_each(&self) {
        for (place, segment) in self.segments.iter().enumerate() {
            let path = self.folder.path().join(format!("{place}.ts"));
            fs::write(&path, segment).unwrap();
            let packets = packets(&path, "v:0");
            assert!(packets.first().is_some_and(|packet| packet.2), "segment {place}");
            assert!(!frames(&["-flags", "output_corrupt"], &path, "0:v:0").is_empty());
        }
    }
}

#[track_caller]
fn check_pictures(name: &str, count: usize) {
    let source = media(name);
    let packaged = Packaged::new(&source);
    assert_eq!(packaged.segments.len(), count, "{name}");
    packaged.check_pictures(&source);
    packaged.check_clock();
    packaged.check_each();
}

#[test]
fn pictures_are_those_of_the_source() {
    check_pictures("0_avc.mp4", 2);
    check_pictures("0_hevc.mp4", 2);
    check_pictures("0_hevc10.mp4", 2);
    check_pictures("0_vfr.mp4", 2);
    check_pictures("0_signed_offsets.mp4", 2);
    check_pictures("0_fragmented.mp4", 2);
    check_pictures("0_one_frame.mp4", 1);
}

#[test]
fn pictures_of_open_gops_are_those_of_the_source() {
    for name in ["0_opengop_avc.mp4", "0_opengop_hevc.mp4"] {
        let packaged = Packaged::new(&media(name));
        packaged.check_pictures(&media(name));
        packaged.check_clock();
    }
}

#[test]
fn pictures_and_sound_go_together() {
    let packaged = Packaged::new(&media("0_hills.mp4"));
    assert_eq!(packaged.segments.len(), 5);
    packaged.check_pictures(&media("0_hills.mp4"));
    packaged.check_sound(&media("0_hills.mp4"));
    packaged.check_clock();
    packaged.check_each();
}

#[test]
fn sound_alone_has_the_clock() {
    let packaged = Packaged::new(&media("0_tone_aac.m4a"));
    packaged.check_sound(&media("0_tone_aac.m4a"));
    packaged.check_clock();
}

#[test]
fn other_sound_goes_in_too() {
    let folder = Folder::new("mpegts-sound");
    for codec in ["libmp3lame", "ac3", "eac3"] {
        let source = folder.path().join(format!("{codec}.mp4"));
        let made = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=330:sample_rate=48000", "-t", "5"])
            .args(["-c:a", codec, "-b:a", "96k"])
            .arg(&source)
            .status();
        assert!(made.unwrap().success());
        let packaged = Packaged::new(&source);
        packaged.check_sound(&source);
        packaged.check_clock();
    }
}

#[test]
fn slow_pictures_have_the_clock_between_them() {
    let folder = Folder::new("mpegts-slow");
    let source = folder.path().join("slow.mp4");
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=1", "-t", "8"])
        .args(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "2", "-bf", "0"])
        .arg(&source)
        .status();
    assert!(made.unwrap().success());
    let packaged = Packaged::new(&source);
    packaged.check_pictures(&source);
    packaged.check_clock();
    assert_eq!(packaged.segments.len(), 4);
}

#[test]
fn a_keyframe_alone_is_one_picture() {
    let file = fs::read(media("0_avc.mp4")).unwrap();
    let index = index(&file);
    let timeline = Timeline::new(index.video().unwrap(), Window::default()).unwrap().unwrap();
    let folder = Folder::new("mpegts-iframe");
    for (number, keyframe) in (1..).zip([0, 25, 50]) {
        let path = folder.path().join("one.ts");
        fs::write(&path, write(&mpegts::iframe(&timeline, keyframe, number).unwrap(), &file)).unwrap();
        let shown = timeline.sample(keyframe).unwrap().shown * 90_000 / i64::from(timeline.timescale().get());
        let packets = packets(&path, "v:0");
        assert_eq!((packets.len(), packets[0].0 - BASE as i64, packets[0].2), (1, shown, true));
        assert_eq!(frames(&[], &path, "0:v:0").len(), 1);
    }
}

/// A clip from the middle of a GOP: its pictures are at their times behind those that only lead to them.
#[test]
fn a_window_starts_where_it_should() {
    let window = Window { from: Micros(3_200_000), to: Some(Micros(7_000_000)) };
    let packaged = Packaged::of(&media("0_hills.mp4"), window);
    packaged.check_clock();
    packaged.check_each();
    let from = 3_200_000 * 9 / 100;
    let whole = frames(&[], &media("0_hills.mp4"), "0:v:0");
    let expected = whole.iter().filter(|frame| (from..630_000).contains(&frame.0));
    let expected: Vec<_> = expected.map(|frame| (frame.0 - from, frame.1.clone())).collect();
    let found = frames(&[], &packaged.whole(), "0:v:0");
    let found: Vec<_> = found.into_iter().map(|frame| (frame.0 - BASE as i64, frame.1)).collect();
    let leading = found.iter().position(|frame| frame.1 == expected[0].1).unwrap();
    // The first of the window follows those before it by a tick each. Pictures that others need may be shown behind it.
    let (inside, behind) = found[leading + 1..].split_at(expected.len() - 1);
    assert_eq!((leading, inside), (30, &expected[1..]));
    assert!(behind.len() < 4 && behind.iter().all(|frame| frame.0 >= 342_000));
    assert!(found[..leading].iter().all(|frame| frame.0 < 900), "{:?}", &found[..leading]);
    let packets = packets(&packaged.whole(), "v:0");
    assert!(packets.windows(2).all(|pair| pair[0].1 < pair[1].1) && packets.iter().all(|packet| packet.1 <= packet.0));
    let heard = frames(&[], &packaged.whole(), "0:a:0");
    let last = heard.last().unwrap().0 - BASE as i64;
    assert!((last - 3_800_000 * 9 / 100).abs() < 2_500, "{last}");
}

/// The file and its index with lengths of two bytes in front of its units.
fn with_short_lengths(file: &[u8], index: &Index) -> (Vec<u8>, Index) {
    let (mut short, mut samples) = (Vec::new(), Collector::new());
    let track = index.video().unwrap();
    for sample in track.samples.range(0..track.samples.len()) {
        let offset = short.len();
        let mut rest = &file[sample.offset as usize..sample.offset as usize + sample.size as usize];
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let (unit, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
            short.extend(u16::try_from(unit.len()).unwrap().to_be_bytes());
            short.extend_from_slice(unit);
            rest = behind;
        }
        let (size, offset) = ((short.len() - offset) as u32, offset as u64);
        let Sample { decode_time, time, duration, keyframe, .. } = sample;
        samples.push(Raw { offset, size, decode_time, time, duration, keyframe }).unwrap();
    }
    let mut config = track.config.to_vec();
    config[4] = 0xfd;
    let track = Track { config: config.into(), samples: samples.finish(), ..track.clone() };
    (short, Index { tracks: vec![track], ..index.clone() })
}

#[test]
fn short_lengths_give_the_same_bytes() {
    let file = fs::read(media("0_avc.mp4")).unwrap();
    let long = index(&file);
    let (short_file, short) = with_short_lengths(&file, &long);
    let segments = all_segments(&file, &long, Window::default());
    assert_eq!(all_segments(&short_file, &short, Window::default()), segments);
    let timeline = Timeline::new(short.video().unwrap(), Window::default()).unwrap().unwrap();
    assert_eq!(mpegts::iframe(&timeline, 0, 1).unwrap().len(), None);
}

/// Any part of a segment, read piece by piece, is that part of the whole.
#[test]
fn parts_are_those_of_the_whole() {
    let mut luck = 1u64;
    let mut below = |most: u64| {
        luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (luck >> 33) % most
    };
    for name in ["0_hills.mp4", "0_avc.mp4", "0_hevc.mp4"] {
        let file = fs::read(media(name)).unwrap();
        let index = index(&file);
        let timeline = |track| Timeline::new(track, Window::default()).unwrap().unwrap();
        let (pictures, heard) = (timeline(index.video().unwrap()), sound(&index).map(timeline));
        let heard = heard.as_ref().map(|heard| (heard, mpegts::sound_of(heard, Micros(0), Some(Micros(2_000_000)))));
        let mux = Arc::new(mpegts::segment(Some((&pictures, 0..60)), heard, 3).unwrap());
        let whole = write(&mux, &file);
        for bytes_max in [0, 188, 1000, 20_000, u64::MAX] {
            assert!(flow(&mux, &file, 0, bytes_max) == whole, "{name} by {bytes_max}");
        }
        for _ in 0..200 {
            let (at, bytes_max) = (below(whole.len() as u64), below(30_000));
            assert!(flow(&mux, &file, at, bytes_max) == whole[at as usize..], "{name} from {at} by {bytes_max}");
        }
    }
}

#[test]
fn what_was_not_read_is_missed() {
    let file = fs::read(media("0_avc.mp4")).unwrap();
    let index = index(&file);
    let timeline = Timeline::new(index.video().unwrap(), Window::default()).unwrap().unwrap();
    let mux = mpegts::segment(Some((&timeline, 0..25)), None, 1).unwrap();
    let mut bytes = read(&file, &mux.pictures());
    assert!(mux.write(&[], &[]).is_err());
    assert!(mux.write(&bytes, &[Bytes::new()]).is_err());
    bytes[0].truncate(10);
    assert!(mux.write(&bytes, &[]).is_err());
    let (mut flow, _) = Flow::new(Arc::new(mux), 0).unwrap();
    let piece = flow.next(10_000).unwrap();
    assert!(flow.write(&piece, &mut [0; 10], &mut [], &mut Vec::new()).is_err());
}

/// Windows that follow each other share out all sound, wherever they meet.
#[test]
fn sound_is_shared_out() {
    let file = fs::read(media("0_hills.mp4")).unwrap();
    let index = index(&file);
    let timeline = Timeline::new(sound(&index).unwrap(), Window::default()).unwrap().unwrap();
    for step in [23_219, 23_220, 100_000, 1_234_567, 20_000_000] {
        let mut next = timeline.numbers().start;
        for from in (0..12_000_000).step_by(step) {
            let to = Some(from + step as i64).filter(|to| *to < 12_000_000).map(Micros);
            let numbers = mpegts::sound_of(&timeline, Micros(from), to);
            assert!(numbers.start == next && numbers.end >= next, "{numbers:?} at {from}");
            next = numbers.end;
        }
        assert_eq!(next, timeline.numbers().end);
    }
}

#[test]
fn what_does_not_go_in_is_named() {
    for (name, expected) in
        [("0_av1.mp4", "pictures must be AVC or HEVC"), ("0_mpeg4.mp4", "pictures must be AVC or HEVC")]
    {
        let file = fs::read(media(name)).unwrap();
        let error = mpegts::check(index(&file).video().unwrap()).unwrap_err();
        assert!(error.message().contains(expected), "{error:?}");
    }
}
