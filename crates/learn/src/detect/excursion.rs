//! Since when, and how far, has a series been away from where it used to be?

/// A stay away from the usual level.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Excursion {
    /// First point away, in milliseconds; meaningless while `points` is 0.
    pub since_millis: i64,
    /// When the distance last grew clearly, in milliseconds.
    pub extreme_millis: i64,
    /// The largest distance so far.
    pub extreme: f32,
    /// Points away; 0 means no excursion.
    pub points: u32,
}

/// The distance must grow by this share to count as still moving.
const GROWTH: f32 = 1.02;
/// Fewer points than this are never taken for a new level, however much time they span.
const MIN_POINTS: u32 = 20;

impl Excursion {
    /// True while the series is away.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.points > 0
    }

    /// Takes in a point at this distance.
    pub fn extend(&mut self, time_millis: i64, distance: f64) {
        let distance = distance.min(f64::from(f32::MAX)) as f32;
        if !self.is_on() {
            *self = Self { since_millis: time_millis, extreme_millis: time_millis, extreme: distance, points: 0 };
        }
        self.points = self.points.saturating_add(1);
        if distance > self.extreme * GROWTH {
            (self.extreme, self.extreme_millis) = (distance, time_millis);
        }
    }

    /// A point that is back: two of them outweigh four that were away, so that a single quiet point ends nothing.
    #[inline]
    pub fn shrink(&mut self) {
        self.points = if self.points > 8 { self.points.min(24) - 2 } else { self.points.saturating_sub(2) };
    }

    /// True if the new level has lasted long enough, and stands still, so that it is the level from now on.
    pub fn is_settled(&self, time_millis: i64, adopt_after_secs: f64) -> bool {
        let secs_since = |millis: i64| time_millis.saturating_sub(millis) as f64 / 1000.0;
        self.points >= MIN_POINTS
            && secs_since(self.since_millis) >= adopt_after_secs
            && secs_since(self.extreme_millis) >= adopt_after_secs / 2.0
    }
}
