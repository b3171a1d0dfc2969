//! Containers that libavformat reads: Matroska, AVI, transport streams and the rest.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use vedette_fuzz::{Worth, demux};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    match demux::check(bytes) {
        Worth::Keeping => Corpus::Keep,
        Worth::Nothing => Corpus::Reject,
    }
});
