//! What coded samples and their configuration say without being decoded: where decoding can start, what nothing else refers
//! to, how pixels are shaped and coloured, and how RFC 6381 names it all.

mod aac;
mod av1;
mod avc;
mod bits;
mod closed;
mod dolby;
mod hevc;
mod mpeg;
mod nal;
mod name;
mod sets;
mod vpx;

use self::nal::Framing;
use super::picture::Color;
use super::{Codec, Track};

pub use self::aac::{Adts, adts, channels};
pub use self::closed::closed_captions;
pub use self::mpeg::Part;
pub use self::name::{dolby_vision, dolby_vision_beside, name};
pub use self::sets::{Setup, setup};

/// Whether no other sample refers to this one, so that one that is not shown need not be decoded either. False where that
/// is not certain. `config` is the track's configuration.
pub fn droppable(codec: Codec, config: &[u8], sample: &[u8]) -> bool {
    match codec {
        Codec::Avc => avc::is_droppable(Framing::of_avc(config).units(sample)),
        Codec::Hevc => hevc::is_droppable(Framing::of_hevc(config).units(sample), hevc::highest_sub_layer(config)),
        Codec::Av1 => av1::is_droppable(config, sample),
        Codec::Mpeg1 | Codec::Mpeg2 => mpeg::is_droppable_mpeg2(sample),
        Codec::Mpeg4 => mpeg::is_droppable_mpeg4(sample),
        // Every frame of these stands alone.
        Codec::ProRes | Codec::Mjpeg => true,
        // A frame of VP8 that nothing refers to still moves the probabilities of those after it, and one of VP9 their
        // motion vectors too.
        _ => false,
    }
}

/// Whether decoding can start at this sample; `None` where that cannot be told. What is shown before it but stored behind
/// it may still need the samples before.
pub fn starts_decoding(codec: Codec, config: &[u8], sample: &[u8]) -> Option<bool> {
    match codec {
        Codec::Avc => avc::starts_decoding(Framing::of_avc(config).units(sample)),
        Codec::Hevc => hevc::starts_decoding(Framing::of_hevc(config).units(sample)),
        Codec::Av1 => av1::starts_decoding(sample),
        Codec::Vp8 => vpx::starts_decoding_vp8(sample),
        Codec::Vp9 => vpx::starts_decoding_vp9(sample),
        Codec::Mpeg1 | Codec::Mpeg2 => mpeg::starts_decoding_mpeg2(sample),
        Codec::Mpeg4 => mpeg::starts_decoding_mpeg4(sample),
        Codec::ProRes | Codec::Mjpeg => Some(true),
        _ => None,
    }
}

/// The coded pictures of a sample, where the codec lets writers put several into one; `None` for other codecs.
pub fn parts(codec: Codec, sample: &[u8]) -> Option<Vec<Part>> {
    (codec == Codec::Mpeg4).then(|| mpeg::parts_mpeg4(sample))
}

/// The configuration that `track` should have, made of what `keyframe`, its first one, says; `None` where that says nothing,
/// or the codec is none whose configuration can be made so.
pub fn configuration(track: &Track, keyframe: &[u8]) -> Option<Vec<u8>> {
    match track.codec {
        Codec::Av1 => av1::configuration(keyframe),
        Codec::Vp9 => vpx::configuration(track, keyframe),
        Codec::Ac3 => dolby::configuration_ac3(keyframe),
        Codec::Eac3 => dolby::configuration_eac3(keyframe),
        _ => None,
    }
}

/// What a codec's configuration says of its pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stated {
    /// Width of a pixel to its height; neither is zero. `None` where it does not say.
    pub sample_aspect: Option<(u32, u32)>,
    /// The colours, as far as it says.
    pub color: Color,
}

/// What the configuration of a track says of its pictures; nothing where it is damaged, or of a codec that keeps it
/// elsewhere.
pub fn stated(codec: Codec, config: &[u8]) -> Stated {
    let found = match codec {
        Codec::Avc => avc::stated(config),
        Codec::Hevc => hevc::stated(config),
        Codec::Av1 => av1::stated(config),
        Codec::Vp9 => vpx::stated(config),
        _ => None,
    };
    found.unwrap_or_default()
}

/// Sample aspects by number (ISO/IEC 23091-2 section 8.6); `None` for unspecified ones.
fn sample_aspect(number: u32) -> Option<(u32, u32)> {
    const ASPECTS: [(u32, u32); 16] = [
        (1, 1),
        (12, 11),
        (10, 11),
        (16, 11),
        (40, 33),
        (24, 11),
        (20, 11),
        (32, 11),
        (80, 33),
        (18, 11),
        (15, 11),
        (64, 33),
        (160, 99),
        (4, 3),
        (3, 2),
        (2, 1),
    ];
    ASPECTS.get((number as usize).checked_sub(1)?).copied()
}
