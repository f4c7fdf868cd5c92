//! Which bytes break `fuzz::model_files`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::model_files(bytes));
