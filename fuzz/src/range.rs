//! Ranges: whatever is asked for, what is sent lies inside the answer and nothing is sent twice.

use vedette::server::range::{Wanted, wanted};

/// Throws `bytes` at it: a length of eight bytes, the least first, and the value of a field.
pub fn check(bytes: &[u8]) {
    let Some((length, value)) = bytes.split_first_chunk() else { return };
    let Ok(value) = std::str::from_utf8(value) else { return };
    let length = u64::from_le_bytes(*length);
    let mut parts = match wanted(value, length) {
        Wanted::Whole | Wanted::Unsatisfiable => return,
        Wanted::Part(range) => vec![range],
        Wanted::Parts(ranges) => ranges,
    };
    for part in &parts {
        assert!(part.start < part.end && part.end <= length, "{part:?} of {length}");
    }
    parts.sort_by_key(|part| part.start);
    assert!(parts.windows(2).all(|pair| pair[0].end <= pair[1].start), "{parts:?} meet");
}
