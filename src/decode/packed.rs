//! Pictures that writers of MPEG-4 packed into one sample, as containers without times of showing made them do: the second is
//! decoded in the place of the next sample, and at the end a placeholder gives its place to the last.

use std::collections::VecDeque;

use super::scan::Found;
use crate::media::Codec;
use crate::media::codec::{self, Part};

/// Gives each picture of a track the place that it is decoded in.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// The decoding times of samples so far; `None` where the container says none.
    places: VecDeque<Option<i64>>,
    /// Whether each picture so far is shown as soon as it is decoded.
    between: Vec<bool>,
    /// Whether any sample held more than one picture.
    any: bool,
}

impl Packed {
    /// For a track of `codec`; `None` where its samples hold one picture each.
    pub(super) fn of_codec(codec: Codec) -> Option<Packed> {
        codec::parts(codec, &[]).map(|_| Packed::default())
    }

    /// The pictures of the next sample, `data`, which is decoded at `decode_time`. None where it only gives its place to a
    /// picture that came early.
    pub(super) fn take(&mut self, codec: Codec, data: &[u8], decode_time: Option<i64>) -> Vec<Part> {
        let mut parts = codec::parts(codec, data).unwrap_or_default();
        self.any |= parts.len() > 1;
        if self.between.len() > self.places.len() {
            parts.retain(|part| !part.is_placeholder);
        }
        self.places.push_back(decode_time);
        self.between.extend(parts.iter().map(|part| part.is_between));
        parts
    }

    /// Whether pictures were packed.
    pub(super) fn any(&self) -> bool {
        self.any
    }

    /// Puts the pictures of the track in the places that they are decoded in. What is not shown at once
    /// waits for the next such one, which [`super::timeline::complete`] knows.
    pub(super) fn deal(mut self, found: &mut [Found]) {
        let mut next = None;
        for (sample, is_between) in found.iter_mut().zip(self.between) {
            sample.decode_time = self.places.pop_front().flatten().or(next);
            next = sample.decode_time.map(|time| time.saturating_add(sample.duration.max(1).into()));
            sample.time = sample.decode_time.filter(|_| is_between);
        }
    }
}
