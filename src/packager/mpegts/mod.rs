//! Segments of an MPEG-2 transport stream (ISO/IEC 13818-1) with a track of pictures, one of sound, or both.
//!
//! - A segment stands alone: it opens with its tables, and its packets are numbered from zero. Those of its last access units
//!   are as many as bring the numbers back to zero, so that the next segment goes on where it ends; its tables are numbered
//!   by the segment.
//! - Presentation times are those of the timeline, from [`BASE`] on, each rescaled by itself, so that none drifts.
//! - Decoding times are those of the timeline, all earlier by one delay, which follows from the track and the window alone.

mod carriage;
mod flow;
mod packets;
mod tables;
mod units;

use std::ops::Range;

use bytes::Bytes;

use self::carriage::Carriage;
pub use self::flow::{Flow, Piece};
use self::packets::{PACKET, Packing, write_clock};
use self::units::{Kind, Spot, Unit, interleaved};
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

/// Most bytes of the samples of a segment that must be written to know its length: it is made in memory.
const UNMEASURED_BYTES_MAX: u64 = 1 << 25;

/// Where the packets of pictures and sound lie.
const PIDS: [u16; 2] = [0x100, 0x101];

/// How many packets the tables take.
const TABLES: u64 = 2;

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
        None if bytes > UNMEASURED_BYTES_MAX => Err(Error::too_large(format!(
            "a segment of more than {UNMEASURED_BYTES_MAX} bytes whose units have lengths of fewer than four bytes"
        ))),
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
        at => sound.heard_from(numbers.start, at).map_or(numbers.end, |(number, _)| number),
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
    Ok((Carried { carriage, places: places.collect() }, units))
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
        let places = self.sides().into_iter().flatten().map(|side| size_of_val(&side.places[..]));
        size_of::<Mux>() + size_of_val(&self.units[..]) + places.sum::<usize>()
    }

    /// The ranges of the source of its pictures that it needs, in ascending order.
    pub fn pictures(&self) -> Vec<Range<u64>> {
        self.pictures.as_ref().map(Carried::needed).unwrap_or_default()
    }

    /// The ranges of the source of its sound that it needs, in ascending order.
    pub fn sound(&self) -> Vec<Range<u64>> {
        self.sound.as_ref().map(Carried::needed).unwrap_or_default()
    }

    /// The whole segment, given the bytes of [`Mux::pictures`] and of [`Mux::sound`], one for each range. Fails where they are
    /// not as long as the ranges. What is large, or of a known length, had better flow: see [`Flow`].
    pub fn write(&self, pictures: &[Bytes], sound: &[Bytes]) -> Result<Vec<u8>> {
        let [of_pictures, of_sound] = self.sides();
        let sources = [Source::new(of_pictures, pictures)?, Source::new(of_sound, sound)?];
        let (mut out, mut scratch, mut before) = (Vec::new(), Vec::new(), [0; 2]);
        self.write_tables(&mut out);
        for unit in &self.units {
            if let Kind::Clock(clock) = unit.kind {
                write_clock(PIDS[unit.side], before[unit.side], clock, &mut out);
                continue;
            }
            scratch.clear();
            sources[unit.side].wrap(unit, &mut scratch)?;
            let mut head = Vec::with_capacity(unit.header.len());
            unit.header.write(scratch.len(), &mut head);
            let run = unit.laid(before[unit.side], scratch.len());
            let mut packing = Packing::new(&run, 0, &mut out);
            packing.feed(&head);
            packing.feed(&scratch);
            before[unit.side] += run.packets;
        }
        Ok(out)
    }

    fn write_tables(&self, out: &mut Vec<u8>) {
        let counter = (self.number.wrapping_sub(1) % 16) as u8;
        let carried = PIDS.into_iter().zip(self.sides());
        let streams = carried.filter_map(|(pid, side)| side.map(|side| (pid, side.carriage.clone())));
        let streams: Vec<_> = streams.collect();
        let clock = PIDS[usize::from(self.pictures.is_none())];
        out.extend_from_slice(&tables::programs(counter));
        out.extend_from_slice(&tables::program(counter, clock, &streams));
    }

    fn sides(&self) -> [Option<&Carried>; 2] {
        [self.pictures.as_ref(), self.sound.as_ref()]
    }

    fn carried(&self, unit: &Unit) -> Option<&Carried> {
        self.sides()[unit.side]
    }

    /// Its length as it will be written, where that is known; each unit then knows its place.
    fn measured(&mut self) -> Option<u64> {
        if self.sides().iter().flatten().any(|side| !side.carriage.is_measured()) {
            return None;
        }
        let (mut packets, mut before) = (TABLES, [0; 2]);
        for unit in &mut self.units {
            let run = unit.laid(before[unit.side], unit.size);
            let spot = (u32::try_from(packets), u32::try_from(run.packets), u32::try_from(run.before));
            // More than a segment may have: it is refused for its length.
            let (Ok(packet), Ok(count), Ok(before_it)) = spot else { return Some(u64::MAX) };
            unit.spot = Spot { packet, packets: count, before: before_it };
            packets += run.packets;
            if !matches!(unit.kind, Kind::Clock(_)) {
                before[unit.side] += run.packets;
            }
        }
        Some(packets * PACKET as u64)
    }
}

impl Carried {
    /// How many bytes a sample has.
    fn size(&self, sample: usize) -> usize {
        self.places.get(sample).map_or(0, |place| (place.end - place.start) as usize)
    }

    /// The ranges that hold all samples, in ascending order.
    fn needed(&self) -> Vec<Range<u64>> {
        merged(self.places.clone())
    }
}

/// What was read for a track.
struct Source<'a> {
    carried: Option<&'a Carried>,
    needed: Vec<Range<u64>>,
    read: &'a [Bytes],
}

impl<'a> Source<'a> {
    fn new(carried: Option<&'a Carried>, read: &'a [Bytes]) -> Result<Source<'a>> {
        let needed = carried.map(Carried::needed).unwrap_or_default();
        let fits = |(range, bytes): (&Range<u64>, &Bytes)| range.end - range.start == bytes.len() as u64;
        match needed.len() == read.len() && needed.iter().zip(read).all(fits) {
            true => Ok(Source { carried, needed, read }),
            false => Err(not_read()),
        }
    }

    /// Adds the samples of a unit as they are carried to `out`.
    fn wrap(&self, unit: &Unit, out: &mut Vec<u8>) -> Result<()> {
        let carried = self.carried.ok_or_else(not_read)?;
        for place in carried.places.get(unit.samples.clone()).unwrap_or_default() {
            carried.carriage.wrap(self.sample(place).ok_or_else(not_read)?, unit.keyframe, out);
        }
        Ok(())
    }

    fn sample(&self, place: &Range<u64>) -> Option<&'a [u8]> {
        let at = self.needed.partition_point(|range| range.start <= place.start).checked_sub(1)?;
        let start = self.needed[at].start;
        self.read.get(at)?.get((place.start - start) as usize..(place.end - start) as usize)
    }
}

fn not_read() -> Error {
    Error::new(Failure::Internal, "what was read is not what the segment needs")
}
