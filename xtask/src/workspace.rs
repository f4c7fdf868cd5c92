//! Where is the workspace, which files does it have, and where do build products go?

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{cargo, output, program};

/// The folder of the workspace's `Cargo.toml`.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies one level below the root")
}

/// Where build products go: `CARGO_TARGET_DIR`, else the folder `target` in `SENTINEL_BUILD_CACHE`, else in the clone.
pub fn target() -> PathBuf {
    let from_cargo = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let from_cache = env::var_os("SENTINEL_BUILD_CACHE").map(|it| Path::new(&it).join("target"));
    let chosen = from_cargo.or(from_cache).unwrap_or_else(|| PathBuf::from("target"));
    root().join(chosen)
}

/// Files that are committed or about to be (not ignored), relative to the root, with `/`.
pub fn files() -> Result<Vec<String>> {
    let listing = output(program("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    let mut files: Vec<String> = listing.lines().map(str::to_owned).filter(|it| root().join(it).is_file()).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// What `cargo metadata` tells, with the given further arguments.
pub fn metadata(arguments: &[&str]) -> Result<Value> {
    let text = output(cargo().args(["metadata", "--format-version", "1"]).args(arguments))?;
    serde_json::from_str(&text).context("cargo metadata did not print JSON")
}
