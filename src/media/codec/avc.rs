//! AVC, ISO/IEC 14496-10: kinds of units (section 7.4.1), and the sequence parameter set.

use super::bits::Bits;
use super::nal::{Framing, Units, unescaped};
use super::{Stated, sample_aspect};
use crate::media::picture::{Color, Range};

/// Bytes of a sequence parameter set that are looked at: with scaling lists written out, those before the colours fit.
const PARAMETERS_MAX: usize = 4096;

/// Bytes of the messages in front of a picture that are looked at.
const MESSAGES_MAX: usize = 4096;

fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |head| head & 31)
}

/// True where all slices say that they are not for reference, and nothing else in the sample is to be kept.
pub(super) fn is_droppable(units: Units<'_>) -> bool {
    let mut slices = false;
    for unit in units {
        match kind(unit) {
            1..=5 if unit[0] >> 5 & 3 != 0 => return false,
            1..=5 => slices = true,
            // Parameter sets hold for what comes after.
            7 | 8 | 13 | 15 => return false,
            _ => {}
        }
    }
    slices
}

/// True for an IDR picture, and for one that a recovery point names as exact from itself on.
pub(super) fn starts_decoding(units: Units<'_>) -> Option<bool> {
    let (mut slices, mut recovers) = (false, false);
    for unit in units {
        match kind(unit) {
            5 => return Some(true),
            1..=4 => slices = true,
            6 => recovers |= is_recovery_point(unit) == Some(true),
            _ => {}
        }
    }
    slices.then_some(recovers)
}

/// Whether a unit of messages has a recovery point of no frames (sections 7.3.2.3.1 and D.1.8).
fn is_recovery_point(unit: &[u8]) -> Option<bool> {
    let bytes = unescaped(unit.get(1..)?, MESSAGES_MAX);
    let recovery = messages(&bytes).find(|(kind, _)| *kind == 6);
    recovery.map_or(Some(false), |(_, message)| Some(Bits::of(message).golomb()? == 0))
}

/// The kinds and the bodies of the messages in a unit of them, without the head of the unit; the last may be cut short.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    std::iter::from_fn(move || {
        let (kind, behind) = extended(bytes).filter(|_| bytes.len() > 2)?;
        let (length, behind) = extended(behind)?;
        let (message, behind) = behind.split_at_checked(length).unwrap_or((behind, &[]));
        bytes = behind;
        Some((kind, message))
    })
}

/// A number of bytes of 255 and one less.
fn extended(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let full = bytes.iter().take_while(|byte| **byte == 255).count();
    let last = bytes.get(full)?;
    Some((full * 255 + usize::from(*last), &bytes[full + 1..]))
}

/// The parameter sets of an `avcC`, sequences first, as far as it is whole (ISO/IEC 14496-15 section 5.3.3.1).
pub(super) fn parameter_sets(config: &[u8]) -> Vec<&[u8]> {
    let mut sets = Vec::new();
    let mut rest = config.get(5..).unwrap_or_default();
    // The count of sequence parameter sets has five bits, that of picture parameter sets eight.
    for mask in [31, 255] {
        let Some((count, behind)) = rest.split_first() else { break };
        rest = behind;
        for _ in 0..count & mask {
            let Some((length, behind)) = rest.split_first_chunk::<2>() else { return sets };
            let Some((unit, behind)) = behind.split_at_checked(u16::from_be_bytes(*length).into()) else { return sets };
            rest = behind;
            sets.push(unit);
        }
    }
    sets
}

/// The first sequence parameter set of a configuration, without the head of its unit.
pub(super) fn parameters(config: &[u8]) -> Option<Vec<u8>> {
    let unit = match Framing::of_avc(config) {
        Framing::Lengths(_) => {
            let count = config.get(5)? & 31;
            let set = config.get(6..).filter(|_| count > 0)?;
            Framing::Lengths(2).units(set).next()?
        }
        Framing::StartCodes => Framing::StartCodes.units(config).find(|unit| kind(unit) == 7)?,
    };
    Some(unescaped(unit.get(1..)?, PARAMETERS_MAX))
}

/// What the parameters say of pictures (sections 7.3.2.1.1 and E.1.1).
pub(super) fn stated(config: &[u8]) -> Option<Stated> {
    let parameters = parameters(config)?;
    let mut bits = Bits::of(&parameters);
    let profile = bits.number(8)?;
    bits.skip(16)?;
    bits.golomb()?;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        high_profile(&mut bits)?;
    }
    bits.golomb()?;
    picture_order(&mut bits)?;
    // Reference frames, gaps, width and height.
    bits.golomb()?;
    bits.skip(1)?;
    bits.golomb()?;
    bits.golomb()?;
    let frames_only = bits.bit()?;
    bits.skip(if frames_only { 1 } else { 2 })?;
    if bits.bit()? {
        (0..4).try_for_each(|_| bits.golomb().map(drop))?;
    }
    if !bits.bit()? {
        return Some(Stated::default());
    }
    usability(&mut bits)
}

