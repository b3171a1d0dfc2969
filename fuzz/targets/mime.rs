//! The beginning of any file: its type is one that may stand in a header.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vedette_fuzz::mime::check(bytes));
