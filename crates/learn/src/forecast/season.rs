//! After how many points does a series repeat itself? Days and weeks first, then whatever its autocorrelation shows.
#![allow(clippy::indexing_slicing, reason = "lags are below the number of values, phases below the period")]

use super::smoothing::mean;

/// The longest season, in points: a week of minutes.
pub const LONGEST: usize = 10_080;
/// Autocorrelation is computed over this many of the newest values.
const MOST_VALUES: usize = 2048;
/// A season explains at least this share of what is left.
const LEAST_CORRELATION: f64 = 0.2;
const HOUR_SECS: i64 = 3600;
const DAY_SECS: i64 = 86_400;
const WEEK_SECS: i64 = 7 * DAY_SECS;
const YEAR_SECS: i64 = 31_556_952;

/// Seasons in points, shortest first, each seen at least twice; empty if there is none.
///
/// `step` is in seconds. Lengths that people live by (hour, day, week, year) need to be less clear than others.
pub fn detect(values: &[f64], step: i64) -> Vec<usize> {
    let mut rest = without_trend(values);
    let mut found: Vec<usize> = vec![];
    for period in calendar(step).into_iter().filter(|it| 2 * it <= values.len()) {
        if correlation_at(&rest, period) > threshold(rest.len(), period) {
            remove(&mut rest, period);
            found.push(period);
        }
    }
    if found.is_empty()
        && let Some(period) = by_peak(&rest)
    {
        found.push(period);
    }
    found
}

fn calendar(step: i64) -> Vec<usize> {
    let whole = |span: i64| {
        let period = usize::try_from((span + step / 2) / step).ok()?;
        let is_whole = span % step == 0 || span >= 20 * step;
        // Below five points an hour or a day is hardly a shape; a week of days is.
        (is_whole && (5..=LONGEST).contains(&period)).then_some(period)
    };
    if step <= 0 {
        return vec![];
    }
    let mut periods: Vec<usize> = [HOUR_SECS, DAY_SECS, WEEK_SECS].into_iter().filter_map(whole).collect();
    // A year of days is rarely seen twice; of weeks and months it is the season.
    if step > DAY_SECS {
        periods.extend(whole(YEAR_SECS));
    }
    periods
}

/// The values without the line through them.
fn without_trend(values: &[f64]) -> Vec<f64> {
    let (start, slope) = super::smoothing::line(values);
    values.iter().enumerate().map(|(it, value)| value - start - slope * it as f64).collect()
}

/// Ninety-five in a hundred series of noise stay below, as do seasons too weak to be of use.
fn threshold(n: usize, period: usize) -> f64 {
    // The fewer repetitions, the more a slow move looks like one.
    let few = 1.2 * period as f64 / n.max(1) as f64;
    LEAST_CORRELATION.max(few).max(2.0 / ((n - period).max(1) as f64).sqrt())
}

/// Correlation of the changes over half a period, which takes out slow moves that look like any season.
fn correlation_at(values: &[f64], period: usize) -> f64 {
    let smooth = moving_mean(values, period);
    let rest: Vec<f64> = values.iter().zip(smooth).map(|(value, it)| value - it).collect();
    correlation(&rest, period)
}

/// Autocorrelation at a lag; 0 for a constant.
fn correlation(values: &[f64], lag: usize) -> f64 {
    let (early, late) = (&values[..values.len() - lag], &values[lag..]);
    let (mean_early, mean_late) = (mean(early), mean(late));
    let (mut product, mut left, mut right) = (0.0, 0.0, 0.0);
    for (a, b) in early.iter().zip(late) {
        let (a, b) = (a - mean_early, b - mean_late);
        product += a * b;
        left += a * a;
        right += b * b;
    }
    // Rounding noise of a constant is no pattern.
    let scale = (left * right).sqrt();
    if scale > 1e-20 * values.len() as f64 { product / scale } else { 0.0 }
}

