//! Tables beside a search through every row.

use proptest::prelude::*;

use super::*;

/// A sample by its composition time, and whether it is a keyframe and shown.
type Row = (i64, bool, bool);

fn table(rows: &[Row], edits: Vec<Edit>) -> Samples {
    let mut collector = Collector::new();
    for (number, raw) in raws(rows).enumerate() {
        if rows[number].2 { collector.push(raw).unwrap() } else { collector.push_unshown(raw).unwrap() }
    }
    collector.finish_edited(edits)
}

fn raws(rows: &[Row]) -> impl Iterator<Item = Raw> {
    (0i64..).zip(rows).map(|(number, (time, keyframe, _))| Raw {
        offset: number as u64 * 100,
        size: 90 + number as u32 % 20,
        decode_time: Ticks(number * 10 - 20),
        time: Ticks(*time),
        duration: 10,
        keyframe: *keyframe,
    })
}

/// The same answer as [`Samples::frame_at`], found by looking at every row.
fn frame_on_display(rows: &[Row], edits: &[Edit], at: i64) -> Option<(u32, i64)> {
    let shown = || (0u32..).zip(rows).filter(|(_, row)| row.2).map(|(number, row)| (row.0, number));
    let latest = |media: i64| shown().filter(|(time, _)| *time <= media).max();
    let first = shown().map(|(time, _)| time).min()?;
    let end = shown().max()?.0 + 10;
    let spans = |edit: &Edit| (edit.media, edit.length.map_or(i64::MAX, |length| edit.media + length));
    let shows = |edit: &&Edit| {
        let (from, to) = spans(edit);
        from < end && latest(from.max(first)).is_some_and(|(time, _)| time < to)
    };
    let edits: Vec<_> = edits.iter().filter(shows).collect();
    let current = edits.iter().rfind(|edit| edit.start <= at).or(edits.first());
    let media = current.map_or(at, |edit| {
        let (from, to) = spans(edit);
        (at - edit.start + edit.media).clamp(from, to - 1)
    });
    let (time, number) = latest(media.max(first))?;
    Some((number, time))
}

fn reach_of(rows: &[Row], target: u32) -> u32 {
    let keyframe = |number: &u32| rows[*number as usize].1;
    let mut from = (0..=target).rev().find(keyframe).unwrap_or(0);
    while from != target && rows[from as usize].0 > rows[target as usize].0 && from > 0 {
        from = (0..from).rev().find(keyframe).unwrap_or(0);
    }
    from
}

/// GOPs of frames that are shown in an order of their own, some of them before their keyframe.
fn ordinary() -> impl Strategy<Value = Vec<Row>> {
    let gop = (1usize..30, 0usize..4, 1i64..20, any::<bool>());
    prop::collection::vec(gop, 1..12).prop_map(|gops| {
        let (mut rows, mut at) = (Vec::new(), 0);
        for (frames, leading, step, unshown) in gops {
            let leading = leading.min(frames - 1);
            let time = |place: usize| at + place as i64 * step;
            rows.push((time(leading), true, true));
            rows.extend((0..leading).map(|place| (time(place), false, true)));
            // Pairs swapped: the second of each is decoded first.
            let rest: Vec<_> = (leading + 1..frames).collect();
            rows.extend(rest.chunks(2).flat_map(|pair| pair.iter().rev()).map(|place| (time(*place), false, true)));
            if unshown {
                rows.push((time(frames) - 1, false, false));
            }
            at = time(frames);
        }
        rows
    })
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((-100i64..3000, prop::bool::weighted(0.1), prop::bool::weighted(0.9)), 0..300)
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = (0i64..100, prop::option::of(1i64..1000), -50i64..2500);
    prop::collection::vec(edit, 0..4).prop_map(|edits| {
        let mut at = 0;
        let place = |(gap, length, media): (i64, Option<i64>, i64)| {
            let start = at + gap;
            at = start + length.unwrap_or(700);
            Edit { start, length, media }
        };
        edits.into_iter().map(place).collect()
    })
}

