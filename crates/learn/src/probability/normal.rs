//! How much of the normal distribution lies above?

use super::gamma::{lower_gamma, upper_gamma};

/// The share of the standard normal distribution above `z`, exact also where it is tiny.
pub fn normal_upper(z: f64) -> f64 {
    if z.is_nan() {
        return f64::NAN;
    }
    let tail = 0.5 * upper_gamma(0.5, z * z / 2.0);
    if z >= 0.0 { tail } else { 0.5 + 0.5 * lower_gamma(0.5, z * z / 2.0) }
}

/// The share of the standard normal distribution up to `z`.
pub fn normal_cdf(z: f64) -> f64 {
    normal_upper(-z)
}

/// The number that a share `probability` (between 0 and 1) of the standard normal distribution does not exceed.
///
/// Newton steps from Abramowitz and Stegun 26.2.23.
pub fn normal_quantile(probability: f64) -> f64 {
    if probability <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if probability >= 1.0 {
        return f64::INFINITY;
    }
    let tail = probability.min(1.0 - probability);
    let t = (-2.0 * tail.ln()).sqrt();
    let start = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    let z = (0..4).fold(start, |z, _| {
        let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
        z + (normal_upper(z) - tail) / density
    });
    if probability < 0.5 { -z } else { z }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: the values of scipy.stats.norm.
    #[test]
    fn values_are_those_of_scipy() {
        let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
        near(normal_upper(1.5), 0.06680720126885807);
        near(normal_upper(-1.5), 0.9331927987311419);
        near(normal_upper(10.0), 7.61985302416047e-24);
        near(normal_upper(0.0), 0.5);
        near(normal_quantile(0.975), 1.959963984540054);
        near(normal_quantile(1e-10), -6.361340902404057);
    }
}
