//! Sessions: none that nobody made is good, whatever it is.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vedette_fuzz::session::check(bytes));
