//! `POST /monitor`: one observation or an array; each is judged by what came before it and answered at once.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use serde_json::Value;

use super::{Gate, Routes, json_response, problem_response};
use crate::{Source, monitor};

pub(super) fn routes() -> Routes {
    Routes::new().route("/monitor", post(post_monitor))
}

async fn post_monitor(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let answer = async {
        let bytes = gate.read_plain(request).await?;
        let ((observations, is_array), problems) = monitor::decode(&bytes, &gate.config)?;
        gate.counts.problems(Source::Monitor, &problems);
        let mut answers = vec![];
        // One after the other, so that each is judged by what came before it.
        for observation in &observations {
            let series = observation.series(gate.arrivals.next(&*gate.clock));
            gate.counts.received(Source::Monitor, series.len() as u64);
            let verdict = gate.sink.monitor(series).await?;
            answers.push(monitor::answer(&verdict, &observation.service));
        }
        Ok(if is_array { Value::Array(answers) } else { answers.pop().unwrap_or_default() })
    };
    match answer.await {
        Ok(value) => json_response(StatusCode::OK, "application/json", &value),
        Err(failure) => gate.failure(Source::Monitor, &failure, problem_response),
    }
}
