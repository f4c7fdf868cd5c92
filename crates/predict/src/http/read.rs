//! How is a request read? Its bytes as JSON, its identity, and the version of the model that it asks for.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::desk::{Answered, Chosen, Desk};
use crate::error::PredictError;
use crate::schema::{FieldProblem, Row};

/// Identities of requests at most.
const MAX_ID: usize = 200;
/// More rows than this are answered beside the threads that serve requests.
const MOST_AT_ONCE: usize = 32;
/// Problems that are told at most.
const MOST_PROBLEMS: usize = 100;

/// The body as JSON.
///
/// # Errors
/// If it is too large or no JSON; the message says where.
pub fn json(body: Result<Bytes, BytesRejection>) -> Result<Value, PredictError> {
    serde_json::from_slice(&bytes(body)?)
        .map_err(|error| PredictError::Malformed(format!("the body is not JSON: {error}")))
}

/// The body.
///
/// # Errors
/// If it is too large or breaks off.
pub fn bytes(body: Result<Bytes, BytesRejection>) -> Result<Bytes, PredictError> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            PredictError::TooLarge("the body is larger than predict.max_body_bytes".to_owned())
        }
        _ => PredictError::Malformed("the body broke off".to_owned()),
    })
}

/// The identity that the client gives, or a new one (UUID 4).
pub fn id(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get("x-request-id").and_then(|it| it.to_str().ok());
    let usable = given.filter(|it| !it.is_empty() && it.len() <= MAX_ID);
    usable.map_or_else(new_id, Arc::from)
}

/// A random UUID 4.
pub fn new_id() -> Arc<str> {
    let bits = fastrand::u128(..);
    let (a, b) = ((bits >> 96) as u32, (bits >> 80) as u16);
    let (c, d) = ((bits >> 64) as u16 & 0x0fff | 0x4000, (bits >> 48) as u16 & 0x3fff | 0x8000);
    format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{:012x}", bits & 0xffff_ffff_ffff).into()
}

/// Identities of the rows of a batch: that of the request with the number of the row.
pub fn ids(of: &Arc<str>, n: usize) -> Vec<Arc<str>> {
    if n == 1 { vec![Arc::clone(of)] } else { (0..n).map(|it| format!("{of}-{it}").into()).collect() }
}

/// Checks the rows of a batch.
///
/// # Errors
/// Every field at fault of every row.
pub fn rows<'a, T: 'a>(
    chosen: Chosen<'_>,
    given: impl ExactSizeIterator<Item = &'a T>,
    max_rows: usize,
    check: impl Fn(&T) -> Result<Row, Vec<FieldProblem>>,
) -> Result<Vec<Row>, PredictError> {
    let n = given.len();
    if n > max_rows {
        return Err(PredictError::TooLarge(format!(
            "the request has {n} rows of at most {max_rows} (predict.max_rows)"
        )));
    }
    let (mut rows, mut problems) = (Vec::with_capacity(n), vec![]);
    for (idx, row) in given.enumerate() {
        match check(row) {
            Ok(it) => rows.push(it),
            Err(more) => problems.extend(more.into_iter().map(|it| FieldProblem { row: Some(idx), ..it })),
        }
        if problems.len() > MOST_PROBLEMS {
            break;
        }
    }
    if problems.is_empty() {
        return Ok(rows);
    }
    chosen.version.counts.refuse();
    Err(PredictError::Fields(problems))
}

/// Answers; many rows beside the threads that serve requests.
///
/// # Errors
/// If the model fails.
pub async fn answer(
    desk: &Arc<Desk>,
    chosen: Chosen<'_>,
    ids: Vec<Arc<str>>,
    rows: Vec<Row>,
) -> Result<Answered, PredictError> {
    if rows.len() <= MOST_AT_ONCE {
        return desk.answer(chosen, ids, rows);
    }
    let (desk, model, version) = (Arc::clone(desk), Arc::clone(&chosen.model.name), Arc::clone(&chosen.version.name));
    let work = move || desk.answer(desk.choose(Some(&model), Some(&version), "")?, ids, rows);
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(PredictError::Model("it panicked".to_owned())))
}
