//! How a track is carried in a transport stream: what announces it, and what is put around its samples.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::media::codec::{self, Adts, Setup};
use crate::media::{AudioFormat, Codec, Media, Packing, Track};

/// Bytes of an ADTS header without a checksum (ISO/IEC 14496-3 section 1.A.2.2).
const ADTS_BYTES: usize = 7;

/// Longest AAC frame with its ADTS header: the header has 13 bits for it.
const ADTS_FRAME_MAX: usize = (1 << 13) - 1;

/// Longest run of sound in one packet: its length has 16 bits, which count eight bytes of the header too.
pub(super) const SOUND_MAX: usize = u16::MAX as usize - 8;

/// The access unit delimiters of AVC and HEVC that allow every kind of picture, behind start codes.
const DELIMITER_AVC: &[u8] = &[0, 0, 0, 1, 0x09, 0xf0];
const DELIMITER_HEVC: &[u8] = &[0, 0, 0, 1, 0x46, 0x01, 0x50];

/// How a track is carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Carriage {
    /// The type that announces it (ISO/IEC 13818-1 table 2-34).
    pub(super) stream_type: u8,
    /// The identifier of its packets (table 2-22).
    pub(super) stream_id: u8,
    /// What is said of it besides (section 2.6).
    pub(super) descriptors: Vec<u8>,
    wrapping: Wrapping,
}

/// What is put around samples.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wrapping {
    Avc(Setup),
    Hevc(Setup),
    Adts(Adts),
    /// Frames that say themselves what they are.
    Plain,
}

impl Carriage {
    /// How `track` is carried; fails where it is not.
    pub(super) fn of(track: &Track) -> Result<Carriage> {
        let refuse = |why: &str| {
            let name = codec::name(track.codec, &track.config);
            Error::unsupported(format!("track {} ({name}) does not go into MPEG-TS: {why}", track.id))
        };
        if track.packing != Packing::Plain {
            return Err(refuse("its samples are scattered in the file"));
        }
        let (stream_type, stream_id, format, wrapping) = match (&track.media, track.codec) {
            (Media::Video(_), Codec::Avc | Codec::Hevc) => {
                let setup = codec::setup(track.codec, &track.config);
                let setup = setup.ok_or_else(|| refuse("it has no configuration"))?;
                match track.codec {
                    Codec::Avc => (0x1b, 0xe0, None, Wrapping::Avc(setup)),
                    _ => (0x24, 0xe0, Some(b"HEVC"), Wrapping::Hevc(setup)),
                }
            }
            (Media::Audio(_), Codec::Aac) => {
                let adts = codec::adts(&track.config);
                let adts = adts.ok_or_else(|| refuse("ADTS cannot express its configuration"))?;
                (0x0f, 0xc0, None, Wrapping::Adts(adts))
            }
            (Media::Audio(format), Codec::Mp3) => (layer_3(format), 0xc0, None, Wrapping::Plain),
            // ATSC A/52 sections A.3 and G.3.
            (Media::Audio(_), Codec::Ac3) => (0x81, 0xbd, Some(b"AC-3"), Wrapping::Plain),
            (Media::Audio(_), Codec::Eac3) => (0x87, 0xbd, Some(b"EAC3"), Wrapping::Plain),
            (Media::Video(_), _) => return Err(refuse("pictures must be AVC or HEVC")),
            (Media::Audio(_), _) => return Err(refuse("sound must be AAC, MP3, AC-3 or E-AC-3")),
            (Media::Other, _) => return Err(refuse("it is neither pictures nor sound")),
        };
        Ok(Carriage { stream_type, stream_id, descriptors: descriptors(track, format), wrapping })
    }

    /// Whether the size of a sample as carried is known from its size in the file.
    pub(super) fn is_measured(&self) -> bool {
        match &self.wrapping {
            Wrapping::Avc(setup) | Wrapping::Hevc(setup) => setup.length_size == 4,
            Wrapping::Adts(_) | Wrapping::Plain => true,
        }
    }

    /// The size as carried of a sample of `size` bytes; a keyframe brings the parameter sets with it. At least that where
    /// it is not measured. Fails for sound that is too long for a packet.
    pub(super) fn size(&self, size: u32, keyframe: Keyframe) -> Result<usize> {
        let size = size as usize;
        let too_long = || Error::unsupported(format!("a frame of sound of {size} bytes does not go into MPEG-TS"));
        match &self.wrapping {
            Wrapping::Adts(_) if size + ADTS_BYTES > ADTS_FRAME_MAX => Err(too_long()),
            Wrapping::Plain if size > SOUND_MAX => Err(too_long()),
            _ => Ok(self.front_len(keyframe) + size),
        }
    }

