//! How far has a gateway read files and other servers? It has no store, so a small file in its data directory says so.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use ingest::{Cursors, Offsets, Position};
use serde::{Deserialize, Serialize};
use signal::{PortError, Timestamp};

/// Positions in a file that is replaced as a whole.
pub struct Positions {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Known {
    /// By path: inode, offset, fingerprint, bytes of the fingerprint.
    files: BTreeMap<PathBuf, (u64, u64, u64, u64)>,
    /// By name of the server.
    servers: BTreeMap<String, Timestamp>,
}

impl Positions {
    /// Reads the file in a directory, which is made if it is not there.
    ///
    /// # Errors
    /// The directory cannot be made, or the file is damaged: reading everything again in silence would be worse.
    pub fn open(data_dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
        let path = data_dir.join("gateway-positions.json");
        let known = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is damaged; remove it to read from the start", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Known::default(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        Ok(Self { path, known: Mutex::new(known) })
    }

    fn change(&self, change: impl FnOnce(&mut Known)) -> Result<(), PortError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        write(&self.path, &known)
            .map_err(|error| PortError::Failed { operation: "save a read position", source: error.into() })
    }

    fn look<T>(&self, look: impl FnOnce(&Known) -> Option<T>) -> Option<T> {
        look(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The old file is there until the new one is complete and on the disk.
fn write(path: &Path, known: &Known) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(&serde_json::to_vec(known)?)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

impl Offsets for Positions {
    fn load(&self, path: &Path) -> Option<Position> {
        let (inode, offset, fingerprint, fingerprint_bytes) = self.look(|it| it.files.get(path).copied())?;
        Some(Position { inode, offset, fingerprint, fingerprint_bytes })
    }

    fn save(&self, path: &Path, position: Position) -> Result<(), PortError> {
        let Position { inode, offset, fingerprint, fingerprint_bytes } = position;
        self.change(|it| {
            it.files.insert(path.to_owned(), (inode, offset, fingerprint, fingerprint_bytes));
        })
    }
}

impl Cursors for Positions {
    fn load(&self, name: &str) -> Option<Timestamp> {
        self.look(|it| it.servers.get(name).copied())
    }

    fn save(&self, name: &str, time: Timestamp) -> Result<(), PortError> {
        self.change(|it| {
            it.servers.insert(name.to_owned(), time);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_outlive_the_process_and_damage_is_told() {
        let dir = std::env::temp_dir().join(format!("sentinel-positions-{}", std::process::id()));
        let position = Position { inode: 7, offset: 1 << 40, fingerprint: u64::MAX, fingerprint_bytes: 64 };
        let path = Path::new("/var/log/x.log");
        let before = Positions::open(&dir).unwrap();
        Offsets::save(&before, path, position).unwrap();
        Cursors::save(&before, "prom", Timestamp::from_secs(9)).unwrap();
        let after = Positions::open(&dir).unwrap();
        assert_eq!(Offsets::load(&after, path), Some(position));
        assert_eq!(Cursors::load(&after, "prom"), Some(Timestamp::from_secs(9)));
        assert_eq!(Cursors::load(&after, "other"), None);
        fs::write(dir.join("gateway-positions.json"), b"{\"files\":").unwrap();
        let error = Positions::open(&dir).err().unwrap().to_string();
        assert!(error.contains("is damaged"), "{error}");
        fs::remove_dir_all(&dir).unwrap();
    }
}
