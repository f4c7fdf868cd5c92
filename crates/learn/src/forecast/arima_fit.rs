//! Which weights of an ARIMA fit best? Conditional sum of squares, from a start by Hannan and Rissanen.
//!
//! The sum of squares is minimized by Levenberg and Marquardt's steps with differences for derivatives; steps to weights
//! that are not stationary or not invertible are refused.
//!
//! Source: Hannan, Rissanen: Recursive estimation of mixed autoregressive-moving average order, Biometrika 69 (1982); Box,
//! Jenkins: Time Series Analysis, 1970, for the conditional sum of squares.
#![allow(clippy::indexing_slicing, reason = "lags are at most the number of values that come before")]

use serde::{Deserialize, Serialize};

use super::arima_order::Order;
use super::ets::corrected;
use super::normal_equations::NormalEquations;
use super::smoothing::mean;

/// Weights are estimated on this many of the newest values.
pub(super) const MOST_VALUES: usize = 2048;
const MOST_STEPS: usize = 12;
/// Partial correlations above this are too near to what never dies out.
const LARGEST_PARTIAL: f64 = 0.99;

/// Lags and their weights.
type Terms = Vec<(usize, f64)>;

/// An estimated ARIMA, in terms of lags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Estimate {
    /// What is added to a value to difference it.
    differences: Terms,
    of_values: Terms,
    of_errors: Terms,
    /// The mean of the differenced values.
    center: f64,
    /// AICc.
    pub criterion: f64,
}

fn longest(terms: &Terms) -> usize {
    terms.iter().map(|it| it.0).max().unwrap_or(0)
}

impl Estimate {
    /// Values that a forecast looks back at.
    pub fn n_values(&self) -> usize {
        longest(&self.differences) + longest(&self.of_values)
    }

    /// Errors that a forecast looks back at.
    pub fn n_errors(&self) -> usize {
        longest(&self.of_errors)
    }

    pub fn differenced(&self, values: &[f64]) -> Vec<f64> {
        let first = longest(&self.differences);
        (first..values.len()).map(|end| self.difference_at(values, end)).collect()
    }

    fn difference_at(&self, values: &[f64], end: usize) -> f64 {
        values[end] + self.differences.iter().map(|(lag, weight)| weight * values[end - lag]).sum::<f64>()
    }

    /// The next value after these, with these errors; what is missing at the beginning counts as the mean.
    pub fn told(&self, values: &[f64], errors: &[f64]) -> f64 {
        let n = values.len();
        let reach = longest(&self.differences);
        let of_value = |(lag, weight): &(usize, f64)| match n.checked_sub(*lag) {
            Some(end) if end >= reach => weight * (self.difference_at(values, end) - self.center),
            _ => 0.0,
        };
        let of_error =
            |(lag, weight): &(usize, f64)| errors.len().checked_sub(*lag).map_or(0.0, |it| weight * errors[it]);
        let change = self.center
            + self.of_values.iter().map(of_value).sum::<f64>()
            + self.of_errors.iter().map(of_error).sum::<f64>();
        let before = |(lag, weight): &(usize, f64)| n.checked_sub(*lag).map_or(0.0, |it| weight * values[it]);
        change - self.differences.iter().map(before).sum::<f64>()
    }
}

/// Errors of the differenced values, one step ahead; 0 for those without all lags.
pub(super) fn residuals(estimate: &Estimate, differenced: &[f64]) -> Vec<f64> {
    let first = longest(&estimate.of_values).min(differenced.len());
    let centered: Vec<f64> = differenced.iter().map(|it| it - estimate.center).collect();
    let mut errors = vec![0.0; differenced.len()];
    for end in first..centered.len() {
        let mut error = centered[end];
        for (lag, weight) in &estimate.of_values {
            error -= weight * centered[end - lag];
        }
        for (lag, weight) in &estimate.of_errors {
            if *lag <= end {
                error -= weight * errors[end - lag];
            }
        }
        errors[end] = error;
    }
    errors
}

/// The changes over a distance.
pub(super) fn difference(values: &[f64], distance: usize) -> Vec<f64> {
    values.iter().zip(&values[distance.min(values.len())..]).map(|(old, new)| new - old).collect()
}

/// Weights of all lags of (1 - a1 B - a2 B^2 ..)(1 - b1 B^s ..), without the leading 1 and with the sign of `a`.
fn product(plain: &[f64], seasonal: &[f64], season: usize, sign: f64) -> Terms {
    let mut terms: Terms = plain.iter().enumerate().map(|(it, weight)| (it + 1, *weight)).collect();
    for (times, weight) in seasonal.iter().enumerate() {
        let lag = (times + 1) * season;
        terms.push((lag, *weight));
        terms.extend(plain.iter().enumerate().map(|(it, own)| (lag + it + 1, sign * own * weight)));
    }
    terms
}

