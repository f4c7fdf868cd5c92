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
        let entrance = &gate.entrance;
        let (bytes, visit) = gate.read_plain(Source::Monitor, request).await?;
        let ((observations, is_array), problems) = monitor::decode(&bytes, &entrance.config)?;
        entrance.counts.problems(Source::Monitor, &problems);
        let mut answers = vec![];
        // One after the other, so that each is judged by what came before it.
        for observation in &observations {
            let mut series = observation.series(gate.arrivals.next(&*entrance.clock));
            entrance.tag(&visit, series.iter_mut().map(|it| &mut it.labels));
            entrance.counts.received(Source::Monitor, series.len() as u64);
            let verdict = entrance.sink.monitor(series).await?;
            answers.push(monitor::answer(&verdict, &observation.service));
        }
        Ok(if is_array { Value::Array(answers) } else { answers.pop().unwrap_or_default() })
    };
    match answer.await {
        Ok(value) => json_response(StatusCode::OK, "application/json", &value),
        Err(failure) => gate.failure(Source::Monitor, &failure, problem_response),
    }
}
