//! What is to be said about each point that comes in? A shard owns the state of its series and judges their points.
//!
//! A shard belongs to one thread; nothing here locks. Series are spread over shards by the hash of their labels.

use std::collections::VecDeque;
use std::sync::Arc;

use signal::{Anomaly, Labels, Metric, Point, Score, SeriesId, SeriesMap, TimeRange, Timestamp};

use crate::account::Spending;
use crate::band::Band;
use crate::budgets::{AlertBudgets, Rehearsal};
use crate::calendar::Calendar;
use crate::config::Config;
use crate::groups::GroupSample;
use crate::missing::{self, Owner};
use crate::series::{Moment, Series};
use crate::wall_clock::WallClock;

/// Series are looked at for silence after so many seconds.
const LOOK_SECS: f64 = 5.0;
/// A longer time between two looks is taken for a pause of this program, during which nobody could be heard.
const PAUSE_SECS: f64 = 15.0;
/// A new counter of failures was zero before, if the shard has been watching for so many seconds.
const WATCHED_SECS: f64 = 120.0;
/// So many series are looked at for one whose band can be given to another.
const BANDS_LOOKED_AT: usize = 64;

/// What became of a point. Every point has exactly one fate, and each is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// Judged.
    Scored,
    /// Learned; the estimator has seen too few points to judge.
    WarmingUp,
    /// Older than the newest point of its series: neither scored nor learned.
    Late,
    /// As old as the newest point of its series: neither scored nor learned.
    Duplicate,
    /// Too far ahead of now, or no plausible time at all.
    Future,
    /// NaN: the series has ended on purpose.
    Stale,
    /// Infinite: neither scored nor learned.
    NotFinite,
    /// No policy looks at the series, or there are too many series.
    Ignored,
    /// In a maintenance window: scored, neither learned nor reported.
    Maintenance,
    /// The slot is no longer known: ask for it again by its labels.
    UnknownSlot,
}

impl Fate {
    /// All fates, in the order of their counters.
    pub const ALL: [Self; 10] = [
        Self::Scored,
        Self::WarmingUp,
        Self::Late,
        Self::Duplicate,
        Self::Future,
        Self::Stale,
        Self::NotFinite,
        Self::Ignored,
        Self::Maintenance,
        Self::UnknownSlot,
    ];

    /// Name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::WarmingUp => "warming_up",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Future => "future",
            Self::Stale => "stale",
            Self::NotFinite => "not_finite",
            Self::Ignored => "ignored",
            Self::Maintenance => "maintenance",
            Self::UnknownSlot => "unknown_slot",
        }
    }
}

/// What is said about one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Its score.
    pub score: Score,
    /// What became of it.
    pub fate: Fate,
    /// True if the point itself breaks its policy. An `Anomaly` needs k of n such points.
    pub is_anomalous: bool,
}

/// Where a series lies in its shard: saves the look-up by labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    idx: u32,
    /// Slots are used again after a series was forgotten; the generation tells the old one from the new one.
    generation: u32,
}

/// The state of many series.
pub struct Shard {
    pub(crate) config: Arc<Config>,
    calendar: Calendar,
    wall_clock: WallClock,
    budgets: Arc<AlertBudgets>,
    /// What of [`crate::Learned`] the series know.
    learned: u64,
    /// While history is replayed: what it would have alerted.
    rehearsal: Option<Rehearsal>,
    pub(crate) series: Vec<Place>,
    free: Vec<u32>,
    slots: SeriesMap<Slot>,
    owners: Vec<Owner>,
    owner_idx: SeriesMap<u32>,
    fates: [u64; Fate::ALL.len()],
    anomalies: u64,
    /// Points that were outside out of habit.
    habitual: u64,
    /// Series with a band, in the order in which they got it.
    bands: VecDeque<Slot>,
    forgotten: u64,
    first_now: Option<Timestamp>,
    looked_at: Option<Timestamp>,
    listening_since: Option<Timestamp>,
    /// What is handed over to be compared with other series; None if nobody takes it.
    samples: Option<Vec<GroupSample>>,
}

/// A place for a series.
pub(crate) struct Place {
    generation: u32,
    pub(crate) series: Option<Series>,
}