/// Chroma format, bit depths and scaling lists.
fn high_profile(bits: &mut Bits<'_>) -> Option<()> {
    let chroma = bits.golomb()?;
    if chroma == 3 {
        bits.skip(1)?;
    }
    bits.golomb()?;
    bits.golomb()?;
    bits.skip(1)?;
    if !bits.bit()? {
        return Some(());
    }
    for list in 0..if chroma == 3 { 12 } else { 8 } {
        if !bits.bit()? {
            continue;
        }
        let (mut last, mut next) = (8i64, 8i64);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = (last + bits.signed_golomb()?).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

fn picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.golomb()? {
        0 => bits.golomb().map(drop),
        1 => {
            bits.skip(1)?;
            bits.golomb()?;
            bits.golomb()?;
            let count = bits.golomb().filter(|count| *count < 256)?;
            (0..count).try_for_each(|_| bits.golomb().map(drop))
        }
        _ => Some(()),
    }
}

/// The start of the video usability information, which both AVC and HEVC have (ISO/IEC 23008-2 section E.2.1).
pub(super) fn usability(bits: &mut Bits<'_>) -> Option<Stated> {
    let mut stated = Stated::default();
    if bits.bit()? {
        stated.sample_aspect = match bits.number(8)? {
            255 => Some((bits.number(16)?, bits.number(16)?)).filter(|(wide, high)| *wide > 0 && *high > 0),
            number => sample_aspect(number),
        };
    }
    if bits.bit()? {
        bits.skip(1)?;
    }
    if bits.bit()? {
        bits.skip(3)?;
        let range = if bits.bit()? { Range::Full } else { Range::Limited };
        let codes = match bits.bit()? {
            true => [bits.number(8)?, bits.number(8)?, bits.number(8)?],
            false => [2; 3],
        };
        let [primaries, transfer, matrix] = codes.map(|code| code as u16);
        stated.color = Color::from_codes(primaries, transfer, matrix, range);
    }
    Some(stated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(sample: &[u8]) -> Units<'_> {
        Framing::Lengths(1).units(sample)
    }

    #[track_caller]
    fn check(sample: &[u8], droppable: bool, starts: Option<bool>) {
        assert_eq!((is_droppable(units(sample)), starts_decoding(units(sample))), (droppable, starts), "{sample:?}");
    }

    #[test]
    fn samples_by_their_units() {
        // An access unit delimiter, then slices: of IDR, of reference, of none.
        check(&[2, 9, 0x10, 2, 0x65, 0x88], false, Some(true));
        check(&[2, 9, 0x30, 2, 0x41, 0x9a, 2, 0x41, 0x9a], false, Some(false));
        check(&[2, 9, 0x50, 2, 0x01, 0x9e, 2, 0x01, 0x9e], true, Some(false));
        check(&[2, 0x01, 0x9e, 2, 0x21, 0x9e], false, Some(false));
        check(&[2, 0x68, 0, 2, 0x01, 0x9e], false, Some(false));
        check(&[2, 9, 0x50], false, None);
        check(&[], false, None);
    }

    #[test]
    fn recovery_points() {
        // A message of two bytes of another kind first, then a recovery point of no frames, or of two.
        check(&[9, 6, 1, 2, 0, 0, 6, 1, 0x84, 0x80, 2, 0x41, 0x9a], false, Some(true));
        check(&[5, 6, 6, 1, 0x64, 0x80, 2, 0x41, 0x9a], false, Some(false));
        check(&[3, 6, 6, 200, 2, 0x41, 0x9a], false, Some(false));
    }

    /// Made by x264 of 320x240 with a sample aspect of 64:45 and the colours of BT.2020 with PQ in limited range.
    const PARAMETERS: [u8; 31] = [
        0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0xfb, 0xff, 0x00, 0x40, 0x00, 0x2d, 0x6a, 0x12, 0x20, 0x12,
        0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x07, 0x8a, 0x14, 0xcb,
    ];

    #[test]
    fn parameters_state_shape_and_colours() {
        let config = [&[1, 0x64, 0, 0x0d, 0xff, 0xe1, 0, PARAMETERS.len() as u8][..], &PARAMETERS].concat();
        let color = Color::from_codes(9, 16, 9, Range::Limited);
        let expected = Some(Stated { sample_aspect: Some((64, 45)), color });
        assert_eq!(stated(&config), expected);
        assert_eq!(stated(&[&[0, 0, 1][..], &PARAMETERS].concat()), expected);
        assert_eq!(stated(&config[..20]), None);
        assert_eq!(stated(&[]), None);
    }

    #[test]
    fn scaling_lists_are_passed_over() {
        // High profile with two lists written out, one of which ends early, then as above from the frame number on.
        let mut bits = String::from("1" /* id */) + "010" /* 4:2:0 */ + "1" + "1" + "0" + "1";
        bits += &("1".to_owned() + &"1".repeat(16)); // a list of 16 equal numbers
        bits += &("1".to_owned() + "000010001"); // one that falls to zero, by -8, with its first number
        bits += &"0".repeat(6);
        bits += "1"; // frame number
        bits += "011"; // picture order of kind 2
        bits += "010"; // references
        bits += "0";
        bits += &("000010100".to_owned() + "0001111"); // 20 by 15 macroblocks
        bits += "1"; // frames only
        bits += "1";
        bits += "0"; // no cropping
        bits += "1"; // usability
        bits += &("1".to_owned() + "00000010" + "0" + "0");
        let bytes = |bits: &str| -> Vec<u8> {
            bits.as_bytes()
                .chunks(8)
                .map(|byte| byte.iter().fold(0, |b, bit| b << 1 | (bit - b'0')) << (8 - byte.len()))
                .collect()
        };
        let unit = [&[0, 0, 1, 0x67, 100, 0, 13][..], &bytes(&bits)].concat();
        assert_eq!(stated(&unit).and_then(|stated| stated.sample_aspect), Some((12, 11)));
    }
}
