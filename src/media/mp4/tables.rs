//! The sample tables of a track in `moov` (ISO/IEC 14496-12 sections 8.6 and 8.7).
//!
//! Tables that do not agree on the number of samples are common and mostly harmless: `stsz` decides, times that are missing
//! repeat the last one, composition offsets that are missing are zero, and what is too much is ignored.

use super::boxes::{Atom, Cursor, damaged};
use crate::error::{Error, Result};
use crate::media::samples::{Collector, Column, Edit, Keyframes, Places, Raw, SAMPLES_MAX, Samples, Tables};
use crate::media::time::Ticks;

/// Samples that may still be read from a file: [`SAMPLES_MAX`] in all its tracks together.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
}

impl Budget {
    /// What a file starts with.
    pub(super) fn new() -> Budget {
        Budget { left: SAMPLES_MAX }
    }

    /// Takes `count` samples out of it, or fails with `too large`.
    pub(super) fn take(&mut self, count: u32) -> Result<()> {
        let left = self.left.checked_sub(count);
        self.left = left.ok_or_else(|| Error::too_large(format!("the file has more than {SAMPLES_MAX} samples")))?;
        Ok(())
    }
}

/// The samples that an `stbl` box describes in a file of `file_size` bytes, as `edits` show them.
pub(super) fn samples(stbl: Atom<'_>, edits: Vec<Edit>, file_size: u64, budget: &mut Budget) -> Result<Samples> {
    let sizes = Sizes::read(stbl)?;
    if sizes.count() == 0 {
        return Ok(Samples::default());
    }
    budget.take(sizes.count())?;
    let chunks = Chunks::read(stbl, file_size)?;
    let (places, column) = match &sizes {
        Sizes::Same(size, count) => {
            let sizes = std::iter::repeat_n(*size, *count as usize);
            (chunks.places(sizes)?, Column::of_runs(std::iter::once((i64::from(*size), *count))))
        }
        Sizes::Words(words) => (chunks.places(numbers(words))?, Column::of_values(numbers(words))),
        Sizes::Narrow(sizes) => (chunks.places(sizes.iter().copied())?, Column::of_values(sizes.iter().copied())),
    };
    if places.len() < sizes.count() {
        let (placed, count) = (places.len(), sizes.count());
        return Err(damaged(*b"stsc", &format!("gives a place to {placed} of {count} samples")));
    }
    Ok(Samples::of(Tables {
        places,
        sizes: column,
        first: 0,
        deltas: deltas(stbl, sizes.count())?,
        shifts: shifts(stbl, sizes.count())?,
        keyframes: keyframes(stbl, sizes.count())?,
        unshown: Vec::new(),
        edits,
    }))
}

/// The chunks of an `stbl` box, each as one sample: for sound without compression, whose samples are single values, hundreds
/// of millions in two hours. `None` unless these are all of one size and one length.
pub(super) fn chunks(stbl: Atom<'_>, edits: Vec<Edit>, file_size: u64, budget: &mut Budget) -> Result<Option<Samples>> {
    let Sizes::Same(size, mut left) = Sizes::read(stbl)? else {
        return Ok(None);
    };
    let Some(delta) = deltas(stbl, left)?.only() else {
        return Ok(None);
    };
    let chunks = Chunks::read(stbl, file_size)?;
    budget.take(chunks.count)?;
    let (mut collector, mut offsets, mut at) = (Collector::new(), chunks.offsets, 0i64);
    for row in chunks.rows() {
        let (numbers, samples) = row?;
        for _ in numbers {
            let samples = samples.min(left);
            let duration = delta.saturating_mul(samples.into()).clamp(0, u32::MAX.into());
            collector.push(Raw {
                offset: offsets.number(chunks.width)?,
                size: size.saturating_mul(samples),
                decode_time: Ticks(at),
                time: Ticks(at),
                duration: duration as u32,
                keyframe: true,
            })?;
            (left, at) = (left - samples, at.saturating_add(duration));
        }
    }
    Ok(Some(collector.finish_edited(edits)))
}

