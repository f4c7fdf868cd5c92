//! Which bytes break `fuzz::otlp_logs`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::otlp_logs(bytes));
