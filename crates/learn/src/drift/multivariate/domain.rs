//! Can current rows be told from those of the reference, and by what? A classifier between both, judged on rows it did
//! not see.
//!
//! An area under the curve of 0.5 means that nothing tells them apart. The p-value is Mann and Whitney's over the scores
//! of held-out rows; the importances of columns say where to look.
//! Source: Lopez-Paz, Oquab: Revisiting classifier two-sample tests, ICLR 2017.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::boosting::{Boosting, Config, Loss};
use crate::drift::mann_whitney::{self, Tail};
use crate::drift::pair::Pair;
use crate::drift::sample::Sample;
use crate::outlier::matrix::Matrix;
use crate::random::Random;

const N_FOLDS: usize = 5;
const MIN_ROWS: usize = 50;
/// More rows of a side than this are sampled: the answer does not get better, only later.
const MAX_ROWS: usize = 10_000;

/// How well both sides can be told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// Area under the curve on held-out rows: 0.5 to 1, below by chance.
    pub area: f64,
    /// How probable an area this far from 0.5 is without drift.
    pub p_value: f64,
    /// Share of each column in telling both apart.
    pub importances: Vec<f64>,
}

/// Why both sides cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainError {
    /// A side has too few rows.
    TooFew {
        /// The fewest.
        needed: usize,
        /// Of the smaller side.
        found: usize,
    },
    /// Both sides have different columns.
    OtherWidth {
        /// Of the reference.
        expected: usize,
        /// Of the current side.
        found: usize,
    },
}

impl fmt::Display for DomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { needed, found } => write!(f, "a side has {found} rows, {needed} are needed"),
            Self::OtherWidth { expected, found } => {
                write!(f, "current rows have {found} columns, those of the reference have {expected}")
            }
        }
    }
}

impl std::error::Error for DomainError {}

/// Trains on four fifths of both sides and judges the fifth, five times; NaN is a missing value.
///
/// # Errors
/// If a side has fewer than 50 rows, or both have different columns.
pub fn classify(reference: &Matrix, current: &Matrix, seed: u64) -> Result<Domain, DomainError> {
    let (expected, found) = (reference.n_features(), current.n_features());
    if expected != found {
        return Err(DomainError::OtherWidth { expected, found });
    }
    let fewest = reference.n_rows().min(current.n_rows());
    if fewest < MIN_ROWS {
        return Err(DomainError::TooFew { needed: MIN_ROWS, found: fewest });
    }
    let mut random = Random::new(seed);
    let folds = |rows: &Matrix, random: &mut Random| -> Vec<(usize, usize)> {
        random.sample(rows.n_rows(), MAX_ROWS).into_iter().enumerate().map(|(idx, row)| (idx % N_FOLDS, row)).collect()
    };
    let sides = [(reference, folds(reference, &mut random)), (current, folds(current, &mut random))];
    let mut scores: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    let mut importances = vec![0.0; expected];
    for fold in 0..N_FOLDS {
        let (mut train, mut targets) = (Matrix::new(expected), Vec::new());
        for (target, (rows, folds)) in [0.0, 1.0].into_iter().zip(&sides) {
            for (_, row) in folds.iter().filter(|it| it.0 != fold) {
                train.push(rows.row(*row));
                targets.push(target);
            }
        }
        let model = Boosting::fit(&train, &targets, Loss::Logistic, &Config::default());
        for (scores, (rows, folds)) in scores.iter_mut().zip(&sides) {
            scores.extend(folds.iter().filter(|it| it.0 == fold).map(|it| model.predict(rows.row(it.1))));
        }
        importances.iter_mut().zip(model.importances()).for_each(|(sum, it)| *sum += it / N_FOLDS as f64);
    }
    scores.iter_mut().for_each(|it| it.sort_by(f64::total_cmp));
    let [left, right] = &scores;
    let Some(pair) = Pair::new(&Sample::Numbers(left), &Sample::Numbers(right)) else {
        return Err(DomainError::TooFew { needed: MIN_ROWS, found: 0 });
    };
    let (larger_in_reference, p_value) = mann_whitney::test(pair.cells(), pair.n, pair.m, Tail::Both);
    let area = 1.0 - larger_in_reference / (pair.n * pair.m);
    Ok(Domain { area, p_value: p_value.unwrap_or(1.0), importances })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize, shift: f64, seed: u64) -> Matrix {
        let mut random = Random::new(seed);
        let mut rows = Matrix::new(3);
        for _ in 0..n {
            rows.push(&[random.normal(), random.normal() + shift, random.normal()]);
        }
        rows
    }

    /// MUST 474.
    #[test]
    fn the_column_that_moved_is_named() {
        let domain = classify(&rows(800, 0.0, 1), &rows(800, 1.0, 2), 7).unwrap();
        assert!(domain.area > 0.7 && domain.p_value < 1e-9, "{domain:?}");
        assert!(domain.importances[1] > 0.5, "{domain:?}");
        let same = classify(&rows(800, 0.0, 1), &rows(800, 0.0, 3), 7).unwrap();
        assert!((same.area - 0.5).abs() < 0.05, "{same:?}");
        let error = classify(&rows(10, 0.0, 1), &rows(800, 0.0, 3), 7).unwrap_err();
        assert_eq!(error, DomainError::TooFew { needed: 50, found: 10 });
    }
}
