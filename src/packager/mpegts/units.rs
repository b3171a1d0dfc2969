//! What a segment is made of, in the order of its bytes: pictures, runs of sound, and the clock between them.

use std::ops::Range;

use super::carriage::{Carriage, Keyframe, SOUND_MAX};
use super::packets::{Header, Run, Start, count, rounded};
use super::{BASE, PIDS};
use crate::error::Result;
use crate::media::time::{Ticks, Timescale, rescale};
use crate::packager::timeline::{Timed, Timeline};

/// Ticks of a transport stream per second.
const RATE: u32 = 90_000;

/// How much earlier than a unit is decoded the clock stands where it starts: half a second to receive it in.
const AHEAD: i64 = 45_000;

/// Most ticks between two times of the clock; the standard allows 100 ms (ISO/IEC 13818-1 section 2.7.2).
const CLOCK_GAP_MAX: i64 = 8_100;

/// Most packets of the clock alone in a segment: enough for pictures that stand for minutes.
const CLOCKS_MAX: usize = 2_000;

/// Longest run of sound in one unit, as a part of a second.
const RUNS_PER_SECOND: u32 = 10;

/// A piece of a segment.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) kind: Kind,
    /// 0 for pictures, 1 for sound.
    pub(super) side: usize,
    /// Its samples, by their places among those carried.
    pub(super) samples: Range<usize>,
    pub(super) keyframe: Keyframe,
    pub(super) start: Start,
    pub(super) header: Header,
    /// Bytes behind the header; at least those where they are not known.
    pub(super) size: usize,
    /// When it is decoded, and when the next is.
    at: i64,
    until: i64,
    /// Where its packets are, once that is known.
    pub(super) spot: Spot,
}

/// Where the packets of a unit are in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Spot {
    /// The first among all.
    pub(super) packet: u32,
    /// How many there are.
    pub(super) packets: u32,
    /// How many of its stream come before.
    pub(super) before: u32,
}

/// What a unit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of several of its stream.
    Inner,
    /// The last of its stream.
    Last,
    /// Nothing but the clock.
    Clock(u64),
}

/// When a time of the timeline is, in ticks of 90 kHz on the clock of the stream.
fn on_clock(ticks: i64, timescale: Timescale) -> i64 {
    let rate = Timescale::new(RATE).unwrap_or(timescale);
    rescale(Ticks(ticks), timescale, rate).0.saturating_add(BASE as i64)
}

/// One unit for each picture.
pub(super) fn pictures(
    carriage: &Carriage,
    timeline: &Timeline<'_>,
    samples: impl Iterator<Item = Timed>,
) -> Result<Vec<Unit>> {
    let (timescale, delay) = (timeline.timescale(), i64::from(timeline.delay()));
    let unit = |(place, sample): (usize, Timed)| {
        let shown = on_clock(sample.shown, timescale);
        // Later than shown only where a table is in disorder.
        let at = on_clock(sample.decode.saturating_sub(delay), timescale).min(shown);
        let next = sample.decode.saturating_add(sample.duration.into()).saturating_sub(delay);
        let keyframe = if sample.keyframe { Keyframe::Yes } else { Keyframe::No };
        Ok(Unit {
            kind: Kind::Inner,
            side: 0,
            samples: place..place + 1,
            keyframe,
            start: Start::default(),
            header: Header { stream_id: carriage.stream_id, shown: shown as u64, decoded: at as u64 },
            size: carriage.size(sample.size, keyframe)?,
            at,
            until: on_clock(next, timescale),
            spot: Spot::default(),
        })
    };
    samples.enumerate().map(unit).collect()
}

