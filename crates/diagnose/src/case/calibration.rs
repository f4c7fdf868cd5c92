//! How likely is the first cause right, by how far it is ahead, how strong it is and whether anything was noticed?
//!
//! All three lie between -1 and 1 whatever the system, because what they were fitted on is not what they will meet. The
//! weights are a logistic regression over cases with a known answer and over times without a fault;
//! `sentinel eval rca DIR --fit` makes them and says how well they do on systems that they were not fitted on.

/// What the confidence of a cause is told from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features {
    /// How far it is ahead of the next one: 1 for surely, below 0 if it is behind.
    pub lead: f64,
    /// How strong its findings are: -1 for what quiet times have, too, 1 for what they surely have not.
    pub strength: f64,
    /// How far what was noticed falls short of being surely off, 0 to 1; 0 if nobody measured it.
    pub doubt: f64,
}

/// Constant and weights of the features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration(pub [f64; 4]);

/// Nothing is ever certain.
pub(crate) const MOST: f64 = 0.97;
/// A lead of this share of its own score is sure.
const SURE_LEAD: f64 = 0.3;
/// Quiet times of the four published systems have scores below the first; from the second on nothing was quiet.
const QUIET_SCORE: f64 = 4.0;
const LOUD_SCORE: f64 = 7.0;
/// What was noticed is surely off from so many widths on.
const SURE: f64 = 4.0;

impl Features {
    pub(crate) fn of(score: f64, rival: f64, seen: Option<f64>) -> Self {
        let lead = (score - rival) / score.max(rival).max(f64::MIN_POSITIVE);
        Self {
            lead: (lead / SURE_LEAD).clamp(-1.0, 1.0),
            strength: ((score - QUIET_SCORE) / (LOUD_SCORE - QUIET_SCORE)).clamp(-1.0, 1.0),
            doubt: seen.map_or(0.0, |it| (1.0 - it / SURE).clamp(0.0, 1.0)),
        }
    }

    /// The probability that a cause is right.
    pub fn confidence(&self, calibration: &Calibration) -> f64 {
        let logit: f64 = calibration.0.iter().zip(self.values()).map(|(weight, value)| weight * value).sum();
        (1.0 / (1.0 + (-logit).exp())).min(MOST)
    }

    const fn values(&self) -> [f64; 4] {
        [1.0, self.lead, self.strength, self.doubt]
    }
}

impl Calibration {
    /// Made by `sentinel eval rca --fit`.
    pub const SHIPPED: Self = Self([-2.65, 2.02, 2.41, -1.52]);
}

/// Steps of the descent, and how long they are.
const N_STEPS: usize = 20_000;
const STEP: f64 = 1.0;
/// Pulls weights to 0, so that few cases do not make them certain.
const RIDGE: f64 = 0.003;

/// Weights by logistic regression from features, whether the cause was right, and how much the case counts.
pub fn fit(samples: &[(Features, bool, f64)]) -> Calibration {
    let whole: f64 = samples.iter().map(|it| it.2).sum::<f64>().max(f64::MIN_POSITIVE);
    let mut weights = [0.0; 4];
    for _ in 0..N_STEPS {
        let [_, rest @ ..] = weights;
        let [lead, strength, doubt] = rest.map(|it| it * RIDGE);
        let mut gradient = [0.0, lead, strength, doubt];
        for (features, is_right, counts) in samples {
            let error = features.confidence(&Calibration(weights)) - f64::from(*is_right);
            for (slope, value) in gradient.iter_mut().zip(features.values()) {
                *slope += error * value * counts / whole;
            }
        }
        for (weight, slope) in weights.iter_mut().zip(gradient) {
            *weight -= STEP * slope;
        }
    }
    Calibration(weights)
}

/// The expected calibration error in ten bins of equal width, from confidences, whether they were right, and weights.
pub fn expected_error(samples: &[(f64, bool, f64)]) -> f64 {
    let mut bins = [(0.0, 0.0, 0.0); 10];
    for (confidence, is_right, counts) in samples {
        let place = ((confidence * 10.0) as usize).min(9);
        if let Some(bin) = bins.get_mut(place) {
            *bin = (bin.0 + confidence * counts, bin.1 + f64::from(*is_right) * counts, bin.2 + counts);
        }
    }
    let whole: f64 = bins.iter().map(|it| it.2).sum();
    if whole > 0.0 { bins.iter().map(|it| (it.0 - it.1).abs()).sum::<f64>() / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fit_finds_what_tells_right_from_wrong_and_is_calibrated() {
        let mut samples = vec![];
        for nth in 0..200 {
            let lead = f64::from(nth % 20) / 20.0;
            let is_right = f64::from(nth / 20) < 10.0 * lead;
            samples.push((Features { lead, strength: 0.6, ..Features::default() }, is_right, 1.0));
        }
        let fitted = fit(&samples);
        assert!(fitted.0[1] > 1.0, "{fitted:?}");
        let judged: Vec<(f64, bool, f64)> = samples.iter().map(|it| (it.0.confidence(&fitted), it.1, 1.0)).collect();
        assert!(expected_error(&judged) < 0.08, "{}", expected_error(&judged));
        assert!((expected_error(&[(0.9, false, 1.0)]) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn nothing_noticed_means_no_cause() {
        let of = |score: f64, seen: f64| Features::of(score, score / 2.0, Some(seen));
        let confidence = |it: Features| it.confidence(&Calibration::SHIPPED);
        assert!(confidence(of(6.0, 0.0)) < 0.5 && confidence(of(24.0, 9.0)) > 0.5);
    }
}
