//! AV1: open bitstream units, the sequence header, the start of frame headers (AV1 Bitstream & Decoding Process section 5).

use super::Stated;
use super::bits::Bits;
use crate::media::picture::{Color, Range};

/// Units by kind (section 6.2.2).
const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

/// Where a flag of the sequence stands for "each frame says".
const EACH_FRAME: u32 = 2;

/// The kinds and the bodies of the units in a row of them. Ends at the first that is not whole.
fn units(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (head, mut rest) = bytes.split_first()?;
        if head & 4 != 0 {
            rest = rest.get(1..)?;
        }
        let length = match head & 2 {
            0 => rest.len(),
            _ => {
                let (length, behind) = leb128(rest)?;
                rest = behind;
                length
            }
        };
        let (body, behind) = rest.split_at_checked(length)?;
        bytes = behind;
        Some((head >> 3 & 15, body))
    })
}

/// A number of seven bits a byte, lowest first (section 4.10.5).
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0u64;
    for (place, byte) in bytes.iter().enumerate().take(8) {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(number).ok()?, &bytes[place + 1..]));
        }
    }
    None
}

/// What the header of a sequence says that matters to the headers of its frames.
#[derive(Debug)]
struct Sequence {
    reduced: bool,
    /// Whether frames carry times for a model of the decoder, which are not read here.
    timed: bool,
    /// Bits of the number of a frame; zero where they have none.
    id_bits: u32,
    screen_content: u32,
    integer_vectors: u32,
    order_bits: u32,
    format: Format,
    colors: Colors,
    /// Profile, and level and tier of the first operating point.
    profile: u8,
    level: u8,
    tier: u8,
}

/// Code points of ISO/IEC 23091-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colors {
    /// Primaries, transfer characteristics, matrix coefficients; 2 for unspecified.
    pub(super) codes: [u8; 3],
    /// Whether the range is full.
    pub(super) full: bool,
}

/// How the samples of pictures are stored, as `av1C` has it: its bits for depth, planes and the place of chroma.
type Format = u8;

impl Sequence {
    /// The first sequence header of a configuration: `av1C` (AV1 ISO Media File Format Binding section 2.3.3).
    fn of(config: &[u8]) -> Option<Sequence> {
        let (_, body) = units(config.get(4..)?).find(|(kind, _)| *kind == SEQUENCE_HEADER)?;
        Sequence::read(&mut Bits::of(body))
    }

    /// Section 5.5.1.
    fn read(bits: &mut Bits<'_>) -> Option<Sequence> {
        let profile = bits.number(3)?;
        bits.skip(1)?;
        let reduced = bits.bit()?;
        let (timed, level, tier) = match reduced {
            true => (false, bits.number(5)? as u8, 0),
            false => operating_points(bits)?,
        };
        let (wide, high) = (bits.number(4)? + 1, bits.number(4)? + 1);
        bits.skip((wide + high) as usize)?;
        let id_bits = match !reduced && bits.bit()? {
            true => bits.number(4)? + 2 + bits.number(3)? + 1,
            false => 0,
        };
        bits.skip(3)?;
        let (mut screen_content, mut integer_vectors, mut order_bits) = (EACH_FRAME, EACH_FRAME, 0);
        if !reduced {
            bits.skip(4)?;
            let ordered = bits.bit()?;
            bits.skip(if ordered { 2 } else { 0 })?;
            screen_content = if bits.bit()? { EACH_FRAME } else { bits.number(1)? };
            if screen_content > 0 {
                integer_vectors = if bits.bit()? { EACH_FRAME } else { bits.number(1)? };
            }
            order_bits = if ordered { bits.number(3)? + 1 } else { 0 };
        }
        bits.skip(3)?;
        let (format, colors) = colors(bits, profile)?;
        let profile = profile as u8;
        Some(Sequence {
            reduced,
            timed,
            id_bits,
            screen_content,
            integer_vectors,
            order_bits,
            format,
            colors,
            profile,
            level,
            tier,
        })
    }
}

