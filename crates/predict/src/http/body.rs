//! How do bytes that others sent become JSON? Unpacked if they are packed, and with the tensors that lie behind the JSON
//! put into it, as clients of Triton send them if they are not asked for anything else.

use std::borrow::Cow;
use std::io::Read as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Deserializer, Value};

use super::tensor;
use crate::desk::Desk;
use crate::error::PredictError;

/// Takes requests that are packed, for all routes that read what they get.
pub async fn unpacked(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    if encoding(request.headers()).is_empty() {
        return next.run(request).await;
    }
    match unpack(request, desk.config.max_body_bytes).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

async fn unpack(request: Request, most: usize) -> Result<Request, PredictError> {
    let (mut parts, body) = request.into_parts();
    let packed = axum::body::to_bytes(body, most).await;
    let packed = packed.map_err(|error| PredictError::Malformed(format!("the body cannot be read: {error}")))?;
    let bytes = plain(&parts.headers, &packed, most)?.into_owned();
    parts.headers.remove(header::CONTENT_ENCODING);
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// The JSON of a request or an answer of the Open Inference Protocol or of any other shape; none if there is none.
pub fn json(headers: &HeaderMap, body: &[u8], most: usize) -> Option<Value> {
    let plain = plain(headers, body, most).ok()?;
    // The header that tells how long the JSON is gets lost on the way of events; the JSON tells its own end.
    let mut stream = Deserializer::from_slice(&plain).into_iter::<Value>();
    let mut value = stream.next()?.ok()?;
    let mut rest = plain.get(stream.byte_offset()..).unwrap_or_default();
    for key in ["inputs", "outputs"] {
        for it in value.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            if it.pointer("/parameters/binary_data_size").is_some() {
                let tensor = tensor::read(it, &mut rest).ok()?;
                it.as_object_mut()?.insert("data".to_owned(), Value::Array(tensor.data));
            }
        }
    }
    rest.trim_ascii().is_empty().then_some(value)
}

fn plain<'a>(headers: &HeaderMap, body: &'a [u8], most: usize) -> Result<Cow<'a, [u8]>, PredictError> {
    match encoding(headers) {
        "" => Ok(body.into()),
        "gzip" | "x-gzip" => {
            let mut plain = vec![];
            let read = flate2::read::MultiGzDecoder::new(body).take(most as u64 + 1).read_to_end(&mut plain);
            read.map_err(|error| PredictError::Malformed(format!("the body is no gzip: {error}")))?;
            if plain.len() > most {
                let problem = "the body is unpacked larger than predict.max_body_bytes";
                return Err(PredictError::TooLarge(problem.to_owned()));
            }
            Ok(plain.into())
        }
        other => {
            let other: String = other.chars().take(40).collect();
            Err(PredictError::Malformed(format!("Content-Encoding {other:?} is not taken; send gzip or none")))
        }
    }
}

/// How a body is packed; empty if it is not.
fn encoding(headers: &HeaderMap) -> &str {
    let told = headers.get(header::CONTENT_ENCODING).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if told.eq_ignore_ascii_case("identity") { "" } else { told }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &[u8]) -> Option<Value> {
        json(&HeaderMap::new(), body, 1000)
    }

    /// Guarantees: MUST 884 of docs/specs/predict.md.
    #[test]
    fn tensors_behind_the_json_are_put_into_it() {
        let header = json!({"inputs": [
            {"name": "a", "shape": [2, 1], "datatype": "INT64", "parameters": {"binary_data_size": 16}},
            {"name": "b", "shape": [2], "datatype": "BYTES", "data": ["x", "y"]},
            {"name": "c", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
        ]});
        let mut body = header.to_string().into_bytes();
        body.extend([7_i64, -1].iter().flat_map(|it| it.to_le_bytes()));
        body.extend([0.5_f32, 2.0].iter().flat_map(|it| it.to_le_bytes()));
        let rows = crate::payload::rows(&read(&body).unwrap()).unwrap();
        let told: Vec<Vec<String>> = rows.iter().map(|it| it.iter().map(|it| it.1.to_string()).collect()).collect();
        assert_eq!(told, [["7", "x", "0.5"], ["-1", "y", "2"]]);
        assert_eq!(read(&body[..body.len() - 1]), None, "bytes are missing");
        body.push(1);
        assert_eq!(read(&body), None, "there are more bytes than tensors");
        assert_eq!(read(b"{\"a\": 1}\n"), Some(json!({"a": 1})));
        assert_eq!((read(b""), read(b"{"), read(b"{} {}")), (None, None, None));
    }

    /// Guarantees: MUST 885 of docs/specs/predict.md.
    #[test]
    fn packed_bodies_are_unpacked_up_to_a_bound() {
        let pack = |text: &str| {
            let mut packed = vec![];
            let mut encoder = flate2::read::GzEncoder::new(text.as_bytes(), flate2::Compression::default());
            encoder.read_to_end(&mut packed).unwrap();
            packed
        };
        let headers = |encoding: &str| HeaderMap::from_iter([(header::CONTENT_ENCODING, encoding.parse().unwrap())]);
        assert_eq!(json(&headers("gzip"), &pack("[1]"), 1000), Some(json!([1])));
        assert_eq!(json(&headers("identity"), b"[1]", 1000), Some(json!([1])));
        assert_eq!(json(&headers("gzip"), &pack(&" ".repeat(2000)), 1000), None);
        assert_eq!(json(&headers("br"), b"[1]", 1000), None);
        assert_eq!(json(&headers("gzip"), b"[1]", 1000), None);
    }
}
