//! Timelines of made and of random tables; tables that other tests are made of.

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
    fn what_is_heard_from_a_time_on_is_what_a_look_at_all_finds(
        late in 0i64..500,
        gaps in prop::collection::vec(1i64..40, 1..300),
        since in 0u32..300,
        at in 0i64..200_000_000,
    ) {
        let shown = gaps.iter().scan(late, |at, gap| {
            *at += gap;
            Some((*at, true))
        });
        let track = sound(44_100, table(1024, &shown.collect::<Vec<_>>()));
        let timeline = Timeline::new(&track, Window::default()).unwrap().unwrap();
        let since = since.min(track.samples.len() - 1);
        let first = timeline.samples(since..u32::MAX).find(|sample| {
            track.samples.get(sample.number).unwrap().time >= Micros(at).ticks(track.timescale)
        });
        let (found, expected) = (timeline.heard_from(since, Micros(at)), first.map(|sample| sample.number));
        prop_assert_eq!(found.map(|(number, _)| number), expected);
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
                prop_assert!(!crate::packager::fmp4::segment(&timeline, segment.number, segment.samples.clone()).is_empty());
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

#[test]
fn windows_that_show_the_same_are_the_same() {
    let to = |to: Option<i64>| Window { from: Micros(5), to: to.map(Micros) }.within(Micros(100)).to;
    assert_eq!([to(Some(99)), to(Some(100)), to(Some(i64::MAX)), to(None)], [Some(Micros(99)), None, None, None]);
}
