//! Cases of Nezha: `fault_list.json` with `trace/`, `log/` and `metric/` by the minute, and one fault-free minute.
//!
//! As published, the list is called `2023-01-29-fault_list.json` and sorted by hours, and the fault-free minute lies in
//! `construct_data/2023-01-29` beside `rca_data/2023-01-29`.
//!
//! The time of a fault is its `inject_time` in UTC: `inject_timestamp` is off by hours on some days.

use std::path::{Path, PathBuf};

use diagnose::case::{Case, Line, Metric, Span};

use super::labeled::{Labeled, entries, json, name_of};
use crate::bad_input::BadInput;
use crate::input::Input;
use crate::instants;
use crate::rca::{logs_file, metrics_file, names, spans_file};
use crate::table::Table;

/// So many minutes of logs and traces belong to a fault, from the one in which it begins.
const N_MINUTES: i64 = 3;
/// Metrics this long before the fault are given.
const METRICS_MS: i64 = 7_200_000;
const MINUTE_MS: i64 = 60_000;

/// The cases of a folder; `None` if it does not hold this set.
///
/// # Errors
/// At the first file that cannot be read.
pub fn read(folder: &Path) -> Result<Option<Vec<Labeled>>, BadInput> {
    let is_list = |it: &PathBuf| name_of(it).ends_with("fault_list.json") && it.is_file();
    let Some(faults) = entries(folder)?.into_iter().find(is_list) else { return Ok(None) };
    let normal = normal_of(folder);
    let (mut metrics, mut spans, mut logs) = (vec![], vec![], vec![]);
    for file in csv_files(&folder.join("metric"))?.into_iter().filter(|it| !is_graph(it)) {
        metrics.extend(metrics_file::read(&Table::read(&file)?)?);
    }
    for file in csv_files(&normal.join("trace"))? {
        spans.extend(spans_of(&file)?.into_iter().map(|it| Span { is_normal: true, ..it }));
    }
    for file in csv_files(&normal.join("log"))? {
        logs.extend(lines_of(&file)?.into_iter().map(|it| Line { is_normal: true, ..it }));
    }
    let list = json(&faults)?;
    let hours = list.as_object().into_iter().flat_map(|it| it.values()).filter_map(|it| it.as_array());
    let faults: Vec<serde_json::Value> = list.as_array().into_iter().chain(hours).flatten().cloned().collect();
    let mut cases = vec![];
    for fault in &faults {
        let text = |key: &str| fault.get(key).and_then(|it| it.as_str()).unwrap_or_default();
        let Some(at) = instants::parse(text("inject_time")) else { continue };
        let mut case = Case { at, spans: spans.clone(), logs: logs.clone(), ..Case::default() };
        case.metrics = metrics.iter().map(|it| around(it, at)).collect();
        for minute in 0..N_MINUTES {
            let (traces, lines) = minute_files(folder, at + minute * MINUTE_MS);
            case.spans.extend(traces.map(|it| spans_of(&it)).transpose()?.unwrap_or_default());
            case.logs.extend(lines.map(|it| lines_of(&it)).transpose()?.unwrap_or_default());
        }
        cases.push(Labeled {
            set: "nezha",
            system: name_of(folder),
            fault: text("inject_type").to_owned(),
            name: text("inject_time").to_owned(),
            case,
            service: Some(names::service(text("inject_pod"))),
            indicator: None,
            commit: None,
        });
    }
    Ok(Some(cases))
}

/// Where the fault-free minute is.
fn normal_of(folder: &Path) -> PathBuf {
    let own = folder.join("normal");
    let beside = folder.parent().and_then(Path::parent).map(|it| it.join("construct_data").join(name_of(folder)));
    if own.is_dir() { own } else { beside.unwrap_or(own) }
}

/// Who calls whom, and latencies by callers, lie beside the metrics of pods.
fn is_graph(file: &Path) -> bool {
    ["dependency", "source_", "destination_"].iter().any(|it| name_of(file).starts_with(it))
}

fn csv_files(folder: &Path) -> Result<Vec<PathBuf>, BadInput> {
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let is_csv = |it: &PathBuf| {
        let name = name_of(it);
        name.ends_with(".csv") || name.ends_with(".csv.gz")
    };
    Ok(entries(folder)?.into_iter().filter(is_csv).collect())
}

fn spans_of(file: &Path) -> Result<Vec<Span>, BadInput> {
    let (name, bytes) = Input::open(file)?.read_all()?;
    spans_file::read(&name, &bytes)
}

fn lines_of(file: &Path) -> Result<Vec<Line>, BadInput> {
    let (name, bytes) = Input::open(file)?.read_all()?;
    logs_file::read(&name, &bytes)
}

/// The files of the minute of an instant.
fn minute_files(folder: &Path, millis: i64) -> (Option<PathBuf>, Option<PathBuf>) {
    let minutes = millis.div_euclid(MINUTE_MS).rem_euclid(24 * 60);
    let stem = format!("{:02}_{:02}", minutes / 60, minutes % 60);
    let find = |kind: &str| super::labeled::file(&folder.join(kind), &format!("{stem}_{kind}.csv"));
    (find("trace"), find("log"))
}

fn around(metric: &Metric, at: i64) -> Metric {
    let from = metric.times.partition_point(|it| *it < at - METRICS_MS);
    let to = metric.times.partition_point(|it| *it < at + N_MINUTES * MINUTE_MS);
    Metric {
        service: metric.service.clone(),
        indicator: metric.indicator.clone(),
        normal: vec![],
        times: metric.times.get(from..to).unwrap_or_default().to_vec(),
        values: metric.values.get(from..to).unwrap_or_default().to_vec(),
    }
}
