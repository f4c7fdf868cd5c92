//! Which bytes break `fuzz::cluster_records`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::cluster_records(bytes));
