//! How many lags, differences and errors does an ARIMA need? Tests for the differences, AICc for the rest.
//!
//! Source: Hyndman, Khandakar: Automatic time series forecasting: the forecast package for R, J. Statistical Software 27
//! (2008), with a bounded search.
#![allow(clippy::indexing_slicing, reason = "phases are below the period, lags below the number of values")]

use serde::{Deserialize, Serialize};

use super::arima::ArimaConfig;
use super::arima_fit::{difference, estimate};
use super::smoothing::mean;

/// Five in a hundred stationary series have a larger statistic (Kwiatkowski and others 1992, table 1).
const CRITICAL: f64 = 0.463;
/// Seasons that explain more than this are differenced (Wang, Smith, Hyndman 2006).
const STRONG: f64 = 0.64;
const MOST_FITS: usize = 16;
const MOST_LAGS: usize = 4;

/// The order of a seasonal ARIMA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub p: usize,
    pub d: usize,
    pub q: usize,
    pub seasonal_p: usize,
    pub seasonal_d: usize,
    pub seasonal_q: usize,
    /// In points; 0 for none.
    pub season: usize,
}

impl Order {
    /// Values that are lost to differences and to the first lags.
    fn n_lost(&self) -> usize {
        let season = self.season * (self.seasonal_d + self.seasonal_p.max(self.seasonal_q));
        self.d + self.p.max(self.q) + season
    }

    /// A smaller order if the history is too short for this one.
    pub fn fitting(self, n_values: usize) -> Self {
        if self.season > 0 && self.n_lost() + 2 * self.n_parameters() + 8 > n_values {
            return Self { season: 0, seasonal_p: 0, seasonal_d: 0, seasonal_q: 0, ..self }.fitting(n_values);
        }
        let mut order = self;
        while order.p + order.q > 0 && order.n_lost() + 2 * order.n_parameters() + 2 > n_values {
            (order.p, order.q) = (order.p.saturating_sub(1), order.q.saturating_sub(1));
        }
        Self { d: order.d.min(n_values.saturating_sub(4)), ..order }
    }

    pub fn has_constant(&self) -> bool {
        self.d + self.seasonal_d <= 1
    }

    pub fn n_parameters(&self) -> usize {
        self.p + self.q + self.seasonal_p + self.seasonal_q + usize::from(self.has_constant())
    }
}

/// The order that suits these values; what the configuration gives is kept.
pub(super) fn choose(values: &[f64], config: &ArimaConfig, season: usize) -> Order {
    let strength = if season > 1 { strength(values, season) } else { 0.0 };
    let seasonal_d = if season > 1 { config.seasonal_d.unwrap_or(usize::from(strength > STRONG)) } else { 0 };
    let seasoned = if seasonal_d > 0 { difference(values, season) } else { values.to_vec() };
    let d = config.d.unwrap_or_else(|| n_differences(seasoned));
    let base = Order { d, seasonal_d, season, ..Order::default() };
    let with = |p: usize, q: usize, seasonal_p: usize, seasonal_q: usize| {
        let seasonal = |given: Option<usize>, own: usize| if season > 1 { given.unwrap_or(own) } else { 0 };
        Order {
            p: config.p.unwrap_or(p),
            q: config.q.unwrap_or(q),
            seasonal_p: seasonal(config.seasonal_p, seasonal_p),
            seasonal_q: seasonal(config.seasonal_q, seasonal_q),
            ..base
        }
    };
    let mut tried: Vec<(Order, f64)> = vec![];
    let attempt = |order: Order, tried: &mut Vec<(Order, f64)>| {
        if tried.len() < MOST_FITS && !tried.iter().any(|it| it.0 == order) {
            tried.push((order, estimate(values, order).criterion));
        }
    };
    for (p, q, seasonal_p, seasonal_q) in [(2, 2, 0, 1), (0, 0, 0, 0), (1, 0, 1, 0), (0, 1, 0, 1), (2, 1, 0, 1)] {
        attempt(with(p, q, seasonal_p, seasonal_q), &mut tried);
    }
    loop {
        let best = tried.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(base, |it| it.0);
        let n_tried = tried.len();
        for (p, q) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)] {
            let (p, q) = (best.p.checked_add_signed(p), best.q.checked_add_signed(q));
            if let (Some(p @ 0..=MOST_LAGS), Some(q @ 0..=MOST_LAGS)) = (p, q) {
                attempt(with(p, q, best.seasonal_p, best.seasonal_q), &mut tried);
            }
        }
        if season > 1 {
            attempt(with(best.p, best.q, 1 - best.seasonal_p.min(1), best.seasonal_q), &mut tried);
            attempt(with(best.p, best.q, best.seasonal_p, 1 - best.seasonal_q.min(1)), &mut tried);
        }
        let is_better = tried.iter().any(|it| it.1 < tried.iter().find(|it| it.0 == best).map_or(f64::MAX, |it| it.1));
        if tried.len() == n_tried || !is_better {
            return tried.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(base, |it| it.0);
        }
    }
}

