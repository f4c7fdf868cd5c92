//! Are there more events than usual? For rare events, judged by their sum over the last ten seconds.
//!
//! One error says nothing and so do two; what counts is that they keep coming. The sum is compared with the usual rate on
//! the square-root scale, where a Poisson count spreads by one half whatever its mean (Anscombe, "The transformation of
//! Poisson, binomial and negative-binomial data", Biometrika 35 (1948)), widened by the dispersion of the past.
//! A point teaches when it leaves the window, and only if the window was unsuspicious, so that a fault teaches nothing.
//!
//! It fails where events are no longer rare (see [`Counts::is_rare`]): then their size says more than their number.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::excursion::Excursion;
use super::level::LevelScore;
use super::words::{Word, WordsError};

/// Seconds that are judged together, and the most points of them.
const WINDOW_SECS: f64 = 10.0;
const WINDOW_POINTS: usize = 10;
/// Intervals before the first verdict, and until it is no longer provisional.
const READY_POINTS: u32 = 15;
const MATURE_POINTS: u32 = 63;
/// Half the spread of a Poisson count on the square-root scale, times this, is the threshold.
const THRESHOLD_SPREADS: f64 = 4.0;
/// The same for the edge of the band, which is drawn over single points.
const EDGE_SPREADS: f64 = 2.0;
/// Events added to the expected ones of a window, because "never yet" is not "never".
const PSEUDO_EVENTS: f64 = 0.5;
/// Time constant of the usual rate.
const MEMORY_SECS: f64 = 300.0;
/// With more events per point than this they are not rare.
const RARE_EVENTS: f64 = 3.0;
/// Bursts in the past widen the band at most so much.
const LARGEST_DISPERSION: f64 = 10.0;
/// Rates are cut here so that their squares stay finite.
const LARGEST_RATE: f64 = 1e100;
/// No score is larger.
const LARGEST_SCORE: f64 = 1e6;
/// How the words begin.
const VERSION: u64 = 2;

/// The estimator of one counter of rare events.
///
/// ```
/// use learn::detect::Counts;
///
/// let mut counts = Counts::new(600.0);
/// for second in 0..100 {
///     // One event in 20 seconds.
///     counts.learn_one(second * 1000, if second % 20 == 0 { 1.0 } else { 0.0 });
/// }
/// // Three at once are not many; with twelve something is wrong.
/// assert!(counts.score_one(100_000, 3.0).value < 1.0);
/// assert!(counts.score_one(100_000, 12.0).value > 1.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<u64>", try_from = "Vec<u64>")]
pub struct Counts {
    adopt_after_secs: f32,
    /// Intervals taken in.
    points: u32,
    /// So many points still have to leave the window before one teaches again.
    suspicious: u32,
    newest_millis: i64,
    /// Usual events per second, how many seconds it was learned from, and variance over mean of the sums.
    rate: f64,
    known_secs: f64,
    dispersion: f64,
    /// Smoothed rate while there are too many.
    outside_rate: f64,
    outside: Excursion,
    /// The newest points, oldest first.
    bins: VecDeque<Bin>,
}

/// Events of one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bin {
    events: f64,
    secs: f64,
}

impl Counts {
    /// Knows nothing yet. After so many seconds with more events than usual their rate is the usual one.
    pub fn new(adopt_after_secs: f32) -> Self {
        Self {
            adopt_after_secs,
            points: 0,
            suspicious: 0,
            newest_millis: i64::MIN,
            rate: 0.0,
            known_secs: 0.0,
            dispersion: 1.0,
            outside_rate: 0.0,
            outside: Excursion::default(),
            bins: VecDeque::with_capacity(WINDOW_POINTS + 1),
        }
    }

    /// True while so few events are usual that their number is what counts.
    pub fn is_rare(&self) -> bool {
        let window = self.bins.iter().fold(Bin::default(), Bin::plus);
        self.rate * window.secs <= RARE_EVENTS * self.bins.len() as f64
    }

