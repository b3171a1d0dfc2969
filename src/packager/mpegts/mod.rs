//! Segments of an MPEG-2 transport stream (ISO/IEC 13818-1) with a track of pictures, one of sound, or both.
//!
//! - A segment stands alone: it opens with its tables, and its packets are numbered from zero. Those of its last access units
//!   are as many as bring the numbers back to zero, so that the next segment goes on where it ends; its tables are numbered
//!   by the segment.
//! - Presentation times are those of the timeline, from [`BASE`] on, each rescaled by itself, so that none drifts.
//! - Decoding times are those of the timeline, all earlier by one delay, which follows from the track and the window alone.

mod carriage;
mod packets;
mod tables;
mod units;

use std::ops::Range;

use bytes::Bytes;

use self::carriage::Carriage;
use self::packets::{PACKET, Stream, count, rounded};
use self::units::{Kind, Unit, interleaved};
use super::timeline::Timeline;
use crate::error::{Error, Kind as Failure, Result};
use crate::media::time::Micros;
use crate::media::{Media, Track};

/// The presentation time of what is shown at zero, in ticks of 90 kHz: room for what is decoded and heard before.
pub const BASE: u64 = 900_000;

/// Most bytes of a segment.
pub const BYTES_MAX: u64 = 1 << 29;

/// Most samples of a segment from either track: more than an hour of pictures.
pub const SAMPLES_MAX: u32 = 1 << 18;

/// Where the packets of pictures and sound lie.
const PICTURES: u16 = 0x100;
const SOUND: u16 = 0x101;

/// Samples of a track, by their places in its decoding order.
pub type Stretch<'a> = (&'a Timeline<'a>, Range<u32>);

/// A segment that knows its length, and what it needs of its sources.
#[derive(Clone, Debug)]
pub struct Mux {
    number: u32,
    pictures: Option<Carried>,
    sound: Option<Carried>,
    units: Vec<Unit>,
    len: Option<u64>,
}

/// What a segment carries of a track.
#[derive(Clone, Debug)]
struct Carried {
    carriage: Carriage,
    /// Where each sample lies.
    places: Vec<Range<u64>>,
    /// The ranges that hold them all, in ascending order.
    needed: Vec<Range<u64>>,
}

/// Whether a track goes into a transport stream: AVC, HEVC, AAC, MP3, AC-3 and E-AC-3 do. Fails with
/// [`Failure::Unsupported`], and says why, where it does not.
pub fn check(track: &Track) -> Result<()> {
    Carriage::of(track).map(drop)
}

/// The segment `number`, from 1, of samples of pictures, sound, or both. Pictures start with a keyframe. Fails where
/// [`check`] does, and where it would have more than [`BYTES_MAX`] or [`SAMPLES_MAX`].
pub fn segment(pictures: Option<Stretch<'_>>, sound: Option<Stretch<'_>>, number: u32) -> Result<Mux> {
    let mut bytes = 0u64;
    for (timeline, numbers) in [&pictures, &sound].into_iter().flatten() {
        bytes = bytes.saturating_add(timeline.track().samples.bytes(numbers.clone()));
        if bytes > BYTES_MAX || numbers.len() > SAMPLES_MAX as usize {
            return Err(too_large());
        }
    }
    let (mut pictures, mut sound) = (pictures.map(carry).transpose()?, sound.map(carry).transpose()?);
    let take = |side: &mut Option<(Carried, Vec<Unit>)>| side.as_mut().map(|(_, units)| std::mem::take(units));
    let units = interleaved(take(&mut pictures).unwrap_or_default(), take(&mut sound).unwrap_or_default());
    let strip = |side: Option<(Carried, Vec<Unit>)>| side.map(|(carried, _)| carried);
    let mut mux = Mux { number, pictures: strip(pictures), sound: strip(sound), units, len: None };
    mux.len = mux.measured();
    match mux.len {
        Some(len) if len > BYTES_MAX => Err(too_large()),
        _ => Ok(mux),
    }
}

