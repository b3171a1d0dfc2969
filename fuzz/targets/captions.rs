//! Files of captions: what is read of them is written in segments, and the whole is read as the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vedette_fuzz::captions::check(bytes));
