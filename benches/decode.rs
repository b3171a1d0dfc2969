//! What one frame costs to decode: exact, exact without leaving anything out, and the nearest keyframe; here, and in the cage.
//! In CPU time of the thread and of the processes that work for it, so that other work on the machine does not count.
//!
//! Takes the clips of `bench/prepare.sh` where they are (or in the folder that `VEDETTE_BENCH_DATA` names), else makes one.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use criterion::{Criterion, criterion_group, criterion_main};
use vedette::decode::limits::Limits;
use vedette::decode::place::{Config, Isolation, Place};
use vedette::deliver::frames::{self, Loaded};
use vedette::deliver::sources;
use vedette::entry::Source;
use vedette::error::Result;
use vedette::media::Index;
use vedette::media::time::Micros;
use vedette::origin::Origin;
use vedette::plan::Precision;

/// Moments of each clip, spread so that they fall on all places of a GOP.
const MOMENTS: usize = 40;

/// What one round decodes, loaded beforehand.
struct Round {
    index: Arc<Index>,
    loaded: Vec<Loaded>,
}

/// What is asked of a clip, and how much of it is decoded on the way.
#[derive(Clone, Copy)]
enum Way {
    /// The exact frame, with every sample on the way decoded.
    All,
    /// The exact frame.
    Exact,
    /// The nearest keyframe.
    Keyframe,
}

/// The clips there are, with the name of each in the report.
fn clips() -> Vec<(&'static str, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = std::env::var_os("VEDETTE_BENCH_DATA").map_or_else(|| root.join("bench/data"), PathBuf::from);
    let known = [("1080p, 2 s GOP", "2s.mp4"), ("1080p, 10 s GOP", "10s.mp4"), ("4K HEVC", "4k.mp4")];
    let there = known.into_iter().map(|(name, file)| (name, data.join(file))).filter(|(_, path)| path.exists());
    let clips: Vec<_> = there.collect();
    if clips.is_empty() {
        vec![("1080p, 2 s GOP, made up", made_up(&root.join("target/bench-1080p.mp4")))]
    } else {
        clips
    }
}

fn made_up(path: &Path) -> PathBuf {
    if !path.exists() {
        let made = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i"])
            .arg("testsrc2=s=1920x1080:r=30:d=10,noise=alls=7:allf=t,format=yuv420p")
            .args(["-c:v", "libx264", "-profile:v", "high", "-bf", "3", "-b:v", "4600k", "-g", "60"])
            .args(["-keyint_min", "60", "-sc_threshold", "0"])
            .arg(path)
            .status();
        assert!(made.is_ok_and(|status| status.success()), "ffmpeg makes a clip");
    }
    path.to_owned()
}

fn source(path: &Path) -> Option<Source> {
    let metadata = std::fs::metadata(path).ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Source {
        location: path.file_name()?.to_str()?.into(),
        size: metadata.len(),
        modified: modified.as_secs(),
        version: Source::file_version(metadata.len(), modified.as_nanos()),
    })
}

/// Loads what the moments of a clip take.
async fn load(place: &Place, path: &Path, way: Way) -> Result<Round> {
    let (Some(folder), Some(source)) = (path.parent(), source(path)) else { panic!("{} is no file", path.display()) };
    let origin = Origin::folder(folder)?;
    let index = sources::index(&origin, place, &source).await?;
    let Some(video) = index.video() else { panic!("{} has no video", path.display()) };
    let end = video.samples.last_shown().micros(video.timescale).0;
    let precision = if matches!(way, Way::Keyframe) { Precision::Keyframe } else { Precision::Exact };
    let mut loaded = Vec::new();
    for part in 0..MOMENTS as i64 {
        let moment = end * (2 * part + 1) / (2 * MOMENTS as i64);
        let mut group = frames::groups(&index, &[Micros(moment)], precision).remove(0);
        if matches!(way, Way::All) {
            // What is wanted is not left out.
            let last = group.targets[0].clone();
            let on_the_way = video.samples.range(group.from..last.number + 1);
            let target = |sample: vedette::media::samples::Sample| frames::Target {
                number: sample.number,
                time: sample.time,
                ..last.clone()
            };
            group.targets = on_the_way.map(target).collect();
        }
        loaded.push(frames::read(&origin, place, &source, &index, group).await?);
    }
    Ok(Round { index, loaded })
}

/// CPU time that this thread and the processes that this one started have taken.
fn cpu_time() -> Duration {
    let taken = |path: String| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
    };
    let others = started_by(std::process::id()).into_iter().map(|id| taken(format!("/proc/{id}/schedstat")));
    others.sum::<Duration>() + taken("/proc/thread-self/schedstat".to_owned())
}

/// The processes that the process `id` started, and those that they did.
fn started_by(id: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let children = children.collect::<String>();
    let children = children.split_whitespace().filter_map(|id| id.parse().ok());
    children.flat_map(|child| std::iter::once(child).chain(started_by(child))).collect()
}

/// Both places, with the name of each in the report.
fn places() -> [(&'static str, Place); 2] {
    let mut caged = Config { isolation: Isolation::Process, ..Config::default() };
    caged.cage.program = env!("CARGO_BIN_EXE_vedette").into();
    [("", Place::here(Limits::default())), (", caged", Place::new(&caged, Limits::default(), 0))]
}

fn decode(criterion: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { panic!("no runtime") };
    for (name, path) in clips() {
        let ways = [("all", Way::All), ("exact", Way::Exact), ("keyframe", Way::Keyframe)];
        let sides = ways.into_iter().flat_map(|way| places().map(|place| (way, place)));
        for ((way_name, way), (place_name, place)) in sides {
            let round = runtime.block_on(load(&place, &path, way)).unwrap_or_else(|error| panic!("{error:?}"));
            let mut next = 0;
            criterion.bench_function(&format!("decode/{name}/{way_name}{place_name}"), |bench| {
                bench.iter_custom(|count| {
                    let start = cpu_time();
                    for _ in 0..count {
                        next = (next + 1) % round.loaded.len();
                        let keep = &mut |_: &_, picture| {
                            black_box(picture);
                            Ok(())
                        };
                        let decoded = frames::decode(&place, &round.index, &round.loaded[next], &|| false, keep);
                        decoded.unwrap_or_else(|error| panic!("{error:?}"));
                    }
                    cpu_time() - start
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(20));
    targets = decode
}
criterion_main!(benches);
