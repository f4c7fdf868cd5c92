//! From which distance on is a point outside? As the estimator says, at a score of the user's, or in the two ways that older tools have: so many
//! standard deviations, or so large a share of the points.
//!
//! Those two keep the estimator's expectation and replace the width of its band. They are for users who must match a rule
//! they have: neither knows how heavy the tails of a series are, and a share is exceeded whatever happens.

use learn::quantile::Quantile;
use signal::Score;

/// Half of the points are nearer than so many standard deviations, if they are normal.
const MEDIAN_OF_NORMAL: f64 = 0.6745;
/// The standard deviation is at least this share of the expected value: half a percent is noise whatever the past says.
const RELATIVE_FLOOR: f64 = 0.005;
const ABSOLUTE_FLOOR: f64 = 1e-9;
/// Points before a standard deviation is believed.
const SIGMA_POINTS: u32 = 32;
/// So many points above the quantile must have been seen before it is believed.
const SHARE_POINTS: f32 = 3.0;
/// The share never narrows the band below this part of it: a constant series has no 5 % of anomalies.
const NARROWEST: f64 = 0.2;

/// How the threshold is set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Criterion {
    /// By the estimator: calibrated to the tails of the series.
    #[default]
    Calibrated,
    /// By the estimator, but from this score on in place of 1.0.
    Score(f64),
    /// So many robust standard deviations of the residuals.
    Sigma(f64),
    /// So large a share of the series' own scores lies above.
    Contamination(f64),
}

/// What a series keeps for a criterion of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Threshold {
    criterion: Criterion,
    quantile: Quantile,
    /// What the point that was judged last will teach.
    next: f64,
}

impl Threshold {
    /// None if the estimator's own threshold counts.
    pub fn new(criterion: Criterion) -> Option<Box<Self>> {
        let above = match criterion {
            Criterion::Calibrated => return None,
            Criterion::Sigma(_) | Criterion::Score(_) => 0.5,
            Criterion::Contamination(share) => share as f32,
        };
        Some(Box::new(Self { criterion, quantile: Quantile::new(above), next: f64::NAN }))
    }

    /// The score by this criterion; `expected` is what the estimator expects next, whatever its score was taken against.
    /// Nothing is learned yet.
    pub fn apply(&mut self, score: Score, expected: f64) -> Score {
        if !score.is_ready {
            self.next = f64::NAN;
            return score;
        }
        let distance = (score.y - expected).abs();
        let half = match self.criterion {
            Criterion::Calibrated => return score,
            Criterion::Score(threshold) => return widened(score, threshold),
            Criterion::Sigma(sigmas) => {
                self.next = distance;
                if self.quantile.points() < SIGMA_POINTS {
                    return score;
                }
                let floor = (RELATIVE_FLOOR * expected.abs()).max(ABSOLUTE_FLOOR);
                sigmas * (self.quantile.value() / MEDIAN_OF_NORMAL).max(floor)
            }
            Criterion::Contamination(share) => {
                self.next = score.value;
                if (self.quantile.points() as f32) * (share as f32) < SHARE_POINTS {
                    return score;
                }
                let part = self.quantile.value().max(NARROWEST);
                return widened(score, part);
            }
        };
        let (yhat_lower, yhat_upper) = (expected - half, expected + half);
        Score { value: distance / half, yhat: expected, yhat_lower, yhat_upper, ..score }
    }

    /// Learns from the point that was judged last.
    pub fn learn(&mut self) {
        self.quantile.learn_one(self.next);
        self.next = f64::NAN;
    }

    /// The state as words.
    pub fn to_words(&self) -> Vec<u64> {
        self.quantile.to_words().to_vec()
    }

    /// Takes the state back; words of another length are passed over.
    pub fn restore(&mut self, words: &[u64]) {
        if let [points, value] = words {
            self.quantile.restore([*points, *value]);
        }
    }
}

/// The same verdict with a band of `part` times its width.
pub(crate) fn widened(score: Score, part: f64) -> Score {
    Score {
        value: score.value / part,
        yhat_lower: score.yhat - part * (score.yhat - score.yhat_lower),
        yhat_upper: score.yhat + part * (score.yhat_upper - score.yhat),
        ..score
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(y: f64) -> Score {
        Score {
            value: (y - 100.0).abs() / 55.0,
            is_ready: true,
            is_provisional: false,
            y,
            yhat: 100.0,
            yhat_lower: 45.0,
            yhat_upper: 155.0,
        }
    }

    /// Normal noise of a standard deviation of 10 around 100.
    fn noise(rng: &mut fastrand::Rng) -> f64 {
        100.0 + 10.0 * ((0..12).map(|_| rng.f64()).sum::<f64>() - 6.0)
    }

    fn share_above(criterion: Criterion) -> f64 {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut threshold = Threshold::new(criterion).unwrap();
        let mut n_above = 0;
        for idx in 0..22_000 {
            let score = threshold.apply(score(noise(&mut rng)), 100.0);
            n_above += u32::from(idx >= 2000 && score.value > 1.0);
            threshold.learn();
        }
        f64::from(n_above) / 20_000.0
    }

    #[test]
    fn sigma_and_contamination_mean_what_they_say() {
        // Of normal noise 1.24 % lies beyond 2.5 and 0.27 % beyond 3 standard deviations.
        for (criterion, share) in [
            (Criterion::Sigma(2.5), 0.0124),
            (Criterion::Sigma(3.0), 0.0027),
            (Criterion::Contamination(0.05), 0.05),
            (Criterion::Contamination(0.1), 0.1),
        ] {
            let found = share_above(criterion);
            assert!((found / share - 1.0).abs() < 0.35, "{criterion:?}: {found}");
        }
    }

    #[test]
    fn a_constant_series_has_no_share_of_anomalies() {
        for criterion in [Criterion::Sigma(2.5), Criterion::Contamination(0.1)] {
            let mut threshold = Threshold::new(criterion).unwrap();
            for _ in 0..500 {
                assert_eq!(threshold.apply(score(100.0), 100.0).value, 0.0);
                threshold.learn();
            }
            assert!(threshold.apply(score(100.9), 100.0).value < 1.0, "{criterion:?}");
            assert!(threshold.apply(score(180.0), 100.0).value > 1.0, "{criterion:?}");
        }
    }

    #[test]
    fn the_band_fits_the_score() {
        let mut threshold = Threshold::new(Criterion::Sigma(3.0)).unwrap();
        for it in 0..100 {
            threshold.apply(score(f64::from(90 + it % 20)), 100.0);
            threshold.learn();
        }
        let edge = threshold.apply(score(100.0), 100.0).yhat_upper;
        assert!((threshold.apply(score(edge), 100.0).value - 1.0).abs() < 1e-9);
        let mut other = Threshold::new(Criterion::Sigma(3.0)).unwrap();
        other.restore(&threshold.to_words());
        assert_eq!(other.apply(score(edge), 100.0), threshold.apply(score(edge), 100.0));
    }

    #[test]
    fn distances_are_taken_from_the_expectation_and_not_from_a_slow_reference() {
        let mut threshold = Threshold::new(Criterion::Sigma(3.0)).unwrap();
        for it in 0..200 {
            // The score was taken against a reference far away.
            let away = Score { yhat: 500.0, value: 1.5, ..score(f64::from(90 + it % 20)) };
            threshold.apply(away, 100.0);
            threshold.learn();
        }
        let judged = threshold.apply(Score { yhat: 500.0, ..score(140.0) }, 100.0);
        assert!(judged.value > 1.0 && judged.yhat == 100.0, "{judged:?}");
    }
}
