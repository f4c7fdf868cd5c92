//! How are requests and answers of KServe logged? Its logger sends each as a CloudEvent, in binary or structured mode; the
//! two with the same `id` make one prediction (or as many as the request has rows).
//!
//! Types: `org.kubeflow.serving.inference.request` and `.response`, from
//! <https://github.com/kserve/kserve/blob/master/pkg/logger/worker.go>.
//! Specification: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use signal::Timestamp;

use super::{body, read};
use crate::desk::Desk;
use crate::error::PredictError;
use crate::pairs::{Half, Part};
use crate::schema::FieldProblem;

/// Length of an attribute at most.
const MAX_TEXT: usize = 300;
/// Bytes of the data of an event at most, unpacked.
const MAX_BYTES: usize = 64 << 20;

/// `POST /` and `POST /cloudevents`. A request is held until its answer comes, and then both are in the log when this
/// is answered.
pub async fn take(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, PredictError> {
    let _place = desk.enter()?;
    let bytes = read::bytes(bytes)?;
    let now = desk.clock.now();
    let halves = halves(&headers, &bytes, now)?;
    let rows = halves.into_iter().flat_map(|it| desk.pairs.join(it, now)).collect::<Vec<_>>();
    if !rows.is_empty() {
        desk.log.write(rows).await?;
    }
    Ok(StatusCode::ACCEPTED)
}

/// The events of a request: one in either mode, or a batch.
pub fn halves(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Vec<Half>, PredictError> {
    let content_type = headers.get("content-type").and_then(|it| it.to_str().ok()).unwrap_or_default();
    if content_type.starts_with("application/cloudevents-batch+json") {
        let list: Vec<Map<String, Value>> = parse(body)?;
        return list.into_iter().map(|it| structured(it, now)).collect();
    }
    Ok(vec![if content_type.starts_with("application/cloudevents+json") {
        structured(parse(body)?, now)?
    } else {
        binary(headers, body, now)?
    }])
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, PredictError> {
    serde_json::from_slice(body).map_err(|error| PredictError::Malformed(format!("the event is not JSON: {error}")))
}

fn structured(mut event: Map<String, Value>, now: Timestamp) -> Result<Half, PredictError> {
    let data = match (event.remove("data"), event.remove("data_base64")) {
        (Some(Value::String(text)), _) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        (Some(data), _) => data,
        // Libraries take JSON that they were given as bytes for anything, and pack it so.
        (None, Some(Value::String(text))) => {
            let bytes = STANDARD.decode(text).map_err(|_| wrong("data_base64", "is not base64"))?;
            json(&HeaderMap::new(), &bytes)?
        }
        (None, Some(_)) => return Err(wrong("data_base64", "must be a text")),
        (None, None) => Value::Null,
    };
    half(&|name| event.get(name)?.as_str().map(str::to_owned), data, now)
}

fn binary(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Half, PredictError> {
    let attribute = |name: &str| Some(headers.get(format!("ce-{name}"))?.to_str().ok()?.to_owned());
    if attribute("id").is_none() && attribute("type").is_none() {
        return Err(PredictError::Malformed(
            "this is no CloudEvent: it has neither ce- headers nor the type application/cloudevents+json".to_owned(),
        ));
    }
    half(&attribute, json(headers, body)?, now)
}

/// Data of an event, with tensors that lie behind its JSON.
fn json(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, PredictError> {
    if let Some(value) = body::json(headers, bytes, MAX_BYTES) {
        return Ok(value);
    }
    // Where it is not even JSON it is told where it breaks.
    parse::<Value>(bytes)?;
    Err(PredictError::Malformed(
        "what lies behind the JSON of the event are not the tensors that it tells of".to_owned(),
    ))
}

fn wrong(field: &str, problem: &str) -> PredictError {
    PredictError::Fields(vec![FieldProblem { row: None, field: field.to_owned(), problem: problem.to_owned() }])
}

fn half(attribute: &dyn Fn(&str) -> Option<String>, data: Value, now: Timestamp) -> Result<Half, PredictError> {
    let get = |name: &str| attribute(name).filter(|it| !it.is_empty() && it.len() <= MAX_TEXT);
    if get("specversion").as_deref() != Some("1.0") {
        return Err(wrong("specversion", "must be 1.0"));
    }
    let id = get("id").ok_or_else(|| wrong("id", "is missing"))?;
    let kind = get("type").ok_or_else(|| wrong("type", "is missing"))?;
    let part = if kind.ends_with("inference.request") {
        Part::Request(data)
    } else if kind.ends_with("inference.response") {
        Part::Response(data)
    } else {
        return Err(wrong("type", "must be org.kubeflow.serving.inference.request or .response"));
    };
    let time = get("time").and_then(|it| it.parse::<Timestamp>().ok()).filter(|it| it.is_plausible());
    let model = get("inferenceservicename").or_else(|| get("source")).unwrap_or_else(|| "unknown".to_owned());
    let version = get("endpoint").filter(|it| it != "default").unwrap_or_default();
    let time = time.unwrap_or(now);
    Ok(Half { id: Arc::from(id), model: model.into(), version: version.into(), time, part })
}
