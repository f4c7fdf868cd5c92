//! Which bytes break `fuzz::questions`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::questions(bytes));
