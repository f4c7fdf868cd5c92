//! Which bytes break `fuzz::loki_json`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::loki_json(bytes));
