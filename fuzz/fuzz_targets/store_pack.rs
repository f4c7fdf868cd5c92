//! Which bytes break `fuzz::store_pack`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::store_pack(bytes));
