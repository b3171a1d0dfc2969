//! Pictures: what the header says of a small one is what decoding gives.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use vedette_fuzz::{Worth, still};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    match still::check(bytes) {
        Worth::Keeping => Corpus::Keep,
        Worth::Nothing => Corpus::Reject,
    }
});
