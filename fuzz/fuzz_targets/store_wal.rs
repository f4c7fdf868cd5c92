//! Which bytes break `fuzz::store_wal`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::store_wal(bytes));
