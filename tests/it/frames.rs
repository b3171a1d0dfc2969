//! Frames out of stored media: exactly the one on display, whatever the codec, the container and the order of its samples.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use image::{Rgba, RgbaImage};
use vedette::decode::demux::{Passage, demux};
use vedette::decode::frames::{Coded, Decoders, Run};
use vedette::decode::place::Place;
use vedette::decode::scan::scan;
use vedette::deliver::{frames, sources};
use vedette::entry::Source;
use vedette::error::{Kind, Result};
use vedette::media::picture::{Matrix, Range, Size, Transfer, Turn};
use vedette::media::samples::Sample;
use vedette::media::time::{Micros, Ticks};
use vedette::media::{Index, Packing};
use vedette::origin::Origin;
use vedette::plan::Precision;
use vedette::thumbnail::{Picture, Pixels, Plane, Planes};

use crate::support::{Folder, cage, media, moments, number};

/// A stored file with what it takes to get frames out of it.
struct Clip {
    origin: Origin,
    source: Source,
    index: Arc<Index>,
    place: Place,
}

impl Clip {
    async fn open(path: &Path) -> Result<Clip> {
        Clip::open_in(cage(), path).await
    }

    async fn open_in(place: Place, path: &Path) -> Result<Clip> {
        let metadata = std::fs::metadata(path).unwrap();
        let modified = metadata.modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
        let source = Source {
            location: path.file_name().unwrap().to_str().unwrap().into(),
            size: metadata.len(),
            modified: modified.as_secs(),
            version: Source::file_version(metadata.len(), modified.as_nanos()),
        };
        let origin = Origin::folder(path.parent().unwrap())?;
        let index = sources::index(&origin, &place, &source).await?;
        Ok(Clip { origin, source, index, place })
    }

    async fn of(name: &str) -> Clip {
        Clip::open(&media(name)).await.unwrap_or_else(|error| panic!("{name}: {error:?}"))
    }

    /// The pictures that answer for `moments`, in their order, with when they are shown and how exact they are.
    async fn pictures(&self, moments: &[Micros], precision: Precision) -> Result<Vec<(Picture, Micros, Precision)>> {
        let timescale = self.index.video().unwrap().timescale;
        let mut pictures = vec![None; moments.len()];
        for group in frames::groups(&self.index, moments, precision) {
            let loaded = frames::read(&self.origin, &self.place, &self.source, &self.index, group).await?;
            frames::decode(&self.place, &self.index, &loaded, &|| false, &mut |target, picture| {
                for &place in &target.moments {
                    assert!(pictures[place].is_none(), "moment {place} is answered once");
                    pictures[place] = Some((picture.clone(), target.time.micros(timescale), target.precision));
                }
                Ok(())
            })?;
        }
        Ok(pictures.into_iter().map(Option::unwrap).collect())
    }

    async fn picture(&self, moment: i64, precision: Precision) -> Picture {
        let mut pictures = self.pictures(&[Micros(moment)], precision).await.unwrap();
        pictures.remove(0).0
    }

    /// The number of the frame at a moment.
    async fn number(&self, moment: i64, precision: Precision) -> Option<u32> {
        number(&luma(&self.picture(moment, precision).await))
    }
}

/// What a picture looks like in grey, upright as it is stored.
fn luma(picture: &Picture) -> RgbaImage {
    let planes = planes(picture);
    RgbaImage::from_fn(picture.size.width, picture.size.height, |x, y| {
        let level = (at(&planes.y, planes.depth, x, y) >> (planes.depth - 8)) as u8;
        Rgba([level, level, level, 255])
    })
}

fn planes(picture: &Picture) -> &Planes {
    match &picture.pixels {
        Pixels::Yuv(planes) => planes,
        Pixels::Packed(_) => panic!("frames are planes"),
    }
}

fn at(plane: &Plane, depth: u8, x: u32, y: u32) -> u16 {
    let row = &plane.data[y as usize * plane.stride..];
    match depth {
        8 => row[x as usize].into(),
        _ => u16::from_ne_bytes([row[x as usize * 2], row[x as usize * 2 + 1]]),
    }
}

