//! Where do measurements write? Into a folder of their own that goes when they end.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;

/// An empty folder, removed with all that is in it.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub fn new() -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sentinel-bench-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// Bytes of the files in a folder and in the folders in it that are wanted.
pub(super) fn bytes_in(folder: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        // Not what a link leads to: that is counted where it is.
        match std::fs::symlink_metadata(&path) {
            Ok(it) if it.is_dir() && is_wanted(&path) => bytes += bytes_in(&path, is_wanted)?,
            Ok(it) if it.is_file() => bytes += it.len(),
            Ok(_) => {}
            // The server has removed it meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}