impl Shard {
    /// Knows no series yet. The configuration must be valid (`Config::validate`); what is not has no effect.
    pub fn new(config: Arc<Config>) -> Self {
        let budgets = Arc::new(AlertBudgets::new(&config));
        Self::with_budgets(config, budgets)
    }

    /// The same with budgets that are shared with other shards.
    pub fn with_budgets(config: Arc<Config>, budgets: Arc<AlertBudgets>) -> Self {
        Self {
            budgets,
            learned: 0,
            rehearsal: None,
            calendar: Calendar::new(&config.maintenance),
            wall_clock: WallClock::new(&config.time_zone),
            config,
            series: vec![],
            free: vec![],
            slots: SeriesMap::default(),
            owners: vec![],
            owner_idx: SeriesMap::default(),
            fates: [0; Fate::ALL.len()],
            anomalies: 0,
            habitual: 0,
            bands: VecDeque::new(),
            forgotten: 0,
            first_now: None,
            looked_at: None,
            listening_since: None,
            samples: None,
        }
    }

    /// From now on points are history: what they would have alerted is collected, and nothing is spent.
    pub fn begin_rehearsal(&mut self) {
        self.rehearsal = Some(Rehearsal::default());
    }

    /// History ends; hand the answer to [`AlertBudgets::rehearse`].
    pub fn end_rehearsal(&mut self) -> Rehearsal {
        self.rehearsal.take().unwrap_or_default()
    }

    /// From now on samples of grouped series are kept for [`Shard::take_samples`].
    pub fn keep_samples(&mut self) {
        self.samples.get_or_insert_default();
    }

