//! What is learned from rows with labels, by what the model does?

use learn::performance::{ClassesConfidence, Confidence, DirectLoss};
use signal::FeatureValue;

use super::encoder::Encoder;
use super::{EstimateRow, NoEstimate};
use crate::watch::class_order::ClassOrder;
use crate::watch::config::PerformanceConfig;
use crate::watch::performance::{Answered, Found, task, word};

/// Classes of a classifier that is estimated.
const MOST_CLASSES: usize = 50;

/// What was learned.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Binary { confidence: Confidence, positive: String },
    Classes { confidence: ClassesConfidence, order: ClassOrder },
    Numbers { errors: Box<DirectLoss>, encoder: Encoder },
}

impl Kind {
    /// Learns from rows; `answers` are theirs.
    pub fn fit(
        known: &[(&EstimateRow, Answered)],
        answers: &[Answered],
        config: &PerformanceConfig,
    ) -> Result<Self, NoEstimate> {
        match task(&answers.iter().collect::<Vec<_>>(), config) {
            Found::Binary(positive) => binary(answers, positive),
            Found::Regression => Ok(numbers(known)),
            Found::Classes => classes(answers, config),
        }
    }

    /// True if a larger measure is worse.
    pub const fn is_of_errors(&self) -> bool {
        matches!(self, Self::Numbers { .. })
    }

    /// The measures that are expected of rows, by name.
    pub fn values(&self, rows: &[EstimateRow]) -> Vec<(&'static str, f64)> {
        match self {
            Self::Binary { confidence, positive } => {
                let of = |it: &EstimateRow| Some((it.probability?, word(&it.prediction) == *positive));
                let scored: Vec<(f64, bool)> = rows.iter().filter_map(of).collect();
                confidence.estimate(&scored).map_or_else(Vec::new, |it| it.measures().to_vec())
            }
            Self::Classes { confidence, order } => {
                let of = |it: &'_ EstimateRow| order.place(&word(&it.prediction));
                let scored = rows.iter().filter_map(|it| Some((it.probabilities.as_slice(), of(it)?)));
                let found = confidence.estimate(&scored.collect::<Vec<_>>());
                found.map_or_else(Vec::new, |it| it.measures().to_vec())
            }
            Self::Numbers { errors, encoder } => {
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

fn classes(answers: &[Answered], config: &PerformanceConfig) -> Result<Kind, NoEstimate> {
    let mut words: Vec<String> = answers.iter().flat_map(|it| [word(&it.prediction), word(&it.label)]).collect();
    words.sort();
    words.dedup();
    let has_all = answers.iter().filter(|it| it.probabilities.len() > 1).count();
    if has_all * 2 < answers.len() {
        return Err(match words.as_slice() {
            [one, other] if answers.iter().any(|it| it.probability.is_some()) => {
                NoEstimate::NoPositive(one.clone(), other.clone())
            }
            _ => NoEstimate::NoProbabilities(words.len()),
        });
    }
    let n = answers.iter().map(|it| it.probabilities.len()).max().unwrap_or(0);
    if n > MOST_CLASSES {
        return Err(NoEstimate::ManyClasses(n, MOST_CLASSES));
    }
    let order =
        ClassOrder::of(&answers.iter().collect::<Vec<_>>(), &config.classes).ok_or(NoEstimate::UnknownOrder(n))?;
    let row = |it: &'_ Answered| order.place(&word(&it.label));
    let known = answers.iter().filter(|it| it.probabilities.len() == n);
    let rows: Vec<(&[f64], usize)> = known.filter_map(|it| Some((it.probabilities.as_slice(), row(it)?))).collect();
    Ok(Kind::Classes { confidence: ClassesConfidence::fit(n, &rows), order })
}

fn numbers(known: &[(&EstimateRow, Answered)]) -> Kind {
    let encoder = Encoder::new(known.iter().map(|it| it.0));
    let rows = encoder.matrix(known.iter().map(|it| it.0));
    let number = |it: &FeatureValue| it.as_number().unwrap_or(f64::NAN);
    let (said, came): (Vec<f64>, Vec<f64>) =
        known.iter().map(|it| (number(&it.1.prediction), number(&it.1.label))).unzip();
    Kind::Numbers { errors: Box::new(DirectLoss::fit(&rows, &said, &came)), encoder }
}
