//! How high could the threshold be and this would still alert? The k-th highest of the last n points, on a scale of 15.
//!
//! Thresholds are tried on a ladder of 15 rungs from 1.0 to the score that always passes, equal steps of the logarithm.
//! Each point keeps the number of rungs that it exceeds in four bits; k of n points hold at a rung if the k-th highest
//! of the last n does.

/// Rungs of a ladder.
pub(crate) const RUNGS: usize = 15;
/// The level of a point that exceeds every rung.
pub(crate) const TOP: u8 = RUNGS as u8;

/// The threshold at a rung; rung 0 is 1.0 and the last one is `always_above`.
pub(crate) fn threshold(rung: u8, always_above: f64) -> f64 {
    always_above.powf(f64::from(rung.min(TOP - 1)) / (RUNGS - 1) as f64)
}

/// The number of rungs that a score exceeds: 0 up to 1.0, 15 above `always_above`.
pub(crate) fn level(score: f64, always_above: f64) -> u8 {
    // Few points are above 1.0 at all; NaN is above nothing.
    (0..TOP).take_while(|rung| score > threshold(*rung, always_above)).count() as u8
}

/// The levels of the last 32 points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ladder(u128);

impl Ladder {
    /// Takes in the level of a point.
    #[inline]
    pub fn push(&mut self, level: u8) {
        self.0 = self.0 << 4 | u128::from(level.min(TOP));
    }

    /// The highest level that `k` of the last `n` points reach.
    pub fn sustained(self, k: u8, n: u8) -> u8 {
        let mut counts = [0_u8; RUNGS + 1];
        for idx in 0..u32::from(n.clamp(1, 32)) {
            let level = (self.0 >> (4 * idx) & 0xf) as usize;
            if let Some(count) = counts.get_mut(level) {
                *count += 1;
            }
        }
        let mut reached = 0;
        for (level, count) in (0..=TOP).zip(counts).rev() {
            reached += count;
            if reached >= k.max(1) {
                return level;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_the_rungs_below_a_score() {
        assert_eq!(
            [0.0, 1.0, 1.01, 10.0, 10.1, f64::INFINITY, f64::NAN].map(|it| level(it, 10.0)),
            [0, 0, 1, 14, 15, 15, 0]
        );
        assert!((threshold(7, 10.0) - 10_f64.sqrt()).abs() < 1e-12);
        assert_eq!(threshold(200, 10.0), 10.0);
    }

    #[test]
    fn the_k_th_highest_of_the_last_n_is_sustained() {
        let mut ladder = Ladder::default();
        for level in [9, 0, 3, 0, 5] {
            ladder.push(level);
        }
        assert_eq!([1, 2, 3, 4].map(|k| ladder.sustained(k, 5)), [9, 5, 3, 0]);
        assert_eq!(ladder.sustained(1, 4), 5);
        assert_eq!(ladder.sustained(2, 32), 5);
        (0..32).for_each(|_| ladder.push(200));
        assert_eq!(ladder.sustained(32, 32), TOP);
    }
}
