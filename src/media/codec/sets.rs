//! The parameter sets of a configuration, and the length of the fields before the units of its samples.

use super::nal::Framing;
use super::{avc, hevc};
use crate::media::Codec;

/// How a decoder of a track of AVC or HEVC is set up, and where its units start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Bytes of the length in front of each unit of a sample, from 1 to 4.
    pub length_size: u8,
    /// The parameter sets, each behind a start code of four bytes (ISO/IEC 14496-10 annex B); empty where the samples have
    /// them.
    pub sets: Vec<u8>,
}

/// The setup in the configuration of a track; `None` for other codecs, and where units are marked by start codes.
pub fn setup(codec: Codec, config: &[u8]) -> Option<Setup> {
    let (framing, units) = match codec {
        Codec::Avc => (Framing::of_avc(config), avc::parameter_sets(config)),
        Codec::Hevc => (Framing::of_hevc(config), hevc::parameter_sets(config)),
        _ => return None,
    };
    let Framing::Lengths(length_size) = framing else { return None };
    let sets = units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect();
    Some(Setup { length_size, sets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(codec: Codec, config: &[u8], expected: Option<(u8, &[u8])>) {
        let expected = expected.map(|(length_size, sets)| Setup { length_size, sets: sets.to_vec() });
        assert_eq!(setup(codec, config), expected, "{config:x?}");
    }

    #[test]
    fn sets_of_avc() {
        let config = [1, 100, 0, 31, 0xff, 0xe1, 0, 2, 0x67, 9, 2, 0, 1, 0x68, 0, 2, 0x68, 7];
        check(Codec::Avc, &config, Some((4, b"\0\0\0\x01\x67\x09\0\0\0\x01\x68\0\0\0\x01\x68\x07")));
        check(Codec::Avc, &[1, 100, 0, 31, 0xfd, 0xe0, 0], Some((2, b"")));
        check(Codec::Avc, &config[..12], Some((4, b"\0\0\0\x01\x67\x09")));
        check(Codec::Avc, &[0, 0, 0, 1, 0x67, 9], None);
    }

    #[test]
    fn sets_of_hevc() {
        let head = [1, 2, 0x20, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x3c, 0xf0, 0, 0xfc, 0xfd, 0xfa, 0xfa, 0, 0, 0x0f];
        let config = [
            &head[..],
            &[3],
            &[0x20, 0, 1, 0, 2, 0x40, 1],
            &[0x21, 0, 1, 0, 3, 0x42, 1, 1],
            &[0x27, 0, 1, 0, 2, 0x4e, 1],
        ];
        check(Codec::Hevc, &config.concat(), Some((4, b"\0\0\0\x01\x40\x01\0\0\0\x01\x42\x01\x01")));
        check(Codec::Hevc, &[], None);
        check(Codec::Vp9, &[1, 0, 0, 0, 0, 0, 0, 0], None);
    }
}
