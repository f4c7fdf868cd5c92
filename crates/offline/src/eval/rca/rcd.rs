//! Cases of Sock Shop as the RCD project published them: `<service>-<fault>/<run>/{normal,anomalous}.csv`.
//!
//! The times of both files overlap, so what is normal is told by the file and not by the time.

use std::path::Path;

use diagnose::case::Case;

use super::labeled::{Labeled, entries, file, name_of};
use crate::bad_input::BadInput;
use crate::rca::metrics_file;
use crate::table::Table;

/// The cases of a folder; `None` if it does not hold this set.
///
/// # Errors
/// At the first file that cannot be read.
pub fn read(folder: &Path) -> Result<Option<Vec<Labeled>>, BadInput> {
    let mut cases = vec![];
    for of_fault in entries(folder)?.into_iter().filter(|it| it.is_dir()) {
        for run in entries(&of_fault)?.into_iter().filter(|it| it.is_dir()) {
            let (Some(normal), Some(anomalous)) = (file(&run, "normal.csv"), file(&run, "anomalous.csv")) else {
                continue;
            };
            let title = name_of(&of_fault);
            let Some((service, fault)) = title.rsplit_once('-') else { continue };
            let mut metrics = metrics_file::read(&Table::read(&anomalous)?)?;
            metrics_file::with_normal(&mut metrics, metrics_file::read(&Table::read(&normal)?)?);
            let at = metrics.iter().filter_map(|it| it.times.first().copied()).min().unwrap_or(0);
            cases.push(Labeled {
                set: "rcd",
                system: name_of(folder),
                fault: fault.to_owned(),
                name: format!("{title}/{}", name_of(&run)),
                case: Case { at, metrics, ..Case::default() },
                service: Some(service.to_owned()),
                indicator: Some(if fault == "cpu" { "cpu" } else { "mem" }),
                commit: None,
            });
        }
    }
    Ok((!cases.is_empty()).then_some(cases))
}
