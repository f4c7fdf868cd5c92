//! What did the user configure about forecasts? Plain keys and their problems; `watch` makes something usable of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::tracking_config::TrackingConfig;

/// Where forecasts come from and go to, for all watches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address of the Prometheus (or anything with its API) whose series are watched, such as http://localhost:9090.
    /// Default: none; series of the own store are watched.
    pub prometheus_url: Option<String>,
    /// File with a bearer token for that server. Default: none.
    pub prometheus_token_file: Option<String>,
    /// Time after which a question to that server has failed, in seconds, 1 to 300. Default: 10.
    pub scrape_timeout: u64,
    /// Where models are kept: a folder, or `s3://bucket/prefix`. Default: none; the folder `models` in `data_dir`.
    pub artifact_store: Option<String>,
    /// How an object store is reached; of no account for a folder.
    pub object_store: ObjectStoreConfig,
    /// Versions of one series that are kept, at least 1. Default: 5.
    pub max_versions_per_metric: usize,
    /// True prints the bounds of forecasts on /metrics, too. Default: false.
    pub emit_confidence_bounds: bool,
    /// Series of forecasts on /metrics at most; more are left out and counted. Default: 10000.
    pub max_series: usize,
    /// Trainings at the same time, 1 to 64. Default: 1.
    pub training_threads: usize,
    /// Where forecasts are sent by remote write, too. Default: none.
    pub remote_write: Vec<RemoteWriteConfig>,
    /// Trackers of experiments that are told of trainings.
    pub tracking: TrackingConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prometheus_url: None,
            prometheus_token_file: None,
            scrape_timeout: 10,
            artifact_store: None,
            object_store: ObjectStoreConfig::default(),
            max_versions_per_metric: 5,
            emit_confidence_bounds: false,
            max_series: 10_000,
            training_threads: 1,
            remote_write: vec![],
            tracking: TrackingConfig::default(),
        }
    }
}

/// An S3-compatible object store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectStoreConfig {
    /// Its address. Default: <https://s3.amazonaws.com>.
    pub endpoint: String,
    /// Its region. Default: us-east-1.
    pub region: String,
    /// File with two lines, access key and secret key. Default: none; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the
    /// environment are used.
    pub credentials_file: Option<String>,
}

impl Default for ObjectStoreConfig {
    fn default() -> Self {
        Self { endpoint: "https://s3.amazonaws.com".to_owned(), region: "us-east-1".to_owned(), credentials_file: None }
    }
}

/// A receiver of forecasts by Prometheus remote write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteWriteConfig {
    /// Where to, such as http://localhost:9090/api/v1/write. Must be given.
    pub url: String,
    /// File with a bearer token. Default: none.
    pub token_file: Option<String>,
    /// Samples that may wait; the oldest are dropped and counted. Default: 100000.
    pub queue_samples: usize,
    /// Samples in one request. Default: 2000.
    pub batch_samples: usize,
    /// Time after which a request has failed, in seconds. Default: 30.
    pub timeout_secs: u64,
}

impl Default for RemoteWriteConfig {
    fn default() -> Self {
        Self { url: String::new(), token_file: None, queue_samples: 100_000, batch_samples: 2000, timeout_secs: 30 }
    }
}

/// A series, or several, whose future is forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchConfig {
    /// What it is called; with `expr` also the name of the metric that is emitted. Default: the metric with its labels.
    pub name: String,
    /// Name of the metric. A counter is watched as its rate per second. Either this or `expr` must be given.
    pub metric: String,
    /// PromQL expression that is watched in place of a metric. Default: none.
    pub expr: String,
    /// Labels that series of the metric must have: `value`, `!=value`, `=~regex` or `!~regex`. Default: none.
    pub labels: BTreeMap<String, String>,
    /// Kind of model: `auto`, or one of those that `sentinel check` lists. Default: auto.
    pub model_class: String,
    /// Parameters of the model, such as `{p: 3, d: 1, q: 1}`. Default: those of the model.
    pub parameters: Map<String, Value>,
    /// Time between two values, such as 30s or 1m. Default: 1m.
    pub granularity: String,
    /// How far ahead is forecast; a multiple of `granularity`. Default: 5m.
    pub horizon: String,
    /// How much of the past a model learns from; a multiple of `granularity`, longer than `horizon`. Default: 30m.
    pub lookback: String,
    /// When a model is trained anew, in UTC: minute, hour, day of month, month, day of week. Default: 0 */6 * * *.
    pub cron: String,
    /// Drift of the forecast from which a model is trained further. Default: 0.1.
    pub drift_finetune_threshold: f64,
    /// Drift of the forecast from which a model is trained anew. Default: 0.3.
    pub drift_retrain_threshold: f64,
    /// What the thresholds mean: `relative` (0.3: errors are 30 % larger than when the model was tried out, and not by
    /// chance) or `absolute` (mean absolute error in the unit of the metric). Default: relative.
    pub drift_scale: DriftScale,
    /// Levels of the intervals, each between 0.5 and 0.999; the first is the one that is emitted. Default: 0.95, 0.8.
    pub levels: Vec<f64>,
    /// Series at most; more are left out and counted. Default: 100.
    pub max_series: usize,
    /// Limits whose crossing is an incident before it happens. Default: none.
    pub crosses: Vec<CrossConfig>,
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            metric: String::new(),
            expr: String::new(),
            labels: BTreeMap::new(),
            model_class: "auto".to_owned(),
            parameters: Map::new(),
            granularity: "1m".to_owned(),
            horizon: "5m".to_owned(),
            lookback: "30m".to_owned(),
            cron: "0 */6 * * *".to_owned(),
            drift_finetune_threshold: 0.1,
            drift_retrain_threshold: 0.3,
            drift_scale: DriftScale::Relative,
            levels: vec![0.95, 0.8],
            max_series: 100,
            crosses: vec![],
        }
    }
}

