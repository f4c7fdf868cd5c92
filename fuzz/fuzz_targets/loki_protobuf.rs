//! Which bytes break `fuzz::loki_protobuf`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::loki_protobuf(bytes));
