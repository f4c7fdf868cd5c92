//! How do predictions of other servers come into the log, and how are logged ones read? `/sentinel/v1/inferences`.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use signal::{
    FeatureValue, Inference, InferenceLog as _, InferenceQuery, Label, LoggedInference, TimeRange, Timestamp,
};
use tokio::sync::mpsc;

use super::read;
use crate::desk::Desk;
use crate::error::PredictError;
use crate::log::csv;
use crate::payload::scalar;
use crate::schema::FieldProblem;

/// Bytes that are sent at once.
const CHUNK: usize = 64 << 10;
/// Texts and names at most.
const MAX_TEXT: usize = 300;
/// Features of a prediction at most.
const MOST_FEATURES: usize = 4096;
/// Classes whose probabilities are kept, at most.
const MOST_CLASSES: usize = 1000;

/// `POST /sentinel/v1/inferences`: `{"inferences": [..]}`, or the list itself. The answer comes when they are durable;
/// those that cannot be used are named, and the others are kept.
pub async fn take(
    State(desk): State<Arc<Desk>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, PredictError> {
    let _place = desk.enter()?;
    let list = match read::json(body)? {
        Value::Array(list) => list,
        Value::Object(mut object) => match object.remove("inferences") {
            Some(Value::Array(list)) => list,
            _ => return Err(PredictError::Malformed("the body must have a list `inferences`".to_owned())),
        },
        _ => return Err(PredictError::Malformed("the body must be a list of predictions".to_owned())),
    };
    if list.len() > desk.config.max_rows {
        let (n, most) = (list.len(), desk.config.max_rows);
        return Err(PredictError::TooLarge(format!("the request has {n} rows of at most {most} (predict.max_rows)")));
    }
    let now = desk.clock.now();
    let (mut rows, mut labels, mut refused) = (vec![], vec![], vec![]);
    for (idx, value) in list.into_iter().enumerate() {
        match inference(value, now) {
            Ok((row, label)) => {
                labels.extend(label);
                rows.push(row);
            }
            Err((field, problem)) => refused.push(FieldProblem { row: Some(idx), field: field.to_owned(), problem }),
        }
    }
    if rows.is_empty() && !refused.is_empty() {
        return Err(PredictError::Fields(refused));
    }
    let taken = rows.len();
    if taken > 0 {
        desk.log.write(rows).await?;
    }
    if !labels.is_empty() {
        desk.log.label(labels).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(json!({"taken": taken, "refused": refused}))).into_response())
}

type Wrong = (&'static str, String);

/// A prediction in the JSON of [`Inference`], of which only `model`, `features` and `prediction` must be there.
fn inference(value: Value, now: Timestamp) -> Result<(Inference, Option<Label>), Wrong> {
    let Value::Object(mut object) = value else { return Err(("", "must be an object".to_owned())) };
    let features = match object.remove("features") {
        Some(Value::Object(it)) if it.len() <= MOST_FEATURES => it,
        Some(Value::Object(_)) => return Err(("features", format!("must be at most {MOST_FEATURES}"))),
        _ => return Err(("features", "must be an object of names and values".to_owned())),
    };
    let prediction = object.get("prediction").map(scalar).ok_or(("prediction", "is missing".to_owned()))?;
    let model = text(&object, "model")?.ok_or(("model", "is missing".to_owned()))?;
    let version = text(&object, "version")?.unwrap_or_else(|| "".into());
    let id = text(&object, "id")?.unwrap_or_else(read::new_id);
    let time = match object.get("time").or(object.get("timestamp")) {
        None | Some(Value::Null) => now,
        Some(it) => time(it).ok_or(("time", "must be RFC 3339, from 1970 to 2200".to_owned()))?,
    };
    let number = |key: &'static str| match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(it) => it.as_f64().map(Some).ok_or((key, "must be a number".to_owned())),
    };
    let probability = number("probability")?;
    if probability.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
        return Err(("probability", "must be from 0 to 1".to_owned()));
    }
    let probabilities = shares(object.get("probabilities"))?;
    let latency_ms = number("latency_ms")?.unwrap_or(0.0);
    let label = object.get("label").filter(|it| !it.is_null());
    let label = label.map(|it| Label { id: Arc::clone(&id), label: scalar(it), time: now });
    let features = features.iter().map(|(name, value)| (Arc::from(name.as_str()), scalar(value))).collect();
    let is_shadow = match object.get("shadow") {
        None | Some(Value::Null) => false,
        Some(it) => it.as_bool().ok_or(("shadow", "must be true or false".to_owned()))?,
    };
    let row =
        Inference { id, time, model, version, features, prediction, probability, probabilities, latency_ms, is_shadow };
    Ok((row, label))
}

/// The probability of each class. One that is left out would give the others to the wrong classes.
fn shares(value: Option<&Value>) -> Result<Vec<f64>, Wrong> {
    let wrong = || ("probabilities", format!("must be a list of at most {MOST_CLASSES} numbers from 0 to 1"));
    let list = match value {
        None | Some(Value::Null) => return Ok(vec![]),
        Some(it) => it.as_array().filter(|it| it.len() <= MOST_CLASSES).ok_or_else(wrong)?,
    };
    let share = |it: &Value| it.as_f64().filter(|it| (0.0..=1.0).contains(it)).ok_or_else(wrong);
    list.iter().map(share).collect()
}