/// One keyframe of pictures alone, as playlists of keyframes have it; `number` as in [`segment`].
pub fn iframe(pictures: &Timeline<'_>, keyframe: u32, number: u32) -> Result<Mux> {
    segment(Some((pictures, keyframe..keyframe.saturating_add(1))), None, number)
}

/// The samples of sound that are heard from one time of the presentation to before another, `None` for its end. What comes
/// before zero belongs to zero, so that windows that follow each other from zero on share out all samples.
pub fn sound_of(sound: &Timeline<'_>, from: Micros, to: Option<Micros>) -> Range<u32> {
    let numbers = sound.numbers();
    let place = |at: Micros| match at {
        Micros(..=0) => numbers.start,
        at => sound.heard_from(at).map_or(numbers.end, |(number, _)| number),
    };
    place(from)..to.map_or(numbers.end, place)
}

fn too_large() -> Error {
    Error::too_large(format!("a segment of more than {BYTES_MAX} bytes or {SAMPLES_MAX} samples"))
}

/// What is carried of a stretch, and the units it makes up.
fn carry((timeline, numbers): Stretch<'_>) -> Result<(Carried, Vec<Unit>)> {
    let carriage = Carriage::of(timeline.track())?;
    let samples = || timeline.samples(numbers.clone()).filter(|sample| sample.size > 0);
    let units = match timeline.track().media {
        Media::Video(_) => units::pictures(&carriage, timeline, samples())?,
        Media::Audio(_) | Media::Other => units::sound(&carriage, timeline, samples())?,
    };
    let places = samples().map(|sample| sample.offset..sample.offset.saturating_add(sample.size.into()));
    let places: Vec<Range<u64>> = places.collect();
    let needed = merged(places.clone());
    Ok((Carried { carriage, places, needed }, units))
}

/// Ranges in ascending order, those that touch made one.
fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, last| {
        let touches = next.start <= last.end;
        if touches {
            last.end = last.end.max(next.end);
        }
        touches
    });
    ranges
}

impl Mux {
    /// How many bytes it has; `None` where only its writing tells, as lengths of fewer than four bytes stand before the
    /// units of its pictures.
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub fn len(&self) -> Option<u64> {
        self.len
    }

    /// Bytes it occupies in memory, roughly.
    pub fn weight(&self) -> usize {
        let places =
            [&self.pictures, &self.sound].into_iter().flatten().map(|side| side.places.len() + side.needed.len());
        size_of::<Mux>() + self.units.len() * size_of::<Unit>() + places.sum::<usize>() * size_of::<Range<u64>>()
    }

    /// The ranges of the source of its pictures that it needs, in ascending order.
    pub fn pictures(&self) -> &[Range<u64>] {
        self.pictures.as_ref().map_or(&[], |carried| &carried.needed)
    }

    /// The ranges of the source of its sound that it needs, in ascending order.
    pub fn sound(&self) -> &[Range<u64>] {
        self.sound.as_ref().map_or(&[], |carried| &carried.needed)
    }

    /// The segment, given the bytes of [`Mux::pictures`] and of [`Mux::sound`], one for each range. Fails where they are not
    /// as long as the ranges.
    pub fn write(&self, pictures: &[Bytes], sound: &[Bytes]) -> Result<Vec<u8>> {
        let sources = [Source::new(&self.pictures, pictures)?, Source::new(&self.sound, sound)?];
        let bytes = self.pictures().iter().chain(self.sound()).map(|range| range.end - range.start).sum::<u64>();
        let mut out = Vec::with_capacity(self.len.unwrap_or(bytes + bytes / 16) as usize);
        self.write_tables(&mut out);
        let mut streams = streams();
        let (mut head, mut scratch) = (Vec::new(), Vec::new());
        for unit in &self.units {
            if let Kind::Clock(clock) = unit.kind {
                streams[unit.side].write_clock(clock, &mut out);
                continue;
            }
            scratch.clear();
            scratch.resize(unit.header.len(), 0);
            sources[unit.side].wrap(unit, &mut scratch)?;
            head.clear();
            unit.header.write(scratch.len() - unit.header.len(), &mut head);
            scratch[..head.len()].copy_from_slice(&head);
            let packets = packets(unit, streams[unit.side], scratch.len());
            streams[unit.side].write(unit.start, &scratch, packets, &mut out);
        }
        Ok(out)
    }

