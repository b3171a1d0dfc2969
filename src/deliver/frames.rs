//! From moments of a video to decoded frames: which samples are read, and in which groups they are decoded.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::sources::{Reading, reading};
use super::stop::Stop;
use crate::decode::demux::Passage;
use crate::decode::frames::{Coded, Run};
use crate::decode::place::Place;
use crate::entry::Source;
use crate::error::{Error, Result};
use crate::media::samples::{Reach, Sample};
use crate::media::time::{Micros, Ticks};
use crate::media::{Index, Packing, Track, codec};
use crate::origin::{Opened, Origin};
use crate::plan::Precision;
use crate::thumbnail::Picture;

/// A frame whose time is this little after the moment asked for counts as on display: half a millisecond, so that times
/// rounded to milliseconds still name their frame.
const TOLERANCE: Micros = Micros(500);

/// Most samples decoded for one frame: a minute at 25 frames a second. A frame further from its keyframe is answered by
/// the keyframe.
const REACH_SAMPLES_MAX: u32 = 1500;

/// Most bytes of the samples of one group.
const GROUP_BYTES_MAX: u64 = 256 << 20;

/// Holes up to this long between samples are read along: another read costs more.
const HOLE_BYTES_MAX: u64 = 64 << 10;

/// Longest single read.
const READ_BYTES_MAX: u64 = 4 << 20;

/// Frames that are decoded in one go, from one keyframe on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The sample to start at.
    pub from: u32,
    /// The frames wanted of it, in decoding order, each once.
    pub targets: Vec<Target>,
}

/// A frame wanted of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The sample that holds it.
    pub number: u32,
    /// When it is shown.
    pub time: Ticks,
    /// Places, in the list that was asked for, of the moments that it answers.
    pub moments: Vec<usize>,
    /// What it is: a keyframe also where an exact frame would have cost too much.
    pub precision: Precision,
}

/// A group with the bytes of its samples, ready to be decoded without any more reading.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is wanted. Differs from the group that was to be read where samples turned out not to be keyframes.
    pub targets: Vec<Target>,
    samples: Vec<Coded>,
}

impl Group {
    /// Its samples, but for those that it may turn out to start earlier with.
    pub fn samples(&self) -> Range<u32> {
        self.from..self.targets.last().map_or(self.from, |target| target.number).saturating_add(1)
    }

    /// Where they are in a file with this index, as far as that is known.
    fn places(&self, index: &Index) -> Vec<Range<u64>> {
        let Some(track) = index.video().filter(|track| track.packing == Packing::Plain) else { return Vec::new() };
        let samples: Vec<Sample> = track.samples.range(self.samples()).collect();
        runs(&samples).map(span).map(|(start, end)| start..end).collect()
    }
}

/// The groups that answer for `moments` of the video in `index`, in the order of the file; none where it shows nothing.
pub fn groups(index: &Index, moments: &[Micros], precision: Precision) -> Vec<Group> {
    let Some(track) = index.video() else { return Vec::new() };
    let mut groups: BTreeMap<u32, BTreeMap<u32, Target>> = BTreeMap::new();
    for (place, moment) in moments.iter().enumerate() {
        let at = Micros(moment.0.saturating_add(TOLERANCE.0)).ticks(track.timescale);
        let Some((reach, precision)) = reach(track, at, precision) else { continue };
        let Reach { from, target, time } = reach;
        let targets = groups.entry(from).or_default();
        let fresh = || Target { number: target, time, moments: Vec::new(), precision };
        targets.entry(target).or_insert_with(fresh).moments.push(place);
    }
    groups.into_iter().map(|(from, targets)| Group { from, targets: targets.into_values().collect() }).collect()
}

/// What to decode for the moment `at`, within the budget.
fn reach(track: &Track, at: Ticks, precision: Precision) -> Option<(Reach, Precision)> {
    let keyframe = || Some((track.samples.keyframe_at(at)?, Precision::Keyframe));
    if precision == Precision::Keyframe {
        return keyframe();
    }
    let reach = track.samples.frame_at(at)?;
    if reach.target.saturating_sub(reach.from) >= REACH_SAMPLES_MAX {
        return keyframe();
    }
    Some((reach, Precision::Exact))
}

