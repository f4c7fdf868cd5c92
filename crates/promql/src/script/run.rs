//! What do the queries of a script answer? Runs its commands in order.

use signal::Timestamp;

use super::command::{Command, Eval};
use super::store::ScriptStore;
use super::{Evaluation, annotated, compare, nhcb};
use crate::answer::{QueryError, Sample, Value, VectorSample};
use crate::engine::{Engine, Limits, Query};

/// Runs all commands.
pub(super) fn run(commands: Vec<Command>) -> Vec<Evaluation> {
    let engine = Engine::new(Limits { delays_name_removal: true, reads_start_times: true, ..Limits::default() });
    let mut store = ScriptStore::default();
    let mut evaluations = Vec::new();
    for command in commands {
        match command {
            Command::Clear => store.clear(),
            Command::Load { interval, series, with_nhcb } => {
                series.iter().for_each(|it| store.add(it, interval));
                if with_nhcb {
                    nhcb::add(&mut store, &series, interval);
                }
                store.finish();
            }
            Command::Eval(eval) => {
                let problem = evaluate(&engine, &store, &eval).err();
                evaluations.push(Evaluation { line: eval.line, query: eval.query, problem });
            }
        }
    }
    evaluations
}

fn query(eval: &Eval, start: i64, end: i64, step_millis: i64) -> Query<'_> {
    Query {
        text: &eval.query,
        start: Timestamp::from_millis(start),
        end: Timestamp::from_millis(end),
        step_millis,
        lookback_millis: None,
        stop: &|| None,
    }
}

fn evaluate(engine: &Engine, store: &ScriptStore, eval: &Eval) -> Result<(), String> {
    let asked = query(eval, eval.start, eval.end, eval.step.unwrap_or(0));
    let answer = match engine.run(store, &asked) {
        Ok(_) if eval.fails => return Err("expected a failure".to_owned()),
        Ok(answer) => answer,
        Err(error) if eval.fails => return annotated::error(eval, &error.to_string()),
        Err(error) => return Err(format!("failed: {error}")),
    };
    annotated::annotations(eval, &answer)?;
    compare::value(eval, &answer.value)?;
    if eval.step.is_none() && !eval.is_ordered && is_same_in_range(eval) {
        in_range(engine, store, eval, &answer.value).map_err(|problem| format!("as range query: {problem}"))?;
    }
    Ok(())
}

/// False if the query asks for the range that it is asked in, or for what a range query cannot give.
fn is_same_in_range(eval: &Eval) -> bool {
    let query = eval.query.to_ascii_lowercase();
    let depends = ["step()", "range()", "start()", "end()"].iter().any(|it| query.contains(it));
    !depends && eval.text.is_none() && eval.range_vector.is_none()
}

/// The middle of a range query has the same value as the instant query.
fn in_range(engine: &Engine, store: &ScriptStore, eval: &Eval, instant: &Value) -> Result<(), String> {
    const MINUTE: i64 = 60_000;
    let asked = query(eval, eval.start - MINUTE, eval.start + MINUTE, MINUTE);
    let answer = engine.run(store, &asked).map_err(|error: QueryError| error.to_string())?;
    let Value::Matrix(matrix) = answer.value else { return Err("did not give a matrix".to_owned()) };
    let mut vector = Vec::new();
    for series in matrix {
        let float = series.floats.iter().find(|it| it.time == eval.start).map(|it| Sample::Float(it.value));
        let histogram = series.histograms.iter().find(|it| it.time == eval.start);
        let value = float.or(histogram.map(|it| Sample::Histogram(it.value.clone())));
        vector.extend(value.map(|value| VectorSample { labels: series.labels, time: eval.start, value }));
    }
    match (instant, vector.first()) {
        (Value::Scalar(..), Some(VectorSample { value: Sample::Float(value), .. })) => {
            compare::value(eval, &Value::Scalar(eval.start, *value))
        }
        (Value::Scalar(..), _) => Err("did not give a number".to_owned()),
        _ => compare::value(eval, &Value::Vector(vector)),
    }
}
