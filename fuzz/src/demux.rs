//! Containers that libavformat reads: Matroska, AVI, transport streams and the rest.

use crate::Worth;
use vedette::decode::scan::scan;
use vedette::media::mp4;

/// Throws `bytes` at it.
pub fn check(bytes: &[u8]) -> Worth {
    if mp4::recognises(bytes) {
        return Worth::Nothing;
    }
    let Ok(index) = scan(&mut &*bytes, &|| false) else { return Worth::Keeping };
    for track in &index.tracks {
        for sample in track.samples.range(0..track.samples.len()) {
            let end = sample.offset.checked_add(u64::from(sample.size)).expect("an end");
            assert!(end <= bytes.len() as u64 || track.packing != vedette::media::Packing::Plain, "{sample:?}");
        }
    }
    Worth::Keeping
}