/// How often the values must be differenced until their level stands.
fn n_differences(mut values: Vec<f64>) -> usize {
    for n in 0..2 {
        if statistic(&values) < CRITICAL {
            return n;
        }
        values = difference(&values, 1);
    }
    2
}

/// The statistic of the test for a standing level.
///
/// Source: Kwiatkowski, Phillips, Schmidt, Shin: Testing the null hypothesis of stationarity, J. Econometrics 54 (1992).
fn statistic(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let center = mean(values);
    let (mut sum, mut squares) = (0.0, 0.0);
    for value in values {
        sum += value - center;
        squares += sum * sum;
    }
    let covariance = |lag: usize| -> f64 {
        values.iter().zip(&values[lag.min(values.len())..]).map(|(a, b)| (a - center) * (b - center)).sum::<f64>() / n
    };
    let n_lags = (4.0 * (n / 100.0).powf(0.25)) as usize;
    let weighted = |lag: usize| 2.0 * (1.0 - lag as f64 / (n_lags as f64 + 1.0)) * covariance(lag);
    let variance = covariance(0) + (1..=n_lags).map(weighted).sum::<f64>();
    if variance > 1e-24 { squares / (n * n * variance) } else { 0.0 }
}

/// The share of what is left without the trend that the season explains, 0 to 1.
fn strength(values: &[f64], season: usize) -> f64 {
    let rest: Vec<f64> = difference(values, 1);
    let mut sums = vec![(0.0, 0.0); season];
    rest.iter().enumerate().for_each(|(it, value)| {
        let (sum, n) = &mut sums[it % season];
        *sum += value;
        *n += 1.0;
    });
    let center = mean(&rest);
    let all: f64 = rest.iter().map(|it| (it - center).powi(2)).sum();
    let left: f64 = rest
        .iter()
        .enumerate()
        .map(|(it, value)| (value - sums[it % season].0 / f64::max(sums[it % season].1, 1.0)).powi(2))
        .sum();
    // Means of a few values each explain a part of noise.
    let n = rest.len() as f64;
    let fair = left * n / (n - season as f64).max(1.0);
    if all > 1e-24 { (1.0 - fair / all).max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn standing_levels_stay_and_walks_are_differenced() {
        let (mut n_noise, mut n_walk) = (0, 0);
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let noise: Vec<f64> = (0..300).map(|_| random.normal()).collect();
            let mut level = 0.0;
            let walk: Vec<f64> = noise
                .iter()
                .map(|it| {
                    level += it;
                    level
                })
                .collect();
            n_noise += n_differences(noise);
            n_walk += n_differences(walk);
        }
        assert!(n_noise <= 3 && (18..=23).contains(&n_walk), "{n_noise} {n_walk}");
    }

    #[test]
    fn an_autoregression_is_recognized() {
        let mut random = Random::new(3);
        let mut values = vec![0.0, 0.0];
        for it in 2..600 {
            values.push(0.6 * values[it - 1] + 0.3 * values[it - 2] + 0.01 * random.normal());
        }
        let order = choose(&values, &ArimaConfig { d: Some(0), ..ArimaConfig::default() }, 0);
        assert!(order.p + order.q >= 2 && order.p + order.q <= 5, "{order:?}");
        let given = choose(&values, &ArimaConfig { p: Some(3), ..ArimaConfig::default() }, 0);
        assert_eq!(given.p, 3);
    }
}
