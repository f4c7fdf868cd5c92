//! Is this point where the series has been lately? A robust level with trend and scale, O(1) per point.
//!
//! Robust Holt smoothing with Huber-clipped updates and a bounded (biweight) scale: Gelper, Fried, Croux,
//! "Robust forecasting with exponential and Holt-Winters smoothing", Journal of Forecasting 29 (2010).
//! Around it: a floor for the scale, a guard for heavy tails (a tracked high quantile of the residuals), a slow
//! reference for ramps (`drift`), and a rule when a new level is adopted (`excursion`).
//!
//! It fails where a series has two levels it jumps between (both get tails), and a rhythm with jumps (a job every full
//! hour) is a surprise each time until its tail is learned.

use serde::{Deserialize, Serialize};

use super::drift::Drift;
use super::excursion::Excursion;
use super::start;
use super::words::{Word, WordsError};

/// Points before the first verdict.
const READY_POINTS: u32 = 16;
/// Points until the band has its normal width.
const MATURE_POINTS: u32 = 64;
/// How much wider the band of the first verdict is.
const YOUNG_WIDENING: f64 = 0.6;
/// Weight of a new point in the level, of the level's move in the trend, and of a residual in the scale.
const LEVEL_RATE: f64 = 0.15;
const TREND_RATE: f64 = 0.05;
const SCALE_RATE: f64 = 0.03;
/// Residuals are clipped at this many scales (Gelper et al. 2010); the constant makes the scale right for normal noise.
const CLIP_SCALES: f64 = 2.0;
const BIWEIGHT: f64 = 2.52;
/// The scale is never below this share of the level: half a percent is noise whatever the past says.
const RELATIVE_FLOOR: f64 = 0.005;
const ABSOLUTE_FLOOR: f64 = 1e-9;
/// The tracked quantile: a residual above it lifts it by a tenth, one below lowers it by 1/200 of that, so that it
/// rests where about 1 of 200 residuals is larger.
const TAIL_UP: f64 = 0.1;
const TAIL_DOWN: f64 = 0.0005;
/// Only the first points of a run of large residuals teach the tail: a fault must not become usual by lasting.
const TAIL_POINTS: u16 = 2;
/// Values are cut here so that their squares stay finite.
const LARGEST: f64 = 1e150;
/// No score is larger.
const LARGEST_SCORE: f64 = 1e6;
/// So many points at the former level mean that the series is back.
const RETURN_POINTS: u32 = 4;
/// So many points outside that do not matter are the new level.
const MINOR_POINTS: u32 = 30;
/// So many points in a row inside of the band end an excursion for good: a flapping one is still the same.
const CALM_POINTS: u16 = 30;
/// How the words begin.
const VERSION: u64 = 3;

/// What the user may choose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Half the width of the band, in robust standard deviations.
    pub threshold_scales: f32,
    /// The band also covers this many times the residual that 1 of 200 exceeds; 0 turns the guard off, for series
    /// whose short bursts are usual and whose policy looks at duration.
    pub tail_weight: f32,
    /// After so many seconds outside a new level is the level.
    pub adopt_after_secs: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { threshold_scales: 5.5, tail_weight: 2.2, adopt_after_secs: 600.0 }
    }
}

/// The verdict on one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelScore {
    /// 0 to 1e6; above 1.0 the point is outside the band; NaN for a NaN point; 0 while warming up.
    pub value: f64,
    /// False for the first 16 points.
    pub is_ready: bool,
    /// True until the 64th point: the band is still wide.
    pub is_provisional: bool,
    /// What was expected.
    pub yhat: f64,
    /// Lower edge of the band.
    pub yhat_lower: f64,
    /// Upper edge of the band.
    pub yhat_upper: f64,
    /// What was expected next by the fast level alone: `yhat` is the former level or the slow reference where the score
    /// was taken against that.
    pub expected: f64,
}

