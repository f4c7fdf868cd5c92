//! Which bytes break `fuzz::provider_streams`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::provider_streams(bytes));
