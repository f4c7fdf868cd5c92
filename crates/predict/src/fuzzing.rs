//! What do the fuzz targets call that nobody else needs to? Decoders, without a server around them.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use learn::trees::ensemble::Ensemble;
use serde_json::Value;
use signal::Timestamp;

use crate::error::PredictError;
use crate::http::{cloudevents, tensor};
use crate::pairs::Pairs;
use crate::{folder, payload};

/// A tensor: rows, values of a row, and its values.
pub type Tensor = (usize, usize, Vec<Value>);

/// The tensors of a request of the Open Inference Protocol whose JSON has this length; the rest is binary.
///
/// # Errors
/// As the server refuses it.
pub fn tensors(body: &[u8], json_length: Option<usize>) -> Result<Vec<Tensor>, PredictError> {
    let mut headers = HeaderMap::new();
    if let Some(length) = json_length {
        headers.insert("inference-header-content-length", length.into());
    }
    let (request, binary) = tensor::split(&headers, Bytes::copy_from_slice(body))?;
    let tensors = tensor::all(&request, &binary)?;
    Ok(tensors.into_iter().map(|it| (it.rows(), it.width(), it.data)).collect())
}

/// Names and values of headers, and the body.
pub type Event<'a> = (Vec<(&'a str, &'a str)>, &'a [u8]);

/// Rows that events of KServe's logger make together; headers of each event are lines before an empty line.
///
/// # Errors
/// As the server refuses an event.
pub fn events(messages: &[Event<'_>], now: Timestamp) -> Result<usize, PredictError> {
    let (pairs, mut rows) = (Pairs::default(), 0);
    for (given, body) in messages {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            // What is no header does not come through HTTP either.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(*value)) {
                headers.insert(name, value);
            }
        }
        for half in cloudevents::halves(&headers, body, now)? {
            rows += pairs.join(half, now).len();
        }
    }
    Ok(rows)
}

/// How many rows a body in any of the known shapes asks for, and how many answers it has.
pub fn payload(body: &Value) -> (Option<usize>, Option<usize>) {
    (payload::rows(body).map(|it| it.len()), payload::told(body).map(|it| it.len()))
}

/// The trees of a model file.
///
/// # Errors
/// As the server refuses it.
pub fn model(bytes: &[u8]) -> Result<Ensemble, String> {
    folder::parse(bytes).map(|it| it.0.ensemble)
}
