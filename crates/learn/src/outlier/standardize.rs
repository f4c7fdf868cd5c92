//! What is the usual value of each feature, and how far do values usually lie from it?

use serde::{Deserialize, Serialize};

use super::matrix::Matrix;

/// Location and scale of each feature; missing values (NaN, infinite) become the usual value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardizer {
    features: Vec<Usual>,
}

/// One feature: the scale can differ below and above, as in a skewed distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Usual {
    location: f64,
    below: f64,
    above: f64,
}

impl Standardizer {
    /// Mean and standard deviation (of the population), as scikit-learn's `StandardScaler`.
    pub fn by_moments(train: &Matrix) -> Self {
        Self::by(train, |values| {
            let n = values.len() as f64;
            let location = values.iter().sum::<f64>() / n;
            let scale = (values.iter().map(|it| (it - location).powi(2)).sum::<f64>() / n).sqrt();
            // Rounding leaves dust where all values are equal.
            let scale = if scale > 1e-12 * location.abs() { scale } else { 1.0 };
            Usual { location, below: scale, above: scale }
        })
    }

    /// Smallest value and range, as scikit-learn's `MinMaxScaler`.
    pub fn by_range(train: &Matrix) -> Self {
        Self::by(train, |values| {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let range = values.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low;
            let scale = if range > 0.0 { range } else { 1.0 };
            Usual { location: low, below: scale, above: scale }
        })
    }

    /// Median and the distance of the middle half or of the middle nine tenths, whichever is wider, on each side:
    /// a share of anomalies below 5 % does not move it.
    pub fn by_quantiles(train: &Matrix) -> Self {
        Self::by(train, |values| {
            values.sort_by(f64::total_cmp);
            let location = quantile(values, 0.5);
            let spread = |inner: f64, outer: f64| {
                let inner = (quantile(values, inner) - location).abs() / 0.674_490;
                let outer = (quantile(values, outer) - location).abs() / 1.644_854;
                inner.max(outer)
            };
            let (below, above) = (spread(0.25, 0.05), spread(0.75, 0.95));
            let mean_square = values.iter().map(|it| (it - location).powi(2)).sum::<f64>() / values.len() as f64;
            // Where nearly all values are equal, the rare others are the only measure; where all are, a tenth.
            let fallback = [mean_square.sqrt(), location.abs() / 10.0, 1.0].into_iter().find(|it| *it > 0.0);
            let floor = fallback.unwrap_or(1.0);
            let wider = below.max(above);
            let or_other = |it: f64| {
                if it > 0.0 {
                    it
                } else if wider > 0.0 {
                    wider
                } else {
                    floor
                }
            };
            Usual { location, below: or_other(below), above: or_other(above) }
        })
    }

    fn by(train: &Matrix, usual: impl Fn(&mut [f64]) -> Usual) -> Self {
        let one = |feature| {
            let mut values: Vec<f64> = train.column(feature).filter(|it| it.is_finite()).collect();
            if values.is_empty() { Usual { location: 0.0, below: 1.0, above: 1.0 } } else { usual(&mut values) }
        };
        Self { features: (0..train.n_features()).map(one).collect() }
    }

    /// Number of features.
    pub fn n_features(&self) -> usize {
        self.features.len()
    }

    /// One row in units of the scale.
    pub fn apply_one(&self, row: &[f64]) -> Vec<f64> {
        let one = |(value, usual): (&f64, &Usual)| {
            let distance = value - usual.location;
            let scaled = distance / if distance < 0.0 { usual.below } else { usual.above };
            // Far enough to be unusual by any measure, near enough that squares stay finite.
            if scaled.is_finite() { scaled.clamp(-1e9, 1e9) } else { 0.0 }
        };
        row.iter().zip(&self.features).map(one).collect()
    }

    /// The value that is `scaled` units from the usual; NaN if there is no such feature.
    pub fn restore(&self, feature: usize, scaled: f64) -> f64 {
        let Some(usual) = self.features.get(feature) else { return f64::NAN };
        usual.location + scaled * if scaled < 0.0 { usual.below } else { usual.above }
    }

    /// All rows in units of the scale.
    pub fn apply(&self, rows: &Matrix) -> Matrix {
        let mut scaled = Matrix::new(self.features.len());
        for row in rows.rows() {
            scaled.push(&self.apply_one(row));
        }
        scaled
    }
}

/// Quantile of sorted values, with interpolation between neighbors; NaN if there are none.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64;
    let (low, high) = (position.floor() as usize, position.ceil() as usize);
    match (sorted.get(low), sorted.get(high)) {
        (Some(a), Some(b)) => a + (b - a) * position.fract(),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_range_are_those_of_scikit_learn() {
        let train = Matrix::from_rows(&[[0.0, 7.0], [0.0, 7.0], [1.0, 7.0], [1.0, 7.0]]).unwrap();
        assert_eq!(Standardizer::by_moments(&train).apply_one(&[2.0, 7.5]), [3.0, 0.5]);
        assert_eq!(Standardizer::by_range(&train).apply_one(&[0.5, 8.0]), [0.5, 1.0]);
        assert_eq!(Standardizer::by_moments(&train).restore(0, 3.0), 2.0);
    }

    #[test]
    fn quantiles_are_not_moved_by_few_anomalies() {
        let rows: Vec<[f64; 1]> = (0..100).map(|it| [if it < 3 { 1e6 } else { f64::from(it) }]).collect();
        let scaled = Standardizer::by_quantiles(&Matrix::from_rows(&rows).unwrap()).apply_one(&[1e6]);
        assert!(scaled[0] > 10_000.0, "{scaled:?}");
    }

    #[test]
    fn missing_constant_and_absent_values_are_survived() {
        let train = Matrix::from_rows(&[[f64::NAN, 3.0], [f64::NAN, 3.0]]).unwrap();
        for it in [Standardizer::by_moments(&train), Standardizer::by_range(&train), Standardizer::by_quantiles(&train)]
        {
            assert_eq!(it.apply_one(&[f64::NAN, f64::INFINITY]), [0.0, 0.0]);
            assert!(it.apply_one(&[5.0, 9.0]).iter().all(|it| it.is_finite()));
        }
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[1.0, 2.0], 0.25), 1.25);
    }
}