    /// The samples since the last call, to be compared with those of other series. Call it after every batch.
    pub fn take_samples(&mut self) -> Vec<GroupSample> {
        self.samples.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Judges a point and learns from it; anomalies that begin, go on or end are appended to `out`.
    pub fn observe(&mut self, labels: &Labels, point: Point, now: Timestamp, out: &mut Vec<Anomaly>) -> Verdict {
        match self.slot(labels) {
            Some(slot) => self.observe_slot(slot, point, now, out),
            None => self.count(Fate::Ignored, point.value),
        }
    }

    /// The slot of a series, new if need be; None if there are too many series.
    pub fn slot(&mut self, labels: &Labels) -> Option<Slot> {
        if let Some(slot) = self.slots.get(&labels.id()) {
            return Some(*slot);
        }
        (self.slots.len() < self.config.max_series).then(|| self.add(Series::new(labels.clone(), &self.config)))
    }

    /// Judges a point of a known series, without a look-up and without allocating.
    pub fn observe_slot(&mut self, slot: Slot, point: Point, now: Timestamp, out: &mut Vec<Anomaly>) -> Verdict {
        let is_of_past = is_backfill(point.time, now, &self.config);
        self.take(slot, point, now, is_of_past, out)
    }

    /// Learns from a point that is told as one of the past, as when the history of a series is fetched: nothing begins
    /// or goes on because of it, nothing is spent, and a series of which only the past is known is not missing.
    pub fn observe_past(&mut self, labels: &Labels, point: Point, now: Timestamp, out: &mut Vec<Anomaly>) -> Verdict {
        let Some(slot) = self.slot(labels) else { return self.count(Fate::Ignored, point.value) };
        let verdict = self.take(slot, point, now, true, out);
        let place = self.series.get_mut(slot.idx as usize).and_then(|it| it.series.as_mut());
        place.filter(|it| it.newest == point.time).into_iter().for_each(|it| it.is_of_past = true);
        verdict
    }

    // Long because the order of its steps is how a point is judged.
    fn take(&mut self, slot: Slot, point: Point, now: Timestamp, is_of_past: bool, out: &mut Vec<Anomaly>) -> Verdict {
        let first_now = *self.first_now.get_or_insert(now);
        if self.learned != self.budgets.learned().version() {
            self.take_over_learned();
        }
        let config = &self.config;
        let place = self.series.get_mut(slot.idx as usize).filter(|it| it.generation == slot.generation);
        let Some(series) = place.and_then(|it| it.series.as_mut()) else {
            return self.count(Fate::UnknownSlot, point.value);
        };
        if let Some(fate) = refuse(series, point, now, config) {
            if fate == Fate::Stale {
                series.has_ended = true;
                out.extend(series.end_episode(point.time));
            }
            return self.count(fate, point.value);
        }
        series.is_of_past = false;
        if series.points == 0 && !is_of_past && now.secs_since(first_now) > WATCHED_SECS {
            series.assume_zero_before(point);
        }
        let before = series.arrive(point.time);
        if let Some(owner) = self.owners.get_mut(series.owner as usize) {
            missing::end(series, owner, point.time, out);
        }
        let Some(y) = series.value(point) else { return self.count(Fate::WarmingUp, point.value) };
        let mut wants_band = false;
        let moment = Moment { time: point.time, local_millis: self.wall_clock.local_millis(point.time) };
        let (score, anomaly) = series.judge(moment, y);
        let part = series.hushed_at(point.time, &score);
        if part > 1.0 && (1.0 / part..=1.0).contains(&score.value) {
            self.budgets.learned().note_held();
        }
        // What is told below describes this verdict.
        series.score.clone_from(&score);
        let is_planned = self.calendar.covers(&series.labels, point.time);
        if is_planned {
            out.extend(series.end_episode(point.time));
        } else {
            series.learn(moment, y, anomaly);
            self.habitual += u64::from(series.is_habit && anomaly.is_none());
            let anomaly = anomaly.filter(|_| !is_of_past);
            let told = out.len();
            let admitted = series.within_budget(point.time, anomaly, self.rehearsal.as_mut().map(|it| &mut it.0));
            out.extend(series.tell(point.time, admitted));
            self.anomalies += (out.len() - told) as u64;
        }
        let samples = self.samples.as_mut().filter(|_| series.is_grouped && !is_planned && !is_of_past);
        samples.into_iter().for_each(|it| it.extend(sample(series, before, y, now, config)));
        match &mut series.band {
            Some(band) => band.push(point.time, &score),
            None => wants_band = score.is_ready && (anomaly.is_some() || self.bands.len() < config.band_series),
        }
        let fate = match score.is_ready {
            _ if is_planned => Fate::Maintenance,
            true => Fate::Scored,
            false => Fate::WarmingUp,
        };
        *counter(&mut self.fates, fate) += 1;
        if wants_band {
            self.give_band(slot);
        }
        Verdict { score, fate, is_anomalous: anomaly.is_some() && !is_planned }
    }

    /// Somebody has said something: all series learn what it means for them.
    fn take_over_learned(&mut self) {
        let budgets = Arc::clone(&self.budgets);
        self.learned = budgets.learned().version();
        let series = self.series.iter_mut().filter_map(|it| it.series.as_mut());
        series.for_each(|it| it.learned = budgets.learned().of(&it.labels));
    }

    /// Looks for series that have stopped, ends what will not end by itself, and forgets series that are long gone.
    /// Call it about every second; it looks every 5 s of `now`.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Anomaly>) {
        let since_look = self.looked_at.map_or(f64::INFINITY, |it| now.secs_since(it));
        if !(0.0..=PAUSE_SECS).contains(&since_look) {
            self.listening_since = Some(now);
        }
        if (0.0..LOOK_SECS).contains(&since_look) {
            return;
        }
        self.looked_at = Some(now);
        // After a pause everybody gets the usual time to come back.
        if self.listening_since.is_some_and(|it| now.secs_since(it) < PAUSE_SECS) {
            return;
        }
        let told = out.len();
        let series = self.series.iter_mut().filter_map(|it| it.series.as_mut());
        missing::look(series, &mut self.owners, now, &self.config, out);
        self.anomalies += (out.len() - told) as u64;
        self.forget(now);
    }

    /// Nobody could be heard until now: everybody gets the usual time to come back.
    pub const fn listen_anew(&mut self, now: Timestamp) {
        self.listening_since = Some(now);
    }

    /// The newest verdict of a series.
    pub fn score(&self, id: SeriesId) -> Option<(Timestamp, Score)> {
        self.find(id).filter(|it| it.points > 0).map(|it| (it.newest, it.score.clone()))
    }

