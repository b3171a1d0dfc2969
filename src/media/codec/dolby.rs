//! AC-3 and E-AC-3 (ETSI TS 102 366): the heads of frames, and the configurations made of them.

use super::bits::Bits;

/// What every frame starts with.
const SYNC: u32 = 0x0b77;

/// The body of `dac3` (annex F.4) for a track whose first sample is `sample`.
pub(super) fn configuration_ac3(sample: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Bits::of(sample);
    if bits.number(16)? != SYNC {
        return None;
    }
    bits.skip(16)?;
    let (rate, size, version, mode) = (bits.number(2)?, bits.number(6)?, bits.number(5)?, bits.number(3)?);
    let channels = bits.number(3)?;
    // Levels of centre and surround, and whether two channels are a matrix of four (section 4.4.2).
    bits.skip(if channels & 1 == 1 && channels != 1 { 2 } else { 0 })?;
    bits.skip(if channels & 4 != 0 { 2 } else { 0 })?;
    bits.skip(if channels == 2 { 2 } else { 0 })?;
    let bass = bits.number(1)?;
    let packed = rate << 22 | version << 17 | mode << 14 | channels << 11 | bass << 10 | (size >> 1) << 5;
    (version <= 10 && rate < 3).then(|| packed.to_be_bytes()[1..].to_vec())
}

/// What a frame of E-AC-3 says of itself (annex E.1.2).
struct Frame {
    /// Whether it adds channels to the frame before it.
    is_dependent: bool,
    /// How many bytes it has.
    size: usize,
    rate_code: u32,
    /// Samples a second.
    rate: u32,
    /// How many blocks of 256 samples it has.
    blocks: u32,
    channels: u32,
    bass: u32,
    version: u32,
    /// Where the channels of a dependent one belong.
    map: u32,
}

impl Frame {
    fn read(bytes: &[u8]) -> Option<Frame> {
        let mut bits = Bits::of(bytes);
        if bits.number(16)? != SYNC {
            return None;
        }
        let kind = bits.number(2)?;
        bits.skip(3)?;
        let size = (bits.number(11)? as usize + 1) * 2;
        let (rate_code, next) = (bits.number(2)?, bits.number(2)?);
        let rates = [48_000, 44_100, 32_000];
        let (rate, blocks) = match rates.get(rate_code as usize) {
            Some(rate) => (*rate, [1, 2, 3, 6][next as usize]),
            None => (rates.get(next as usize)? / 2, 6),
        };
        let (channels, bass, version) = (bits.number(3)?, bits.number(1)?, bits.number(5)?);
        // Loudness and compression, of both programmes where there are two.
        for _ in 0..if channels == 0 { 2 } else { 1 } {
            bits.skip(5)?;
            if bits.bit()? {
                bits.skip(8)?;
            }
        }
        let is_dependent = kind == 1;
        let map = if is_dependent && bits.bit()? { bits.number(16)? } else { 0 };
        let sound = (11..=16).contains(&version) && size >= 8;
        sound.then_some(Frame { is_dependent, size, rate_code, rate, blocks, channels, bass, version, map })
    }
}

/// The body of `dec3` (annex F.6) for a track whose first sample is `sample`: one programme, and the channels added to it.
pub(super) fn configuration_eac3(sample: &[u8]) -> Option<Vec<u8>> {
    let first = Frame::read(sample).filter(|first| !first.is_dependent)?;
    let (mut at, mut dependent, mut places, mut bytes) = (first.size, 0u32, 0u32, first.size);
    while let Some(frame) = sample.get(at..).and_then(Frame::read).filter(|frame| frame.is_dependent) {
        (at, bytes, dependent) = (at + frame.size, bytes + frame.size, dependent + 1);
        places |= channel_places(frame.map);
    }
    // Kilobits a second.
    let bits = bytes as u64 * 8 * u64::from(first.rate) / u64::from(256 * first.blocks);
    let rate = (bits / 1000).min(0x1fff);
    // One programme; then sampling rate, version, kind of service, channels, bass, and how many frames add channels.
    let programme = u64::from(first.rate_code) << 22
        | u64::from(first.version) << 17
        | u64::from(first.channels) << 9
        | u64::from(first.bass) << 8
        | u64::from(dependent.min(15)) << 1;
    match dependent {
        0 => Some((rate << 27 | programme).to_be_bytes()[3..].to_vec()),
        _ => Some((rate << 35 | programme << 8 | u64::from(places)).to_be_bytes()[2..].to_vec()),
    }
}

/// Where added channels belong in the nine bits of `dec3` (annex F.6.2.13), by the sixteen bits of the frame (annex E.1.3.1.8).
fn channel_places(map: u32) -> u32 {
    // Pairs and single channels from the left of the frame's map, by their bit in the box.
    const PLACES: [(u32, u32); 9] = [(5, 0), (6, 1), (7, 2), (8, 3), (9, 4), (10, 5), (11, 6), (12, 7), (14, 8)];
    PLACES.iter().filter(|(place, _)| map >> (15 - place) & 1 == 1).map(|(_, bit)| 1 << bit).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_of_ac3() {
        // 48 kHz, 192 kbit/s, version 8, stereo without bass.
        let frame = [0x0b, 0x77, 0x12, 0x34, 0x14, 0x40, 0x43, 0xe1];
        assert_eq!(configuration_ac3(&frame), Some(vec![0x10, 0x11, 0x40]));
        // 448 kbit/s, five channels and bass.
        let frame = [0x0b, 0x77, 0x12, 0x34, 0x1e, 0x40, 0xeb, 0xff];
        assert_eq!(configuration_ac3(&frame), Some(vec![0x10, 0x3d, 0xe0]));
        assert_eq!(configuration_ac3(&frame[..6]), None);
        assert_eq!(configuration_ac3(b"not a frame"), None);
    }

    #[test]
    fn configurations_of_eac3() {
        // 768 bytes, 48 kHz, six blocks, stereo, version 16.
        let mut sample = vec![0x0b, 0x77, 0x01, 0x7f, 0x34, 0x86, 0, 0];
        sample.resize(768, 0);
        assert_eq!(configuration_eac3(&sample), Some(vec![0x06, 0x00, 0x20, 0x04, 0x00]));
        // With a frame of 10 bytes that adds a pair of rear surround channels: map bit 6.
        let dependent = [0x0b, 0x77, 0x40, 0x04, 0x34, 0x86, 0b0001_0000, 0b0010_0000, 0, 0];
        let mut both = sample.clone();
        both.extend(dependent);
        let found = configuration_eac3(&both).unwrap();
        assert_eq!((found.len(), found[4], found[5]), (6, 0x02, 0x02));
        assert_eq!(configuration_eac3(&sample[..5]), None);
        assert_eq!(configuration_eac3(&dependent), None);
    }
}
