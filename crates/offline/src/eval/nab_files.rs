//! What is in the folder of the Numenta Anomaly Benchmark? Series, labeled windows, profiles, and published results.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use learn::evaluate::nab::{PROFILES, Profile, ScoredFile};
use serde_json::Value;

use crate::bad_input::{BadInput, quoted};
use crate::input::Input;
use crate::table::Table;
use crate::{instants, series};

const ADVICE: &str = "give the folder of the NAB repository";

/// The benchmark's folder.
pub struct Benchmark {
    folder: PathBuf,
}

/// A detector and its published scores in the order of the profiles.
pub type Published = (String, [Option<f64>; 3]);

/// One series with its windows.
pub struct Labeled {
    /// Its path under `data`, for example `realTweets/Twitter_volume_AAPL.csv`.
    pub name: String,
    /// Times in milliseconds and values, as they stand in the file.
    pub series: Vec<(i64, f64)>,
    windows: Vec<RangeInclusive<usize>>,
}

impl Labeled {
    /// The kind of data: the folder.
    pub fn family(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// The rows of its labeled windows.
    pub fn windows(&self) -> &[RangeInclusive<usize>] {
        &self.windows
    }

    /// With somebody's scores, one for each row.
    pub fn scored(&self, scores: Vec<f64>) -> ScoredFile {
        let times = self.series.iter().map(|it| it.0.div_euclid(1000)).collect();
        ScoredFile { times, scores, windows: self.windows.clone() }
    }
}

impl Benchmark {
    /// The folder must have labels and data.
    ///
    /// # Errors
    /// If it has not.
    pub fn open(folder: &Path) -> Result<Self, BadInput> {
        let benchmark = Self { folder: folder.to_owned() };
        for part in ["labels/combined_windows.json", "data"] {
            if !folder.join(part).exists() {
                return Err(BadInput::of_file(&folder.display().to_string(), format!("it has no {part}"), ADVICE));
            }
        }
        Ok(benchmark)
    }

    /// The three profiles with the weights of `config/profiles.json`, or the published ones without such a file.
    ///
    /// # Errors
    /// If the file cannot be read or lacks a weight.
    pub fn profiles(&self) -> Result<[Profile; 3], BadInput> {
        let path = self.folder.join("config/profiles.json");
        if !path.exists() {
            return Ok(PROFILES);
        }
        let all = json(&path)?;
        let mut profiles = PROFILES;
        for profile in &mut profiles {
            let weight = |key: &str| {
                let value = all.pointer(&format!("/{}/CostMatrix/{key}", profile.name)).and_then(Value::as_f64);
                let found = format!("{} has no number {key}", profile.name);
                value.ok_or_else(|| BadInput::of_file(&path.display().to_string(), found, ADVICE))
            };
            let (true_positive, false_positive) = (weight("tpWeight")?, weight("fpWeight")?);
            *profile = Profile { true_positive, false_positive, false_negative: weight("fnWeight")?, ..*profile };
        }
        Ok(profiles)
    }

    /// All series that have an entry in the labels, in the order of their names.
    ///
    /// # Errors
    /// If a file is missing or cannot be read.
    pub fn labeled(&self) -> Result<Vec<Labeled>, BadInput> {
        let path = self.folder.join("labels/combined_windows.json");
        let labels: BTreeMap<String, Vec<[String; 2]>> = serde_json::from_value(json(&path)?)
            .map_err(|error| BadInput::of_file(&path.display().to_string(), error.to_string(), ADVICE))?;
        labels.into_iter().map(|(name, windows)| self.read(name, &windows)).collect()
    }

    fn read(&self, name: String, windows: &[[String; 2]]) -> Result<Labeled, BadInput> {
        let table = Table::read(&present(&self.folder.join("data").join(&name)))?;
        let columns = series::find_columns(&table, None, None)?;
        let series = series::read(&table, &columns)?;
        let rows = windows.iter().map(|[first, last]| {
            let instant = |text: &str| {
                let found = format!("found {} where the time of a window is expected", quoted(text));
                instants::parse(text).ok_or_else(|| BadInput::of_file(&name, found, ADVICE))
            };
            let span = instant(first)?..=instant(last)?;
            let is_inside = |it: &(i64, f64)| span.contains(&it.0);
            let rows = series.iter().position(is_inside).zip(series.iter().rposition(is_inside));
            let found = format!("there is no row in the window from {first} to {last}");
            rows.map(|it| it.0..=it.1).ok_or_else(|| BadInput::of_file(&name, found, ADVICE))
        });
        let windows = rows.collect::<Result<_, _>>()?;
        Ok(Labeled { name, series, windows })
    }

    /// The scores that a detector's author published, for all series.
    ///
    /// # Errors
    /// If a result file is missing, cannot be read, or has other rows than its series.
    pub fn results_of(&self, detector: &str, labeled: &[Labeled]) -> Result<Vec<ScoredFile>, BadInput> {
        labeled.iter().map(|it| self.result_of(detector, it)).collect()
    }

    fn result_of(&self, detector: &str, file: &Labeled) -> Result<ScoredFile, BadInput> {
        let (family, name) = file.name.split_once('/').unwrap_or(("", &file.name));
        let path = self.folder.join("results").join(detector).join(family).join(format!("{detector}_{name}"));
        let table = Table::read(&present(&path))?;
        let scores = table.numbers(table.find("anomaly_score")?)?;
        if scores.len() != file.series.len() {
            let found = format!("it has {} rows and its series {}", scores.len(), file.series.len());
            return Err(BadInput::of_file(&table.file, found, ADVICE));
        }
        Ok(file.scored(scores))
    }

    /// The published table: each detector's scores in the order of the profiles, the best one first.
    ///
    /// # Errors
    /// If there is such a file but it cannot be read.
    pub fn published(&self) -> Result<Vec<Published>, BadInput> {
        let path = self.folder.join("results/final_results.json");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let all = json(&path)?;
        let detectors = all.as_object().into_iter().flatten();
        let score = |scores: &Value, profile: &Profile| scores.get(profile.name).and_then(Value::as_f64);
        let mut table: Vec<_> =
            detectors.map(|(name, scores)| (name.clone(), PROFILES.each_ref().map(|it| score(scores, it)))).collect();
        table.sort_by(|a, b| b.1[0].unwrap_or(f64::MIN).total_cmp(&a.1[0].unwrap_or(f64::MIN)));
        Ok(table)
    }
}

/// The file, or the same packed with gzip.
fn present(path: &Path) -> PathBuf {
    let packed = PathBuf::from(format!("{}.gz", path.display()));
    if !path.exists() && packed.exists() { packed } else { path.to_owned() }
}

fn json(path: &Path) -> Result<Value, BadInput> {
    let (name, bytes) = Input::open(path)?.read_all()?;
    serde_json::from_slice(&bytes)
        .map_err(|error| BadInput::of_line(&name, error.line() as u64, format!("cannot read it: {error}"), ADVICE))
}
