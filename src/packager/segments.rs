//! Where a track is cut: a function of its samples and the pace alone, so that every node cuts alike.

use std::ops::Range;

use super::timeline::Timeline;
use crate::media::Media;
use crate::media::time::Micros;

/// How long segments are meant to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    /// What each is meant to last; above zero.
    pub target: Micros,
    /// What the first ones are meant to last, for a quick start; each above zero.
    pub first: Vec<Micros>,
}

/// A piece of a track that a player fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its number, from 1.
    pub number: u32,
    /// Its samples, by their places in decoding order. Pictures start with a keyframe.
    pub samples: Range<u32>,
    /// When its first sample is shown, in ticks from the start of the presentation.
    pub start: u64,
    /// How long it lasts, in ticks: until the next starts, or the presentation ends.
    pub duration: u64,
}

/// How much earlier than its time a cut may lie, so that flavors whose timescales round differently are cut alike.
const EARLY: Micros = Micros(20_000);

/// Most stretches of captions: two days of one second each.
const STRETCHES_MAX: usize = 200_000;

/// How many samples from a keyframe on may be shown before it: more than any codec reorders.
const LEADING_MAX: u32 = 64;

/// The segments of a track: they tile it, and pictures are cut at keyframes. Each is cut at the first place at or after
/// its time, counted from the start of the presentation, so that what comes late once is not late for good.
pub fn segments(timeline: &Timeline<'_>, pace: &Pace) -> Vec<Segment> {
    let starts = starts(timeline, pace);
    let ends = starts.iter().skip(1).copied().chain([(timeline.numbers().end, timeline.duration())]);
    let pairs = (1u32..).zip(starts.iter().copied().zip(ends));
    let segments = pairs.map(|(number, ((first, start), (end, until)))| Segment {
        number,
        samples: first..end,
        start,
        duration: until.saturating_sub(start),
    });
    segments.collect()
}

/// The stretches of a presentation of a length at a pace, where nothing but the pace says where to cut: those of captions.
pub fn stretches(length: Micros, pace: &Pace) -> Vec<Range<Micros>> {
    let (mut marks, mut from, mut stretches) = (Marks::new(pace), Micros(0), Vec::new());
    while from < length && stretches.len() < STRETCHES_MAX {
        let to = marks.next.min(length);
        stretches.push(from..to);
        marks.pass(marks.next);
        from = to;
    }
    stretches
}

/// The first sample of each segment, and when the segment starts.
fn starts(timeline: &Timeline<'_>, pace: &Pace) -> Vec<(u32, u64)> {
    match timeline.track().media {
        Media::Video(_) => starts_of_pictures(timeline, pace),
        Media::Audio(_) | Media::Other => starts_of_sound(timeline, pace),
    }
}

fn starts_of_pictures(timeline: &Timeline<'_>, pace: &Pace) -> Vec<(u32, u64)> {
    let numbers = timeline.numbers();
    let mut starts = vec![(numbers.start, 0)];
    let mut marks = Marks::new(pace);
    for keyframe in timeline.track().samples.keyframes(numbers.start + 1..numbers.end) {
        let at = timeline.micros(timeline.shown(keyframe).unwrap_or_default());
        if !marks.is_met(at) {
            continue;
        }
        // Leading pictures of an open GOP come before their keyframe.
        let near = timeline.samples(keyframe..keyframe.saturating_add(LEADING_MAX));
        let start = near.map(|sample| sample.shown).min().unwrap_or_default().max(0) as u64;
        // Pictures of one tick at the front may leave nothing to cut.
        if starts.last().is_some_and(|(_, last)| start > *last) && start < timeline.duration() {
            starts.push((keyframe, start));
            marks.pass(at);
        }
    }
    starts
}

fn starts_of_sound(timeline: &Timeline<'_>, pace: &Pace) -> Vec<(u32, u64)> {
    let mut starts = vec![(timeline.numbers().start, 0)];
    let (mut marks, mut since) = (Marks::new(pace), timeline.numbers().start);
    while let Some((number, start)) = timeline.heard_from(since, marks.next) {
        if start >= timeline.duration() {
            break;
        }
        if starts.last().is_some_and(|(last, before)| number > *last && start > *before) {
            starts.push((number, start));
        }
        marks.pass(marks.next.max(timeline.micros(start as i64)));
        since = number + 1;
    }
    starts
}

/// The times that segments are meant to start at.
struct Marks<'a> {
    first: &'a [Micros],
    target: i64,
    next: Micros,
}

