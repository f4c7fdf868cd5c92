//! Since when is a series off, and how far? The stretch of points that together speak most for a change.

/// A stretch of points to one side of what is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Episode {
    /// The first and the last point of it.
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// How far off it is, in widths of the usual; below 0 if the points are lower than usual.
    pub(crate) level: f64,
    /// Which share of all points belongs to it.
    pub(crate) share: f64,
}

/// A point counts for a change by as much as it is further off than this.
const DRIFT: f64 = 1.5;
/// Further off than this is as far as can be: one wild point does not outweigh many.
const FARTHEST: f64 = 40.0;

/// The episode in `deviations` (widths from what is usual, in order of time); `None` if no point is off.
pub(crate) fn find(deviations: &[f64]) -> Option<Episode> {
    let up = heaviest(deviations, 1.0);
    let down = heaviest(deviations, -1.0);
    match (up, down) {
        (Some(up), Some(down)) => Some(if up.0 >= down.0 { up.1 } else { down.1 }),
        (one, other) => one.or(other).map(|it| it.1),
    }
}

/// The stretch with the largest sum above the drift (Kadane's algorithm), with that sum.
fn heaviest(deviations: &[f64], sign: f64) -> Option<(f64, Episode)> {
    let (mut best, mut best_first, mut best_last) = (0.0, 0, 0);
    let (mut sum, mut first) = (0.0, 0);
    for (idx, deviation) in deviations.iter().enumerate() {
        if sum <= 0.0 {
            (sum, first) = (0.0, idx);
        }
        sum += (deviation * sign).clamp(-FARTHEST, FARTHEST) - DRIFT;
        if sum > best {
            (best, best_first, best_last) = (sum, first, idx);
        }
    }
    let stretch = deviations.get(best_first..=best_last).filter(|_| best > 0.0)?;
    let n_points = stretch.len() as f64;
    // The mean of roots lies between median and mean: a few extreme points count, but not alone.
    let root = stretch.iter().map(|it| (it * sign).max(0.0).sqrt()).sum::<f64>() / n_points;
    let share = n_points / deviations.len() as f64;
    Some((best, Episode { first: best_first, last: best_last, level: sign * root * root, share }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_begins_where_the_level_changes_and_may_end_again() {
        let mut points = vec![0.5, -0.5, 0.2, 0.0];
        points.extend([9.0; 6]);
        points.extend([0.0; 3]);
        let episode = find(&points).unwrap();
        assert_eq!((episode.first, episode.last), (4, 9));
        assert!((episode.level - 9.0).abs() < 1e-9);
        assert!(find(&[0.1, -0.3, 1.0]).is_none());
        assert!(find(&[]).is_none());
        assert!(find(&[0.0, -5.0, -6.0]).unwrap().level < -5.0);
    }
}
