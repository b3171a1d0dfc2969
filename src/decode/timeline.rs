//! Presentation times of samples, where the container leaves them out.

use super::scan::Found;
use crate::error::Result;
use crate::media::samples::{Collector, Raw, Samples};
use crate::media::time::{Micros, Ticks, Timescale};

/// Where a presentation starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// In units of the track it was taken from.
    pub(super) time: i64,
    /// Ticks a unit of that track.
    pub(super) ticks: i64,
    /// Ticks a second of that track.
    pub(super) timescale: Timescale,
}

impl Start {
    /// The same in units of `ticks` of another timescale.
    pub(super) fn in_units(self, timescale: Timescale, ticks: i64) -> i64 {
        if (timescale, ticks) == (self.timescale, self.ticks) {
            return self.time;
        }
        let micros = Ticks(self.time.saturating_mul(self.ticks)).micros(self.timescale);
        Micros(micros.0).ticks(timescale).0.div_euclid(ticks.max(1))
    }
}

/// Fills in the times that `found`, in decoding order, lacks.
pub(super) fn complete(found: &mut [Found]) {
    complete_decoding(found);
    if found.iter().all(|sample| sample.time.is_some()) {
        return;
    }
    if found.iter().all(|sample| sample.order.is_some()) {
        from_order(found);
    } else {
        from_reordering(found);
    }
}

/// Decoding times go on by the sample's length where they are missing, and lead up to the first one known.
fn complete_decoding(found: &mut [Found]) {
    if let Some(known) = found.iter().position(|sample| sample.decode_time.is_some()) {
        let mut next = found[known].decode_time.unwrap_or(0);
        for sample in found[..known].iter_mut().rev() {
            next = next.saturating_sub(sample.duration.max(1).into());
            sample.decode_time = Some(next);
        }
    }
    let mut next = found.first().and_then(|first| first.time).unwrap_or(0);
    for sample in found {
        let time = sample.decode_time.unwrap_or(next);
        sample.decode_time = Some(time);
        next = time.saturating_add(sample.duration.max(1).into());
    }
}

/// Within a run of samples that share one count, the times of decoding are dealt out in the order of showing.
fn from_order(found: &mut [Found]) {
    let order = |sample: &Found| sample.order.unwrap_or(0);
    let mut start = 0;
    while start < found.len() {
        let mut highest = order(&found[start]);
        let run = found[start + 1..].iter().take_while(|sample| {
            let begins_anew = sample.keyframe && order(sample) <= highest;
            highest = highest.max(order(sample));
            !begins_anew
        });
        let end = start + 1 + run.count();
        deal(&mut found[start..end]);
        start = end;
    }
}

fn deal(run: &mut [Found]) {
    let mut times: Vec<i64> = run.iter().filter_map(|sample| sample.decode_time).collect();
    times.sort_unstable();
    let mut shown: Vec<usize> = (0..run.len()).collect();
    shown.sort_by_key(|&at| run[at].order);
    for (time, at) in times.into_iter().zip(shown) {
        run[at].time = Some(time);
    }
}

/// A sample without a time is one that others are shown before: it is shown when the next such one is decoded. Samples shown
/// as soon as they are decoded are those whose two times are equal.
fn from_reordering(found: &mut [Found]) {
    let last = found.iter().rev().find_map(|s| s.decode_time.map(|time| time.saturating_add(s.duration.max(1).into())));
    let mut next = last.unwrap_or(0);
    for sample in found.iter_mut().rev() {
        let is_shown_at_once = sample.time.is_some() && sample.time == sample.decode_time;
        if sample.time.is_none() {
            sample.time = Some(next);
        }
        if !is_shown_at_once {
            next = sample.decode_time.unwrap_or(next);
        }
    }
}

/// The time that the first sample shown is shown at.
pub(super) fn start(found: &[Found]) -> i64 {
    found.iter().filter(|sample| sample.is_shown).filter_map(|sample| sample.time).min().unwrap_or(0)
}

/// The sample table of `found`, with `zero` for the start of the presentation and `ticks` a unit.
pub(super) fn samples(found: &[Found], zero: i64, ticks: i64) -> Result<Samples> {
    let scale = |time: Option<i64>| Ticks(time.unwrap_or(zero).saturating_sub(zero).saturating_mul(ticks));
    let (mut collector, mut decoded) = (Collector::new(), i64::MIN);
    for sample in found {
        // Where damage has them fall, they stand still.
        decoded = decoded.max(scale(sample.decode_time).0);
        let raw = Raw {
            offset: sample.offset,
            size: sample.size,
            decode_time: Ticks(decoded),
            time: scale(sample.time),
            duration: u32::try_from(i64::from(sample.duration).saturating_mul(ticks)).unwrap_or(u32::MAX),
            keyframe: sample.keyframe,
        };
        if sample.is_shown { collector.push(raw)? } else { collector.push_unshown(raw)? }
    }
    Ok(collector.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples one unit long, decoded from zero on.
    fn found(times: &[Option<i64>], orders: &[Option<i32>], keyframes: &[usize]) -> Vec<Found> {
        let sample = |at: usize| Found {
            offset: 0,
            size: 1,
            keyframe: keyframes.contains(&at),
            duration: 1,
            decode_time: Some(at as i64),
            time: times.get(at).copied().flatten(),
            order: orders.get(at).copied().flatten(),
            is_shown: true,
        };
        (0..times.len().max(orders.len())).map(sample).collect()
    }

    #[track_caller]
    fn check(mut given: Vec<Found>, expected: &[i64]) {
        complete(&mut given);
        let times: Vec<i64> = given.iter().filter_map(|sample| sample.time).collect();
        assert_eq!(times, expected);
    }

    #[test]
    fn stated_times_stay() {
        check(found(&[Some(5), Some(9), Some(7)], &[], &[0]), &[5, 9, 7]);
    }

    #[test]
    fn decoding_times_lead_up_to_the_first_one_known() {
        let mut given = found(&[Some(0), Some(2), Some(1)], &[], &[0]);
        (given[0].decode_time, given[1].decode_time, given[2].decode_time) = (None, None, Some(0));
        let table = |given: &[Found]| {
            let samples = samples(given, 0, 1).unwrap();
            samples.range(0..9).map(|sample| sample.decode_time.0).collect::<Vec<_>>()
        };
        complete(&mut given);
        assert_eq!(table(&given), [-2, -1, 0]);
        given[2].decode_time = Some(-9);
        assert_eq!(table(&given), [-2, -1, -1]);
    }

    #[test]
    fn pictures_that_wait_are_shown_when_the_next_such_one_is_decoded() {
        // I P B B P B B, as libavformat gives MPEG-4 in AVI.
        let times = [None, None, Some(2), Some(3), None, Some(5), Some(6)];
        check(found(&times, &[], &[0]), &[1, 4, 2, 3, 7, 5, 6]);
    }

    #[test]
    fn an_order_count_deals_out_the_times() {
        let orders = [0, 8, 4, 2, 6, 0, 4, 2].map(Some);
        check(found(&[], &orders, &[0, 5]), &[0, 4, 2, 1, 3, 5, 7, 6]);
    }

    #[test]
    fn an_open_gop_goes_on_counting() {
        let orders = [0, 4, 2, 10, 6, 8].map(Some);
        check(found(&[], &orders, &[0, 3]), &[0, 2, 1, 5, 3, 4]);
    }
}
