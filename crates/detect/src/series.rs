//! What does a shard know of one series, and what does it say to the next point?

use std::time::Duration;

use learn::detect::{Counts, Detector, Judgment, News, Settings, View};
use signal::{Anomaly, AnomalyKind, Direction, Labels, Point, Role, Score, Severity, Timestamp};

use crate::account::{Candidate, Claim, Spending};
use crate::band::Band;
use crate::config::Config;
use crate::episode::{self, Episode};
use crate::learned::Hushed;
use crate::lessons::hour_of_day;
use crate::policy::{Rule, Usage, direction_of};
use crate::rate::Rate;
use crate::threshold::{Threshold, widened};

/// Everything a shard keeps of a series.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub labels: Labels,
    pub rule: Rule,
    pub detector: Detector,
    /// For counters of failures: judges them while failures are rare.
    pub counts: Option<Box<Counts>>,
    pub rate: Rate,
    pub episode: Episode,
    /// The newest verdict.
    pub score: Score,
    /// The newest point that was accepted; `Timestamp::from_millis(i64::MIN)` before the first.
    pub newest: Timestamp,
    /// The first point that was accepted.
    pub oldest: Timestamp,
    /// Points accepted.
    pub points: u32,
    /// Usual seconds between points and how much that varies.
    pub interval_secs: f64,
    pub jitter_secs: f64,
    /// Index of the owner in the shard.
    pub owner: u32,
    /// Reported as missing.
    pub is_missing: bool,
    /// The newest point was told as one of the past: nobody knows yet whether the series still comes.
    pub is_of_past: bool,
    /// Ended on purpose (stale marker).
    pub has_ended: bool,
    /// Guessed bounds were broken once, so they are none.
    pub is_unbounded: bool,
    /// Habits of the hour are learned and not told.
    has_habits: bool,
    /// The newest point was away as points of an anomaly are; it was so out of habit.
    is_away: bool,
    pub is_habit: bool,
    /// May belong to a group that is compared.
    pub is_grouped: bool,
    pub band: Option<Band>,
    /// If the threshold is not the estimator's own.
    pub threshold: Option<Box<Threshold>>,
    /// From this score on a point counts, by what people have said; 1 is usual.
    pub learned: Option<Box<Hushed>>,
    /// If there is a budget for the alerts of this series.
    pub spending: Option<Spending>,
    /// What was new about the newest point that was.
    explanation: Option<Box<str>>,
    /// An incident goes on for so long after its last symptom.
    incident_secs: f64,
}

/// What is usual at its hour is ranked below the threshold.
const HABIT_SCORE: f64 = 0.999;
/// From this interval on, what is new about a single point is enough; faster series wait for k of n points.
const SLOW_SECS: f64 = 30.0;

/// When a point was: by the clock, and as a clock on the wall shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub time: Timestamp,
    pub local_millis: i64,
}

impl Series {
    /// A series that has just been seen for the first time.
    pub fn new(labels: Labels, config: &Config) -> Self {
        let rule = Rule::of(&labels, config);
        let is_grouped = config.groups.wants(&labels, &rule);
        let has_counts = rule.role == Role::Errors && rule.is_counter;
        Self {
            detector: Detector::new(settings(&rule, config)),
            counts: has_counts.then(|| Box::new(Counts::new(config.adopt_after_secs as f32))),
            labels,
            rate: Rate::default(),
            episode: Episode::default(),
            score: Score::warming_up(f64::NAN),
            newest: Timestamp::from_millis(i64::MIN),
            oldest: Timestamp::MAX,
            points: 0,
            interval_secs: 0.0,
            jitter_secs: 0.0,
            owner: 0,
            is_missing: false,
            is_of_past: false,
            has_ended: false,
            is_unbounded: false,
            is_grouped,
            has_habits: config.habits && !matches!(rule.role, Role::Errors | Role::Availability),
            is_away: false,
            is_habit: false,
            band: None,
            threshold: Threshold::new(rule.criterion),
            learned: None,
            spending: None,
            explanation: None,
            incident_secs: f64::from(config.incidents.resolve_after_secs + config.incidents.reopen_within_secs),
            rule,
        }
    }

