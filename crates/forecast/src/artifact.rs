//! How is a trained model kept? A name, a version, what it showed in its trial as JSON, then the model's own bytes.
//!
//! Nothing in it can be run. The registry holds the SHA-256 of the whole, so that a damaged or exchanged file is noticed.

use sha2::{Digest as _, Sha256};

use crate::model::ModelChoice;
use crate::training::Trained;

const MAGIC: &[u8; 8] = b"SNTLVRSN";
const VERSION: u16 = 1;

/// Why an artifact cannot serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// It is not the file that was kept; restore it from a copy, or retrain.
    #[error("its checksum is {found} and not {expected}: it is damaged or another file")]
    Checksum {
        /// Of the bytes.
        found: String,
        /// In the registry.
        expected: String,
    },
    /// Another release wrote it, or it is no artifact; retrain.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// The bytes of a model and its trial.
pub fn pack(trained: &Trained) -> Vec<u8> {
    let trial = serde_json::to_vec(&trained.trial).expect("numbers and lists of numbers are JSON");
    let model = trained.model.save();
    let mut bytes = Vec::with_capacity(trial.len() + model.len() + 14);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(u32::try_from(trial.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(trial);
    bytes.extend(model);
    bytes
}

/// SHA-256 as 64 hexadecimal digits.
pub fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|it| format!("{it:02x}")).collect()
}

/// Reads what was packed for a watch with this model, and `checksum` was taken of.
pub fn unpack(bytes: &[u8], expected: &str, choice: &ModelChoice) -> Result<Trained, ArtifactError> {
    let found = checksum(bytes);
    if found != expected {
        return Err(ArtifactError::Checksum { found, expected: expected.to_owned() });
    }
    let unreadable = |why: &str| ArtifactError::Unreadable(why.to_owned());
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| unreadable("it is no model of this program"))?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(|| unreadable("it is too short"))?;
    if u16::from_le_bytes(*version) != VERSION {
        return Err(unreadable("another release wrote it"));
    }
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| unreadable("it is too short"))?;
    let length = u32::from_le_bytes(*length) as usize;
    let (trial, saved) = rest.split_at_checked(length).ok_or_else(|| unreadable("it is too short"))?;
    let trial = serde_json::from_slice(trial).map_err(|error| unreadable(&error.to_string()))?;
    let model = choice.load(saved).map_err(|error| unreadable(&error))?;
    Ok(Trained { model, trial })
}