/// All samples of the planes of a picture.
fn samples(picture: &Picture) -> Vec<u16> {
    let planes = planes(picture);
    let chroma = planes.chroma.iter().flat_map(|(u, v)| [u, v]);
    let all = [&planes.y].into_iter().chain(chroma).chain(&planes.alpha);
    let of = |plane: &Plane| {
        let Size { width, height } = plane.size;
        let places = (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
        places.map(|(x, y)| at(plane, planes.depth, x, y)).collect::<Vec<_>>()
    };
    all.flat_map(of).collect()
}

/// Asks for every frame of a clip at its time, one by one and all at once: they carry the numbers from `first` on.
#[track_caller]
fn check(name: &str, first: u32) {
    check_file(&media(name), first);
}

#[track_caller]
fn check_file(path: &Path, first: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (expected, alone, together) = runtime.block_on(async {
        let clip = Clip::open(path).await.unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        let moments: Vec<Micros> = moments(path).into_iter().map(Micros).collect();
        let mut alone = Vec::new();
        for moment in &moments {
            alone.push(clip.number(moment.0, Precision::Exact).await);
        }
        let together = clip.pictures(&moments, Precision::Exact).await.unwrap();
        let together: Vec<_> = together.iter().map(|(picture, ..)| number(&luma(picture))).collect();
        ((first..).map(Some).take(moments.len()).collect::<Vec<_>>(), alone, together)
    });
    assert!(!expected.is_empty());
    assert_eq!(alone, expected, "{} one by one", path.display());
    assert_eq!(together, expected, "{} at once", path.display());
}

/// Copies the video of a clip into other containers and checks every frame there.
#[track_caller]
fn check_copies(name: &str, containers: &[&str]) {
    let folder = Folder::new(&format!("frames-{name}"));
    for container in containers {
        let path = folder.path().join(format!("copy.{container}"));
        let copy = ["-c", "copy", "-an", "-map_metadata", "-1"];
        let made = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-i"])
            .arg(media(name))
            .args(copy)
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success(), "{name} into {container}");
        check_file(&path, 0);
    }
}

#[test]
fn every_frame_of_matroska_and_webm() {
    for name in ["0_mkv.mkv", "0_vp8.webm", "0_vp9.webm", "0_vp9_alpha.webm"] {
        check(name, 0);
    }
}

#[test]
fn every_frame_of_transport_streams() {
    for name in ["0_ts.ts", "0_mpeg2.ts", "0_interlaced.ts"] {
        check(name, 0);
    }
}

#[test]
fn every_frame_of_avi_and_flv() {
    for name in ["0_avi.avi", "0_mjpeg.avi", "0_flv.flv", "0_packed.avi"] {
        check(name, 0);
    }
}

/// Two pictures end the clip in one sample, without a placeholder after them. FFmpeg gives the second of them no more.
#[tokio::test]
async fn the_last_of_packed_pictures() {
    let clip = Clip::of("0_packed.avi").await;
    let samples = &clip.index.video().unwrap().samples;
    assert_eq!((samples.len(), samples.last_shown()), (74, Ticks(73)));
    // The encoder drops frame 73.
    for (at, frame) in [(70, 70), (71, 71), (72, 72), (73, 74), (1000, 74)] {
        assert_eq!(clip.number(at * 40_000, Precision::Exact).await, Some(frame));
    }
}

#[test]
fn every_frame_of_copies_of_avc() {
    check_copies("0_avc.mp4", &["mkv", "ts", "avi", "flv"]);
    check_copies("0_opengop_avc.mp4", &["mkv", "ts", "flv"]);
}

#[test]
fn every_frame_of_copies_of_hevc() {
    check_copies("0_hevc.mp4", &["mkv", "ts"]);
    check_copies("0_hevc10.mp4", &["mkv", "ts"]);
    check_copies("0_opengop_hevc.mp4", &["mkv", "ts"]);
}

#[test]
fn every_frame_of_copies_of_other_codecs() {
    check_copies("0_av1.mp4", &["mkv", "webm"]);
    check_copies("0_mpeg4.mp4", &["avi", "mkv", "asf"]);
    check_copies("0_vp8.webm", &["ogg", "avi"]);
    check_copies("0_prores.mov", &["mkv"]);
    check_copies("0_mpeg2.ts", &["mpg", "mkv"]);
}

