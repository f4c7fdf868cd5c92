//! How far off were forecasts? Measures that can be averaged over series of any size, and coverage of intervals.

/// Mean absolute error over pairs of finite values; NaN if there are none.
pub fn mae(actual: &[f64], told: &[f64]) -> f64 {
    mean(actual.iter().zip(told).map(|(actual, told)| (actual - told).abs()))
}

/// Mean absolute change over one season in the history, by which MASE divides; NaN if no two values are a season apart.
///
/// `season` is in points, 1 for none.
pub fn naive_error(history: &[f64], season: usize) -> f64 {
    mean(history.iter().zip(history.iter().skip(season.max(1))).map(|(old, new)| (new - old).abs()))
}

/// Mean absolute scaled error: the error in units of what repeating the last season cost in the history, one step ahead.
/// NaN if nothing can be compared; infinite if the history repeats itself exactly and the forecast does not.
///
/// Source: Hyndman, Koehler: Another look at measures of forecast accuracy, Int. J. Forecasting 22 (2006).
///
/// ```
/// use learn::evaluate::forecast::mase;
/// assert_eq!(mase(&[5.0, 6.0], &[4.0, 6.0], &[1.0, 2.0, 3.0, 4.0], 1), 0.5);
/// ```
pub fn mase(actual: &[f64], told: &[f64], history: &[f64], season: usize) -> f64 {
    let (error, naive) = (mae(actual, told), naive_error(history, season));
    if error == 0.0 && naive == 0.0 { 0.0 } else { error / naive }
}

/// Symmetric mean absolute percentage error as in the M competitions, 0 to 200; pairs of two zeros count as 0.
///
/// Source: Makridakis, Spiliotis, Assimakopoulos: The M4 competition, Int. J. Forecasting 36 (2020).
pub fn smape(actual: &[f64], told: &[f64]) -> f64 {
    let one = |(actual, told): (&f64, &f64)| {
        let size = actual.abs() + told.abs();
        if size == 0.0 { 0.0 } else { 200.0 * (actual - told).abs() / size }
    };
    mean(actual.iter().zip(told).map(one))
}

/// The share of finite values that lie within their interval, edges included; NaN if there are none.
pub fn coverage(actual: &[f64], lower: &[f64], upper: &[f64]) -> f64 {
    let edges = lower.iter().zip(upper);
    let is_inside = |(actual, (lower, upper)): (&f64, (&f64, &f64))| {
        if actual.is_finite() { f64::from(u8::from(lower <= actual && actual <= upper)) } else { f64::NAN }
    };
    mean(actual.iter().zip(edges).map(is_inside))
}

fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = numbers.filter(|it| !it.is_nan()).fold((0.0, 0.0), |(sum, n), it| (sum + it, n + 1.0));
    sum / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_computed_by_hand() {
        assert_eq!(mae(&[1.0, f64::NAN, 4.0], &[2.0, 5.0, 1.0]), 2.0);
        assert_eq!(naive_error(&[1.0, 10.0, 2.0, 12.0], 2), 1.5);
        assert_eq!(mase(&[3.0], &[6.0], &[1.0, 10.0, 2.0, 12.0], 2), 2.0);
        assert_eq!(mase(&[3.0], &[3.0], &[3.0; 5], 1), 0.0);
        assert_eq!(mase(&[3.0], &[4.0], &[3.0; 5], 1), f64::INFINITY);
        assert!((smape(&[100.0, 0.0, 1.0], &[50.0, 0.0, -1.0]) - (200.0 / 3.0 + 0.0 + 200.0) / 3.0).abs() < 1e-12);
        assert_eq!(coverage(&[1.0, 2.0, f64::NAN, 9.0], &[1.0, 0.0, 0.0, 0.0], &[3.0, 1.0, 1.0, 9.0]), 2.0 / 3.0);
        assert!(mae(&[], &[]).is_nan() && naive_error(&[1.0], 1).is_nan());
    }
}
