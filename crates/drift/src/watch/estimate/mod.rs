//! How right are answers expected to be, before any label comes? Learned from rows of the reference whose labels are known.
//!
//! A classifier of two classes is judged by how sure it is (confidence-based estimation), a regression by a second model
//! that tells its errors from its inputs (direct loss estimation). Both hold while the inputs change and what they mean
//! does not: concept drift is not seen without labels. The band is where the real measure lies in nearly all windows of
//! this size that are drawn from the reference.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use learn::outlier::matrix::Matrix;
use learn::performance::{Confidence, DirectLoss};
use learn::random::Random;
use serde::{Deserialize, Serialize};
use signal::{FeatureValue, Inference};

use crate::watch::config::PerformanceConfig;
use crate::watch::measures::Measures;
use crate::watch::performance::{Answered, Found, Performance, task, word};

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
    /// Probability of class 1.
    pub probability: Option<f64>,
    /// The truth, if it is known.
    pub label: Option<FeatureValue>,
    /// The inputs by name; of a classifier, which says how sure it is, they are not needed.
    pub features: Vec<(Arc<str>, FeatureValue)>,
}

impl EstimateRow {
    /// Of a prediction and its label.
    pub fn new(inference: &Inference, label: Option<FeatureValue>) -> Self {
        let features = if inference.probability.is_some() { vec![] } else { inference.features.clone() };
        Self { prediction: inference.prediction.clone(), probability: inference.probability, label, features }
    }

    fn answered(&self) -> Option<Answered> {
        let label = self.label.clone().filter(|it| !it.is_missing() && !self.prediction.is_missing())?;
        Some(Answered { prediction: self.prediction.clone(), probability: self.probability, label })
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

#[derive(Clone, Debug)]
enum Kind {
    Binary { confidence: Confidence, positive: String },
    Numbers { errors: Box<DirectLoss>, encoder: Encoder },
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
    /// More than two classes.
    #[error("there are more than two classes: estimates are of two classes and of numbers")]
    ManyClasses,
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
        let kind = match task(&answers.iter().collect::<Vec<_>>(), config) {
            Found::Binary(positive) => binary(&answers, positive)?,
            Found::Regression => numbers(&known),
            Found::Classes => return Err(NoEstimate::ManyClasses),
        };
        Ok(Self { kind, usual: usual(&answers, config, window) })
    }

    /// What is expected of these rows. Also sets the measures that rules name.
    pub fn estimate(&self, rows: &[EstimateRow], measures: &mut Measures) -> Vec<Estimated> {
        let mut found = vec![];
        for (metric, value) in self.values(rows) {
            let Some((reference, mean, deviation)) = self.usual.get(metric).copied() else { continue };
            if !value.is_finite() {
                continue;
            }
            measures.set(&format!("estimated_{metric}"), value);
            match self.kind {
                Kind::Binary { .. } => measures.set(&format!("estimated_{metric}_drop"), reference - value),
                Kind::Numbers { .. } => measures.set(&format!("estimated_{metric}_rise"), value / reference - 1.0),
            }
            let (lower, upper) = (mean - WIDTH * deviation, mean + WIDTH * deviation);
            found.push(Estimated { metric: metric.to_owned(), value, reference, lower, upper });
        }
        found
    }

    fn values(&self, rows: &[EstimateRow]) -> Vec<(&'static str, f64)> {
        match &self.kind {
            Kind::Binary { confidence, positive } => {
                let of = |it: &EstimateRow| Some((it.probability?, word(&it.prediction) == *positive));
                let scored: Vec<(f64, bool)> = rows.iter().filter_map(of).collect();
                confidence.estimate(&scored).map_or_else(Vec::new, |it| it.measures().to_vec())
            }
            Kind::Numbers { errors, encoder } => {
                let has_answer = rows.iter().filter(|it| it.prediction.as_number().is_some());
                let found = errors.estimate(&encoder.matrix(has_answer));
                found.map_or_else(Vec::new, |it| vec![("mae", it.mae), ("rmse", it.rmse)])
            }
        }
    }
}

fn binary(answers: &[Answered], positive: String) -> Result<Kind, NoEstimate> {
    let of = |it: &Answered| Some((it.probability?, word(&it.label) == positive));
    let rows: Vec<(f64, bool)> = answers.iter().filter_map(of).collect();
    // Some rows without one are left out; without any the model does not say how sure it is.
    if rows.len() * 2 < answers.len() {
        return Err(NoEstimate::NoProbability);
    }
    Ok(Kind::Binary { confidence: Confidence::fit(&rows), positive })
}

fn numbers(known: &[(&EstimateRow, Answered)]) -> Kind {
    let encoder = Encoder::new(known.iter().map(|it| it.0));
    let rows = encoder.matrix(known.iter().map(|it| it.0));
    let number = |it: &FeatureValue| it.as_number().unwrap_or(f64::NAN);
    let (said, came): (Vec<f64>, Vec<f64>) =
        known.iter().map(|it| (number(&it.1.prediction), number(&it.1.label))).unzip();
    Kind::Numbers { errors: Box::new(DirectLoss::fit(&rows, &said, &came)), encoder }
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

/// Inputs as numbers: words are numbered in the order in which they came.
#[derive(Clone, Debug, Default)]
struct Encoder {
    names: Vec<Arc<str>>,
    words: HashMap<(usize, String), f64>,
}

impl Encoder {
    fn new<'a>(rows: impl Iterator<Item = &'a EstimateRow>) -> Self {
        let mut found = Self::default();
        for row in rows {
            for (name, value) in &row.features {
                let known = found.names.iter().position(|it| it == name);
                let idx = known.unwrap_or_else(|| {
                    found.names.push(Arc::clone(name));
                    found.names.len() - 1
                });
                if let FeatureValue::Text(text) = value {
                    let next = found.words.len() as f64;
                    found.words.entry((idx, text.to_string())).or_insert(next);
                }
            }
        }
        found
    }

    /// The inputs and, as the last column, the answer; NaN is missing.
    fn matrix<'a>(&self, rows: impl Iterator<Item = &'a EstimateRow>) -> Matrix {
        let mut matrix = Matrix::new(self.names.len() + 1);
        for row in rows {
            let number = |(idx, name): (usize, &Arc<str>)| {
                let value = row.features.iter().find(|it| it.0 == *name).map(|it| &it.1);
                match value {
                    Some(FeatureValue::Text(text)) => self.words.get(&(idx, text.to_string())).copied(),
                    Some(value) => value.as_number(),
                    None => None,
                }
            };
            let inputs = self.names.iter().enumerate().map(|it| number(it).unwrap_or(f64::NAN));
            let answer = row.prediction.as_number().unwrap_or(f64::NAN);
            matrix.push(&inputs.chain([answer]).collect::<Vec<f64>>());
        }
        matrix
    }
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
            EstimateRow { prediction: said.into(), probability: None, label, features }
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
        assert_eq!(Estimator::fit(&many, &config(), 1000).unwrap_err(), NoEstimate::ManyClasses);
    }
}
