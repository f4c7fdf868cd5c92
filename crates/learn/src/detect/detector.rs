//! How unusual is this point? The estimator of every series: a fast band, and a long memory of what has been there.
//!
//! `Level` says where the series should be now and how wide the band is; `Novelty` says whether anything like this was ever
//! there. The score is that of the novelty where there is news. Else it lies below 1 and grows with the distance from the
//! band's middle, so that what goes on after the news can still be ranked.

use serde::{Deserialize, Serialize};

use super::level::{Level, LevelScore, Settings};
use super::novelty::{News, Novelty};
use super::words::WordsError;

/// How the words begin.
const VERSION: u64 = 1;
/// Values are cut here so that their squares stay finite.
const LARGEST: f64 = 1e150;
/// A score that is no news is at most this.
const BELOW_THRESHOLD: f64 = 0.999;

/// What is to be said of one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgment {
    /// 0 to 1e6; from 1.0 on the point is news: the begin of something that was not there before. NaN for a NaN point, 0
    /// while warming up.
    pub value: f64,
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
        let News { view, shown, lowest, highest, distance, needed, .. } = self.news;
        Some(format!(
            "{} is {shown:.6}: {distance:.6} away from everything seen in the last weeks ({lowest:.6} to {highest:.6}); \
             {needed:.6} would have been enough. Expected {:.6} to {:.6}.",
            view.describe(),
            self.band.yhat_lower,
            self.band.yhat_upper
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
}

impl Detector {
    /// Knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { level: Level::new(settings), novelty: Novelty::default() }
    }

    /// Judges a point whose clock shows local time. See `score_at`.
    #[inline]
    pub fn score_one(&self, time_millis: i64, x: f64) -> Judgment {
        self.score_at(time_millis, time_millis, x)
    }

    /// Takes in a point whose clock shows local time. See `learn_at`.
    #[inline]
    pub fn learn_one(&mut self, time_millis: i64, x: f64) {
        self.learn_at(time_millis, time_millis, x);
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
        Judgment { value: joined(&band, &news), band, news }
    }

    /// Takes a point in. NaN, infinities and points that are not newer than the newest are ignored.
    #[inline]
    pub fn learn_at(&mut self, time_millis: i64, local_millis: i64, x: f64) {
        if self.remember(time_millis, local_millis, x) {
            self.level.learn_one(time_millis, x);
        }
    }

    /// The same for a point that may be outside its band but does not matter to anybody. See `Level::learn_minor`.
    #[inline]
    pub fn learn_minor_at(&mut self, time_millis: i64, local_millis: i64, x: f64) {
        if self.remember(time_millis, local_millis, x) {
            self.level.learn_minor(time_millis, x);
        }
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
    fn remember(&mut self, time_millis: i64, local_millis: i64, x: f64) -> bool {
        let newest = self.level.newest_millis();
        if !x.is_finite() || time_millis <= newest {
            return false;
        }
        let secs = if newest == i64::MIN { 0.0 } else { time_millis.saturating_sub(newest) as f64 * 0.001 };
        let look = self.novelty.look(local_millis, bounded(x));
        self.novelty.learn(local_millis, secs, &look);
        true
    }
}

fn bounded(x: f64) -> f64 {
    if x.is_nan() { 0.0 } else { x.clamp(-LARGEST, LARGEST) }
}

/// News, or else the distance from the middle of the band on a scale that ends below the threshold.
#[inline]
fn joined(band: &LevelScore, news: &News) -> f64 {
    if band.value.is_nan() || news.score >= 1.0 {
        return if band.value.is_nan() { f64::NAN } else { news.score };
    }
    let outside = band.value / (1.0 + band.value);
    outside.max(news.score).min(BELOW_THRESHOLD)
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
        let (novelty, level) = words.split_at_checked(Novelty::WORDS).ok_or(WordsError::Damaged)?;
        Ok(Self { level: Level::try_from(level)?, novelty: Novelty::from_words(novelty).ok_or(WordsError::Damaged)? })
    }
}

#[cfg(test)]
#[path = "detector_tests.rs"]
mod tests;
