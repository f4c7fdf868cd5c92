//! Has anything like this been there before? One alarm for each thing that is new about a series.
//!
//! Each view of the series (`views`) has a map of the values it took (`seen`). A point is news if a view shows a value that
//! is farther from everything seen before than a share of the range seen, and than a share of the largest such distance
//! there ever was: a series that surprises often must surprise more. Both shares are the same for all series and views.
//! An alarm is followed by a rest, and raises the bar for a day; what lasts is seen from then on, so that a new level is
//! told once and a nightly job is learned after one night.
//!
//! The idea is that of novelty detection by the distance to the nearest neighbor (Hautamaki et al., "Outlier detection using
//! k-nearest neighbour graph", ICPR 2004; Clifton, Hugueny, Tarassenko, "Novelty detection with multivariate extreme value
//! statistics", J. Signal Processing Systems 2011) in one dimension per view, where a bit set answers it in O(1).
//!
//! It fails where a fault only takes values that are usual, at a usual time, one after the other in an unusual order.

use super::season::Season;
use super::seen::{Gap, Seen};
use super::views::{N_VIEWS, Sight, View, Views};

/// A new value lies at least this share of the range away from all others ...
const RANGE_SHARE: f64 = 0.04;
/// ... more while the view has shown little that is independent: `1 + YOUTH / sqrt(looks)` times as much ...
const YOUTH: f64 = 10.0;
/// A look takes as many points as the view remembers, and half an hour, or this many points where they come faster: on its
/// first day each hour of a daily rhythm is new, however many points there are.
const LOOK_SECS: f64 = 1800.0;
const LOOK_POINTS: f64 = 30.0;
/// ... and at least this share of the largest such distance so far.
const RECORD_SHARE: f64 = 0.3;
/// The range is never taken for less than this share of the value: nobody wants to hear of 0.4 %.
const LEAST_RANGE: f64 = 0.1;
const TINY: f64 = 1e-9;
/// Points before the first verdict, and before distances count as records.
const READY_POINTS: u32 = 20;
const RECORD_POINTS: u32 = 10;
/// The season's view is tried for a whole day once the profile is known.
const SEASON_LOOKS: f32 = 48.0;
/// Points of rest after an alarm, and of rest for a view as a multiple of its memory, in which what was told is still seen.
const REST_POINTS: u32 = 100;
const REST_MEMORIES: u32 = 3;
/// A rest ends after five days even where a point is a day.
const REST_STEP_SECS: f64 = 4320.0;
/// From this score on a point is news even during a rest.
const WAKING_SCORE: f64 = 8.0;
/// What an alarm adds to the bar, and how fast that fades.
const BAR: f32 = 0.1;
const BAR_HALF_LIFE_SECS: f64 = 86_400.0;
/// How fast the largest distance fades.
const RECORD_HALF_LIFE_SECS: f64 = 28.0 * 86_400.0;
/// More looks than this (two years of them) are not told apart, so that a float can count them.
const MOST_LOOKS: f32 = 35_000.0;
/// What has not been there for one to two of these is new again.
const GENERATION_SECS: f32 = 28.0 * 86_400.0;
/// A longer silence counts as this long, so that an outage does not make everything new.
const LONGEST_STEP_SECS: f64 = 86_400.0;
/// No score is larger.
const LARGEST_SCORE: f64 = 1e6;
/// Below this the unit of the largest distances is set back to 1.
const SMALLEST_UNIT: f64 = 1e-6;

/// What is new about a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct News {
    /// 1.0 is the threshold; it is only reached at the begin of something new.
    pub score: f64,
    /// The view with the highest score.
    pub view: View,
    /// What the view shows, and the range of what it showed before.
    pub shown: f64,
    /// Lowest value that the view showed before.
    pub lowest: f64,
    /// Highest value that the view showed before.
    pub highest: f64,
    /// Distance to the nearest value that was shown before.
    pub distance: f64,
    /// The distance from which on it is news.
    pub needed: f64,
}

