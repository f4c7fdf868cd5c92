//! Which bytes break `fuzz::monitor`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::monitor(bytes));
