//! What does a forecast learn from? Values at equal distances, with gaps, and what is done about the gaps.

use serde::{Deserialize, Serialize};

/// Values of one series at equal distances. Times are seconds since 1970 in UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Regular {
    /// Time of the first value, in seconds.
    pub start: i64,
    /// Distance of two values, in seconds, above 0.
    pub step: i64,
    /// The values, oldest first; what is not finite is a gap.
    pub values: Vec<f64>,
}

/// The most values that `resampled` makes.
const MAX_VALUES: i64 = 10_000_000;

impl Regular {
    /// Values from a start at a step, in seconds.
    pub fn new(start: i64, step: i64, values: Vec<f64>) -> Self {
        Self { start, step, values }
    }

    /// Time of the value that would come next, in seconds.
    pub fn end(&self) -> i64 {
        self.time_of(self.values.len())
    }

    /// Time of a value, in seconds.
    pub fn time_of(&self, index: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(i64::try_from(index).unwrap_or(i64::MAX)))
    }

    /// Number of values that are no gaps.
    pub fn n_finite(&self) -> usize {
        self.values.iter().filter(|it| it.is_finite()).count()
    }

    /// The first `n` values.
    pub fn head(&self, n: usize) -> Self {
        Self { values: self.values.iter().copied().take(n).collect(), ..*self }
    }

    /// The values from the index on.
    pub fn from(&self, index: usize) -> Self {
        Self::new(self.time_of(index), self.step, self.values.iter().copied().skip(index).collect())
    }

    /// Puts samples (seconds, value) on the grid of `step`: each to the nearest point, several on one point as their
    /// mean, points without a sample as gaps. Times need no order. `None` if there is no finite sample, the step is not
    /// above 0, or the span would need more than ten million points.
    ///
    /// ```
    /// let series = learn::forecast::Regular::resampled(&[(0, 1.0), (61, 2.0), (180, 4.0)], 60).unwrap();
    /// assert_eq!((series.start, series.values[1], series.values[2].is_nan()), (0, 2.0, true));
    /// ```
    pub fn resampled(samples: &[(i64, f64)], step: i64) -> Option<Self> {
        let finite = || samples.iter().filter(|it| it.1.is_finite());
        let (first, last) = (finite().map(|it| it.0).min()?, finite().map(|it| it.0).max()?);
        let place = |time: i64| -> Option<usize> {
            let distance = i128::from(time) - i128::from(first);
            usize::try_from((distance + i128::from(step) / 2).div_euclid(i128::from(step))).ok()
        };
        if step <= 0 || (i128::from(last) - i128::from(first)) / i128::from(step) >= i128::from(MAX_VALUES) {
            return None;
        }
        let mut sums = vec![(0.0, 0.0); place(last)? + 1];
        for (time, value) in finite() {
            if let Some((mean, n)) = place(*time).and_then(|it| sums.get_mut(it)) {
                *n += 1.0;
                *mean += (value - *mean) / *n;
            }
        }
        let values = sums.into_iter().map(|(mean, n)| if n > 0.0 { mean } else { f64::NAN }).collect();
        Some(Self::new(first, step, values))
    }
}

/// Fills gaps between finite values: along a line, or as one season earlier with the ends made to meet where there is
/// a season before the gap. Gaps at both ends stay.
///
/// `season` is in points; 0 for none.
pub fn fill_gaps(values: &mut [f64], season: usize) {
    let mut known: Option<usize> = None;
    for index in 0..values.len() {
        if !values.get(index).is_some_and(|it| it.is_finite()) {
            continue;
        }
        if let Some(before) = known
            && index - before > 1
        {
            fill(values, before, index, season);
        }
        known = Some(index);
    }
}

/// Fills the values between two known ones.
fn fill(values: &mut [f64], before: usize, after: usize, season: usize) {
    let is_long = season > 1 && after - before > 3;
    let pattern = |values: &[f64], index: usize| {
        index.checked_sub(season).and_then(|it| values.get(it)).copied().filter(|it| is_long && it.is_finite())
    };
    // Within a gap longer than the season the pattern is what was filled in before.
    let has_pattern =
        pattern(values, before).is_some() && (after - before < season || pattern(values, before + 1).is_some());
    let get = |values: &[f64], index: usize| values.get(index).copied().unwrap_or(0.0);
    let offset = |values: &[f64], index: usize| {
        get(values, index) - if has_pattern { pattern(values, index).unwrap_or(0.0) } else { 0.0 }
    };
    let left = offset(values, before);
    let right = if after - before < season || !has_pattern { offset(values, after) } else { left };
    for index in before + 1..after {
        let share = (index - before) as f64 / (after - before) as f64;
        let base = if has_pattern { pattern(values, index).unwrap_or(0.0) } else { 0.0 };
        if let Some(value) = values.get_mut(index) {
            // Not left + (right - left) * share, which overflows for huge ends of different sign.
            *value = base + left * (1.0 - share) + right * share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_lie_on_the_grid_and_what_is_missing_is_a_gap() {
        let series = Regular::resampled(&[(120, 3.0), (0, 1.0), (1, 2.0), (240, f64::NAN), (299, 7.0)], 60).unwrap();
        assert_eq!((series.start, series.values.len(), series.n_finite()), (0, 6, 3));
        assert_eq!([0, 2, 5].map(|it| series.values[it]), [1.5, 3.0, 7.0]);
        assert_eq!(series.end(), 360);
        assert_eq!(series.from(2).start, 120);
        assert_eq!(Regular::resampled(&[(0, f64::NAN)], 60), None);
        assert_eq!(Regular::resampled(&[(0, 1.0)], 0), None);
        assert_eq!(Regular::resampled(&[(i64::MIN, 1.0), (i64::MAX, 1.0)], 60), None);
    }

    #[test]
    fn short_gaps_are_lines_and_long_ones_repeat_the_season() {
        let mut values = [f64::NAN, 1.0, f64::NAN, 3.0, f64::NAN];
        fill_gaps(&mut values, 0);
        assert_eq!(values[1..4], [1.0, 2.0, 3.0]);
        assert!(values[0].is_nan() && values[4].is_nan());

        let wave = |it: usize| 10.0 * (it as f64 * std::f64::consts::TAU / 24.0).sin() + it as f64 * 0.1;
        let mut values: Vec<f64> = (0..96).map(|it| if (50..66).contains(&it) { f64::NAN } else { wave(it) }).collect();
        fill_gaps(&mut values, 24);
        assert!(values.iter().enumerate().all(|(it, value)| (value - wave(it)).abs() < 1e-9), "{values:?}");
    }

    #[test]
    fn gaps_longer_than_the_season_are_filled_too() {
        let wave = |it: usize| f64::from(u8::from(it % 6 == 2));
        let mut values: Vec<f64> = (0..60).map(|it| if (20..45).contains(&it) { f64::NAN } else { wave(it) }).collect();
        fill_gaps(&mut values, 6);
        assert!(values.iter().enumerate().all(|(it, value)| (value - wave(it)).abs() < 1e-9), "{values:?}");
        let mut huge = [1e308, f64::NAN, -1e308];
        fill_gaps(&mut huge, 0);
        assert_eq!(huge[1], 0.0);
    }
}
