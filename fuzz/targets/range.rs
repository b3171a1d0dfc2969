//! Ranges: whatever is asked for, what is sent lies inside the answer and nothing is sent twice.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vedette_fuzz::range::check(bytes));
