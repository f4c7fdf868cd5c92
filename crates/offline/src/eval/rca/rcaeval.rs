//! Cases of RCAEval: `<service>_<fault>/<run>/` with `inject_time.txt` and `data.csv` (RE1), or `simple_metrics.csv`,
//! `metrics.csv` or `metrics.json`, `logs.csv` and `traces.csv` (RE2, RE3); series that others made of the traces
//! (`tracets_lat.csv`, `tracets_err.csv`) where these are missing or empty.

use std::path::Path;

use diagnose::case::Case;

use super::labeled::{Labeled, entries, file, name_of};
use crate::bad_input::BadInput;
use crate::input::Input;
use crate::instants;
use crate::rca::{logs_file, metrics_file, names, spans_file};
use crate::table::number;

/// The cases of a folder; `None` if it does not hold this set.
///
/// # Errors
/// At the first file that cannot be read.
pub fn read(folder: &Path) -> Result<Option<Vec<Labeled>>, BadInput> {
    let mut cases = vec![];
    for of_fault in entries(folder)?.into_iter().filter(|it| it.is_dir()) {
        let title = name_of(&of_fault);
        let Some((service, fault)) = title.rsplit_once('_') else { continue };
        // Strange folders lie beside the runs (`multi-source-data`): what has no time of injection is none.
        for run in entries(&of_fault)?.into_iter().filter(|it| it.is_dir()) {
            let Some(at) = file(&run, "inject_time.txt") else { continue };
            let Some(metrics) = ["simple_data.csv", "data.csv", "simple_metrics.csv", "metrics.csv", "metrics.json"]
                .iter()
                .find_map(|it| file(&run, it))
            else {
                continue;
            };
            let (name, text) = Input::open(&at)?.read_all()?;
            let text = String::from_utf8_lossy(&text).trim().to_owned();
            let seconds = number(&text)
                .filter(|it| it.is_finite())
                .ok_or_else(|| BadInput::of_line(&name, 1, "no time is in it", "write seconds since 1970"))?;
            let mut case = Case { at: (seconds * instants::millis_per_unit(&[seconds])) as i64, ..Case::default() };
            case.metrics = metrics_file::open(&metrics)?;
            if let Some(logs) = file(&run, "logs.csv") {
                let (name, bytes) = Input::open(&logs)?.read_all()?;
                case.logs = logs_file::read(&name, &bytes)?;
            }
            if let Some(traces) = file(&run, "traces.csv") {
                let (name, bytes) = Input::open(&traces)?.read_all()?;
                case.spans = spans_file::read(&name, &bytes)?;
            }
            if case.spans.is_empty() {
                for series in ["tracets_lat.csv", "tracets_err.csv"].iter().filter_map(|it| file(&run, it)) {
                    case.metrics.extend(metrics_file::open(&series)?);
                }
            }
            names::unite(&mut case);
            cases.push(Labeled {
                set: "rcaeval",
                system: name_of(folder),
                fault: fault.to_owned(),
                name: format!("{title}/{}", name_of(&run)),
                case,
                service: Some(service.to_owned()),
                indicator: None,
                commit: None,
            });
        }
    }
    Ok((!cases.is_empty()).then_some(cases))
}
