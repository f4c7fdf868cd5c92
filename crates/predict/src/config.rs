//! What can be set about models and the log of what they said?

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The `predict` section of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Models that are served. Default: none.
    pub models: Vec<ModelConfig>,
    /// The model that `POST /predict` and `POST /invocations` ask. Default: the first one.
    pub default_model: Option<String>,
    /// Bytes of a request at most. Default: 16777216.
    pub max_body_bytes: usize,
    /// Rows of a request at most. Default: 10000.
    pub max_rows: usize,
    /// Requests that are answered at the same time; more get 503 with `Retry-After`. Default: 512.
    pub max_in_flight: usize,
    /// Model servers that requests pass through to, and whose answers are logged. Default: none.
    pub proxies: Vec<ProxyConfig>,
    /// The log of predictions.
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            models: vec![],
            default_model: None,
            max_body_bytes: 16 << 20,
            max_rows: 10_000,
            max_in_flight: 512,
            proxies: vec![],
            log: LogConfig::default(),
        }
    }
}

/// A model server that is there already: `/proxy/NAME/REST` passes to `UPSTREAM/REST`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyConfig {
    /// Its name in the path: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Where it answers, for example `http://127.0.0.1:5001`.
    pub upstream: String,
    /// The model that its predictions are logged under. Default: the one that the path names
    /// (`v2/models/NAME/infer`, `v1/models/NAME:predict`), else `name`.
    pub model: Option<String>,
    /// The version that they are logged under. Default: the one that the path names, else none.
    pub version: Option<String>,
}

/// A model with one version, or with several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Its name in paths and in the log: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Folder of the only version (as `sentinel train` writes it), or its model file. Default: none.
    pub path: Option<PathBuf>,
    /// Versions, if there is more than one. Default: none.
    pub versions: Vec<VersionConfig>,
    /// The version that answers if a request names none. Default: the last one.
    pub default_version: Option<String>,
    /// A version that is asked the same and whose answer is logged and not sent. Default: none.
    pub shadow: Option<String>,
    /// A version that answers a share of the requests that name none. Default: none.
    pub canary: Option<CanaryConfig>,
}

/// One version of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VersionConfig {
    /// Its name, for example `2`.
    pub version: String,
    /// Folder with `schema.json` and a model file, or the model file.
    pub path: PathBuf,
    /// Schema of the model. Default: `schema.json` beside the model file; without one, the model's own names of
    /// features, all numbers.
    pub schema: Option<PathBuf>,
}

/// A version that answers a share of the requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CanaryConfig {
    /// Which version.
    pub version: String,
    /// Share of the requests in percent, above 0 and at most 100. The same id always gets the same version.
    pub percent: f64,
}

/// The log of predictions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Rows that wait in memory at most; what comes on top is dropped and counted. Default: 65536.
    pub queue_rows: usize,
    /// Memory of rows that wait, in bytes. Default: 33554432.
    pub queue_bytes: usize,
    /// Bytes of a file of the log. Default: 33554432.
    pub segment_bytes: u64,
    /// Bytes of the whole log; the oldest rows make room. Default: 10737418240.
    pub max_bytes: u64,
    /// Days that rows are kept. Default: 90.
    pub retention_days: u32,
    /// Labels that are at hand for joining, the newest. Default: 1000000.
    pub max_labels: usize,
    /// Seconds that a label waits for the prediction with its id before it counts as unknown. It is kept in any case and
    /// joins if the prediction comes later. Default: 600.
    pub label_patience_secs: u64,
    /// Labels that wait at most; beyond them the oldest count as unknown. Default: 100000.
    pub max_pending_labels: usize,
    /// What is kept of columns, by name: `all`, `nothing`, `hash` (keyed, so that equal values stay equal) or `presence`
    /// (whether there was a value). Default: all of every column.
    pub columns: BTreeMap<String, Keep>,
    /// Key of `hash`, at least 16 characters. Default: none.
    pub hash_key: String,
    /// Share of predictions that is logged, from 0 to 1, by model; `*` for all others. Default: all.
    pub sample: BTreeMap<String, f64>,
    /// CSV files that predictions are written to. Default: none.
    pub csv: Vec<CsvConfig>,
    /// Folders or buckets that predictions are written to as Parquet. Default: none.
    pub parquet: Vec<ParquetConfig>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            queue_rows: 65_536,
            queue_bytes: 32 << 20,
            segment_bytes: 32 << 20,
            max_bytes: 10 << 30,
            retention_days: 90,
            max_labels: 1_000_000,
            label_patience_secs: 600,
            max_pending_labels: 100_000,
            columns: BTreeMap::new(),
            hash_key: String::new(),
            sample: BTreeMap::new(),
            csv: vec![],
            parquet: vec![],
        }
    }
}

