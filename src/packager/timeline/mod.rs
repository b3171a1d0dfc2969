//! A track within a window: which samples are carried, and when each is decoded and shown on a clock that starts at zero.
//!
//! Nothing but times of the window is ever shown, by every player, whether it honours edit lists or not:
//! - Pictures that are needed to decode the first one shown, but lie before the window, are shown for one tick each. The
//!   pictures of the window then keep their own times, so a window starts exactly where it should, with the sound beside it.
//! - A first picture that would be shown late is shown from zero on.
//! - Sound that only fills the decoder lies before [`Timeline::lead`], which the init segment's edit list cuts off.

#[cfg(test)]
pub(super) mod tests;

use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::media::samples::Sample;
use crate::media::time::{Micros, Ticks, Timescale};
use crate::media::{Codec, Media, Track};

/// The stretch of an entry that is presented, on the entry's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Window {
    /// Where it starts; not negative.
    pub from: Micros,
    /// Where it ends; `None` for the end of the entry.
    pub to: Option<Micros>,
}

/// A sample with its times within a window, in ticks of [`Timeline::timescale`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Its place in the decoding order of the track.
    pub number: u32,
    /// Where its bytes begin in the source.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u32,
    /// When it is decoded; the first sample at zero for pictures.
    pub decode: i64,
    /// When it is shown. Sound before [`Timeline::lead`] is not heard.
    pub shown: i64,
    /// From its decoding time to that of the next.
    pub duration: u32,
    /// Whether decoding can start here.
    pub keyframe: bool,
}

/// The samples of a track within a window.
#[derive(Clone, Debug)]
pub struct Timeline<'a> {
    track: &'a Track,
    shape: Arc<Shape>,
}

/// What a timeline knows of its track, which may be remembered without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    numbers: Range<u32>,
    /// The presentation time of the track that is zero here.
    origin: i64,
    /// The decoding time of the track that is zero here.
    decode_origin: i64,
    lead: u32,
    delay: u32,
    /// Ticks here for a tick of the track.
    scale: u32,
    /// Decoding and showing times of the first samples, where they are not what the tables say.
    head: Vec<(i64, i64)>,
    end: i64,
}

/// Most samples between a keyframe and the first picture of a window: more than an hour of pictures.
const HEAD_MAX: usize = 1 << 17;

/// Longest that pictures wait to be shown; more is damage.
const DELAY_SECONDS_MAX: u64 = 5;

/// The coarsest timescale whose ticks nobody sees.
const FINE: u32 = 10_000;

/// How many samples behind the last one shown may still be shown before the end of a window: more than any codec reorders.
const REORDER_MAX: u32 = 64;

impl Window {
    /// The same for all that show the same of a presentation that ends at `end`.
    pub fn within(self, end: Micros) -> Window {
        Window { to: self.to.filter(|to| *to < end), ..self }
    }
}