/// Memory of what was there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Novelty {
    seen: [Seen; N_VIEWS],
    pub views: Views,
    pub season: Season,
    /// Unit of the largest distances; it shrinks with time instead of all of them.
    unit: f64,
    generation_secs: f32,
    /// Looks so far, and those of the season's view.
    looks: f32,
    season_looks: f32,
    /// Points since the newest alarm, counted more than once if they are far apart; `u32::MAX` before the first.
    since_alarm: u32,
    bar: f32,
}

impl Default for Novelty {
    fn default() -> Self {
        Self {
            seen: [Seen::default(); N_VIEWS],
            views: Views::default(),
            season: Season::default(),
            unit: 1.0,
            generation_secs: 0.0,
            looks: 0.0,
            season_looks: 0.0,
            since_alarm: u32::MAX,
            bar: 0.0,
        }
    }
}

/// A point as it looks before it is taken in.
pub(super) struct Look {
    sight: Sight,
    distances: [f64; N_VIEWS],
    pub news: News,
}

impl Novelty {
    /// Judges a finite value at a local time. Changes nothing.
    #[inline]
    pub fn look(&self, local_millis: i64, x: f64) -> Look {
        let distance = self.season.usual(local_millis).map_or(f64::NAN, |(low, high)| x - x.clamp(low, high));
        let sight = self.views.look(x, distance);
        let least_range = (LEAST_RANGE * x.abs()).max(TINY);
        let mut look = Look { sight, distances: [0.0; N_VIEWS], news: quiet(x) };
        let seen = self.seen.iter().zip(sight.views).zip(View::ALL).zip(&mut look.distances);
        for (((seen, shown), view), distance) in seen {
            if !shown.is_finite() {
                continue;
            }
            let gap = seen.gap(shown);
            *distance = gap.distance;
            if gap.distance > 0.0 && self.is_ready(view) {
                let record = RECORD_SHARE * f64::from(seen.largest) * self.unit;
                let needed = (self.share(view) * gap.range().max(least_range)).max(record);
                look.news = louder(look.news, view, shown, &gap, needed);
            }
        }
        look.news.score = self.quieted(look.news.score);
        look
    }

    /// True if a value is no farther than the smallest distance that counts from one that was there before.
    pub fn has_seen(&self, x: f64) -> bool {
        let [values, ..] = &self.seen;
        let gap = values.gap(x);
        !values.is_empty() && gap.distance <= RANGE_SHARE * gap.range()
    }

    /// Takes a point in, so many seconds after the one before.
    #[inline]
    pub fn learn(&mut self, local_millis: i64, secs: f64, look: &Look) {
        let [x, ..] = look.sight.views;
        self.age(secs.clamp(0.0, LONGEST_STEP_SECS));
        if look.news.score >= 1.0 {
            (self.since_alarm, self.bar) = (0, self.bar + BAR);
        }
        if self.views.points + 1 > RECORD_POINTS {
            for (seen, distance) in self.seen.iter_mut().zip(look.distances).filter(|it| it.1 > 0.0) {
                seen.largest = seen.largest.max((distance / self.unit) as f32);
            }
        }
        let [.., season] = look.sight.views;
        let part = (secs / LOOK_SECS).min(1.0);
        self.looks = (self.looks + part.max(1.0 / LOOK_POINTS) as f32).min(MOST_LOOKS);
        if season.is_finite() {
            self.season_looks = (self.season_looks + part as f32).min(MOST_LOOKS);
        }
        self.views.learn(&look.sight, &mut self.seen);
        self.season.learn(local_millis, x);
    }

    /// As numbers that can be stored.
    pub fn to_words(&self) -> Vec<u64> {
        let mut words: Vec<u64> = self.seen.iter().flat_map(|it| it.to_parts()).collect();
        words.extend(self.views.to_words());
        words.extend(self.season.to_words());
        words.push(self.unit.to_bits());
        let floats = [self.generation_secs, self.looks, self.season_looks, self.bar].map(f32::to_bits);
        words.extend(floats.map(u64::from));
        words.push(u64::from(self.since_alarm));
        words
    }