/// Codes a clip anew and checks every frame.
#[track_caller]
fn check_coded(coder: &str, container: &str) {
    let folder = Folder::new(&format!("frames-{coder}"));
    let path = folder.path().join(format!("coded.{container}"));
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(media("0_avc.mp4"))
        .args(["-an", "-c:v", coder, "-q:v", "3", "-g", "25"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success(), "{coder}");
    check_file(&path, 0);
}

#[test]
fn every_frame_of_codecs_that_few_still_write() {
    for (coder, container) in [
        ("libtheora", "ogv"),
        ("libtheora", "mkv"),
        ("flv", "flv"),
        ("wmv1", "wmv"),
        ("wmv2", "wmv"),
        ("msmpeg4v2", "avi"),
        ("msmpeg4", "avi"),
    ] {
        check_coded(coder, container);
    }
}

/// The opacity in the middle of the picture and in a corner below the number.
async fn opacity(name: &str, moment: i64) -> (u16, u16) {
    let picture = Clip::of(name).await.picture(moment, Precision::Exact).await;
    let planes = planes(&picture);
    let alpha = planes.alpha.as_ref().expect("opacity");
    let Size { width, height } = picture.size;
    let level = |x, y| at(alpha, planes.depth, x, y) >> (planes.depth - 8);
    (level(width / 2, height / 2), level(2, height - 3))
}

#[tokio::test]
async fn opacity_is_kept() {
    assert!(matches!(opacity("0_vp9_alpha.webm", 1_400_000).await, (250.., ..6)));
}

#[test]
fn every_frame_of_every_codec_in_mp4() {
    let names = ["0_avc.mp4", "0_avc10.mp4", "0_422.mp4", "0_444.mp4", "0_fullrange.mp4", "0_hevc.mp4", "0_hevc10.mp4"];
    for name in names.into_iter().chain(["0_pq.mp4", "0_hlg.mp4", "0_av1.mp4", "0_mpeg4.mp4"]) {
        check(name, 0);
    }
    for name in ["0_prores.mov", "0_prores_alpha.mov", "0_mov.mov"] {
        check(name, 0);
    }
}

#[test]
fn every_frame_of_every_kind_of_mp4() {
    for name in ["0_moov_last.mp4", "0_fragmented.mp4", "0_fragmented_sidx.mp4", "0_one_frame.mp4"] {
        check(name, 0);
    }
    for name in ["0_vfr.mp4", "0_opengop_avc.mp4", "0_opengop_hevc.mp4", "0_edit_empty.mp4", "0_nostss.mp4"] {
        check(name, 0);
    }
    check("0_edit_trimmed.mp4", 15);
    check_copies("0_vp9.webm", &["mp4"]);
    check_copies("0_mpeg2.ts", &["mp4"]);
}

/// All frames of a clip as ffmpeg decodes them, every sample of every plane.
fn decoded(path: &Path, format: &str) -> Vec<Vec<u16>> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-threads", "1", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", format, "-"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let frames = moments(path).len();
    assert_eq!(output.stdout.len() % frames, 0);
    let sample = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes.get(1).copied().unwrap_or(0)]);
    let width = if format.ends_with("le") { 2 } else { 1 };
    let frames = output.stdout.chunks_exact(output.stdout.len() / frames);
    frames.map(|frame| frame.chunks_exact(width).map(sample).collect()).collect()
}

/// Each frame, asked for alone, so that all that nothing refers to is left out, is what decoding everything gives.
#[track_caller]
fn check_exact(name: &str, format: &str) {
    let path = media(name);
    let expected = decoded(&path, format);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let faults = runtime.block_on(async {
        let clip = Clip::open(&path).await.unwrap();
        let mut faults = Vec::new();
        for (frame, moment) in moments(&path).into_iter().enumerate() {
            let picture = clip.picture(moment, Precision::Exact).await;
            if samples(&picture) != expected[frame] {
                faults.push(frame);
            }
        }
        faults
    });
    assert!(faults.is_empty(), "{name}: frames {faults:?} differ");
}

#[test]
fn frames_are_the_same_bit_for_bit_as_when_all_are_decoded() {
    for name in ["0_avc.mp4", "0_opengop_avc.mp4", "0_hevc.mp4", "0_opengop_hevc.mp4", "0_av1.mp4", "0_mpeg4.mp4"] {
        check_exact(name, "yuv420p");
    }
    for name in ["0_vp8.webm", "0_vp9.webm", "0_mpeg2.ts", "0_interlaced.ts"] {
        check_exact(name, "yuv420p");
    }
    check_exact("0_hevc10.mp4", "yuv420p10le");
    check_exact("0_422.mp4", "yuv422p");
    check_exact("0_prores_alpha.mov", "yuva444p12le");
    check_exact("0_mjpeg.avi", "yuvj420p");
}