/// The 32-bit numbers of a table.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> + Clone {
    bytes.as_chunks().0.iter().map(|word| u32::from_be_bytes(*word))
}

/// The rows of two 32-bit numbers of a table.
fn pairs(bytes: &[u8]) -> impl Iterator<Item = (u32, u32)> + Clone {
    bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|&[a, b, c, d, e, f, g, h]| (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
}

/// The sizes of samples, as stored.
enum Sizes<'a> {
    Same(u32, u32),
    Words(&'a [u8]),
    Narrow(Vec<u32>),
}

impl Sizes<'_> {
    fn read(stbl: Atom<'_>) -> Result<Sizes<'_>> {
        if let Some(stsz) = stbl.child(*b"stsz")? {
            let (_, _, mut cursor) = stsz.full()?;
            let (size, count) = (cursor.u32()?, cursor.u32()?);
            return match size {
                0 => cursor.table(count, 4).map(Sizes::Words),
                size => Ok(Sizes::Same(size, count)),
            };
        }
        let stz2 = stbl.child(*b"stz2")?.ok_or_else(|| damaged(*b"stbl", "states no sample sizes"))?;
        let (_, _, mut cursor) = stz2.full()?;
        let (width, count) = (cursor.u32()? & 0xff, cursor.u32()?);
        let sizes = match width {
            4 => {
                let bytes = cursor.table(count.div_ceil(2), 1)?;
                let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
                halves.map(u32::from).take(count as usize).collect()
            }
            8 => cursor.table(count, 1)?.iter().map(|byte| u32::from(*byte)).collect(),
            16 => cursor.table(count, 2)?.as_chunks().0.iter().map(|word| u16::from_be_bytes(*word).into()).collect(),
            width => return Err(damaged(stz2.kind, &format!("has sizes of {width} bits; 4, 8 and 16 are known"))),
        };
        Ok(Sizes::Narrow(sizes))
    }

    fn count(&self) -> u32 {
        match self {
            Sizes::Same(_, count) => *count,
            // Both are at most as long as a table whose length was given in 32 bits.
            Sizes::Words(words) => (words.len() / 4) as u32,
            Sizes::Narrow(sizes) => sizes.len() as u32,
        }
    }
}

/// The chunks of a track: runs of samples whose bytes follow each other.
struct Chunks<'a> {
    /// Rows of first chunk, samples a chunk, sample description.
    runs: &'a [[u8; 12]],
    offsets: Cursor<'a>,
    width: u8,
    count: u32,
    file_size: u64,
}

