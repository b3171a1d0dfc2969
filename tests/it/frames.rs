//! Frames out of stored media: exactly the one on display, whatever the codec, the container and the order of its samples.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use image::{Rgba, RgbaImage};
use vedette::decode::frames::Decoders;
use vedette::deliver::{frames, sources};
use vedette::entry::Source;
use vedette::error::{Kind, Result};
use vedette::media::picture::{Matrix, Range, Size, Transfer, Turn};
use vedette::media::time::Micros;
use vedette::media::{Index, Packing};
use vedette::origin::Origin;
use vedette::plan::Precision;
use vedette::thumbnail::{Picture, Pixels, Plane, Planes};

use crate::support::{Folder, media, moments, number};

/// A stored file with what it takes to get frames out of it.
struct Clip {
    path: PathBuf,
    origin: Origin,
    source: Source,
    index: Arc<Index>,
    decoders: Decoders,
}

impl Clip {
    async fn open(path: &Path) -> Result<Clip> {
        let metadata = std::fs::metadata(path).unwrap();
        let modified = metadata.modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
        let source = Source {
            location: path.file_name().unwrap().to_str().unwrap().into(),
            size: metadata.len(),
            modified: modified.as_secs(),
            version: Source::file_version(metadata.len(), modified.as_nanos()),
        };
        let origin = Origin::folder(path.parent().unwrap())?;
        let index = sources::index(&origin, &source).await?;
        Ok(Clip { path: path.to_owned(), origin, source, index, decoders: Decoders::default() })
    }

    async fn of(name: &str) -> Clip {
        Clip::open(&media(name)).await.unwrap_or_else(|error| panic!("{name}: {error:?}"))
    }

    /// The pictures that answer for `moments`, in their order, with when they are shown and how exact they are.
    async fn pictures(&self, moments: &[Micros], precision: Precision) -> Result<Vec<(Picture, Micros, Precision)>> {
        let timescale = self.index.video().unwrap().timescale;
        let mut pictures = vec![None; moments.len()];
        for group in frames::groups(&self.index, moments, precision) {
            let loaded = frames::read(&self.origin, &self.source, &self.index, group).await?;
            frames::decode(&self.decoders, &self.index, &loaded, &|| false, &mut |target, picture| {
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
        let moments = expected_moments(path);
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

/// When each frame is shown. A file in fragments is taken for a cut out of a stream, and starts with its first frame.
fn expected_moments(path: &Path) -> Vec<Micros> {
    let moments = moments(path);
    let is_cut = path.to_str().unwrap().contains("fragmented");
    let start = if is_cut { moments[0] } else { 0 };
    moments.into_iter().map(|moment| Micros(moment - start)).collect()
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
    for name in ["0_avi.avi", "0_mjpeg.avi", "0_flv.flv"] {
        check(name, 0);
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
    for name in ["0_vfr.mp4", "0_opengop_avc.mp4", "0_opengop_hevc.mp4", "0_edit_empty.mp4"] {
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
        for (frame, moment) in expected_moments(&path).into_iter().enumerate() {
            let picture = clip.picture(moment.0, Precision::Exact).await;
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