fn time(value: &Value) -> Option<Timestamp> {
    let time: Timestamp = value.as_str()?.parse().ok()?;
    time.is_plausible().then_some(time)
}

/// Names may be numbers, as versions often are.
fn text(object: &Map<String, Value>, key: &'static str) -> Result<Option<Arc<str>>, Wrong> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(it)) if !it.is_empty() && it.len() <= MAX_TEXT => Ok(Some(it.as_str().into())),
        Some(Value::Number(it)) => Ok(Some(it.to_string().into())),
        Some(_) => Err((key, format!("must be a text of 1 to {MAX_TEXT} bytes"))),
    }
}

/// What is read back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    from: Option<Timestamp>,
    #[serde(default)]
    to: Option<Timestamp>,
    /// Only rows behind this sequence.
    #[serde(default)]
    after: u64,
    /// Rows at most; 0 for all.
    #[serde(default = "usual_limit")]
    limit: usize,
    #[serde(default)]
    format: Format,
}

fn usual_limit() -> usize {
    1000
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Ndjson,
    Csv,
    Parquet,
}

/// `GET /sentinel/v1/inferences`: rows as lines of JSON, as CSV or as Parquet, as they are read from the log.
pub async fn list(
    State(desk): State<Arc<Desk>>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, PredictError> {
    let Query(wanted) = wanted.map_err(|it| PredictError::Malformed(it.body_text()))?;
    let place = desk.enter()?;
    drop(place);
    let (send, receive) = mpsc::channel::<Result<Vec<u8>, std::io::Error>>(4);
    let format = wanted.format;
    tokio::task::spawn_blocking(move || {
        let mut writer = RowWriter { wanted, buffer: vec![], header: vec![], send, is_gone: false };
        writer.run(&desk);
    });
    let body = stream::unfold(receive, |mut it| async { it.recv().await.map(|chunk| (chunk, it)) });
    let content_type = match format {
        Format::Ndjson => "application/x-ndjson",
        Format::Csv => "text/csv; charset=utf-8",
        Format::Parquet => "application/vnd.apache.parquet",
    };
    Ok(([(header::CONTENT_TYPE, content_type)], Body::from_stream(body)).into_response())
}

/// Prints rows for one client.
struct RowWriter {
    wanted: Wanted,
    buffer: Vec<u8>,
    /// Names of the features in the header of CSV.
    header: Vec<Arc<str>>,
    send: mpsc::Sender<Result<Vec<u8>, std::io::Error>>,
    is_gone: bool,
}

impl RowWriter {
    fn run(&mut self, desk: &Desk) {
        let Wanted { model, version, from, to, after, limit, format } = &self.wanted;
        let range = TimeRange::new(from.unwrap_or(Timestamp::MIN), to.unwrap_or(Timestamp::MAX));
        let query = InferenceQuery { model: model.clone(), version: version.clone(), range, after: *after };
        let most = if *limit == 0 { usize::MAX } else { *limit };
        let is_parquet = *format == Format::Parquet;
        let (mut n, mut kept) = (0, vec![]);
        // CSV has no column for the version, so that rows of the shadow could not be told from those that were answers.
        let leaves_shadows = *format == Format::Csv && version.is_none();
        let outcome = desk.log.read(&query, &mut |row| {
            if leaves_shadows && row.inference.is_shadow {
                return true;
            }
            n += 1;
            if is_parquet {
                kept.push(row);
                // A file must be made whole, so that it is bounded.
                return n < most.min(crate::log::parquet::MOST_ROWS);
            }
            self.row(&row);
            n < most && !self.is_gone
        });
        if is_parquet {
            match crate::log::parquet::file(&kept) {
                Ok(bytes) => self.buffer = bytes,
                Err(error) => self.tell(Err(error)),
            }
        }
        let rest = std::mem::take(&mut self.buffer);
        if !rest.is_empty() {
            self.tell(Ok(rest));
        }
        if let Err(error) = outcome {
            tracing::error!(%error, "The log of predictions was not read to its end.");
            // The client must not take half of the rows for all of them.
            self.tell(Err(std::io::Error::other("the log cannot be read")));
        }
    }

    fn row(&mut self, row: &LoggedInference) {
        match self.wanted.format {
            Format::Csv => self.csv(row),
            _ => {
                // A row has no keys but texts, so that it always becomes JSON.
                self.buffer.extend(serde_json::to_vec(row).unwrap_or_default());
                self.buffer.push(b'\n');
            }
        }
        if self.buffer.len() > CHUNK {
            let chunk = std::mem::take(&mut self.buffer);
            self.tell(Ok(chunk));
        }
    }

    /// The columns of the first row are those of the file; other rows are put under them.
    fn csv(&mut self, row: &LoggedInference) {
        let row = &row.inference;
        if self.header.is_empty() {
            self.header = row.features.iter().map(|it| Arc::clone(&it.0)).collect();
            self.buffer.extend(csv::header(row).into_bytes());
        }
        let value = |name: &Arc<str>| row.features.iter().find(|it| it.0 == *name).map(|it| it.1.clone());
        let features = self.header.iter().map(|name| (Arc::clone(name), value(name).unwrap_or(FeatureValue::Missing)));
        let row = Inference { features: features.collect(), ..row.clone() };
        self.buffer.extend(csv::row(&row).into_bytes());
    }

    fn tell(&mut self, chunk: Result<Vec<u8>, std::io::Error>) {
        self.is_gone |= self.send.blocking_send(chunk).is_err();
    }
}
