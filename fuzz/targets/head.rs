//! Heads of requests: where the short way calls one complete, it ends as every reader of RFC 9112 sees it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vedette_fuzz::head::check(bytes));