/// Reads timing and operating points: whether frames carry times for the model of the decoder, and level and tier of the
/// first point.
fn operating_points(bits: &mut Bits<'_>) -> Option<(bool, u8, u8)> {
    let (mut model, mut delay_bits) = (false, 0);
    if bits.bit()? {
        bits.skip(64)?;
        if bits.bit()? {
            bits.uvlc()?;
        }
        model = bits.bit()?;
        if model {
            delay_bits = bits.number(5)? as usize + 1;
            bits.skip(42)?;
        }
    }
    let display_delay = bits.bit()?;
    let mut first = None;
    for _ in 0..=bits.number(5)? {
        bits.skip(12)?;
        let level = bits.number(5)? as u8;
        let tier = u8::from(level > 7 && bits.bit()?);
        first = first.or(Some((level, tier)));
        if model && bits.bit()? {
            bits.skip(2 * delay_bits + 1)?;
        }
        if display_delay && bits.bit()? {
            bits.skip(4)?;
        }
    }
    let (level, tier) = first?;
    Some((model, level, tier))
}

/// Section 5.5.2.
fn colors(bits: &mut Bits<'_>, profile: u32) -> Option<(Format, Colors)> {
    let deep = bits.bit()?;
    let deepest = deep && profile == 2 && bits.bit()?;
    let gray = profile != 1 && bits.bit()?;
    let codes = match bits.bit()? {
        true => [bits.number(8)?, bits.number(8)?, bits.number(8)?],
        false => [2; 3],
    };
    // sRGB has no bit for its range, which is full.
    let is_srgb = !gray && codes == [1, 13, 0];
    let full = is_srgb || bits.bit()?;
    let (half_across, half_down) = match profile {
        _ if gray => (true, true),
        _ if is_srgb => (false, false),
        0 => (true, true),
        1 => (false, false),
        _ if deepest => {
            let across = bits.bit()?;
            (across, across && bits.bit()?)
        }
        _ => (true, false),
    };
    let place = if !gray && half_across && half_down { bits.number(2)? as u8 } else { 0 };
    let flags = [deep, deepest, gray, half_across, half_down].map(u8::from);
    let format = flags.iter().fold(0, |format, flag| format << 1 | flag) << 2 | place;
    Some((format, Colors { codes: codes.map(|code| code as u8), full }))
}

/// What the start of a frame's header says.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// A frame decoded before is shown.
    Existing,
    /// A key frame.
    Key,
    /// Any other.
    Other,
}

fn start(bits: &mut Bits<'_>) -> Option<Start> {
    if bits.bit()? {
        return Some(Start::Existing);
    }
    Some(if bits.number(2)? == 0 { Start::Key } else { Start::Other })
}

/// True where the sample brings its own sequence header, and its first frame is a key frame.
pub(super) fn starts_decoding(sample: &[u8]) -> Option<bool> {
    let mut units = units(sample).filter(|(kind, _)| [SEQUENCE_HEADER, FRAME_HEADER, FRAME].contains(kind));
    let (kind, body) = units.next()?;
    if kind != SEQUENCE_HEADER {
        return Some(false);
    }
    // A sequence of stills alone has frames without the bits looked at here, all of them key frames.
    if Bits::of(body).number(5)? & 1 == 1 {
        return Some(true);
    }
    let (_, frame) = units.find(|(kind, _)| *kind != SEQUENCE_HEADER)?;
    Some(matches!(start(&mut Bits::of(frame))?, Start::Key))
}

/// True where no frame of the sample is kept to refer to: all that later frames take from earlier ones, probabilities and
/// motion included, they take from frames that were kept (section 7.20).
pub(super) fn is_droppable(config: &[u8], sample: &[u8]) -> bool {
    let mut frames = units(sample).filter(|(kind, _)| [SEQUENCE_HEADER, FRAME_HEADER, FRAME].contains(kind)).peekable();
    let Some(sequence) = Sequence::of(config).filter(|_| frames.peek().is_some()) else {
        return false;
    };
    frames.all(|(kind, body)| kind != SEQUENCE_HEADER && refreshes(&sequence, &mut Bits::of(body)) == Some(0))
}

/// The slots that a frame is kept in, a bit each; `None` where that is not read (section 5.9.2).
fn refreshes(sequence: &Sequence, bits: &mut Bits<'_>) -> Option<u32> {
    const INTRA_ONLY: u32 = 2;
    const SWITCH: u32 = 3;
    if sequence.reduced || sequence.timed || bits.bit()? {
        return None;
    }
    let kind = bits.number(2)?;
    let shown = bits.bit()?;
    if kind == 0 || kind == SWITCH {
        return None;
    }
    bits.skip(usize::from(!shown))?;
    let resilient = bits.bit()?;
    bits.skip(1)?;
    let screen_content = if sequence.screen_content == EACH_FRAME { bits.number(1)? } else { sequence.screen_content };
    if screen_content > 0 && sequence.integer_vectors == EACH_FRAME {
        bits.skip(1)?;
    }
    // The number of the frame, whether it states its size, its place in display order.
    bits.skip((sequence.id_bits + 1 + sequence.order_bits) as usize)?;
    bits.skip(if resilient || kind == INTRA_ONLY { 0 } else { 3 })?;
    bits.number(8)
}

