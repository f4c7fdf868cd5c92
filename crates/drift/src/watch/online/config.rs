//! What does the user say of the live stream? The key `online` of a watched model.

use learn::drift::online::DetectorKind;
use serde::{Deserialize, Serialize};

/// The detector that knows the reference.
pub(super) const REFERENCE: &str = "reference";

/// One of features, and those of answers and errors.
const LEAST_STREAMS: usize = 6;

/// Each prediction is looked at when it comes, and each label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnlineConfig {
    /// Without drift there is one false alarm of the model in so many predictions, on average and over all of its
    /// streams together. Default 100000.
    pub expected_samples_between_false_alarms: u64,
    /// The detector of features and answers: `reference` (knows what is usual, fastest), or a published one that learns
    /// what is usual as it goes: `adwin`, `page_hinkley`, `kswin`. Default reference.
    pub detector: String,
    /// The detector of errors, where labels come: `reference`, `ddm`, `eddm`, `hddm_a`, `hddm_w`, `fhddm`, `adwin` or
    /// `page_hinkley`. Default reference.
    pub error_detector: String,
    /// Features that are followed. Default: all of the reference.
    pub columns: Vec<String>,
    /// Streams at most, at least 6: a feature has one for its values and one for missing ones, of words one for each
    /// frequent word; five are for answers and errors. Default 400.
    pub max_streams: usize,
    /// An alarm is over when so many predictions (of errors: labels) have come without another one. Default 1000.
    pub recover_after_samples: u64,
    /// The first so many labels say how wrong the model usually is. Default 500.
    pub learn_labels: usize,
    /// Predictions that wait for their label in memory, the newest. Default 50000.
    pub max_waiting: usize,
}

impl Default for OnlineConfig {
    fn default() -> Self {
        Self {
            expected_samples_between_false_alarms: 100_000,
            detector: REFERENCE.to_owned(),
            error_detector: REFERENCE.to_owned(),
            columns: vec![],
            max_streams: 400,
            recover_after_samples: 1000,
            learn_labels: 500,
            max_waiting: 50_000,
        }
    }
}

impl OnlineConfig {
    /// What is wrong, each with its key.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        let run = self.expected_samples_between_false_alarms;
        if !(1000..=1_000_000_000).contains(&run) {
            problems.push("expected_samples_between_false_alarms: must be from 1000 to 1000000000".to_owned());
        }
        let of_values = [DetectorKind::Adwin, DetectorKind::PageHinkley, DetectorKind::Kswin];
        problems.extend(problem("detector", &self.detector, |it| of_values.contains(&it)));
        problems.extend(problem("error_detector", &self.error_detector, |it| it != DetectorKind::Kswin));
        let positive =
            [("recover_after_samples", self.recover_after_samples), ("max_waiting", self.max_waiting as u64)];
        problems.extend(positive.iter().filter(|it| it.1 == 0).map(|it| format!("{}: must be at least 1", it.0)));
        if self.max_streams < LEAST_STREAMS {
            problems.push(format!("max_streams: must be at least {LEAST_STREAMS}"));
        }
        if !(50..=1_000_000).contains(&self.learn_labels) {
            problems.push("learn_labels: must be from 50 to 1000000".to_owned());
        }
        problems
    }
}

fn problem(key: &str, name: &str, fits: impl Fn(DetectorKind) -> bool) -> Option<String> {
    let is_right = name == REFERENCE || name.parse::<DetectorKind>().is_ok_and(&fits);
    let fitting = DetectorKind::ALL.iter().filter(|it| fits(**it)).map(|it| it.name());
    let all: Vec<&str> = std::iter::once(REFERENCE).chain(fitting).collect();
    (!is_right).then(|| format!("{key}: {name:?} is none of {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_right_and_every_problem_names_its_key() {
        assert_eq!(OnlineConfig::default().problems(), Vec::<String>::new());
        let config: OnlineConfig = serde_json::from_str(
            r#"{"expected_samples_between_false_alarms":10,"detector":"ddm","error_detector":"kswin","max_streams":0,
                "learn_labels":1}"#,
        )
        .unwrap();
        let expected = [
            "expected_samples_between_false_alarms: must be from 1000 to 1000000000",
            "detector: \"ddm\" is none of reference, adwin, page_hinkley, kswin",
            "error_detector: \"kswin\" is none of reference, adwin, page_hinkley, ddm, eddm, hddm_a, hddm_w, fhddm",
            "max_streams: must be at least 6",
            "learn_labels: must be from 50 to 1000000",
        ];
        assert_eq!(config.problems(), expected);
    }
}
