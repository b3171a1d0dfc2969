//! ISO BMFF in: boxes to an index (ISO/IEC 14496-12). Does no I/O: it says which bytes it needs next.

mod boxes;
pub mod items;
mod meta;

use std::ops::Range;

use super::Index;
use crate::error::Result;

/// Reads an index step by step.
#[derive(Debug)]
pub struct Reader {}

/// What a reader wants next.
#[derive(Debug)]
pub enum Step {
    /// The bytes of this range, which lies inside the file and is not empty.
    Read(Range<u64>),
    /// Nothing: here is the index.
    Done(Box<Index>),
}

/// True where the first bytes of a file (16 are enough) look like ISO BMFF.
pub fn recognises(_head: &[u8]) -> bool {
    todo!()
}

impl Reader {
    /// A reader of a file of `size` bytes, and the first range it needs.
    pub fn new(_size: u64) -> (Reader, Range<u64>) {
        todo!()
    }

    /// Takes the bytes of the range asked for last, and says what comes next.
    pub fn feed(&mut self, _bytes: &[u8]) -> Result<Step> {
        todo!()
    }
}
