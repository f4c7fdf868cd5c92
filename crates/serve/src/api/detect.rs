//! `POST /detect`: which of these rows of numbers are unlike the others and unlike what came before?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::app::App;
use crate::error::Error;
use crate::parameters::Told;
use crate::ports::{Row, RowVerdict};

/// Rows of one request.
const MOST_ROWS: usize = 10_000;
/// Names of one row.
const MOST_FEATURES: usize = 100;
/// Problems that are told at once.
const MOST_PROBLEMS: usize = 20;
/// What says which row it is, not how it is: text is welcome there.
const DESCRIPTIVE: [&str; 8] = ["timestamp", "time", "id", "name", "service", "service_name", "host", "instance"];

/// One item per row in each list but the first.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The rows that are unusual, as they came.
    anomalies: Vec<Value>,
    /// -1 for an unusual row, else 1.
    score: Vec<i8>,
    /// How unusual; 1.0 is the threshold.
    anomaly_score: Vec<f64>,
    /// What makes the row unusual most; null if nothing does.
    top_feature: Vec<Option<String>>,
}

/// Judges the rows, then remembers them.
pub async fn judge(State(app): State<Arc<App>>, told: Told<Value>) -> Result<Json<Answer>, Error> {
    app.ask(move |app| {
        let Value::Array(items) = told.value else {
            return Err(Error::Unusable("body: must be an array of objects with numbers".to_owned()));
        };
        let rows = rows(&items)?;
        let verdicts = app.ports.rows.judge(&rows);
        Ok(Json(answer(items, verdicts)))
    })
    .await
}

fn answer(items: Vec<Value>, verdicts: Vec<RowVerdict>) -> Answer {
    let anomalies = items.into_iter().zip(&verdicts).filter(|it| it.1.is_anomaly).map(|it| it.0).collect();
    Answer {
        anomalies,
        score: verdicts.iter().map(|it| if it.is_anomaly { -1 } else { 1 }).collect(),
        anomaly_score: verdicts.iter().map(|it| it.score).collect(),
        top_feature: verdicts.into_iter().map(|it| it.top_feature).collect(),
    }
}

fn rows(items: &[Value]) -> Result<Vec<Row>, Error> {
    if items.len() > MOST_ROWS {
        return Err(Error::Unusable(format!("body: has {} rows, at most {MOST_ROWS} are judged at once", items.len())));
    }
    let (mut rows, mut problems) = (vec![], vec![]);
    for (index, item) in items.iter().enumerate() {
        match item {
            Value::Object(fields) if fields.len() <= MOST_FEATURES => rows.push(row(index, fields, &mut problems)),
            Value::Object(_) => problems.push(format!("[{index}]: has more than {MOST_FEATURES} fields")),
            other => problems.push(format!("[{index}]: must be an object, not {}", kind(other))),
        }
    }
    if problems.is_empty() {
        return Ok(rows);
    }
    let n_more = problems.len().saturating_sub(MOST_PROBLEMS);
    problems.truncate(MOST_PROBLEMS);
    if n_more > 0 {
        problems.push(format!("and {n_more} more"));
    }
    Err(Error::Unusable(problems.join("; ")))
}

/// The numbers of an object. `null` is a missing value, as an absent key is.
fn row(index: usize, fields: &Map<String, Value>, problems: &mut Vec<String>) -> Row {
    let mut row = Row::new();
    for (key, value) in fields {
        match value {
            Value::Null => {}
            _ if DESCRIPTIVE.contains(&key.as_str()) => {}
            Value::Number(number) => {
                row.extend(number.as_f64().filter(|it| it.is_finite()).map(|it| (key.clone(), it)));
            }
            other => {
                let shown: String = key.chars().take(60).flat_map(char::escape_debug).collect();
                problems.push(format!("[{index}].{shown}: must be a number, not {}", kind(other)));
            }
        }
    }
    let is_empty = row.is_empty() && fields.values().all(|it| matches!(it, Value::Null | Value::Number(_)));
    if is_empty {
        problems.push(format!("[{index}]: has no numbers"));
    }
    row
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(body: Value) -> String {
        rows(body.as_array().unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn numbers_are_taken_and_missing_ones_are_left_out() {
        let body = json!([{"latency": 12, "cpu": null, "service": "pay"}, {"cpu": 0.5, "timestamp": 17}]);
        let rows = rows(body.as_array().unwrap()).unwrap();
        assert_eq!(rows, [Row::from([("latency".to_owned(), 12.0)]), Row::from([("cpu".to_owned(), 0.5)])]);
    }

    #[test]
    fn all_fields_at_fault_are_named() {
        let text = problem(json!([{"latency": "x", "cpu": [1]}, 7, {"cpu": true}, {}]));
        assert_eq!(
            text,
            "[0].cpu: must be a number, not an array; [0].latency: must be a number, not text; \
             [1]: must be an object, not a number; [2].cpu: must be a number, not a boolean; [3]: has no numbers"
        );
        assert!(problem(json!(vec![1; 50])).ends_with("and 30 more"));
    }
}