    /// The newest 120 verdicts of a series that lie in the range. Kept for the first `band_series` series; a series that
    /// becomes anomalous gets the place of one that is not.
    pub fn band(&self, id: SeriesId, range: TimeRange) -> Vec<(Timestamp, Score)> {
        self.find(id).and_then(|it| it.band.as_ref()).map(|it| it.range(range)).unwrap_or_default()
    }

    /// The series with the highest newest scores, highest first.
    pub fn highest(&self, limit: usize) -> Vec<(Labels, Timestamp, Score)> {
        let mut ranked: Vec<&Series> = self.all().filter(|it| it.score.is_ready && !it.score.value.is_nan()).collect();
        ranked.sort_by(|a, b| b.score.value.total_cmp(&a.score.value).then_with(|| a.labels.cmp(&b.labels)));
        ranked.into_iter().take(limit).map(|it| (it.labels.clone(), it.newest, it.score.clone())).collect()
    }

    /// Number of series.
    pub fn series_count(&self) -> usize {
        self.slots.len()
    }

    /// Memory of the estimators alone, in bytes: what grows with what is known of a series.
    pub fn model_bytes(&self) -> usize {
        self.all().map(|it| it.detector.state_bytes()).sum()
    }

    /// Memory of all series in bytes, with their bands, without the text of labels.
    pub fn state_bytes(&self) -> usize {
        self.all().map(Series::bytes).sum()
    }

    /// What this shard has done. A shard is no `signal::Meter` itself because it belongs to one thread.
    pub fn metrics(&self) -> Vec<Metric> {
        const POINTS: &str = "Points by what became of them.";
        let points = Fate::ALL.iter().zip(self.fates).map(|(fate, count)| {
            Metric::counter("sentinel_detect_points_total", POINTS, count).label("fate", fate.as_str())
        });
        let mut metrics: Vec<Metric> = points.collect();
        metrics.extend([
            Metric::counter(
                "sentinel_detect_anomalies_total",
                "Anomalies told, with repeats and ends.",
                self.anomalies,
            ),
            Metric::counter(
                "sentinel_detect_points_habitual_total",
                "Points outside of their band that were not told, because the series is there at this hour day by day.",
                self.habitual,
            ),
            Metric::counter(
                "sentinel_detect_series_forgotten_total",
                "Series forgotten after a long silence.",
                self.forgotten,
            ),
            Metric::gauge("sentinel_detect_series", "Series with detector state.", self.series_count() as f64),
            Metric::gauge("sentinel_detect_state_bytes", "Memory of detector state.", self.state_bytes() as f64),
        ]);
        metrics
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter_map(|it| it.series.as_ref())
    }

    pub(crate) fn add(&mut self, mut series: Series) -> Slot {
        let owner = Owner::of(&series.labels);
        series.spending = self.budgets.account(&series.labels).map(Spending::new);
        series.learned = self.budgets.learned().of(&series.labels);
        series.owner = *self.owner_idx.entry(owner.labels.id()).or_insert_with(|| {
            self.owners.push(owner);
            (self.owners.len() - 1) as u32
        });
        let id = series.labels.id();
        let idx = self.free.pop().unwrap_or_else(|| {
            self.series.push(Place { generation: 0, series: None });
            (self.series.len() - 1) as u32
        });
        let mut slot = Slot { idx, generation: 0 };
        if let Some(place) = self.series.get_mut(idx as usize) {
            slot.generation = place.generation;
            place.series = Some(series);
        }
        self.slots.insert(id, slot);
        slot
    }

    fn find(&self, id: SeriesId) -> Option<&Series> {
        let slot = self.slots.get(&id)?;
        self.series.get(slot.idx as usize)?.series.as_ref()
    }

    fn count(&mut self, fate: Fate, value: f64) -> Verdict {
        *counter(&mut self.fates, fate) += 1;
        let mut score = Score::warming_up(value);
        if value.is_nan() {
            score.value = f64::NAN;
        }
        Verdict { score, fate, is_anomalous: false }
    }

