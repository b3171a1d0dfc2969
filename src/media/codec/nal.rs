//! NAL units: how the samples of AVC and HEVC are divided (ISO/IEC 14496-15, and annex B of both codecs).

/// How a track marks where its units start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Each unit follows its length of so many bytes.
    Lengths(u8),
    /// Each unit follows a start code.
    StartCodes,
}

impl Framing {
    /// That of a track of AVC with this configuration: `avcC` (ISO/IEC 14496-15 section 5.3.3.1), or units by themselves.
    pub(super) fn of_avc(config: &[u8]) -> Framing {
        match config {
            [1, _, _, _, lengths, ..] => Framing::Lengths((lengths & 3) + 1),
            _ => Framing::StartCodes,
        }
    }

    /// That of a track of HEVC with this configuration: `hvcC` (section 8.3.3.1), or units by themselves.
    pub(super) fn of_hevc(config: &[u8]) -> Framing {
        match config.get(21) {
            Some(lengths) if !starts_with_code(config) => Framing::Lengths((lengths & 3) + 1),
            _ => Framing::StartCodes,
        }
    }

    /// The units of a sample, those that are empty left out. Ends at the first that the sample does not hold whole.
    pub(super) fn units(self, sample: &[u8]) -> Units<'_> {
        let rest = match self {
            Framing::Lengths(_) => sample,
            Framing::StartCodes => start_code(sample).map_or(&[][..], |(_, rest)| rest),
        };
        Units { framing: self, rest }
    }
}

/// True where bytes start with a start code.
pub(super) fn starts_with_code(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, 1, ..] | [0, 0, 0, 1, ..])
}

/// What is before the first start code, and what is behind it.
fn start_code(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    // The last byte of the code is the rarest: looking for it is quickest.
    while let Some(found) = bytes.get(from + 2..)?.iter().position(|byte| *byte == 1) {
        let one = from + 2 + found;
        if bytes[one - 2..one] == [0, 0] {
            return Some((&bytes[..one - 2], &bytes[one + 1..]));
        }
        from = one - 1;
    }
    None
}

/// The units of a sample, in order.
#[derive(Clone, Debug)]
pub(super) struct Units<'a> {
    framing: Framing,
    rest: &'a [u8],
}

impl<'a> Iterator for Units<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let unit = match self.framing {
                Framing::Lengths(width) => {
                    let (length, rest) = self.rest.split_at_checked(width.into())?;
                    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
                    let (unit, rest) = rest.split_at_checked(length)?;
                    self.rest = rest;
                    unit
                }
                Framing::StartCodes => {
                    let (unit, rest) = start_code(self.rest).unwrap_or((self.rest, &[]));
                    self.rest = rest;
                    unit
                }
            };
            if !unit.is_empty() {
                return Some(unit);
            }
        }
        None
    }
}

/// The bytes of a unit as they were before its encoder kept start codes out of them (ISO/IEC 14496-10 section 7.4.1), at
/// most `max`: what is looked for lies at the front.
pub(super) fn unescaped(unit: &[u8], max: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut zeros = 0;
    for byte in unit.iter().take(max) {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        bytes.push(*byte);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(framing: Framing, sample: &[u8], expected: &[&[u8]]) {
        assert_eq!(framing.units(sample).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn units_by_length() {
        check(Framing::Lengths(4), b"\0\0\0\x02ab\0\0\0\0\0\0\0\x01c", &[b"ab", b"c"]);
        check(Framing::Lengths(1), b"\x01a\x05bc", &[b"a"]);
        check(Framing::Lengths(2), b"\0", &[]);
    }

    #[test]
    fn units_by_start_code() {
        check(Framing::StartCodes, b"\0\0\0\x01ab\0\0\x01c", &[b"ab", b"c"]);
        check(Framing::StartCodes, b"junk\0\0\x01a\0\x01b\0\0\x01", &[b"a\0\x01b"]);
        check(Framing::StartCodes, b"\x01\x01\0\0\x01\x01\x01", &[b"\x01\x01"]);
        check(Framing::StartCodes, b"none at all", &[]);
        check(Framing::StartCodes, b"", &[]);
    }

    #[test]
    fn framing_follows_from_the_configuration() {
        assert_eq!(Framing::of_avc(&[1, 100, 0, 40, 0xff, 0xe1]), Framing::Lengths(4));
        assert_eq!(Framing::of_avc(&[0, 0, 0, 1, 0x67]), Framing::StartCodes);
        assert_eq!(Framing::of_avc(&[]), Framing::StartCodes);
        let mut config = [0; 23];
        (config[0], config[21]) = (1, 0xfd);
        assert_eq!(Framing::of_hevc(&config), Framing::Lengths(2));
        (config[0], config[2]) = (0, 1);
        assert_eq!(Framing::of_hevc(&config), Framing::StartCodes);
    }

    #[test]
    fn escapes_are_taken_out() {
        assert_eq!(unescaped(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3], 100), [1, 0, 0, 1, 0, 0, 0, 0, 3]);
        assert_eq!(unescaped(&[1, 2, 3], 2), [1, 2]);
    }
}
