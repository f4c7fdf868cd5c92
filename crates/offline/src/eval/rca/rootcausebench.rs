//! Cases of RootCauseBench: `<name>/environment/data` with telemetry and changes, `<name>/tests/ground_truth.json`.

use std::path::Path;

use diagnose::case::{Case, Symptom};

use super::labeled::{Commit, Labeled, entries, file, json, name_of};
use crate::bad_input::BadInput;
use crate::input::Input;
use crate::instants;
use crate::rca::{changes_file, logs_file, metrics_file, spans_file};
use crate::table::Table;

/// The cases of a folder; `None` if it does not hold this set.
///
/// # Errors
/// At the first file that cannot be read.
pub fn read(folder: &Path) -> Result<Option<Vec<Labeled>>, BadInput> {
    let mut cases = vec![];
    for one in entries(folder)?.into_iter().filter(|it| it.is_dir()) {
        let data = one.join("environment").join("data");
        let (Some(truth), Some(alert)) = (file(&one.join("tests"), "ground_truth.json"), file(&data, "alert.json"))
        else {
            continue;
        };
        let (truth, alert) = (json(&truth)?, json(&alert)?);
        let text = |value: &serde_json::Value, key: &str| {
            value.get(key).and_then(|it| it.as_str()).unwrap_or_default().to_owned()
        };
        let decoys = truth.get("decoy_deploy_commits").and_then(|it| it.as_array()).cloned().unwrap_or_default();
        let mut case = Case { at: instants::parse(&text(&alert, "fired_at")).unwrap_or(0), ..Case::default() };
        case.symptom = Some(Symptom { service: text(&alert, "service"), indicator: Some(text(&alert, "metric")) });
        if let Some(metrics) = file(&data, "metrics.csv") {
            case.metrics = metrics_file::read(&Table::read(&metrics)?)?;
        }
        if let Some(logs) = file(&data, "logs.ndjson") {
            let (name, bytes) = Input::open(&logs)?.read_all()?;
            case.logs = logs_file::read(&name, &bytes)?;
        }
        if let Some(traces) = file(&data, "traces.json") {
            let (name, bytes) = Input::open(&traces)?.read_all()?;
            case.spans = spans_file::read(&name, &bytes)?;
        }
        case.changes = changes_file::read(&data.join("context"))?;
        if let Some(feed) = file(&data, "status_feed.json") {
            case.changes.extend(changes_file::read(&feed)?);
        }
        let guilty = text(&truth, "root_cause_commit");
        cases.push(Labeled {
            set: "rootcausebench",
            system: name_of(folder),
            fault: if guilty == "none" { "no commit" } else { "commit" }.to_owned(),
            name: name_of(&one),
            case,
            service: Some(text(&truth, "first_failing_service")),
            indicator: None,
            commit: Some(Commit {
                guilty: Some(guilty).filter(|it| it != "none"),
                decoys: decoys.iter().filter_map(|it| it.as_str()).map(str::to_owned).collect(),
            }),
        });
    }
    Ok((!cases.is_empty()).then_some(cases))
}