/// The estimator of one series.
///
/// ```
/// use learn::detect::{Level, Settings};
///
/// let mut level = Level::new(Settings::default());
/// for second in 0..20 {
///     level.learn_one(second * 1000, 50.0);
/// }
/// // The scale floor keeps noise silent; a real deviation is far outside.
/// assert!(level.score_one(20_000, 50.0001).value < 0.001);
/// assert!(level.score_one(20_000, 51.0).value < 1.0);
/// assert!(level.score_one(20_000, 80.0).value > 10.0);
/// assert!(level.score_one(20_000, f64::NAN).value.is_nan());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<u64>", try_from = "Vec<u64>")]
pub struct Level {
    settings: Settings,
    /// Points taken in since the start or since a new level was adopted.
    points: u32,
    /// Points in a row that were at the former level.
    returning: u32,
    /// Residuals above the tail, less those below it since: the length of the present run.
    large: u16,
    /// Points in a row inside of the band.
    calm: u16,
    newest_millis: i64,
    interval_secs: f64,
    level: f64,
    /// Change per point.
    trend: f64,
    scale: f64,
    /// The residual that about 1 of 200 exceeds.
    tail: f64,
    /// Where the series was before it moved; NaN if it has not moved.
    former: f64,
    /// The level and mean distance of the points outside.
    outside_level: f64,
    outside_distance: f64,
    outside: Excursion,
    drift: Drift,
    /// The first points, as distances from the very first, which `level` holds meanwhile; empty afterwards.
    start: Vec<f32>,
}