/// Waits until the samples of `group` have come, the first few MiB of them, where they rest at another origin. It is given up
/// when nobody waits for it any more, as a thread that reads cannot be.
pub async fn bring(origin: &Origin, source: &Source, index: &Index, group: &Group) -> Result<()> {
    origin.open(source).await?.bring(&group.places(index)).await
}

/// Reads the samples of `group` of the video in `index`; where they are scattered, with the help of `place`.
pub async fn read(origin: &Origin, place: &Place, source: &Source, index: &Arc<Index>, group: Group) -> Result<Loaded> {
    let opened = origin.open(source).await?;
    let (index, place) = (Arc::clone(index), place.clone());
    reading(opened, move |opened, stop| {
        let track = index.video().ok_or_else(no_video)?;
        let loaded = Loading { opened, place: &place, track, stop }.load(group)?;
        opened.check_version()?;
        Ok(loaded)
    })
    .await
}

/// Decodes what was loaded and hands over each target's frame, in any order. Blocks; asks `stop` whether to give up.
pub fn decode(
    place: &Place,
    index: &Index,
    loaded: &Loaded,
    stop: &dyn Fn() -> bool,
    on_frame: &mut dyn FnMut(&Target, Picture) -> Result<()>,
) -> Result<()> {
    let track = index.video().ok_or_else(no_video)?;
    let wanted: Vec<Ticks> = loaded.targets.iter().map(|target| target.time).collect();
    let run = Run { track, samples: &loaded.samples, wanted: &wanted };
    place.frames(run, stop, &mut |time, picture| match loaded.targets.iter().find(|target| target.time == time) {
        Some(target) => on_frame(target, picture),
        None => Ok(()),
    })
}

fn no_video() -> Error {
    Error::unsupported("the file has no video")
}

/// Reading the samples of one track.
struct Loading<'a> {
    opened: &'a Opened,
    place: &'a Place,
    track: &'a Track,
    stop: &'a Stop,
}

impl Loading<'_> {
    fn load(&self, group: Group) -> Result<Loaded> {
        let mut samples = self.samples(group.samples())?;
        let Group { from, mut targets } = group;
        let mut start = from;
        if !self.track.samples.names_keyframes() {
            start = self.start_earlier(from, &mut samples, &mut targets)?;
        }
        set_apart(&mut samples, start, &targets);
        Ok(Loaded { targets, samples })
    }

    /// Puts before `samples`, which start at `from`, what it takes to start at a keyframe, in a track that does not say
    /// where its keyframes are; the sample they start at then. Targets that are to be keyframes become the one found.
    fn start_earlier(&self, from: u32, samples: &mut Vec<Coded>, targets: &mut [Target]) -> Result<u32> {
        let starts =
            |sample: &Coded| codec::starts_decoding(self.track.codec, &self.track.config, &sample.data) == Some(true);
        let first_shown = targets.iter().map(|target| target.time).min().unwrap_or_default();
        let fits = |sample: &Coded| sample.time <= first_shown && starts(sample);
        let (mut start, mut step) = (from, 8);
        while !samples.first().is_none_or(fits) && start > 0 && from - start < REACH_SAMPLES_MAX {
            let earlier = start.saturating_sub(step);
            let mut more = self.samples(earlier..start)?;
            let unused = more.iter().rposition(fits).unwrap_or(0);
            start = earlier + unused as u32;
            more.drain(..unused);
            more.append(samples);
            *samples = more;
            step = (step * 2).min(256);
        }
        if let Some(first) = samples.first().filter(|first| fits(first)) {
            for target in targets.iter_mut().filter(|target| target.precision == Precision::Keyframe) {
                (target.number, target.time) = (start, first.time);
            }
        }
        Ok(start)
    }

    fn samples(&self, numbers: Range<u32>) -> Result<Vec<Coded>> {
        let samples: Vec<Sample> = self.track.samples.range(numbers.clone()).collect();
        let total = samples.iter().map(|sample| u64::from(sample.size)).fold(0, u64::saturating_add);
        if total > GROUP_BYTES_MAX {
            return Err(Error::too_large(format!(
                "one frame takes {total} bytes of video, more than {GROUP_BYTES_MAX}"
            )));
        }
        match self.track.packing {
            Packing::Plain => self.plain(&samples),
            Packing::Demuxed if samples.is_empty() => Ok(Vec::new()),
            Packing::Demuxed => {
                let stop = || self.stop.is_set();
                let passage = Passage::new(self.track, numbers.start..=numbers.end.saturating_sub(1));
                self.place.demux(&mut Reading(self.opened), &passage, &stop)
            }
        }
    }

    fn plain(&self, samples: &[Sample]) -> Result<Vec<Coded>> {
        let mut coded = Vec::with_capacity(samples.len());
        self.opened.expect(|| runs(samples).map(span).map(|(start, end)| start..end).collect());
        for run in runs(samples) {
            self.stop.check()?;
            let (start, end) = span(run);
            if end > self.opened.size() {
                return Err(Error::unsupported("the file ends before its samples do"));
            }
            let bytes = self.opened.read(start..end)?;
            let whole = |sample: &Sample| Coded { time: sample.time, data: cut(&bytes, start, sample), alpha: None };
            coded.extend(run.iter().map(whole));
        }
        Ok(coded)
    }
}

