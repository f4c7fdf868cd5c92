//! What is the value of an expression? `query` at one instant, `query_range` at many:
//! <https://prometheus.io/docs/prometheus/latest/querying/api/#expression-queries>.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::Response;
use promql::{Answer, QueryError, Value};

use super::fault::{Fault, FaultKind};
use super::form::Form;
use super::reply::{Reply, respond};
use super::values::put_value_of;
use crate::app::App;
use crate::queries::{Asked, MAX_STEPS};

/// `GET` and `POST /api/v1/query`.
pub async fn instant(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(app, request, |app, form| {
        let time = form.time("time")?.unwrap_or_else(|| app.now());
        let asked = asked(form, Asked::at(expression(form)?, time))?;
        answer(app, form, &asked)
    })
    .await
}

/// `GET` and `POST /api/v1/query_range`.
pub async fn range(State(app): State<Arc<App>>, request: Request) -> Response {
    respond(app, request, |app, form| {
        let (start, end) = (form.needed_time("start")?, form.needed_time("end")?);
        if end < start {
            return Err(Fault::parameter("end", "end timestamp must not be before start time"));
        }
        let wrong = || Fault::parameter("step", "cannot parse \"\" to a valid duration");
        let step_millis = form.duration("step")?.ok_or_else(wrong)?;
        if step_millis <= 0 {
            let text = "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(Fault::parameter("step", text));
        }
        if end.millis().saturating_sub(start.millis()) / step_millis >= MAX_STEPS as i64 {
            let text = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query \
                        resolution (?step=XX)";
            return Err(Fault::bad(text));
        }
        let asked = asked(form, Asked { end, step_millis, ..Asked::at(expression(form)?, start) })?;
        answer(app, form, &asked)
    })
    .await
}

fn expression(form: &Form) -> Result<&str, Fault> {
    let missing = || Fault::parameter("query", "unknown position: parse error: no expression found in input");
    form.get("query").ok_or_else(missing)
}

fn asked(form: &Form, asked: Asked) -> Result<Asked, Fault> {
    let timeout = form.duration("timeout")?.map(|it| Duration::from_millis(u64::try_from(it).unwrap_or(0)));
    let lookback_millis = form.duration("lookback_delta")?.filter(|it| *it > 0);
    Ok(Asked { timeout, lookback_millis, ..asked })
}

fn answer(app: &App, form: &Form, asked: &Asked) -> Result<Reply, Fault> {
    let limit = form.limit("limit")?;
    let begin = Instant::now();
    let mut answer = app.ports.queries.ask(asked).map_err(fault)?;
    let took = begin.elapsed();
    let is_cut = match &mut answer.value {
        Value::Vector(all) => cut(all, limit),
        Value::Matrix(all) => cut(all, limit),
        Value::Scalar(..) | Value::Text(..) => false,
    };
    let mut data = String::new();
    put_value_of(&mut data, &answer.value);
    if form.get("stats").is_some() {
        put_stats(&mut data, &answer, took);
    }
    data.push('}');
    let mut reply = Reply { data, warnings: answer.warnings, infos: answer.infos };
    if is_cut {
        reply.is_cut();
    }
    Ok(reply)
}

fn cut<T>(all: &mut Vec<T>, limit: usize) -> bool {
    let is_longer = all.len() > limit;
    all.truncate(limit);
    is_longer
}

fn put_stats(data: &mut String, answer: &Answer, took: Duration) {
    let secs = took.as_secs_f64();
    let samples = answer.samples;
    data.push_str(&format!(
        ",\"stats\":{{\"timings\":{{\"evalTotalTime\":{secs},\"resultSortTime\":0,\"queryPreparationTime\":0,\
         \"innerEvalTime\":{secs},\"execQueueTime\":0,\"execTotalTime\":{secs}}},\
         \"samples\":{{\"totalQueryableSamples\":{samples},\"peakSamples\":{samples}}}}}"
    ));
}

/// An error of the evaluator in the words of the API.
pub fn fault(error: QueryError) -> Fault {
    match error {
        QueryError::BadData(text) => Fault::parameter("query", &text),
        QueryError::Execution(text) => Fault::new(FaultKind::Execution, text),
        QueryError::Internal(text) => Fault::new(FaultKind::Internal, text),
        QueryError::Timeout | QueryError::Canceled => Fault::new(FaultKind::Timeout, error.to_string()),
    }
}
