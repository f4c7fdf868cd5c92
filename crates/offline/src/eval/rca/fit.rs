//! What do weights and confidence reach on a system that they were not fitted to?
//!
//! Both are fitted from scratch: the weights by going along one at a time from neutral values, as far as it makes the true
//! causes likelier by more than being unusual costs; the confidence by a logistic regression. Each set counts the same.
//! With one set left out, they are tried on it.

use std::collections::BTreeMap;

use diagnose::case::{self, Calibration, Observed, Weight, Weights};

use super::labeled::Labeled;
use super::tables::{counts, precision, share};
use super::verdicts::{self, Verdict};
use crate::eval::{Breakdown, Figure, Row};

/// Steps along one weight, and rounds over all.
const STEPS: [f64; 4] = [0.5, 0.75, 1.33, 2.0];
const N_ROUNDS: usize = 3;
/// No weight goes beyond these.
const BOUNDS: (f64, f64) = (0.02, 24.0);
/// A difference of scores by one of these makes a cause likelier by a factor of e; the one that fits best is taken.
const SCALES: [f64; 4] = [1.0, 2.0, 3.0, 5.0];
/// What the squared logarithm of a weight's ratio to the neutral one costs.
const SHRINKAGE: f64 = 0.05;

/// Cases with what they show.
pub struct Known<'a> {
    /// The cases.
    pub cases: &'a [Labeled],
    /// What each shows.
    pub observed: &'a [Observed<'a>],
}

/// The weights fitted to all cases but those of a set. The widths stay as they are, being the unit of all others: to sets
/// that have nothing but metrics, more of them would only be a sharper scale, and drown what spans and lines say elsewhere.
pub fn weights(known: &Known<'_>, left_out: Option<&str>) -> Weights {
    let mut best = Weights::NEUTRAL;
    let mut least = loss(known, left_out, &best);
    for _ in 0..N_ROUNDS {
        let before = least;
        for weight in Weight::ALL.iter().filter(|it| **it != Weight::Widths) {
            let from = best.of(*weight);
            for step in STEPS {
                let tried = best.with(*weight, (from * step).clamp(BOUNDS.0, BOUNDS.1));
                let cost = loss(known, left_out, &tried);
                if cost < least - 1e-9 {
                    (best, least) = (tried, cost);
                }
            }
        }
        if before - least < 1e-4 {
            break;
        }
    }
    best
}

/// How unlikely the true causes are, each set alike, and how unusual the weights.
fn loss(known: &Known<'_>, left_out: Option<&str>, weights: &Weights) -> f64 {
    let mut sums: BTreeMap<&str, ([f64; SCALES.len()], f64)> = BTreeMap::new();
    for (labeled, observed) in known.cases.iter().zip(known.observed) {
        let Some(service) = labeled.service.as_deref().filter(|_| left_out != Some(labeled.set)) else { continue };
        let ranking = observed.rank(weights, &Calibration::SHIPPED);
        let own = ranking.causes.iter().find(|it| it.service == service).map_or(0.0, |it| it.score);
        let sum = sums.entry(labeled.set).or_default();
        sum.1 += 1.0;
        for (sum, scale) in sum.0.iter_mut().zip(SCALES) {
            let others = ranking.causes.iter().filter(|it| it.service != service);
            *sum += (1.0 + others.map(|it| ((it.score - own) / scale).exp()).sum::<f64>()).ln();
        }
    }
    let mean = |nth: usize| {
        let of_sets = sums.values().filter_map(|(sums, n)| Some(sums.get(nth)? / n));
        of_sets.sum::<f64>() / sums.len().max(1) as f64
    };
    let least = (0..SCALES.len()).map(mean).fold(f64::MAX, f64::min);
    least + SHRINKAGE * weights.distance(&Weights::NEUTRAL)
}

/// The calibration fitted to answers to all cases but those of a set.
pub fn calibration(cases: &[Labeled], verdicts: &[Verdict], left_out: Option<&str>) -> Calibration {
    let judged: Vec<(&Labeled, &Verdict)> = cases.iter().zip(verdicts).collect();
    let counts = counts(&judged);
    let mut wholes: BTreeMap<&str, f64> = BTreeMap::new();
    judged.iter().zip(&counts).for_each(|((labeled, _), count)| *wholes.entry(labeled.set).or_default() += count);
    let used = judged.iter().zip(counts).filter(|((labeled, _), _)| left_out != Some(labeled.set));
    let alike = |labeled: &Labeled, count: f64| count / wholes.get(labeled.set).copied().unwrap_or(1.0);
    let samples: Vec<_> =
        used.map(|((labeled, it), count)| (it.features, it.strict == 0, alike(labeled, count))).collect();
    case::fit(&samples)
}

