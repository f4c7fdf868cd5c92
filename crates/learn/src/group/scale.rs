//! How are values of any size compared? By their logarithm where they are large, as they are near zero.
//!
//! `asinh(y / s)` is `ln(2 y / s)` for `y` far above `s`, so that a difference is a ratio, and `y / s` far below, so that
//! zero and negative values are no special case (Burbidge, Magee, Robb, "Alternative transformations to handle extreme
//! values of the dependent variable", Journal of the American Statistical Association 83, 1988).

/// Below this share of the usual level differences count, above it ratios.
const LINEAR_SHARE: f64 = 0.1;
/// Values are cut here so that their squares stay finite.
const LARGEST: f64 = 1e150;

/// Where the scale is linear, in the unit of the values; found while warming up and then kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Scale {
    unit: f64,
}

impl Scale {
    /// For values that are usually of this size. A size of 0 leaves the scale as it is.
    pub fn around(self, size: f64) -> Self {
        let unit = LINEAR_SHARE * size.abs().min(LARGEST);
        if unit > 0.0 { Self { unit } } else { self }
    }

    /// True if values of this size are far from what the scale was made for.
    pub fn is_outgrown_by(self, size: f64) -> bool {
        let unit = LINEAR_SHARE * size.abs();
        self.unit == 0.0 && unit > 0.0 || unit > 30.0 * self.unit
    }

    /// The value on the scale; NaN stays NaN.
    pub fn of(self, y: f64) -> f64 {
        (y.clamp(-LARGEST, LARGEST) / self.positive_unit()).asinh()
    }

    /// Back from the scale.
    pub fn back(self, it: f64) -> f64 {
        // Beyond 700 the hyperbolic sine is infinite.
        it.clamp(-700.0, 700.0).sinh() * self.positive_unit()
    }

    fn positive_unit(self) -> f64 {
        if self.unit > 0.0 { self.unit } else { 1.0 }
    }
}

/// The median of sorted values; 0 if there is none.
pub(crate) fn median_of(sorted: &[f64]) -> f64 {
    let upper = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    match sorted.len() % 2 {
        0 => f64::midpoint(upper, sorted.get((sorted.len() / 2).saturating_sub(1)).copied().unwrap_or(upper)),
        _ => upper,
    }
}

/// The median of sorted values without the one at `left_out`, if there is one; 0 if there is none left.
pub(crate) fn median_without(sorted: &[f64], left_out: usize) -> f64 {
    if left_out >= sorted.len() {
        return median_of(sorted);
    }
    let at = |idx: usize| sorted.get(if idx < left_out { idx } else { idx + 1 }).copied();
    let count = sorted.len().saturating_sub(1);
    match (count % 2, at(count / 2)) {
        (_, None) => 0.0,
        (1, Some(it)) => it,
        (_, Some(it)) => f64::midpoint(it, at((count / 2).saturating_sub(1)).unwrap_or(it)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_above_differences_below_and_back() {
        let scale = Scale::default().around(100.0);
        assert!((scale.of(2000.0) - scale.of(1000.0) - 2_f64.ln()).abs() < 1e-3);
        assert!((scale.of(0.2) - scale.of(0.1) - 0.01).abs() < 1e-5);
        assert_eq!(scale.of(0.0), 0.0);
        for y in [-1e200, -5.0, 0.0, 1e-9, 3.0, 1e6] {
            let back = scale.back(scale.of(y));
            assert!((back - y.clamp(-LARGEST, LARGEST)).abs() <= 1e-9 * back.abs(), "{y} {back}");
        }
        assert!(scale.of(f64::NAN).is_nan());
        assert!(scale.is_outgrown_by(1e4) && !scale.is_outgrown_by(1e3) && Scale::default().is_outgrown_by(1.0));
    }

    #[test]
    fn one_is_left_out_of_the_median() {
        assert_eq!(median_without(&[1.0, 2.0, 3.0, 100.0], 3), 2.0);
        assert_eq!(median_without(&[1.0, 2.0, 3.0, 100.0], 0), 3.0);
        assert_eq!(median_without(&[1.0, 2.0, 4.0], 1), 2.5);
        assert_eq!(median_without(&[1.0, 2.0, 4.0], 9), 2.0);
        assert_eq!(median_without(&[1.0, 2.0], 9), 1.5);
        assert_eq!(median_without(&[1.0], 0), 0.0);
        assert_eq!(median_without(&[], 0), 0.0);
    }
}