    /// Judges the rate (events per second) since the point before. Changes nothing. `yhat` is the usual rate and the band
    /// is for single points; the score is that of the window. A point without events has score 0.
    pub fn score_one(&self, time_millis: i64, rate: f64) -> LevelScore {
        let is_ready = self.points >= READY_POINTS;
        let secs = self.secs_until(time_millis);
        if !is_ready || secs <= 0.0 {
            let value = if rate.is_nan() { rate } else { 0.0 };
            return LevelScore {
                value,
                is_ready,
                is_provisional: true,
                yhat: rate,
                yhat_lower: rate,
                yhat_upper: rate,
                expected: rate,
            };
        }
        let bin = Bin { events: rate.clamp(0.0, LARGEST_RATE) * secs, secs };
        let window = self.window(bin);
        let value = if bin.events <= self.rate * secs { 0.0 } else { self.surplus(window).clamp(0.0, LARGEST_SCORE) };
        LevelScore {
            value: if rate.is_nan() { rate } else { value },
            is_ready,
            is_provisional: self.points < MATURE_POINTS,
            yhat: self.rate,
            yhat_lower: 0.0,
            expected: self.rate,
            yhat_upper: self.edge(window, THRESHOLD_SPREADS).max(self.edge(bin, EDGE_SPREADS)),
        }
    }

    /// Takes in the rate since the point before; the first point only says when counting began. Rates that are not a
    /// number and points that are not newer than the newest are ignored.
    pub fn learn_one(&mut self, time_millis: i64, rate: f64) {
        if !rate.is_finite() || time_millis <= self.newest_millis {
            return;
        }
        let (secs, is_first) = (self.secs_until(time_millis), self.newest_millis == i64::MIN);
        self.newest_millis = time_millis;
        if is_first {
            return;
        }
        let bin = Bin { events: rate.clamp(0.0, LARGEST_RATE) * secs, secs };
        let window = self.window(bin);
        self.points = self.points.saturating_add(1);
        if self.points > READY_POINTS && self.surplus(window) > 1.0 {
            self.learn_outside(time_millis, window);
        } else {
            self.suspicious = self.suspicious.saturating_sub(1);
        }
        self.bins.push_back(bin);
        let mut total = self.bins.iter().fold(Bin::default(), Bin::plus).secs;
        while let Some(oldest) = self.bins.front().copied()
            && (self.bins.len() > WINDOW_POINTS || self.bins.len() > 1 && total - oldest.secs >= WINDOW_SECS)
        {
            total -= oldest.secs;
            self.bins.pop_front();
            if self.suspicious == 0 {
                self.learn_usual(oldest, window);
            }
        }
    }

    /// Takes back words that were written from an estimator, and keeps its own setting, which may have changed since.
    ///
    /// # Errors
    /// The words are of another version or damaged; nothing is changed.
    pub fn restore(&mut self, words: &[u64]) -> Result<(), WordsError> {
        let adopt_after_secs = self.adopt_after_secs;
        *self = Self { adopt_after_secs, ..Self::try_from(words)? };
        Ok(())
    }

