//! Which bytes break `fuzz::promql`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::promql(bytes));
