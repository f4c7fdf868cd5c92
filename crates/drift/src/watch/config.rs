//! What does the user say of a watched model? One entry of `model_watches`.

use serde::{Deserialize, Serialize};
use signal::Severity;

use crate::Config;
use crate::watch::online::OnlineConfig;
use crate::watch::rule::Rule;

/// A model whose predictions are compared with a reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchConfig {
    /// Name of the model in the log of predictions. Required.
    pub model: String,
    /// Only predictions of this version. Default: of all versions.
    #[serde(default)]
    pub version: Option<String>,
    /// The service that incidents and series name. Default: the model's name.
    #[serde(default)]
    pub service: Option<String>,
    /// Who answers for the model, for its card. Default: nobody is named.
    #[serde(default)]
    pub owner: Option<String>,
    /// What the model is for, for its card. Default: none.
    #[serde(default)]
    pub description: Option<String>,
    /// What the predictions are compared with.
    #[serde(default)]
    pub reference: ReferenceConfig,
    /// Which predictions are compared.
    #[serde(default)]
    pub window: WindowConfig,
    /// When they are compared: five fields of cron in UTC, or a nickname such as `@hourly`; empty for never.
    /// Default `@hourly`.
    #[serde(default = "default_schedule")]
    pub schedule: String,
    /// They are also compared after so many new predictions; 0 for never. Default 0.
    #[serde(default)]
    pub every_predictions: u64,
    /// How they are compared: columns, tests and thresholds by column, the share of Evidently's rule.
    #[serde(default)]
    pub compare: Config,
    /// Follows the live stream between comparisons: an alarm is told at once. Default: off.
    #[serde(default)]
    pub online: Option<OnlineConfig>,
    /// Features by whose values groups are compared on their own. Default none.
    #[serde(default)]
    pub segments: Vec<String>,
    /// From where on it is told: one rule or a list of `MEASURE > NUMBER` (also `>=`, `<`, `<=`). Default
    /// `[data_drift_score > 0.1, prediction_drift > 0, concept_drift > 0, schema_drift > 0]`.
    #[serde(default = "default_alert")]
    pub alert: OneOrMany,
    /// How urgent incidents of it are: `warning` or `critical`. Default warning.
    #[serde(default = "default_severity")]
    pub severity: Severity,
    /// A rule must hold in so many comparisons in a row to be told. Default 1.
    #[serde(default = "one")]
    pub alert_after_runs: u32,
    /// It is over after so many comparisons in a row in which it does not hold. Default 2.
    #[serde(default = "two")]
    pub recover_after_runs: u32,
    /// How answers are measured when labels come.
    #[serde(default)]
    pub performance: PerformanceConfig,
    /// Reports that are kept; older ones are removed. Default 200.
    #[serde(default = "default_keep_runs")]
    pub keep_runs: usize,
}

/// What predictions are compared with: the first of the keys that is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReferenceConfig {
    /// A CSV or Parquet file, or a profile that `sentinel drift --save-profile` wrote. Default: none.
    pub file: Option<String>,
    /// The first so many predictions. Default 1000, if no other key is set.
    pub first: Option<u64>,
    /// The predictions of so long a time before the window, such as `7d`: what drifts slowly is not seen. Default: none.
    pub sliding: Option<String>,
}

/// Which predictions are compared: the newest, limited by both keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowConfig {
    /// At most so many. Default 1000.
    pub count: u64,
    /// None older than this, such as `24h`. Default: of any age.
    pub age: Option<String>,
    /// With fewer nothing is said. Default 100.
    pub min_count: u64,
}

impl Default for WindowConfig {
    fn default() -> Self {
        Self { count: 1000, age: None, min_count: 100 }
    }
}

/// How answers are measured when labels come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PerformanceConfig {
    /// What the model does: `auto`, `classification` or `regression`. Default auto: numbers other than 0 and 1 are
    /// regression.
    pub task: Task,
    /// The label that counts as yes, in the words of the model's answer. Default: `1` or `true`.
    pub positive: Option<String>,
    /// Of more than two classes: their words in the order of the probabilities that the model tells. Default: seen from its
    /// answers, which are the classes of the highest probability.
    pub classes: Vec<String>,
    /// With fewer labels nothing is measured. Default 50.
    pub min_labels: u64,
    /// Labels of the reference from which it is learned how right answers are before their labels come; 0 for no such
    /// estimate. Default 300.
    pub estimate_labels: u64,
}

impl Default for PerformanceConfig {
    fn default() -> Self {
        Self { task: Task::default(), positive: None, classes: vec![], min_labels: 50, estimate_labels: 300 }
    }
}

/// What a model does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// By its answers.
    #[default]
    Auto,
    /// It names classes.
    Classification,
    /// It tells numbers.
    Regression,
}

/// One text or a list of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Many.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(it) => std::slice::from_ref(it),
            Self::Many(all) => all,
        }
    }
}

fn default_schedule() -> String {
    "@hourly".to_owned()
}

