//! Which bytes break `fuzz::table_cells`?

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::table_cells(bytes));
