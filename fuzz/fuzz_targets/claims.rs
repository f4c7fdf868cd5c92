//! Which bytes break `fuzz::claims`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::claims(bytes));
