//! What is known of one incident, read from its files?

use std::path::{Path, PathBuf};

use diagnose::case::{Case, Line, Span, onset};

use super::folder::{self, Files};
use super::{changes_file, graph_file, logs_file, metrics_file, names, spans_file};
use crate::bad_input::BadInput;
use crate::eval::rca::nezha;
use crate::input::Input;
use crate::table::Table;

/// One incident that was found.
#[derive(Clone, Debug)]
pub enum Incident {
    /// In files of its own.
    Files(Box<Files>),
    /// Among others in the same files.
    Case(Box<Case>),
}

/// The incidents of a path, with their names.
///
/// # Errors
/// If nothing of an incident lies there, or its files cannot be read.
pub fn find(path: &Path) -> Result<Vec<(String, Incident)>, BadInput> {
    if let Some(cases) = if path.is_dir() { nezha::read(path)? } else { None } {
        let of = |it: crate::eval::rca::Labeled| (it.name, Incident::Case(Box::new(it.case)));
        return Ok(cases.into_iter().map(of).collect());
    }
    let found = folder::find(path)?;
    Ok(found.into_iter().map(|(name, files)| (name, Incident::Files(Box::new(files)))).collect())
}

/// Files that are of one incident, as one.
pub fn joined(incidents: Vec<(String, Incident)>) -> Vec<(String, Incident)> {
    let mut all = Files::default();
    let mut first = None;
    for (name, incident) in incidents {
        first.get_or_insert(name);
        if let Incident::Files(files) = incident {
            all.extend(*files);
        }
    }
    vec![(first.unwrap_or_default(), Incident::Files(Box::new(all)))]
}

impl Incident {
    /// What else is told of it.
    pub fn tell(&mut self, told: &Files) {
        match self {
            Self::Files(files) => files.extend(told.clone()),
            Self::Case(case) => {
                case.at = told.at.unwrap_or(case.at);
                case.symptom = told.symptom.clone().or(case.symptom.take());
            }
        }
    }

    /// All that its files hold.
    ///
    /// # Errors
    /// At the first problem of a file, or if nobody tells when it began and nothing changes.
    pub fn read(self) -> Result<Case, BadInput> {
        match self {
            Self::Files(files) => read(&files),
            Self::Case(case) => Ok(*case),
        }
    }
}

// Long because each part of a case is read from files of its own.
fn read(files: &Files) -> Result<Case, BadInput> {
    let mut logs = read_all(&files.logs, logs_file::read)?;
    let mut spans = read_all(&files.traces, spans_file::read)?;
    let mut metrics = vec![];
    for file in &files.metrics {
        metrics.extend(metrics_file::open(file)?);
    }
    for file in &files.derived {
        // Whoever has the requests and lines themselves needs no series of them.
        let is_of_lines = file.file_name().is_some_and(|it| it.to_string_lossy().starts_with("log"));
        let is_needed = if is_of_lines { logs.is_empty() } else { spans.is_empty() };
        if is_needed {
            metrics.extend(metrics_file::open(file)?);
        }
    }
    let mut normal = vec![];
    for file in &files.normal {
        normal.extend(metrics_file::open(file)?);
    }
    metrics_file::with_normal(&mut metrics, normal);
    let calls = match &files.graph {
        Some(file) => graph_file::read(&Table::read(file)?)?,
        None => vec![],
    };
    logs.extend(read_all(&files.normal_logs, logs_file::read)?.into_iter().map(|it| Line { is_normal: true, ..it }));
    let usual = read_all(&files.normal_traces, spans_file::read)?;
    spans.extend(usual.into_iter().map(|it| Span { is_normal: true, ..it }));
    let mut changes = vec![];
    for file in &files.changes {
        changes.extend(changes_file::read(file)?);
    }
    changes_file::join_commits(&mut changes);
    let mut case = Case { at: 0, metrics, spans, logs, changes, calls, symptom: files.symptom.clone() };
    case.at = files.at.or_else(|| onset(&case)).ok_or_else(|| {
        let all = [&files.metrics, &files.logs, &files.traces].into_iter().flatten().next();
        let name = all.map_or_else(|| "the input".to_owned(), |it| it.display().to_string());
        BadInput::of_file(&name, "nothing changes at any time", "tell when it was noticed with --at")
    })?;
    names::unite(&mut case);
    Ok(case)
}

/// What all files hold together.
fn read_all<T>(files: &[PathBuf], read: fn(&str, &[u8]) -> Result<Vec<T>, BadInput>) -> Result<Vec<T>, BadInput> {
    let mut all = vec![];
    for file in files {
        let (name, bytes) = Input::open(file)?.read_all()?;
        all.extend(read(&name, &bytes)?);
    }
    Ok(all)
}
