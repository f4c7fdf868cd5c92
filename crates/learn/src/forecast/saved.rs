//! How does state outlive a process? A name, a version, a checksum, and numbers; nothing in it can be run.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// They do not begin as they should.
    NotOurs,
    /// Another release wrote them: fit again.
    OtherVersion {
        /// Theirs.
        found: u16,
        /// What this release reads.
        expected: u16,
    },
    /// The checksum is wrong, or there is too little or too much.
    Damaged,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs => write!(f, "this is not a saved model"),
            Self::OtherVersion { found, expected } => {
                write!(f, "the model was saved in version {found}, this release reads {expected}: train it again")
            }
            Self::Damaged => write!(f, "the saved model is damaged"),
        }
    }
}

impl std::error::Error for LoadError {}

/// The state as bytes.
pub(super) fn save(magic: &[u8; 8], version: u16, state: &impl Serialize) -> Vec<u8> {
    let body = postcard::to_allocvec(state).expect("state has no types that cannot be written");
    let mut bytes = Vec::with_capacity(body.len() + 18);
    bytes.extend(magic);
    bytes.extend(version.to_le_bytes());
    bytes.extend(checksum(&body).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// The state from bytes.
pub(super) fn load<T: DeserializeOwned>(magic: &[u8; 8], version: u16, bytes: &[u8]) -> Result<T, LoadError> {
    let rest = bytes.strip_prefix(magic).ok_or(LoadError::NotOurs)?;
    let (found, rest) = rest.split_first_chunk::<2>().ok_or(LoadError::Damaged)?;
    let found = u16::from_le_bytes(*found);
    if found != version {
        return Err(LoadError::OtherVersion { found, expected: version });
    }
    let (sum, body) = rest.split_first_chunk::<8>().ok_or(LoadError::Damaged)?;
    if u64::from_le_bytes(*sum) != checksum(body) {
        return Err(LoadError::Damaged);
    }
    match postcard::take_from_bytes(body) {
        Ok((state, [])) => Ok(state),
        _ => Err(LoadError::Damaged),
    }
}

/// FNV-1a: against torn and flipped bytes, not against forgers.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_comes_back_and_every_change_is_noticed() {
        let state = (1.5f64, vec![f64::NAN, f64::INFINITY, -0.0], Some(7i64));
        let bytes = save(b"SOMETHIN", 3, &state);
        let back: (f64, Vec<f64>, Option<i64>) = load(b"SOMETHIN", 3, &bytes).unwrap();
        assert_eq!((back.0, back.2), (1.5, Some(7)));
        assert!(back.1.iter().zip(&state.1).all(|(a, b)| a.to_bits() == b.to_bits()));
        let load = |bytes: &[u8]| load::<(f64, Vec<f64>, Option<i64>)>(b"SOMETHIN", 3, bytes);
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 4;
            assert!(load(&damaged).is_err(), "{index}");
            assert!(load(&bytes[..index]).is_err(), "{index}");
        }
        assert_eq!(load(b"SOMETHIN\x04\0"), Err(LoadError::OtherVersion { found: 4, expected: 3 }));
        assert_eq!(load(b"hello"), Err(LoadError::NotOurs));
    }
}
