//! Samples of tracks whose bytes are scattered over the file, fetched again through libavformat.

use std::ops::RangeInclusive;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::demuxer::{Demuxer, Depth};
use super::frames::Coded;
use super::scan::ReadAt;
use crate::error::{Error, Kind, Result};
use crate::media::Track;
use crate::media::samples::Sample;

/// How to come near a sample, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Approach {
    /// By its place in the file.
    Byte,
    /// By its time.
    Time,
    /// Not at all: from the start of the file.
    Start,
}

/// How many earlier places a track is entered before a sample: a parser that starts inside a frame gives a piece of one
/// first, found at the place where it was entered.
const PLACES_BEFORE: u32 = 2;

/// Most samples to look back over for earlier places.
const LOOK_BACK_MAX: u32 = 64;

/// Some samples of a track that follow each other, with what it takes to find them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The container's number of the track.
    track: u32,
    samples: Vec<Sample>,
    /// The place of a sample some places before the first.
    before: u64,
    /// How many samples right before the first were found at the same place.
    sharing: u32,
}

impl Passage {
    /// The samples `numbers` of `track`, whose packing is [`crate::media::Packing::Demuxed`].
    pub fn new(track: &Track, numbers: RangeInclusive<u32>) -> Passage {
        let samples: Vec<Sample> = track.samples.range(*numbers.start()..numbers.end().saturating_add(1)).collect();
        let first = samples.first();
        let before = first.map_or(0, |first| place_before(track, first));
        let sharing = first.map_or(0, |first| sharing_before(track, first));
        Passage { track: track.id, samples, before, sharing }
    }

    /// The samples.
    pub(super) fn samples(&self) -> &[Sample] {
        &self.samples
    }
}

/// The samples of `passage`, from the file behind `reader` that their track was scanned from. Asks `stop` at every read whether
/// to give up, which is [`Kind::TimedOut`].
pub fn demux(reader: &mut dyn ReadAt, passage: &Passage, stop: &dyn Fn() -> bool) -> Result<Vec<Coded>> {
    for approach in [Approach::Byte, Approach::Time, Approach::Start] {
        let mut demuxer = Demuxer::open(reader, stop, Depth::Header)?;
        if approach_to(&mut demuxer, passage, approach)
            && let Some(found) = collect(&mut demuxer, passage)?
        {
            return Ok(found);
        }
    }
    Err(Error::new(Kind::Unavailable, "samples of the file were not found where they were before"))
}

/// Goes to a place before the first sample. False where the container cannot.
fn approach_to(demuxer: &mut Demuxer<'_>, passage: &Passage, approach: Approach) -> bool {
    let Some(first) = passage.samples.first() else { return false };
    match approach {
        Approach::Byte => {
            // The others do not find their way from an arbitrary byte.
            let finds_itself = matches!(demuxer.name().to_bytes(), b"mpegts" | b"mpeg");
            finds_itself && demuxer.seek_to_byte(passage.before)
        }
        Approach::Time => {
            let Some(at) = demuxer.place_of(passage.track) else { return false };
            let Some(stream) = demuxer.stream(at) else { return false };
            let units = first.decode_time.0.div_euclid(stream.ticks.max(1));
            demuxer.seek_to_time(at, units.saturating_add(demuxer.start_time(at)))
        }
        Approach::Start => true,
    }
}

/// The place of a sample some places before `first`.
fn place_before(track: &Track, first: &Sample) -> u64 {
    let (mut place, mut changes) = (first.offset, 0);
    for back in 1..=LOOK_BACK_MAX {
        let Some(sample) = first.number.checked_sub(back).and_then(|number| track.samples.get(number)) else {
            return 0;
        };
        if sample.offset != place {
            place = sample.offset;
            changes += 1;
        }
        if changes == PLACES_BEFORE {
            break;
        }
    }
    place
}

/// Reads on to the first sample and takes as many. `None` where it does not come.
fn collect(demuxer: &mut Demuxer<'_>, passage: &Passage) -> Result<Option<Vec<Coded>>> {
    let Passage { track, samples, sharing, .. } = passage;
    let Some(first) = samples.first() else { return Ok(None) };
    let mut skip = *sharing;
    let mut coded = Vec::with_capacity(samples.len());
    // A sample without a place of its own was given that of the one before it.
    let mut place = None;
    while let Some(packet) = demuxer.next()? {
        if demuxer.number_of(packet.stream) != Some(*track) {
            continue;
        }
        place = packet.position.or(place);
        if coded.is_empty() {
            match place {
                Some(place) if place == first.offset && skip == 0 => {}
                Some(place) if place == first.offset => {
                    skip -= 1;
                    continue;
                }
                Some(place) if place > first.offset => return Ok(None),
                _ => continue,
            }
        }
        let Some(sample) = samples.get(coded.len()) else { break };
        if demuxer.data().len() as u64 != u64::from(sample.size) {
            // A parser that was entered elsewhere cut the stream otherwise.
            return Ok(None);
        }
        let alpha = demuxer.alpha().map(Bytes::copy_from_slice);
        coded.push(Coded { time: sample.time, data: Bytes::copy_from_slice(demuxer.data()), alpha });
        if coded.len() == samples.len() {
            return Ok(Some(coded));
        }
    }
    Ok(None)
}

/// How many samples right before `first` were found at the same place.
fn sharing_before(track: &Track, first: &Sample) -> u32 {
    let before = (0..first.number).rev().take(LOOK_BACK_MAX as usize);
    let sharing =
        before.map_while(|number| track.samples.get(number)).take_while(|sample| sample.offset == first.offset);
    sharing.count() as u32
}
