//! What does the simplest useful detector find? A z-score over an exponentially weighted mean, to compare with.

/// Weight of a new value; the mean of about the last hundred.
const RATE: f64 = 0.02;
/// Half the width of the band in standard deviations.
const SIGMA: f64 = 3.0;
/// Rows before the first score.
const READY_ROWS: usize = 16;

/// A score for each value, 1.0 at three standard deviations, judged by the values before it. NaN for missing values.
pub fn z_scores(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let (mut n_rows, mut mean, mut variance) = (0, 0.0, 0.0);
    let score = |x: f64| {
        if x.is_nan() {
            return f64::NAN;
        }
        let distance = x - mean;
        let deviation = f64::sqrt(variance);
        let score = if n_rows < READY_ROWS || distance == 0.0 { 0.0 } else { distance.abs() / (SIGMA * deviation) };
        n_rows += 1;
        let rate = RATE.max(1.0 / n_rows as f64);
        mean += rate * distance;
        variance = (1.0 - rate) * (variance + rate * distance * distance);
        score.min(1e6)
    };
    values.map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_is_far_outside_and_noise_is_not() {
        let value = |row: usize| if row == 150 { 100.0 } else { 50.0 + (row % 5) as f64 };
        let scores = z_scores((0..200).map(value));
        assert!(scores[150] > 5.0, "{}", scores[150]);
        assert!(scores[..150].iter().all(|it| *it < 1.0));
        assert!(z_scores([1.0, f64::NAN].into_iter())[1].is_nan());
    }
}