    /// Memory of this estimator in bytes, with what it points to.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() + self.bins.capacity() * size_of::<Bin>()
    }

    fn secs_until(&self, time_millis: i64) -> f64 {
        time_millis.saturating_sub(self.newest_millis) as f64 / 1000.0
    }

    /// The newest points with this one, as far back as the window goes.
    fn window(&self, bin: Bin) -> Bin {
        let mut window = bin;
        for it in self.bins.iter().rev().take(WINDOW_POINTS - 1) {
            if window.secs >= WINDOW_SECS {
                break;
            }
            window = window.plus(it);
        }
        window
    }

    /// Half the spread on the square-root scale. A young rate is itself uncertain.
    fn spread(&self) -> f64 {
        let youth = 1.0 + WINDOW_SECS / self.known_secs.max(1.0);
        0.5 * (self.dispersion * youth).sqrt()
    }

    fn expected_events(&self, window: Bin) -> f64 {
        self.rate * window.secs + PSEUDO_EVENTS * (window.secs / WINDOW_SECS).min(1.0)
    }

    /// The score of a window: 1.0 is the threshold; negative if there are fewer events than usual.
    fn surplus(&self, window: Bin) -> f64 {
        (window.events.sqrt() - self.expected_events(window).sqrt()) / (THRESHOLD_SPREADS * self.spread())
    }

    /// The rate at which the surplus would be so many spreads.
    fn edge(&self, window: Bin, spreads: f64) -> f64 {
        (self.expected_events(window).sqrt() + spreads * self.spread()).powi(2) / window.secs
    }

    fn learn_usual(&mut self, bin: Bin, window: Bin) {
        self.outside = Excursion::default();
        self.known_secs = (self.known_secs + bin.secs).min(MEMORY_SECS.max(bin.secs));
        let weight = bin.secs / self.known_secs;
        self.rate += weight * (bin.events / bin.secs - self.rate);
        let expected = self.rate * window.secs;
        let spread = (window.events - expected).powi(2) / (expected + PSEUDO_EVENTS);
        // Cut, so that the first seconds of a fault do not widen the band before they are suspicious.
        let spread = spread.min(LARGEST_DISPERSION);
        let weight = (bin.secs / MEMORY_SECS).min(1.0);
        self.dispersion = (self.dispersion + weight * (spread - self.dispersion)).max(1.0);
    }

    fn learn_outside(&mut self, time_millis: i64, window: Bin) {
        let now = window.events / window.secs;
        self.outside_rate =
            if self.outside.is_on() { self.outside_rate + 0.05 * (now - self.outside_rate) } else { now };
        self.outside.extend(time_millis, self.outside_rate);
        self.suspicious = WINDOW_POINTS as u32 + 1;
        if self.outside.is_settled(time_millis, f64::from(self.adopt_after_secs)) {
            (self.rate, self.known_secs, self.suspicious) = (self.outside_rate, MEMORY_SECS / 10.0, 0);
            self.outside = Excursion::default();
        }
    }
}

impl Bin {
    fn plus(self, other: &Self) -> Self {
        Self { events: self.events + other.events, secs: self.secs + other.secs }
    }
}

/// Visits every field in the order in which they are written.
macro_rules! for_each_field {
    ($it:expr, $visit:ident) => {
        $visit!($it.adopt_after_secs);
        $visit!($it.points);
        $visit!($it.suspicious);
        $visit!($it.newest_millis);
        $visit!($it.rate);
        $visit!($it.known_secs);
        $visit!($it.dispersion);
        $visit!($it.outside_rate);
        $visit!($it.outside.since_millis);
        $visit!($it.outside.extreme_millis);
        $visit!($it.outside.extreme);
        $visit!($it.outside.points);
    };
}

impl From<Counts> for Vec<u64> {
    fn from(counts: Counts) -> Self {
        Self::from(&counts)
    }
}

impl From<&Counts> for Vec<u64> {
    fn from(counts: &Counts) -> Self {
        let mut words = vec![VERSION];
        macro_rules! write_word {
            ($field:expr) => {
                words.push($field.to_word());
            };
        }
        for_each_field!(counts, write_word);
        words.extend(counts.bins.iter().flat_map(|it| [it.events.to_word(), it.secs.to_word()]));
        words
    }
}

impl TryFrom<Vec<u64>> for Counts {
    type Error = WordsError;

    fn try_from(words: Vec<u64>) -> Result<Self, WordsError> {
        Self::try_from(words.as_slice())
    }
}

impl TryFrom<&[u64]> for Counts {
    type Error = WordsError;

    fn try_from(words: &[u64]) -> Result<Self, WordsError> {
        let mut words = words.iter().copied();
        let version = words.next().ok_or(WordsError::Damaged)?;
        if version != VERSION {
            return Err(WordsError::Version(version));
        }
        let mut counts = Self::new(0.0);
        macro_rules! read_word {
            ($field:expr) => {
                $field = words.next().and_then(Word::from_word).ok_or(WordsError::Damaged)?;
            };
        }
        for_each_field!(counts, read_word);
        while let Some(events) = words.next().and_then(f64::from_word) {
            let secs = words.next().and_then(f64::from_word).filter(|it| *it > 0.0).ok_or(WordsError::Damaged)?;
            counts.bins.push_back(Bin { events, secs });
        }
        if counts.bins.len() <= WINDOW_POINTS { Ok(counts) } else { Err(WordsError::Damaged) }
    }
}

#[cfg(test)]
#[path = "counts_tests.rs"]
mod tests;