impl Level {
    /// Knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            points: 0,
            returning: 0,
            large: 0,
            calm: 0,
            newest_millis: i64::MIN,
            interval_secs: 0.0,
            level: 0.0,
            trend: 0.0,
            scale: 0.0,
            tail: 0.0,
            former: f64::NAN,
            outside_level: 0.0,
            outside_distance: 0.0,
            outside: Excursion::default(),
            drift: Drift::default(),
            start: Vec::with_capacity(READY_POINTS as usize),
        }
    }

    /// Judges a point against the points before it. Changes nothing; infinities are judged as very large numbers.
    #[inline]
    pub fn score_one(&self, time_millis: i64, x: f64) -> LevelScore {
        if self.points < READY_POINTS {
            let value = if x.is_nan() { x } else { 0.0 };
            let (is_ready, is_provisional) = (false, true);
            return LevelScore { value, is_ready, is_provisional, yhat: x, yhat_lower: x, yhat_upper: x, expected: x };
        }
        let (yhat, half) = (self.expected(time_millis), self.half_band());
        let x = x.clamp(-LARGEST, LARGEST);
        let mut verdict = self.verdict((x - yhat).abs() / half, yhat, half);
        if self.is_back(x, half) {
            verdict = self.verdict((x - self.former).abs() / half, self.former, half);
        }
        if let Some(allowance) = self.drift.allowance(self.floored_scale()) {
            let score = self.drift.distance(self.level, x) / allowance;
            if score > 1.0 && score > verdict.value {
                verdict = self.verdict(score, self.drift.reference, allowance);
            }
        }
        LevelScore { expected: yhat, ..verdict }
    }

    /// Takes a point in. NaN, infinities and points that are not newer than the newest are ignored.
    #[inline]
    pub fn learn_one(&mut self, time_millis: i64, x: f64) {
        if !x.is_finite() || time_millis <= self.newest_millis {
            return;
        }
        let x = x.clamp(-LARGEST, LARGEST);
        let expected = self.expected(time_millis);
        self.learn_interval(time_millis);
        if self.points < READY_POINTS {
            self.learn_start(x);
        } else {
            self.learn_residual(time_millis, x, expected);
        }
    }

    /// Takes in a point that may be outside its band but does not matter to anybody: such a level is adopted after a few
    /// points, so that the band follows. The slow reference stays, so that many small steps do not hide a large one.
    #[inline]
    pub fn learn_minor(&mut self, time_millis: i64, x: f64) {
        self.learn_one(time_millis, x);
        if self.outside.points >= MINOR_POINTS {
            let reference = self.drift;
            self.settle(self.outside_level, self.scale.max(1.2533 * self.outside_distance));
            self.drift = reference;
        }
    }

    /// Time of the newest point; `i64::MIN` before the first.
    pub fn newest_millis(&self) -> i64 {
        self.newest_millis
    }

    /// Usual seconds between two points; 0 before the second point.
    pub fn interval_secs(&self) -> f64 {
        self.interval_secs
    }

    /// True if a new level was adopted and the former one is still remembered.
    pub fn has_moved(&self) -> bool {
        !self.former.is_nan() && !self.outside.is_on() && !self.drift.away.is_on()
    }

    /// True if the newest points were inside of the band, so that a point outside is the begin of something.
    #[inline]
    pub fn is_calm(&self) -> bool {
        self.calm >= CALM_POINTS
    }

    /// True if the newest point was outside of the band.
    #[inline]
    pub fn is_outside(&self) -> bool {
        self.calm == 0
    }

    /// Points since the level was left; 0 while the series is where it should be.
    pub fn points_away(&self) -> u32 {
        self.outside.points
    }

    /// Takes back words that were written from an estimator, and keeps its own settings, which may have changed since.
    ///
    /// # Errors
    /// The words are of another version or damaged; nothing is changed.
    pub fn restore(&mut self, words: &[u64]) -> Result<(), WordsError> {
        let settings = self.settings;
        *self = Self { settings, ..Self::try_from(words)? };
        Ok(())
    }

    /// Memory of this estimator in bytes, with what it points to.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() + self.start.capacity() * size_of::<f32>()
    }

    #[inline]
    fn verdict(&self, score: f64, yhat: f64, half: f64) -> LevelScore {
        LevelScore {
            value: if score.is_nan() { score } else { score.min(LARGEST_SCORE) },
            is_ready: true,
            is_provisional: self.points < MATURE_POINTS,
            yhat,
            yhat_lower: yhat - half,
            yhat_upper: yhat + half,
            expected: yhat,
        }
    }

    /// The expected value. The trend rests while the series is away: it says nothing about the time after a jump.
    #[inline]
    fn expected(&self, time_millis: i64) -> f64 {
        if self.outside.is_on() || self.interval_secs <= 0.0 {
            return self.level;
        }
        self.level + self.trend * (self.secs_until(time_millis) / self.interval_secs).clamp(0.0, 3.0)
    }

    /// A product is faster than a quotient, and the last bit does not matter here.
    #[inline]
    fn secs_until(&self, time_millis: i64) -> f64 {
        time_millis.saturating_sub(self.newest_millis) as f64 * 0.001
    }

    #[inline]
    fn floored_scale(&self) -> f64 {
        self.scale.max(RELATIVE_FLOOR * self.level.abs()).max(ABSOLUTE_FLOOR)
    }

    #[inline]
    fn half_band(&self) -> f64 {
        const WIDENING_PER_POINT: f64 = YOUNG_WIDENING / (MATURE_POINTS - READY_POINTS) as f64;
        let widening = 1.0 + WIDENING_PER_POINT * f64::from(MATURE_POINTS.saturating_sub(self.points));
        let scales = f64::from(self.settings.threshold_scales) * self.floored_scale();
        widening * scales.max(f64::from(self.settings.tail_weight) * self.tail)
    }

    #[inline]
    fn is_back(&self, x: f64, half: f64) -> bool {
        (x - self.former).abs() <= half
    }

    #[inline]
    fn learn_interval(&mut self, time_millis: i64) {
        let secs = self.secs_until(time_millis);
        self.interval_secs = match self.points {
            0 => 0.0,
            1 => secs,
            // A gap counts as three intervals at most, so that an outage does not change the rhythm.
            _ => self.interval_secs + 0.1 * (secs.min(3.0 * self.interval_secs) - self.interval_secs),
        };
        self.newest_millis = time_millis;
    }

    fn learn_start(&mut self, x: f64) {
        if self.start.is_empty() {
            self.level = x;
        }
        self.start.push((x - self.level).clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32);
        self.points += 1;
        if self.points < READY_POINTS {
            return;
        }
        let points: Vec<f64> = self.start.iter().map(|it| self.level + f64::from(*it)).collect();
        let start = start::fit(&points);
        (self.level, self.trend, self.scale) = (start.level, start.slope, start.scale);
        self.tail = start.largest;
        self.drift.settle(start.level);
        self.start = Vec::new();
    }

    #[inline]
    fn learn_residual(&mut self, time_millis: i64, x: f64, expected: f64) {
        let (residual, half) = (x - expected, self.half_band());
        let is_outside = residual.abs() > half;
        self.calm = if is_outside { 0 } else { self.calm.saturating_add(1) };
        self.returning = if is_outside && self.is_back(x, half) { self.returning + 1 } else { 0 };
        if self.returning >= RETURN_POINTS {
            self.settle(self.former, self.scale);
        } else if self.returning == 0 {
            if is_outside {
                self.learn_outside(time_millis, x, residual)
            } else {
                self.learn_inside(expected, residual)
            }
            self.learn_drift(time_millis);
        }
    }

    #[inline]
    fn learn_inside(&mut self, expected: f64, residual: f64) {
        self.outside.shrink();
        self.points = self.points.saturating_add(1);
        let scale = self.floored_scale();
        let clipped = residual.clamp(-CLIP_SCALES * scale, CLIP_SCALES * scale);
        self.level = expected + LEVEL_RATE * clipped;
        self.trend += LEVEL_RATE * TREND_RATE * clipped;
        // Below a tenth of the floor the scale could not grow again.
        let scale = self.scale.max(scale / 10.0);
        let bounded = BIWEIGHT * (1.0 - (1.0 - (residual / (CLIP_SCALES * scale)).powi(2).min(1.0)).powi(3));
        // The square root of 1 + growth by its series: growth is so small that the rest is below 1e-5.
        let growth = SCALE_RATE * (bounded - 1.0);
        self.scale = scale * (1.0 + growth * (0.5 - 0.125 * growth));
        self.learn_tail(residual.abs());
    }

    #[inline]
    fn learn_tail(&mut self, distance: f64) {
        if distance <= self.tail {
            self.tail *= 1.0 - TAIL_DOWN;
            self.large = self.large.saturating_sub(1);
            return;
        }
        self.large = (self.large + 1).min(4 * TAIL_POINTS);
        if self.large <= TAIL_POINTS {
            self.tail = (self.tail * (1.0 + TAIL_UP)).max(self.tail + 0.1 * distance).min(distance);
        }
    }

    fn learn_outside(&mut self, time_millis: i64, x: f64, residual: f64) {
        self.learn_tail(residual.abs());
        if !self.outside.is_on() {
            (self.outside_level, self.outside_distance) = (x, 0.0);
        }
        let distance = x - self.outside_level;
        self.outside_level += 0.05 * distance;
        self.outside_distance += 0.05 * (distance.abs() - self.outside_distance);
        self.outside.extend(time_millis, residual.abs());
        if self.outside.is_settled(time_millis, f64::from(self.settings.adopt_after_secs)) {
            let former = self.level;
            self.settle(self.outside_level, self.scale.max(1.2533 * self.outside_distance));
            self.former = former;
        }
    }

    /// A usual level also moves the slow reference; while the series is outside, both stand still.
    #[inline]
    fn learn_drift(&mut self, time_millis: i64) {
        if self.outside.is_on() {
            return;
        }
        let was_away = self.drift.away.is_on();
        let adopt_after_secs = f64::from(self.settings.adopt_after_secs);
        let is_settled = self.drift.learn(time_millis, self.level, self.floored_scale(), adopt_after_secs);
        if is_settled {
            self.former = self.drift.reference;
            self.drift.settle(self.level);
        } else if self.drift.away.is_on() {
            self.former = self.drift.reference;
        } else if was_away {
            self.former = f64::NAN;
        }
    }

    /// Goes on from a new level, young again so that it is soon learned well.
    fn settle(&mut self, level: f64, scale: f64) {
        (self.level, self.trend, self.scale) = (level, 0.0, scale);
        (self.points, self.returning, self.former) = (READY_POINTS, 0, f64::NAN);
        self.outside = Excursion::default();
        self.drift.settle(level);
    }
}