/// What is kept of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The value.
    All,
    /// The column is left out.
    Nothing,
    /// A keyed hash of the value.
    Hash,
    /// `true` where there was a value.
    Presence,
}

/// A CSV file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CsvConfig {
    /// The file; `{model}` in it stands for the model's name. A relative path begins in the working directory.
    pub path: PathBuf,
    /// Only predictions of this model. Default: all.
    pub model: Option<String>,
    /// Bytes at which the file is put aside and a new one begun. Default: 268435456.
    pub max_bytes: u64,
    /// Files put aside that are kept (`NAME.1.csv` is the newest). Default: 10.
    pub keep_files: u32,
}

impl Default for CsvConfig {
    fn default() -> Self {
        Self { path: PathBuf::new(), model: None, max_bytes: 256 << 20, keep_files: 10 }
    }
}

/// Parquet files below `model=NAME/day=YYYY-MM-DD/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParquetConfig {
    /// A folder, or `s3://bucket/prefix` (its address and keys are those of `forecast.object_store`).
    pub path: String,
    /// Only predictions of this model. Default: all.
    pub model: Option<String>,
    /// Rows after which a file is written. Default: 20000.
    pub rows_per_file: usize,
    /// Seconds after which a file is written, however few its rows are. Default: 300.
    pub flush_secs: u64,
}

impl Default for ParquetConfig {
    fn default() -> Self {
        Self { path: String::new(), model: None, rows_per_file: 20_000, flush_secs: 300 }
    }
}

impl ModelConfig {
    /// Its versions, with the only one of `path` as `1`.
    pub fn all_versions(&self) -> Vec<VersionConfig> {
        let only =
            self.path.iter().map(|path| VersionConfig { version: "1".to_owned(), path: path.clone(), schema: None });
        only.chain(self.versions.iter().cloned()).collect()
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        if !is_name(&self.name) {
            problems.push("name: must be 1 to 100 letters, digits, `-`, `_` or `.`".to_owned());
        }
        match (&self.path, self.versions.is_empty()) {
            (None, true) => problems.push("path: must be given, or `versions`".to_owned()),
            (Some(_), false) => problems.push("path: give either `path` or `versions`".to_owned()),
            _ => {}
        }
        let versions = self.all_versions();
        let mut seen = BTreeSet::new();
        for (idx, it) in versions.iter().enumerate() {
            if !is_name(&it.version) {
                problems.push(format!("versions[{idx}].version: must be letters, digits, `-`, `_` or `.`"));
            }
            if it.path.as_os_str().is_empty() {
                problems.push(format!("versions[{idx}].path: must be given"));
            }
            if !seen.insert(it.version.as_str()) {
                problems.push(format!("versions[{idx}].version: {:?} is there twice", it.version));
            }
        }
        let canary = self.canary.as_ref().map(|it| &it.version);
        let names = [
            ("default_version", self.default_version.as_ref()),
            ("shadow", self.shadow.as_ref()),
            ("canary.version", canary),
        ];
        for (key, version) in names.into_iter().filter_map(|(key, it)| Some((key, it?))) {
            if !seen.contains(version.as_str()) {
                let known: Vec<&str> = seen.iter().copied().collect();
                problems.push(format!("{key}: {version:?} is none of the versions ({})", known.join(", ")));
            }
        }
        if self.canary.as_ref().is_some_and(|it| !(it.percent > 0.0 && it.percent <= 100.0)) {
            problems.push("canary.percent: must be above 0 and at most 100".to_owned());
        }
        problems
    }
}

/// True for names that are the same in a path, a file name and a label.
pub fn is_name(text: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.".contains(&it);
    (1..=100).contains(&text.len()) && text.bytes().all(is_plain) && !text.starts_with('.')
}