/// In which unit is drift told?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftScale {
    /// As a share of the error that was expected.
    #[default]
    Relative,
    /// In the unit of the metric.
    Absolute,
}

/// A limit that a series shall not cross.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrossConfig {
    /// The limit, if crossing it upward is bad. Either this or `below` must be given.
    pub above: Option<f64>,
    /// The limit, if crossing it downward is bad.
    pub below: Option<f64>,
    /// How far ahead is looked; at most 1440 times `granularity`. Default: none; the watch's `horizon`.
    pub within: Option<String>,
    /// From which probability on it is told, above 0 and below 1. Default: 0.9.
    pub probability: f64,
    /// How urgent it is: `warning` or `critical`. Default: warning.
    pub severity: signal::Severity,
}

impl Default for CrossConfig {
    fn default() -> Self {
        Self { above: None, below: None, within: None, probability: 0.9, severity: signal::Severity::Warning }
    }
}

impl Config {
    /// All problems, each naming its key, the value and what is valid.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let is_url = |it: &str| it.starts_with("http://") || it.starts_with("https://");
        if let Some(url) = self.prometheus_url.as_ref().filter(|it| !is_url(it)) {
            problems.push(format!("prometheus_url: {url:?} is not an http:// or https:// address"));
        }
        if !(1..=300).contains(&self.scrape_timeout) {
            problems.push(format!("scrape_timeout: {} is not in 1..300 (seconds)", self.scrape_timeout));
        }
        if self.max_versions_per_metric == 0 {
            problems.push("max_versions_per_metric: 0 is not at least 1".to_owned());
        }
        if self.max_series == 0 {
            problems.push("max_series: 0 is not at least 1".to_owned());
        }
        if !(1..=64).contains(&self.training_threads) {
            problems.push(format!("training_threads: {} is not in 1..64", self.training_threads));
        }
        match self.artifact_store.as_deref() {
            Some("") => problems.push("artifact_store: \"\" is neither a folder nor s3://bucket/prefix".to_owned()),
            Some(url) if url.contains("://") && bucket_of(url).is_none() => {
                problems.push(format!("artifact_store: {url:?} is neither a folder nor s3://bucket/prefix"));
            }
            _ => {}
        }
        if !is_url(&self.object_store.endpoint) {
            let endpoint = &self.object_store.endpoint;
            problems.push(format!("object_store.endpoint: {endpoint:?} is not an http:// or https:// address"));
        }
        problems.extend(self.tracking.validate());
        for (idx, it) in self.remote_write.iter().enumerate() {
            if !is_url(&it.url) {
                problems.push(format!("remote_write[{idx}].url: {:?} is not an http:// or https:// address", it.url));
            }
            let counts = [
                ("queue_samples", it.queue_samples as u64),
                ("batch_samples", it.batch_samples as u64),
                ("timeout_secs", it.timeout_secs),
            ];
            let zeros = counts.iter().filter(|it| it.1 == 0);
            problems.extend(zeros.map(|it| format!("remote_write[{idx}].{}: 0 is not at least 1", it.0)));
        }
        problems
    }
}

/// Bucket and prefix of `s3://bucket/prefix`.
pub fn bucket_of(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("s3://")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_name = |it: &str| {
        (3..=63).contains(&it.len())
            && it.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'-' | b'.'))
    };
    is_name(bucket).then_some((bucket, prefix.trim_matches('/')))
}
