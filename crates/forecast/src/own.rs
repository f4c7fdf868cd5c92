//! What is a model of the user's own? A folder with a manifest and two programs, one that trains and one that answers.
//!
//! The contract is that of the older product: `retrain` reads a snapshot and writes an artifact, `infer` reads both and
//! prints a JSON array of scores. Any language will do. This file understands configuration, manifest and answers; the
//! programs are run elsewhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cron::Cron;
use crate::selector::is_metric_name;

/// Scores in one answer.
const MOST_SCORES: usize = 10_000;

/// A model of the user's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnModelConfig {
    /// What it is called. Must be given.
    pub name: String,
    /// Folder with `manifest.yaml` and the programs. Must be given.
    pub path: String,
    /// When it is trained for the first time.
    pub wait: WaitConfig,
    /// When it is trained anew.
    pub retrain: RetrainConfig,
    /// How it is asked.
    pub inference: InferenceConfig,
    /// Further variables of the environment of its programs; nothing else of ours is handed on. Default: none.
    pub env: BTreeMap<String, String>,
}

/// When a model is trained for the first time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaitConfig {
    /// What must be there: `time`, `rows`, or `both`. Default: both.
    pub strategy: WaitStrategy,
    /// Hours since the oldest value. Default: 6.
    pub time_hours: f64,
    /// Values of all its metrics together. Default: 10000.
    pub rows: u64,
}

impl Default for WaitConfig {
    fn default() -> Self {
        Self { strategy: WaitStrategy::Both, time_hours: 6.0, rows: 10_000 }
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitStrategy {
    /// Time alone.
    Time,
    /// Values alone.
    Rows,
    /// Both.
    #[default]
    Both,
}

impl WaitConfig {
    /// How far the wait has come, 0 to 1, with so many values over so many hours.
    pub fn progress(&self, rows: u64, hours: f64) -> f64 {
        let share = |have: f64, need: f64| if need > 0.0 { (have / need).clamp(0.0, 1.0) } else { 1.0 };
        let (time, rows) = (share(hours, self.time_hours), share(rows as f64, self.rows as f64));
        match self.strategy {
            WaitStrategy::Time => time,
            WaitStrategy::Rows => rows,
            WaitStrategy::Both => time.min(rows),
        }
    }
}

/// When a model is trained anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrainConfig {
    /// Minute, hour, day of month, month, day of week, in UTC. Default: 0 2 * * *.
    pub schedule: String,
    /// Values without which it is not trained. Default: 10000.
    pub min_rows: u64,
    /// Time after which training is ended, in seconds. Default: 3600.
    pub timeout_seconds: u64,
    /// Memory of each of its programs, in megabytes of address space. Default: 4096.
    pub memory_megabytes: u64,
}

impl Default for RetrainConfig {
    fn default() -> Self {
        Self { schedule: "0 2 * * *".to_owned(), min_rows: 10_000, timeout_seconds: 3600, memory_megabytes: 4096 }
    }
}

/// How a model is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InferenceConfig {
    /// Time between two questions, in seconds. Default: 60.
    pub interval_seconds: u64,
    /// Time after which a question has failed, in seconds. Default: 30.
    pub timeout_seconds: u64,
    /// What is told while it fails: `continue_old`, `emit_zero` or `drop`. Default: continue_old.
    pub fallback: Fallback,
    /// Failures in a row after which it is in error and trained anew. Default: 5.
    pub max_consecutive_errors: u32,
    /// Hours of values that it is given. Default: 24.
    pub window_hours: f64,
    /// Bytes of an answer. Default: 1048576.
    pub max_output_bytes: usize,
}

impl Default for InferenceConfig {
    fn default() -> Self {
        Self {
            interval_seconds: 60,
            timeout_seconds: 30,
            fallback: Fallback::ContinueOld,
            max_consecutive_errors: 5,
            window_hours: 24.0,
            max_output_bytes: 1 << 20,
        }
    }
}

/// What is told while a model fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The scores of its last answer.
    #[default]
    ContinueOld,
    /// Those scores as 0.
    EmitZero,
    /// Nothing.
    Drop,
}

impl OwnModelConfig {
    /// All problems, each naming its key, the value and what is valid.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let is_name = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(is_name) {
            problems.push(format!("name: {:?} is not 1 to 64 letters, digits, - or _", self.name));
        }
        if self.path.is_empty() {
            problems.push("path: missing; it is the folder with manifest.yaml".to_owned());
        }
        if let Err(error) = Cron::parse(&self.retrain.schedule) {
            problems.push(format!("retrain.schedule: {:?}: {error}", self.retrain.schedule));
        }
        let positive = [
            ("wait.time_hours", self.wait.time_hours >= 0.0 && self.wait.time_hours <= 87_600.0),
            ("retrain.timeout_seconds", (1..=86_400).contains(&self.retrain.timeout_seconds)),
            ("retrain.memory_megabytes", (16..=1 << 24).contains(&self.retrain.memory_megabytes)),
            ("inference.interval_seconds", (1..=86_400).contains(&self.inference.interval_seconds)),
            ("inference.timeout_seconds", (1..=3600).contains(&self.inference.timeout_seconds)),
            ("inference.max_consecutive_errors", self.inference.max_consecutive_errors > 0),
            ("inference.window_hours", self.inference.window_hours > 0.0 && self.inference.window_hours <= 8760.0),
            ("inference.max_output_bytes", (2..=1 << 30).contains(&self.inference.max_output_bytes)),
        ];
        let wrong = positive.iter().filter(|it| !it.1).map(|it| it.0);
        problems.extend(wrong.map(|it| format!("{it}: is out of range; see the reference of the configuration")));
        problems
    }
}

