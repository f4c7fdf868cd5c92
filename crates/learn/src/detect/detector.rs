//! How unusual is this point? The estimator of every series: a fast band, and a long memory of what has been there.
//!
//! `Level` says where the series should be now and how wide the band is; `Novelty` says whether anything like this was ever
//! there. The score is that of the novelty where there is news. Where there is none, the begin of an excursion far outside of
//! the band is told too, though the like of it was seen before, unless it comes at its hour day by day (`Habits`).
//! Else the score lies below 1 and grows with the distance from the band's middle, so that what goes on can be ranked.

use serde::{Deserialize, Serialize};

use super::habits::Habits;
use super::level::{Level, LevelScore, Settings};
use super::novelty::{News, Novelty};
use super::words::WordsError;

/// How the words begin.
const VERSION: u64 = 2;
/// How many times as far as the edge of the band an excursion must begin to be told for itself.
const ONSET: f64 = 1.3;
/// What is nearly new ranks no higher than a point at the edge of the band.
const NEARLY_NEW: f64 = 0.5;
/// Values are cut here so that their squares stay finite.
const LARGEST: f64 = 1e150;
/// A score that is no news is at most this.
const BELOW_THRESHOLD: f64 = 0.999;

/// What is to be said of one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgment {
    /// 0 to 1e6; from 1.0 on the point is to be told: the begin of something that was not there before, or of an excursion
    /// far outside of the band. NaN for a NaN point, 0 while warming up.
    pub value: f64,
    /// The point.
    pub y: f64,
    /// The band, and in `band.value` how far outside of it the point lies for as long as it does.
    pub band: LevelScore,
    /// What is new, and where it was looked for.
    pub news: News,
}

impl Judgment {
    /// In a sentence: what is new, what the past looked like, what was expected. None while nothing is.
    pub fn explain(&self) -> Option<String> {
        if self.value.is_nan() || self.value < 1.0 {
            return None;
        }
        let LevelScore { yhat_lower, yhat_upper, .. } = self.band;
        if self.news.score < 1.0 {
            return Some(format!(
                "the value is {:.6}: {:.1} times as far from the middle as the edge of the band. Expected {yhat_lower:.6} to \
                 {yhat_upper:.6}.",
                self.y, self.band.value
            ));
        }
        let News { view, shown, lowest, highest, distance, needed, .. } = self.news;
        Some(format!(
            "{} is {shown:.6}: {distance:.6} away from everything seen in the last weeks ({lowest:.6} to {highest:.6}); \
             {needed:.6} would have been enough. Expected {yhat_lower:.6} to {yhat_upper:.6}.",
            view.describe()
        ))
    }
}

/// The estimator of one series, in at most 1 KiB.
///
/// ```
/// use learn::detect::{Detector, Settings};
///
/// let mut detector = Detector::new(Settings::default());
/// for minute in 0..500 {
///     let time = minute * 60_000;
///     detector.learn_one(time, 50.0 + (minute % 7) as f64);
/// }
/// assert!(detector.score_one(500 * 60_000, 53.0).value < 1.0);
/// let judgment = detector.score_one(500 * 60_000, 90.0);
/// assert!(judgment.value > 1.0);
/// assert!(judgment.explain().unwrap().starts_with("the value is 90"));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<u64>", try_from = "Vec<u64>")]
pub struct Detector {
    pub(super) level: Level,
    novelty: Novelty,
    habits: Habits,
}

