//! A track within a window: which samples are carried, and when each is decoded and shown on a clock that starts at zero.
//!
//! Nothing but times of the window is ever shown, by every player, whether it honours edit lists or not:
//! - Pictures that are needed to decode the first one shown, but lie before the window, are shown for one tick each. The
//!   pictures of the window then keep their own times, so a window starts exactly where it should, with the sound beside it.
//! - A first picture that would be shown late is shown from zero on.
//! - Sound that only fills the decoder lies before [`Timeline::lead`], which the init segment's edit list cuts off.

use std::ops::Range;

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
        let mut timeline = Timeline {
            track,
            numbers,
            origin: from,
            decode_origin: start.decode_time.0.saturating_add(before),
            lead: 0,
            delay: 0,
            scale: FINE.div_ceil(track.timescale.get()),
            head: Vec::new(),
            end: to - from,
        };
        timeline.head = timeline.squeezed()?;
        timeline.delay = timeline.waited();
        Ok(Some(timeline))
    }

    /// What the first picture waits longer to be shown than the one that waits least.
    fn waited(&self) -> u32 {
        let slack = self.track.samples.slack(self.numbers.start).saturating_mul(self.scale.into());
        let head = self.head.iter().map(|(decode, shown)| decode.saturating_sub(*shown)).max().unwrap_or_default();
        let most = u64::from(self.timescale().get()).saturating_mul(DELAY_SECONDS_MAX);
        u32::try_from(slack.max(head.max(0) as u64).min(most)).unwrap_or(u32::MAX)
    }

    /// The times of the first samples: a picture is decoded and shown a tick after the one before it at least, and the first
    /// one from zero on.
    fn squeezed(&self) -> Result<Vec<(i64, i64)>> {
        let mut head: Vec<(i64, i64, i64)> = Vec::new();
        let mut untouched = 0;
        for (place, sample) in (0i64..).zip(self.track.samples.range(self.numbers.clone())) {
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
        (!numbers.is_empty()).then_some(Timeline {
            track,
            numbers,
            origin,
            decode_origin,
            lead,
            delay: 0,
            scale: 1,
            head: Vec::new(),
            end,
        })
    }

    /// The track.
    pub fn track(&self) -> &'a Track {
        self.track
    }

    /// The unit of its times: that of the track, or a multiple where that is coarse.
    pub fn timescale(&self) -> Timescale {
        let scaled = self.track.timescale.get().saturating_mul(self.scale);
        Timescale::new(scaled).unwrap_or(self.track.timescale)
    }

    /// A time of its own in microseconds.
    pub fn micros(&self, ticks: i64) -> Micros {
        Ticks(ticks).micros(self.timescale())
    }

    /// The samples that are carried, by their places in the decoding order of the track.
    pub fn numbers(&self) -> Range<u32> {
        self.numbers.clone()
    }

    /// The time at which the presentation starts: zero but for sound whose first samples only fill the decoder.
    pub fn lead(&self) -> u32 {
        self.lead
    }

    /// How much earlier than it says samples are to be decoded, so that none is shown before. Zero for sound.
    pub fn delay(&self) -> u32 {
        self.delay
    }

    /// The length of the presentation in ticks, from [`Timeline::lead`] on.
    pub fn duration(&self) -> u64 {
        self.end.saturating_sub(self.lead.into()).saturating_mul(self.scale.into()).max(0) as u64
    }

    /// The first sample of sound heard at or after a time of the presentation, and when, in ticks from its start; `None`
    /// where none is.
    pub fn heard_from(&self, at: Micros) -> Option<(u32, u64)> {
        let presented = self.origin.saturating_add(self.lead.into());
        let at = at.ticks(self.track.timescale).0.saturating_add(presented);
        let mut number = self.track.samples.frame_at(Ticks(at))?.target;
        let mut time = self.track.samples.get(number)?.time.0;
        if time < at {
            number += 1;
            time = self.track.samples.get(number)?.time.0;
        }
        // A table in disorder has no next one.
        if time < at {
            return None;
        }
        self.numbers.contains(&number).then_some((number, time.saturating_sub(presented).max(0) as u64))
    }

    /// The samples of a range of places in decoding order; those that are not carried are left out.
    pub fn samples(&self, numbers: Range<u32>) -> impl Iterator<Item = Timed> + '_ {
        let first = self.numbers.start;
        let numbers = numbers.start.max(first)..numbers.end.min(self.numbers.end);
        self.track.samples.range(numbers).map(move |sample| {
            let place = (sample.number - first) as usize;
            let (decode, shown) = self.head.get(place).copied().unwrap_or_else(|| self.stated(&sample));
            // A sample of the head lasts until the next, whose decoding time the tables may not say.
            let next = self.head.get(place + 1).map_or_else(|| self.stated_end(&sample), |(next, _)| *next);
            let duration = next.saturating_sub(decode).clamp(0, u32::MAX.into()) as u32;
            let Sample { number, offset, size, keyframe, .. } = sample;
            Timed { number, offset, size, decode, shown, duration, keyframe }
        })
    }

    /// The sample at a place in decoding order, if it is carried.
    pub fn sample(&self, number: u32) -> Option<Timed> {
        self.samples(number..number.checked_add(1)?).next()
    }

    /// When a sample is decoded and shown as the tables have it.
    fn stated(&self, sample: &Sample) -> (i64, i64) {
        let decode = sample.decode_time.0.saturating_sub(self.decode_origin);
        let shown = sample.time.0.saturating_sub(self.origin);
        (decode.saturating_mul(self.scale.into()), shown.saturating_mul(self.scale.into()))
    }

    /// When the sample after one is decoded as the tables have it.
    fn stated_end(&self, sample: &Sample) -> i64 {
        let (decode, _) = self.stated(sample);
        decode.saturating_add(i64::from(sample.duration).saturating_mul(self.scale.into()))
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

#[cfg(test)]
pub(super) mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::media::picture::{Color, Orientation, Size};
    use crate::media::samples::{Collector, Raw, Samples};
    use crate::media::{AudioFormat, Packing, VideoFormat};

    /// A track of AVC with these samples.
    pub(in crate::packager) fn pictures(timescale: u32, samples: Samples) -> Track {
        let format = VideoFormat {
            coded: Size { width: 64, height: 48 },
            sample_aspect: (1, 1),
            orientation: Orientation::default(),
            color: Color::default(),
            dolby_vision: None,
        };
        track(timescale, Codec::Avc, Media::Video(format), samples)
    }

    /// A track of AAC with these samples.
    pub(in crate::packager) fn sound(timescale: u32, samples: Samples) -> Track {
        track(timescale, Codec::Aac, Media::Audio(AudioFormat { sample_rate: timescale, channels: 2 }), samples)
    }

    fn track(timescale: u32, codec: Codec, media: Media, samples: Samples) -> Track {
        Track {
            id: 1,
            timescale: Timescale::new(timescale).unwrap(),
            language: None,
            codec,
            config: Bytes::from_static(&[1, 100, 0, 31, 0xff, 0xe1, 0, 1, 0x67]),
            media,
            samples,
            packing: Packing::Plain,
            captions: Default::default(),
        }
    }

    /// A table of samples that are decoded `step` ticks apart, by when each is shown, in steps, and whether it is a keyframe.
    pub(in crate::packager) fn table(step: i64, rows: &[(i64, bool)]) -> Samples {
        let mut collector = Collector::new();
        for (number, (shown, keyframe)) in (0i64..).zip(rows) {
            let raw = Raw {
                offset: number as u64 * 100,
                size: 90 + number as u32 % 20,
                decode_time: Ticks(number * step),
                time: Ticks(shown * step),
                duration: step as u32,
                keyframe: *keyframe,
            };
            collector.push(raw).unwrap();
        }
        collector.finish()
    }

    /// GOPs of pictures, some of which are shown before the keyframe that they are stored behind.
    pub(in crate::packager) fn gops() -> impl Strategy<Value = Vec<(i64, bool)>> {
        prop::collection::vec((1usize..80, 0usize..4), 1..12).prop_map(|gops| {
            let (mut rows, mut at) = (Vec::new(), 0i64);
            for (place, (frames, leading)) in gops.into_iter().enumerate() {
                let leading = if place == 0 { 0 } else { leading.min(frames - 1) } as i64;
                let frames = frames as i64;
                rows.push((at + leading, true));
                rows.extend((0..leading).map(|shown| (at + shown, false)));
                // Pairs swapped: the second of each is decoded first.
                let rest: Vec<i64> = (at + leading + 1..at + frames).collect();
                rows.extend(rest.chunks(2).flat_map(|pair| pair.iter().rev()).map(|shown| (*shown, false)));
                at += frames;
            }
            rows
        })
    }

    /// Ticks a second and from one picture to the next: coarse ones too.
    pub(in crate::packager) fn rates() -> impl Strategy<Value = (u32, i64)> {
        prop_oneof![Just((25, 1)), Just((30, 1)), Just((1000, 40)), Just((12_800, 512)), Just((90_000, 1501))]
    }

    fn window(from: i64, length: Option<i64>) -> Window {
        Window { from: Micros(from), to: length.map(|length| Micros(from + length)) }
    }

    proptest! {
        #[test]
        fn times_of_a_window_start_at_zero_and_go_on(
            rows in gops(),
            (timescale, step) in rates(),
            from in 0i64..20_000_000,
            length in prop::option::of(1i64..20_000_000),
        ) {
            let track = pictures(timescale, table(step, &rows));
            let Some(timeline) = Timeline::new(&track, window(from, length)).unwrap() else {
                prop_assert!(track.samples.end().micros(track.timescale).0 <= from + 1 || length.is_some_and(|length| length < 40_000));
                return Ok(());
            };
            let all: Vec<Timed> = timeline.samples(0..u32::MAX).collect();
            prop_assert_eq!(all.len() as u32, timeline.numbers().end - timeline.numbers().start);
            prop_assert!(all[0].keyframe);
            let mut shown: Vec<i64> = all.iter().map(|sample| sample.shown).collect();
            shown.sort_unstable();
            prop_assert_eq!(shown[0], 0);
            prop_assert!(shown.is_sorted_by(|a, b| a < b), "{:?}", shown);
            prop_assert!(all[0].decode >= 0 && all.is_sorted_by(|a, b| a.decode <= b.decode));
            // Each is decoded when the one before it ends, whichever way it is asked for.
            for pair in all.windows(2) {
                prop_assert_eq!(pair[0].decode + i64::from(pair[0].duration), pair[1].decode);
                prop_assert_eq!(timeline.sample(pair[1].number), Some(pair[1]));
            }
            // Pictures of the window keep their times, but for those that what is before them leaves no tick.
            let scale = i64::from(timeline.timescale().get() / timescale);
            let origin = Micros(from).ticks(track.timescale).0;
            for sample in &all {
                let stated = (track.samples.get(sample.number).unwrap().time.0 - origin) * scale;
                if stated >= all.len() as i64 {
                    prop_assert_eq!(sample.shown, stated);
                }
            }
        }

        #[test]
        fn sound_is_heard_from_the_start_of_its_window(
            count in 1i64..600,
            from in 0i64..15_000_000,
            length in prop::option::of(1i64..15_000_000),
        ) {
            let rows: Vec<_> = (0..count).map(|at| (at, true)).collect();
            let track = sound(44_100, table(1024, &rows));
            let Some(timeline) = Timeline::new(&track, window(from, length)).unwrap() else { return Ok(()) };
            let all: Vec<Timed> = timeline.samples(0..u32::MAX).collect();
            let lead = i64::from(timeline.lead());
            prop_assert!(all[0].decode == 0 && all[0].shown == 0);
            prop_assert!(all.iter().all(|sample| sample.shown == sample.decode));
            // The decoder is warm, where the track has what warms it.
            let heard = all.iter().rev().find(|sample| sample.shown <= lead).unwrap();
            prop_assert_eq!(heard.number - all[0].number, heard.number.min(2));
            let end = lead + timeline.duration() as i64;
            let last = all.last().unwrap();
            prop_assert!(last.shown < end && end <= last.shown + 1024);
        }

        #[test]
        fn hostile_tables_are_survived(
            rows in prop::collection::vec((any::<i64>(), any::<i64>(), any::<u32>(), any::<bool>()), 1..100),
            timescale in 1u32..,
            from in any::<i64>(),
            to in prop::option::of(any::<i64>()),
            is_video in any::<bool>(),
        ) {
            let mut collector = Collector::new();
            for (decode, shown, duration, keyframe) in rows {
                let (decode_time, time) = (Ticks(decode), Ticks(shown));
                collector.push(Raw { offset: 1 << 60, size: u32::MAX, decode_time, time, duration, keyframe }).unwrap();
            }
            let samples = collector.finish();
            let track = if is_video { pictures(timescale, samples) } else { sound(timescale, samples) };
            let window = Window { from: Micros(from), to: to.map(Micros) };
            if let Ok(Some(timeline)) = Timeline::new(&track, window) {
                let _ = (timeline.duration(), timeline.lead(), timeline.timescale());
                let _ = timeline.samples(0..u32::MAX).last();
                let pace = crate::packager::segments::Pace { target: Micros(1), first: vec![Micros(i64::MAX)] };
                for segment in crate::packager::segments::segments(&timeline, &pace) {
                    prop_assert!(!crate::packager::fmp4::segment(&timeline, &segment).is_empty());
                    let _ = crate::packager::fmp4::iframe(&timeline, segment.number, segment.samples.start);
                }
                let _ = crate::packager::fmp4::init(&timeline);
            }
        }
    }

    #[test]
    fn a_window_inside_a_gop_shows_what_is_before_it_for_a_tick_each() {
        let rows: Vec<_> = (0..50).map(|at| (at, at % 25 == 0)).collect();
        let track = pictures(25, table(1, &rows));
        let timeline = Timeline::new(&track, window(400_000, Some(400_000))).unwrap().unwrap();
        assert_eq!((timeline.timescale().get(), timeline.numbers(), timeline.duration()), (10_000, 0..20, 4000));
        let shown: Vec<i64> = timeline.samples(0..14).map(|sample| sample.shown).collect();
        assert_eq!(shown, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 400, 800, 1200]);
        assert!(Timeline::new(&track, window(2_000_000, None)).unwrap().is_none());
    }

    #[test]
    fn a_first_picture_that_comes_late_is_shown_from_zero_on() {
        let track = pictures(1000, table(40, &[(3, true), (5, false), (4, false)]));
        let timeline = Timeline::new(&track, Window::default()).unwrap().unwrap();
        let shown: Vec<i64> = timeline.samples(0..9).map(|sample| sample.shown).collect();
        assert_eq!((shown, timeline.duration()), (vec![0, 2000, 1600], 2400));
    }
}
