//! Which numbers has a model learned? The tensors of a `safetensors` file by name: a length, a JSON header, bytes.
//!
//! Source: <https://github.com/huggingface/safetensors>, format of version 0.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// A larger header is no header.
const MAX_HEADER_BYTES: u64 = 100 << 20;

/// The tensors of a file.
pub struct Weights {
    tensors: BTreeMap<String, Info>,
    bytes: Vec<u8>,
}

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl Weights {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read or its header is not what it should be.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let all = std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Self::parse(all).map_err(|problem| Error::Bad { path: path.to_owned(), problem })
    }

    fn parse(mut all: Vec<u8>) -> Result<Self, String> {
        let length = all.first_chunk::<8>().map(|it| u64::from_le_bytes(*it)).ok_or("it is shorter than its header")?;
        if length > MAX_HEADER_BYTES {
            return Err("its header is too long; is it a safetensors file?".to_owned());
        }
        let end = 8 + usize::try_from(length).unwrap_or(usize::MAX);
        let header = all.get(8..end).ok_or("it is shorter than its header")?;
        let header: BTreeMap<String, Value> =
            serde_json::from_slice(header).map_err(|error| format!("its header is not JSON: {error}"))?;
        let mut tensors = BTreeMap::new();
        for (name, value) in header.into_iter().filter(|(name, _)| name != "__metadata__") {
            let info: Info = serde_json::from_value(value).map_err(|error| format!("tensor {name}: {error}"))?;
            // Published models of one family differ in what stands before the names.
            tensors.insert(name.trim_start_matches("bert.").trim_start_matches("0.auto_model.").to_owned(), info);
        }
        all.drain(..end);
        Ok(Self { tensors, bytes: all })
    }

    /// A tensor as 32-bit numbers, if it is there with exactly this shape.
    ///
    /// # Errors
    /// If it is not, or its numbers are of a type that is not known here.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let info = self.tensors.get(name).ok_or_else(|| format!("it has no tensor {name}"))?;
        let fits = info.shape.len() == shape.len() && info.shape.iter().zip(shape).all(|(a, b)| *b == 0 || a == b);
        if !fits {
            return Err(format!("tensor {name} has the shape {:?}, and {shape:?} was expected", info.shape));
        }
        let bytes =
            self.bytes.get(info.data_offsets.0..info.data_offsets.1).ok_or(format!("tensor {name} is cut off"))?;
        let numbers: Vec<f32> = match info.dtype.as_str() {
            "F32" => bytes.as_chunks::<4>().0.iter().map(|it| f32::from_le_bytes(*it)).collect(),
            "BF16" => bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|it| f32::from_bits(u32::from(u16::from_le_bytes(*it)) << 16))
                .collect(),
            "F16" => bytes.as_chunks::<2>().0.iter().map(|it| half(u16::from_le_bytes(*it))).collect(),
            other => return Err(format!("tensor {name} has numbers of type {other}; F32, F16 and BF16 are known")),
        };
        let n_expected: usize = info.shape.iter().product();
        if numbers.len() == n_expected { Ok(numbers) } else { Err(format!("tensor {name} is cut off")) }
    }
}

/// A number of 16 bits in the form of IEEE 754.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 => {
            if fraction == 0.0 {
                sign * f32::INFINITY
            } else {
                f32::NAN
            }
        }
        _ => sign * (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn tensors_of_all_types_are_read() {
        let header = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"bert.b":{"dtype":"F16","shape":[2],"data_offsets":[4,8]},"c":{"dtype":"BF16","shape":[1],"data_offsets":[8,10]}}"#;
        let data = [1.5_f32.to_le_bytes().to_vec(), vec![0x00, 0x3e, 0x00, 0xc0], vec![0xc0, 0x3f]].concat();
        let weights = Weights::parse(file(header, &data)).unwrap();
        assert_eq!(weights.tensor("a", &[1]), Ok(vec![1.5]));
        assert_eq!(weights.tensor("b", &[2]), Ok(vec![1.5, -2.0]));
        assert_eq!(weights.tensor("c", &[0]), Ok(vec![1.5]));
        assert!(weights.tensor("a", &[2]).unwrap_err().contains("shape"));
        assert!(weights.tensor("d", &[1]).unwrap_err().contains("no tensor d"));
    }

    #[test]
    fn broken_files_are_told() {
        let cut = r#"{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}"#;
        assert!(Weights::parse(file(cut, &[0; 4])).unwrap().tensor("a", &[9]).unwrap_err().contains("cut off"));
        assert!(Weights::parse(vec![1, 2]).is_err());
        assert!(Weights::parse(vec![0xff; 64]).is_err());
        assert!(Weights::parse(file("[]", &[])).is_err());
        let odd = r#"{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}"#;
        assert!(Weights::parse(file(odd, &[0])).unwrap().tensor("a", &[1]).unwrap_err().contains("I8"));
    }
}
