//! How does Evidently write its reports? Both shapes of its JSON, so that scripts that read them go on to work.
//!
//! `metrics_of_07` is that of `Report.json()` of 0.7; `legacy` that of `Report.json()` up to 0.6, which seed scripts and
//! most articles know.

use learn::drift::evidently::Test;
use serde_json::{Value, json};

use crate::config::Config;
use crate::kind::Kind;
use crate::report::{ColumnReport, Outcome, Report, Status};
use crate::shape::Shape;

/// The shape of 0.7: a list of metrics, and of tests. Names hold what the user asked for first, then what was chosen.
pub fn metrics_of_07(report: &Report, config: &Config) -> Value {
    let asked = asked(report, config);
    let text = |value: &Value| value.as_f64().map_or_else(|| value.as_str().unwrap_or_default().to_owned(), repr);
    let told: Vec<String> = asked.iter().map(|(key, value)| format!("{key}={}", text(value))).collect();
    let mut settings = json!({"type": "evidently:metric_v2:DriftedColumnsCount"});
    let by_column = [
        ("per_column_method", (!config.per_column_method.is_empty()).then(|| json!(config.per_column_method))),
        ("per_column_threshold", (!config.per_column_threshold.is_empty()).then(|| json!(config.per_column_threshold))),
    ];
    let by_column = by_column.into_iter().filter_map(|(key, value)| Some((key, value?)));
    if let Some(it) = settings.as_object_mut() {
        it.extend(asked.iter().cloned().chain(by_column).map(|(key, value)| (key.to_owned(), value)));
    }
    let drifted = json!({
        "id": id("DriftedColumnsCount"),
        "metric_name": format!("DriftedColumnsCount({})", told.join(",")),
        "config": settings,
        "value": {"count": report.verdict.drifted as f64, "share": report.verdict.share},
    });
    let columns = report.columns.iter().filter_map(value_drift);
    let metrics: Vec<Value> = std::iter::once(drifted).chain(columns).collect();
    let tests: Vec<Value> = report.expectations.iter().map(test).collect();
    json!({"metrics": metrics, "tests": tests})
}

