//! When the samples of a track are decoded and composed.

use super::column::Column;
use super::order::BLOCK;

/// When samples are decoded and composed.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Timing {
    /// The decoding time of the first sample of each block.
    pub(super) starts: Vec<i64>,
    /// From each decoding time to the next.
    pub(super) deltas: Column,
    /// From decoding time to composition time.
    pub(super) shifts: Column,
    /// A bit for each sample that is never shown; empty where all are.
    unshown: Vec<u64>,
}

impl Timing {
    /// The times of `count` samples, the first of which is decoded at `first`.
    pub(super) fn of(count: u32, first: i64, deltas: Column, shifts: Column, unshown: Vec<u64>) -> Timing {
        let mut at = first;
        let starts = (0..count).step_by(BLOCK as usize).map(|number| {
            let start = at;
            at = at.wrapping_add(deltas.sum(number, number + BLOCK));
            start
        });
        Timing { starts: starts.collect(), deltas, shifts, unshown }
    }

    /// Bytes it occupies beside itself.
    pub(super) fn weight(&self) -> usize {
        let words = self.starts.capacity() + self.unshown.capacity();
        words * size_of::<i64>() + self.deltas.weight() + self.shifts.weight()
    }

    /// When a sample is decoded.
    pub(super) fn decode_time(&self, number: u32) -> i64 {
        let start = self.starts.get((number / BLOCK) as usize).copied().unwrap_or_default();
        start.wrapping_add(self.deltas.sum(number / BLOCK * BLOCK, number))
    }

    /// When a sample is composed, edits aside.
    pub(super) fn composition(&self, number: u32) -> i64 {
        self.decode_time(number).wrapping_add(self.shifts.get(number))
    }

    /// Whether a sample is made to be shown.
    pub(super) fn shows(&self, number: u32) -> bool {
        let word = self.unshown.get((number / BLOCK) as usize).copied().unwrap_or_default();
        word >> (number % BLOCK) & 1 == 0
    }

    /// The samples of a block that are shown, and when they are composed.
    pub(super) fn block(&self, block: u32) -> impl Iterator<Item = (u32, i64)> {
        let (first, mut times, mut shifts) = (block * BLOCK, [0; BLOCK as usize], [0; BLOCK as usize]);
        self.deltas.copy_to(first, &mut times);
        self.shifts.copy_to(first, &mut shifts);
        let mut decode_time = self.starts[block as usize];
        for (time, shift) in times.iter_mut().zip(shifts) {
            let delta = std::mem::replace(time, decode_time.wrapping_add(shift));
            decode_time = decode_time.wrapping_add(delta);
        }
        let numbers = first..self.deltas.len().min(first + BLOCK);
        numbers.zip(times).filter(|(number, _)| self.shows(*number))
    }

    /// The lowest and the highest composition time of each block.
    pub(super) fn bounds(&self) -> impl Iterator<Item = (i64, i64)> {
        let all = 0..self.starts.len() as u32;
        let steady = self.shifts.only().filter(|_| self.deltas.lowest().is_some_and(|lowest| lowest >= 0));
        let steady = steady.filter(|_| self.unshown.is_empty());
        all.map(move |block| match steady {
            // In order, as sound is: the first and the last of the block.
            Some(shift) => {
                let last = self.deltas.len().min((block + 1) * BLOCK) - 1;
                (self.decode_time(block * BLOCK).wrapping_add(shift), self.decode_time(last).wrapping_add(shift))
            }
            None => {
                let times = self.block(block).map(|(_, time)| time);
                times.fold((i64::MAX, i64::MIN), |(low, high), time| (low.min(time), high.max(time)))
            }
        })
    }
}
