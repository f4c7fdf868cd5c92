//! When are values of different series of the same time, and when has a deviation lasted?

use signal::Timestamp;

use crate::policy::{Rule, Usage};

/// A value counts for so many intervals.
const FRESH_INTERVALS: f64 = 2.5;
/// A deviation must last so long before it is told, and take at least and at most so many comparisons.
const SUSTAINED_SECS: f64 = 60.0;
const SUSTAINED_TICKS: (f64, f64) = (4.0, 12.0);
/// So many usual comparisons end an episode.
const RECOVERY_TICKS: u8 = 3;

/// For so many seconds a value is the newest that can be expected.
pub(crate) fn fresh_secs(interval_secs: f32, tick_secs: f64) -> f64 {
    FRESH_INTERVALS * f64::from(interval_secs).max(tick_secs).max(1.0)
}

/// The median, in whole seconds.
pub(crate) fn median_secs(intervals: impl Iterator<Item = f32>) -> f64 {
    let mut intervals: Vec<f32> = intervals.collect();
    intervals.sort_by(f32::total_cmp);
    f64::from(intervals.get(intervals.len() / 2).copied().unwrap_or(0.0)).round()
}

/// The next multiple of the interval after an instant.
pub(crate) fn next_tick(after: Timestamp, tick_secs: f64) -> Timestamp {
    let tick_millis = (1000.0 * tick_secs).max(1.0) as i64;
    Timestamp::from_millis((after.millis().div_euclid(tick_millis) + 1).saturating_mul(tick_millis))
}

/// k of n for comparisons, whatever the side.
pub(crate) fn sustained(rule: &Rule, tick_secs: f64) -> Rule {
    let k = (SUSTAINED_SECS / tick_secs).ceil().clamp(SUSTAINED_TICKS.0, SUSTAINED_TICKS.1) as u8;
    let mut rule = *rule;
    (rule.above.usage, rule.below.usage) = (Usage::Symptom, Usage::Symptom);
    (rule.k, rule.n, rule.recovery_points) = (k, k + k / 4, RECOVERY_TICKS);
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_lie_on_a_grid() {
        let next = |millis, secs| next_tick(Timestamp::from_millis(millis), secs).millis();
        assert_eq!(next(12_300, 5.0), 15_000);
        assert_eq!(next(15_000, 5.0), 20_000);
        assert_eq!(next(1, 15.0), 15_000);
        assert_eq!(median_secs([15.0, 14.9, 60.0].into_iter()), 15.0);
        assert_eq!(median_secs(std::iter::empty()), 0.0);
        assert_eq!(fresh_secs(15.0, 5.0), 37.5);
    }
}