    /// Bytes of what comes before a sample.
    pub(super) fn front_len(&self, keyframe: Keyframe) -> usize {
        match &self.wrapping {
            Wrapping::Avc(setup) => DELIMITER_AVC.len() + sets(setup, keyframe).len(),
            Wrapping::Hevc(setup) => DELIMITER_HEVC.len() + sets(setup, keyframe).len(),
            Wrapping::Adts(_) => ADTS_BYTES,
            Wrapping::Plain => 0,
        }
    }

    /// Adds what comes before a sample of `size` bytes to `out`.
    pub(super) fn front(&self, size: u32, keyframe: Keyframe, out: &mut Vec<u8>) {
        match &self.wrapping {
            Wrapping::Avc(setup) => {
                out.extend_from_slice(DELIMITER_AVC);
                out.extend_from_slice(sets(setup, keyframe));
            }
            Wrapping::Hevc(setup) => {
                out.extend_from_slice(DELIMITER_HEVC);
                out.extend_from_slice(sets(setup, keyframe));
            }
            Wrapping::Adts(adts) => out.extend_from_slice(&adts_header(*adts, size as usize + ADTS_BYTES)),
            Wrapping::Plain => {}
        }
    }

    /// Adds a sample as it is carried to `out`.
    pub(super) fn wrap(&self, sample: &[u8], keyframe: Keyframe, out: &mut Vec<u8>) {
        self.front(sample.len() as u32, keyframe, out);
        let start = out.len();
        match &self.wrapping {
            Wrapping::Avc(setup) | Wrapping::Hevc(setup) => widen(sample, setup.length_size, out),
            Wrapping::Adts(_) | Wrapping::Plain => out.extend_from_slice(sample),
        }
        let size = out.len() - start;
        self.start_codes(&mut out[start..], 0..size, size, &mut Unit::default());
    }

    /// How many bytes behind a part of a sample tell what the part becomes.
    pub(super) fn ahead(&self) -> usize {
        match &self.wrapping {
            // The length of a unit that begins at the last byte, and the first byte of the unit.
            Wrapping::Avc(_) | Wrapping::Hevc(_) => 4,
            Wrapping::Adts(_) | Wrapping::Plain => 0,
        }
    }

    /// Turns the part of a sample of `size` bytes into what is carried of it; `bytes` has those [`Carriage::ahead`] too. The
    /// unit that the part begins in is that which the part before it ended in.
    ///
    /// Lengths become start codes of as many bytes. Delimiters of the sample, empty units and remains of damage become zeros,
    /// which may stand between units (ISO/IEC 14496-10 section B.1).
    pub(super) fn start_codes(&self, bytes: &mut [u8], part: Range<usize>, size: usize, unit: &mut Unit) {
        let is_delimiter: fn(u8) -> bool = match &self.wrapping {
            Wrapping::Avc(_) => |head| head & 0x1f == 9,
            Wrapping::Hevc(_) => |head| head >> 1 & 0x3f == 35,
            Wrapping::Adts(_) | Wrapping::Plain => return,
        };
        if part.start == 0 {
            *unit = Unit::default();
        }
        let mut at = part.start;
        while at < part.end {
            if at == unit.end {
                *unit = Unit::read(&bytes[at - part.start..], at, size, is_delimiter);
            }
            let end = unit.end.min(part.end);
            unit.mark(&mut bytes[at - part.start..end - part.start], at);
            at = end;
        }
    }
}

/// Bytes of the length of a unit, and of a start code.
const LENGTH: usize = 4;

/// A unit of a sample, by the places of its length and of its end in the sample; at first none, which ends where the first
/// begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Unit {
    start: usize,
    end: usize,
    is_kept: bool,
}

impl Unit {
    /// The unit that begins at a place of a sample of `size` bytes, which has its length and its first byte in `bytes`.
    fn read(bytes: &[u8], at: usize, size: usize, is_delimiter: fn(u8) -> bool) -> Unit {
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>().filter(|_| at + LENGTH <= size) else {
            return Unit { start: at, end: size, is_kept: false };
        };
        let body = at + LENGTH;
        let end = body.saturating_add(u32::from_be_bytes(*length) as usize).min(size);
        Unit { start: at, end, is_kept: end > body && rest.first().is_some_and(|head| !is_delimiter(*head)) }
    }

    /// Writes the start code over its part of some bytes of the unit, the first of which lies at a place of the sample.
    fn mark(&self, bytes: &mut [u8], at: usize) {
        if !self.is_kept {
            return bytes.fill(0);
        }
        let code = [0, 0, 0, 1];
        let rest = code.get(at - self.start..).unwrap_or_default();
        bytes.iter_mut().zip(rest).for_each(|(byte, code)| *byte = *code);
    }
}

/// Whether decoding can start at a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyframe {
    Yes,
    No,
}

