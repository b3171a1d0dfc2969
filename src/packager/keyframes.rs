//! The pictures of a track that can be shown alone: what players show while a viewer skims.

use super::timeline::Timeline;
use crate::media::time::Micros;
use crate::media::{Codec, Media};

/// A keyframe as a player fetches it by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyframe {
    /// Its number among those listed, from 1.
    pub number: u32,
    /// Its place in the decoding order of the track.
    pub sample: u32,
    /// When it is shown, in ticks from the start of the presentation; the first at zero.
    pub start: u64,
    /// Ticks until the next is shown, or the presentation ends; above zero.
    pub duration: u64,
    /// How many bytes it has.
    pub size: u32,
}

/// The shortest time between two that are listed: nobody sees more while skimming.
const APART: Micros = Micros(400_000);

/// The keyframes of a track of pictures, as they are listed and numbered everywhere. None of sound, and none where it is not
/// known for certain which pictures stand alone.
pub fn keyframes(timeline: &Timeline<'_>) -> Vec<Keyframe> {
    let track = timeline.track();
    let certain = track.samples.names_keyframes() || matches!(track.codec, Codec::ProRes | Codec::Mjpeg);
    if !certain || !matches!(track.media, Media::Video(_)) {
        return Vec::new();
    }
    let apart = APART.ticks(timeline.timescale()).0.max(1) as u64;
    let mut listed: Vec<Keyframe> = Vec::new();
    for number in track.samples.keyframes(timeline.numbers()) {
        let Some(shown) = timeline.shown(number) else { continue };
        let start = if listed.is_empty() { 0 } else { shown.max(0) as u64 };
        if start >= timeline.duration() || listed.last().is_some_and(|last| start < last.start.saturating_add(apart)) {
            continue;
        }
        let place = u32::try_from(listed.len()).unwrap_or(u32::MAX);
        if let Some(last) = listed.last_mut() {
            last.duration = start - last.start;
        }
        let duration = timeline.duration() - start;
        let size = u32::try_from(track.samples.bytes(number..number.saturating_add(1))).unwrap_or(u32::MAX);
        listed.push(Keyframe { number: place.saturating_add(1), sample: number, start, duration, size });
    }
    listed
}
