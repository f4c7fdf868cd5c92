//! Which text of a runbook was approved? A file with the SHA-256 of each, which stands beside them and is kept in version
//! control with them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::document::Standing;
use crate::runbook::File;

/// The name of the file in the folder of runbooks.
pub const PIN_FILE: &str = ".sentinel-pins.json";

/// The approved texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// By path below the folder, with `/`.
    pub pins: BTreeMap<String, Pin>,
}

/// One approved text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// SHA-256 of the file in hexadecimal digits.
    pub sha256: String,
    /// Who said that it is good.
    pub by: String,
    /// When, as RFC 3339.
    pub at: String,
}

impl Pins {
    /// Reads the file; none if it is not there.
    ///
    /// # Errors
    /// If it is there and cannot be read: a runbook must not pass for approved because its pins are broken.
    pub fn read(path: &Path) -> Result<Option<Self>, Error> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
        };
        let bad = |error: serde_json::Error| Error::Bad { path: path.to_owned(), problem: error.to_string() };
        serde_json::from_slice(&bytes).map(Some).map_err(bad)
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// If its folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let beside = path.with_extension("json.new");
        std::fs::write(&beside, text).map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)
    }

    /// How a file stands to its pin.
    pub fn standing(&self, file: &File) -> Standing {
        match self.pins.get(&file.path) {
            None => Standing::New,
            Some(pin) if pin.sha256 == file.sha256 => Standing::Pinned,
            Some(_) => Standing::Changed,
        }
    }
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|it| format!("{it:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_sha256sum() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
