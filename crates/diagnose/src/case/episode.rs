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
/// What a factor of e more beyond that adds to how far off an episode is.
const BEYOND: f64 = 0.25;

/// Whether there is an episode among points that lie between these.
pub(crate) fn can_be(bounds: &[f64]) -> bool {
    bounds.iter().any(|it| it.abs() > DRIFT)
}

/// The episode in `deviations` (widths from what is usual, in order of time); `None` if no point is off.
pub(crate) fn find(deviations: &[f64]) -> Option<Episode> {
    let [up, down] = heaviest(deviations);
    let sign = if up.sum >= down.sum { 1.0 } else { -1.0 };
    let best = if sign > 0.0 { up } else { down };
    let stretch = deviations.get(best.best_first..=best.best_last).filter(|_| best.sum > 0.0)?;
    let n_points = stretch.len() as f64;
    // The mean of roots lies between median and mean: a few extreme points count, but not alone.
    let root = stretch.iter().map(|it| far(it * sign).max(0.0).sqrt()).sum::<f64>() / n_points;
    let share = n_points / deviations.len() as f64;
    Some(Episode { first: best.best_first, last: best.best_last, level: sign * root * root, share })
}

/// Beyond the farthest, distances still have an order, so that two that are far off do not look the same.
fn far(deviation: f64) -> f64 {
    if deviation > FARTHEST { FARTHEST * (1.0 + BEYOND * (deviation / FARTHEST).ln()) } else { deviation }
}

/// A stretch with the largest sum above the drift, and the one that is being added up.
#[derive(Clone, Copy, Default)]
struct Stretch {
    sum: f64,
    best_first: usize,
    best_last: usize,
    open: f64,
    first: usize,
}

/// The heaviest stretches upward and downward (Kadane's algorithm), both in one pass.
fn heaviest(deviations: &[f64]) -> [Stretch; 2] {
    let mut stretches = [Stretch::default(); 2];
    for (idx, deviation) in deviations.iter().enumerate() {
        let [up, down] = &mut stretches;
        up.add(idx, *deviation);
        down.add(idx, -deviation);
    }
    stretches
}

impl Stretch {
    fn add(&mut self, idx: usize, deviation: f64) {
        if self.open <= 0.0 {
            (self.open, self.first) = (0.0, idx);
        }
        self.open += deviation.clamp(-FARTHEST, FARTHEST) - DRIFT;
        if self.open > self.sum {
            (self.sum, self.best_first, self.best_last) = (self.open, self.first, idx);
        }
    }
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
