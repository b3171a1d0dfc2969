//! Targets of requests, with the form of a body behind the first line end.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vedette_fuzz::url::check(bytes));
