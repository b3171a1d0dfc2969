//! VP8 (RFC 6386) and VP9 (its bitstream specification): the heads of frames, and the `vpcC` configuration.

use super::Stated;
use super::bits::Bits;
use crate::media::Track;
use crate::media::picture::{Color, Range, Size};
use crate::media::time::Micros;

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

/// What the header of a key frame of VP9 says (VP9 section 6.2).
struct Header {
    profile: u8,
    depth: u8,
    /// As `vpcC` has it (VP Codec ISO Media File Format Binding section 2.2).
    chroma: u8,
    color: Color,
    size: Size,
}

impl Header {
    fn read(bits: &mut Bits<'_>) -> Option<Header> {
        if bits.number(2)? != 2 {
            return None;
        }
        let profile = u8::from(bits.bit()?) | u8::from(bits.bit()?) << 1;
        bits.skip(usize::from(profile == 3))?;
        // It shows no frame decoded before, is a key frame, and has the code of one.
        if bits.bit()? || bits.bit()? {
            return None;
        }
        bits.skip(2)?;
        if bits.number(24)? != 0x49_8342 {
            return None;
        }
        let depth = match profile >= 2 {
            true => 10 + 2 * u8::from(bits.bit()?),
            false => 8,
        };
        let space = bits.number(3)?;
        let is_rgb = space == 7;
        let full = is_rgb || bits.bit()?;
        let chroma = chroma(bits, profile, is_rgb)?;
        let size = Size { width: bits.number(16)? + 1, height: bits.number(16)? + 1 };
        let range = if full { Range::Full } else { Range::Limited };
        let (primaries, matrix) = [(2, 2), (6, 6), (1, 1), (6, 6), (7, 7), (9, 9), (2, 2), (1, 0)][space as usize];
        Some(Header { profile, depth, chroma, color: Color::from_codes(primaries, 2, matrix, range), size })
    }
}

/// How chroma is sampled: 1 for halves both ways, 2 for halves across, 3 for all.
fn chroma(bits: &mut Bits<'_>, profile: u8, is_rgb: bool) -> Option<u8> {
    if profile & 1 == 0 {
        return Some(1);
    }
    let (across, down) = if is_rgb { (false, false) } else { (bits.bit()?, bits.bit()?) };
    bits.skip(1)?;
    Some(match (across, down) {
        (_, true) => 1,
        (true, false) => 2,
        (false, false) => 3,
    })
}

/// Levels with the most pixels of a picture and the most a second (VP9 annex A).
const LEVELS: [(u8, u64, u64); 14] = [
    (10, 36_864, 829_440),
    (11, 73_728, 2_764_800),
    (20, 122_880, 4_608_000),
    (21, 245_760, 9_216_000),
    (30, 552_960, 20_736_000),
    (31, 983_040, 36_864_000),
    (40, 2_228_224, 83_558_400),
    (41, 2_228_224, 160_432_128),
    (50, 8_912_896, 311_951_360),
    (51, 8_912_896, 588_251_136),
    (52, 8_912_896, 1_176_502_272),
    (60, 35_651_584, 1_176_502_272),
    (61, 35_651_584, 2_353_004_544),
    (62, 35_651_584, 4_706_009_088),
];

/// The body of `vpcC` (VP Codec ISO Media File Format Binding section 2.2) for a track of VP9 whose first sample is `sample`.
pub(super) fn configuration(track: &Track, sample: &[u8]) -> Option<Vec<u8>> {
    let header = Header::read(&mut Bits::of(sample))?;
    let color = track.video().map_or(header.color, |format| format.color.or(header.color));
    let length = track.samples.end().micros(track.timescale).max(Micros(1)).0 as u64;
    let pixels = header.size.area();
    let rate = u128::from(pixels) * u128::from(track.samples.len()) * 1_000_000 / u128::from(length);
    let fits = |level: &&(u8, u64, u64)| pixels <= level.1 && rate <= level.2.into();
    let level = LEVELS.iter().find(fits).map_or(62, |level| level.0);
    let full = u8::from(color.range == Range::Full);
    let [primaries, transfer, matrix] = color.codes().map(|code| code as u8);
    // Version and flags, profile, level, depth and chroma and range, colours, and no data for the decoder.
    let formats = header.depth << 4 | header.chroma << 1 | full;
    Some(vec![1, 0, 0, 0, header.profile, level, formats, primaries, transfer, matrix, 0, 0])
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
