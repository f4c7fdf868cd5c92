//! Which bytes break `fuzz::cloudevents`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::cloudevents(bytes));
