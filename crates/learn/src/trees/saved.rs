//! How is an ensemble kept in a file? A mark, a version, and postcard; nothing in it is run, and all of it is checked.

use super::ensemble::Ensemble;

/// The first bytes of every file.
const MARK: &[u8; 8] = b"SNTLTREE";
/// Grows with every change of the structure.
const VERSION: u8 = 1;

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// It is no file of ours.
    #[error("it does not begin with the mark of a saved ensemble")]
    Foreign,
    /// Another program wrote it.
    #[error("it has version {0}; this program reads version {VERSION}")]
    Version(u8),
    /// It is cut or changed.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// The bytes of a file.
pub fn to_bytes(ensemble: &Ensemble) -> Vec<u8> {
    let mut bytes = MARK.to_vec();
    bytes.push(VERSION);
    // Postcard fails for sequences of unknown length only, which an ensemble has none of.
    bytes.extend(postcard::to_allocvec(ensemble).unwrap_or_default());
    bytes
}

/// The ensemble of a file.
///
/// # Errors
/// If it is not ours, of another version, or damaged.
pub fn from_bytes(bytes: &[u8]) -> Result<Ensemble, SavedError> {
    let rest = bytes.strip_prefix(MARK).ok_or(SavedError::Foreign)?;
    let (version, rest) = rest.split_first().ok_or(SavedError::Foreign)?;
    if *version != VERSION {
        return Err(SavedError::Version(*version));
    }
    let ensemble: Ensemble = postcard::from_bytes(rest).map_err(|error| SavedError::Damaged(error.to_string()))?;
    match ensemble.problem() {
        None => Ok(ensemble),
        Some(problem) => Err(SavedError::Damaged(problem)),
    }
}
