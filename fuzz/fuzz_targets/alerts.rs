//! Which bytes break `fuzz::alerts`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::alerts(bytes));
