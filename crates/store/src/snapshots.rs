//! How is a value kept that is too large for a row? In a file of its own, written piece by piece while it is made.
//!
//! Each piece is synced before the next one is made: a sync of the write-ahead log, for which senders wait, may have to
//! wait for what other files have written, and so never waits for more than one piece. The file takes its name when it
//! is whole, so that a crash leaves the old one.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::{Error, disk};

/// The folder of such files.
#[derive(Debug)]
pub struct Snapshots(PathBuf);

impl Snapshots {
    /// Opens or makes the folder, and removes what a crash left unfinished.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        disk::make_dir(dir)?;
        for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
            let path = entry.map_err(Error::io("list", dir))?.path();
            if path.extension().is_some_and(|it| it == "tmp") {
                disk::remove(&path)?;
            }
        }
        Ok(Self(dir.to_owned()))
    }

    /// Puts the pieces in place of what was there under the name; durable when it returns.
    pub fn put(&self, name: &str, pieces: &mut dyn Iterator<Item = Vec<u8>>) -> Result<(), Error> {
        let path = self.path(name);
        let temporary = disk::with_suffix(&path, ".tmp");
        let mut file = File::create(&temporary).map_err(Error::io("create", &temporary))?;
        for piece in pieces {
            file.write_all(&piece).map_err(Error::io("write", &temporary))?;
            file.sync_data().map_err(Error::io("sync", &temporary))?;
        }
        fs::rename(&temporary, &path).map_err(Error::io("rename", &temporary))?;
        disk::sync_dir(&self.0)
    }

    /// The bytes under a name, if there are any.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        let files = fs::read_dir(&self.0).into_iter().flatten().flatten();
        files.filter_map(|it| it.metadata().ok()).map(|it| it.len()).sum()
    }

    fn path(&self, name: &str) -> PathBuf {
        // Whatever the name is, the file stays in the folder.
        let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        let name: String = name.chars().map(|it| if is_plain(it) { it } else { '_' }).collect();
        self.0.join(name).with_extension("snapshot")
    }
}
