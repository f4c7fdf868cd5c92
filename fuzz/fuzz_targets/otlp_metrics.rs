//! Which bytes break `fuzz::otlp_metrics`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::otlp_metrics(bytes));
