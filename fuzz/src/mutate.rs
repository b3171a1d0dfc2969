//! Inputs made of others by chance, the same ones for the same number.

/// Numbers that readers stumble over, in as many bytes as they are written in.
const ODD: [&[u8]; 14] = [
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0, 0],
    &[0xff, 0xff],
    &[0, 0, 0, 0],
    &[0, 0, 0, 1],
    &[0, 0, 0, 7],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
];

/// Pieces of texts that readers stumble over.
const PIECES: [&[u8]; 18] = [
    b"\0",
    b"/",
    b"//",
    b"%2f",
    b"%00",
    b"%",
    b"..",
    b"-",
    b",",
    b"\r\n",
    b"\n\n",
    b"-->",
    b"&",
    b"<",
    b"99999999999999999999",
    b"-1",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
];

/// Longest input that is made.
const LENGTH_MAX: usize = 16 << 10;

/// Makes inputs.
pub(crate) struct Mutator<'a> {
    state: u64,
    seeds: &'a [Vec<u8>],
}

impl<'a> Mutator<'a> {
    /// One whose inputs follow from a number and from seeds, at least one.
    pub(crate) fn new(seed: u64, seeds: &'a [Vec<u8>]) -> Mutator<'a> {
        Mutator { state: seed, seeds }
    }

    /// The next input: a seed with a few changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut bytes = self.seed().to_vec();
        for _ in 0..=self.below(6) {
            self.change(&mut bytes);
        }
        bytes.truncate(LENGTH_MAX);
        bytes
    }

    /// A number below another one, which is not zero. Steele's SplitMix64.
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn seed(&mut self) -> &'a [u8] {
        let at = self.below(self.seeds.len());
        &self.seeds[at]
    }

    /// A stretch of so many bytes, of a few much oftener than of many.
    fn stretch(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = [1, 4, 16, 256, 4096][self.below(5)];
        start..(start + self.below(most + 1)).min(length)
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        match self.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = self.below(256) as u8,
            2 => {
                let odd = ODD[self.below(ODD.len())];
                let room = odd.len().min(bytes.len() - at);
                bytes[at..at + room].copy_from_slice(&odd[..room]);
            }
            3 => {
                let piece = PIECES[self.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            4 => {
                let stretch = self.stretch(bytes.len());
                bytes.drain(stretch);
            }
            5 => {
                let stretch = self.stretch(bytes.len());
                let copy = bytes[stretch].repeat(1 + self.below(4));
                bytes.splice(at..at, copy);
            }
            6 => {
                let other = self.seed();
                let stretch = self.stretch(other.len());
                bytes.splice(at..at, other[stretch].iter().copied());
            }
            7 => {
                let other = self.seed();
                let stretch = self.stretch(other.len());
                let room = stretch.len().min(bytes.len() - at);
                bytes[at..at + room].copy_from_slice(&other[stretch][..room]);
            }
            8 if self.below(8) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
}