impl<'a> Marks<'a> {
    fn new(pace: &'a Pace) -> Marks<'a> {
        let mut marks = Marks { first: &pace.first, target: pace.target.0.max(1), next: Micros(0) };
        marks.pass(Micros(0));
        marks
    }

    /// Whether a cut at `at` is late enough.
    fn is_met(&self, at: Micros) -> bool {
        at.0.saturating_add(EARLY.0) >= self.next.0
    }

    /// Goes on to the first mark that a cut at `at` does not meet.
    fn pass(&mut self, at: Micros) {
        while let Some((step, rest)) = self.first.split_first()
            && self.is_met(at)
        {
            self.first = rest;
            self.next = Micros(self.next.0.saturating_add(step.0.max(1)));
        }
        if self.is_met(at) {
            let passed = (at.0.saturating_add(EARLY.0) - self.next.0) / self.target + 1;
            self.next = Micros(self.next.0.saturating_add(passed.saturating_mul(self.target)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::Track;
    use crate::packager::timeline::Window;
    use crate::packager::timeline::tests::{gops, pictures, rates, sound, table};

    fn paces() -> impl Strategy<Value = Pace> {
        let micros = || (1i64..12_000_000).prop_map(Micros);
        (micros(), prop::collection::vec(micros(), 0..4)).prop_map(|(target, first)| Pace { target, first })
    }

    fn windows() -> impl Strategy<Value = Window> {
        let to = prop::option::of(1i64..20_000_000);
        (0i64..10_000_000, to).prop_map(|(from, to)| Window { from: Micros(from), to: to.map(|to| Micros(from + to)) })
    }

    /// The segments tile samples and time; what starts each is a keyframe.
    fn check_tiles(track: &Track, window: Window, pace: &Pace) -> Result<(), TestCaseError> {
        let Some(timeline) = Timeline::new(track, window).unwrap() else { return Ok(()) };
        let segments = segments(&timeline, pace);
        let (mut number, mut at, mut time) = (1, timeline.numbers().start, 0);
        for segment in &segments {
            prop_assert_eq!((segment.number, segment.samples.start, segment.start), (number, at, time));
            prop_assert!(segment.samples.start < segment.samples.end && segment.duration > 0, "{:?}", segment);
            prop_assert!(timeline.sample(at).unwrap().keyframe);
            (number, at, time) = (number + 1, segment.samples.end, time + segment.duration);
        }
        prop_assert_eq!((at, time), (timeline.numbers().end, timeline.duration()));
        Ok(())
    }

    proptest! {
        #[test]
        fn segments_tile_pictures(rows in gops(), (timescale, step) in rates(), window in windows(), pace in paces()) {
            check_tiles(&pictures(timescale, table(step, &rows)), window, &pace)?;
        }

        #[test]
        fn segments_tile_sound(count in 1i64..600, rate in 8_000u32..96_000, window in windows(), pace in paces()) {
            let rows: Vec<_> = (0..count).map(|at| (at, true)).collect();
            check_tiles(&sound(rate, table(1024, &rows)), window, &pace)?;
        }
    }

    #[track_caller]
    fn check(rows: &[(i64, bool)], pace: (i64, &[i64]), expected: &[(u64, u64)]) {
        let track = pictures(1000, table(40, rows));
        let timeline = Timeline::new(&track, Window::default()).unwrap().unwrap();
        let pace = Pace { target: Micros(pace.0), first: pace.1.iter().copied().map(Micros).collect() };
        let found: Vec<_> = segments(&timeline, &pace).iter().map(|found| (found.start, found.duration)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn cuts_are_at_the_first_keyframe_at_or_after_their_time() {
        // Ticks are tenths of a millisecond; keyframes at 0, 400, 800, .. ms.
        let rows: Vec<_> = (0..60).map(|at| (at, at % 10 == 0)).collect();
        check(&rows, (1_000_000, &[]), &[(0, 12_000), (12_000, 8_000), (20_000, 4_000)]);
        check(
            &rows,
            (400_000, &[]),
            &[(0, 4000), (4000, 4000), (8000, 4000), (12_000, 4000), (16_000, 4000), (20_000, 4000)],
        );
        check(&rows, (60_000_000, &[300_000]), &[(0, 4000), (4000, 20_000)]);
        check(&[(0, true)], (1, &[]), &[(0, 400)]);
    }

    #[test]
    fn a_cut_lies_before_the_leading_pictures_of_an_open_gop() {
        let rows = [(0, true), (2, false), (1, false), (5, true), (3, false), (4, false), (6, false)];
        check(&rows, (200_000, &[]), &[(0, 1200), (1200, 1600)]);
    }
}
