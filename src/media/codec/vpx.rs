//! VP8 (RFC 6386) and VP9 (its bitstream specification): the heads of frames, and the `vpcC` configuration.

use super::Stated;
use super::bits::Bits;
use crate::media::picture::{Color, Range};

/// True for a key frame (RFC 6386 section 9.1).
pub(super) fn starts_decoding_vp8(sample: &[u8]) -> Option<bool> {
    sample.first().map(|head| head & 1 == 0)
}

/// True where the first frame of the sample is a key frame (VP9 section 6.2).
pub(super) fn starts_decoding_vp9(sample: &[u8]) -> Option<bool> {
    let mut bits = Bits::of(sample);
    if bits.number(2)? != 2 {
        return None;
    }
    let profile = u8::from(bits.bit()?) | u8::from(bits.bit()?) << 1;
    if profile == 3 {
        bits.skip(1)?;
    }
    let shows_existing = bits.bit()?;
    Some(!shows_existing && !bits.bit()?)
}

/// The colours in a `vpcC` box (VP Codec ISO Media File Format Binding section 2.2).
pub(super) fn stated(config: &[u8]) -> Option<Stated> {
    // Version and flags (4), profile, level.
    let [_, _, _, _, _, _, depth, primaries, transfer, matrix] = *config.first_chunk::<10>()?;
    let range = if depth & 1 == 1 { Range::Full } else { Range::Limited };
    Some(Stated {
        sample_aspect: None,
        color: Color::from_codes(primaries.into(), transfer.into(), matrix.into(), range),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames() {
        assert_eq!(starts_decoding_vp8(&[0x50, 0x42, 0, 0x9d, 1, 0x2a]), Some(true));
        assert_eq!(starts_decoding_vp8(&[0x31, 0x42]), Some(false));
        assert_eq!(starts_decoding_vp8(&[]), None);
        assert_eq!(starts_decoding_vp9(&[0x82, 0x49, 0x83, 0x42]), Some(true));
        assert_eq!(starts_decoding_vp9(&[0x86, 0x00]), Some(false));
        assert_eq!(starts_decoding_vp9(&[0x88]), Some(false));
        assert_eq!(starts_decoding_vp9(&[0x42]), None);
    }
}
