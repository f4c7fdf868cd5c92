//! Which bytes break `fuzz::remote_write_v2`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::remote_write_v2(bytes));