    /// How many words `to_words` gives.
    pub const WORDS: usize = 7 * N_VIEWS + Views::WORDS + Season::WORDS + 6;

    /// From such numbers; None if they cannot be.
    pub fn from_words(words: &[u64]) -> Option<Self> {
        let mut novelty = Self::default();
        let (seen, words) = words.split_at_checked(7 * N_VIEWS)?;
        for (place, parts) in novelty.seen.iter_mut().zip(seen.as_chunks::<7>().0) {
            *place = Seen::from_parts(*parts)?;
        }
        let (views, words) = words.split_at_checked(Views::WORDS)?;
        let (season, words) = words.split_at_checked(Season::WORDS)?;
        let [unit, generation_secs, looks, season_looks, bar, since_alarm] = words.try_into().ok()?;
        novelty.views = Views::from_words(views)?;
        novelty.season = Season::from_words(season)?;
        novelty.unit = Some(f64::from_bits(unit)).filter(|it| *it > 0.0 && *it <= 1.0)?;
        let amount = |word: u64| Some(f32::from_bits(u32::try_from(word).ok()?)).filter(|it| *it >= 0.0);
        (novelty.generation_secs, novelty.bar) = (amount(generation_secs)?, amount(bar)?);
        (novelty.looks, novelty.season_looks) = (amount(looks)?, amount(season_looks)?);
        novelty.since_alarm = u32::try_from(since_alarm).ok()?;
        Some(novelty)
    }

    fn is_ready(&self, view: View) -> bool {
        let is_known = match view {
            View::Season => self.season_looks >= SEASON_LOOKS,
            _ => self.views.points >= READY_POINTS,
        };
        is_known && self.since_alarm >= REST_MEMORIES * view.memory_points()
    }

    /// The share of the range that a new value must lie away.
    fn share(&self, view: View) -> f64 {
        let looks = match view {
            View::Season => f64::from(self.season_looks),
            _ => f64::from(self.looks).min(f64::from(self.views.points) / f64::from(view.memory_points())),
        };
        RANGE_SHARE * (1.0 + YOUTH / looks.sqrt())
    }

    /// A score under the raised bar, and below the threshold during a rest unless it is very high.
    pub fn quieted(&self, score: f64) -> f64 {
        let score = score / (1.0 + f64::from(self.bar));
        if self.since_alarm < REST_POINTS && score < WAKING_SCORE { score.min(0.999) } else { score }
    }

    #[inline]
    fn age(&mut self, secs: f64) {
        self.since_alarm = self.since_alarm.saturating_add(((secs / REST_STEP_SECS) as u32).max(1));
        if self.bar > 0.0 {
            self.bar *= faded(secs / BAR_HALF_LIFE_SECS) as f32;
        }
        self.unit *= faded(secs / RECORD_HALF_LIFE_SECS);
        self.generation_secs += secs as f32;
        if self.generation_secs > GENERATION_SECS || self.unit < SMALLEST_UNIT {
            self.turn();
        }
    }

    #[cold]
    fn turn(&mut self) {
        self.generation_secs = 0.0;
        for seen in &mut self.seen {
            seen.turn();
            seen.largest = (f64::from(seen.largest) * self.unit) as f32;
        }
        self.unit = 1.0;
    }
}

/// What is left after so many half-lives; by its series where they are few.
#[inline]
fn faded(half_lives: f64) -> f64 {
    let exponent = -std::f64::consts::LN_2 * half_lives;
    if half_lives < 0.01 { 1.0 + exponent * (1.0 + 0.5 * exponent) } else { exponent.exp() }
}

fn quiet(x: f64) -> News {
    News { score: 0.0, view: View::Value, shown: x, lowest: x, highest: x, distance: 0.0, needed: 0.0 }
}

#[inline]
fn louder(news: News, view: View, shown: f64, gap: &Gap, needed: f64) -> News {
    let score = (gap.distance / needed).min(LARGEST_SCORE);
    if score <= news.score {
        return news;
    }
    News { score, view, shown, lowest: gap.lowest, highest: gap.highest, distance: gap.distance, needed }
}
