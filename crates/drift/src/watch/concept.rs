//! Is a model wrong more often than it was? Two windows of answers with labels, compared by a test with a stated rate of
//! false alarms, and only told if the difference is large in practice.

use serde::{Deserialize, Serialize};

/// An error share that is higher by less than this is not worth a call.
const MIN_SHARE: f64 = 0.03;
/// Nor is a mean absolute error that is higher by less than this share of what it was.
const MIN_RATIO: f64 = 0.1;
/// With fewer answers on a side the normal approximation is no good.
const MIN_ROWS: f64 = 30.0;

/// How wrong answers of a window are: the sum over rows of a loss, 0 or 1 for classes and the absolute error for numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wrongness {
    /// Rows.
    pub n: f64,
    sum: f64,
    squares: f64,
}

/// The verdict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConceptDrift {
    /// Mean loss before.
    pub before: f64,
    /// Mean loss now.
    pub now: f64,
    /// Probability of so much more loss by chance (Welch's test, one side).
    pub p_value: f64,
    /// Whether it is drift.
    pub drifted: bool,
}

impl Wrongness {
    /// Takes in the loss of one row.
    pub fn add(&mut self, loss: f64) {
        if loss.is_finite() {
            (self.n, self.sum, self.squares) = (self.n + 1.0, self.sum + loss, self.squares + loss * loss);
        }
    }

    /// Mean loss; NaN without rows.
    pub fn mean(&self) -> f64 {
        self.sum / self.n
    }

    fn variance(&self) -> f64 {
        ((self.squares - self.sum * self.sum / self.n) / (self.n - 1.0)).max(0.0)
    }

    /// Whether `now` is worse; none if either side has too few rows. `is_share` says that the loss is 0 or 1.
    pub fn drift(&self, now: &Self, is_share: bool, alpha: f64) -> Option<ConceptDrift> {
        if self.n < MIN_ROWS || now.n < MIN_ROWS {
            return None;
        }
        let difference = now.mean() - self.mean();
        // A side without any error has a variance of nothing; one more row of either kind is always possible.
        let least = |it: &Self| if is_share { it.variance().max(1.0 / it.n) } else { it.variance() };
        let error = (least(self) / self.n + least(now) / now.n).sqrt();
        let p_value = if error > 0.0 { upper_tail(difference / error) } else { f64::from(u8::from(difference <= 0.0)) };
        let is_large = difference >= if is_share { MIN_SHARE } else { MIN_RATIO * self.mean() };
        Some(ConceptDrift { before: self.mean(), now: now.mean(), p_value, drifted: is_large && p_value <= alpha })
    }
}

/// Probability that a standard normal value is above `z`. Abramowitz and Stegun 7.1.26, to 1.5e-7.
fn upper_tail(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let tail = poly * (-x * x).exp() / 2.0;
    if z >= 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(n: u32, every: u32) -> Wrongness {
        let mut found = Wrongness::default();
        (0..n).for_each(|it| found.add(f64::from(u8::from(it % every == 0))));
        found
    }

    #[test]
    fn more_errors_are_drift_and_chance_is_not() {
        let before = wrong(1000, 10);
        let drift = before.drift(&wrong(1000, 4), true, 0.05).unwrap();
        assert!(drift.drifted && (drift.before, drift.now) == (0.1, 0.25), "{drift:?}");
        assert!(!before.drift(&wrong(100, 9), true, 0.05).unwrap().drifted);
        assert!(!before.drift(&wrong(1000, 20), true, 0.05).unwrap().drifted, "better is no drift");
        assert!(!wrong(1000, 2000).drift(&wrong(40, 41), true, 0.05).unwrap().drifted, "one error in 40 says nothing");
        assert_eq!(before.drift(&wrong(10, 2), true, 0.05), None);
    }

    /// Guarantees 540: without drift it is told about as rarely as `alpha` says.
    #[test]
    fn false_alarms_are_as_rare_as_stated() {
        let mut random = learn::random::Random::new(17);
        let mut window = |n: usize| {
            let mut found = Wrongness::default();
            (0..n).for_each(|_| found.add(f64::from(u8::from(random.uniform() < 0.2))));
            found
        };
        let n_false = (0..2000).filter(|_| window(300).drift(&window(300), true, 0.05).unwrap().drifted).count();
        assert!(n_false <= 140, "{n_false} of 2000");
    }

    #[test]
    fn tails_are_those_of_the_normal_distribution() {
        for (z, expected) in [(0.0, 0.5), (1.644_853_627, 0.05), (-1.0, 0.841_344_746), (3.0, 0.001_349_898)] {
            assert!((upper_tail(z) - expected).abs() < 2e-7, "{z}");
        }
    }
}
