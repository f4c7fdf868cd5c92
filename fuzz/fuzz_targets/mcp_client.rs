//! Which bytes break `fuzz::mcp_client`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::mcp_client(bytes));
