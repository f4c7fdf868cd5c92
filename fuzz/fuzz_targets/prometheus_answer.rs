//! Which bytes break `fuzz::prometheus_answer`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::prometheus_answer(bytes));
