//! How do clients of the Open Inference Protocol ask? The REST part of version 2, with Triton's binary tensors in requests.
//!
//! Specification: <https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md>.
//! A request has one tensor per field (`[n]` or `[n, 1]`), or one tensor `[n, k]` with all fields in the model's order.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::plain::prediction;
use super::problem::with_retry;
use super::read;
use super::tensor;
use crate::desk::{Answered, Chosen, Desk};
use crate::error::PredictError;
use crate::schema::ColumnKind;

/// An error in the words of the protocol.
pub struct Refused(PredictError);

impl From<PredictError> for Refused {
    fn from(error: PredictError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let response = (self.0.status(), Json(json!({"error": self.0.to_string()}))).into_response();
        with_retry(&self.0, response)
    }
}

/// The path of a model.
#[derive(Deserialize)]
pub struct Which {
    name: String,
    #[serde(default)]
    version: Option<String>,
}

/// `GET /v2`.
pub async fn server() -> Json<Value> {
    let extensions = ["binary_tensor_data"];
    Json(json!({"name": "sentinel", "version": env!("CARGO_PKG_VERSION"), "extensions": extensions}))
}

/// `GET /v2/health/live`.
pub async fn live() -> Json<Value> {
    Json(json!({"live": true}))
}

/// `GET /v2/health/ready`: models are loaded before the server listens.
pub async fn ready() -> Json<Value> {
    Json(json!({"ready": true}))
}

/// `GET /v2/models/{name}/ready`.
pub async fn model_ready(State(desk): State<Arc<Desk>>, Path(which): Path<Which>) -> Result<Json<Value>, Refused> {
    let chosen = desk.choose(Some(&which.name), which.version.as_deref(), "")?;
    Ok(Json(json!({"name": chosen.model.name, "ready": true})))
}

/// `GET /v2/models/{name}`.
pub async fn model(State(desk): State<Arc<Desk>>, Path(which): Path<Which>) -> Result<Json<Value>, Refused> {
    let chosen = desk.choose(Some(&which.name), which.version.as_deref(), "")?;
    let schema = &chosen.version.loaded.fields.schema;
    let input = |it: &crate::schema::Column| {
        let datatype = match it.kind {
            ColumnKind::Number => "FP64",
            ColumnKind::Integer => "INT64",
            ColumnKind::Text => "BYTES",
            ColumnKind::Flag => "BOOL",
        };
        json!({"name": it.name, "datatype": datatype, "shape": [-1, 1]})
    };
    let outputs = if schema.target.classes.is_empty() {
        json!([{"name": "predict", "datatype": "FP64", "shape": [-1]}])
    } else {
        json!([
            {"name": "predict", "datatype": "INT64", "shape": [-1]},
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, schema.target.classes.len()]},
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
        ])
    };
    Ok(Json(json!({
        "name": chosen.model.name,
        "versions": chosen.model.versions.iter().map(|it| &it.name).collect::<Vec<_>>(),
        "platform": chosen.version.loaded.model.platform(),
        "inputs": schema.columns.iter().map(input).collect::<Vec<_>>(),
        "outputs": outputs,
    })))
}

