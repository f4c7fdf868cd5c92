//! How do programs ask with plain JSON? `POST /predict` with an object of features, `POST /predict/batch` with a list.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use signal::FeatureValue;

use super::read;
use crate::desk::{Chosen, Desk};
use crate::error::PredictError;
use crate::model::Answer;
use crate::schema::{FieldProblem, Row};

/// What may stand behind the path.
#[derive(Debug, Default, Deserialize)]
pub struct Which {
    /// The version that shall answer.
    version: Option<String>,
}

/// One answer.
#[derive(Serialize)]
pub struct Told {
    prediction: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    id: Arc<str>,
    model: Arc<str>,
    version: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    probabilities: Vec<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    defaulted: Vec<Arc<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<FieldProblem>,
}

/// Answers of a batch.
#[derive(Serialize)]
pub struct ToldAll {
    predictions: Vec<Told>,
}

type Body = Result<Bytes, BytesRejection>;

/// `POST /predict`.
pub async fn predict(
    State(desk): State<Arc<Desk>>,
    Query(which): Query<Which>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Told>, PredictError> {
    one(&desk, None, &which, &headers, body).await
}

/// `POST /models/{name}/predict`.
pub async fn predict_of(
    State(desk): State<Arc<Desk>>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Told>, PredictError> {
    one(&desk, Some(&name), &which, &headers, body).await
}

/// `POST /predict/batch`.
pub async fn batch(
    State(desk): State<Arc<Desk>>,
    Query(which): Query<Which>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ToldAll>, PredictError> {
    many(&desk, None, &which, &headers, body).await
}

/// `POST /models/{name}/predict/batch`.
pub async fn batch_of(
    State(desk): State<Arc<Desk>>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ToldAll>, PredictError> {
    many(&desk, Some(&name), &which, &headers, body).await
}

async fn one(
    desk: &Arc<Desk>,
    name: Option<&str>,
    which: &Which,
    headers: &HeaderMap,
    body: Body,
) -> Result<Json<Told>, PredictError> {
    let _place = desk.enter()?;
    let id = read::id(headers);
    let chosen = desk.choose(name, which.version.as_deref(), &id)?;
    let Value::Object(features) = read::json(body)? else {
        let problem = "the body must be an object of features, such as {\"age\": 39}; lists go to /predict/batch";
        return Err(PredictError::Malformed(problem.to_owned()));
    };
    let row = chosen.version.loaded.fields.row(&features).map_err(|problems| {
        chosen.version.counts.refuse();
        PredictError::Fields(problems)
    })?;
    let odd = Odd::of(chosen, &row);
    let answered = read::answer(desk, chosen, vec![id], vec![row]).await?;
    let both = answered.answers.into_iter().zip(answered.ids).next();
    let (answer, id) = both.ok_or_else(|| PredictError::Model("it gave no answer".to_owned()))?;
    Ok(Json(told(chosen, answer, id, odd)))
}

async fn many(
    desk: &Arc<Desk>,
    name: Option<&str>,
    which: &Which,
    headers: &HeaderMap,
    body: Body,
) -> Result<Json<ToldAll>, PredictError> {
    let _place = desk.enter()?;
    let id = read::id(headers);
    let chosen = desk.choose(name, which.version.as_deref(), &id)?;
    let list = list(read::json(body)?)?;
    let fields = &chosen.version.loaded.fields;
    let rows = read::rows(chosen, list.iter(), desk.config.max_rows, |it| fields.row(it))?;
    let odd: Vec<Odd> = rows.iter().map(|it| Odd::of(chosen, it)).collect();
    let answered = read::answer(desk, chosen, read::ids(&id, rows.len()), rows).await?;
    let all = answered.answers.into_iter().zip(answered.ids).zip(odd);
    Ok(Json(ToldAll { predictions: all.map(|((answer, id), odd)| told(chosen, answer, id, odd)).collect() }))
}

/// `[{..}, ..]`, or the same under `instances`, `rows` or `data`.
fn list(body: Value) -> Result<Vec<Map<String, Value>>, PredictError> {
    let list = match body {
        Value::Array(list) => Some(list),
        Value::Object(mut object) => ["instances", "rows", "data"].iter().find_map(|key| match object.remove(*key) {
            Some(Value::Array(list)) => Some(list),
            _ => None,
        }),
        _ => None,
    };
    let wrong = || PredictError::Malformed("the body must be a list of objects of features".to_owned());
    let object = |it| if let Value::Object(it) = it { Ok(it) } else { Err(wrong()) };
    list.ok_or_else(wrong)?.into_iter().map(object).collect()
}

/// What was odd about a row.
struct Odd {
    defaulted: Vec<Arc<str>>,
    warnings: Vec<FieldProblem>,
}

impl Odd {
    fn of(chosen: Chosen<'_>, row: &Row) -> Self {
        let names = &chosen.version.loaded.fields.names;
        let defaulted = row.defaulted.iter().filter_map(|it| names.get(*it).cloned()).collect();
        Self { defaulted, warnings: row.warnings.clone() }
    }
}

fn told(chosen: Chosen<'_>, answer: Answer, id: Arc<str>, odd: Odd) -> Told {
    Told {
        prediction: prediction(&answer),
        probability: answer.probability,
        id,
        model: Arc::clone(&chosen.model.name),
        version: Arc::clone(&chosen.version.name),
        label: answer.label,
        probabilities: answer.probabilities,
        defaulted: odd.defaulted,
        warnings: odd.warnings,
    }
}

/// Numbers of classes are whole numbers; other numbers stay as they are.
pub fn prediction(answer: &Answer) -> Value {
    let is_class = answer.probability.is_some() || answer.label.is_some();
    match &answer.prediction {
        FeatureValue::Number(it) if is_class && it.fract() == 0.0 => Value::from(*it as i64),
        FeatureValue::Number(it) => Value::from(*it),
        FeatureValue::Text(it) => Value::from(it.as_ref()),
        FeatureValue::Flag(it) => Value::from(*it),
        FeatureValue::Missing => Value::Null,
    }
}
