//! Which bytes break `fuzz::otlp_traces`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::otlp_traces(bytes));
