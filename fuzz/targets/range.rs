//! Ranges: whatever is asked for, what is sent lies inside the answer and nothing is sent twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vedette::server::range::{Wanted, wanted};

fuzz_target!(|asked: (u64, &str)| {
    let (length, value) = asked;
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
});