/// Units of several samples of sound each.
pub(super) fn sound(
    carriage: &Carriage,
    timeline: &Timeline<'_>,
    samples: impl Iterator<Item = Timed>,
) -> Result<Vec<Unit>> {
    let timescale = timeline.timescale();
    let longest = i64::from(timescale.get() / RUNS_PER_SECOND);
    let (mut units, mut from): (Vec<Unit>, i64) = (Vec::new(), 0);
    for (place, sample) in samples.enumerate() {
        let size = carriage.size(sample.size, Keyframe::No)?;
        let shown = sample.shown.saturating_sub(timeline.lead().into());
        let end = shown.saturating_add(sample.duration.into());
        let until = on_clock(end, timescale);
        if let Some(unit) = units.last_mut()
            && end.saturating_sub(from) <= longest
            && unit.size + size <= SOUND_MAX
        {
            unit.samples.end = place + 1;
            unit.size += size;
            unit.until = until;
            continue;
        }
        from = shown;
        let at = on_clock(shown, timescale);
        units.push(Unit {
            kind: Kind::Inner,
            side: 1,
            samples: place..place + 1,
            keyframe: Keyframe::No,
            start: Start::default(),
            header: Header { stream_id: carriage.stream_id, shown: at as u64, decoded: at as u64 },
            size,
            at,
            until,
            spot: Spot::default(),
        });
    }
    Ok(units)
}

/// Pictures and sound by the time they are decoded, with the clock on the pictures, or on sound that is alone.
pub(super) fn interleaved(mut pictures: Vec<Unit>, mut sound: Vec<Unit>) -> Vec<Unit> {
    for units in [&mut pictures, &mut sound] {
        if let Some(last) = units.last_mut() {
            last.kind = Kind::Last;
        }
    }
    let clocked = if pictures.is_empty() { &mut sound } else { &mut pictures };
    for unit in clocked.iter_mut() {
        unit.start = Start { clock: Some(unit.at.wrapping_sub(AHEAD) as u64), random_access: unit.is_access() };
    }
    let end = clocked.last().map_or(0, |unit| unit.until);
    let mut row = Row { units: Vec::with_capacity(pictures.len() + sound.len()), clock: None, clocks: 0 };
    let (mut pictures, mut sound) = (pictures.into_iter().peekable(), sound.into_iter().peekable());
    loop {
        let next = match (pictures.peek(), sound.peek()) {
            (Some(picture), Some(heard)) if heard.at < picture.at => sound.next(),
            (Some(_), _) => pictures.next(),
            (None, _) => sound.next(),
        };
        let Some(unit) = next else { break };
        row.wind(unit.at.min(end));
        row.push(unit);
    }
    row.wind(end);
    row.units
}

impl Unit {
    /// Its packets, once they have their spot.
    pub(super) fn run(&self) -> Run {
        let Spot { packets, before, .. } = self.spot;
        let bytes = self.header.len() + self.size;
        Run { pid: PIDS[self.side], before: before.into(), start: self.start, bytes, packets: packets.into() }
    }

    /// Its packets where so many of its stream come before, and so many bytes behind its header.
    pub(super) fn laid(&self, before: u64, size: usize) -> Run {
        let bytes = self.header.len() + size;
        let packets = match self.kind {
            Kind::Clock(_) => 1,
            Kind::Inner => count(self.start, bytes),
            Kind::Last => rounded(before, count(self.start, bytes), bytes),
        };
        Run { pid: PIDS[self.side], before, start: self.start, bytes, packets }
    }

    fn is_access(&self) -> bool {
        self.side == 1 || self.keyframe == Keyframe::Yes
    }
}

/// Units in the order of their bytes, and where the clock stands.
struct Row {
    units: Vec<Unit>,
    /// The side it is on, and the time it told last.
    clock: Option<(usize, i64)>,
    /// How many units are nothing but the clock.
    clocks: usize,
}

impl Row {
    fn push(&mut self, unit: Unit) {
        if unit.start.clock.is_some() {
            self.clock = Some((unit.side, unit.at));
        }
        self.units.push(unit);
    }

    /// Tells the clock as often as the standard wants it up to a time.
    fn wind(&mut self, until: i64) {
        let Some((side, mut at)) = self.clock else { return };
        while until.saturating_sub(at) > CLOCK_GAP_MAX && self.clocks < CLOCKS_MAX {
            self.clocks += 1;
            at = at.saturating_add(CLOCK_GAP_MAX);
            self.units.push(Unit {
                kind: Kind::Clock(at.wrapping_sub(AHEAD) as u64),
                side,
                samples: 0..0,
                keyframe: Keyframe::No,
                start: Start::default(),
                header: Header { stream_id: 0, shown: 0, decoded: 0 },
                size: 0,
                at,
                until: at,
                spot: Spot::default(),
            });
        }
        self.clock = Some((side, at));
    }
}
