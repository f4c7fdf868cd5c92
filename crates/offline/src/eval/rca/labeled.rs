//! What is a case with a known answer, and in which files below a folder do cases lie?

use std::path::{Path, PathBuf};

use diagnose::case::Case;

use crate::bad_input::BadInput;
use crate::input::{Input, unreadable};

/// A case with its true cause.
#[derive(Clone)]
pub struct Labeled {
    /// The set it is from, for example `rcd`.
    pub set: &'static str,
    /// The system under test within the set, for example `high_traffic`.
    pub system: String,
    /// The fault that was injected, in the set's own words.
    pub fault: String,
    /// Which case it is.
    pub name: String,
    /// What is known of it.
    pub case: Case,
    /// Who is to blame; `None` for a time without a fault.
    pub service: Option<String>,
    /// In which indicator it should show, where the set tells.
    pub indicator: Option<&'static str>,
    /// The commit to blame and who failed first, where the set asks for that.
    pub commit: Option<Commit>,
}

/// What RootCauseBench asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// The guilty one; `None` if no change is to blame.
    pub guilty: Option<String>,
    /// Commits that look guilty.
    pub decoys: Vec<String>,
}

/// Names of the entries of a folder in order.
///
/// # Errors
/// If it cannot be read.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, BadInput> {
    let name = folder.display().to_string();
    let read = std::fs::read_dir(folder).map_err(|error| unreadable(&name, &error))?;
    let mut paths: Vec<PathBuf> = read.filter_map(|it| Some(it.ok()?.path())).collect();
    paths.sort();
    Ok(paths)
}

/// The file of a name, also packed with gzip, if there is one.
pub fn file(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|it| it.is_file())
}

/// The last part of a path.
pub fn name_of(path: &Path) -> String {
    path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The JSON of a file.
///
/// # Errors
/// If it cannot be read or is none.
pub fn json(path: &Path) -> Result<serde_json::Value, BadInput> {
    let (name, bytes) = Input::open(path)?.read_all()?;
    serde_json::from_slice(&bytes).map_err(|error| {
        BadInput::of_line(
            &name,
            error.line() as u64,
            format!("it is not JSON: {error}"),
            "check that the file is whole",
        )
    })
}
