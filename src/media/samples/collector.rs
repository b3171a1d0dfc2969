//! Sample tables in the making: samples in decoding order, one by one.

use super::column::Gathering;
use super::edits::Edit;
use super::order::BLOCK;
use super::places::Places;
use super::{Keyframes, SAMPLES_MAX, Samples, Tables};
use crate::error::{Error, Result};
use crate::media::time::Ticks;

/// A sample as a container gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw {
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u32,
    /// When it is decoded.
    pub decode_time: Ticks,
    /// When it is shown.
    pub time: Ticks,
    /// How long it lasts. Counts for the last sample alone: all others last until the next is decoded.
    pub duration: u32,
    /// Whether decoding can start here.
    pub keyframe: bool,
}

/// Collects the samples of a track in decoding order.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    places: Places,
    sizes: Gathering,
    deltas: Gathering,
    shifts: Gathering,
    /// `None` as long as all are keyframes.
    keyframes: Option<Vec<u32>>,
    unshown: Vec<u64>,
    first: i64,
    last: Option<Raw>,
}

impl Collector {
    /// An empty one.
    pub fn new() -> Collector {
        Collector::default()
    }

    /// How many samples were added.
    pub fn len(&self) -> u32 {
        self.places.len()
    }

    /// True before the first sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the first sample is decoded; `None` before it is added.
    pub(in crate::media) fn first_decoded(&self) -> Option<Ticks> {
        self.last.map(|_| Ticks(self.first))
    }

    /// Adds the next sample. Fails with `too large` beyond [`SAMPLES_MAX`], and with `unsupported` for an offset that no
    /// file has.
    pub fn push(&mut self, raw: Raw) -> Result<()> {
        let number = self.len();
        if number >= SAMPLES_MAX {
            return Err(Error::too_large(format!("the track has more than {SAMPLES_MAX} samples")));
        }
        if raw.offset > i64::MAX as u64 {
            return Err(Error::unsupported(format!("sample {number} lies outside any file: at {}", raw.offset)));
        }
        match self.last.replace(raw) {
            Some(before) => self.deltas.push(raw.decode_time.0.wrapping_sub(before.decode_time.0)),
            None => self.first = raw.decode_time.0,
        }
        match (&mut self.keyframes, raw.keyframe) {
            (Some(keyframes), true) => keyframes.push(number),
            (None, false) => self.keyframes = Some((0..number).collect()),
            (Some(_), false) | (None, true) => {}
        }
        self.places.push(raw.offset, raw.size);
        self.sizes.push(raw.size.into());
        self.shifts.push(raw.time.0.wrapping_sub(raw.decode_time.0));
        Ok(())
    }

    /// Adds the next sample, one that is decoded and never shown, like the alternate reference frames of VP8.
    pub fn push_unshown(&mut self, raw: Raw) -> Result<()> {
        let number = self.len();
        self.push(raw)?;
        let word = (number / BLOCK) as usize;
        self.unshown.resize(self.unshown.len().max(word + 1), 0);
        self.unshown[word] |= 1 << (number % BLOCK);
        Ok(())
    }

    /// The finished table.
    pub fn finish(self) -> Samples {
        self.finish_edited(Vec::new())
    }

    /// The finished table of what `edits` show; the times given were composition times.
    pub(in crate::media) fn finish_edited(mut self, edits: Vec<Edit>) -> Samples {
        if let Some(last) = self.last {
            self.deltas.push(last.duration.into());
        }
        self.places.shrink();
        Samples::of(Tables {
            places: self.places,
            sizes: self.sizes.finish(),
            first: self.first,
            deltas: self.deltas.finish(),
            shifts: self.shifts.finish(),
            keyframes: self.keyframes.map_or(Keyframes::All, Keyframes::Listed),
            unshown: self.unshown,
            edits,
        })
    }
}
