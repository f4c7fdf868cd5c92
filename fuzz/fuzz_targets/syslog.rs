//! Which bytes break `fuzz::syslog`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::syslog(bytes));
