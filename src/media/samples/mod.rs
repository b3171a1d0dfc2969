//! The sample table of one track, compact: where each sample lies, when it is decoded and shown, where decoding can start.

mod collector;
mod column;
mod edits;
mod order;
mod places;
mod timing;

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use self::collector::{Collector, Raw};
pub(super) use self::column::Column;
pub(super) use self::edits::Edit;
use self::edits::Windows;
use self::order::{BLOCK, Order};
pub(super) use self::places::Places;
use self::timing::Timing;
use super::time::Ticks;

/// Most samples of a track: 38 hours of 60 frames a second, 48 hours of AAC. A table of so many takes tens of megabytes.
pub const SAMPLES_MAX: u32 = 1 << 23;

/// Most keyframes to step back over for a leading picture. One does for every codec, as leading pictures refer to the GOP
/// before their own and no further (ISO/IEC 23008-2 section 3.75); the others are for tables in disorder.
const LEADING_STEPS_MAX: u32 = 16;

/// One coded frame, or one run of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Its place in decoding order, from zero.
    pub number: u32,
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u32,
    /// When it is decoded.
    pub decode_time: Ticks,
    /// When it is shown: composition time with the edit list applied, so that the presentation starts at zero.
    pub time: Ticks,
    /// How long it lasts in decoding time.
    pub duration: u32,
    /// Whether decoding can start here.
    pub keyframe: bool,
}

/// What to decode for one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reach {
    /// The sample to start at, a keyframe.
    pub from: u32,
    /// The sample that holds the frame; not before `from`.
    pub target: u32,
    /// When the target is shown.
    pub time: Ticks,
}

/// The samples of a track in decoding order.
#[derive(Clone, PartialEq, Default)]
pub struct Samples {
    places: Places,
    sizes: Column,
    timing: Timing,
    keyframes: Keyframes,
    windows: Windows,
    /// Over the composition times of all samples.
    order: Order,
    /// Over those of the keyframes that are listed, by their place in the list.
    keyframe_order: Order,
    end: i64,
    last_shown: i64,
}

/// Where decoding can start.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) enum Keyframes {
    /// Everywhere, or the container does not say.
    #[default]
    All,
    /// At these samples, in ascending order.
    Listed(Vec<u32>),
}

/// What a table is made of.
#[derive(Debug)]
pub(super) struct Tables {
    /// Where the bytes of each sample lie.
    pub(super) places: Places,
    /// How many bytes each has.
    pub(super) sizes: Column,
    /// The decoding time of the first.
    pub(super) first: i64,
    /// From each decoding time to the next.
    pub(super) deltas: Column,
    /// From decoding time to composition time.
    pub(super) shifts: Column,
    /// Where decoding can start.
    pub(super) keyframes: Keyframes,
    /// A bit for each sample that is never shown; may end early.
    pub(super) unshown: Vec<u64>,
    /// What is shown, by the start in the presentation; empty for everything.
    pub(super) edits: Vec<Edit>,
}

impl Samples {
    pub(super) fn of(tables: Tables) -> Samples {
        let Tables { places, sizes, first, deltas, shifts, keyframes, unshown, edits } = tables;
        let timing = Timing::of(places.len(), first, deltas, shifts, unshown);
        let order = Order::of(timing.bounds());
        let keyframe_order = Order::of(keyframes.blocks().map(|block| {
            let times = block.iter().filter(|number| timing.shows(**number)).map(|number| timing.composition(*number));
            times.fold((i64::MAX, i64::MIN), |(low, high), time| (low.min(time), high.max(time)))
        }));
        let mut samples = Samples { places, sizes, timing, keyframes, order, keyframe_order, ..Samples::default() };
        let Some(last) = samples.order.last() else {
            return samples;
        };
        let duration = samples.timing.deltas.get(samples.len() - 1).clamp(0, u32::MAX.into());
        let end = last.saturating_add(duration);
        samples.windows = Windows::of(&edits, last, end, |at| samples.on_display(at).map_or(at, |(_, time)| time));
        samples.end = samples.windows.end(end);
        let last = samples.on_display(samples.windows.last(last)).map_or(last, |(_, time)| time);
        samples.last_shown = samples.windows.time(last);
        samples
    }

