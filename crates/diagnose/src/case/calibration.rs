//! How likely is the first cause right, by how far it is ahead, how strong it is and whether anything was noticed?
//!
//! The weights are a logistic regression over cases with a known answer; `sentinel eval rca DIR --fit` makes them and
//! says how well they do on systems that they were not fitted on.

/// What the confidence of a cause is told from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features {
    /// By how many factors of e in widths it is ahead of the next one; below 0 if it is behind. At most 3.
    pub margin: f64,
    /// How strong its findings are, in factors of e of widths, at most 6.
    pub strength: f64,
    /// How far what was noticed falls short of being surely off, 0 to 1; 0 if nobody measured it.
    pub doubt: f64,
}

/// Constant and weights of the features.
pub type Weights = [f64; 4];

/// Nothing is ever certain.
pub(crate) const MOST: f64 = 0.97;
const MARGIN_MOST: f64 = 3.0;
const STRENGTH_MOST: f64 = 6.0;
/// What was noticed is surely off from so many widths on.
const SURE: f64 = 4.0;

/// Made by `sentinel eval rca --fit`.
const FITTED: Weights = [-5.020, 2.314, 2.323, -3.663];

impl Features {
    pub(crate) fn of(margin: f64, strength: f64, seen: Option<f64>) -> Self {
        Self {
            margin: margin.clamp(-MARGIN_MOST, MARGIN_MOST),
            strength: strength.clamp(0.0, STRENGTH_MOST),
            doubt: seen.map_or(0.0, |it| (1.0 - it / SURE).clamp(0.0, 1.0)),
        }
    }

    /// The probability that a cause is right.
    pub fn confidence(&self, weights: &Weights) -> f64 {
        let logit: f64 = weights.iter().zip(self.values()).map(|(weight, value)| weight * value).sum();
        (1.0 / (1.0 + (-logit).exp())).min(MOST)
    }

    /// The same, with the weights that we ship.
    pub fn fitted(&self) -> f64 {
        self.confidence(&FITTED)
    }

    const fn values(&self) -> [f64; 4] {
        [1.0, self.margin, self.strength, self.doubt]
    }
}

/// Steps of the descent, and how long they are.
const N_STEPS: usize = 20_000;
const STEP: f64 = 0.3;
/// Pulls weights to 0, so that few cases do not make them certain.
const RIDGE: f64 = 0.001;

/// Weights by logistic regression from features, whether the cause was right, and how much the case counts.
pub fn fit(samples: &[(Features, bool, f64)]) -> Weights {
    let whole: f64 = samples.iter().map(|it| it.2).sum::<f64>().max(f64::MIN_POSITIVE);
    let mut weights = [0.0; 4];
    for _ in 0..N_STEPS {
        let mut gradient = weights.map(|it| it * RIDGE);
        for (features, is_right, counts) in samples {
            let error = features.confidence(&weights) - f64::from(*is_right);
            for (slope, value) in gradient.iter_mut().zip(features.values()) {
                *slope += error * value * counts / whole;
            }
        }
        for (weight, slope) in weights.iter_mut().zip(gradient) {
            *weight -= STEP * slope;
        }
    }
    weights
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
            let margin = f64::from(nth % 20) / 10.0;
            let is_right = f64::from(nth / 20) < 10.0 * margin / 2.0;
            samples.push((Features::of(margin, 3.0, Some(9.0)), is_right, 1.0));
        }
        let weights = fit(&samples);
        assert!(weights[1] > 1.0, "{weights:?}");
        let judged: Vec<(f64, bool, f64)> = samples.iter().map(|it| (it.0.confidence(&weights), it.1, 1.0)).collect();
        assert!(expected_error(&judged) < 0.08, "{}", expected_error(&judged));
        assert!((expected_error(&[(0.9, false, 1.0)]) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn nothing_noticed_means_no_cause() {
        let quiet = Features::of(1.0, 2.0, Some(0.0));
        assert!(quiet.fitted() < 0.5 && Features::of(1.0, 4.0, Some(9.0)).fitted() > 0.5);
    }
}
