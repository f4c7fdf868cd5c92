//! Did the mean change? Welch's test with a variance for each side, and Student's with one.

use crate::probability::student_upper;

use super::pair::{Pair, Runs};

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
    // One value alone adds nothing to the pooled variance.
    let squares = |variance: f64, n: f64| if n > 1.0 { (n - 1.0) * variance } else { 0.0 };
    let pooled = (squares(variance, pair.n) + squares(current_variance, pair.m)) / degrees;
    if pooled.is_nan() {
        return (f64::NAN, None);
    }
    answer(mean - current_mean, (pooled * (1.0 / pair.n + 1.0 / pair.m)).sqrt(), degrees)
}

/// Mean and sample variance of both sides. Means are told from one of the values on, so that what lies close together
/// far from zero keeps its digits.
fn moments(pair: &Pair<'_>) -> ((f64, f64), (f64, f64)) {
    let start = pair.reference.at_rank(0);
    let of_side = |runs: &Runs<'_>, n: f64| {
        let mean = runs.map(|(value, count)| (value - start) * count as f64).sum::<f64>() / n;
        let squares: f64 = runs.map(|(value, count)| (value - start - mean).powi(2) * count as f64).sum();
        (mean, squares / (n - 1.0))
    };
    (of_side(&pair.reference, pair.n), of_side(&pair.current, pair.m))
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
