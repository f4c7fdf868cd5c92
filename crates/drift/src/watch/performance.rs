//! How right were the answers, once the labels have come? The measures of a window, by what the model does.

use learn::performance::realized::binary::{self, Confusion};
use learn::performance::realized::calibration;
use learn::performance::realized::classes::Classes;
use learn::performance::realized::regression::Errors;
use serde::{Deserialize, Serialize};
use signal::FeatureValue;

use crate::categories::plain_flag;
use crate::watch::class_order::ClassOrder;
use crate::watch::concept::Wrongness;
use crate::watch::config::{PerformanceConfig, Task};
use crate::watch::measures::Measures;

/// Bins of the calibration.
const N_BINS: usize = 10;
/// Classes that a table of confusion is kept of; more are numbers or identities.
const MOST_CLASSES: usize = 50;

/// An answer whose truth is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// What the model said.
    pub prediction: FeatureValue,
    /// Probability of class 1, if the model told one.
    pub probability: Option<f64>,
    /// Probability of each class, of more than two, if it told them.
    pub probabilities: Vec<f64>,
    /// The truth.
    pub label: FeatureValue,
}

/// How right the answers of a window were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// Labels.
    pub n: u64,
    /// The measures by what the model does.
    pub quality: Quality,
    /// Losses, for the comparison with another window.
    pub wrongness: Wrongness,
}

/// The measures by what a model does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Yes or no.
    Binary {
        /// The two-by-two table.
        confusion: Confusion,
        /// Reliability of probabilities; empty without any.
        calibration: Vec<calibration::Bin>,
    },
    /// One of many classes.
    Classes {
        /// The square table.
        table: Classes<String>,
    },
    /// A number.
    Regression {
        /// The errors.
        errors: Errors,
    },
}

impl Performance {
    /// Measures answers; none with fewer labels than asked for. Also sets the measures that rules name.
    pub fn measure(answers: &[Answered], config: &PerformanceConfig, measures: &mut Measures) -> Option<Self> {
        let known: Vec<&Answered> =
            answers.iter().filter(|it| !it.prediction.is_missing() && !it.label.is_missing()).collect();
        measures.set("labels", known.len() as f64);
        if known.is_empty() || (known.len() as u64) < config.min_labels {
            return None;
        }
        Some(match task(&known, config) {
            Found::Regression => regression(&known, measures),
            Found::Binary(positive) => binary(&known, &positive, measures),
            Found::Classes => classes(&known, config, measures),
        })
    }

    /// True if a loss is 0 or 1.
    pub const fn is_share(&self) -> bool {
        !matches!(self.quality, Quality::Regression { .. })
    }
}

/// What answers and labels are of.
pub(super) enum Found {
    Regression,
    Binary(String),
    Classes,
}

pub(super) fn task(known: &[&Answered], config: &PerformanceConfig) -> Found {
    let mut words: Vec<String> = known.iter().flat_map(|it| [word(&it.prediction), word(&it.label)]).collect();
    words.sort();
    words.dedup();
    let is_of_numbers = known.iter().all(|it| it.label.as_number().is_some() && it.prediction.as_number().is_some());
    let is_whole = words.iter().all(|it| it.parse::<f64>().is_ok_and(|it| it.fract() == 0.0));
    let is_regression = match config.task {
        Task::Regression => true,
        Task::Classification => false,
        Task::Auto => is_of_numbers && !(is_whole && words.len() <= 10),
    };
    if is_regression && is_of_numbers {
        return Found::Regression;
    }
    let positive = config.positive.as_deref().map(class).or_else(|| words.iter().find(|it| *it == "1").cloned());
    match positive {
        Some(it) if words.len() <= 2 => Found::Binary(it),
        _ => Found::Classes,
    }
}

