//! The index of a container that is not ISO BMFF, by one pass of libavformat over it.

use crate::error::Result;
use crate::media::Index;

/// Random access to the bytes of a file, blocking.
pub trait ReadAt {
    /// Fills the front of `buffer` from `offset` on; how many bytes, zero only at the end of the file.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize>;
    /// The file's length in bytes.
    fn size(&self) -> u64;
}

/// The index of the file behind `reader`.
pub fn scan(_reader: &mut dyn ReadAt) -> Result<Index> {
    todo!()
}
