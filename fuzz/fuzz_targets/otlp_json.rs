//! Which bytes break `fuzz::otlp_json`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::otlp_json(bytes));