    fn forget(&mut self, now: Timestamp) {
        for (place, idx) in self.series.iter_mut().zip(0..) {
            let is_gone = |it: &mut Series| it.points > 0 && now.secs_since(it.newest) > kept_secs(it, &self.config);
            let Some(series) = place.series.take_if(is_gone) else { continue };
            place.generation = place.generation.wrapping_add(1);
            self.slots.remove(&series.labels.id());
            self.free.push(idx);
            self.forgotten += 1;
        }
        let places = &self.series;
        self.bands.retain(|slot| places.get(slot.idx as usize).is_some_and(|it| it.generation == slot.generation));
    }

    /// Gives a series a band with its newest verdict: a new one, or that of the series that has had its band longest and
    /// is not anomalous. With very many anomalous series at once there may be none to give.
    fn give_band(&mut self, slot: Slot) {
        let mut free = (self.bands.len() < self.config.band_series).then(Band::default);
        for _ in 0..self.bands.len().min(BANDS_LOOKED_AT) {
            if free.is_some() {
                break;
            }
            let Some(oldest) = self.bands.pop_front() else { break };
            match self.get_mut(oldest) {
                Some(it) if it.episode.is_anomalous() => self.bands.push_back(oldest),
                Some(it) => free = it.band.take().map(Band::emptied),
                None => free = Some(Band::default()),
            }
        }
        if let (Some(mut band), Some(series)) = (free, self.get_mut(slot)) {
            band.push(series.newest, &series.score);
            series.band = Some(band);
            self.bands.push_back(slot);
        }
    }

    fn get_mut(&mut self, slot: Slot) -> Option<&mut Series> {
        let place = self.series.get_mut(slot.idx as usize).filter(|it| it.generation == slot.generation);
        place.and_then(|it| it.series.as_mut())
    }
}

/// Seconds without a point after which a series is forgotten. How often a series comes is only known from its second point
/// on: until then it is kept for longer.
fn kept_secs(series: &Series, config: &Config) -> f64 {
    let least = f64::from(config.forget_after_secs) * if series.points < 2 { 4.0 } else { 1.0 };
    least.max(2.0 * missing::allowed_secs(series, config))
}

fn counter(fates: &mut [u64; Fate::ALL.len()], fate: Fate) -> &mut u64 {
    fates.get_mut(fate as usize).expect("there is a counter for every fate")
}

/// What is handed over to be compared: the first point of a series in each interval of sampling, unless it is history.
fn sample(series: &Series, before: Timestamp, y: f64, now: Timestamp, config: &Config) -> Option<GroupSample> {
    let sample_millis = 1000 * i64::from(config.groups.sample_secs.max(1));
    let time = series.newest;
    let is_next = before.millis().div_euclid(sample_millis) != time.millis().div_euclid(sample_millis);
    let is_history = now.secs_since(time) > f64::from(config.backfill_age_secs);
    let interval_secs = series.interval_secs as f32;
    (is_next && !is_history).then(|| GroupSample { labels: series.labels.clone(), time, y, interval_secs })
}

/// True if a point is so old that it is only learned from.
fn is_backfill(time: Timestamp, now: Timestamp, config: &Config) -> bool {
    now.millis().saturating_sub(time.millis()) > 1000 * i64::from(config.backfill_age_secs)
}

/// Why a point is not judged, or None if it is.
fn refuse(series: &Series, point: Point, now: Timestamp, config: &Config) -> Option<Fate> {
    // In whole milliseconds: every point comes here.
    let ahead_millis = point.time.millis().saturating_sub(now.millis());
    if series.rule.is_ignored() {
        Some(Fate::Ignored)
    } else if !point.time.is_plausible() || ahead_millis > 1000 * i64::from(config.future_tolerance_secs) {
        Some(Fate::Future)
    } else if point.time < series.newest {
        Some(Fate::Late)
    } else if point.time == series.newest {
        Some(Fate::Duplicate)
    } else if point.value.is_nan() {
        Some(Fate::Stale)
    } else if point.value.is_infinite() {
        Some(Fate::NotFinite)
    } else {
        None
    }
}

#[cfg(test)]
#[path = "shard_tests/mod.rs"]
mod tests;
