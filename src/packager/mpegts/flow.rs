//! A segment piece by piece, in order, each written from nothing but the samples that lie in it.

use std::ops::Range;
use std::sync::Arc;

use super::carriage::{self, Carriage};
use super::packets::{PACKET, Packing, write_clock};
use super::units::{Kind, Unit};
use super::{Mux, TABLES, not_read};
use crate::error::Result;

/// A segment that is being written, from some packet on.
#[derive(Clone, Debug)]
pub struct Flow {
    mux: Arc<Mux>,
    /// The packet that is written next.
    packet: u64,
    /// The unit of a sample that the last packet ended in, of pictures; samples of sound have none.
    open: carriage::Unit,
}

/// The next packets of a segment, and what they are made of.
#[derive(Clone, Debug)]
pub struct Piece {
    packets: Range<u64>,
    parts: Vec<Part>,
    /// The ranges of the source of its pictures that it needs, in the order in which they are taken.
    pub pictures: Vec<Range<u64>>,
    /// The ranges of the source of its sound that it needs, in the order in which they are taken.
    pub sound: Vec<Range<u64>>,
}

/// Packets of one unit.
#[derive(Clone, Debug)]
struct Part {
    unit: usize,
    /// Counted from the first of the unit.
    packets: Range<u64>,
}

/// A part of what a unit is written as.
#[derive(Clone, Debug)]
enum Bit {
    /// Of its header.
    Header(Range<usize>),
    /// Of what comes before a sample.
    Front(usize, Range<usize>),
    /// Of a sample.
    Body(usize, Range<usize>),
}

impl Piece {
    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub fn len(&self) -> usize {
        (self.packets.end - self.packets.start) as usize * PACKET
    }
}

impl Flow {
    /// The segment from the start of the picture, or the run of sound, that the byte `at` belongs to, and how many bytes come
    /// before that byte. `None` for a segment whose length is not known.
    pub fn new(mux: Arc<Mux>, at: u64) -> Option<(Flow, u64)> {
        mux.len()?;
        let packet = at / PACKET as u64;
        let unit = mux.unit_at(packet).and_then(|place| mux.units.get(place));
        let packet = unit.map_or(0, |unit| unit.spot.packet.into());
        Some((Flow { mux, packet, open: carriage::Unit::default() }, at - packet * PACKET as u64))
    }

    /// The next piece, of at most so many bytes but no fewer than a packet has; `None` behind the last.
    pub fn next(&self, bytes_max: u64) -> Option<Piece> {
        let all = self.mux.len()? / PACKET as u64;
        let most = (bytes_max / PACKET as u64).max(1);
        let packets = self.packet..self.packet.saturating_add(most).min(all);
        if packets.is_empty() {
            return None;
        }
        let mut piece = Piece { packets: packets.clone(), parts: Vec::new(), pictures: Vec::new(), sound: Vec::new() };
        for place in self.mux.unit_at(packets.start).unwrap_or_default()..self.mux.units.len() {
            let unit = &self.mux.units[place];
            let first = u64::from(unit.spot.packet);
            if first >= packets.end {
                break;
            }
            let packets = packets.start.saturating_sub(first)..(packets.end - first).min(unit.spot.packets.into());
            let needed = if unit.side == 0 { &mut piece.pictures } else { &mut piece.sound };
            self.mux.need(unit, &packets, needed);
            piece.parts.push(Part { unit: place, packets });
        }
        Some(piece)
    }

    /// Adds the bytes of the next piece to `out`, given those of its pictures and of its sound, which are written over. Fails
    /// where they are not as many as are needed.
    pub fn write(&mut self, piece: &Piece, pictures: &mut [u8], sound: &mut [u8], out: &mut Vec<u8>) -> Result<()> {
        if piece.packets.start < TABLES {
            let mut tables = Vec::with_capacity(TABLES as usize * PACKET);
            self.mux.write_tables(&mut tables);
            let [from, to] =
                [piece.packets.start, piece.packets.end.min(TABLES)].map(|packet| packet as usize * PACKET);
            out.extend_from_slice(&tables[from..to]);
        }
        let mut read = [pictures, sound];
        let mux = Arc::clone(&self.mux);
        for part in &piece.parts {
            self.write_part(&mux, part, &mut read, out)?;
        }
        self.packet = piece.packets.end;
        Ok(())
    }

