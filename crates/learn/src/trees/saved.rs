//! How is an ensemble kept in a file? A mark, a version, and postcard; nothing in it is run, and all of it is checked.
//!
//! Version 2 has linear parts behind the ensemble. What has none is written as version 1, which older programs read.

use serde::{Deserialize, Serialize};

use super::ensemble::Ensemble;
use super::tree::Slope;

/// The first bytes of every file.
const MARK: &[u8; 8] = b"SNTLTREE";
/// Grows with every change of the structure.
const VERSION: u8 = 2;
/// Without linear parts.
const VERSION_OF_TREES: u8 = 1;

/// What stands behind the ensemble since version 2.
#[derive(Default, Serialize, Deserialize)]
struct Linear {
    weights: Vec<f64>,
    /// By tree.
    slopes: Vec<Vec<Slope>>,
}

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
    let is_linear = !ensemble.weights.is_empty() || ensemble.trees.iter().any(|it| !it.slopes.is_empty());
    let mut bytes = MARK.to_vec();
    bytes.push(if is_linear { VERSION } else { VERSION_OF_TREES });
    // Postcard fails for sequences of unknown length only, which an ensemble has none of.
    bytes.extend(postcard::to_allocvec(ensemble).unwrap_or_default());
    if is_linear {
        let slopes = ensemble.trees.iter().map(|it| it.slopes.clone()).collect();
        let linear = Linear { weights: ensemble.weights.clone(), slopes };
        bytes.extend(postcard::to_allocvec(&linear).unwrap_or_default());
    }
    bytes
}

/// The ensemble of a file.
///
/// # Errors
/// If it is not ours, of another version, or damaged.
pub fn from_bytes(bytes: &[u8]) -> Result<Ensemble, SavedError> {
    let rest = bytes.strip_prefix(MARK).ok_or(SavedError::Foreign)?;
    let (version, rest) = rest.split_first().ok_or(SavedError::Foreign)?;
    if !(VERSION_OF_TREES..=VERSION).contains(version) {
        return Err(SavedError::Version(*version));
    }
    let damaged = |error: postcard::Error| SavedError::Damaged(error.to_string());
    let (mut ensemble, rest) = postcard::take_from_bytes::<Ensemble>(rest).map_err(damaged)?;
    if *version == VERSION {
        let linear: Linear = postcard::from_bytes(rest).map_err(damaged)?;
        ensemble.weights = linear.weights;
        ensemble.trees.iter_mut().zip(linear.slopes).for_each(|(tree, it)| tree.slopes = it);
    }
    match ensemble.problem() {
        None => Ok(ensemble),
        Some(problem) => Err(SavedError::Damaged(problem)),
    }
}