proptest! {
    #[test]
    fn the_frame_at_any_time_is_the_one_on_display(
        rows in prop_oneof![ordinary(), any_rows()],
        edits in edits(),
        times in prop::collection::vec(-200i64..4000, 20),
    ) {
        let samples = table(&rows, edits.clone());
        for at in times {
            let reach = samples.frame_at(Ticks(at));
            let expected = frame_on_display(&rows, &edits, at);
            prop_assert_eq!(reach.map(|reach| reach.target), expected.map(|(number, _)| number), "at {}", at);
            let Some(reach) = reach else { continue };
            prop_assert_eq!(Some(reach.time), samples.get(reach.target).map(|sample| sample.time));
            if rows.iter().filter(|row| row.1).count() < LEADING_STEPS_MAX as usize {
                prop_assert_eq!(reach.from, reach_of(&rows, reach.target), "at {}", at);
            }
        }
    }

    #[test]
    fn the_keyframe_at_any_time_is_the_latest_shown(rows in prop_oneof![ordinary(), any_rows()], at in -200i64..4000) {
        let samples = table(&rows, Vec::new());
        let shown = || (0u32..).zip(&rows).filter(|(_, row)| row.1 && row.2).map(|(number, row)| (row.0, number));
        let latest = shown().filter(|(time, _)| *time <= at).max().map(|(_, number)| number);
        let first = rows.iter().position(|row| row.1).filter(|first| rows[*first].2).map(|first| first as u32);
        let exact = frame_on_display(&rows, &[], at).map(|(number, _)| number);
        let reach = samples.keyframe_at(Ticks(at));
        prop_assert_eq!(reach.map(|reach| reach.target), exact.and(latest.or(first).or(exact)));
        prop_assert!(reach.is_none_or(|reach| reach.from == reach.target || latest.or(first).is_none()));
    }

    #[test]
    fn what_is_collected_comes_out(rows in prop::collection::vec(
        (0u64..1 << 40, prop_oneof![0u32..200, any::<u32>()], any::<i64>(), any::<i64>(), any::<bool>()), 0..300)
    ) {
        let raws: Vec<_> = rows.into_iter().map(|(offset, size, decode_time, time, keyframe)| {
            Raw { offset, size, decode_time: Ticks(decode_time), time: Ticks(time), duration: 7, keyframe }
        }).collect();
        let mut collector = Collector::new();
        raws.iter().for_each(|raw| collector.push(*raw).unwrap());
        let samples = collector.finish();
        prop_assert_eq!(samples.len() as usize, raws.len());
        for (raw, sample) in raws.iter().zip(samples.range(0..u32::MAX)) {
            let same = (sample.offset, sample.size, sample.decode_time, sample.time, sample.keyframe);
            prop_assert_eq!(same, (raw.offset, raw.size, raw.decode_time, raw.time, raw.keyframe));
            prop_assert_eq!(samples.get(sample.number), Some(sample));
        }
        prop_assert!(raws.is_empty() || samples.get(samples.len() - 1).is_some_and(|last| last.duration == 7));
        prop_assert_eq!(samples.get(samples.len()), None);
    }
}

/// Two GOPs in decoding order, shown as I B P | b b I B P with the two b stored behind the second I.
fn open_gop() -> Vec<Row> {
    let times = [(0, true), (20, false), (10, false), (50, true), (30, false), (40, false), (70, false), (60, false)];
    times.map(|(time, keyframe)| (time, keyframe, true)).to_vec()
}

#[track_caller]
fn check(samples: &Samples, at: i64, from: u32, target: u32, time: i64) {
    assert_eq!(samples.frame_at(Ticks(at)), Some(Reach { from, target, time: Ticks(time) }), "at {at}");
}