    fn write_part(&mut self, mux: &Mux, part: &Part, read: &mut [&mut [u8]; 2], out: &mut Vec<u8>) -> Result<()> {
        let unit = &mux.units[part.unit];
        let run = unit.run();
        if let Kind::Clock(clock) = unit.kind {
            write_clock(run.pid, run.before, clock, out);
            return Ok(());
        }
        let carried = mux.carried(unit).ok_or_else(not_read)?;
        let mut packing = Packing::new(&run, part.packets.start, out);
        let mut scratch = Vec::new();
        for bit in mux.bits(unit, run.offset(part.packets.start)..run.offset(part.packets.end)) {
            scratch.clear();
            match bit {
                Bit::Header(part) => {
                    unit.header.write(unit.size, &mut scratch);
                    packing.feed(&scratch[part]);
                }
                Bit::Front(sample, part) => {
                    carried.carriage.front(carried.size(sample) as u32, unit.keyframe, &mut scratch);
                    packing.feed(&scratch[part]);
                }
                Bit::Body(sample, part) => {
                    let size = carried.size(sample);
                    let rest = std::mem::take(&mut read[unit.side]);
                    let taken = with_ahead(&carried.carriage, &part, size).len();
                    let (bytes, rest) = rest.split_at_mut_checked(taken).ok_or_else(not_read)?;
                    read[unit.side] = rest;
                    carried.carriage.start_codes(bytes, part.clone(), size, &mut self.open);
                    packing.feed(&bytes[..part.len()]);
                }
            }
        }
        Ok(())
    }
}

/// A part of a sample with what must be read beside it.
fn with_ahead(carriage: &Carriage, part: &Range<usize>, size: usize) -> Range<usize> {
    part.start..(part.end + carriage.ahead()).min(size)
}

impl Mux {
    /// The place of the unit that a packet belongs to; `None` for those of the tables.
    fn unit_at(&self, packet: u64) -> Option<usize> {
        self.units.partition_point(|unit| u64::from(unit.spot.packet) <= packet).checked_sub(1)
    }

    /// Adds the ranges of the source that packets of a unit need; one that goes on where the last ended grows it.
    fn need(&self, unit: &Unit, packets: &Range<u64>, needed: &mut Vec<Range<u64>>) {
        let (run, Some(carried)) = (unit.run(), self.carried(unit)) else { return };
        for bit in self.bits(unit, run.offset(packets.start)..run.offset(packets.end)) {
            let Bit::Body(sample, part) = bit else { continue };
            let part = with_ahead(&carried.carriage, &part, carried.size(sample));
            let start = carried.places[sample].start;
            let range = start + part.start as u64..start + part.end as u64;
            match needed.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => needed.push(range),
            }
        }
    }

    /// What the bytes of a unit from one place to another are made of; nothing for a clock.
    fn bits<'a>(&'a self, unit: &'a Unit, part: Range<usize>) -> impl Iterator<Item = Bit> + 'a {
        let carried = self.carried(unit).filter(|_| !matches!(unit.kind, Kind::Clock(_)));
        let within = move |from: usize, to: usize| part.start.clamp(from, to) - from..part.end.clamp(from, to) - from;
        let header = unit.header.len();
        let first = carried.map(|_| Bit::Header(within(0, header)));
        let samples = carried.into_iter().flat_map(|carried| unit.samples.clone().map(move |sample| (carried, sample)));
        let behind = samples.scan(header, |at, (carried, sample)| {
            let start = *at;
            let body = start + carried.carriage.front_len(unit.keyframe);
            *at = body + carried.size(sample);
            Some((sample, start, body, *at))
        });
        let behind = behind.flat_map(move |(sample, start, body, end)| {
            [Bit::Front(sample, within(start, body)), Bit::Body(sample, within(body, end))]
        });
        first.into_iter().chain(behind).filter(|bit| !bit.range().is_empty())
    }
}

impl Bit {
    fn range(&self) -> &Range<usize> {
        match self {
            Bit::Header(range) | Bit::Front(_, range) | Bit::Body(_, range) => range,
        }
    }
}