    /// Takes note of when a point came; returns when the one before it came.
    #[inline]
    pub fn arrive(&mut self, time: Timestamp) -> Timestamp {
        let secs = time.secs_since(self.newest);
        match self.points {
            0 => self.oldest = time,
            1 => self.interval_secs = secs,
            _ => {
                let distance = secs.min(3.0 * self.interval_secs) - self.interval_secs;
                self.interval_secs += 0.1 * distance;
                self.jitter_secs += 0.1 * (distance.abs() - self.jitter_secs);
            }
        }
        self.points = self.points.saturating_add(1);
        self.has_ended = false;
        std::mem::replace(&mut self.newest, time)
    }

    /// The value to judge: the reading, or the rate of a counter.
    #[inline]
    pub fn value(&mut self, point: Point) -> Option<f64> {
        if self.rule.is_counter { self.rate.next(point.time.millis(), point.value) } else { Some(point.value) }
    }

    /// A counter of failures that appears while others have long been watched was zero before: exporters only create it
    /// with the first failure. Without this the failure would be its own normal.
    pub fn assume_zero_before(&mut self, point: Point) {
        if self.rule.role != Role::Errors || !self.rule.is_counter {
            return;
        }
        for second in (1..=32).rev() {
            let millis = point.time.millis().saturating_sub(second * 1000);
            self.teach(Moment { time: Timestamp::from_millis(millis), local_millis: millis }, 0.0);
        }
        self.rate = Rate::from_parts((point.time.millis().saturating_sub(1000), 0.0));
    }

    /// Judges a value, and says what is wrong with it. Changes nothing but whether guessed bounds are believed.
    #[inline]
    pub fn judge(&mut self, moment: Moment, y: f64) -> (Score, Option<(AnomalyKind, Direction)>) {
        (self.is_away, self.is_habit) = (false, false);
        let millis = moment.time.millis();
        let (estimate, judgment) = match &self.counts {
            Some(counts) if counts.is_rare() => (counts.score_one(millis, y), None),
            _ if self.interval_secs < SLOW_SECS || self.threshold.is_some() => {
                (self.detector.band_one(millis, y), None)
            }
            _ => {
                let judgment = self.detector.score_at(millis, moment.local_millis, y);
                // An excursion that is no news has to last, as the policy says.
                (judgment.band, Some(judgment).filter(|it| it.news.score >= 1.0))
            }
        };
        let score = Score {
            value: estimate.value,
            is_ready: estimate.is_ready,
            is_provisional: estimate.is_provisional,
            y,
            yhat: estimate.yhat,
            yhat_lower: estimate.yhat_lower,
            yhat_upper: estimate.yhat_upper,
        };
        let score = match &mut self.threshold {
            Some(it) => it.apply(score, estimate.expected),
            None => score,
        };
        if self.is_impossible(&score) {
            let score = self.impossible_score(&score);
            let direction = direction_of(&score);
            return (score, Some((AnomalyKind::Impossible, direction)));
        }
        // What was never there before is told whatever people said of what was.
        if let Some(judgment) = judgment {
            return self.judge_news(score, &judgment);
        }
        let part = self.hushed_at(moment.time, &score);
        let score = if part > 1.0 { widened(score, part) } else { score };
        if !self.rule.accepts(&score) {
            return (score, None);
        }
        self.judge_away(moment, score)
    }

    /// The score from which a point counts, by what people have said; 1 is usual.
    pub fn hushed_at(&self, time: Timestamp, score: &Score) -> f64 {
        self.learned.as_ref().map_or(1.0, |it| it.at(direction_of(score), hour_of_day(time)))
    }