fn differences(order: Order) -> Terms {
    let mut polynomial = vec![1.0];
    let mut multiply = |lag: usize| {
        let mut longer = polynomial.clone();
        longer.resize(polynomial.len() + lag, 0.0);
        polynomial.iter().enumerate().for_each(|(it, weight)| longer[it + lag] -= weight);
        polynomial = longer;
    };
    (0..order.d).for_each(|_| multiply(1));
    (0..order.seasonal_d).for_each(|_| multiply(order.season));
    polynomial.into_iter().enumerate().skip(1).filter(|it| it.1 != 0.0).collect()
}

/// Parameters in one row: weights of values, of errors, of seasons of both, and the mean.
fn unpacked(order: Order, parameters: &[f64]) -> Option<Estimate> {
    let (of_values, rest) = parameters.split_at(order.p);
    let (of_errors, rest) = rest.split_at(order.q);
    let (seasonal_values, rest) = rest.split_at(order.seasonal_p);
    let (seasonal_errors, rest) = rest.split_at(order.seasonal_q);
    let negated = |it: &[f64]| it.iter().map(|it| -it).collect::<Vec<f64>>();
    let is_good = dies_out(of_values)
        && dies_out(seasonal_values)
        && dies_out(&negated(of_errors))
        && dies_out(&negated(seasonal_errors));
    is_good.then(|| Estimate {
        differences: vec![],
        of_values: product(of_values, seasonal_values, order.season, -1.0),
        of_errors: product(of_errors, seasonal_errors, order.season, 1.0),
        center: rest.first().copied().unwrap_or(0.0),
        criterion: f64::MAX,
    })
}

/// True if an autoregression with these weights is stationary: all its partial correlations are below 1.
fn dies_out(weights: &[f64]) -> bool {
    let mut weights = weights.to_vec();
    while let Some(last) = weights.pop() {
        if last.is_nan() || last.abs() > LARGEST_PARTIAL {
            return false;
        }
        let reversed: Vec<f64> = weights.iter().rev().copied().collect();
        weights.iter_mut().zip(reversed).for_each(|(it, other)| *it = (*it + last * other) / (1.0 - last * last));
    }
    true
}

/// Estimates an order that the values have room for.
pub(super) fn estimate(values: &[f64], order: Order) -> Estimate {
    let differences = differences(order);
    let plain = Estimate { differences, ..Estimate::default() };
    let series = plain.differenced(values);
    let center = if order.has_constant() { mean(&series) } else { 0.0 };
    let mut parameters = start(&series, order, center);
    let squares = |errors: &[f64]| errors.iter().map(|it| it * it).sum::<f64>();
    let errors_of = |parameters: &[f64]| unpacked(order, parameters).map(|it| residuals(&it, &series));
    let mut errors = errors_of(&parameters).unwrap_or_else(|| {
        parameters.fill(0.0);
        if order.has_constant() {
            parameters.last_mut().into_iter().for_each(|it| *it = center);
        }
        series.iter().map(|it| it - center).collect()
    });
    let mut damping = 1e-3;
    let sizes = sizes(order, &series);
    for _ in 0..MOST_STEPS {
        let before = squares(&errors);
        let Some(step) = step(&parameters, &sizes, &errors, damping, errors_of) else { break };
        let moved: Vec<f64> = parameters.iter().zip(&step).map(|(a, b)| a + b).collect();
        match errors_of(&moved).filter(|it| squares(it) < before) {
            Some(better) => {
                let after = squares(&better);
                (parameters, errors) = (moved, better);
                damping *= 0.2;
                if before - after <= 1e-6 * before {
                    break;
                }
            }
            None if damping > 1e3 => break,
            None => damping *= 8.0,
        }
    }
    let mut estimate = unpacked(order, &parameters).unwrap_or_default();
    estimate.differences = plain.differences;
    let n_used = errors.len().saturating_sub(longest(&estimate.of_values)).max(1) as f64;
    let deviance = errors.len() as f64 * (squares(&errors) / n_used).max(1e-24).ln();
    estimate.criterion = corrected(deviance, order.n_parameters(), errors.len());
    estimate
}

/// How far each parameter is moved to see what changes: weights are near 1, the mean has the size of the values.
fn sizes(order: Order, series: &[f64]) -> Vec<f64> {
    let center = mean(series);
    let spread = (series.iter().map(|it| (it - center).powi(2)).sum::<f64>() / series.len().max(1) as f64).sqrt();
    let mut sizes = vec![1.0; order.n_parameters()];
    if order.has_constant() {
        sizes.last_mut().into_iter().for_each(|it| *it = spread.max(1e-12));
    }
    sizes
}