/// How wrong an answer was: 0 or 1, or the absolute error of a number.
pub(super) fn loss(prediction: &FeatureValue, label: &FeatureValue, is_share: bool) -> f64 {
    if is_share {
        return f64::from(u8::from(word(prediction) != word(label)));
    }
    let numbers = prediction.as_number().zip(label.as_number());
    numbers.map_or(f64::NAN, |(predicted, actual)| (predicted - actual).abs())
}

/// Flags are 0 and 1, so that `true`, `True` of a table of labels, and `1` are the same.
pub(super) fn word(value: &FeatureValue) -> String {
    value.as_number().map_or_else(|| class(&value.to_string()), |it| it.to_string())
}

/// A class as the user or a table writes it, as [`word`] has it.
pub(super) fn class(text: &str) -> String {
    match plain_flag(text) {
        Some(flag) => u8::from(flag == "true").to_string(),
        None => text.to_owned(),
    }
}

fn binary(known: &[&Answered], positive: &str, measures: &mut Measures) -> Performance {
    let is_yes = |it: &FeatureValue| word(it) == positive;
    let (mut confusion, mut wrongness) = (Confusion::default(), Wrongness::default());
    let (mut probabilities, mut actual) = (vec![], vec![]);
    for it in known {
        let (said, came) = (is_yes(&it.prediction), is_yes(&it.label));
        confusion.add(said, came);
        wrongness.add(f64::from(u8::from(said != came)));
        if let Some(probability) = it.probability.filter(|it| (0.0..=1.0).contains(it)) {
            probabilities.push(probability);
            actual.push(came);
        }
    }
    measures.set("accuracy", confusion.accuracy());
    measures.set("precision", confusion.precision());
    measures.set("recall", confusion.recall());
    measures.set("specificity", confusion.specificity());
    measures.set("f1", confusion.f1());
    let mut calibration = vec![];
    if !probabilities.is_empty() {
        calibration = calibration::reliability(&probabilities, &actual, N_BINS);
        measures.set("roc_auc", binary::roc_auc(&probabilities, &actual));
        measures.set("average_precision", binary::average_precision(&probabilities, &actual));
        measures.set("log_loss", binary::log_loss(&probabilities, &actual));
        measures.set("brier", binary::brier(&probabilities, &actual));
        measures.set("calibration_error", calibration::expected_error(&calibration));
        // JSON has no NaN: what nobody said is not told.
        calibration.retain(|it| it.n > 0);
    }
    Performance { n: known.len() as u64, quality: Quality::Binary { confusion, calibration }, wrongness }
}

fn classes(known: &[&Answered], config: &PerformanceConfig, measures: &mut Measures) -> Performance {
    let (mut table, mut wrongness) = (Classes::default(), Wrongness::default());
    for it in known {
        let (said, came) = (word(&it.prediction), word(&it.label));
        wrongness.add(f64::from(u8::from(said != came)));
        table.add(said, came);
    }
    let mean = table.macro_average();
    measures.set("accuracy", table.accuracy());
    measures.set("precision", mean.precision);
    measures.set("recall", mean.recall);
    measures.set("f1", mean.f1);
    measures.set("roc_auc", mean_area(known, config).unwrap_or(f64::NAN));
    if table.classes().len() > MOST_CLASSES {
        table = Classes::default();
    }
    Performance { n: known.len() as u64, quality: Quality::Classes { table }, wrongness }
}

/// Each class against all others by its probability; the mean over classes. None if a class did not come.
fn mean_area(known: &[&Answered], config: &PerformanceConfig) -> Option<f64> {
    let order = ClassOrder::of(known, &config.classes)?;
    let area = |(class, place): (&str, usize)| {
        let row = |it: &&Answered| Some((*it.probabilities.get(place)?, word(&it.label) == class));
        let (scores, actual): (Vec<f64>, Vec<bool>) = known.iter().filter_map(row).unzip();
        binary::roc_auc(&scores, &actual)
    };
    let areas: Vec<f64> = order.iter().map(area).collect();
    Some(areas.iter().sum::<f64>() / areas.len() as f64)
}

