//! Which bytes break `fuzz::kafka`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::kafka(bytes));