    /// How many there are.
    pub fn len(&self) -> u32 {
        self.places.len()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes the table occupies in memory, roughly.
    pub fn weight(&self) -> usize {
        let keyframes = match &self.keyframes {
            Keyframes::All => 0,
            Keyframes::Listed(numbers) => numbers.capacity() * size_of::<u32>(),
        };
        let columns = self.places.weight() + self.sizes.weight() + self.timing.weight();
        columns + keyframes + self.windows.weight() + self.order.weight() + self.keyframe_order.weight()
    }

    /// When the last frame's time on display ends.
    pub fn end(&self) -> Ticks {
        Ticks(self.end)
    }

    /// When the last frame is shown.
    pub fn last_shown(&self) -> Ticks {
        Ticks(self.last_shown)
    }

    /// The sample at a place in decoding order.
    pub fn get(&self, number: u32) -> Option<Sample> {
        self.range(number..number.checked_add(1)?).next()
    }

    /// When the sample at a place in decoding order is shown.
    pub fn time(&self, number: u32) -> Option<Ticks> {
        (number < self.len()).then(|| Ticks(self.windows.time(self.timing.composition(number))))
    }

    /// The samples of a range of places, in decoding order; what lies outside the table is left out.
    pub fn range(&self, numbers: Range<u32>) -> impl Iterator<Item = Sample> + '_ {
        let numbers = numbers.start..numbers.end.min(self.len());
        let mut decode_time = self.timing.decode_time(numbers.start);
        let mut next = self.places.offset(numbers.start, &self.sizes).unwrap_or_default();
        numbers.map(move |number| {
            let size = self.sizes.get(number) as u32;
            let delta = self.timing.deltas.get(number);
            let composition = decode_time.wrapping_add(self.timing.shifts.get(number));
            let sample = Sample {
                number,
                offset: self.places.start(number).unwrap_or(next),
                size,
                decode_time: Ticks(decode_time),
                time: Ticks(self.windows.time(composition)),
                duration: delta.clamp(0, u32::MAX.into()) as u32,
                keyframe: self.keyframes.contains(number),
            };
            next = sample.offset.saturating_add(size.into());
            decode_time = decode_time.wrapping_add(delta);
            sample
        })
    }

    /// What to decode for the frame on display at `at`: the sample with the greatest time not after it, the first one shown
    /// where all are later. `None` where nothing is shown. Leading samples of an open GOP reach back to the keyframe before.
    /// Samples that are not part of the presentation are never the target.
    ///
    /// Where [`Samples::names_keyframes`] is false, `from` may turn out not to start decoding: see [`Samples::reach_back`].
    pub fn frame_at(&self, at: Ticks) -> Option<Reach> {
        let (target, composition) = self.on_display(self.windows.media(at.0))?;
        Some(self.reach(target, composition))
    }

    /// What to decode for the keyframe shown at or before `at`; `from` equals `target`. The first keyframe where it is shown
    /// later, and the frame on display where that one is not shown at all, as in a clip cut inside its first GOP.
    pub fn keyframe_at(&self, at: Ticks) -> Option<Reach> {
        let listed = match &self.keyframes {
            Keyframes::All => return self.frame_at(at),
            Keyframes::Listed(listed) => listed,
        };
        let media = self.windows.media(at.0);
        let found = match self.windows.is_empty() {
            true => self.keyframe_upto(listed, media),
            false => self.windows.upto(at.0).find_map(|window| {
                let found = self.keyframe_upto(listed, media.min(window.to - 1));
                found.filter(|(_, time)| *time >= window.from)
            }),
        };
        let first = || {
            let first = *listed.first()?;
            let composition = self.timing.composition(first);
            let shown = self.timing.shows(first) && self.windows.show(composition);
            shown.then_some((first, composition))
        };
        match found.or_else(first) {
            Some((target, time)) => Some(Reach { from: target, target, time: Ticks(self.windows.time(time)) }),
            None => self.frame_at(at),
        }
    }