impl<'a> Chunks<'a> {
    fn read(stbl: Atom<'a>, file_size: u64) -> Result<Chunks<'a>> {
        let (_, _, mut stsc) = stbl.required(*b"stsc")?.full()?;
        let rows = stsc.u32()?;
        let runs = stsc.table(rows, 12)?.as_chunks().0;
        let (offsets, width) = match stbl.child(*b"stco")? {
            Some(stco) => (stco, 4),
            None => (stbl.required(*b"co64")?, 8),
        };
        let (_, _, mut offsets) = offsets.full()?;
        let count = offsets.u32()?;
        offsets.clone().table(count, width.into())?;
        Ok(Chunks { runs, offsets, width, count, file_size })
    }

    /// The chunks from `from` on up to which a row of `stsc` holds, counted from one, and the samples in each.
    fn rows(&self) -> impl Iterator<Item = Result<(std::ops::Range<u32>, u32)>> {
        let field = |row: &[u8; 12], at: usize| u32::from_be_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        let behind = self.count.saturating_add(1);
        self.runs.iter().enumerate().map(move |(place, row)| {
            let (first, samples) = (field(row, 0), field(row, 4));
            let next = self.runs.get(place + 1).map_or(behind, |next| field(next, 0));
            if first == 0 || next < first || (place == 0 && first != 1) {
                return Err(damaged(*b"stsc", &format!("leaves a gap: row {place} starts at chunk {first}")));
            }
            Ok((first..next.min(behind), samples))
        })
    }

    /// Where the samples of these sizes lie, as far as the chunks hold them. All lie inside the file.
    fn places(&self, mut sizes: impl Iterator<Item = u32>) -> Result<Places> {
        let mut places = Places::with_room(sizes.size_hint().0 as u32, self.count);
        let mut offsets = self.offsets;
        for row in self.rows() {
            let (chunks, samples) = row?;
            for chunk in chunks {
                let offset = offsets.number(self.width)?;
                let mut at = offset.min(self.file_size);
                for size in sizes.by_ref().take(samples as usize) {
                    places.push(at, size);
                    at = at.saturating_add(size.into());
                }
                if offset > self.file_size || at > self.file_size {
                    return Err(self.outside(chunk, offset));
                }
            }
        }
        places.shrink();
        Ok(places)
    }

    fn outside(&self, chunk: u32, offset: u64) -> Error {
        Error::unsupported(format!(
            "the file is cut short or damaged: chunk {chunk} of a track, at {offset}, reaches beyond its {} bytes",
            self.file_size
        ))
    }
}

/// From each decoding time to the next.
fn deltas(stbl: Atom<'_>, count: u32) -> Result<Column> {
    let (_, _, mut cursor) = stbl.required(*b"stts")?.full()?;
    let rows = cursor.u32()?;
    let rows = pairs(cursor.table(rows, 8)?);
    // Some writers store a step back as a negative number, which the standard does not have; it must not become a leap.
    let delta = |delta: u32| i64::from(i32::try_from(delta).unwrap_or(0));
    let last = rows.clone().last().map_or(0, |(_, last)| delta(last));
    Ok(Column::of_runs(exactly(rows.map(move |(count, value)| (delta(value), count)), count, last)))
}

/// From decoding time to composition time.
fn shifts(stbl: Atom<'_>, count: u32) -> Result<Column> {
    let Some(ctts) = stbl.child(*b"ctts")? else {
        return Ok(Column::of_runs(std::iter::once((0, count))));
    };
    let (_, _, mut cursor) = ctts.full()?;
    let rows = cursor.u32()?;
    let rows = pairs(cursor.table(rows, 8)?);
    // Signed in version 1; writers do not always say so, and no honest offset needs the highest bit.
    Ok(Column::of_runs(exactly(rows.map(|(count, shift)| (i64::from(shift as i32), count)), count, 0)))
}

/// Runs of numbers made to cover exactly `count` samples, with `missing` where they end early.
fn exactly(
    runs: impl Iterator<Item = (i64, u32)> + Clone,
    count: u32,
    missing: i64,
) -> impl Iterator<Item = (i64, u32)> + Clone {
    let mut left = count;
    runs.chain(std::iter::once((missing, u32::MAX))).filter_map(move |(value, count)| {
        let count = count.min(left);
        left -= count;
        (count > 0).then_some((value, count))
    })
}

fn keyframes(stbl: Atom<'_>, count: u32) -> Result<Keyframes> {
    let Some(stss) = stbl.child(*b"stss")? else {
        return Ok(Keyframes::All);
    };
    let (_, _, mut cursor) = stss.full()?;
    let rows = cursor.u32()?;
    let numbers = numbers(cursor.table(rows, 4)?).filter_map(|number| number.checked_sub(1));
    let mut numbers: Vec<u32> = numbers.filter(|number| *number < count).collect();
    if !numbers.is_sorted_by(|one, next| one < next) {
        numbers.sort_unstable();
        numbers.dedup();
    }
    numbers.shrink_to_fit();
    Ok(if numbers.len() == count as usize { Keyframes::All } else { Keyframes::Listed(numbers) })
}