impl<'a> Timeline<'a> {
    /// The samples of `track` within `window`; `None` where it shows nothing there. Fails where the track cannot be shown in
    /// one stretch.
    pub fn new(track: &'a Track, window: Window) -> Result<Option<Timeline<'a>>> {
        if track.samples.is_empty() {
            return Ok(None);
        }
        if !track.samples.is_one_stretch() {
            return Err(Error::unsupported(format!("the edit list of track {} shows several stretches", track.id)));
        }
        let from = window.from.ticks(track.timescale).0.max(0);
        let end = track.samples.end().0;
        let to = window.to.map_or(end, |to| to.ticks(track.timescale).0.min(end));
        if to <= from {
            return Ok(None);
        }
        match track.media {
            Media::Video(_) => Timeline::of_pictures(track, from, to),
            Media::Audio(_) => Ok(Timeline::of_sound(track, from, to)),
            Media::Other => Ok(None),
        }
    }

    fn of_pictures(track: &'a Track, from: i64, to: i64) -> Result<Option<Timeline<'a>>> {
        let samples = &track.samples;
        let (Some(first), Some(last)) = (samples.frame_at(Ticks(from)), samples.frame_at(Ticks(to - 1))) else {
            return Ok(None);
        };
        let behind = samples.range(last.target + 1..last.target.saturating_add(REORDER_MAX));
        let reordered = behind.filter(|sample| sample.time.0 < to).map(|sample| sample.number);
        let numbers = first.from..reordered.last().unwrap_or(last.target) + 1;
        let Some(start) = samples.get(first.from).filter(|_| !numbers.is_empty()) else { return Ok(None) };
        let before = from.saturating_sub(start.time.0).max(0);
        let mut shape = Shape {
            numbers,
            origin: from,
            decode_origin: start.decode_time.0.saturating_add(before),
            lead: 0,
            delay: 0,
            scale: FINE.div_ceil(track.timescale.get()),
            head: Vec::new(),
            end: to - from,
        };
        shape.head = shape.squeezed(track)?;
        shape.delay = shape.waited(track);
        Ok(Some(Timeline::of(track, Arc::new(shape))))
    }

    /// The samples of `track` in a shape that was found of it.
    pub fn of(track: &'a Track, shape: Arc<Shape>) -> Timeline<'a> {
        Timeline { track, shape }
    }

    /// What it knows of its track.
    pub fn shape(&self) -> &Arc<Shape> {
        &self.shape
    }

    fn of_sound(track: &'a Track, from: i64, to: i64) -> Option<Timeline<'a>> {
        let samples = &track.samples;
        let heard = samples.frame_at(Ticks(from))?.target;
        let last = samples.frame_at(Ticks(to - 1))?.target;
        let first = heard.saturating_sub(warm_up(track.codec));
        let start = samples.get(first)?.time.0;
        let lead = u32::try_from(from.saturating_sub(start).max(0)).ok()?;
        let origin = from - i64::from(lead);
        let decode_origin = samples.get(first)?.decode_time.0.saturating_sub(start.saturating_sub(origin));
        let (numbers, end) = (first..last + 1, to.saturating_sub(origin));
        let shape = Shape { numbers, origin, decode_origin, lead, delay: 0, scale: 1, head: Vec::new(), end };
        (!shape.numbers.is_empty()).then(|| Timeline::of(track, Arc::new(shape)))
    }

    /// The track.
    pub fn track(&self) -> &'a Track {
        self.track
    }

    /// The unit of its times: that of the track, or a multiple where that is coarse.
    pub fn timescale(&self) -> Timescale {
        self.shape.timescale(self.track)
    }

    /// A time of its own in microseconds.
    pub fn micros(&self, ticks: i64) -> Micros {
        Ticks(ticks).micros(self.timescale())
    }

    /// The samples that are carried, by their places in the decoding order of the track.
    pub fn numbers(&self) -> Range<u32> {
        self.shape.numbers.clone()
    }

    /// The time at which the presentation starts: zero but for sound whose first samples only fill the decoder.
    pub fn lead(&self) -> u32 {
        self.shape.lead
    }

    /// How much earlier than it says samples are to be decoded, so that none is shown before. Zero for sound.
    pub fn delay(&self) -> u32 {
        self.shape.delay
    }

    /// The length of the presentation in ticks, from [`Timeline::lead`] on.
    pub fn duration(&self) -> u64 {
        self.shape.end.saturating_sub(self.shape.lead.into()).saturating_mul(self.shape.scale.into()).max(0) as u64
    }

    /// The first sample of sound from a place in decoding order on that is heard at or after a time of the presentation, and
    /// when, in ticks from its start; `None` where none is. The table is taken for one in order, so that a hostile one is not
    /// searched as a whole for each segment.
    pub fn heard_from(&self, since: u32, at: Micros) -> Option<(u32, u64)> {
        let presented = self.shape.origin.saturating_add(self.shape.lead.into());
        let at = at.ticks(self.track.timescale).0.saturating_add(presented);
        let (samples, end) = (&self.track.samples, self.shape.numbers.end);
        let is_before = |number: u32| samples.time(number).is_some_and(|time| time.0 < at);
        let (mut low, mut high, mut step) = (since, since, 1_u32);
        while high < end && is_before(high) {
            low = high + 1;
            high = high.saturating_add(step).min(end);
            step = step.saturating_mul(2);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            (low, high) = if is_before(middle) { (middle + 1, high) } else { (low, middle) };
        }
        let time = samples.time(low).filter(|_| low < end)?;
        Some((low, time.0.saturating_sub(presented).max(0) as u64))
    }

    /// The samples of a range of places in decoding order; those that are not carried are left out.
    pub fn samples(&self, numbers: Range<u32>) -> impl Iterator<Item = Timed> + '_ {
        let first = self.shape.numbers.start;
        let numbers = numbers.start.max(first)..numbers.end.min(self.shape.numbers.end);
        self.track.samples.range(numbers).map(move |sample| {
            let place = (sample.number - first) as usize;
            let (decode, shown) = self.shape.head.get(place).copied().unwrap_or_else(|| self.shape.stated(&sample));
            // A sample of the head lasts until the next, whose decoding time the tables may not say.
            let next = self.shape.head.get(place + 1).map_or_else(|| self.shape.stated_end(&sample), |(next, _)| *next);
            let duration = next.saturating_sub(decode).clamp(0, u32::MAX.into()) as u32;
            let Sample { number, offset, size, keyframe, .. } = sample;
            Timed { number, offset, size, decode, shown, duration, keyframe }
        })
    }

    /// When the sample at a place in decoding order is shown, if it is carried.
    pub fn shown(&self, number: u32) -> Option<i64> {
        let Shape { numbers, head, .. } = &*self.shape;
        let place = number.checked_sub(numbers.start).filter(|_| number < numbers.end)?;
        let time = || self.track.samples.time(number).map(|time| self.shape.shown(time.0));
        head.get(place as usize).map(|(_, shown)| *shown).or_else(time)
    }

    /// The sample at a place in decoding order, if it is carried.
    pub fn sample(&self, number: u32) -> Option<Timed> {
        self.samples(number..number.checked_add(1)?).next()
    }
}

impl Shape {
    /// Bytes it occupies in memory, roughly.
    pub fn weight(&self) -> usize {
        size_of::<Shape>() + size_of_val(&self.head[..])
    }

    /// What the first picture waits longer to be shown than the one that waits least.
    fn waited(&self, track: &Track) -> u32 {
        let slack = track.samples.slack(self.numbers.start).saturating_mul(self.scale.into());
        let head = self.head.iter().map(|(decode, shown)| decode.saturating_sub(*shown)).max().unwrap_or_default();
        let most = u64::from(self.timescale(track).get()).saturating_mul(DELAY_SECONDS_MAX);
        u32::try_from(slack.max(head.max(0) as u64).min(most)).unwrap_or(u32::MAX)
    }

    /// The times of the first samples: a picture is decoded and shown a tick after the one before it at least, and the first
    /// one from zero on.
    fn squeezed(&self, track: &Track) -> Result<Vec<(i64, i64)>> {
        let mut head: Vec<(i64, i64, i64)> = Vec::new();
        let mut untouched = 0;
        for (place, sample) in (0i64..).zip(track.samples.range(self.numbers.clone())) {
            let (decode, shown) = self.stated(&sample);
            // Behind so many that are decoded and shown late enough, in whatever order, all are.
            let is_late = decode >= place && shown >= place + i64::from(REORDER_MAX);
            untouched = if is_late { untouched + 1 } else { 0 };
            if untouched > REORDER_MAX {
                break;
            }
            if head.len() >= HEAD_MAX {
                return Err(Error::too_large(format!(
                    "more than {HEAD_MAX} samples lie before the first picture shown"
                )));
            }
            head.push((place, decode.max(place), shown));
        }
        head.sort_by_key(|(_, _, shown)| *shown);
        for (rank, (_, _, shown)) in (0i64..).zip(&mut head) {
            *shown = if rank == 0 { 0 } else { (*shown).max(rank) };
        }
        head.sort_by_key(|(place, _, _)| *place);
        Ok(head.into_iter().map(|(_, decode, shown)| (decode, shown)).collect())
    }

    /// When a sample is decoded and shown as the tables have it.
    fn stated(&self, sample: &Sample) -> (i64, i64) {
        let decode = sample.decode_time.0.saturating_sub(self.decode_origin);
        (decode.saturating_mul(self.scale.into()), self.shown(sample.time.0))
    }

    /// A time of the track as it is here.
    fn shown(&self, time: i64) -> i64 {
        time.saturating_sub(self.origin).saturating_mul(self.scale.into())
    }

    /// When the sample after one is decoded as the tables have it.
    fn stated_end(&self, sample: &Sample) -> i64 {
        let (decode, _) = self.stated(sample);
        decode.saturating_add(i64::from(sample.duration).saturating_mul(self.scale.into()))
    }

    fn timescale(&self, track: &Track) -> Timescale {
        let scaled = track.timescale.get().saturating_mul(self.scale);
        Timescale::new(scaled).unwrap_or(track.timescale)
    }
}

/// How many samples of sound a decoder needs before the first one that is heard.
fn warm_up(codec: Codec) -> u32 {
    match codec {
        // 80 ms (RFC 7845 section 4.6), of 20 ms as usual.
        Codec::Opus => 4,
        // One for the overlap; encoders fill more than one frame (ISO/IEC 14496-3 section 4.6.18.3).
        Codec::Aac | Codec::Mp3 => 2,
        _ => 0,
    }
}
