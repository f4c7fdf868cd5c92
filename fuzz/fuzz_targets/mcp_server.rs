//! Which bytes break `fuzz::mcp_server`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::mcp_server(bytes));
