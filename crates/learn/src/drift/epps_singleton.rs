//! Do the characteristic functions differ? The test of Epps and Singleton, also for values that repeat.
//!
//! Cosines and sines of the values at 0.4 and 0.8 over half of the pooled interquartile range; the statistic is the
//! squared difference of their means, weighted by the inverse covariance; chi-square with as many degrees as its rank.
//! Source: Epps, Singleton: An omnibus test for the two-sample problem using the empirical characteristic function, J.
//! Statistical Computation and Simulation 26 (1986); details as in SciPy.

use crate::probability::chi_square_upper;

use super::error::DriftError;
use super::pair::{Cell, Pair, Runs};
use super::symmetric::eigen;

const TIMES: [f64; 2] = [0.4, 0.8];
/// Sides smaller than this are corrected.
const SMALL: f64 = 25.0;
/// Directions with less of the largest variance than this have none (numpy's pinv).
const MIN_SHARE: f64 = 1e-15;

/// Statistic and p-value.
pub(super) fn test(pair: &Pair<'_>) -> Result<(f64, f64), DriftError> {
    let (n, m) = (pair.n, pair.m);
    let all = n + m;
    let sigma = pooled_quartile_range(pair) / 2.0;
    if sigma <= 0.0 {
        return Err(DriftError::NoSpread);
    }
    let times = TIMES.map(|it| it / sigma);
    let (mean, covariance) = moments(&pair.reference, n, times);
    let (current_mean, current_covariance) = moments(&pair.current, m, times);
    let mut estimate = [[0.0; 4]; 4];
    let parts = covariance.iter().flatten().zip(current_covariance.iter().flatten());
    estimate.iter_mut().flatten().zip(parts).for_each(|(it, (a, b))| *it = all / n * a + all / m * b);
    let (values, vectors) = eigen(estimate.iter().map(|it| it.to_vec()).collect());
    let largest = values.iter().fold(0.0_f64, |most, it| most.max(it.abs()));
    let (mut statistic, mut rank) = (0.0, 0.0);
    for (value, vector) in values.iter().zip(vectors).filter(|it| it.0.abs() > MIN_SHARE * largest) {
        let along: f64 = vector.iter().zip(mean.iter().zip(current_mean)).map(|(v, (a, b))| v * (a - b)).sum();
        statistic += all * along * along / value;
        rank += 1.0;
    }
    if n.max(m) < SMALL {
        statistic /= 1.0 + all.powf(-0.45) + 10.1 * (n.powf(-1.7) + m.powf(-1.7));
    }
    // Each side is one value, and not the same one: nothing varies but what differs.
    let p_value = if rank == 0.0 { 0.0 } else { chi_square_upper(statistic, rank) };
    Ok((statistic, p_value))
}

fn features(value: f64, [first, second]: [f64; 2]) -> [f64; 4] {
    [(first * value).cos(), (second * value).cos(), (first * value).sin(), (second * value).sin()]
}

/// Mean and population covariance of the features.
fn moments(runs: &Runs<'_>, n: f64, times: [f64; 2]) -> ([f64; 4], [[f64; 4]; 4]) {
    let mut mean = [0.0; 4];
    for (value, count) in *runs {
        mean.iter_mut().zip(features(value, times)).for_each(|(sum, it)| *sum += it * count as f64);
    }
    let mean = mean.map(|it| it / n);
    let mut covariance = [[0.0; 4]; 4];
    for (value, count) in *runs {
        let mut centered = features(value, times);
        centered.iter_mut().zip(mean).for_each(|(it, mean)| *it -= mean);
        for (row, left) in covariance.iter_mut().zip(centered) {
            row.iter_mut().zip(centered).for_each(|(sum, right)| *sum += left * right * count as f64);
        }
    }
    (mean, covariance.map(|row| row.map(|it| it / n)))
}

/// Quartiles of both sides together, by linear interpolation between ranks.
fn pooled_quartile_range(pair: &Pair<'_>) -> f64 {
    let all = pair.n + pair.m;
    let quantile = |share: f64| {
        let position = share * (all - 1.0);
        let (low, part) = (position.floor(), position - position.floor());
        let low_value = at_rank(pair.cells(), low);
        if part > 0.0 { low_value + part * (at_rank(pair.cells(), low + 1.0) - low_value) } else { low_value }
    };
    quantile(0.75) - quantile(0.25)
}

fn at_rank(cells: impl Iterator<Item = Cell>, rank: f64) -> f64 {
    let mut below = 0.0;
    let mut last = f64::NAN;
    for cell in cells {
        below += cell.total() as f64;
        last = cell.value;
        if below > rank {
            break;
        }
    }
    last
}
