//! How right are answers expected to be, before any label comes? Learned from rows of the reference whose labels are known.
//!
//! A classifier is judged by how sure it is of each class (confidence-based estimation), a regression by a second model that
//! tells its errors from its inputs (direct loss estimation): `kind` has both. Both hold while the inputs change and what they mean
//! does not: concept drift is not seen without labels. The band is where the real measure lies in nearly all windows of
//! this size that are drawn from the reference.

mod encoder;
mod kind;

use std::collections::BTreeMap;
use std::sync::Arc;

use learn::random::Random;
use serde::{Deserialize, Serialize};
use signal::{FeatureValue, Inference};

use self::kind::Kind;
use crate::watch::config::PerformanceConfig;
use crate::watch::measures::Measures;
use crate::watch::performance::{Answered, Performance};

/// Windows that are drawn from the reference for the band.
const DRAWS: usize = 60;
/// Rows of a window that are drawn at most.
const MOST_DRAWN: usize = 5_000;
/// Deviations to each side.
const WIDTH: f64 = 3.0;
const SEED: u64 = 11;

/// A row that is estimated, or learned from if its label is known.
#[derive(Clone, Debug, PartialEq)]
pub struct EstimateRow {
    /// The answer, its probability and, in the reference, the truth.
    pub prediction: FeatureValue,
    /// Probability of class 1, of two.
    pub probability: Option<f64>,
    /// Probability of each class, of more than two.
    pub probabilities: Vec<f64>,
    /// The truth, if it is known.
    pub label: Option<FeatureValue>,
    /// The inputs by name; of a classifier, which says how sure it is, they are not needed.
    pub features: Vec<(Arc<str>, FeatureValue)>,
}

impl EstimateRow {
    /// Of a prediction and its label.
    pub fn new(inference: &Inference, label: Option<FeatureValue>) -> Self {
        let is_sure = inference.probability.is_some() || !inference.probabilities.is_empty();
        Self {
            prediction: inference.prediction.clone(),
            probability: inference.probability,
            probabilities: inference.probabilities.clone(),
            label,
            features: if is_sure { vec![] } else { inference.features.clone() },
        }
    }

    fn answered(&self) -> Option<Answered> {
        let label = self.label.clone().filter(|it| !it.is_missing() && !self.prediction.is_missing())?;
        let (prediction, probabilities) = (self.prediction.clone(), self.probabilities.clone());
        Some(Answered { prediction, probability: self.probability, probabilities, label })
    }
}

/// An estimated measure with what is usual of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimated {
    /// `accuracy`, `roc_auc`, `mae` ..
    pub metric: String,
    /// What is expected of the window.
    pub value: f64,
    /// What it really was on the reference.
    pub reference: f64,
    /// Windows like the reference lie between this ..
    pub lower: f64,
    /// .. and this.
    pub upper: f64,
}

/// What was learned from the reference.
#[derive(Clone, Debug)]
pub struct Estimator {
    kind: Kind,
    /// Real measure on the reference, its mean and deviation over windows that were drawn from it.
    usual: BTreeMap<String, (f64, f64, f64)>,
}

/// Why there is no estimate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEstimate {
    /// Labels are missing.
    #[error("{there} of the {needed} labels of the reference that an estimate needs have come")]
    TooFew {
        /// So many are known.
        there: u64,
        /// So many are needed.
        needed: u64,
    },
    /// A classifier that does not say how sure it is.
    #[error("answers of the reference have no probability, so that nobody knows how sure the model is")]
    NoProbability,
    /// Two classes, and nobody knows of which the probability is.
    #[error("the classes are {0} and {1}: say with performance.positive of which of them the probability is")]
    NoPositive(String, String),
    /// More than two classes without a probability of each.
    #[error("there are {0} classes, and answers of the reference have no probability of each (`probabilities`)")]
    NoProbabilities(usize),
    /// Too many classes.
    #[error("there are {0} classes; estimates are of at most {1}")]
    ManyClasses(usize, usize),
    /// Probabilities without names.
    #[error(
        "it is not clear which class each of the {0} probabilities is of: name them in order with performance.classes"
    )]
    UnknownOrder(usize),
}

impl Estimator {
    /// Learns from those rows whose label is known; bands are those of windows of `window` rows.
    ///
    /// # Errors
    /// If there are too few labels, or nothing can be learned from them.
    pub fn fit(rows: &[EstimateRow], config: &PerformanceConfig, window: u64) -> Result<Self, NoEstimate> {
        let known: Vec<(&EstimateRow, Answered)> = rows.iter().filter_map(|it| Some((it, it.answered()?))).collect();
        let there = known.len() as u64;
        if there < config.estimate_labels.max(1) {
            return Err(NoEstimate::TooFew { there, needed: config.estimate_labels.max(1) });
        }
        let answers: Vec<Answered> = known.iter().map(|it| it.1.clone()).collect();
        Ok(Self { kind: Kind::fit(&known, &answers, config)?, usual: usual(&answers, config, window) })
    }