/// Visits every field in the order in which they are written.
macro_rules! for_each_field {
    ($it:expr, $visit:ident) => {
        $visit!($it.settings.threshold_scales);
        $visit!($it.settings.tail_weight);
        $visit!($it.settings.adopt_after_secs);
        $visit!($it.points);
        $visit!($it.returning);
        $visit!($it.large);
        $visit!($it.calm);
        $visit!($it.newest_millis);
        $visit!($it.interval_secs);
        $visit!($it.level);
        $visit!($it.trend);
        $visit!($it.scale);
        $visit!($it.tail);
        $visit!($it.former);
        $visit!($it.outside_level);
        $visit!($it.outside_distance);
        $visit!($it.outside.since_millis);
        $visit!($it.outside.extreme_millis);
        $visit!($it.outside.extreme);
        $visit!($it.outside.points);
        $visit!($it.drift.reference);
        $visit!($it.drift.newest);
        $visit!($it.drift.newer);
        $visit!($it.drift.usual);
        $visit!($it.drift.lowest);
        $visit!($it.drift.highest);
        $visit!($it.drift.newer_range);
        $visit!($it.drift.usual_range);
        $visit!($it.drift.points);
        $visit!($it.drift.away.since_millis);
        $visit!($it.drift.away.extreme_millis);
        $visit!($it.drift.away.extreme);
        $visit!($it.drift.away.points);
    };
}

