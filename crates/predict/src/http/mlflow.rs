//! How do clients of MLflow ask? `POST /invocations` with exactly one of `dataframe_split`, `dataframe_records`,
//! `instances` and `inputs`.
//!
//! Specification: <https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/#json-input>.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::plain::prediction;
use super::problem::with_retry;
use super::read;
use crate::desk::{Chosen, Desk};
use crate::error::PredictError;
use crate::schema::{FieldProblem, Row};

/// The keys of which a request has exactly one.
const FORMS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];

/// An error in the words of MLflow.
pub struct Refused(PredictError);

impl From<PredictError> for Refused {
    fn from(error: PredictError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, code) = match self.0.status() {
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
            it if it == StatusCode::NOT_FOUND => (it, "RESOURCE_DOES_NOT_EXIST"),
            it if it == StatusCode::SERVICE_UNAVAILABLE => (it, "TEMPORARILY_UNAVAILABLE"),
            it => (it, "INTERNAL_ERROR"),
        };
        let response = (status, Json(json!({"error_code": code, "message": self.0.to_string()}))).into_response();
        with_retry(&self.0, response)
    }
}

/// A row by name or by position.
enum Given {
    Named(Map<String, Value>),
    Ordered(Vec<Value>),
}

/// `POST /invocations`: the default model answers; the identity of the request comes back as `X-Request-Id`, and that of
/// each row of several is it with the row's number (`ID-0`).
pub async fn invocations(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refused> {
    let _place = desk.enter()?;
    let id = read::id(&headers);
    let chosen = desk.choose(None, None, &id)?;
    let given = given(&read::json(body)?)?;
    let check = |it: &Given| checked(chosen, it);
    let rows = read::rows(chosen, given.iter(), desk.config.max_rows, check)?;
    let answered = read::answer(&desk, chosen, read::ids(&id, rows.len()), rows).await?;
    let predictions: Vec<Value> = answered.answers.iter().map(prediction).collect();
    let mut response = Json(json!({"predictions": predictions})).into_response();
    if let Ok(id) = id.parse() {
        response.headers_mut().insert("x-request-id", id);
    }
    Ok(response)
}

fn checked(chosen: Chosen<'_>, row: &Given) -> Result<Row, Vec<FieldProblem>> {
    let fields = &chosen.version.loaded.fields;
    match row {
        Given::Named(object) => fields.row(object),
        Given::Ordered(values) => fields.ordered(values),
    }
}

fn given(body: &Value) -> Result<Vec<Given>, PredictError> {
    let present: Vec<&str> = FORMS.into_iter().filter(|it| body.get(it).is_some()).collect();
    let [form] = present[..] else {
        let found = if present.is_empty() { "none".to_owned() } else { present.join(" and ") };
        return Err(bad(format!("the body must have exactly one of {}; it has {found}", FORMS.join(", "))));
    };
    let value = body.get(form).unwrap_or(&Value::Null);
    match (form, value) {
        ("dataframe_split", split) => {
            let columns = split.get("columns").and_then(Value::as_array);
            let data = split.get("data").and_then(Value::as_array);
            let (Some(columns), Some(data)) = (columns, data) else {
                return Err(bad("dataframe_split: must have columns and data".to_owned()));
            };
            data.iter().map(|it| split_row(columns, it)).collect()
        }
        (_, Value::Array(list)) => list.iter().map(|it| listed(form, it)).collect(),
        ("inputs" | "instances", Value::Object(columns)) => by_column(form, columns),
        _ => Err(bad(format!("{form}: must be a list of rows"))),
    }
}

fn split_row(columns: &[Value], row: &Value) -> Result<Given, PredictError> {
    let cells = row.as_array().filter(|it| it.len() == columns.len());
    let cells = cells.ok_or_else(|| bad("dataframe_split.data: each row must be as long as columns".to_owned()))?;
    let name = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    Ok(Given::Named(columns.iter().map(name).zip(cells.iter().cloned()).collect()))
}

fn listed(form: &str, row: &Value) -> Result<Given, PredictError> {
    match row {
        Value::Object(object) => Ok(Given::Named(object.clone())),
        Value::Array(list) if form != "dataframe_records" => Ok(Given::Ordered(list.clone())),
        _ => Err(bad(format!("{form}: each row must be an object of fields, or a list of their values"))),
    }
}

/// `{"a": [1, 2], "b": [3, 4]}`.
fn by_column(form: &str, columns: &Map<String, Value>) -> Result<Vec<Given>, PredictError> {
    let n = columns.values().next().and_then(Value::as_array).map_or(1, Vec::len);
    let mut rows = vec![Map::new(); n];
    for (name, values) in columns {
        let list = match values {
            Value::Array(list) if list.len() == n => list.clone(),
            Value::Array(_) => return Err(bad(format!("{form}: columns must have the same number of rows"))),
            one if n == 1 => vec![one.clone()],
            _ => return Err(bad(format!("{form}: each column must be a list"))),
        };
        for (row, value) in rows.iter_mut().zip(list) {
            row.insert(name.clone(), value);
        }
    }
    Ok(rows.into_iter().map(Given::Named).collect())
}

fn bad(problem: String) -> PredictError {
    PredictError::Malformed(problem)
}
