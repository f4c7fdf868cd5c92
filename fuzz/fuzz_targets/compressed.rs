//! Which bytes break `fuzz::compressed`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::compressed(bytes));
