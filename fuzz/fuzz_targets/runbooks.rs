//! Which bytes break `fuzz::runbooks`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::runbooks(bytes));
