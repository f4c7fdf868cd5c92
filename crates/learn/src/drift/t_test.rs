//! Did the mean change? Welch's test with a variance for each side, and Student's with one.

use crate::probability::student_upper;

use super::pair::Pair;

/// t and the two-sided p-value, each side with its own variance; no p-value without spread.
pub(super) fn welch(pair: &Pair<'_>) -> (f64, Option<f64>) {
    let ((mean, variance), (current_mean, current_variance)) = moments(pair);
    let (of_reference, of_current) = (variance / pair.n, current_variance / pair.m);
    let degrees = (of_reference + of_current).powi(2)
        / (of_reference.powi(2) / (pair.n - 1.0) + of_current.powi(2) / (pair.m - 1.0));
    answer(mean - current_mean, (of_reference + of_current).sqrt(), degrees)
}

/// t and the two-sided p-value with the pooled variance; no p-value without spread.
pub(super) fn student(pair: &Pair<'_>) -> (f64, Option<f64>) {
    let ((mean, variance), (current_mean, current_variance)) = moments(pair);
    let degrees = pair.n + pair.m - 2.0;
    let pooled = ((pair.n - 1.0) * variance + (pair.m - 1.0) * current_variance) / degrees;
    answer(mean - current_mean, (pooled * (1.0 / pair.n + 1.0 / pair.m)).sqrt(), degrees)
}

/// Mean and sample variance of both sides.
fn moments(pair: &Pair<'_>) -> ((f64, f64), (f64, f64)) {
    let (mean, deviation) = pair.reference.moments();
    let (current_mean, current_deviation) = pair.current.moments();
    let of_sample = |deviation: f64, n: f64| deviation * deviation * n / (n - 1.0);
    ((mean, of_sample(deviation, pair.n)), (current_mean, of_sample(current_deviation, pair.m)))
}

fn answer(difference: f64, error: f64, degrees: f64) -> (f64, Option<f64>) {
    if error > 0.0 {
        let t = difference / error;
        (t, Some(2.0 * student_upper(t.abs(), degrees)))
    } else if difference == 0.0 {
        (0.0, None)
    } else {
        (difference.signum() * f64::INFINITY, Some(0.0))
    }
}
