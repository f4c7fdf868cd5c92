//! Cases of PetShop (Amazon): `graph.csv`, `noissue/metrics.csv` and `{train,test}/issue_<n>/{metrics.csv,target.json}`.
//!
//! Windows of the time without an issue become cases without a cause: half of it is taken for usual, the other half is
//! cut into windows as long as an issue.

use std::path::Path;

use diagnose::case::{Case, Metric, Symptom};

use super::labeled::{Labeled, entries, file, json, name_of};
use crate::bad_input::BadInput;
use crate::rca::{graph_file, metrics_file};
use crate::table::Table;

/// Rows of an issue, and rows of it before the issue was noticed.
const N_ROWS: usize = 5;
const N_BEFORE: usize = 2;

/// The cases of a folder; `None` if it does not hold this set.
///
/// # Errors
/// At the first file that cannot be read.
pub fn read(folder: &Path) -> Result<Option<Vec<Labeled>>, BadInput> {
    let (Some(graph), Some(normal)) = (file(folder, "graph.csv"), file(&folder.join("noissue"), "metrics.csv")) else {
        return Ok(None);
    };
    let calls = graph_file::read(&Table::read(&graph)?)?;
    let normal = metrics_file::read(&Table::read(&normal)?)?;
    let mut cases = vec![];
    for part in entries(folder)?.into_iter().filter(|it| it.is_dir()) {
        for issue in entries(&part)?.into_iter().filter(|it| it.is_dir()) {
            let (Some(metrics), Some(target)) = (file(&issue, "metrics.csv"), file(&issue, "target.json")) else {
                continue;
            };
            let target = json(&target)?;
            let text = |pointer: &str| target.pointer(pointer).and_then(|it| it.as_str()).map(str::to_owned);
            let seconds = target.pointer("/target/timestamp").and_then(serde_json::Value::as_i64).unwrap_or(0);
            let mut metrics = metrics_file::read(&Table::read(&metrics)?)?;
            metrics_file::with_normal(&mut metrics, normal.clone());
            let noticed = text("/target/metric").unwrap_or_default();
            cases.push(Labeled {
                set: "petshop",
                system: name_of(folder),
                fault: noticed.clone(),
                name: format!("{}/{}", name_of(&part), name_of(&issue)),
                case: Case {
                    at: seconds * 1000,
                    metrics,
                    calls: calls.clone(),
                    symptom: text("/target/node").map(|service| Symptom { service, indicator: Some(noticed) }),
                    ..Case::default()
                },
                service: text("/root_cause/node"),
                indicator: None,
                commit: None,
            });
        }
    }
    cases.extend(quiet(&name_of(folder), &normal, &calls, &cases));
    Ok(Some(cases))
}

/// Windows without an issue, noticed at each place and in each indicator where an issue was.
fn quiet(system: &str, normal: &[Metric], calls: &[diagnose::case::Call], issues: &[Labeled]) -> Vec<Labeled> {
    let mut symptoms: Vec<Symptom> = vec![];
    for it in issues.iter().filter_map(|it| it.case.symptom.as_ref()) {
        if !symptoms.contains(it) {
            symptoms.push(it.clone());
        }
    }
    let n_rows = normal.first().map_or(0, |it| it.values.len());
    let n_windows = (n_rows / 2) / N_ROWS;
    let mut cases = vec![];
    for (nth, symptom) in (0..n_windows).flat_map(|nth| symptoms.iter().map(move |it| (nth, it))) {
        let start = n_rows / 2 + nth * N_ROWS;
        let window = |it: &Metric| Metric {
            normal: it.values.get(..n_rows / 2).unwrap_or_default().to_vec(),
            times: it.times.get(start..start + N_ROWS).unwrap_or_default().to_vec(),
            values: it.values.get(start..start + N_ROWS).unwrap_or_default().to_vec(),
            ..it.clone()
        };
        let metrics: Vec<Metric> = normal.iter().map(window).collect();
        let at = metrics.iter().find_map(|it| it.times.get(N_BEFORE).copied()).unwrap_or(0);
        cases.push(Labeled {
            set: "petshop",
            system: system.to_owned(),
            fault: format!("none, {}", symptom.indicator.as_deref().unwrap_or("any")),
            name: format!("noissue/{nth}"),
            case: Case { at, metrics, calls: calls.to_vec(), symptom: Some(symptom.clone()), ..Case::default() },
            service: None,
            indicator: None,
            commit: None,
        });
    }
    cases
}