/// The step of Levenberg and Marquardt; `None` without parameters.
fn step(
    parameters: &[f64],
    sizes: &[f64],
    errors: &[f64],
    damping: f64,
    errors_of: impl Fn(&[f64]) -> Option<Vec<f64>>,
) -> Option<Vec<f64>> {
    let slopes: Vec<Vec<f64>> = (0..parameters.len())
        .map(|index| {
            let at = |move_by: f64| {
                let mut moved = parameters.to_vec();
                moved[index] += move_by;
                errors_of(&moved).map(|it| it.iter().zip(errors).map(|(a, b)| (a - b) / move_by).collect())
            };
            let small = 1e-6 * sizes[index];
            at(small).or_else(|| at(-small)).unwrap_or_else(|| vec![0.0; errors.len()])
        })
        .collect();
    if slopes.is_empty() {
        return None;
    }
    let mut equations = NormalEquations::new(slopes.len());
    let mut row = vec![0.0; slopes.len()];
    for (end, error) in errors.iter().enumerate() {
        row.iter_mut().zip(&slopes).for_each(|(it, slopes)| *it = slopes[end]);
        equations.add(&row, -error, 1.0);
    }
    Some(equations.solve(&vec![damping; slopes.len()]))
}

/// The start: errors of a long autoregression stand for the true ones, so that all weights are one least squares.
fn start(series: &[f64], order: Order, center: f64) -> Vec<f64> {
    let n_weights = order.p + order.q + order.seasonal_p + order.seasonal_q;
    let mut parameters = vec![0.0; n_weights];
    if order.has_constant() {
        parameters.push(center);
    }
    let lags = |plain: usize, seasonal: usize| {
        (1..=plain).chain((1..=seasonal).map(|it| it * order.season)).collect::<Vec<usize>>()
    };
    let (of_values, of_errors) = (lags(order.p, order.seasonal_p), lags(order.q, order.seasonal_q));
    let longest = of_values.iter().chain(&of_errors).copied().max().unwrap_or(0);
    let long: Vec<usize> = if of_errors.is_empty() {
        vec![]
    } else {
        (1..=(order.p + order.q + 3)).chain([order.season].into_iter().filter(|it| *it > 0)).collect()
    };
    let reach = longest + long.iter().copied().max().unwrap_or(0);
    if n_weights == 0 || series.len() < reach + 2 * (n_weights + long.len()) {
        return parameters;
    }
    let centered: Vec<f64> = series.iter().map(|it| it - center).collect();
    let at = |values: &[f64], end: usize, lags: &[usize]| {
        lags.iter().map(|lag| if *lag <= end { values[end - lag] } else { 0.0 }).collect::<Vec<f64>>()
    };
    let mut errors = vec![0.0; centered.len()];
    if !long.is_empty() {
        let first = long.iter().copied().max().unwrap_or(0);
        let mut equations = NormalEquations::new(long.len());
        (first..centered.len()).for_each(|end| equations.add(&at(&centered, end, &long), centered[end], 1.0));
        let weights = equations.solve(&vec![1e-6; long.len()]);
        for end in first..centered.len() {
            let told: f64 = at(&centered, end, &long).iter().zip(&weights).map(|(a, b)| a * b).sum();
            errors[end] = centered[end] - told;
        }
    }
    let mut equations = NormalEquations::new(n_weights);
    for end in reach..centered.len() {
        let row = [at(&centered, end, &of_values), at(&errors, end, &of_errors)].concat();
        equations.add(&row, centered[end], 1.0);
    }
    let weights = equations.solve(&vec![1e-6; n_weights]);
    // From values, seasons of values, errors, seasons of errors to the order of the parameters.
    let (values, errors) = weights.split_at(of_values.len());
    let (plain_values, seasonal_values) = values.split_at(order.p);
    let (plain_errors, seasonal_errors) = errors.split_at(order.q);
    let sorted = [plain_values, plain_errors, seasonal_values, seasonal_errors].concat();
    parameters.iter_mut().zip(sorted).for_each(|(it, weight)| *it = weight);
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn weights_of_a_simulated_series_are_found() {
        let mut random = Random::new(9);
        let (mut values, mut before) = (vec![0.0], 0.0);
        for it in 1..4000 {
            let error = 0.01 * random.normal();
            values.push(0.7 * values[it - 1] + error + 0.4 * before);
            before = error;
        }
        let found = estimate(&values[2000..], Order { p: 1, q: 1, ..Order::default() });
        assert!((found.of_values[0].1 - 0.7).abs() < 0.05 && (found.of_errors[0].1 - 0.4).abs() < 0.06, "{found:?}");
    }

    #[test]
    fn seasonal_products_and_differences_are_multiplied_out() {
        // (1 - 0.5 B)(1 - 0.2 B^4) = 1 - 0.5 B - 0.2 B^4 + 0.1 B^5
        assert_eq!(product(&[0.5], &[0.2], 4, -1.0), [(1, 0.5), (4, 0.2), (5, -0.1)]);
        let order = Order { d: 1, seasonal_d: 1, season: 4, ..Order::default() };
        assert_eq!(differences(order), [(1, -1.0), (4, -1.0), (5, 1.0)]);
        let twice = Order { d: 2, ..Order::default() };
        assert_eq!(differences(twice), [(1, -2.0), (2, 1.0)]);
    }

    #[test]
    fn explosive_weights_are_refused() {
        assert!(dies_out(&[0.5, 0.3]) && dies_out(&[]) && dies_out(&[1.2, -0.5]));
        assert!(!dies_out(&[1.0]) && !dies_out(&[0.8, 0.3]) && !dies_out(&[f64::NAN]));
    }
}
