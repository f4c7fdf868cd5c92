//! What is seen only if nothing else runs: measurements, full memory, and what this very machine does?
//!
//! Guarantees: MUST 823 of docs/specs/build.md. One test at a time. All names begin with `undisturbed::`, so that everything else can be run with
//! `cargo test -- --skip undisturbed::` and this with `--test undisturbed`; `cargo xtask test` does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

#[path = "../support/mod.rs"]
mod support;

#[path = "."]
mod undisturbed {
    mod clock_jumps;
    mod disk_is_slow_or_full;
    mod forecasts_a_prometheus;
    mod host_hog;
    mod measures_capacity;
    mod overload_is_bounded;
}
