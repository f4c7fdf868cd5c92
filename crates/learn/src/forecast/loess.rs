//! Which smooth curve runs through noisy values? Local regression, and the decomposition into season and trend made of it.
//!
//! Source: Cleveland, Cleveland, McRae, Terpenning: STL: A seasonal-trend decomposition procedure based on loess, J. Official
//! Statistics 6 (1990), without its robust outer loop; several seasons one after the other as in Bandara, Hyndman,
//! Bergmeir: MSTL, arXiv 2107.13462 (2021).
#![allow(clippy::indexing_slicing, reason = "windows lie within the values by construction")]

/// Values of a phase are smoothed over this many of their neighbors, more for longer seasons.
const SEASONAL_WINDOWS: [usize; 3] = [11, 15, 19];
const ROUNDS: usize = 2;
const INNER_ROUNDS: usize = 2;

/// Local lines over `window` neighbors, computed at every `jump`-th point and joined by lines in between; also one point
/// before the first and one after the last if `ends`.
fn loess(values: &[f64], window: usize, jump: usize, ends: bool) -> Vec<f64> {
    let n = values.len() as i64;
    let (first, last) = if ends { (-1, n) } else { (0, n - 1) };
    let jump = jump.max(1) as i64;
    let mut smooth = vec![0.0; (last - first + 1) as usize];
    let mut done = first;
    smooth[0] = local_line(values, first, window);
    while done < last {
        let next = (done + jump).min(last);
        let (from, to) = (smooth[(done - first) as usize], local_line(values, next, window));
        for at in done + 1..=next {
            let share = (at - done) as f64 / (next - done) as f64;
            smooth[(at - first) as usize] = from + (to - from) * share;
        }
        done = next;
    }
    smooth
}

/// The weighted regression line at a point, with weights that fall to 0 at the edge of the window.
fn local_line(values: &[f64], at: i64, window: usize) -> f64 {
    let n = values.len();
    let kept = window.clamp(1, n);
    let from = (at - (kept as i64 - 1) / 2).clamp(0, (n - kept) as i64);
    let mut reach = (at - from).max(from + kept as i64 - 1 - at).max(1) as f64;
    // A window larger than the series reaches beyond its ends.
    reach += (window.saturating_sub(n) / 2) as f64;
    let (mut sum, mut sum_x, mut sum_y, mut sum_xx, mut sum_xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (index, value) in values.iter().enumerate().skip(from as usize).take(kept) {
        let x = (index as i64 - at) as f64;
        let share = (x.abs() / reach).min(1.0);
        let weight = if share >= 0.999 { 0.0 } else { (1.0 - share * share * share).powi(3) };
        sum += weight;
        sum_x += weight * x;
        sum_y += weight * value;
        sum_xx += weight * x * x;
        sum_xy += weight * x * value;
    }
    if sum <= 0.0 {
        return values[(at.clamp(0, n as i64 - 1)) as usize];
    }
    let (mean_x, mean_y) = (sum_x / sum, sum_y / sum);
    let spread = sum_xx / sum - mean_x * mean_x;
    let slope = if spread > 1e-9 { (sum_xy / sum - mean_x * mean_y) / spread } else { 0.0 };
    mean_y - slope * mean_x
}

/// Means over `window` values; shorter by `window` - 1.
fn moving_mean(values: &[f64], window: usize) -> Vec<f64> {
    let mut sum: f64 = values.iter().take(window).sum();
    let mut means = vec![sum / window as f64];
    for (old, new) in values.iter().zip(&values[window.min(values.len())..]) {
        sum += new - old;
        means.push(sum / window as f64);
    }
    means
}

fn odd(number: usize) -> usize {
    number | 1
}

/// The seasonal part of values that have at least two periods.
fn seasonal_part(values: &[f64], period: usize, seasonal_window: usize) -> Vec<f64> {
    let n = values.len();
    let low_pass = odd(period + 1);
    let trend_window = odd((1.5 * period as f64 / (1.0 - 1.5 / seasonal_window as f64)).ceil() as usize);
    let mut trend = vec![0.0; n];
    let mut seasonal = vec![0.0; n];
    for _ in 0..INNER_ROUNDS {
        let mut cycle = vec![0.0; n + 2 * period];
        for phase in 0..period {
            let of_phase: Vec<f64> =
                values.iter().zip(&trend).skip(phase).step_by(period).map(|(value, trend)| value - trend).collect();
            let smooth = loess(&of_phase, seasonal_window, seasonal_window / 10, true);
            cycle.iter_mut().skip(phase).step_by(period).zip(smooth).for_each(|(it, smooth)| *it = smooth);
        }
        let low = moving_mean(&moving_mean(&moving_mean(&cycle, period), period), 3);
        let low = loess(&low, low_pass, low_pass / 10, false);
        seasonal = (0..n).map(|it| cycle[it + period] - low[it]).collect();
        let adjusted: Vec<f64> = values.iter().zip(&seasonal).map(|(a, b)| a - b).collect();
        trend = loess(&adjusted, trend_window, trend_window / 10, false);
    }
    seasonal
}

/// The seasonal part for each period, shortest first; values without all of them are trend and rest.
pub(super) fn decompose(values: &[f64], periods: &[usize]) -> Vec<Vec<f64>> {
    let mut parts: Vec<Vec<f64>> = vec![vec![0.0; values.len()]; periods.len()];
    let mut rest = values.to_vec();
    let rounds = if periods.len() > 1 { ROUNDS } else { 1 };
    for _ in 0..rounds {
        for (index, period) in periods.iter().enumerate() {
            let part = &mut parts[index];
            rest.iter_mut().zip(part.iter()).for_each(|(rest, part)| *rest += part);
            let window = SEASONAL_WINDOWS[index.min(SEASONAL_WINDOWS.len() - 1)];
            *part = seasonal_part(&rest, *period, window);
            rest.iter_mut().zip(part.iter()).for_each(|(rest, part)| *rest -= part);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    #[test]
    fn lines_are_their_own_smooth_curve() {
        let line: Vec<f64> = (0..30).map(|it| 3.0 + 0.5 * f64::from(it)).collect();
        for (jump, ends) in [(1, false), (4, false), (3, true)] {
            let smooth = loess(&line, 7, jump, ends);
            let first = if ends { 2.5 } else { 3.0 };
            assert!(
                smooth.iter().enumerate().all(|(it, value)| (value - first - 0.5 * it as f64).abs() < 1e-9),
                "{smooth:?}"
            );
        }
        assert_eq!(moving_mean(&[1.0, 2.0, 6.0, 4.0], 3), [3.0, 4.0]);
    }

    #[test]
    fn two_seasons_and_a_trend_are_told_apart() {
        let day = |it: usize| (TAU * it as f64 / 24.0).sin();
        let week = |it: usize| if it % 168 < 120 { 1.0 } else { -2.5 };
        let values: Vec<f64> = (0..840).map(|it| 0.01 * it as f64 + day(it) + week(it)).collect();
        let parts = decompose(&values, &[24, 168]);
        let error = |it: usize| (parts[0][it] + parts[1][it] - day(it) - week(it)).abs();
        let mean = (168..672).map(error).sum::<f64>() / 504.0;
        assert!(mean < 0.12, "{mean}");
    }
}