    fn write_tables(&self, out: &mut Vec<u8>) {
        let counter = (self.number.wrapping_sub(1) % 16) as u8;
        let side = |pid, carried: &'_ Option<Carried>| carried.as_ref().map(|carried| (pid, carried.carriage.clone()));
        let streams: Vec<_> =
            [side(PICTURES, &self.pictures), side(SOUND, &self.sound)].into_iter().flatten().collect();
        let clock = if self.pictures.is_some() { PICTURES } else { SOUND };
        out.extend_from_slice(&tables::programs(counter));
        out.extend_from_slice(&tables::program(counter, clock, &streams));
    }

    /// Its length as it will be written, where that is known.
    fn measured(&self) -> Option<u64> {
        let carried = [&self.pictures, &self.sound].into_iter().flatten();
        if carried.into_iter().any(|carried| !carried.carriage.is_measured()) {
            return None;
        }
        let mut streams = streams();
        let mut count = 2;
        for unit in &self.units {
            let taken = packets(unit, streams[unit.side], unit.header.len() + unit.size);
            count += taken;
            if !matches!(unit.kind, Kind::Clock(_)) {
                streams[unit.side].packets += taken;
            }
        }
        Some(count * PACKET as u64)
    }
}

fn streams() -> [Stream; 2] {
    [PICTURES, SOUND].map(|pid| Stream { pid, packets: 0 })
}

/// How many packets a unit of so many bytes takes.
fn packets(unit: &Unit, stream: Stream, bytes: usize) -> u64 {
    match unit.kind {
        Kind::Clock(_) => 1,
        Kind::Inner => count(unit.start, bytes),
        Kind::Last => rounded(stream.packets, count(unit.start, bytes), bytes),
    }
}

/// What was read for a track.
struct Source<'a> {
    carried: Option<&'a Carried>,
    read: &'a [Bytes],
}

impl<'a> Source<'a> {
    fn new(carried: &'a Option<Carried>, read: &'a [Bytes]) -> Result<Source<'a>> {
        let needed = carried.as_ref().map_or(&[][..], |carried| &carried.needed);
        let fits = |(range, bytes): (&Range<u64>, &Bytes)| range.end - range.start == bytes.len() as u64;
        match needed.len() == read.len() && needed.iter().zip(read).all(fits) {
            true => Ok(Source { carried: carried.as_ref(), read }),
            false => Err(not_read()),
        }
    }

    /// Adds the samples of a unit as they are carried to `out`.
    fn wrap(&self, unit: &Unit, out: &mut Vec<u8>) -> Result<()> {
        let carried = self.carried.ok_or_else(not_read)?;
        for place in carried.places.get(unit.samples.clone()).unwrap_or_default() {
            let sample = self.sample(carried, place).ok_or_else(not_read)?;
            carried.carriage.wrap(sample, unit.keyframe, out);
        }
        Ok(())
    }

    fn sample(&self, carried: &Carried, place: &Range<u64>) -> Option<&'a [u8]> {
        let at = carried.needed.partition_point(|range| range.start <= place.start).checked_sub(1)?;
        let start = carried.needed[at].start;
        self.read.get(at)?.get((place.start - start) as usize..(place.end - start) as usize)
    }
}

fn not_read() -> Error {
    Error::new(Failure::Internal, "what was read is not what the segment needs")
}