/// The colours that a configuration states.
pub(super) fn colors_of(config: &[u8]) -> Option<Colors> {
    Some(Sequence::of(config)?.colors)
}

/// The body of `av1C` (AV1 ISO Media File Format Binding section 2.3.3) for a track whose first sample is `sample`.
pub(super) fn configuration(sample: &[u8]) -> Option<Vec<u8>> {
    let (kind, body) = units(sample).find(|(kind, _)| *kind == SEQUENCE_HEADER)?;
    let sequence = Sequence::read(&mut Bits::of(body))?;
    let mut config = vec![0x81, sequence.profile << 5 | sequence.level, sequence.tier << 7 | sequence.format, 0];
    // The unit, with its length before it.
    config.push(kind << 3 | 2);
    let mut length = body.len();
    while length > 0x7f {
        config.push(length as u8 | 0x80);
        length >>= 7;
    }
    config.push(length as u8);
    config.extend_from_slice(body);
    Some(config)
}

/// What the configuration says of pictures.
pub(super) fn stated(config: &[u8]) -> Option<Stated> {
    let Colors { codes, full } = colors_of(config)?;
    let [primaries, transfer, matrix] = codes.map(u16::from);
    let range = if full { Range::Full } else { Range::Limited };
    Some(Stated { sample_aspect: None, color: Color::from_codes(primaries, transfer, matrix, range) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by libaom of 320x240 with the colours of BT.709 in full range.
    const CONFIG: [u8; 20] = [
        0x81, 0x00, 0x0c, 0x00, 0x0a, 0x0e, 0x00, 0x00, 0x00, 0x04, 0x3c, 0xff, 0xbc, 0xda, 0xf9, 0x10, 0x10, 0x10,
        0x18, 0x40,
    ];

    #[test]
    fn the_configuration_states_colours() {
        let color = Color::from_codes(1, 1, 1, Range::Full);
        assert_eq!(stated(&CONFIG), Some(Stated { sample_aspect: None, color }));
        assert_eq!(stated(&CONFIG[..10]), None);
        assert_eq!(stated(&[]), None);
    }

    #[test]
    fn a_configuration_is_made_of_a_key_frame() {
        let key = [&[0x12, 0][..], &CONFIG[4..], &[0x30, 0x14, 0x00, 0xa0]].concat();
        assert_eq!(configuration(&key), Some(CONFIG.to_vec()));
        assert_eq!(configuration(&key[..8]), None);
        assert_eq!(configuration(&[0x12, 0]), None);
    }

    #[track_caller]
    fn check(sample: &[u8], droppable: bool, starts: Option<bool>) {
        assert_eq!((is_droppable(&CONFIG, sample), starts_decoding(sample)), (droppable, starts), "{sample:x?}");
    }

    #[test]
    fn samples_by_their_headers() {
        let key = [&[0x12, 0][..], &CONFIG[4..], &[0x30, 0x14, 0x00, 0xa0, 0x88, 0x10]].concat();
        let kept = [0x30, 0x32, 0x02, 0x08, 0x0a, 0x10, 0x8c, 0x83, 0x48];
        let unkept = [0x32, 9, 0x32, 0x1c, 0x00, 0x0f, 0x58, 0xc8, 0x83, 0x48, 0x00];
        check(&key, false, Some(true));
        check(&kept, false, Some(false));
        check(&unkept, true, Some(false));
        check(&[&unkept[..], &kept].concat(), false, Some(false));
        check(&[&CONFIG[4..], &unkept].concat(), false, Some(false));
        // One that shows a frame decoded before may stand for more than itself.
        check(&[0x1a, 0x01, 0xc8], false, Some(false));
        check(&[0x12, 0], false, None);
        check(&unkept[..4], false, None);
        assert!(!is_droppable(&CONFIG[..4], &unkept));
    }
}
