//! Which bytes break `fuzz::influx`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::influx(bytes));