fn default_alert() -> OneOrMany {
    let rules = ["data_drift_score > 0.1", "prediction_drift > 0", "concept_drift > 0", "schema_drift > 0"];
    OneOrMany::Many(rules.map(str::to_owned).into())
}

const fn default_severity() -> Severity {
    Severity::Warning
}

const fn one() -> u32 {
    1
}

const fn two() -> u32 {
    2
}

const fn default_keep_runs() -> usize {
    200
}

impl WatchConfig {
    /// The service that incidents and series name.
    pub fn service(&self) -> &str {
        self.service.as_deref().unwrap_or(&self.model)
    }

    /// What is wrong, each with its key.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.model.is_empty() {
            problems.push("model: name a model of the log of predictions".to_owned());
        }
        let n_references =
            [self.reference.file.is_some(), self.reference.first.is_some(), self.reference.sliding.is_some()];
        if n_references.iter().filter(|it| **it).count() > 1 {
            problems.push("reference: set one of file, first and sliding".to_owned());
        }
        let durations = [("reference.sliding", &self.reference.sliding), ("window.age", &self.window.age)];
        for (key, text) in durations {
            problems.extend(text.as_deref().and_then(|it| seconds(it).err()).map(|it| format!("{key}: {it}")));
        }
        let positive = [
            ("reference.first", self.reference.first.unwrap_or(1)),
            ("window.count", self.window.count),
            ("window.min_count", self.window.min_count),
            ("alert_after_runs", u64::from(self.alert_after_runs)),
            ("recover_after_runs", u64::from(self.recover_after_runs)),
            ("keep_runs", self.keep_runs as u64),
        ];
        problems.extend(positive.iter().filter(|it| it.1 == 0).map(|it| format!("{}: must be at least 1", it.0)));
        if self.window.min_count > self.window.count {
            problems.push(format!(
                "window.min_count: {} is more than window.count, {}",
                self.window.min_count, self.window.count
            ));
        }
        let classes = &self.performance.classes;
        if let Some(twice) =
            classes.iter().enumerate().find(|it| classes.iter().skip(it.0 + 1).any(|other| other == it.1))
        {
            problems.push(format!("performance.classes: {:?} is there twice", twice.1));
        }
        if matches!(classes.len(), 1 | 2) {
            problems.push("performance.classes: name all of more than two; of two say performance.positive".to_owned());
        }
        problems.extend(self.compare.problems().into_iter().map(|it| format!("compare.{it}")));
        problems.extend(self.online.iter().flat_map(OnlineConfig::problems).map(|it| format!("online.{it}")));
        if self.online.is_some() && self.reference.sliding.is_some() {
            let text = "online: needs a reference that stays; set reference.file or reference.first, not sliding";
            problems.push(text.to_owned());
        }
        for text in self.alert.all() {
            problems.extend(Rule::parse(text).err().map(|it| format!("alert: {it}")));
        }
        problems
    }

    /// The rules; those that cannot be read were told by [`Self::problems`].
    pub fn rules(&self) -> Vec<Rule> {
        self.alert.all().iter().filter_map(|it| Rule::parse(it).ok()).collect()
    }
}

/// Seconds of `30m`, `24h`, `7d`, `90s`, `2w`.
pub fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no duration such as 30m, 24h or 7d");
    let end = text.find(|it: char| !it.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at_checked(end).ok_or_else(wrong)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|it| *it > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> WatchConfig {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_name_is_enough() {
        let config = read(r#"{"model":"income"}"#);
        assert_eq!(config.problems(), Vec::<String>::new());
        assert_eq!((config.service(), config.rules().len(), config.window.count), ("income", 4, 1000));
        let one = read(r#"{"model":"income","alert":"data_drift_score > 0.1"}"#);
        assert_eq!(one.rules().len(), 1);
    }

    #[test]
    fn every_problem_names_its_key() {
        let config = read(
            r#"{"model":"","reference":{"first":0,"sliding":"7y"},"window":{"count":10,"age":"d"},
                "alert":["data_drift > 1","accuracy"],"keep_runs":0,
                "compare":{"alpha":2},"performance":{"classes":["a","a"]}}"#,
        );
        let expected = [
            r#"model: name a model of the log of predictions"#,
            r#"reference: set one of file, first and sliding"#,
            r#"reference.sliding: "7y" is no duration such as 30m, 24h or 7d"#,
            r#"window.age: "d" is no duration such as 30m, 24h or 7d"#,
            r#"reference.first: must be at least 1"#,
            r#"keep_runs: must be at least 1"#,
            r#"window.min_count: 100 is more than window.count, 10"#,
            r#"performance.classes: "a" is there twice"#,
            r#"performance.classes: name all of more than two; of two say performance.positive"#,
            r#"compare.alpha must be from 0 to 1"#,
            r#"alert: "data_drift": unknown measure; did you mean data_drift_score?"#,
            r#"alert: "accuracy": write MEASURE > NUMBER, such as data_drift_score > 0.1"#,
        ];
        assert_eq!(config.problems(), expected);
        assert!(serde_json::from_str::<WatchConfig>(r#"{"model":"a","windows":1}"#).is_err());
    }
}