/// The bytes that hold all of `run`.
fn span(run: &[Sample]) -> (u64, u64) {
    let start = run.iter().map(|sample| sample.offset).min().unwrap_or(0);
    let end = run.iter().map(end_of).max().unwrap_or(0);
    (start, end)
}

fn end_of(sample: &Sample) -> u64 {
    sample.offset.saturating_add(sample.size.into())
}

fn cut(bytes: &Bytes, start: u64, sample: &Sample) -> Bytes {
    let from = usize::try_from(sample.offset - start).unwrap_or(usize::MAX);
    bytes.slice(from.min(bytes.len())..from.saturating_add(sample.size as usize).min(bytes.len()))
}

/// Cuts samples into runs that are read at once: ascending, with small holes, and not too long together.
fn runs(samples: &[Sample]) -> impl Iterator<Item = &[Sample]> {
    let mut rest = samples;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let mut end = end_of(first);
        let joins = |sample: &&Sample| {
            let joins = sample.offset >= end
                && sample.offset - end <= HOLE_BYTES_MAX
                && end_of(sample) - first.offset <= READ_BYTES_MAX;
            end = if joins { end_of(sample) } else { end };
            joins
        };
        let length = 1 + rest[1..].iter().take_while(joins).count();
        let (run, after) = rest.split_at(length);
        rest = after;
        Some(run)
    })
}

