//! Pictures: what the header says of a small one is what decoding gives.

use crate::Worth;
use bytes::Bytes;
use vedette::decode::limits::Limits;
use vedette::decode::stills;

/// Enough for every branch, and little enough for a thousand a second.
const PIXELS_MAX: u64 = 1 << 16;

/// Throws `bytes` at it.
pub fn check(bytes: &[u8]) -> Worth {
    if !stills::recognises(bytes) {
        return Worth::Nothing;
    }
    let limits = Limits { still_pixels_max: PIXELS_MAX, ..Limits::default() };
    let Ok(facts) = stills::facts(bytes, limits) else { return Worth::Keeping };
    let stated = facts.picture.expect("a picture has facts of one").shown;
    if let Ok(picture) = stills::decode(Bytes::copy_from_slice(bytes), 0, limits) {
        assert!(stated.area() <= PIXELS_MAX, "{stated:?}");
        drop(picture);
    }
    Worth::Keeping
}