/// Scans a damaged file and decodes what comes of it. Whatever happens, it is an error or a picture.
fn survive(bytes: Vec<u8>) {
    let mut file = bytes.as_slice();
    let Ok(index) = scan(&mut file, &|| false) else { return };
    let Some(track) = index.video() else { return };
    let decoders = Decoders::default();
    for precision in [Precision::Exact, Precision::Keyframe] {
        for group in frames::groups(&index, &[Micros(0), Micros(1_500_000), Micros(i64::MAX)], precision) {
            let last = group.targets.last().unwrap().number;
            let coded = match track.packing {
                Packing::Demuxed => {
                    demux(&mut file, &Passage::new(track, group.from..=last), &|| false).unwrap_or_default()
                }
                Packing::Plain => {
                    let cut = |sample: Sample| Coded {
                        time: sample.time,
                        data: Bytes::copy_from_slice(&bytes[sample.offset as usize..][..sample.size as usize]),
                        alpha: None,
                    };
                    track.samples.range(group.from..last + 1).map(cut).collect()
                }
            };
            let wanted: Vec<Ticks> = group.targets.iter().map(|target| target.time).collect();
            let _ = decoders.decode(Run { track, samples: &coded, wanted: &wanted }, &|| false, &mut |_, picture| {
                assert!(!samples(&picture).is_empty());
                Ok(())
            });
        }
    }
}

#[test]
fn damaged_containers_harm_nobody() {
    let names = [
        "0_mkv.mkv",
        "0_ts.ts",
        "0_flv.flv",
        "0_avi.avi",
        "0_mpeg2.ts",
        "0_vp8.webm",
        "0_vp9_alpha.webm",
        "0_mjpeg.avi",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    // Knuth's linear congruential generator: the same damage each time.
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for name in names {
        let whole = std::fs::read(media(name)).unwrap();
        for _ in 0..4 {
            survive(whole[..random() % whole.len()].to_vec());
        }
        for round in 0..12 {
            let mut bytes = whole.clone();
            // Headers are a small part of a file: half of the rounds damage them alone.
            let reach = if round % 2 == 0 { 1500 } else { bytes.len() };
            for _ in 0..1 + round {
                let at = random() % reach;
                bytes[at] ^= 1 << (random() % 8);
            }
            survive(bytes);
        }
    }
}

#[test]
fn what_is_no_container_is_refused() {
    for bytes in [
        &b""[..],
        b"This is a text.\n",
        &[0; 5000],
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile a.mp4\n",
    ] {
        let error = scan(&mut &bytes[..], &|| false).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported, "{error:?}");
    }
}

#[test]
fn a_scan_is_given_up_when_nobody_waits() {
    let bytes = std::fs::read(media("0_mkv.mkv")).unwrap();
    let error = scan(&mut &bytes[..], &|| true).unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut);
}

#[tokio::test]
async fn sound_alone_has_no_picture() {
    let folder = Folder::new("frames-sound");
    for container in ["mp3", "ogg", "wav", "flac", "m4a", "mka"] {
        let path = folder.path().join(format!("tone.{container}"));
        let tone = ["-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=duration=5"];
        assert!(Command::new("ffmpeg").args(tone).arg(&path).status().unwrap().success());
        let clip = Clip::open(&path).await.unwrap();
        let facts = sources::facts(&clip.origin, &clip.place, &clip.source).await.unwrap();
        assert!(facts.picture.is_none() && facts.has_audio, "{container}");
        assert!((4_900_000..5_200_000).contains(&facts.duration.0), "{container}: {:?}", facts.duration);
    }
}