/// The mean over one period around each value; at the ends, of what is there.
fn moving_mean(values: &[f64], period: usize) -> Vec<f64> {
    let half = period / 2;
    let mut sums = Vec::with_capacity(values.len() + 1);
    sums.push(0.0);
    let mut sum = 0.0;
    values.iter().for_each(|it| {
        sum += it;
        sums.push(sum);
    });
    let mean_at = |it: usize| {
        // At the ends a whole period that begins or ends there, so that the season never leaks into the mean.
        let from = it.saturating_sub(half).min(values.len().saturating_sub(period));
        let to = (from + period).min(values.len());
        (sums[to] - sums[from]) / (to - from).max(1) as f64
    };
    (0..values.len()).map(mean_at).collect()
}

/// Subtracts the mean of each phase.
fn remove(values: &mut [f64], period: usize) {
    for phase in 0..period {
        let of_phase = values.iter().skip(phase).step_by(period);
        let n = of_phase.clone().count().max(1);
        let mean = of_phase.sum::<f64>() / n as f64;
        values.iter_mut().skip(phase).step_by(period).for_each(|it| *it -= mean);
    }
}

/// The clearest peak of the autocorrelation that comes after it has once been negative.
fn by_peak(values: &[f64]) -> Option<usize> {
    let values = &values[values.len().saturating_sub(MOST_VALUES)..];
    let longest = (values.len() / 3).min(MOST_VALUES / 4);
    let correlations: Vec<f64> = (0..=longest).map(|lag| correlation(values, lag)).collect();
    let first = correlations.iter().position(|it| *it < 0.0)?;
    let is_peak = |lag: &usize| {
        let [before, own, after] = [lag - 1, *lag, lag + 1].map(|it| correlations[it]);
        own >= before && own >= after
    };
    let peaks: Vec<usize> = (first.max(2)..longest).filter(is_peak).collect();
    let best = peaks.iter().copied().max_by(|a, b| correlations[*a].total_cmp(&correlations[*b]))?;
    // Twice the period is as clear as the period; the shortest that is nearly as clear is meant.
    let period = peaks.into_iter().find(|it| correlations[*it] >= 0.9 * correlations[best])?;
    // A random walk shows peaks too, but its changes do not.
    let changes: Vec<f64> = values.windows(2).map(|it| it[1] - it[0]).collect();
    let least = threshold(values.len(), period);
    let is_season = correlations[period] > least.max(0.3) && correlation(&changes, period) > least;
    is_season.then_some(period)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::random::Random;

    fn series(n: usize, value: impl Fn(usize) -> f64, noise: f64) -> Vec<f64> {
        let mut random = Random::new(5);
        (0..n).map(|it| value(it) + noise * random.normal()).collect()
    }

    fn wave(it: usize, period: usize) -> f64 {
        (TAU * it as f64 / period as f64).sin()
    }

    #[test]
    fn days_and_weeks_are_found() {
        let both = series(700, |it| wave(it, 24) + if it % 168 < 48 { -2.0 } else { 0.0 }, 0.1);
        assert_eq!(detect(&both, 3600), [24, 168]);
        assert_eq!(detect(&series(700, |it| wave(it, 24), 0.1), 3600), [24]);
        assert_eq!(detect(&series(4000, |it| wave(it, 1440), 0.3), 60), [1440]);
        assert_eq!(detect(&series(70, |it| f64::from(u8::from(it % 7 > 4)), 0.1), 86_400), [7]);
    }

    #[test]
    fn other_lengths_are_found_by_their_peak() {
        assert_eq!(detect(&series(300, |it| wave(it, 37) + 0.01 * it as f64, 0.1), 1), [37]);
        assert_eq!(detect(&series(400, |it| f64::from(u8::from(it % 10 == 0)), 0.01), 15), [10]);
    }

    #[test]
    fn noise_lines_walks_and_constants_have_none() {
        let mut n_found = 0;
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let noise: Vec<f64> = (0..500).map(|_| random.normal()).collect();
            let mut level = 0.0;
            let walk: Vec<f64> = noise
                .iter()
                .map(|it| {
                    level += it;
                    level
                })
                .collect();
            n_found += detect(&noise, 3600).len() + detect(&walk, 3600).len();
        }
        assert!(n_found <= 3, "{n_found} of 40");
        assert!(detect(&[3.0; 500], 3600).is_empty());
        assert!(detect(&series(500, |it| it as f64, 0.0), 3600).is_empty());
        assert!(detect(&[], 3600).is_empty() && detect(&[1.0, 2.0], 0).is_empty());
    }
}
