//! Files of ISO BMFF: samples lie inside the file, and whatever is shown of them can be told and cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vedette_fuzz::mp4::check(bytes));
