//! Does an event come like clockwork, and is it overdue?

use serde::{Deserialize, Serialize};

/// Gaps before anything is said.
const READY_GAPS: u32 = 30;
/// A gap is irregular if it differs by more than half from the usual one.
const TOLERANCE: f64 = 0.5;
/// At most this share of gaps may be irregular.
const IRREGULAR_SHARE: f64 = 0.05;
/// Memory in gaps.
const MEMORY: f64 = 50.0;
/// Overdue is later than so many usual gaps, and than so many times the longest one, plus so many milliseconds.
const GAPS: f64 = 4.0;
const LONGEST_GAPS: f64 = 2.0;
const SLACK_MILLIS: f64 = 5_000.0;

/// The gaps between events of one kind, such as heartbeats.
///
/// ```
/// use learn::events::Cadence;
///
/// let mut cadence = Cadence::default();
/// (0..60).for_each(|it| cadence.observe(it * 10_000));
/// assert_eq!(cadence.overdue_after_millis(), Some(45_000));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cadence {
    newest_millis: i64,
    gaps: u32,
    usual: f64,
    longest: f64,
    irregular: f64,
}

impl Cadence {
    /// An event. One that is not newer than the newest is passed over.
    pub fn observe(&mut self, time_millis: i64) {
        let gap = time_millis.saturating_sub(self.newest_millis) as f64;
        if self.newest_millis == 0 {
            self.newest_millis = time_millis;
            return;
        }
        if gap <= 0.0 {
            return;
        }
        self.newest_millis = time_millis;
        let weight = 1.0 / f64::from(self.gaps + 1).min(MEMORY);
        let is_irregular = self.gaps > 0 && (gap - self.usual).abs() > TOLERANCE * self.usual;
        self.irregular += weight * (f64::from(u8::from(is_irregular)) - self.irregular);
        // A gap that was told teaches only that gaps can be irregular.
        let is_told = self.overdue_after_millis().is_some_and(|it| gap > it as f64);
        self.gaps = self.gaps.saturating_add(1);
        if is_told {
            return;
        }
        self.usual += weight * (gap - self.usual);
        self.longest = (self.longest * 0.999).max(gap);
    }

    /// How long after the newest event the next one is overdue; None if events do not come regularly.
    pub fn overdue_after_millis(&self) -> Option<i64> {
        let is_regular = self.gaps >= READY_GAPS && self.irregular <= IRREGULAR_SHARE;
        is_regular.then(|| (GAPS * self.usual).max(LONGEST_GAPS * self.longest).mul_add(1.0, SLACK_MILLIS) as i64)
    }

    /// The usual gap in milliseconds.
    pub const fn usual_gap_millis(&self) -> f64 {
        self.usual
    }

    /// Forgets the rhythm, because it has changed for good.
    pub fn reset(&mut self) {
        *self = Self { newest_millis: self.newest_millis, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_ones_become_overdue_and_random_ones_never() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut jittered, mut poisson) = (Cadence::default(), Cadence::default());
        let (mut time, mut other) = (1_000_000, 1_000_000);
        for _ in 0..500 {
            time += random.i64(27_000..33_000);
            other += (-random.f64().max(1e-9).ln() * 30_000.0) as i64 + 1;
            jittered.observe(time);
            poisson.observe(other);
        }
        assert!((120_000..145_000).contains(&jittered.overdue_after_millis().unwrap()));
        assert_eq!(poisson.overdue_after_millis(), None);
    }

    #[test]
    fn a_pause_does_not_stretch_what_is_usual_but_several_end_it() {
        let mut cadence = Cadence::default();
        let mut time = 1;
        let mut beat = |gap: i64, count: usize, cadence: &mut Cadence| {
            for _ in 0..count {
                time += gap;
                cadence.observe(time);
            }
        };
        beat(10_000, 100, &mut cadence);
        beat(600_000, 1, &mut cadence);
        beat(10_000, 5, &mut cadence);
        assert_eq!(cadence.overdue_after_millis(), Some(45_000));
        beat(600_000, 3, &mut cadence);
        assert_eq!(cadence.overdue_after_millis(), None);
    }

    #[test]
    fn two_interleaved_clocks_are_not_one() {
        let mut cadence = Cadence::default();
        for it in 0..200 {
            cadence.observe(it * 10_000 + 1);
            cadence.observe(it * 10_000 + 1_500);
        }
        assert_eq!(cadence.overdue_after_millis(), None);
    }
}
