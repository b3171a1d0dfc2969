//! Numbers of single bits, as codecs write them. `None` stands for bytes that end too early.

/// Reads bits from the front of bytes, highest first.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits read.
    at: usize,
}

impl<'a> Bits<'a> {
    /// A reader at the start of `bytes`.
    pub(super) fn of(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes, at: 0 }
    }

    /// The next bit.
    pub(super) fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// The next `count` bits, at most 32, as a number.
    pub(super) fn number(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0u32, |number, _| Some(number << 1 | u32::from(self.bit()?)))
    }

    /// Passes over `count` bits.
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count).filter(|at| *at <= self.bytes.len() * 8)?;
        Some(())
    }

    /// The next number in Exp-Golomb code (ISO/IEC 14496-10 section 9.1).
    pub(super) fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.number(zeros)?;
        Some((1 << zeros) - 1 + rest)
    }

    /// The next number in Exp-Golomb code that may be negative (section 9.1.1).
    pub(super) fn signed_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.golomb()?);
        Some(if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 })
    }

    /// The next number in AV1's code of variable length (AV1 section 4.10.3).
    pub(super) fn uvlc(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
        }
        if zeros >= 32 {
            return Some(u32::MAX);
        }
        Some(((1u64 << zeros) - 1) as u32 + self.number(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_code() {
        let mut bits = Bits::of(&[0b1010_0110, 0b0100_0010, 0b1111_1111]);
        let golombs: Vec<_> = std::iter::from_fn(|| bits.golomb()).take(5).collect();
        assert_eq!(golombs, [0, 1, 2, 3, 4]);
        assert_eq!((bits.number(7), bits.number(1), bits.skip(1)), (Some(127), None, None));
        let mut bits = Bits::of(&[0b0100_1100, 0b1000_0101]);
        assert_eq!([bits.signed_golomb(), bits.signed_golomb(), bits.signed_golomb()], [Some(1), Some(-1), Some(2)]);
        assert_eq!(Bits::of(&[0; 9]).golomb(), None);
        assert_eq!(Bits::of(&[0b0011_0000]).uvlc(), Some(5));
    }
}
