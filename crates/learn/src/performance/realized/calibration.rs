//! Do probabilities mean what they say? Of the rows with 30 %, three in ten should come true.

use serde::{Deserialize, Serialize};

/// The rows whose probability lies between two edges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Lower edge, not included (but 0 is in the first bin).
    pub above: f64,
    /// Upper edge, included.
    pub up_to: f64,
    /// Rows.
    pub n: u64,
    /// Mean probability of the rows; NaN without rows.
    pub mean_probability: f64,
    /// Share of the rows that came true; NaN without rows.
    pub share_true: f64,
}

/// Reliability: bins of equal width over 0 to 1. Rows whose probability is not within 0 to 1 are left out.
pub fn reliability(probabilities: &[f64], actual: &[bool], n_bins: usize) -> Vec<Bin> {
    let mut sums = vec![(0u64, 0.0, 0u64); n_bins];
    for (probability, is_true) in probabilities.iter().zip(actual).filter(|it| (0.0..=1.0).contains(it.0)) {
        let Some(sum) = sums.get_mut(bin_of(*probability, n_bins)) else { continue };
        *sum = (sum.0 + 1, sum.1 + probability, sum.2 + u64::from(*is_true));
    }
    let bin = |(idx, (n, probability, n_true)): (usize, (u64, f64, u64))| Bin {
        above: idx as f64 / n_bins as f64,
        up_to: (idx + 1) as f64 / n_bins as f64,
        n,
        mean_probability: probability / n as f64,
        share_true: n_true as f64 / n as f64,
    };
    sums.into_iter().enumerate().map(bin).collect()
}

/// Expected calibration error: by how much a probability misses on average, 0 (best) to 1. NaN without rows.
///
/// Source: Naeini, Cooper, Hauskrecht: Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015.
pub fn expected_error(bins: &[Bin]) -> f64 {
    let n: u64 = bins.iter().map(|it| it.n).sum();
    bins.iter().filter(|it| it.n > 0).map(|it| it.n as f64 * it.miss()).sum::<f64>() / n as f64
}

/// The largest miss of any bin that has rows; NaN without rows.
pub fn maximum_error(bins: &[Bin]) -> f64 {
    bins.iter().filter(|it| it.n > 0).map(Bin::miss).fold(f64::NAN, f64::max)
}

impl Bin {
    fn miss(&self) -> f64 {
        (self.share_true - self.mean_probability).abs()
    }
}

fn bin_of(probability: f64, n_bins: usize) -> usize {
    // An edge belongs to the bin below it.
    let above = (probability * n_bins as f64).ceil() as usize;
    above.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_calibrated_misses_nothing() {
        let probabilities = [0.25; 4];
        let bins = reliability(&probabilities, &[true, false, false, false], 10);
        assert_eq!(expected_error(&bins), 0.0);
        assert_eq!(bins.iter().map(|it| it.n).sum::<u64>(), 4);
    }

    #[test]
    fn edges_and_strangers() {
        let bins = reliability(&[0.0, 1.0, 0.5, 1.5, f64::NAN], &[false, true, true, true, true], 2);
        assert_eq!(bins.iter().map(|it| it.n).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(maximum_error(&bins), 0.25);
        assert!(expected_error(&reliability(&[], &[], 5)).is_nan() && maximum_error(&[]).is_nan());
        assert!(reliability(&[0.5], &[true], 0).is_empty());
    }
}