impl Config {
    /// Every problem, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let mut names = BTreeSet::new();
        for (idx, model) in self.models.iter().enumerate() {
            problems.extend(model.problems().into_iter().map(|it| format!("predict.models[{idx}].{it}")));
            if !names.insert(model.name.as_str()) {
                problems.push(format!("predict.models[{idx}].name: {:?} is there twice", model.name));
            }
        }
        let mut proxies = BTreeSet::new();
        for (idx, proxy) in self.proxies.iter().enumerate() {
            if !is_name(&proxy.name) {
                problems.push(format!("predict.proxies[{idx}].name: must be letters, digits, `-`, `_` or `.`"));
            }
            if !proxies.insert(proxy.name.as_str()) {
                problems.push(format!("predict.proxies[{idx}].name: {:?} is there twice", proxy.name));
            }
            let rest = proxy.upstream.strip_prefix("http://").or_else(|| proxy.upstream.strip_prefix("https://"));
            if rest.is_none_or(|it| it.is_empty() || it.starts_with('/')) {
                problems
                    .push(format!("predict.proxies[{idx}].upstream: must be an address such as http://127.0.0.1:5001"));
            }
        }
        if let Some(name) = self.default_model.as_deref().filter(|it| !names.contains(it)) {
            problems.push(format!("predict.default_model: {name:?} is none of predict.models"));
        }
        let counts = [
            ("max_body_bytes", self.max_body_bytes as u64, 1024, 1 << 30),
            ("max_rows", self.max_rows as u64, 1, 1_000_000),
            ("max_in_flight", self.max_in_flight as u64, 1, 100_000),
            ("log.queue_rows", self.log.queue_rows as u64, 1, 10_000_000),
            ("log.queue_bytes", self.log.queue_bytes as u64, 65_536, 4 << 30),
            ("log.segment_bytes", self.log.segment_bytes, 65_536, 4 << 30),
            ("log.max_bytes", self.log.max_bytes, self.log.segment_bytes.saturating_mul(2), u64::MAX),
            ("log.retention_days", u64::from(self.log.retention_days), 1, 36_500),
            ("log.max_labels", self.log.max_labels as u64, 1, 100_000_000),
            ("log.label_patience_secs", self.log.label_patience_secs, 1, 31_536_000),
            ("log.max_pending_labels", self.log.max_pending_labels as u64, 1, 100_000_000),
        ];
        for (key, value, least, most) in counts {
            if !(least..=most).contains(&value) {
                let upper = if most == u64::MAX { String::new() } else { format!(" and at most {most}") };
                problems.push(format!("predict.{key}: must be at least {least}{upper}, not {value}"));
            }
        }
        problems.extend(self.log.problems(self.models.len()).into_iter().map(|it| format!("predict.log.{it}")));
        problems
    }
}

impl LogConfig {
    fn problems(&self, n_models: usize) -> Vec<String> {
        let mut problems = vec![];
        for (model, share) in &self.sample {
            if !(0.0..=1.0).contains(share) {
                problems.push(format!("sample.{model}: must be from 0 to 1, not {share}"));
            }
        }
        let has_hash = self.columns.values().any(|it| *it == Keep::Hash);
        if has_hash && self.hash_key.len() < 16 {
            problems.push("hash_key: at least 16 characters are needed, because a column is kept as `hash`".to_owned());
        }
        for (idx, it) in self.parquet.iter().enumerate() {
            if it.path.is_empty() || (it.path.starts_with("s3://") && it.path.len() < 6) {
                problems.push(format!("parquet[{idx}].path: must be a folder or s3://bucket/prefix"));
            }
            if !(1..=200_000).contains(&it.rows_per_file) || !(1..=86_400).contains(&it.flush_secs) {
                problems.push(format!("parquet[{idx}]: rows_per_file must be 1 to 200000 and flush_secs 1 to 86400"));
            }
        }
        for (idx, csv) in self.csv.iter().enumerate() {
            if csv.path.as_os_str().is_empty() {
                problems.push(format!("csv[{idx}].path: must be given"));
            }
            let is_of_one = csv.model.is_some() || n_models < 2 || csv.path.to_string_lossy().contains("{model}");
            if !is_of_one {
                problems.push(format!(
                    "csv[{idx}].path: models have other columns; put `{{model}}` into it or give `model`"
                ));
            }
            if csv.max_bytes < 65_536 || csv.keep_files == 0 {
                problems.push(format!("csv[{idx}]: max_bytes must be at least 65536 and keep_files at least 1"));
            }
        }
        problems
    }
}
