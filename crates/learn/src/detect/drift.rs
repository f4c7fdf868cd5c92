//! Has the level crept away? A slow reference against the fast level, so that a ramp is seen although the level follows.
//!
//! The distance between the two is compared with the distances that were usual: the largest of past blocks, slowly
//! forgotten. The newest two blocks do not count, so that a ramp does not excuse itself. A daily rhythm widens the usual
//! distance; a series that was flat has none. The idea is that of CUSUM (Page 1954) with a learned allowance.

use super::excursion::Excursion;

/// Points before the usual distance is believed.
const READY_POINTS: u32 = 300;
/// Time constant of the reference, in points.
const MEMORY_POINTS: u32 = 300;
/// Points of a block.
const BLOCK_POINTS: u32 = 60;
/// What a block leaves of the usual distance: half is forgotten in about an hour of 1 s data.
const BLOCK_KEEP: f64 = 0.99;
/// How many times the usual distance is unusual.
const ALLOWANCE: f64 = 2.5;
/// Until this age a whole rhythm may not have been seen: there the range of the level counts too, twice.
const YOUNG_POINTS: u32 = 1200;
const YOUNG_ALLOWANCE: f64 = 2.0;
/// The distance is never unusual below this many scales, nor below this share of the reference.
const MIN_SCALES: f64 = 3.0;
const MIN_SHARE: f64 = 0.03;

/// The slow reference and how far the level usually is from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Drift {
    /// The slow reference.
    pub reference: f64,
    /// Largest distance in this block, the block before, and all older ones.
    pub newest: f64,
    pub newer: f64,
    pub usual: f64,
    /// Lowest and highest level since the start, and their range when this block and the one before began.
    pub lowest: f64,
    pub highest: f64,
    pub newer_range: f32,
    pub usual_range: f32,
    /// Points learned.
    pub points: u32,
    /// Set while the level is away from the reference, which then stands still.
    pub away: Excursion,
}

impl Drift {
    /// Starts, or starts again, at a level. What was usual is kept.
    pub fn settle(&mut self, level: f64) {
        (self.reference, self.away) = (level, Excursion::default());
        (self.newest, self.newer) = (0.0, 0.0);
        (self.lowest, self.highest, self.newer_range, self.usual_range) = (level, level, 0.0, 0.0);
    }

    /// Half the width of the band around the reference; None while there is too little to compare with.
    #[inline]
    pub fn allowance(&self, scale: f64) -> Option<f64> {
        let floor = (MIN_SCALES * scale).max(MIN_SHARE * self.reference.abs());
        let range = if self.points < YOUNG_POINTS { YOUNG_ALLOWANCE * f64::from(self.usual_range) } else { 0.0 };
        (self.points >= READY_POINTS).then_some((ALLOWANCE * self.usual).max(range).max(floor))
    }

    /// The distance that both the level and the point agree on; 0 if they lie on different sides of the reference.
    #[inline]
    pub fn distance(&self, level: f64, x: f64) -> f64 {
        let (slow, now) = (level - self.reference, x - self.reference);
        if slow * now > 0.0 { slow.abs().min(now.abs()) } else { 0.0 }
    }

    /// Takes in the level after a usual point. Returns true when a long stay away has become the new reference.
    #[inline]
    pub fn learn(&mut self, time_millis: i64, level: f64, scale: f64, adopt_after_secs: f64) -> bool {
        let distance = (level - self.reference).abs();
        if let Some(allowance) = self.allowance(scale)
            && (distance > allowance || self.away.is_on() && distance > allowance / 2.0)
        {
            self.away.extend(time_millis, distance);
            return self.away.is_settled(time_millis, adopt_after_secs);
        }
        self.away = Excursion::default();
        self.points = self.points.saturating_add(1);
        let is_young = self.points < MEMORY_POINTS;
        let weight = if is_young { 1.0 / f64::from(self.points) } else { 1.0 / f64::from(MEMORY_POINTS) };
        self.reference += (level - self.reference) * weight;
        self.newest = self.newest.max(distance);
        (self.lowest, self.highest) = (self.lowest.min(level), self.highest.max(level));
        if self.points.is_multiple_of(BLOCK_POINTS) {
            self.usual = (self.usual * BLOCK_KEEP).max(self.newer);
            (self.newer, self.newest) = (self.newest, 0.0);
            (self.usual_range, self.newer_range) = (self.newer_range, (self.highest - self.lowest) as f32);
        }
        false
    }
}