#[test]
fn leading_pictures_reach_back_one_more_gop() {
    let samples = table(&open_gop(), Vec::new());
    check(&samples, 35, 0, 4, 30);
    check(&samples, 49, 0, 5, 40);
    check(&samples, 50, 3, 3, 50);
    check(&samples, 1000, 3, 6, 70);
    check(&samples, -5, 0, 0, 0);
    assert_eq!((samples.end(), samples.last_shown()), (Ticks(80), Ticks(70)));
    assert_eq!(samples.keyframe_at(Ticks(49)).map(|reach| reach.target), Some(0));
    assert_eq!(samples.keyframe_at(Ticks(50)).map(|reach| reach.target), Some(3));
}

#[test]
fn an_edit_moves_the_start_and_cuts_the_end() {
    // The presentation starts in the middle of the frame composed at 10 and ends with the one composed at 60.
    let samples = table(&open_gop(), vec![Edit { start: 0, length: Some(50), media: 15 }]);
    check(&samples, 0, 0, 2, -5);
    check(&samples, 5, 0, 1, 5);
    check(&samples, 35, 3, 3, 35);
    check(&samples, 1000, 3, 7, 45);
    assert_eq!((samples.end(), samples.last_shown()), (Ticks(50), Ticks(45)));
    // The first keyframe is not part of it: the frame itself instead.
    let reach = Reach { from: 0, target: 1, time: Ticks(5) };
    assert_eq!(samples.keyframe_at(Ticks(6)), Some(reach));
}

#[test]
fn edits_in_any_order_show_their_stretches() {
    let stretch = |start, length, media| Edit { start, length: Some(length), media };
    let samples = table(&open_gop(), vec![stretch(0, 20, 50), stretch(30, 20, 0), stretch(50, 10, 50)]);
    check(&samples, 0, 3, 3, 0);
    check(&samples, 12, 3, 7, 10);
    check(&samples, 25, 3, 7, 10);
    check(&samples, 30, 0, 0, 30);
    check(&samples, 45, 0, 2, 40);
    check(&samples, 55, 3, 3, 0);
    let times: Vec<_> = samples.range(0..8).map(|sample| sample.time.0).collect();
    assert_eq!(times, [30, -51, 40, 0, -41, -31, -1, 10]);
}

#[test]
fn a_late_start_shows_the_first_frame_early() {
    let samples = table(&open_gop(), vec![Edit { start: 100, length: None, media: 0 }]);
    check(&samples, 0, 0, 0, 100);
    check(&samples, 110, 0, 2, 110);
    assert_eq!(samples.end(), Ticks(180));
}

#[test]
fn an_edit_that_shows_nothing_is_none() {
    let samples = table(&open_gop(), vec![Edit { start: 0, length: Some(100), media: 5000 }]);
    check(&samples, 0, 0, 0, 0);
}

#[test]
fn without_named_keyframes_all_pass_for_them() {
    let samples = table(&open_gop().into_iter().map(|row| (row.0, true, true)).collect::<Vec<_>>(), Vec::new());
    assert!(!samples.names_keyframes());
    check(&samples, 40, 5, 5, 40);
    assert_eq!((samples.reach_back(5), samples.reach_back(1), samples.reach_back(0)), (Some(4), Some(0), None));
}

#[test]
fn an_empty_table_shows_nothing() {
    let samples = Samples::default();
    assert_eq!((samples.frame_at(Ticks(0)), samples.keyframe_at(Ticks(0)), samples.get(0)), (None, None, None));
    assert_eq!((samples.end(), samples.last_shown(), samples.range(0..9).count()), (Ticks(0), Ticks(0), 0));
}

#[test]
fn two_hours_take_little() {
    // One frame a run of bytes, as in a file interleaved with its sound.
    let mut collector = Collector::new();
    for number in 0..216_000u32 {
        let time = Ticks(i64::from(number) * 1001);
        collector
            .push(Raw {
                offset: u64::from(number) * 25_000,
                size: 1000 + number * 7919 % 60_000,
                decode_time: time,
                time: Ticks(time.0 + i64::from(number % 3) * 1001),
                duration: 1001,
                keyframe: number % 60 == 0,
            })
            .unwrap();
    }
    let weight = collector.finish().weight();
    assert!(weight < 2_200_000, "{weight}");
}
