//! Which numbers look like measurements? Seeded Gaussian, auto-regressive, heavy-tailed and counting noise.

use fastrand::Rng;

/// A standard normal number (Box and Muller 1958).
pub(crate) fn gauss(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// The number of events in one interval when `mean` are expected. Above 30 the normal approximation is used.
pub(super) fn poisson(rng: &mut Rng, mean: f64) -> f64 {
    if mean > 30.0 {
        return (mean + mean.sqrt() * gauss(rng)).round().max(0.0);
    }
    let limit = (-mean.max(0.0)).exp();
    let mut product = rng.f64();
    let mut count = 0.0;
    while product > limit {
        product *= rng.f64();
        count += 1.0;
    }
    count
}

/// True once in `1 / probability` calls.
pub(super) fn chance(rng: &mut Rng, probability: f64) -> bool {
    rng.f64() < probability
}

/// Noise that remembers: each value is `memory` times the one before plus a new push.
#[derive(Clone, Debug)]
pub(super) struct Wander {
    value: f64,
    memory: f64,
    push: f64,
}

impl Wander {
    /// Noise around 0 with this standard deviation.
    pub(super) fn new(memory: f64, deviation: f64) -> Self {
        Self { value: 0.0, memory, push: deviation * (1.0 - memory * memory).sqrt() }
    }

    /// The next value.
    pub(super) fn next(&mut self, rng: &mut Rng) -> f64 {
        self.value = self.memory * self.value + self.push * gauss(rng);
        self.value
    }

    /// The next value as a factor around 1.
    pub(super) fn factor(&mut self, rng: &mut Rng) -> f64 {
        (1.0 + self.next(rng)).max(0.05)
    }
}

/// The share of a log-normal quantity, given by median and 95th percentile, that lies above `limit`.
pub(super) fn share_above(median: f64, p95: f64, limit: f64) -> f64 {
    let sigma = ((p95 / median).ln() / 1.645).max(0.05);
    let distance = (limit / median).ln() / sigma;
    // The logistic curve with this slope is within 0.01 of the normal distribution.
    1.0 / (1.0 + (1.702 * distance).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_the_mean_that_was_asked_for() {
        let mut rng = Rng::with_seed(3);
        for mean in [0.2, 4.0, 80.0] {
            let total: f64 = (0..4000).map(|_| poisson(&mut rng, mean)).sum();
            assert!((total / 4000.0 / mean - 1.0).abs() < 0.1, "mean {mean} gave {}", total / 4000.0);
        }
    }

    #[test]
    fn wander_has_the_deviation_that_was_asked_for() {
        let mut rng = Rng::with_seed(3);
        let mut noise = Wander::new(0.8, 0.1);
        let square: f64 = (0..20_000).map(|_| noise.next(&mut rng).powi(2)).sum();
        assert!(((square / 20_000.0).sqrt() - 0.1).abs() < 0.01);
    }

    #[test]
    fn half_of_the_requests_lie_above_the_median() {
        assert!((share_above(0.1, 0.3, 0.1) - 0.5).abs() < 1e-9);
        assert!((share_above(0.1, 0.3, 0.3) - 0.05).abs() < 0.01);
    }
}
