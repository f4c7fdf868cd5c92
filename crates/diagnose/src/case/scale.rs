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
    /// The scale of finite `values`, which are put in order; `None` without any.
    pub(crate) fn of(values: &mut [f64]) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let n_values = values.len();
        let at = |q: f64| values.get(place(n_values, q)?).copied();
        let center = at(0.5)?;
        let iqr = (at(0.75)? - at(0.25)?) / IQR_PER_SD;
        let mean = values.iter().sum::<f64>() / n_values as f64;
        let variance = values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / n_values as f64;
        let [mad, tail] = distances(values, center, [place(n_values, 0.5)?, place(n_values, 0.95)?]);
        let width = iqr.max(mad * SD_PER_MAD).max(variance.sqrt() / 2.0).max(tail / TAIL_WIDTHS);
        Some(Self { center, width, n_values })
    }
}

/// The distances from the center at two places of their order: from both ends of the ordered values inwards, the largest
/// comes first.
fn distances(ordered: &[f64], center: f64, places: [usize; 2]) -> [f64; 2] {
    let mut found = [0.0; 2];
    let mut rest = ordered;
    while let (Some(low), Some(high)) = (rest.first(), rest.last()) {
        let (below, above) = (center - low, high - center);
        let farthest = below.max(above);
        let place = rest.len() - 1;
        for (found, _) in found.iter_mut().zip(places).filter(|it| it.1 == place) {
            *found = farthest;
        }
        rest = if below > above { rest.get(1..) } else { rest.get(..place) }.unwrap_or_default();
        if place <= places.into_iter().min().unwrap_or(0) {
            break;
        }
    }
    found
}

/// Where in the order a share `q` of the others lies below.
fn place(n_values: usize, q: f64) -> Option<usize> {
    Some((n_values.checked_sub(1)? as f64 * q).round() as usize)
}

/// At most `n` of the values, evenly spread.
pub(crate) fn sampled(values: &[f64], n: usize) -> impl Iterator<Item = f64> + '_ {
    values.iter().copied().step_by(values.len().div_ceil(n.max(1)).max(1))
}

/// The value with a share `q` of the others below it; `values` are reordered.
pub(crate) fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    let idx = place(values.len(), q)?;
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