    /// The keyframes among a range of places, in ascending order; all samples where the container does not tell them.
    pub fn keyframes(&self, numbers: Range<u32>) -> impl Iterator<Item = u32> + '_ {
        let upto = numbers.end.min(self.len());
        let (listed, all) = match &self.keyframes {
            Keyframes::All => (&[][..], numbers.start..upto),
            Keyframes::Listed(listed) => {
                let from = listed.partition_point(|keyframe| *keyframe < numbers.start);
                let end = listed.partition_point(|keyframe| *keyframe < upto).max(from);
                (&listed[from..end], 0..0)
            }
        };
        listed.iter().copied().chain(all)
    }

    /// How many bytes the samples of a range of places have together.
    pub fn bytes(&self, numbers: Range<u32>) -> u64 {
        self.sizes.sum(numbers.start, numbers.end).max(0) as u64
    }

    /// How much longer a sample waits from being decoded to being shown than the one of the track that waits least, in
    /// ticks: how much earlier all must be decoded for each to be so in time, where this one is shown as it is decoded.
    pub fn slack(&self, number: u32) -> u64 {
        let lowest = self.timing.shifts.lowest().unwrap_or_default();
        self.timing.shifts.get(number).saturating_sub(lowest).max(0) as u64
    }

    /// Whether what is shown is one stretch of the track.
    pub fn is_one_stretch(&self) -> bool {
        self.windows.len() <= 1
    }

    /// Whether the container tells keyframes from other samples. Where it does not, all pass for keyframes.
    pub fn names_keyframes(&self) -> bool {
        matches!(self.keyframes, Keyframes::Listed(_))
    }

    /// The keyframe before the sample `number` in decoding order, or the first sample; `None` for that one.
    ///
    /// This is how to go on where the sample that a [`Reach`] starts at does not start decoding after all: back to the
    /// nearest one that does ([`super::codec::starts_decoding`]) and is not shown after the target.
    pub fn reach_back(&self, number: u32) -> Option<u32> {
        self.keyframes.upto(number.checked_sub(1)?)
    }

    fn reach(&self, target: u32, composition: i64) -> Reach {
        let mut from = self.keyframes.upto(target).unwrap_or_default();
        for _ in 0..LEADING_STEPS_MAX {
            if from == target || self.timing.composition(from) <= composition {
                break;
            }
            from = self.reach_back(from).unwrap_or_default();
        }
        Reach { from, target, time: Ticks(self.windows.time(composition)) }
    }

    /// The sample on display at a composition time, and when it is composed.
    fn on_display(&self, media: i64) -> Option<(u32, i64)> {
        self.order.latest(self.order.not_before_first(media), |block| self.timing.block(block))
    }

    fn keyframe_upto(&self, listed: &[u32], media: i64) -> Option<(u32, i64)> {
        self.keyframe_order.latest(media, |block| {
            let numbers = listed.iter().skip((block * BLOCK) as usize).take(BLOCK as usize);
            let shown = numbers.filter(|number| self.timing.shows(**number));
            shown.map(|number| (*number, self.timing.composition(*number)))
        })
    }
}

/// Its size alone: a table has hundreds of thousands of rows.
impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Samples({} in {} bytes)", self.len(), self.weight())
    }
}

impl Keyframes {
    fn contains(&self, number: u32) -> bool {
        match self {
            Keyframes::All => true,
            Keyframes::Listed(numbers) => numbers.binary_search(&number).is_ok(),
        }
    }

    /// The last keyframe at or before a sample; the first sample where there is none.
    fn upto(&self, number: u32) -> Option<u32> {
        match self {
            Keyframes::All => Some(number),
            Keyframes::Listed(numbers) => {
                let count = numbers.partition_point(|keyframe| *keyframe <= number);
                Some(count.checked_sub(1).map_or(0, |last| numbers[last]))
            }
        }
    }

    fn blocks(&self) -> impl Iterator<Item = &[u32]> {
        let numbers = match self {
            Keyframes::All => &[],
            Keyframes::Listed(numbers) => &numbers[..],
        };
        numbers.chunks(BLOCK as usize)
    }
}

#[cfg(test)]
mod tests;