/// Frames are told apart by their times: a sample that is not wanted, and that an edit list shows at the time of one that
/// is, takes a time of its own before everything. `samples` start at the number `start`.
fn set_apart(samples: &mut [Coded], start: u32, targets: &[Target]) {
    let wanted: HashMap<Ticks, u32> = targets.iter().map(|target| (target.time, target.number)).collect();
    for (number, sample) in (start..).zip(samples) {
        if wanted.get(&sample.time).is_some_and(|&wanted| wanted != number) {
            sample.time = Ticks(i64::MIN + i64::from(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::picture::{Color, Orientation, Size};
    use crate::media::samples::{Collector, Raw};
    use crate::media::time::Timescale;
    use crate::media::{Codec, Container, Media, VideoFormat};

    /// A video of 25 frames a second with a keyframe each `gop` frames.
    fn index(frames: u32, gop: u32) -> Index {
        let mut collector = Collector::new();
        for number in 0..frames {
            let time = Ticks(i64::from(number) * 40);
            let raw = Raw {
                offset: u64::from(number) * 1000,
                size: 900,
                decode_time: time,
                time,
                duration: 40,
                keyframe: number % gop == 0,
            };
            collector.push(raw).unwrap();
        }
        let format = VideoFormat {
            coded: Size { width: 64, height: 36 },
            sample_aspect: (1, 1),
            orientation: Orientation::default(),
            color: Color::default(),
            dolby_vision: None,
        };
        let track = Track {
            id: 1,
            timescale: Timescale::new(1000).unwrap(),
            language: None,
            codec: Codec::Avc,
            config: Bytes::new(),
            media: Media::Video(format),
            samples: collector.finish(),
            packing: Packing::Plain,
            captions: Default::default(),
        };
        Index { container: Container::Mp4, tracks: vec![track] }
    }

    /// A frame, and the places of the moments that it answers.
    type Shown<'a> = (u32, &'a [usize]);

    /// Expects groups by the sample that they start at.
    #[track_caller]
    fn check(index: &Index, moments: &[i64], precision: Precision, expected: &[(u32, &[Shown<'_>])]) {
        let moments: Vec<Micros> = moments.iter().copied().map(Micros).collect();
        let groups = groups(index, &moments, precision);
        let got: Vec<(u32, Vec<Shown<'_>>)> = groups
            .iter()
            .map(|group| (group.from, group.targets.iter().map(|t| (t.number, &t.moments[..])).collect()))
            .collect();
        let expected: Vec<(u32, Vec<Shown<'_>>)> =
            expected.iter().map(|(from, targets)| (*from, targets.to_vec())).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn moments_of_one_gop_are_one_group_and_equal_frames_are_one_target() {
        let index = index(100, 25);
        let moments = [3_000_000, 0, 10_000, 40_000, 1_000_000, 3_999_000, 99_000_000];
        check(
            &index,
            &moments,
            Precision::Exact,
            &[(0, &[(0, &[1, 2]), (1, &[3])]), (25, &[(25, &[4])]), (75, &[(75, &[0]), (99, &[5, 6])])],
        );
    }

    #[test]
    fn half_a_millisecond_early_is_on_time() {
        let index = index(100, 25);
        check(&index, &[39_500], Precision::Exact, &[(0, &[(1, &[0])])]);
        check(&index, &[39_499], Precision::Exact, &[(0, &[(0, &[0])])]);
        check(&index, &[-5], Precision::Exact, &[(0, &[(0, &[0])])]);
        check(&index, &[i64::MAX], Precision::Exact, &[(75, &[(99, &[0])])]);
    }

    #[test]
    fn keyframes_answer_for_what_follows_them() {
        check(
            &index(100, 25),
            &[1_900_000, 2_000_000],
            Precision::Keyframe,
            &[(25, &[(25, &[0])]), (50, &[(50, &[1])])],
        );
    }

    #[test]
    fn a_frame_too_far_from_its_keyframe_is_answered_by_the_keyframe() {
        let index = index(REACH_SAMPLES_MAX * 2, REACH_SAMPLES_MAX * 2);
        let far = i64::from(REACH_SAMPLES_MAX) * 40_000;
        let groups = groups(&index, &[Micros(far), Micros(far - 40_000)], Precision::Exact);
        let targets: Vec<_> = groups[0].targets.iter().map(|target| (target.number, target.precision)).collect();
        assert_eq!(targets, [(0, Precision::Keyframe), (REACH_SAMPLES_MAX - 1, Precision::Exact)]);
    }

    #[test]
    fn samples_near_each_other_are_read_at_once() {
        let sample = |offset: u64, size: u32| Sample {
            number: 0,
            offset,
            size,
            decode_time: Ticks(0),
            time: Ticks(0),
            duration: 1,
            keyframe: true,
        };
        let near = [sample(0, 10), sample(10, 10), sample(20 + HOLE_BYTES_MAX, 10)];
        let far = [
            sample(31 + HOLE_BYTES_MAX * 2, 10),
            sample(5, 10),
            sample(15, READ_BYTES_MAX as u32),
            sample(u64::MAX, 9),
        ];
        let all = [&near[..], &far].concat();
        let lengths: Vec<usize> = runs(&all).map(<[Sample]>::len).collect();
        assert_eq!(lengths, [3, 1, 1, 1, 1]);
    }

    #[test]
    fn times_that_an_edit_list_gives_twice_are_told_apart() {
        let coded = |time: i64| Coded { time: Ticks(time), data: Bytes::new(), alpha: None };
        let mut samples = [coded(0), coded(40), coded(40), coded(80)];
        let target = Target { number: 12, time: Ticks(40), moments: vec![0], precision: Precision::Exact };
        set_apart(&mut samples, 10, &[target]);
        let times: Vec<i64> = samples.iter().map(|sample| sample.time.0).collect();
        assert_eq!(times, [0, i64::MIN + 11, 40, 80]);
    }
}
