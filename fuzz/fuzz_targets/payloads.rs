//! Which bytes break `fuzz::payloads`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::payloads(bytes));
