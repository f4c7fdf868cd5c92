//! What turned out to be true? `POST /feedback` with one `{"id", "label"}`, or a list of them.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use signal::{FeatureValue, Label, Timestamp};

use super::read;
use crate::desk::Desk;
use crate::error::PredictError;
use crate::log::Joined;
use crate::schema::FieldProblem;

#[derive(Deserialize)]
struct Given {
    id: String,
    label: Value,
    #[serde(default)]
    time: Option<Timestamp>,
}

/// `POST /feedback`. The answer comes when the labels are durable, and tells how many have a prediction.
pub async fn take(
    State(desk): State<Arc<Desk>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), PredictError> {
    let _place = desk.enter()?;
    let list = match read::json(body)? {
        Value::Array(list) => list,
        one => vec![one],
    };
    if list.len() > desk.config.max_rows {
        let (n, most) = (list.len(), desk.config.max_rows);
        return Err(PredictError::TooLarge(format!("the request has {n} labels of at most {most} (predict.max_rows)")));
    }
    let (mut labels, mut problems) = (Vec::with_capacity(list.len()), vec![]);
    let now = desk.clock.now();
    for (row, value) in list.into_iter().enumerate() {
        match label(value, now) {
            Ok(it) => labels.push(it),
            Err((field, problem)) => problems.push(FieldProblem { row: Some(row), field, problem }),
        }
    }
    if !problems.is_empty() {
        return Err(PredictError::Fields(problems));
    }
    let n = labels.len();
    let Joined { joined, pending } = desk.log.label(labels).await?;
    let mut answer = json!({"labels": n, "joined": joined, "pending": pending});
    if pending > 0 {
        let secs = desk.config.log.label_patience_secs;
        let note = format!("no prediction has these ids yet; after {secs} s without one they count as unknown");
        answer.as_object_mut().map(|it| it.insert("note".to_owned(), note.into()));
    }
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

fn label(value: Value, now: Timestamp) -> Result<Label, (String, String)> {
    let given: Given = serde_json::from_value(value).map_err(|it| ("label".to_owned(), it.to_string()))?;
    if given.id.is_empty() || given.id.len() > 300 {
        return Err(("id".to_owned(), "must have 1 to 300 bytes".to_owned()));
    }
    let label = match given.label {
        Value::Bool(it) => FeatureValue::Flag(it),
        Value::Number(it) => FeatureValue::Number(it.as_f64().unwrap_or(f64::NAN)),
        Value::String(it) if it.len() <= 1000 => FeatureValue::Text(it.into()),
        _ => return Err(("label".to_owned(), "must be a number, true or false, or a short text".to_owned())),
    };
    Ok(Label { id: given.id.into(), label, time: given.time.filter(|it| it.is_plausible()).unwrap_or(now) })
}
