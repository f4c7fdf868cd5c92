//! How often did a service say one kind of line over the last half hour, and has that changed?

use std::collections::VecDeque;

use signal::{Labels, LogLevel, LogRecord, TemplateTrend, TimeRange, Timestamp};

use crate::log_habit::Habit;
use crate::log_text::shortened;

/// How lines are counted.
const BUCKET_MILLIS: i64 = 10_000;
/// For how long, in buckets: 30 minutes.
const KEPT_BUCKETS: i64 = 180;
/// Of a line kept as an example.
pub(crate) const MAX_EXAMPLE_BYTES: usize = 2000;
/// Lines that every template is assumed to have had in the window before, so that rare lines do not surge.
const PRIOR_LINES: f64 = 1.5;
/// A template surges above this ratio of rates (with the prior) ...
const SURGE_RATIO: f64 = 3.0;
/// ... and this many Poisson deviations.
const SURGE_DEVIATIONS: f64 = 4.0;
/// A template is gone if at least so many lines were to be expected.
const GONE_EXPECTED: f64 = 6.0;

/// Lines of one kind of one service.
#[derive(Debug)]
pub(crate) struct Counted {
    pub first: Timestamp,
    pub newest: Timestamp,
    pub level: LogLevel,
    pub example: String,
    pub buckets: VecDeque<Bucket>,
    /// All lines, also those that no bucket holds any more.
    pub total: u64,
    pub habit: Habit,
    /// The stream of the example.
    pub labels: Labels,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    number: i64,
    lines: u32,
    pub first: Timestamp,
    last: Timestamp,
}

impl Counted {
    pub fn new(record: &LogRecord) -> Self {
        Self {
            first: record.time,
            newest: record.time,
            level: record.level(),
            example: String::new(),
            buckets: VecDeque::new(),
            total: 0,
            habit: Habit::new(record.time.millis()),
            labels: record.labels.clone(),
        }
    }

    /// As it was before a restart; the lines of the last half hour are counted again.
    pub fn restored(
        (first, newest): (Timestamp, Timestamp),
        level: LogLevel,
        total: u64,
        example: String,
        labels: Labels,
        habit: Habit,
    ) -> Self {
        let example = shortened(&example, MAX_EXAMPLE_BYTES).to_owned();
        Self { first, newest, level, example, buckets: VecDeque::new(), total, habit, labels }
    }

    pub fn count(&mut self, record: &LogRecord) {
        let time = record.time;
        self.first = self.first.min(time);
        let number = time.millis().div_euclid(BUCKET_MILLIS);
        let place = self.buckets.partition_point(|it| it.number < number);
        match self.buckets.get_mut(place).filter(|it| it.number == number) {
            Some(bucket) => {
                bucket.lines = bucket.lines.saturating_add(1);
                bucket.first = bucket.first.min(time);
                bucket.last = bucket.last.max(time);
            }
            None => {
                self.buckets.insert(place, Bucket { number, lines: 1, first: time, last: time });
                // Once per bucket: reading the level and copying the line is dearer than counting.
                self.level = self.level.max(record.level());
                self.example = shortened(&record.line, MAX_EXAMPLE_BYTES).to_owned();
            }
        }
        self.newest = self.newest.max(time);
        let oldest = self.newest.millis().div_euclid(BUCKET_MILLIS) - KEPT_BUCKETS;
        while self.buckets.front().is_some_and(|it| it.number < oldest) {
            self.buckets.pop_front();
        }
    }

    /// Adds the counts of the same lines under another name.
    pub fn add(&mut self, other: Self) {
        if other.newest > self.newest {
            self.example = other.example;
        }
        self.first = self.first.min(other.first);
        self.newest = self.newest.max(other.newest);
        self.level = self.level.max(other.level);
        self.total = self.total.saturating_add(other.total);
        if other.habit.first_millis < self.habit.first_millis {
            self.habit = other.habit;
        }
        self.habit.novel_lines = None;
        for it in other.buckets {
            let place = self.buckets.partition_point(|bucket| bucket.number < it.number);
            match self.buckets.get_mut(place).filter(|bucket| bucket.number == it.number) {
                Some(bucket) => {
                    bucket.lines = bucket.lines.saturating_add(it.lines);
                    bucket.first = bucket.first.min(it.first);
                    bucket.last = bucket.last.max(it.last);
                }
                None => self.buckets.insert(place, it),
            }
        }
        let oldest = self.newest.millis().div_euclid(BUCKET_MILLIS) - KEPT_BUCKETS;
        self.buckets.retain(|it| it.number >= oldest);
    }

    /// What changed, lines per minute before and after, and when it began.
    pub fn change(&self, before: TimeRange, after: TimeRange) -> Option<(TemplateTrend, (f64, f64), Timestamp)> {
        let (lines_before, lines_after) = (self.lines(before), self.lines(after));
        let (secs_before, secs_after) = (secs(before), secs(after));
        let rates = (lines_before / secs_before.max(1.0) * 60.0, lines_after / secs_after.max(1.0) * 60.0);
        let share = secs_after.max(1.0) / secs_before.max(1.0);
        if self.first >= after.from {
            let enough = if self.level >= LogLevel::Fatal {
                1.0
            } else if self.level >= LogLevel::Error {
                2.0
            } else {
                3.0
            };
            let was_watched = secs_before >= secs_after.min(30.0);
            let is_new = was_watched && lines_after >= enough;
            return is_new.then_some((TemplateTrend::New, rates, self.first));
        }
        let expected = (lines_before + PRIOR_LINES) * share;
        if lines_after > expected * SURGE_RATIO
            && (lines_after - expected) / expected.max(1.0).sqrt() > SURGE_DEVIATIONS
        {
            return Some((TemplateTrend::Surging, rates, self.surge_onset(after, rates.0)?));
        }
        let is_gone = lines_after < 0.5 && lines_before * share >= GONE_EXPECTED;
        is_gone.then(|| (TemplateTrend::Gone, rates, self.last_within(before).unwrap_or(before.to)))
    }

    /// Lines in a range; of a bucket that lies across its end, the share of its time.
    pub fn lines(&self, range: TimeRange) -> f64 {
        let begin = self.buckets.partition_point(|it| it.last < range.from);
        let inside = self.buckets.iter().skip(begin).take_while(|it| it.first <= range.to);
        inside
            .map(|it| {
                let (from, to) = (it.first.max(range.from), it.last.min(range.to));
                let whole = it.last.secs_since(it.first);
                let share = if whole > 0.0 { to.secs_since(from) / whole } else { 1.0 };
                f64::from(it.lines) * share.clamp(0.0, 1.0)
            })
            .sum::<f64>()
            // The sum of no floats is -0.
            + 0.0
    }

    /// The first line of the first bucket with clearly more lines than usual.
    fn surge_onset(&self, after: TimeRange, usual_per_minute: f64) -> Option<Timestamp> {
        let usual = usual_per_minute / 60.0 * (BUCKET_MILLIS as f64 / 1000.0);
        let mut inside = self.buckets.iter().filter(|it| it.last >= after.from && it.first <= after.to);
        let found = inside.clone().find(|it| f64::from(it.lines) > usual * 2.0 + 1.0).or_else(|| inside.next());
        found.map(|it| it.first.max(after.from))
    }

    fn last_within(&self, range: TimeRange) -> Option<Timestamp> {
        self.buckets.iter().rev().find(|it| it.first <= range.to).map(|it| it.last.min(range.to))
    }
}

fn secs(range: TimeRange) -> f64 {
    range.to.secs_since(range.from).max(0.0)
}
