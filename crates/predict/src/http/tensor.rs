//! What does a tensor hold? Values in JSON, flat or nested, or bytes behind the JSON (Triton's binary extension).
//!
//! Specification of the bytes:
//! <https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md>.

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::{Number, Value};

use crate::error::PredictError;

/// Nesting of a tensor at most.
const MAX_DEPTH: usize = 8;

/// A tensor with flat data.
#[derive(Debug, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its values, the last dimension fastest.
    pub data: Vec<Value>,
}

impl Tensor {
    /// The first dimension.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Values per row.
    pub fn width(&self) -> usize {
        // Where a dimension is 0 the others may be anything.
        self.shape.iter().skip(1).fold(1, |all, it| all.saturating_mul(*it))
    }
}

/// The JSON of a request and the bytes behind it.
///
/// # Errors
/// If it is no JSON, or the header tells of more bytes than there are.
pub fn split(headers: &HeaderMap, body: Bytes) -> Result<(Value, Bytes), PredictError> {
    let length = headers.get("inference-header-content-length");
    let end = match length.map(|it| it.to_str().ok().and_then(|it| it.parse::<usize>().ok())) {
        None => body.len(),
        Some(Some(end)) if end <= body.len() => end,
        Some(_) => return Err(bad("", "Inference-Header-Content-Length is not the length of the JSON")),
    };
    let json = serde_json::from_slice(body.get(..end).unwrap_or_default())
        .map_err(|error| PredictError::Malformed(format!("the body is not JSON: {error}")))?;
    Ok((json, body.slice(end..)))
}

/// All tensors of a request, which has at least one; none has another first dimension than the others.
///
/// # Errors
/// As [`read`].
pub fn all(request: &Value, binary: &[u8]) -> Result<Vec<Tensor>, PredictError> {
    let inputs = request.get("inputs").and_then(Value::as_array).filter(|it| !it.is_empty());
    let inputs = inputs.ok_or_else(|| PredictError::Malformed("inputs: must be a list of tensors".to_owned()))?;
    let mut rest = binary;
    let tensors = inputs.iter().map(|it| read(it, &mut rest)).collect::<Result<Vec<_>, _>>()?;
    let n = tensors.first().map_or(0, Tensor::rows);
    if tensors.iter().any(|it| it.rows() != n) {
        return Err(PredictError::Malformed("inputs: tensors must have the same first dimension".to_owned()));
    }
    Ok(tensors)
}

/// Reads a tensor; one with binary data takes its bytes from the front of `binary`.
///
/// # Errors
/// If parts are missing, or there are more or fewer values than the shape tells.
pub fn read(value: &Value, binary: &mut &[u8]) -> Result<Tensor, PredictError> {
    let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let shape = value.get("shape").and_then(Value::as_array).ok_or_else(|| bad(&name, "has no shape"))?;
    let whole = |it: &Value| it.as_u64().and_then(|it| usize::try_from(it).ok());
    let shape: Vec<usize> =
        shape.iter().map(whole).collect::<Option<_>>().ok_or_else(|| bad(&name, "has a shape of no whole numbers"))?;
    let n = shape.iter().try_fold(1_usize, |all, it| all.checked_mul(*it));
    let n = n.ok_or_else(|| bad(&name, "has a shape that is too large"))?;
    let datatype = value.get("datatype").and_then(Value::as_str).unwrap_or_default();
    let size = value.get("parameters").and_then(|it| it.get("binary_data_size")).and_then(Value::as_u64);
    let data = match (value.get("data"), size) {
        (Some(data), None) => {
            let mut flat = vec![];
            flatten(data, &mut flat, 0).ok_or_else(|| bad(&name, "is nested too deeply"))?;
            flat
        }
        (None, Some(size)) => {
            let taken = usize::try_from(size).ok().and_then(|it| binary.split_at_checked(it));
            let (bytes, rest) = taken.ok_or_else(|| bad(&name, "has a binary_data_size that is more than there is"))?;
            *binary = rest;
            from_bytes(datatype, bytes).ok_or_else(|| bad(&name, "has bytes that do not fit its datatype"))?
        }
        _ => return Err(bad(&name, "must have either data or parameters.binary_data_size")),
    };
    if data.len() != n {
        return Err(bad(&name, &format!("has {} values where its shape tells {n}", data.len())));
    }
    Ok(Tensor { name, shape, data })
}

fn bad(name: &str, problem: &str) -> PredictError {
    let name: String = name.chars().take(100).collect();
    PredictError::Malformed(format!("inputs: the tensor {name:?} {problem}"))
}

fn flatten(value: &Value, into: &mut Vec<Value>, depth: usize) -> Option<()> {
    match value {
        Value::Array(_) if depth >= MAX_DEPTH => None,
        Value::Array(list) => list.iter().try_for_each(|it| flatten(it, into, depth + 1)),
        other => {
            into.push(other.clone());
            Some(())
        }
    }
}

