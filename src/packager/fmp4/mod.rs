//! Fragmented MP4: whether a track fits, its init segment, and its segments, as CMAF has them (ISO/IEC 23000-19).

mod boxes;
mod entry;
mod fragment;
mod movie;
mod whole;

use std::ops::Range;

use super::layout::Layout;
use super::timeline::{Timed, Timeline};
use crate::error::{Error, Result};
use crate::media::{Packing, Track};

/// Whether fragmented MP4 can carry `track`. Fails with `unsupported`, naming the track and the reason, where it cannot.
pub fn check(track: &Track) -> Result<()> {
    let reason = match track.packing {
        Packing::Demuxed => Some("its samples do not lie in one run of bytes each".to_owned()),
        Packing::Plain => entry::fault(track),
    };
    match reason {
        Some(reason) => Err(Error::unsupported(format!("track {} does not fit fragmented MP4: {reason}", track.id))),
        None => Ok(()),
    }
}

/// The init segment of a track. Fails like [`check`].
pub fn init(timeline: &Timeline<'_>) -> Result<Vec<u8>> {
    check(timeline.track())?;
    Ok(movie::write(timeline))
}

/// The segment `number` of a track, of samples by their places in decoding order, as one fragment.
pub fn segment(timeline: &Timeline<'_>, number: u32, samples: Range<u32>) -> Layout {
    fragment::write(number, || timeline.samples(samples.clone()).map(|sample| late(timeline, sample)))
}

/// A sample on the clock of the media, on which nothing is shown before it is decoded: the edit list takes the delay back. Many
/// readers do not get composition offsets below zero right.
fn late(timeline: &Timeline<'_>, sample: Timed) -> Timed {
    Timed { shown: sample.shown.saturating_add(timeline.delay().into()), ..sample }
}

/// The samples of several timelines of one source as a file of its own, `moov` first. Fails like [`check`], and where there are
/// too many samples.
pub fn whole(timelines: &[Timeline<'_>]) -> Result<Layout> {
    timelines.iter().try_for_each(|timeline| check(timeline.track()))?;
    whole::write(timelines)
}

/// A segment of the one keyframe at the place `keyframe` in decoding order, on display until the next keyframe, or to the
/// end. Empty where the timeline does not carry that sample.
pub fn iframe(timeline: &Timeline<'_>, number: u32, keyframe: u32) -> Layout {
    let Some(mut sample) = timeline.sample(keyframe) else { return Layout::default() };
    let behind = keyframe.saturating_add(1)..timeline.numbers().end;
    let next = timeline.track().samples.keyframes(behind).next().and_then(|next| timeline.sample(next));
    let end = i64::try_from(timeline.duration()).unwrap_or(i64::MAX);
    let end = next.map_or(end, |next| next.shown);
    sample.decode = sample.shown;
    sample.duration = end.saturating_sub(sample.shown).clamp(1, u32::MAX.into()) as u32;
    fragment::write(number, || std::iter::once(late(timeline, sample)))
}
