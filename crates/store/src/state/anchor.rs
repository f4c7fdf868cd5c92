//! Where does the ledger end? The number and the hash of its newest entry, kept in a file beside the database.
//!
//! The chain shows what was altered or taken out in between, but a chain that is cut at its end still fits. The anchor
//! is replaced as a whole after each entry, once that is durable: a crash leaves it behind the ledger, never ahead.
//! So entries behind the anchor are no alarm; an entry that the anchor names and the ledger lacks is one.
//! Whoever can write both files can make them fit; against that, keep copies of the anchor elsewhere.

use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tracing::warn;

use crate::counters::count;
use crate::{Error, disk};

/// The newest entry; `sequence` 0 stands for an empty ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub sequence: u64,
    pub hash: String,
}

impl fmt::Display for Anchor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} {}", self.sequence, self.hash)
    }
}

impl Anchor {
    fn parse(text: &str) -> Option<Self> {
        let (sequence, hash) = text.strip_suffix('\n')?.split_once(' ')?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|it| it.is_ascii_hexdigit());
        let sequence = sequence.parse().ok().filter(|_| is_hash)?;
        Some(Self { sequence, hash: hash.to_owned() })
    }
}

/// The file.
#[derive(Debug)]
pub struct AnchorFile {
    path: PathBuf,
    failures: AtomicU64,
}

impl AnchorFile {
    /// The anchor of a database.
    pub fn beside(database: &Path) -> Self {
        Self { path: database.with_extension("anchor"), failures: AtomicU64::new(0) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How often it could not be read or replaced after an entry.
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// None if there is no file. One that cannot be understood is an error: it was replaced as a whole, so no crash
    /// of ours has done that.
    pub fn read(&self) -> Result<Option<Anchor>, Error> {
        match fs::read(&self.path) {
            Ok(bytes) => {
                let anchor = std::str::from_utf8(&bytes).ok().and_then(Anchor::parse);
                let corrupt = || Error::Corrupt { path: self.path.clone(), what: "it is no anchor of a ledger" };
                anchor.ok_or_else(corrupt).map(Some)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &self.path)(error)),
        }
    }

    /// Replaces the file; a crash leaves the old one or the new one. The directory is not synced: after a power failure
    /// the old one may be back, which is only behind.
    pub fn write(&self, anchor: &Anchor) -> Result<(), Error> {
        let fresh = disk::with_suffix(&self.path, ".tmp");
        let write = || {
            let mut file = File::create(&fresh)?;
            file.write_all(anchor.to_string().as_bytes())?;
            file.sync_data()
        };
        write().map_err(Error::io("write", &fresh))?;
        fs::rename(&fresh, &self.path).map_err(Error::io("replace", &self.path))
    }

    /// Counts and tells a failure. The entry is durable, so its writer is not troubled: the anchor is behind until the
    /// next one.
    pub fn note_failure(&self, error: &Error) {
        count(&self.failures, 1);
        warn!(%error, cause = ?std::error::Error::source(error), "Anchor of the ledger not moved.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_anchors_are_read() {
        let anchor = Anchor { sequence: 17, hash: "0a".repeat(32) };
        let text = anchor.to_string();
        assert_eq!(Anchor::parse(&text), Some(anchor));
        for end in 0..text.len() {
            assert_eq!(Anchor::parse(&text[..end]), None, "{end}");
        }
        for wrong in ["-1 ", "x ", "17 0", "99999999999999999999 "] {
            assert_eq!(Anchor::parse(&text.replacen("17 ", wrong, 1)), None, "{wrong}");
        }
    }
}