fn regression(known: &[&Answered], measures: &mut Measures) -> Performance {
    let pair = |it: &&Answered| Some((it.prediction.as_number()?, it.label.as_number()?));
    let pairs: Vec<(f64, f64)> = known.iter().filter_map(pair).collect();
    let mut wrongness = Wrongness::default();
    pairs.iter().for_each(|(predicted, actual)| wrongness.add((predicted - actual).abs()));
    let errors = Errors::of(&pairs);
    measures.set("mae", errors.mae);
    measures.set("rmse", errors.rmse);
    measures.set("mape", errors.mape);
    measures.set("smape", errors.smape);
    measures.set("r2", errors.r2);
    measures.set("bias", errors.bias);
    Performance { n: errors.n, quality: Quality::Regression { errors }, wrongness }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(prediction: FeatureValue, probability: Option<f64>, label: FeatureValue) -> Answered {
        Answered { prediction, probability, probabilities: vec![], label }
    }

    fn measured(answers: &[Answered], config: &PerformanceConfig) -> (Option<Performance>, Measures) {
        let mut measures = Measures::default();
        (Performance::measure(answers, config, &mut measures), measures)
    }

    /// Guarantees: MUST 888 of docs/specs/drift-report.md.
    #[test]
    fn flags_are_the_same_however_labels_write_them() {
        let answered = |said: bool, came: &str| Answered {
            prediction: FeatureValue::Flag(said),
            probability: None,
            probabilities: vec![],
            label: came.into(),
        };
        let answers =
            [answered(true, "True"), answered(false, "FALSE"), answered(true, "false"), answered(true, "true")];
        for positive in [None, Some("True".to_owned()), Some("true".to_owned())] {
            let config = PerformanceConfig { min_labels: 1, positive, ..PerformanceConfig::default() };
            let mut measures = Measures::default();
            let found = Performance::measure(&answers, &config, &mut measures).unwrap();
            assert!(matches!(found.quality, Quality::Binary { .. }), "{found:?}");
            assert_eq!((measures.get("accuracy"), measures.get("recall")), (Some(0.75), Some(1.0)));
        }
    }

    #[test]
    fn the_task_is_seen_from_the_answers() {
        let yes_no: Vec<_> = (0..100)
            .map(|it| {
                let said = f64::from(u8::from(it % 2 == 0));
                answered(said.into(), Some(0.1 + 0.8 * said), FeatureValue::Flag(it % 4 == 0))
            })
            .collect();
        let (found, measures) = measured(&yes_no, &PerformanceConfig::default());
        assert!(matches!(found.unwrap().quality, Quality::Binary { .. }));
        assert_eq!((measures.get("accuracy"), measures.get("recall")), (Some(0.75), Some(1.0)));
        assert!(measures.get("roc_auc").is_some() && measures.get("mae").is_none());
        let numbers: Vec<_> =
            (0..100).map(|it| answered((f64::from(it) + 0.5).into(), None, f64::from(it).into())).collect();
        let (found, measures) = measured(&numbers, &PerformanceConfig::default());
        assert!(!found.unwrap().is_share());
        assert_eq!(measures.get("bias"), Some(0.5));
        let words: Vec<_> = (0..90).map(|it| answered(["a", "b", "c"][it % 3].into(), None, "a".into())).collect();
        let (found, measures) = measured(&words, &PerformanceConfig::default());
        assert!(matches!(found.unwrap().quality, Quality::Classes { .. }));
        assert_eq!(measures.get("accuracy"), Some(1.0 / 3.0));
    }

    #[test]
    fn too_few_labels_are_counted_and_not_measured() {
        let few = [answered(1.0.into(), None, 1.0.into()), answered(1.0.into(), None, FeatureValue::Missing)];
        let config = PerformanceConfig { min_labels: 2, ..PerformanceConfig::default() };
        let (found, measures) = measured(&few, &config);
        assert_eq!((found, measures.get("labels"), measures.get("accuracy")), (None, Some(1.0), None));
    }
}
