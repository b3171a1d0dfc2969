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
        let near = timeline.samples(keyframe..keyframe.saturating_add(LEADING_MAX));
        let mut near = near.map(|sample| sample.shown).peekable();
        let at = timeline.micros(near.peek().copied().unwrap_or_default());
        if !marks.is_met(at) {
            continue;
        }
        // Leading pictures of an open GOP come before their keyframe.
        let start = near.min().unwrap_or_default().max(0) as u64;
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
    let mut marks = Marks::new(pace);
    while let Some((number, start)) = timeline.heard_from(marks.next) {
        if start >= timeline.duration() {
            break;
        }
        if starts.last().is_some_and(|(last, _)| number > *last) {
            starts.push((number, start));
        }
        marks.pass(marks.next.max(timeline.micros(start as i64)));
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