    /// A point outside of the band counts, unless the series is there at this hour day by day.
    fn judge_away(&mut self, moment: Moment, score: Score) -> (Score, Option<(AnomalyKind, Direction)>) {
        let direction = direction_of(&score);
        let (k, _) = self.rule.k_of_n(direction, self.interval_secs);
        self.is_away = self.has_habits && self.detector.points_away() + 1 >= u32::from(k);
        self.is_habit = self.has_habits && self.detector.is_habit(moment.local_millis, score.y);
        if self.is_habit && self.episode.open.is_none() {
            return (Score { value: score.value.min(HABIT_SCORE), ..score }, None);
        }
        (score, Some((AnomalyKind::Point, direction)))
    }

    /// A point that shows something new needs no second one, if the policy cares for it at all.
    fn judge_news(&mut self, score: Score, judgment: &Judgment) -> (Score, Option<(AnomalyKind, Direction)>) {
        let value = score.value.max(judgment.value);
        let News { view, shown, needed, .. } = judgment.news;
        let score = match view {
            // What is usual at this time of day is a better expectation than where the series was a moment ago.
            View::Season => {
                let yhat = score.y - shown;
                Score { value, yhat, yhat_lower: yhat - needed, yhat_upper: yhat + needed, ..score }
            }
            _ => Score { value, ..score },
        };
        let direction = direction_of(&score);
        let is_accepted = self.rule.accepts(&score);
        if is_accepted {
            self.explanation = judgment.explain().map(String::into_boxed_str);
        }
        (score, is_accepted.then_some((AnomalyKind::Novelty, direction)))
    }

    /// Lets the estimator learn. What is impossible teaches nothing; what no policy cares about is soon the new level.
    #[inline]
    pub fn learn(&mut self, moment: Moment, y: f64, anomaly: Option<(AnomalyKind, Direction)>) {
        if let Some(threshold) =
            self.threshold.as_mut().filter(|_| anomaly.is_none_or(|it| it.0 != AnomalyKind::Impossible))
        {
            threshold.learn();
        }
        if self.is_away {
            self.detector.note_habit(moment.local_millis);
        }
        match anomaly {
            Some((AnomalyKind::Impossible, _)) => {}
            Some(_) => self.teach(moment, y),
            None if self.is_habit => self.teach(moment, y),
            None => {
                self.detector.learn_minor_at(moment.time.millis(), moment.local_millis, y);
                if let Some(counts) = &mut self.counts {
                    counts.learn_one(moment.time.millis(), y);
                }
            }
        }
    }

    /// What of an anomaly the budget of the series lets through. An episode that was told goes on whatever the budget
    /// says; evidence costs nothing.
    pub fn within_budget(
        &mut self,
        time: Timestamp,
        anomaly: Option<(AnomalyKind, Direction)>,
        rehearsal: Option<&mut Vec<Candidate>>,
    ) -> Option<(AnomalyKind, Direction)> {
        let Some(spending) = &mut self.spending else { return anomaly };
        let Some((kind, direction)) = anomaly else {
            spending.pass();
            return None;
        };
        let is_impossible = kind == AnomalyKind::Impossible;
        if !is_impossible && self.rule.side(direction).usage != Usage::Symptom {
            spending.pass();
            return anomaly;
        }
        let (k, n) = self.rule.k_of_n(direction, self.interval_secs);
        let recovery_secs = f64::from(self.rule.recovery_points) * self.interval_secs;
        let claim = Claim {
            labels: &self.labels,
            time,
            until: time.plus(Duration::from_secs_f64((recovery_secs + self.incident_secs).clamp(0.0, 1e6))),
            score: self.score.value,
            is_certain: is_impossible || self.rule.severity(kind, &self.score) == Severity::Critical,
            is_immediate: kind.is_immediate(),
            k,
            n,
        };
        (spending.admits(&claim, rehearsal) || self.episode.open.is_some()).then_some((kind, direction))
    }

    /// Takes in what a point means for the episode, and tells of it.
    #[inline]
    pub fn tell(&mut self, time: Timestamp, anomaly: Option<(AnomalyKind, Direction)>) -> Option<Anomaly> {
        let news = self.episode.observe(time, anomaly, &self.rule, self.interval_secs);
        self.anomaly(time, news)
    }

    /// Ends the episode, for example because the series has ended.
    pub fn end_episode(&mut self, time: Timestamp) -> Option<Anomaly> {
        let news = self.episode.end();
        self.anomaly(time, news)
    }