/// Little-endian numbers, or texts each behind the four bytes of its length.
fn from_bytes(datatype: &str, mut bytes: &[u8]) -> Option<Vec<Value>> {
    if datatype == "BYTES" {
        let mut texts = vec![];
        while !bytes.is_empty() {
            let (length, rest) = bytes.split_first_chunk::<4>()?;
            let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            texts.push(Value::from(std::str::from_utf8(text).ok()?));
            bytes = rest;
        }
        return Some(texts);
    }
    macro_rules! numbers {
        ($kind:ty, $size:literal) => {{
            let (chunks, rest) = bytes.as_chunks::<$size>();
            rest.is_empty().then(|| chunks.iter().map(|it| number(<$kind>::from_le_bytes(*it))).collect())
        }};
    }
    match datatype {
        "BOOL" => Some(bytes.iter().map(|it| Value::from(*it != 0)).collect()),
        "INT8" => numbers!(i8, 1),
        "INT16" => numbers!(i16, 2),
        "INT32" => numbers!(i32, 4),
        "INT64" => numbers!(i64, 8),
        "UINT8" => numbers!(u8, 1),
        "UINT16" => numbers!(u16, 2),
        "UINT32" => numbers!(u32, 4),
        "UINT64" => numbers!(u64, 8),
        "FP32" => numbers!(f32, 4),
        "FP64" => numbers!(f64, 8),
        _ => None,
    }
}

/// A number of JSON; NaN, which frameworks take for "missing", is null.
fn number<T: IntoNumber>(value: T) -> Value {
    value.into_number().map_or(Value::Null, Value::Number)
}

trait IntoNumber {
    fn into_number(self) -> Option<Number>;
}

macro_rules! whole {
    ($($kind:ty),*) => {$(
        impl IntoNumber for $kind {
            fn into_number(self) -> Option<Number> {
                Some(self.into())
            }
        }
    )*};
}

whole!(i8, i16, i32, i64, u8, u16, u32, u64);

impl IntoNumber for f64 {
    fn into_number(self) -> Option<Number> {
        Number::from_f64(self)
    }
}

impl IntoNumber for f32 {
    fn into_number(self) -> Option<Number> {
        Number::from_f64(f64::from(self))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_flat_and_binary_data_are_the_same() {
        let wanted = vec![json!(1.0), json!(2.5), json!(3.0), json!(4.0)];
        let of = |data: Value| json!({"name": "x", "shape": [2, 2], "datatype": "FP32", "data": data});
        assert_eq!(read(&of(json!([[1.0, 2.5], [3.0, 4.0]])), &mut &[][..]).unwrap().data, wanted);
        assert_eq!(read(&of(json!([1.0, 2.5, 3.0, 4.0])), &mut &[][..]).unwrap().data, wanted);
        let bytes: Vec<u8> = [1.0_f32, 2.5, 3.0, 4.0].iter().flat_map(|it| it.to_le_bytes()).collect();
        let binary = json!({"name": "x", "shape": [2, 2], "datatype": "FP32", "parameters": {"binary_data_size": 16}});
        let mut rest = bytes.as_slice();
        let tensor = read(&binary, &mut rest).unwrap();
        assert_eq!((tensor.data.clone(), tensor.rows(), tensor.width(), rest.len()), (wanted, 2, 2, 0));
    }

    #[test]
    fn bytes_are_texts_and_wrong_lengths_are_refused() {
        let texts = b"\x01\x00\x00\x00a\x02\x00\x00\x00bc";
        assert_eq!(from_bytes("BYTES", texts), Some(vec![json!("a"), json!("bc")]));
        assert_eq!(from_bytes("BYTES", &texts[..7]), None);
        assert_eq!(from_bytes("INT64", &[0; 9]), None);
        assert_eq!(from_bytes("FP32", &f32::NAN.to_le_bytes()), Some(vec![Value::Null]));
        let problem = |value: Value| read(&value, &mut &[0_u8; 4][..]).unwrap_err().to_string();
        assert!(problem(json!({"name": "x", "shape": [3], "data": [1]})).contains("1 values where its shape tells 3"));
        assert!(problem(json!({"name": "x", "data": [1]})).contains("no shape"));
        assert!(problem(json!({"name": "x", "shape": [u64::MAX, 4], "data": [1]})).contains("too large"));
        let none = read(&json!({"name": "x", "shape": [0, u64::MAX, 2], "data": []}), &mut &[][..]).unwrap();
        assert_eq!((none.rows(), none.width()), (0, usize::MAX));
        let far = json!({"name": "x", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}});
        assert!(problem(far).contains("more than there is"));
    }
}