    /// What is expected of these rows. Also sets the measures that rules name.
    pub fn estimate(&self, rows: &[EstimateRow], measures: &mut Measures) -> Vec<Estimated> {
        let mut found = vec![];
        for (metric, value) in self.kind.values(rows) {
            let Some((reference, mean, deviation)) = self.usual.get(metric).copied() else { continue };
            if !value.is_finite() {
                continue;
            }
            measures.set(&format!("estimated_{metric}"), value);
            if self.kind.is_of_errors() {
                measures.set(&format!("estimated_{metric}_rise"), value / reference - 1.0);
            } else {
                measures.set(&format!("estimated_{metric}_drop"), reference - value);
            }
            let (lower, upper) = (mean - WIDTH * deviation, mean + WIDTH * deviation);
            found.push(Estimated { metric: metric.to_owned(), value, reference, lower, upper });
        }
        found
    }
}

/// The real measures of the reference, and their spread over windows that are drawn from it.
fn usual(answers: &[Answered], config: &PerformanceConfig, window: u64) -> BTreeMap<String, (f64, f64, f64)> {
    let all = PerformanceConfig { min_labels: 1, ..config.clone() };
    let measured = |answers: &[Answered]| {
        let mut measures = Measures::default();
        Performance::measure(answers, &all, &mut measures);
        measures
    };
    let mut random = Random::new(SEED);
    let size = usize::try_from(window).unwrap_or(MOST_DRAWN).clamp(1, MOST_DRAWN);
    let mut draw = || -> Measures {
        let drawn = (0..size).filter_map(|_| answers.get(random.below(answers.len())).cloned());
        measured(&drawn.collect::<Vec<_>>())
    };
    let draws: Vec<Measures> = (0..DRAWS).map(|_| draw()).collect();
    let spread = |(name, value): (&str, f64)| {
        let values: Vec<f64> = draws.iter().filter_map(|it| it.get(name)).collect();
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let deviation = (values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / n).sqrt();
        (name.to_owned(), (value, mean, deviation))
    };
    measured(answers).iter().map(spread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> PerformanceConfig {
        PerformanceConfig { min_labels: 50, estimate_labels: 300, ..PerformanceConfig::default() }
    }

    /// A classifier whose probability is right; `sure` moves rows to where it is sure or is not.
    fn classified(n: usize, sure: f64, seed: u64) -> Vec<EstimateRow> {
        let mut random = Random::new(seed);
        let mut row = |_| {
            let side = if random.uniform() < 0.5 { 0.0 } else { 1.0 };
            let probability = (0.5 + (side - 0.5) * sure * (0.6 + 0.4 * random.uniform())).clamp(0.0, 1.0);
            let label = f64::from(u8::from(random.uniform() < probability));
            EstimateRow {
                prediction: f64::from(u8::from(probability > 0.5)).into(),
                probability: Some(probability),
                probabilities: vec![],
                label: Some(label.into()),
                features: vec![],
            }
        };
        (0..n).map(&mut row).collect()
    }

    fn real(rows: &[EstimateRow], metric: &str) -> f64 {
        let answers: Vec<Answered> = rows.iter().filter_map(EstimateRow::answered).collect();
        let mut measures = Measures::default();
        Performance::measure(&answers, &config(), &mut measures);
        measures.get(metric).unwrap()
    }

    fn without_labels(rows: &[EstimateRow]) -> Vec<EstimateRow> {
        rows.iter().cloned().map(|it| EstimateRow { label: None, ..it }).collect()
    }

    /// Guarantees: MUST 597 of docs/specs/model-watch.md, for a classifier.
    #[test]
    fn a_classifier_that_is_less_sure_is_expected_to_be_worse() {
        let estimator = Estimator::fit(&classified(3000, 0.9, 1), &config(), 1000).unwrap();
        for (sure, is_usual) in [(0.9, true), (0.3, false)] {
            let later = classified(1000, sure, 2);
            let mut measures = Measures::default();
            let found = estimator.estimate(&without_labels(&later), &mut measures);
            let accuracy = found.iter().find(|it| it.metric == "accuracy").unwrap();
            let was = real(&later, "accuracy");
            assert!((accuracy.value - was).abs() < 0.05, "{sure}: {accuracy:?}, really {was}");
            assert_eq!((accuracy.lower..=accuracy.upper).contains(&accuracy.value), is_usual, "{accuracy:?}");
            let drop = measures.get("estimated_accuracy_drop").unwrap();
            assert_eq!(drop, accuracy.reference - accuracy.value);
        }
    }

    /// Errors grow with the first input.
    fn predicted(n: usize, spread: f64, seed: u64) -> Vec<EstimateRow> {
        let mut random = Random::new(seed);
        let mut row = |_| {
            let x = random.uniform() * spread;
            let said = 10.0 * random.normal();
            let features = vec![("x".into(), x.into()), ("c".into(), if x > 1.0 { "b" } else { "a" }.into())];
            let label = Some((said + x * random.normal()).into());
            EstimateRow { prediction: said.into(), probability: None, probabilities: vec![], label, features }
        };
        (0..n).map(&mut row).collect()
    }

    /// Guarantees: MUST 597 of docs/specs/model-watch.md, for a regression.
    #[test]
    fn a_regression_on_harder_inputs_is_expected_to_be_worse() {
        let mut reference = predicted(3000, 1.0, 3);
        reference.extend(predicted(1000, 3.0, 4));
        let estimator = Estimator::fit(&reference, &config(), 1000).unwrap();
        let later = predicted(1000, 3.0, 5);
        let mut measures = Measures::default();
        let found = estimator.estimate(&without_labels(&later), &mut measures);
        let (mae, was) = (measures.get("estimated_mae").unwrap(), real(&later, "mae"));
        assert!((mae / was - 1.0).abs() < 0.1, "{mae} {was}");
        assert!(measures.get("estimated_mae_rise").unwrap() > 0.3, "{found:?}");
    }

    #[test]
    fn what_cannot_be_estimated_is_told() {
        let rows = classified(100, 0.9, 1);
        let error = Estimator::fit(&rows, &config(), 1000).unwrap_err();
        assert_eq!(error, NoEstimate::TooFew { there: 100, needed: 300 });
        let without = classified(400, 0.9, 1).into_iter().map(|it| EstimateRow { probability: None, ..it });
        let error = Estimator::fit(&without.collect::<Vec<_>>(), &config(), 1000).unwrap_err();
        assert_eq!(error, NoEstimate::NoProbability);
        let mut many = classified(400, 0.9, 1);
        for (idx, it) in many.iter_mut().enumerate() {
            it.label = Some(["a", "b", "c"][idx % 3].into());
        }
        assert_eq!(Estimator::fit(&many, &config(), 1000).unwrap_err(), NoEstimate::NoProbabilities(5));
        let two = classified(400, 0.9, 1).into_iter().map(|it| {
            let word = |it: &FeatureValue| if it.as_number() == Some(1.0) { "yes" } else { "no" };
            EstimateRow {
                prediction: word(&it.prediction).into(),
                label: it.label.as_ref().map(|it| word(it).into()),
                ..it
            }
        });
        let two: Vec<EstimateRow> = two.collect();
        let error = Estimator::fit(&two, &config(), 1000).unwrap_err();
        assert_eq!(error, NoEstimate::NoPositive("no".to_owned(), "yes".to_owned()));
        let told = PerformanceConfig { positive: Some("yes".to_owned()), ..config() };
        assert!(Estimator::fit(&two, &told, 1000).is_ok());
        let unclear = of_many(400, 0.9, 1).into_iter().enumerate().map(|(idx, it)| {
            let prediction = ["a", "b", "c"][idx % 3].into();
            EstimateRow { prediction, ..it }
        });
        let error = Estimator::fit(&unclear.collect::<Vec<_>>(), &config(), 1000).unwrap_err();
        assert_eq!(error, NoEstimate::UnknownOrder(3));
    }

    /// A classifier of three classes, whose probabilities are in the order c, a, b.
    fn of_many(n: usize, sure: f64, seed: u64) -> Vec<EstimateRow> {
        let (mut random, classes) = (Random::new(seed), ["c", "a", "b"]);
        let mut row = |_| {
            let best = random.below(3);
            let rest = (1.0 - sure * (0.05 + 0.95 * random.uniform())) / 1.5;
            let probabilities: Vec<f64> = (0..3).map(|it| if it == best { 1.0 - rest } else { rest / 2.0 }).collect();
            let mut place = random.uniform();
            let truth = probabilities
                .iter()
                .position(|it| {
                    place -= it;
                    place < 0.0
                })
                .unwrap_or(best);
            EstimateRow {
                prediction: classes[best].into(),
                probability: Some(probabilities[best]),
                probabilities,
                label: Some(classes[truth].into()),
                features: vec![],
            }
        };
        (0..n).map(&mut row).collect()
    }

    /// Guarantees: MUST 760 of docs/specs/model-watch.md.
    #[test]
    fn of_many_classes_each_counts_and_their_order_is_seen_or_told() {
        let told = PerformanceConfig { classes: ["c", "a", "b"].map(str::to_owned).into(), ..config() };
        for config in [config(), told] {
            let estimator = Estimator::fit(&of_many(3000, 0.9, 1), &config, 1000).unwrap();
            for (sure, is_usual) in [(0.9, true), (0.4, false)] {
                let later = of_many(2000, sure, 2);
                let mut measures = Measures::default();
                let found = estimator.estimate(&without_labels(&later), &mut measures);
                let names: Vec<&str> = found.iter().map(|it| it.metric.as_str()).collect();
                assert_eq!(names, ["roc_auc", "f1", "precision", "recall", "accuracy"]);
                for it in &found {
                    let was = real(&later, &it.metric);
                    assert!((it.value - was).abs() < 0.04, "{sure}: {it:?}, really {was}");
                    assert_eq!((it.lower..=it.upper).contains(&it.value), is_usual, "{it:?}");
                }
            }
        }
    }
}