/// What the preset was given, in the order of its parameters.
fn asked(report: &Report, config: &Config) -> Vec<(&'static str, Value)> {
    let text = |it: &Option<String>| it.as_ref().map(|it| json!(it));
    let number = |it: Option<f64>| it.map(|it| json!(it));
    let all = [
        ("drift_share", Some(json!(report.verdict.drift_share))),
        ("method", text(&config.method)),
        ("cat_method", text(&config.cat_method)),
        ("num_method", text(&config.num_method)),
        ("text_method", text(&config.text_method)),
        ("threshold", number(config.threshold)),
        ("cat_threshold", number(config.cat_threshold)),
        ("num_threshold", number(config.num_threshold)),
        ("text_threshold", number(config.text_threshold)),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// A number as Python writes it: scripts look metrics up by their names.
fn repr(value: f64) -> String {
    if value != 0.0 && value.is_finite() && !(1e-4..1e16).contains(&value.abs()) {
        let text = format!("{value:e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        let power: i32 = power.parse().unwrap_or(0);
        return format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs());
    }
    format!("{value:?}")
}

fn value_drift(column: &ColumnReport) -> Option<Value> {
    let finding = column.finding.as_ref()?;
    let asked = finding.asked;
    let method = if asked.method { finding.method.clone() } else { title(&finding.method) };
    let shown = finding.threshold.map_or("null".to_owned(), repr);
    let is_threshold_first = asked.threshold && !asked.method;
    let (method_part, threshold_part) = (format!("method={method}"), format!("threshold={shown}"));
    let parts = if is_threshold_first { [threshold_part, method_part] } else { [method_part, threshold_part] };
    let name = format!("ValueDrift(column={},{})", column.name, parts.join(","));
    Some(json!({
        "id": id(&name),
        "metric_name": name,
        "config": {
            "type": "evidently:metric_v2:ValueDrift", "column": column.name, "method": method,
            "threshold": finding.threshold,
        },
        "value": finite(finding.score),
    }))
}

fn test(outcome: &Outcome) -> Value {
    json!({
        "id": id(&outcome.name),
        "name": outcome.name,
        "description": outcome.description,
        "status": status(outcome.status),
    })
}

/// The shape up to 0.6: the metrics of the data drift preset.
pub fn legacy(report: &Report) -> Value {
    let verdict = &report.verdict;
    let compared = || report.columns.iter().filter(|it| it.finding.is_some());
    let by_column: serde_json::Map<String, Value> =
        compared().filter_map(|it| Some((it.name.clone(), by_column(it)?))).collect();
    let dataset = json!({
        "drift_share": verdict.drift_share,
        "number_of_columns": verdict.compared,
        "number_of_drifted_columns": verdict.drifted,
        "share_of_drifted_columns": verdict.share,
        "dataset_drift": verdict.dataset_drift,
    });
    let table = json!({
        "number_of_columns": verdict.compared,
        "number_of_drifted_columns": verdict.drifted,
        "share_of_drifted_columns": verdict.share,
        "dataset_drift": verdict.dataset_drift,
        "drift_by_columns": by_column,
        "current_fi": null,
        "reference_fi": null,
    });
    let metrics = json!([
        {"metric": "DatasetDriftMetric", "result": dataset},
        {"metric": "DataDriftTable", "result": table},
    ]);
    let mut all = json!({"version": "0.6.7", "metrics": metrics, "timestamp": report.generated_at});
    if !report.expectations.is_empty() {
        let count = |wanted: fn(Status) -> bool| report.expectations.iter().filter(|it| wanted(it.status)).count();
        let (passed, failed) = (count(|it| it == Status::Success), count(Status::is_failure));
        let tests: Vec<Value> = report.expectations.iter().map(|it| json!({"name": it.name, "description": it.description, "status": status(it.status), "group": "sentinel"})).collect();
        if let Some(all) = all.as_object_mut() {
            all.insert("tests".to_owned(), Value::Array(tests));
            all.insert(
                "summary".to_owned(),
                json!({
                    "all_passed": failed == 0, "total_tests": report.expectations.len(),
                    "success_tests": passed, "failed_tests": failed,
                }),
            );
        }
    }
    all
}

fn by_column(column: &ColumnReport) -> Option<Value> {
    let finding = column.finding.as_ref()?;
    let kind = match column.kind {
        Kind::Number => "num",
        Kind::Text => "text",
        Kind::Category | Kind::Time | Kind::Empty => "cat",
    };
    let (x, reference, current) = match &column.shape {
        Some(Shape::Bins { edges, reference, current }) => (json!(edges), json!(reference), json!(current)),
        Some(Shape::Bars { labels, reference, current }) => (json!(labels), json!(reference), json!(current)),
        None => (json!([]), json!([]), json!([])),
    };
    Some(json!({
        "column_name": column.name,
        "column_type": kind,
        "stattest_name": title(&finding.method),
        "stattest_threshold": finding.threshold,
        "drift_score": finite(finding.score),
        "drift_detected": finding.drifted,
        "current": {"small_distribution": {"x": x, "y": current}},
        "reference": {"small_distribution": {"x": x, "y": reference}},
    }))
}

/// The name in Evidently's reports, where it has one.
fn title(method: &str) -> String {
    method.parse::<Test>().map_or_else(|_| method.to_owned(), |it| it.title().to_owned())
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Success => "SUCCESS",
        Status::Fail => "FAIL",
        Status::Warning => "WARNING",
        Status::Error => "ERROR",
    }
}

/// JSON has no NaN.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The same for the same metric in every report.
fn id(name: &str) -> String {
    let other: String = name.chars().rev().collect();
    format!("{:016x}{:016x}", learn::sketch::hash_text(name), learn::sketch::hash_text(&other))
}