    /// True if the series comes so regularly and has come so long that its absence means something.
    pub fn is_regular(&self, min_points: u32) -> bool {
        self.points >= min_points
            && self.newest.secs_since(self.oldest) >= 60.0
            && self.jitter_secs <= 0.5 * self.interval_secs
            && !self.has_ended
            && !self.rule.is_ignored()
    }

    /// An anomaly of this series as it stands.
    pub fn describe(&self, onset: Timestamp, time: Timestamp, kind: AnomalyKind, direction: Direction) -> Anomaly {
        Anomaly {
            labels: self.labels.clone(),
            kind,
            direction,
            onset,
            time,
            score: self.score.clone(),
            severity: self.rule.severity(kind, &self.score),
            is_over: false,
            explanation: self
                .explanation
                .as_deref()
                .filter(|_| kind == AnomalyKind::Novelty)
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// Memory in bytes, without the labels' text, which the series shares with others.
    pub fn bytes(&self) -> usize {
        let counts = self.counts.as_ref().map_or(0, |it| it.state_bytes());
        let band = self.band.as_ref().map_or(0, Band::bytes);
        size_of::<Self>() + self.detector.state_bytes() - size_of::<Detector>()
            + self.explanation.as_ref().map_or(0, |it| it.len())
            + counts
            + band
            + self.threshold.as_ref().map_or(0, |_| size_of::<Threshold>())
    }

    fn teach(&mut self, moment: Moment, y: f64) {
        self.detector.learn_at(moment.time.millis(), moment.local_millis, y);
        if let Some(counts) = &mut self.counts {
            counts.learn_one(moment.time.millis(), y);
        }
    }

    fn anomaly(&self, time: Timestamp, news: episode::News) -> Option<Anomaly> {
        let (open, is_over) = match news {
            episode::News::None => return None,
            episode::News::Goes(open) => (open, false),
            episode::News::Over(open) => (open, true),
        };
        let is_shift =
            is_over && matches!(open.kind, AnomalyKind::Point | AnomalyKind::Novelty) && self.detector.has_moved();
        let kind = if is_shift { AnomalyKind::LevelShift } else { open.kind };
        Some(Anomaly { is_over, ..self.describe(open.onset, time, kind, open.direction) })
    }

    #[inline]
    fn is_impossible(&mut self, score: &Score) -> bool {
        let y = score.y;
        let Rule { lowest, highest, bound_slack, .. } = self.rule;
        if self.is_unbounded || (lowest - bound_slack..=highest + bound_slack).contains(&y) || y.is_nan() {
            return false;
        }
        // A guess from the name alone must have held for a while; else the name means something different.
        self.is_unbounded = !self.rule.is_bound_certain && !score.is_ready;
        !self.is_unbounded
    }

    /// The band is the range of possible values. Nothing else is expected: what was learned says nothing about a value
    /// that cannot be.
    fn impossible_score(&self, score: &Score) -> Score {
        let y = score.y;
        let (lowest, highest) = (self.rule.lowest, self.rule.highest);
        let broken = if y < lowest { lowest } else { highest };
        let (yhat_lower, yhat_upper) =
            (if lowest.is_finite() { lowest } else { broken }, if highest.is_finite() { highest } else { broken });
        let yhat = f64::midpoint(yhat_lower, yhat_upper);
        let half = (yhat_upper - yhat_lower) / 2.0;
        let value = if half > 0.0 { (y - yhat).abs() / half } else { 2.0 };
        Score {
            value: value.max(score.value).max(1.01),
            is_ready: true,
            is_provisional: score.is_provisional,
            y,
            yhat,
            yhat_lower,
            yhat_upper,
        }
    }
}

fn settings(rule: &Rule, config: &Config) -> Settings {
    let default = Settings::default();
    Settings {
        threshold_scales: config.threshold_scales,
        tail_weight: if rule.guards_tails { default.tail_weight } else { 0.0 },
        adopt_after_secs: config.adopt_after_secs as f32,
    }
}
