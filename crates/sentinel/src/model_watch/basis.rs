//! What are predictions compared with? A file, the first predictions, or those of the time before.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use drift::watch::{EstimateRow, Estimator, NoEstimate, Performance, WatchConfig, Wrongness, seconds};
use drift::{Profile, Segments};
use signal::{InferenceLog, TimeRange, Timestamp};

use crate::model_watch::window::{Span, Window};

/// Predictions that are the reference if nothing else is configured.
pub const FIRST: u64 = 1000;
/// Columns of files that are no inputs.
const NO_FEATURES: [&str; 4] = ["target", "label", "id", "timestamp"];

/// What a window is compared with.
#[derive(Clone, Debug)]
pub struct Basis {
    /// All of it.
    pub profile: Profile,
    /// Groups by `column=value`.
    pub segments: Segments,
    /// How wrong its answers were, if labels came for them.
    pub wrongness: Option<Wrongness>,
    /// What tells how right answers are before labels come, or why nothing does; none if it is not wanted.
    pub estimator: Option<Result<Arc<Estimator>, NoEstimate>>,
    /// For people.
    pub name: String,
    /// The last sequence that it is made of; what is compared comes after it.
    pub last: u64,
}

/// Why there is no basis.
#[derive(Debug, thiserror::Error)]
pub enum NoBasis {
    /// It is made of predictions that have not come.
    #[error("{there} of the {needed} predictions that are the reference have come")]
    Waiting {
        /// So many have come.
        there: u64,
        /// So many are needed.
        needed: u64,
    },
    /// The file cannot be read.
    #[error("reference.file: {0}")]
    File(String),
    /// The log cannot be read.
    #[error("the log of predictions cannot be read")]
    Log(#[from] signal::PortError),
}

/// Makes the basis for a window that begins at `begin` (time and sequence).
pub fn basis(config: &WatchConfig, begin: Timestamp, log: &dyn InferenceLog) -> Result<Basis, NoBasis> {
    let everything = TimeRange::new(Timestamp::MIN, Timestamp::MAX);
    let (model, version) = (config.model.clone(), config.version.clone());
    let first = |most| Span { model: model.clone(), version: version.clone(), after: 0, range: everything, most };
    if let Some(path) = &config.reference.file {
        // Answers have no reference in most files: the first ones are taken.
        let answers = of_log(&first(config.window.count), config, "", log)?;
        return file(Path::new(path), config, answers);
    }
    if let Some(text) = &config.reference.sliding {
        let secs = seconds(text).unwrap_or(86_400);
        let to = Timestamp::from_millis(begin.millis() - 1);
        let range = TimeRange::new(begin.minus(Duration::from_secs(secs)), to);
        let span = Span { range, most: u64::MAX, ..first(0) };
        let basis = of_log(&span, config, &format!("the {text} before"), log)?;
        return enough(basis, config.window.min_count);
    }
    let most = config.reference.first.unwrap_or(FIRST);
    let basis = of_log(&first(most), config, &format!("the first {most} predictions"), log)?;
    enough(basis, most)
}

fn enough(basis: Basis, needed: u64) -> Result<Basis, NoBasis> {
    let there = basis.profile.rows;
    if there < needed { Err(NoBasis::Waiting { there, needed }) } else { Ok(basis) }
}

fn of_log(span: &Span, config: &WatchConfig, name: &str, log: &dyn InferenceLog) -> Result<Basis, NoBasis> {
    let read = Window::read(span, config, log)?;
    let performance = Performance::measure(&read.answers, &config.performance, &mut Default::default());
    Ok(Basis {
        profile: read.profile,
        segments: read.segments,
        wrongness: performance.map(|it| it.wrongness),
        estimator: estimator(&read.rows, config),
        name: name.to_owned(),
        last: read.last,
    })
}

fn file(path: &Path, config: &WatchConfig, answers: Basis) -> Result<Basis, NoBasis> {
    let mut ignored = config.compare.ignore.clone();
    ignored.extend(config.compare.target.clone());
    ignored.extend(NO_FEATURES.map(str::to_owned));
    let bad = |error: offline::BadInput| NoBasis::File(error.to_string());
    let (mut profile, segments) = offline::reference_profile(path, &ignored, &config.segments).map_err(bad)?;
    let target = config.compare.target.as_deref().unwrap_or("target");
    let rows = offline::labelled_rows(path, &profile, target).map_err(bad)?;
    let mut name = path.file_name().map_or_else(|| path.display().to_string(), |it| it.to_string_lossy().into_owned());
    let is_there = |profile: &Profile, column: &str| profile.columns.iter().any(|it| it.name == column);
    if answers.profile.rows >= config.window.min_count {
        for column in answers.profile.columns.iter().filter(|it| drift::is_answer(&it.name)) {
            if !is_there(&profile, &column.name) {
                profile.columns.push(column.clone());
                if column.name == "prediction" {
                    name = format!("{name}; its answers with the first {}", answers.profile.rows);
                }
            }
        }
    }
    // Rows that make the reference of answers may be compared with the file all the same. Of a file that does not say how
    // sure the model is of each class, the first predictions do.
    let of_file = if rows.is_empty() { None } else { estimator(&rows, config) };
    let estimator = if matches!(of_file, Some(Ok(_))) { of_file } else { answers.estimator.or(of_file) };
    Ok(Basis { profile, segments, wrongness: answers.wrongness, estimator, name, last: 0 })
}

fn estimator(rows: &[EstimateRow], config: &WatchConfig) -> Option<Result<Arc<Estimator>, NoEstimate>> {
    let is_wanted = config.performance.estimate_labels > 0;
    is_wanted.then(|| Estimator::fit(rows, &config.performance, config.window.count).map(Arc::new))
}

/// Where the reference of a model is on disk, for people.
pub fn place(config: &WatchConfig) -> Option<PathBuf> {
    config.reference.file.as_ref().map(PathBuf::from)
}