impl Detector {
    /// Knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { level: Level::new(settings), novelty: Novelty::default(), habits: Habits::default() }
    }

    /// Judges a point whose clock shows local time. See `score_at`.
    #[inline]
    pub fn score_one(&self, time_millis: i64, x: f64) -> Judgment {
        self.score_at(time_millis, time_millis, x)
    }

    /// Takes in a point whose clock shows local time. See `learn_at`; where an excursion begins, its hour is noted, too.
    #[inline]
    pub fn learn_one(&mut self, time_millis: i64, x: f64) {
        let was_calm = self.level.is_calm();
        self.learn_at(time_millis, time_millis, x);
        if was_calm && self.level.is_outside() {
            self.note_habit(time_millis);
        }
    }

    /// Notes that the series was away from its band in a way that matters, at this local time.
    pub fn note_habit(&mut self, local_millis: i64) {
        self.habits.note(local_millis);
    }

    /// True if the series is away from its band at this time of day on most days, and showed the like of this value before.
    pub fn is_habit(&self, local_millis: i64, x: f64) -> bool {
        self.habits.has(local_millis) && self.novelty.has_seen(bounded(x))
    }

    /// Points since the level was left; 0 while the series is where it should be.
    pub fn points_away(&self) -> u32 {
        self.level.points_away()
    }

    /// The band alone, for series that are so fast that a single point never matters.
    #[inline]
    pub fn band_one(&self, time_millis: i64, x: f64) -> LevelScore {
        self.level.score_one(time_millis, x)
    }

    /// Judges a point against the points before it. Changes nothing. `local_millis` is the same instant as a clock on the
    /// wall shows it, for the rhythm of days and weeks.
    #[inline]
    pub fn score_at(&self, time_millis: i64, local_millis: i64, x: f64) -> Judgment {
        let band = self.level.score_one(time_millis, x);
        let news = self.novelty.look(local_millis, bounded(x)).news;
        Judgment { value: self.joined(local_millis, &band, &news), y: x, band, news }
    }

    /// Takes a point in. NaN, infinities and points that are not newer than the newest are ignored.
    #[inline]
    pub fn learn_at(&mut self, time_millis: i64, local_millis: i64, x: f64) {
        self.remember(time_millis, local_millis, x, Level::learn_one);
    }

    /// The same for a point that may be outside its band but does not matter to anybody. See `Level::learn_minor`.
    #[inline]
    pub fn learn_minor_at(&mut self, time_millis: i64, local_millis: i64, x: f64) {
        self.remember(time_millis, local_millis, x, Level::learn_minor);
    }

    /// True if a new level was adopted and the former one is still remembered.
    pub fn has_moved(&self) -> bool {
        self.level.has_moved()
    }

    /// True if the series has a weekly rhythm.
    pub fn is_weekly(&self) -> bool {
        self.novelty.season.is_weekly()
    }

    /// Takes back words that were written from a detector, and keeps its own settings, which may have changed since.
    ///
    /// # Errors
    /// The words are of another version or damaged; nothing is changed.
    pub fn restore(&mut self, words: &[u64]) -> Result<(), WordsError> {
        let mut level = self.level.clone();
        let restored = Self::try_from(words)?;
        level.restore(&Vec::from(&restored.level))?;
        *self = Self { level, ..restored };
        Ok(())
    }

    /// Memory of this estimator in bytes, with what it points to.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<Level>() + self.level.state_bytes()
    }

    #[inline]
    fn remember(&mut self, time_millis: i64, local_millis: i64, x: f64, learn: impl Fn(&mut Level, i64, f64)) {
        let newest = self.level.newest_millis();
        if !x.is_finite() || time_millis <= newest {
            return;
        }
        let secs = if newest == i64::MIN { 0.0 } else { time_millis.saturating_sub(newest) as f64 * 0.001 };
        let look = self.novelty.look(local_millis, bounded(x));
        self.novelty.learn(local_millis, secs, &look);
        learn(&mut self.level, time_millis, x);
    }

    /// News, or the begin of an excursion, or else how far outside of the band on a scale that ends below the threshold.
    #[inline]
    fn joined(&self, local_millis: i64, band: &LevelScore, news: &News) -> f64 {
        if band.value.is_nan() || news.score >= 1.0 {
            return if band.value.is_nan() { f64::NAN } else { news.score };
        }
        // What has crept away from a slow reference has no begin.
        let is_jump = band.value >= ONSET && band.yhat.total_cmp(&band.expected).is_eq();
        if is_jump && self.level.is_calm() && !self.habits.has(local_millis) {
            let score = self.novelty.quieted(band.value / ONSET);
            if score >= 1.0 {
                return score;
            }
        }
        (band.value / (1.0 + band.value)).max(NEARLY_NEW * news.score).min(BELOW_THRESHOLD)
    }
}

fn bounded(x: f64) -> f64 {
    if x.is_nan() { 0.0 } else { x.clamp(-LARGEST, LARGEST) }
}

impl From<Detector> for Vec<u64> {
    fn from(detector: Detector) -> Self {
        Self::from(&detector)
    }
}

impl From<&Detector> for Vec<u64> {
    fn from(detector: &Detector) -> Self {
        let mut words = vec![VERSION];
        words.extend(detector.novelty.to_words());
        words.extend(detector.habits.to_words());
        words.extend(Self::from(&detector.level));
        words
    }
}

impl TryFrom<Vec<u64>> for Detector {
    type Error = WordsError;

    fn try_from(words: Vec<u64>) -> Result<Self, WordsError> {
        Self::try_from(words.as_slice())
    }
}

impl TryFrom<&[u64]> for Detector {
    type Error = WordsError;

    fn try_from(words: &[u64]) -> Result<Self, WordsError> {
        let (version, words) = words.split_first().ok_or(WordsError::Damaged)?;
        if *version != VERSION {
            return Err(WordsError::Version(*version));
        }
        let (novelty, words) = words.split_at_checked(Novelty::WORDS).ok_or(WordsError::Damaged)?;
        let (habits, level) = words.split_at_checked(Habits::WORDS).ok_or(WordsError::Damaged)?;
        Ok(Self {
            level: Level::try_from(level)?,
            novelty: Novelty::from_words(novelty).ok_or(WordsError::Damaged)?,
            habits: Habits::from_words(habits).ok_or(WordsError::Damaged)?,
        })
    }
}

#[cfg(test)]
#[path = "detector_tests.rs"]
mod tests;
