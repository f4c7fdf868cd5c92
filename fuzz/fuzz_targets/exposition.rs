//! Which bytes break `fuzz::exposition`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::exposition(bytes));
