//! The sample table of one track, compact: where each sample lies, when it is decoded and shown, where decoding can start.

use super::time::Ticks;

/// One coded frame, or one run of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its place in decoding order, from zero.
    pub number: u32,
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u32,
    /// When it is decoded.
    pub decode_time: Ticks,
    /// When it is shown: composition time with the edit list applied, so that the presentation starts at zero.
    pub time: Ticks,
    /// How long it lasts in decoding time.
    pub duration: u32,
    /// Whether decoding can start here.
    pub keyframe: bool,
}

/// What to decode for one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reach {
    /// The sample to start at, a keyframe.
    pub from: u32,
    /// The sample that holds the frame; not before `from`.
    pub target: u32,
    /// When the target is shown.
    pub time: Ticks,
}

/// The samples of a track in decoding order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples {}

impl Samples {
    /// How many there are.
    pub fn len(&self) -> u32 {
        todo!()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes the table occupies in memory, roughly.
    pub fn weight(&self) -> usize {
        todo!()
    }

    /// When the last frame's time on display ends.
    pub fn end(&self) -> Ticks {
        todo!()
    }

    /// When the last frame is shown.
    pub fn last_shown(&self) -> Ticks {
        todo!()
    }

    /// The sample at a place in decoding order.
    pub fn get(&self, _number: u32) -> Option<Sample> {
        todo!()
    }

    /// The samples of a range of places, in decoding order; what lies outside the table is left out.
    pub fn range(&self, _numbers: std::ops::Range<u32>) -> impl Iterator<Item = Sample> + '_ {
        std::iter::empty()
    }

    /// What to decode for the frame on display at `at`: the sample with the greatest time not after it, the first one shown
    /// where all are later. `None` for an empty table. Leading samples of an open GOP reach back to the keyframe before.
    pub fn frame_at(&self, _at: Ticks) -> Option<Reach> {
        todo!()
    }

    /// What to decode for the keyframe shown at or before `at`; `from` equals `target`.
    pub fn keyframe_at(&self, _at: Ticks) -> Option<Reach> {
        todo!()
    }
}
