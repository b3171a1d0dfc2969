//! Frames out of stored media: exactly the one on display, whatever the codec, the container and the order of its samples.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use image::{Rgba, RgbaImage};
use vedette::decode::frames::{Coded, Decoders};
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
