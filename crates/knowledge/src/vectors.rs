//! Which vectors has the model made already? A file of them, so that a restart does not ask for all of them again.
//!
//! It is of one model: its first line names the model by a hash of what makes its vectors. Each vector stands under the hash
//! of the text that it is of, so that a changed text has none. The file is a copy of what can be made anew: one that is
//! damaged, or of another model, is left alone and written over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::Error;
use crate::shelf::Vector;

/// How the file begins; the last letter is the version of its form.
const MAGIC: &[u8; 8] = b"SNTLVEC1";
/// A longer vector is none of a sentence.
const MOST_SIZE: usize = 65_536;

/// Vectors by the hashes of their texts.
pub type Vectors = BTreeMap<u64, Vector>;

/// Where the vectors of a model are kept.
#[derive(Clone, Debug)]
pub struct VectorFile {
    path: PathBuf,
    identity: [u8; 32],
}

impl VectorFile {
    /// Of a model that says of itself what makes its vectors.
    pub fn new(path: &Path, identity: &str) -> Self {
        Self { path: path.to_owned(), identity: Sha256::digest(identity.as_bytes()).into() }
    }

    /// The vectors in the file; none if it is not there or is of another model.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn read(&self) -> Result<Vectors, Error> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vectors::new()),
            Err(source) => return Err(Error::Read { path: self.path.clone(), source }),
        };
        self.decode(&bytes).map_err(|problem| Error::Bad { path: self.path.clone(), problem })
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// If its folder cannot be written.
    pub fn write(&self, vectors: &Vectors) -> Result<(), Error> {
        let failed = |source| Error::Write { path: self.path.clone(), source };
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let beside = self.path.with_extension("new");
        std::fs::write(&beside, self.encode(vectors)).map_err(failed)?;
        std::fs::rename(&beside, &self.path).map_err(failed)
    }

    fn encode(&self, vectors: &Vectors) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.identity);
        for (digest, vector) in vectors {
            bytes.extend_from_slice(&digest.to_le_bytes());
            bytes.extend_from_slice(&u32::try_from(vector.len()).unwrap_or(0).to_le_bytes());
            vector.iter().for_each(|it| bytes.extend_from_slice(&it.to_le_bytes()));
        }
        let sum = xxh3_64(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vectors, String> {
        let (all, sum) = bytes.split_last_chunk::<8>().ok_or("it is too short")?;
        if xxh3_64(all) != u64::from_le_bytes(*sum) {
            return Err("it is damaged".to_owned());
        }
        let rest = all.strip_prefix(MAGIC).ok_or("it is no file of vectors of this version")?;
        let (identity, mut rest) = rest.split_first_chunk::<32>().ok_or("it is too short")?;
        if *identity != self.identity {
            return Ok(Vectors::new());
        }
        let mut vectors = Vectors::new();
        while let Some((digest, after)) = rest.split_first_chunk::<8>() {
            let (size, after) = after.split_first_chunk::<4>().ok_or("it ends inside of a vector")?;
            let size = u32::from_le_bytes(*size) as usize;
            let numbers = after.get(..size.saturating_mul(4)).filter(|_| size <= MOST_SIZE);
            let numbers = numbers.ok_or("it ends inside of a vector")?;
            let vector: Vec<f32> = numbers.as_chunks::<4>().0.iter().map(|it| f32::from_le_bytes(*it)).collect();
            if vector.iter().any(|it| !it.is_finite()) {
                return Err("it has a number that is none".to_owned());
            }
            vectors.insert(u64::from_le_bytes(*digest), Arc::from(vector));
            rest = after.get(numbers.len()..).unwrap_or(&[]);
        }
        if rest.is_empty() { Ok(vectors) } else { Err("it ends inside of a vector".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, identity: &str) -> VectorFile {
        let folder = std::env::temp_dir().join(format!("sentinel-vectors-{}", std::process::id()));
        VectorFile::new(&folder.join(name), identity)
    }

    fn some() -> Vectors {
        [(7, Arc::from(vec![0.5_f32, -1.0])), (9, Arc::from(vec![1.0_f32, 0.0]))].into()
    }

    /// Guarantees: MUST 806 of docs/specs/knowledge.md.
    #[test]
    fn vectors_are_read_as_they_were_written_by_the_same_model_only() {
        let (one, other) = (file("same", "model a"), file("same", "model b"));
        assert_eq!(one.read().unwrap(), Vectors::new());
        one.write(&some()).unwrap();
        assert_eq!(one.read().unwrap(), some());
        assert_eq!(other.read().unwrap(), Vectors::new());
        other.write(&Vectors::new()).unwrap();
        assert_eq!(one.read().unwrap(), Vectors::new());
    }

    /// Guarantees: MUST 806 of docs/specs/knowledge.md: any damage is told, and nothing of such a file is used.
    #[test]
    fn a_damaged_file_is_told() {
        let one = file("damaged", "model a");
        let whole = one.encode(&some());
        assert_eq!(one.decode(&whole), Ok(some()));
        for at in 0..whole.len() {
            assert!(one.decode(&whole[..at]).is_err(), "cut at {at}");
            let mut turned = whole.clone();
            turned[at] ^= 0x10;
            assert!(one.decode(&turned).is_err(), "turned at {at}");
        }
    }
}
