//! Decoded frames of a video track, from its samples.

use bytes::Bytes;

use crate::error::Result;
use crate::media::Track;
use crate::media::time::Ticks;
use crate::thumbnail::Picture;

/// One sample's bytes, with the time its frame is shown.
#[derive(Clone, Debug)]
pub struct Coded {
    /// When its frame is shown, in the track's timescale.
    pub time: Ticks,
    /// Its bytes as the container carries them.
    pub data: Bytes,
}

/// Open decoders kept for the next use, by codec configuration.
#[derive(Debug, Default)]
pub struct Decoders {}

impl Decoders {
    /// Decodes `samples`, which start at a keyframe and are in decoding order, and hands over the frames shown at the times
    /// in `wanted`, in any order, each once. Samples that no wanted frame refers to are skipped. Blocks for as long as it
    /// takes; asks `stop` between samples whether to give up.
    pub fn decode(
        &self,
        _track: &Track,
        _samples: &[Coded],
        _wanted: &[Ticks],
        _stop: &dyn Fn() -> bool,
        _on_frame: &mut dyn FnMut(Ticks, Picture) -> Result<()>,
    ) -> Result<()> {
        todo!()
    }
}
