//! AAC, ISO/IEC 14496-3: the configuration of its decoder.

use super::bits::Bits;

/// Samples per second by number (section 1.6.3.4).
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Where a rate is written out.
const RATE_ESCAPE: u32 = 15;

/// Spectral band replication, and with it parametric stereo (section 1.5.1): they wrap another object.
const SBR: u32 = 5;
const PS: u32 = 29;

/// What an ADTS header says of the sound (section 1.A.2.2): the object that is coded, whatever widens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adts {
    /// The audio object, from 1 (Main) to 4 (LTP).
    pub object: u8,
    /// The number of the sampling rate, below 13.
    pub rate: u8,
    /// The number of the channels' arrangement, from 1 to 7.
    pub channels: u8,
}

/// What ADTS headers say of sound with this AudioSpecificConfig; `None` where they cannot: of objects above 4, rates without
/// a number, arrangements written out, and frames of 960 samples.
pub fn adts(config: &[u8]) -> Option<Adts> {
    let mut bits = Bits::of(config);
    let mut object = object(&mut bits)?;
    let rate = rate(&mut bits)?;
    let channels = bits.number(4)?;
    if object == SBR || object == PS {
        // The widened rate, then the object inside (section 1.6.2.1).
        if bits.number(4)? == RATE_ESCAPE {
            bits.skip(24)?;
        }
        object = self::object(&mut bits)?;
    }
    let short = bits.bit().unwrap_or_default();
    let fits = (1..=4).contains(&object) && (1..=7).contains(&channels) && !short;
    fits.then_some(Adts { object: object as u8, rate, channels: channels as u8 })
}

/// How many channels sound with this AudioSpecificConfig has; `None` where its arrangement is written out.
pub fn channels(config: &[u8]) -> Option<u16> {
    let mut bits = Bits::of(config);
    let object = object(&mut bits)?;
    rate(&mut bits)?;
    match bits.number(4)? {
        // Parametric stereo makes two of one.
        1 if object == PS => Some(2),
        count @ 1..=6 => Some(count as u16),
        7 => Some(8),
        _ => None,
    }
}

fn object(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.number(5)? {
        31 => Some(32 + bits.number(6)?),
        object => Some(object),
    }
}

fn rate(bits: &mut Bits<'_>) -> Option<u8> {
    let number = match bits.number(4)? {
        RATE_ESCAPE => {
            let written = bits.number(24)?;
            RATES.iter().position(|rate| *rate == written)?
        }
        number => number as usize,
    };
    (number < RATES.len()).then_some(number as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(config: &[u8], expected: Option<(u8, u8, u8)>) {
        let expected = expected.map(|(object, rate, channels)| Adts { object, rate, channels });
        assert_eq!(adts(config), expected, "{config:x?}");
    }

    #[test]
    fn channels_are_counted() {
        let cases: [(&[u8], Option<u16>); 5] = [
            (&[0x12, 0x10], Some(2)),
            (&[0x12, 0x08], Some(1)),
            (&[0x11, 0xb8], Some(8)),
            (&[0x12, 0x00], None),
            (&[], None),
        ];
        for (config, expected) in cases {
            assert_eq!(channels(config), expected, "{config:x?}");
        }
    }

    #[test]
    fn configurations_of_adts() {
        check(&[0x12, 0x10], Some((2, 4, 2)));
        check(&[0x11, 0xb0], Some((2, 3, 6)));
        // 44100 Hz written out.
        check(&[0x17, 0x80, 0x56, 0x22, 0x10], Some((2, 4, 2)));
        // HE-AAC and its second version: the object inside, at its own rate.
        check(&[0x2b, 0x92, 0x08, 0x00], Some((2, 7, 2)));
        check(&[0xeb, 0x8a, 0x08, 0x00], Some((2, 7, 1)));
    }

    #[test]
    fn configurations_of_nothing_that_adts_carries() {
        // xHE-AAC, channels written out, a rate without number, frames of 960 samples, the ends of the bytes.
        check(&[0xf9, 0x46, 0x40, 0x00], None);
        check(&[0x12, 0x00], None);
        check(&[0x17, 0x80, 0x56, 0x24, 0x10], None);
        check(&[0x12, 0x14], None);
        check(&[0x12], None);
        check(&[], None);
    }
}
