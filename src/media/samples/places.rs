//! Where the bytes of samples lie: the starts of runs of samples whose bytes follow each other.

use super::column::Column;

/// A run starts at every sample whose number is a multiple of this, so that any sample is near the start of one.
const WORD: u32 = u64::BITS;

/// The offsets of samples, given their sizes.
#[derive(Clone, Debug, PartialEq, Default)]
pub(in crate::media) struct Places {
    /// A bit for each sample: whether a run starts there. The lowest bit of every word is set.
    starts: Vec<u64>,
    /// How many runs start before each word.
    ranks: Vec<u32>,
    /// The low 32 bits of each run's offset.
    lows: Vec<u32>,
    /// The high bits of it, with the first run that has them.
    highs: Vec<(u32, u32)>,
    count: u32,
    /// Where the next sample lies if it follows the last.
    end: u64,
}

impl Places {
    /// An empty one with room for so many samples in so many runs.
    pub(in crate::media) fn with_room(samples: u32, runs: u32) -> Places {
        let words = samples.div_ceil(WORD) as usize;
        Places {
            starts: Vec::with_capacity(words),
            ranks: Vec::with_capacity(words),
            lows: Vec::with_capacity(words + runs.min(samples) as usize),
            ..Places::default()
        }
    }

    /// Adds a sample at the end. The offset and the size do not exceed 63 bits together.
    #[inline]
    pub(in crate::media) fn push(&mut self, offset: u64, size: u32) {
        let bit = self.count % WORD;
        if bit == 0 {
            self.starts.push(0);
            self.ranks.push(self.lows.len() as u32);
        }
        if bit == 0 || offset != self.end {
            if let Some(word) = self.starts.last_mut() {
                *word |= 1 << bit;
            }
            let high = (offset >> 32) as u32;
            if self.highs.last().is_none_or(|(_, last)| *last != high) {
                self.highs.push((self.lows.len() as u32, high));
            }
            self.lows.push(offset as u32);
        }
        self.end = offset.saturating_add(size.into());
        self.count += 1;
    }

    /// Gives back memory set aside for more.
    pub(in crate::media) fn shrink(&mut self) {
        self.starts.shrink_to_fit();
        self.ranks.shrink_to_fit();
        self.lows.shrink_to_fit();
        self.highs.shrink_to_fit();
    }

    /// How many samples there are.
    pub(in crate::media) fn len(&self) -> u32 {
        self.count
    }

    /// Bytes it occupies beside itself.
    pub(super) fn weight(&self) -> usize {
        let words = self.ranks.capacity() + self.lows.capacity() + 2 * self.highs.capacity();
        self.starts.capacity() * 8 + words * 4
    }

    /// The offset of a run that starts at the sample `number`; `None` where none starts there.
    pub(super) fn start(&self, number: u32) -> Option<u64> {
        let (first, offset) = self.run(number)?;
        (first == number).then_some(offset)
    }

    /// The offset of a sample of the table; `None` beyond its end.
    pub(super) fn offset(&self, number: u32, sizes: &Column) -> Option<u64> {
        let (first, offset) = self.run(number)?;
        Some(offset.saturating_add(sizes.sum(first, number) as u64))
    }

    /// The run that a sample belongs to: its first sample, and where that lies.
    fn run(&self, number: u32) -> Option<(u32, u64)> {
        let word = (number / WORD) as usize;
        let upto = self.starts.get(word)? & (u64::MAX >> (WORD - 1 - number % WORD));
        let run = self.ranks.get(word)? + upto.count_ones().checked_sub(1)?;
        let first = number / WORD * WORD + upto.ilog2();
        let high = self.highs.partition_point(|(from, _)| *from <= run).checked_sub(1)?;
        let offset = u64::from(self.highs[high].1) << 32 | u64::from(*self.lows.get(run as usize)?);
        Some((first, offset))
    }
}