fn sets(setup: &Setup, keyframe: Keyframe) -> &[u8] {
    match keyframe {
        Keyframe::Yes => &setup.sets,
        Keyframe::No => &[],
    }
}

/// MPEG-1 has rates from 32 kHz on, MPEG-2 those below.
fn layer_3(format: &AudioFormat) -> u8 {
    if format.sample_rate < 32_000 { 0x04 } else { 0x03 }
}

/// The registration of a format (section 2.6.8), and the language of sound (section 2.6.18) where it has three letters.
fn descriptors(track: &Track, format: Option<&[u8; 4]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(format) = format {
        bytes.extend([5, 4]);
        bytes.extend(format);
    }
    let language = track.language.as_deref().map(str::as_bytes);
    if let (Media::Audio(_), Some(language @ [_, _, _])) = (&track.media, language) {
        bytes.extend([0x0a, 4]);
        bytes.extend(language);
        bytes.push(0);
    }
    bytes
}

/// ISO/IEC 14496-3 section 1.A.2.2.
fn adts_header(adts: Adts, length: usize) -> [u8; ADTS_BYTES] {
    let Adts { object, rate, channels } = adts;
    [
        0xff,
        // MPEG-4, layer zero, no checksum.
        0xf1,
        (object - 1) << 6 | rate << 2 | channels >> 2,
        channels << 6 | (length >> 11) as u8 & 3,
        (length >> 3) as u8,
        // The fullness of the buffer is not told: all ones.
        (length << 5) as u8 | 0x1f,
        0xfc,
    ]
}

/// Adds a sample with lengths of four bytes to `out`.
fn widen(sample: &[u8], length_size: u8, out: &mut Vec<u8>) {
    if usize::from(length_size) == LENGTH {
        return out.extend_from_slice(sample);
    }
    let mut rest = sample;
    while let Some((length, behind)) = rest.split_at_checked(length_size.into()) {
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (unit, behind) = behind.split_at(length.min(behind.len()));
        out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        out.extend_from_slice(unit);
        rest = behind;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carriage(length_size: u8) -> Carriage {
        let wrapping = Wrapping::Avc(Setup { length_size, sets: Vec::new() });
        Carriage { stream_type: 0x1b, stream_id: 0xe0, descriptors: Vec::new(), wrapping }
    }

    #[track_caller]
    fn check(sample: &[u8], length_size: u8, expected: &[u8]) {
        let (carriage, mut out) = (carriage(length_size), Vec::new());
        carriage.wrap(sample, Keyframe::No, &mut out);
        assert_eq!(&out[DELIMITER_AVC.len()..], expected, "{sample:x?}");
        assert!(length_size != 4 || expected.len() == sample.len());
        for cut in (0..=sample.len()).filter(|_| length_size == 4) {
            assert_eq!(in_parts(&carriage, sample, cut.max(1)), expected, "{sample:x?} by {cut}");
        }
    }

    /// The sample in parts of so many bytes.
    fn in_parts(carriage: &Carriage, sample: &[u8], step: usize) -> Vec<u8> {
        let (mut out, mut unit) = (Vec::new(), Unit::default());
        for start in (0..sample.len()).step_by(step) {
            let end = sample.len().min(start + step);
            let mut bytes = sample[start..sample.len().min(end + carriage.ahead())].to_vec();
            carriage.start_codes(&mut bytes, start..end, sample.len(), &mut unit);
            out.extend_from_slice(&bytes[..end - start]);
        }
        out
    }

    #[test]
    fn lengths_become_start_codes() {
        check(b"\0\0\0\x02ab\0\0\0\x01c", 4, b"\0\0\0\x01ab\0\0\0\x01c");
        check(b"\0\x02ab\0\x01c", 2, b"\0\0\0\x01ab\0\0\0\x01c");
        check(b"\0\0\0\x02\x09\xf0\0\0\0\0\0\0\0\x01c", 4, b"\0\0\0\0\0\0\0\0\0\0\0\0\0\x01c");
        check(b"\0\0\0\x09ab", 4, b"\0\0\0\x01ab");
        check(b"\xff\xff\xff\xffa", 4, b"\0\0\0\x01a");
        check(b"\0\0\0\x01a\x07\x07", 4, b"\0\0\0\x01a\0\0");
        check(b"", 4, b"");
    }

    #[test]
    fn headers_of_adts() {
        let adts = Adts { object: 2, rate: 4, channels: 2 };
        assert_eq!(adts_header(adts, 371 + 7), [0xff, 0xf1, 0x50, 0x80, 0x2f, 0x5f, 0xfc]);
        assert_eq!(adts_header(adts, ADTS_FRAME_MAX)[3..6], [0x83, 0xff, 0xff]);
    }
}