/// Problems of all own models, with their places in the list.
pub fn own_model_problems(models: &[OwnModelConfig]) -> Vec<String> {
    let mut problems = vec![];
    for (idx, model) in models.iter().enumerate() {
        problems.extend(model.validate().into_iter().map(|it| format!("models[{idx}].{it}")));
        if let Some(first) = models.iter().take(idx).position(|it| it.name == model.name) {
            problems.push(format!("models[{idx}].name: {:?} is what models[{first}] is called, too", model.name));
        }
    }
    problems
}

/// `manifest.yaml` of a model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does.
    pub description: String,
    /// What it needs.
    pub requires: Requires,
    /// How its programs are started; by default `retrain` and `infer`, else `retrain.py` and `infer.py` by python3.
    pub commands: Commands,
    /// What it answers.
    pub outputs: Vec<Output>,
}

/// What a model needs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Requires {
    /// Metrics that it is given.
    pub metrics: Vec<String>,
    /// How much of them.
    pub min_history: String,
}

/// How programs are started: program and arguments; never by a shell.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Commands {
    /// The one that trains.
    pub retrain: Vec<String>,
    /// The one that answers.
    pub infer: Vec<String>,
}

/// One kind of answer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its type.
    pub r#type: String,
    /// How far ahead it tells.
    pub horizon_seconds: u64,
}

impl Manifest {
    /// Problems, each naming its key.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.requires.metrics.is_empty() {
            problems.push("requires.metrics: missing; which metrics shall it be given?".to_owned());
        }
        for it in self.requires.metrics.iter().filter(|it| !is_metric_name(it)) {
            problems.push(format!("requires.metrics: {it:?} is not the name of a metric"));
        }
        problems
    }
}

/// One score of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnScore {
    /// The service.
    pub service: String,
    /// What was scored.
    pub metric: String,
    /// Probability of failure, 0 to 1.
    pub score: f64,
    /// How far ahead it tells.
    pub horizon_seconds: u64,
    /// Further labels.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// Reads what `infer` printed; the error says what is wrong and where.
pub fn scores(printed: &[u8]) -> Result<Vec<OwnScore>, String> {
    let shown = || String::from_utf8_lossy(printed).chars().take(80).collect::<String>();
    let scores: Vec<OwnScore> = serde_json::from_slice(printed)
        .map_err(|error| format!("infer printed no JSON array of scores: {error}; it begins with {:?}", shown()))?;
    if scores.len() > MOST_SCORES {
        return Err(format!("infer printed {} scores, at most {MOST_SCORES} are taken", scores.len()));
    }
    for (idx, it) in scores.iter().enumerate() {
        if !(0.0..=1.0).contains(&it.score) {
            return Err(format!("infer printed the score {} at place {idx}; scores are 0 to 1", it.score));
        }
        if !is_metric_name(&it.metric) {
            return Err(format!("infer printed {:?} as the metric at place {idx}, which is no name of one", it.metric));
        }
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_checked_strictly() {
        let good =
            br#"[{"service":"pay","metric":"latency","score":0.25,"horizon_seconds":600,"metadata":{"model":"x"}}]"#;
        assert_eq!(scores(good).unwrap()[0].score, 0.25);
        assert_eq!(scores(b"[]").unwrap(), []);
        for (printed, expected) in [
            (&b"hello"[..], "no JSON array"),
            (b"", "no JSON array"),
            (b"{\"score\":1}", "no JSON array"),
            (br#"[{"service":"a","metric":"b","score":1.5,"horizon_seconds":1}]"#, "scores are 0 to 1"),
            (br#"[{"service":"a","metric":"b c","score":0.5,"horizon_seconds":1}]"#, "no name"),
            (br#"[{"service":"a","metric":"b","score":NaN,"horizon_seconds":1}]"#, "no JSON array"),
            (br#"[{"service":"a","metric":"b","score":0.5,"horizon_seconds":1,"extra":2}]"#, "extra"),
            (br#"[{"service":"a","metric":"b","score":0.5,"horizon_seconds":-1}]"#, "no JSON array"),
        ] {
            let error = scores(printed).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_wait_has_three_strategies() {
        let wait = |strategy| WaitConfig { strategy, time_hours: 10.0, rows: 100 };
        assert_eq!(wait(WaitStrategy::Time).progress(0, 5.0), 0.5);
        assert_eq!(wait(WaitStrategy::Rows).progress(100, 0.0), 1.0);
        assert_eq!(wait(WaitStrategy::Both).progress(100, 2.0), 0.2);
    }

    #[test]
    fn mistakes_of_the_configuration_are_told() {
        let model = OwnModelConfig { name: "a b".to_owned(), ..OwnModelConfig::default() };
        let found = own_model_problems(&[model.clone(), model]);
        assert!(found.iter().any(|it| it.contains("models[1].name: \"a b\" is what models[0]")), "{found:?}");
        assert!(found.iter().any(|it| it.contains("models[0].path: missing")), "{found:?}");
    }
}