/// `POST /v2/models/{name}/infer`.
pub async fn infer(
    State(desk): State<Arc<Desk>>,
    Path(which): Path<Which>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refused> {
    let _place = desk.enter()?;
    let (request, binary) = tensor::split(&headers, read::bytes(body)?)?;
    let id = match request.get("id").and_then(Value::as_str) {
        Some(it) if !it.is_empty() && it.len() <= 200 => Arc::from(it),
        _ => read::id(&headers),
    };
    let chosen = desk.choose(Some(&which.name), which.version.as_deref(), &id)?;
    let objects = objects(chosen, &request, &binary, desk.config.max_rows)?;
    let fields = &chosen.version.loaded.fields;
    let rows = read::rows(chosen, objects.iter(), desk.config.max_rows, |it| fields.row(it))?;
    let answered = read::answer(&desk, chosen, read::ids(&id, rows.len()), rows).await?;
    let outputs = wanted(outputs(chosen, &answered), request.get("outputs"))?;
    Ok(Json(json!({
        "model_name": chosen.model.name,
        "model_version": chosen.version.name,
        "id": id,
        "outputs": outputs,
    })))
}

/// The rows that the tensors hold.
fn objects(
    chosen: Chosen<'_>,
    request: &Value,
    binary: &[u8],
    max_rows: usize,
) -> Result<Vec<Map<String, Value>>, PredictError> {
    let tensors = tensor::all(request, binary)?;
    let n = tensors.first().map_or(0, tensor::Tensor::rows);
    if n > max_rows {
        return Err(PredictError::TooLarge(format!(
            "the request has {n} rows of at most {max_rows} (predict.max_rows)"
        )));
    }
    let names = &chosen.version.loaded.fields.names;
    let mut rows = vec![Map::new(); n];
    for tensor in &tensors {
        let width = tensor.width();
        if width != 1 && (tensors.len() > 1 || width != names.len()) {
            let wanted = format!("[{n}, {}] with all fields of the model", names.len());
            return Err(bad(&format!(
                "inputs: {:?} must have the shape [{n}], [{n}, 1] or alone {wanted}",
                tensor.name
            )));
        }
        for (row, cells) in rows.iter_mut().zip(tensor.data.chunks(width.max(1))) {
            for (cell, idx) in cells.iter().zip(0..) {
                let is_one_of_many = width > 1;
                let name = if is_one_of_many { names.get(idx).map(AsRef::as_ref) } else { Some(tensor.name.as_str()) };
                row.insert(name.unwrap_or_default().to_owned(), cell.clone());
            }
        }
    }
    Ok(rows)
}

fn outputs(chosen: Chosen<'_>, answered: &Answered) -> Vec<Value> {
    let answers = &answered.answers;
    let n = answers.len();
    let predictions: Vec<Value> = answers.iter().map(prediction).collect();
    let datatype = match predictions.first() {
        Some(Value::String(_)) => "BYTES",
        Some(Value::Bool(_)) => "BOOL",
        Some(Value::Number(it)) if it.is_i64() => "INT64",
        _ => "FP64",
    };
    let mut outputs = vec![json!({"name": "predict", "datatype": datatype, "shape": [n], "data": predictions})];
    let shares = |it: &crate::model::Answer| match (it.probability, it.probabilities.is_empty()) {
        (Some(one), true) => Some(vec![1.0 - one, one]),
        (Some(_), false) => Some(it.probabilities.clone()),
        (None, _) => None,
    };
    if let Some(all) = answers.iter().map(shares).collect::<Option<Vec<_>>>().filter(|it| !it.is_empty()) {
        let width = all.first().map_or(0, Vec::len);
        let data: Vec<f64> = all.into_iter().flatten().collect();
        outputs.push(json!({"name": "predict_proba", "datatype": "FP64", "shape": [n, width], "data": data}));
    }
    if !chosen.version.loaded.fields.schema.target.classes.is_empty() {
        let labels: Vec<&str> = answers.iter().map(|it| it.label.as_deref().unwrap_or("")).collect();
        outputs.push(json!({"name": "label", "datatype": "BYTES", "shape": [n], "data": labels}));
    }
    outputs
}

/// Only the outputs that were asked for.
fn wanted(outputs: Vec<Value>, asked: Option<&Value>) -> Result<Vec<Value>, PredictError> {
    let Some(asked) = asked.and_then(Value::as_array).filter(|it| !it.is_empty()) else { return Ok(outputs) };
    let name = |it: &Value| it.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let find = |asked: &Value| {
        let wanted = name(asked);
        let found = outputs.iter().find(|it| name(it) == wanted).cloned();
        found.ok_or_else(|| bad(&format!("outputs: the model has no output {wanted:?}")))
    };
    asked.iter().map(find).collect()
}

fn bad(problem: &str) -> PredictError {
    PredictError::Malformed(problem.to_owned())
}
