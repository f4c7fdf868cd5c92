//! How large is the program that users get? The release is built, measured, and must stay below its limit.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::command::{cargo, run};
use crate::workspace;

/// What `cargo build --release` may take: one file that is copied to every host. It is what it takes today and a little;
/// the aim is 40 MB.
const MOST_BYTES: u64 = 50_000_000;

/// Builds and measures.
pub fn run_size() -> Result<()> {
    run(cargo().args(["build", "--release", "--package", "sentinel"]))?;
    let path = workspace::target().join("release/sentinel");
    let bytes = fs::metadata(&path).with_context(|| format!("cannot look at {}", path.display()))?.len();
    println!("{}: {:.1} MB of at most {:.0} MB", path.display(), megabytes(bytes), megabytes(MOST_BYTES));
    ensure!(bytes <= MOST_BYTES, "too large; docs/adr/030-parts-that-compile-alone.md says what took most");
    Ok(())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