#[tokio::test]
async fn shapes_and_colours_are_those_of_the_stream() {
    let shown = async |name: &str| Clip::of(name).await.index.video().unwrap().video().unwrap().shown();
    assert_eq!(shown("0_anamorphic.mp4").await, Size { width: 1024, height: 576 });
    assert_eq!(shown("0_rotated_90.mp4").await, Size { width: 360, height: 640 });
    let color = async |name: &str| Clip::of(name).await.picture(0, Precision::Exact).await.color;
    assert_eq!(color("0_avc.mp4").await.matrix, Matrix::Bt709);
    assert_eq!(color("0_bars_601.mp4").await.matrix, Matrix::Bt601);
    assert_eq!(color("0_fullrange.mp4").await.range, Range::Full);
    assert_eq!(color("0_pq.mp4").await.transfer, Transfer::Pq);
    assert_eq!(color("0_hlg.mp4").await.transfer, Transfer::Hlg);
    let turned = Clip::of("0_rotated_90.mp4").await.picture(0, Precision::Exact).await;
    assert_eq!(turned.orientation.turn, Turn::Quarter);
}

/// The sample aspect of a stream is known where the container leaves it out.
#[tokio::test]
async fn sample_aspect_comes_from_the_stream_where_the_container_has_none() {
    let folder = Folder::new("frames-aspect");
    let mut bytes = std::fs::read(media("0_anamorphic.mp4")).unwrap();
    let at = bytes.windows(4).position(|word| word == b"pasp").expect("a box of sample aspect");
    bytes[at..at + 4].copy_from_slice(b"free");
    let path = folder.path().join("clip.mp4");
    std::fs::write(&path, bytes).unwrap();
    let clip = Clip::open(&path).await.unwrap();
    let shown = clip.index.video().unwrap().video().unwrap().shown();
    assert_eq!(shown, Size { width: 1024, height: 576 });
    assert_eq!(clip.picture(0, Precision::Exact).await.shown(), shown);
}

#[tokio::test]
async fn keyframes_answer_in_the_fast_mode() {
    for (name, moment, expected) in [
        ("0_avc.mp4", 1_900_000, 25),
        ("0_long.mp4", 29_990_000, 500),
        ("0_mkv.mkv", 999_000, 0),
        ("0_ts.ts", 2_990_000, 50),
    ] {
        let clip = Clip::of(name).await;
        assert_eq!(clip.number(moment, Precision::Keyframe).await, Some(expected), "{name}");
    }
}

#[tokio::test]
async fn past_the_end_is_the_last_frame() {
    for name in ["0_avc.mp4", "0_vfr.mp4", "0_vp9.webm", "0_mpeg2.ts", "0_mpeg4.mp4", "0_av1.mp4"] {
        assert_eq!(Clip::of(name).await.number(i64::MAX, Precision::Exact).await, Some(74), "{name}");
    }
}

#[tokio::test]
async fn a_file_cut_short_is_refused() {
    for name in ["0_broken_no_moov.mp4", "0_broken_text.mp4"] {
        let refusal = Clip::open(&media(name)).await.err();
        assert_eq!(refusal.map(|error| error.kind()), Some(Kind::Unsupported), "{name}");
    }
}

#[test]
fn a_run_that_nobody_waits_for_stops_before_the_next_sample() {
    let running = crate::http::Running::usual();
    let passed = || {
        let page = running.admin("/metrics").text();
        let count = page.lines().find_map(|line| line.strip_prefix("vedette_decode_samples_total "));
        count.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clip = runtime.block_on(Clip::of("0_avi.avi"));
    let moments: Vec<Micros> = moments(&media("0_avi.avi")).into_iter().take(20).map(Micros).collect();
    let group = frames::groups(&clip.index, &moments, Precision::Exact).remove(0);
    assert_eq!(group.targets.len(), 20, "each of its samples is a frame that is wanted");
    let loaded = runtime.block_on(frames::read(&clip.origin, &clip.place, &clip.source, &clip.index, group)).unwrap();
    for stopped_after in [1, 5, 10] {
        let (before, seen) = (passed(), std::cell::Cell::new(0));
        // A frame is taken before its process goes on, which has at most one more sample in its hands when it hears of the end.
        let stop = || seen.get() == stopped_after;
        let outcome = frames::decode(&clip.place, &clip.index, &loaded, &stop, &mut |_, _| {
            seen.set(seen.get() + 1);
            Ok(())
        });
        assert_eq!((outcome.is_ok(), seen.get()), (false, stopped_after));
        let passed = passed() - before;
        assert!(
            (stopped_after..=stopped_after + 1).contains(&passed),
            "{passed} samples, stopped after {stopped_after}"
        );
    }
}
