//! What do the first few points say? A robust line and scale, from a sample small enough to sort.

/// Level, slope and scale of a short run of points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Start {
    /// Expected value at the last point.
    pub level: f64,
    /// Change per point.
    pub slope: f64,
    /// Robust standard deviation around the line.
    pub scale: f64,
    /// The same from the median distance alone: 0 if most points lie on the line.
    median_scale: f64,
    /// Largest distance from the line.
    pub largest: f64,
}

/// Fits the points in order of time. A slope (Theil 1950, Sen 1968) is only believed if it moves the level by clearly
/// more than the noise, because a wrong slope is worse than none.
pub(super) fn fit(points: &[f64]) -> Start {
    let sloped = around_line(points, theil_sen(points));
    let moved = sloped.slope.abs() * points.len() as f64;
    if moved > 4.0 * sloped.median_scale && moved > 0.0 { sloped } else { around_line(points, 0.0) }
}

fn theil_sen(points: &[f64]) -> f64 {
    let indexed = || points.iter().enumerate();
    let slopes =
        indexed().flat_map(|(left, a)| indexed().skip(left + 1).map(move |(right, b)| (b - a) / (right - left) as f64));
    median(slopes.collect())
}

fn around_line(points: &[f64], slope: f64) -> Start {
    let last = points.len().saturating_sub(1) as f64;
    let at_end = |(idx, x): (usize, &f64)| x + slope * (last - idx as f64);
    let level = median(points.iter().enumerate().map(at_end).collect());
    let distances: Vec<f64> = points.iter().enumerate().map(|it| (at_end(it) - level).abs()).collect();
    let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
    let largest = distances.iter().copied().fold(0.0, f64::max);
    // The mean deviation steps in for the median one, which is zero when most points are equal; both are scaled to the
    // standard deviation of a normal distribution.
    let median_scale = 1.4826 * median(distances);
    let scale = if median_scale > 0.0 { median_scale } else { 1.2533 * mean };
    Start { level, slope, scale, median_scale, largest }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = values.get(half).copied().unwrap_or(0.0);
    match values.len() % 2 {
        0 => (values.get(half.wrapping_sub(1)).copied().unwrap_or(upper) + upper) / 2.0,
        _ => upper,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_a_spike_ignored() {
        let mut points: Vec<f64> = (0..16).map(|it| 10.0 + 2.0 * f64::from(it)).collect();
        points[5] = 1000.0;
        let start = fit(&points);
        assert_eq!((start.level, start.slope), (40.0, 2.0));
        assert_eq!(start.largest, 980.0);
    }

    #[test]
    fn noise_has_no_slope() {
        let points: Vec<f64> = (0..16).map(|it| f64::from(it * 7 % 5)).collect();
        assert_eq!(fit(&points).slope, 0.0);
        assert!(fit(&points).scale > 0.5);
    }
}