/// What is fitted to all, and what is fitted to all but one set reaches on that one: with weights of its own, and with the
/// shipped ones.
pub fn report(known: &Known<'_>) -> (Vec<String>, Vec<Breakdown>) {
    let mut sets: Vec<&str> = known.cases.iter().map(|it| it.set).collect();
    sets.sort_unstable();
    sets.dedup();
    let anew = "Left out: weights and confidence fitted from neutral values to the other sets".to_owned();
    let neutral =
        "Left out: neutral weights, set without a case in view; the confidence fitted to the other sets".to_owned();
    let shipped = "Left out: the confidence fitted to the other sets, with the shipped weights".to_owned();
    let breakdowns = if sets.len() > 1 {
        vec![
            breakdown("held_out", anew, known, &sets, |set| weights(known, Some(set))),
            breakdown("held_out_neutral", neutral, known, &sets, |_| Weights::NEUTRAL),
            breakdown("held_out_confidence", shipped, known, &sets, |_| Weights::SHIPPED),
        ]
    } else {
        vec![]
    };
    let fitted = weights(known, None);
    let calibrated = calibration(known.cases, &verdicts::of(known, &fitted, &Calibration::SHIPPED), None);
    let shipped = calibration(known.cases, &verdicts::of(known, &Weights::SHIPPED, &Calibration::SHIPPED), None);
    let told: Vec<String> = Weight::ALL.iter().map(|it| format!("{} {:.3}", it.as_str(), fitted.of(*it))).collect();
    let notes = vec![
        format!("weights fitted to these cases: {}", told.join(", ")),
        format!("calibration of these weights: {:.3?}", calibrated.0),
        format!("calibration of the shipped weights: {:.3?}", shipped.0),
    ];
    (notes, breakdowns)
}

fn breakdown(
    key: &'static str,
    title: String,
    known: &Known<'_>,
    sets: &[&str],
    weights_without: impl Fn(&str) -> Weights,
) -> Breakdown {
    let (mut rows, mut pooled) = (vec![], vec![]);
    for set in sets {
        let (row, samples) = held_out(known, set, &weights_without(set));
        rows.push(row);
        pooled.extend(samples);
    }
    let all = vec![None, None, None, Some(case::expected_error(&pooled)), precision(&pooled).1];
    rows.push(Row::new("all of these", all));
    let figures = vec![
        Figure::new("ac1", "AC@1", 3),
        Figure::new("ac3", "AC@3", 3),
        Figure::new("specificity", "no cause", 3),
        Figure::new("ece", "ECE", 3),
        Figure::new("precision", "right at 0.8", 3),
    ];
    Breakdown { key, title, rows_are: "set", figures, rows }
}

type Samples = Vec<(f64, bool, f64)>;

fn held_out(known: &Known<'_>, set: &str, weights: &Weights) -> (Row, Samples) {
    let learned = verdicts::of(known, weights, &Calibration::SHIPPED);
    let calibration = calibration(known.cases, &learned, Some(set));
    let verdicts = verdicts::of(known, weights, &calibration);
    let judged: Vec<(&Labeled, &Verdict)> = known.cases.iter().zip(&verdicts).filter(|it| it.0.set == set).collect();
    let counts = counts(&judged);
    let places: Vec<usize> = judged.iter().filter(|it| it.0.service.is_some()).map(|it| it.1.strict).collect();
    let quiet: Vec<bool> = judged.iter().filter(|it| it.0.service.is_none()).map(|it| it.1.says_none).collect();
    let samples: Samples =
        judged.iter().zip(counts).map(|((_, it), count)| (it.confidence, it.strict == 0, count)).collect();
    let specificity = quiet.iter().filter(|it| **it).count() as f64 / quiet.len() as f64;
    let figures = vec![
        Some(share(&places, 1)),
        Some(share(&places, 3)),
        Some(specificity).filter(|it| it.is_finite()),
        Some(case::expected_error(&samples)),
        precision(&samples).1,
    ];
    (Row::new(set, figures), samples)
}
