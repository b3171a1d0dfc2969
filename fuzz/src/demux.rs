//! Containers that libavformat reads: Matroska, AVI, transport streams and the rest.

use std::io;

use crate::Worth;
use vedette::decode::scan::{ReadAt, scan};
use vedette::media::mp4;

struct File<'a>(&'a [u8]);

impl ReadAt for File<'_> {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.0.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn size(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Throws `bytes` at it.
pub fn check(bytes: &[u8]) -> Worth {
    if mp4::recognises(bytes) {
        return Worth::Nothing;
    }
    let Ok(index) = scan(&mut File(bytes), &|| false) else { return Worth::Keeping };
    for track in &index.tracks {
        for sample in track.samples.range(0..track.samples.len()) {
            let end = sample.offset.checked_add(u64::from(sample.size)).expect("an end");
            assert!(end <= bytes.len() as u64 || track.packing != vedette::media::Packing::Plain, "{sample:?}");
        }
    }
    Worth::Keeping
}
