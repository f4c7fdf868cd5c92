//! What is usual for a series, and how much does it usually vary?

/// The middle of a sample and a robust width of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    /// The median.
    pub(crate) center: f64,
    /// The larger of interquartile range and median absolute deviation, both as a standard deviation would be, and half
    /// of the standard deviation: robust widths are 0 for a series that seldom moves, and then anything is far off.
    /// Series that jump every now and then are as wide as their jumps ask for.
    pub(crate) width: f64,
    /// How many values it was told from.
    pub(crate) n_values: usize,
}

/// Robust widths in standard deviations of a normal distribution.
const IQR_PER_SD: f64 = 1.349;
const SD_PER_MAD: f64 = 1.4826;
/// What one value in twenty exceeds is at most so many widths away.
const TAIL_WIDTHS: f64 = 3.0;

impl Scale {
    /// The scale of finite `values`, which are reordered; `None` without any.
    pub(crate) fn of(values: &mut [f64]) -> Option<Self> {
        let n_values = values.len();
        let center = quantile(values, 0.5)?;
        let iqr = (quantile(values, 0.75)? - quantile(values, 0.25)?) / IQR_PER_SD;
        let mean = values.iter().sum::<f64>() / n_values as f64;
        let variance = values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / n_values as f64;
        values.iter_mut().for_each(|it| *it = (*it - center).abs());
        let mad = quantile(values, 0.5)? * SD_PER_MAD;
        let tail = quantile(values, 0.95)? / TAIL_WIDTHS;
        Some(Self { center, width: iqr.max(mad).max(variance.sqrt() / 2.0).max(tail), n_values })
    }
}

/// The value with a share `q` of the others below it; `values` are reordered.
pub(crate) fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let idx = (last as f64 * q).round() as usize;
    Some(*values.select_nth_unstable_by(idx, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_outliers_do_not_move_the_scale_and_a_constant_has_none() {
        let mut values: Vec<f64> = (0..101).map(f64::from).collect();
        let scale = Scale::of(&mut values).unwrap();
        assert_eq!(scale.center, 50.0);
        assert!((scale.width - 37.06).abs() < 0.1, "{scale:?}");
        assert_eq!(Scale::of(&mut [3.0; 9]).unwrap().width, 0.0);
        assert_eq!(Scale::of(&mut []), None);
    }
}