impl From<Level> for Vec<u64> {
    fn from(level: Level) -> Self {
        Self::from(&level)
    }
}

impl From<&Level> for Vec<u64> {
    fn from(level: &Level) -> Self {
        let mut words = vec![VERSION];
        macro_rules! write_word {
            ($field:expr) => {
                words.push($field.to_word());
            };
        }
        for_each_field!(level, write_word);
        words.extend(level.start.iter().map(Word::to_word));
        words
    }
}

impl TryFrom<Vec<u64>> for Level {
    type Error = WordsError;

    fn try_from(words: Vec<u64>) -> Result<Self, WordsError> {
        Self::try_from(words.as_slice())
    }
}

impl TryFrom<&[u64]> for Level {
    type Error = WordsError;

    fn try_from(words: &[u64]) -> Result<Self, WordsError> {
        let mut words = words.iter().copied();
        let version = words.next().ok_or(WordsError::Damaged)?;
        if version != VERSION {
            return Err(WordsError::Version(version));
        }
        let mut level = Self::new(Settings::default());
        macro_rules! read_word {
            ($field:expr) => {
                $field = words.next().and_then(Word::from_word).ok_or(WordsError::Damaged)?;
            };
        }
        for_each_field!(level, read_word);
        level.start.extend(words.filter_map(f32::from_word).take(READY_POINTS as usize));
        if level.start.is_empty() {
            level.start = Vec::new();
        }
        let expected = if level.points < READY_POINTS { level.points as usize } else { 0 };
        if level.start.len() == expected { Ok(level) } else { Err(WordsError::Damaged) }
    }
}

#[cfg(test)]
#[path = "level_tests.rs"]
mod tests;
