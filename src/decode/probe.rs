//! What a video stream says of its own shape, for containers that do not say it.

use super::decoder::{self, Decoder, Output};
use super::limits::Limits;
use super::planes;
use crate::error::Result;
use crate::media::{Codec, Track, VideoFormat};

/// Whether the stream of `track` may know more of its shape than the container and the codec's configuration told.
pub fn is_needed(track: &Track) -> bool {
    let Some(format) = track.video() else { return false };
    let says_it_itself = match track.codec {
        Codec::Avc | Codec::Hevc => track.config.is_empty(),
        Codec::Mpeg1 | Codec::Mpeg2 | Codec::Mpeg4 => true,
        _ => false,
    };
    format.coded.is_empty() || (says_it_itself && format.sample_aspect == (1, 1))
}

/// The format of `track` completed by what the picture in `keyframe` says: its size, its sample aspect where the container
/// has none, its colour where the container leaves it open. The format as it is where the picture does not decode.
pub fn complete(track: &Track, keyframe: &[u8], limits: Limits) -> Result<Option<VideoFormat>> {
    let Some(format) = track.video().copied() else { return Ok(None) };
    let mut decoder = Decoder::open(track, decoder::tag(track.codec, keyframe), limits.video_pixels_max)?;
    decoder.send(keyframe, 0)?;
    decoder.finish();
    let Output::Frame(frame) = decoder.receive()? else { return Ok(Some(format)) };
    let stated = planes::stated(&frame);
    let is_square = format.sample_aspect == (1, 1);
    Ok(Some(VideoFormat {
        coded: if stated.size.is_empty() { format.coded } else { stated.size },
        sample_aspect: if is_square { stated.sample_aspect } else { format.sample_aspect },
        orientation: format.orientation,
        color: format.color.or(stated.color),
        dolby_vision: format.dolby_vision,
    }))
}
