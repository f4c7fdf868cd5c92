//! How far is the disk of a worker? A small file beside the store of a partition, read before the store is opened.

use std::path::{Path, PathBuf};

use cluster::Shelf;
use serde::{Deserialize, Serialize};

/// What lies in the directory of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledge {
    /// All records below this offset are in the store, as far as they are not older than the window.
    pub stored: i64,
    /// What the snapshot beside the store stands for.
    pub state: Option<LocalState>,
}

/// A snapshot on the worker's own disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalState {
    /// All records below this offset are in it.
    pub as_of: i64,
    /// The generation that it has in the changelog.
    pub generation: u64,
}

impl From<&Shelf> for LocalState {
    fn from(it: &Shelf) -> Self {
        Self { as_of: it.as_of, generation: it.generation }
    }
}

impl Ledge {
    /// What is known of a directory; nothing if the file is not there or damaged, which only costs reading again.
    pub fn read(dir: &Path) -> Self {
        let text = std::fs::read(path(dir)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Writes it in place of the old one, which is there until the new one is complete.
    pub fn write(&self, dir: &Path) -> std::io::Result<()> {
        let fresh = path(dir).with_extension("new");
        std::fs::write(&fresh, serde_json::to_vec(self)?)?;
        std::fs::rename(&fresh, path(dir))
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("position.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_and_damage_is_as_nothing() {
        let dir = std::env::temp_dir().join(format!("sentinel-ledge-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        assert_eq!(Ledge::read(&dir), Ledge::default());
        let ledge = Ledge { stored: 7, state: Some(LocalState { as_of: 5, generation: 2 }) };
        ledge.write(&dir).unwrap();
        assert_eq!(Ledge::read(&dir), ledge);
        std::fs::write(path(&dir), b"{\"stored\":").unwrap();
        assert_eq!(Ledge::read(&dir), Ledge::default());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
