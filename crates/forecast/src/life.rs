//! What does the model of one series do: wait, learn, forecast, learn anew, or fail and recover?
//!
//! Time and values come in as arguments; what shall be trained goes out as a job, and what came of it comes back in.
//!
//! ```text
//! waiting --enough values--> training --better--> inferring --drift, schedule, a person--> retraining --+
//!    ^                          |                   ^   |                                               |
//!    |                        failed            done|   |five forecasts failed                          |
//!    |                          v                   |   v                                               |
//!    +----no values left----- error --after a while-+--error <-------------------- failed --------------+
//! ```
//!
//! While it is trained, and also in the state of error, the version that serves goes on forecasting if it can.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use learn::forecast::Regular;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use signal::{Labels, Timestamp};

use crate::artifact;
use crate::candidate::Candidate;
use crate::drift::{Drift, DriftMeter, DriftStatus};
use crate::outlook::{Crossing, Forecast};
use crate::period::period_text;
use crate::registry::{Policy, Registry, Status, Version, VersionError};
use crate::training::{Job, Outcome, Trained, Trial};
use crate::watch::Watch;

/// Forecasts that may fail before it is an error.
const MOST_FAILURES: u32 = 5;
/// The first wait after a training failed; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Values that a first training needs at least.
const LEAST_VALUES: usize = 16;

/// What it does. The numbers are those of `predictivex_model_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// For values.
    Waiting = 0,
    /// For the first time.
    Training = 1,
    /// It forecasts.
    Inferring = 2,
    /// It forecasts and learns anew.
    Retraining = 3,
    /// Training or forecasting fails.
    Error = 4,
}

/// Whether the crossing of a limit is told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Alarm {
    /// It is told.
    pub is_firing: bool,
    /// Since when, in seconds.
    pub since_secs: i64,
    /// Forecasts in a row that speak against the present state.
    n_against: u32,
}

/// Forecasts in a row after which an alarm begins, and after which it ends.
const BEGINS_AFTER: u32 = 2;
const ENDS_AFTER: u32 = 3;
/// It goes on while the probability is at least this share of the one at which it began.
const GOES_ON: f64 = 0.8;

/// A version that serves.
struct Champion {
    version: String,
    trained: Arc<Trained>,
    /// The model with all that came since.
    live: Box<dyn Candidate>,
}

/// Something fails.
#[derive(Clone, Debug, Default)]
struct Trouble {
    /// Why, the newest.
    reason: String,
    /// Trainings that failed in a row.
    trainings: u32,
    /// Forecasts that failed in a row.
    forecasts: u32,
    /// When training is tried again.
    retry_at: Option<Timestamp>,
}

/// Why it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A person asked for it.
    Manual,
    /// There is no version yet.
    ColdStart,
    /// It failed before, or what serves cannot forecast.
    Recovery,
    /// Drift.
    Drift,
    /// There is twice as much history as the version that serves has learned from.
    Growth,
    /// The schedule.
    Schedule,
}

/// A training that is under way.
#[derive(Clone, Copy, Debug)]
struct Ticket {
    policy: Policy,
    drift: Option<f64>,
    since: Timestamp,
}

/// What is to be kept before a new version may serve.
pub struct Plan {
    /// The registry as it will be.
    pub registry: Registry,
    /// Id and bytes of a new artifact.
    pub artifact: Option<(String, Vec<u8>)>,
    /// Versions whose artifacts go.
    pub removed: Vec<String>,
    serves: Option<(String, Trained)>,
    refused: Option<String>,
}

/// One series with its model.
pub struct Life {
    watch: Arc<Watch>,
    labels: Labels,
    history: Regular,
    registry: Registry,
    champion: Option<Champion>,
    forecast: Option<Forecast>,
    drift: DriftMeter,
    trouble: Trouble,
    ticket: Option<Ticket>,
    next_cron: Option<Timestamp>,
    wanted: Option<Policy>,
    /// Newest reasons for which a challenger was refused.
    refusals: VecDeque<String>,
    n_samples_served: usize,
    /// Values that were there at the newest trial, whatever came of it.
    n_samples_tried: usize,
    /// One for each limit of the watch.
    alarms: Vec<Alarm>,
}

impl Life {
    /// Knows nothing yet, or what an earlier process kept.
    pub fn new(watch: Arc<Watch>, labels: Labels, registry: Option<Registry>, now: Timestamp) -> Self {
        let key = key_of(&watch, &labels);
        let step = watch.step_secs();
        Self {
            registry: registry.unwrap_or_else(|| Registry::new(&key)),
            history: Regular { start: 0, step, values: vec![] },
            champion: None,
            forecast: None,
            drift: DriftMeter::new(watch.n_steps, step, 0.0),
            trouble: Trouble::default(),
            ticket: None,
            next_cron: watch.cron.next_after(now),
            wanted: None,
            refusals: VecDeque::new(),
            n_samples_served: 0,
            n_samples_tried: 0,
            alarms: vec![Alarm::default(); watch.crosses.len()],
            watch,
            labels,
        }
    }

    /// Lets a kept version serve again, after a start.
    pub fn restore(&mut self, version: &str, trained: Trained) {
        self.serve(version.to_owned(), trained);
    }

    /// The version that is said to serve cannot be read: another is trained.
    pub fn lose(&mut self, reason: &str) {
        self.registry.lose_active(reason);
    }

    /// The values before the first one, or after a pause, are given to a version that serves as its past.
    fn serve(&mut self, version: String, trained: Trained) {
        let mut live = trained.model.boxed();
        let caught_up = if self.history.values.is_empty() { Ok(()) } else { live.partial_fit(&self.history) };
        let is_current = caught_up.is_ok();
        self.trouble.forecasts = if is_current { 0 } else { MOST_FAILURES };
        if let Err(reason) = caught_up {
            // It is too old to forecast from: it is trained anew at once.
            self.trouble.reason = reason;
        }
        self.n_samples_served = trained.trial.n_samples;
        self.drift = DriftMeter::new(self.watch.n_steps, self.watch.step_secs(), trained.trial.expected);
        self.champion = Some(Champion { version, trained: Arc::new(trained), live });
        if is_current {
            self.infer();
        }
    }

    /// Takes in values (seconds, value) in order of time; old ones and those between two steps are left out.
    pub fn take(&mut self, points: &[(i64, f64)]) {
        let step = self.watch.step_secs();
        let mut fresh: Vec<f64> = vec![];
        let mut end = if self.history.values.is_empty() { None } else { Some(self.history.end()) };
        for (secs, value) in points.iter().filter(|it| it.0.rem_euclid(step) == 0) {
            let next = end.unwrap_or(*secs);
            if *secs < next {
                continue;
            }
            let most = (2 * self.watch.n_lookback) as i64;
            let n_missing = ((*secs - next) / step).min(most);
            if n_missing == most {
                // Nothing of what was is of any use for what comes now.
                (self.history.values, fresh) = (vec![], vec![]);
            } else {
                fresh.extend((0..n_missing).map(|_| f64::NAN));
            }
            if self.history.values.is_empty() && fresh.is_empty() {
                self.history.start = *secs;
            }
            fresh.push(if value.is_finite() { *value } else { f64::NAN });
            end = Some(*secs + step);
            self.drift.actual(*secs, *value);
            self.check_coverage(*secs, *value);
        }
        if fresh.is_empty() {
            return;
        }
        // A model that cannot follow would tell the same for ever.
        if self.follow(fresh) {
            self.infer();
        }
    }

    /// Takes in the look-back as it is stored now, up to what is known, for a training: values may have come late, as those
    /// of a sender that was cut off do, and then something else was filled in. What is not told stays, and so does what
    /// serves.
    pub fn revise(&mut self, points: &[(i64, f64)]) {
        let (step, end) = (self.watch.step_secs(), self.history.end());
        let oldest = end - step * self.watch.n_lookback as i64;
        let is_ours =
            |it: &&(i64, f64)| it.0.rem_euclid(step) == 0 && (oldest..end).contains(&it.0) && it.1.is_finite();
        let Some(first) = points.iter().find(is_ours).filter(|_| !self.history.values.is_empty()) else { return };
        let earlier = usize::try_from((self.history.start - first.0) / step).unwrap_or(0);
        self.history.values.splice(..0, std::iter::repeat_n(f64::NAN, earlier));
        self.history.start -= step * earlier as i64;
        for (secs, value) in points.iter().filter(is_ours) {
            let place = usize::try_from((secs - self.history.start) / step).ok();
            place.and_then(|it| self.history.values.get_mut(it)).into_iter().for_each(|it| *it = *value);
        }
    }

    fn check_coverage(&mut self, secs: i64, value: f64) {
        let Some(forecast) = &self.forecast else { return };
        let lead = (secs - forecast.first_secs).div_euclid(forecast.step_secs.max(1));
        let bounds = usize::try_from(lead).ok().and_then(|lead| forecast.bounds.first()?.get(lead).copied());
        if let Some((lower, upper)) = bounds.filter(|_| value.is_finite()) {
            self.drift.covered(lower <= value && value <= upper);
        }
    }

    /// Gives new values to the history and to the model that serves; true if that could take them.
    fn follow(&mut self, fresh: Vec<f64>) -> bool {
        let newer = Regular { start: self.history.end(), step: self.history.step, values: fresh };
        let followed = self.champion.as_mut().map_or(Ok(()), |it| it.live.partial_fit(&newer));
        let is_following = followed.is_ok();
        if let Err(reason) = followed {
            self.trouble.reason = reason;
            self.trouble.forecasts += 1;
        }
        self.history.values.extend(newer.values);
        let n_kept = self.watch.n_lookback;
        let n_over = self.history.values.len().saturating_sub(n_kept);
        if n_over > 0 {
            self.history.start = self.history.time_of(n_over);
            self.history.values.drain(..n_over);
        }
        is_following
    }

    /// Forecasts from the newest value on.
    fn infer(&mut self) {
        let Some(champion) = &self.champion else { return };
        if self.history.n_finite() == 0 {
            return;
        }
        let n = self.watch.n_ahead;
        let told = champion.live.predict(n).and_then(|values| match values.iter().position(|it| !it.is_finite()) {
            None if values.len() == n => Ok(values),
            None => Err(format!("the model told {} values and not {n}", values.len())),
            Some(idx) => Err(format!("the model told a value that is not finite, for step {}", idx + 1)),
        });
        match told {
            Ok(values) => {
                self.trouble.forecasts = 0;
                let first_secs = champion.live.next_time().unwrap_or_else(|| self.history.end());
                let forecast = self.forecast_of(champion, first_secs, values);
                self.drift.forecast(first_secs, &forecast.values);
                let is_newer = self.forecast.as_ref().is_none_or(|it| it.first_secs < first_secs);
                self.forecast = Some(forecast);
                if is_newer {
                    self.judge_limits(first_secs);
                }
            }
            Err(reason) => {
                self.trouble.reason = reason;
                self.trouble.forecasts += 1;
            }
        }
    }

    /// Begins and ends alarms; one forecast alone does neither.
    fn judge_limits(&mut self, secs: i64) {
        let Some(forecast) = &self.forecast else { return };
        for ((alarm, cross), crossing) in self.alarms.iter_mut().zip(&self.watch.crosses).zip(&forecast.crossings) {
            let wanted = if alarm.is_firing { cross.probability * GOES_ON } else { cross.probability };
            let is_likely = crossing.probability >= wanted;
            alarm.n_against = if is_likely == alarm.is_firing { 0 } else { alarm.n_against + 1 };
            if alarm.n_against >= if alarm.is_firing { ENDS_AFTER } else { BEGINS_AFTER } {
                *alarm = Alarm { is_firing: !alarm.is_firing, since_secs: secs, n_against: 0 };
            }
        }
    }

    /// Whether the crossing of each limit of the watch is told.
    pub fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }

    fn forecast_of(&self, champion: &Champion, first_secs: i64, mut values: Vec<f64>) -> Forecast {
        let spread = &champion.trained.trial.spread;
        let step = self.watch.step_secs();
        let newest = self.history.values.iter().rev().find(|it| it.is_finite()).copied();
        let crossings = self.watch.crosses.iter().map(|cross| {
            let beyond = |lead: usize, value: f64| {
                let above = spread.probability_above(lead, value, cross.limit);
                if cross.is_above { above } else { 1.0 - above }
            };
            let ahead = || values.iter().take(cross.n_steps).enumerate().map(|(idx, it)| (idx, beyond(idx + 1, *it)));
            let path = values.get(..cross.n_steps).unwrap_or(&values);
            let probability = spread.probability_crossed(path, cross.limit, cross.is_above);
            let likely = ahead().find(|it| it.1 >= 0.5).map(|it| first_secs + step * it.0 as i64);
            let is_crossed = newest.is_some_and(|it| if cross.is_above { it > cross.limit } else { it < cross.limit });
            let probability = if is_crossed { 1.0 } else { probability };
            Crossing { probability, likely_from_secs: likely, is_crossed }
        });
        let crossings = crossings.collect();
        values.truncate(self.watch.n_steps);
        let bounds = self.watch.levels.iter().map(|level| {
            let bound = |(idx, value): (usize, &f64)| {
                let half = spread.half_width(idx + 1, *level).unwrap_or(0.0);
                (value - half, value + half)
            };
            values.iter().enumerate().map(bound).collect()
        });
        let bounds = bounds.collect();
        Forecast { first_secs, step_secs: step, version: champion.version.clone(), values, bounds, crossings }
    }

    /// A person wants a training.
    pub fn want(&mut self, policy: Policy) {
        self.wanted = Some(policy);
    }

    /// What is to be trained now, if anything; while it is under way nothing else is.
    pub fn job(&mut self, now: Timestamp) -> Option<(Reason, Job)> {
        if self.ticket.is_some() {
            return None;
        }
        let (reason, policy, drift) = self.due(now)?;
        if matches!(reason, Reason::Schedule) || self.next_cron.is_some_and(|it| it <= now) {
            self.next_cron = self.watch.cron.next_after(now);
        }
        self.wanted = None;
        self.ticket = Some(Ticket { policy, drift, since: now });
        if reason == Reason::Drift {
            self.drift.clear();
        }
        let job = Job {
            policy,
            blank: self.watch.model.blank(),
            history: self.history.clone(),
            champion: self.champion.as_ref().map(|it| Arc::clone(&it.trained)),
            n_steps: self.watch.n_steps,
            n_ahead: self.watch.n_ahead,
        };
        Some((reason, job))
    }

    /// Whether a training is due that would learn from values that were read some time ago.
    pub fn is_retraining_due(&self, now: Timestamp) -> bool {
        self.ticket.is_none() && self.due(now).is_some_and(|it| it.0 != Reason::ColdStart)
    }

    fn due(&self, now: Timestamp) -> Option<(Reason, Policy, Option<f64>)> {
        let has_enough = self.history.n_finite() >= self.needed();
        if !has_enough {
            return None;
        }
        if let Some(policy) = self.wanted {
            return Some((Reason::Manual, policy, None));
        }
        if self.trouble.retry_at.is_some_and(|it| now < it) {
            return None;
        }
        if self.trouble.trainings > 0 || self.trouble.forecasts >= MOST_FAILURES {
            return Some((Reason::Recovery, Policy::FullRetrain, None));
        }
        if self.champion.is_none() {
            return Some((Reason::ColdStart, Policy::FullRetrain, None));
        }
        let status = self.drift.status();
        let score = match self.watch.thresholds.scale {
            crate::config::DriftScale::Relative => status.relative,
            crate::config::DriftScale::Absolute => status.mae.unwrap_or(0.0),
        };
        match self.drift.drift(&self.watch.thresholds) {
            Drift::High => return Some((Reason::Drift, Policy::FullRetrain, Some(score))),
            Drift::Low => return Some((Reason::Drift, Policy::Finetune, Some(score))),
            Drift::None => {}
        }
        if self.next_cron.is_some_and(|it| it <= now) {
            return Some((Reason::Schedule, Policy::FullRetrain, None));
        }
        let n = self.history.n_finite();
        // What was refused with as much history is not tried again with every value that comes.
        let n_before = self.n_samples_served.max(self.n_samples_tried);
        let has_grown = n >= (2 * n_before).min(self.watch.n_lookback) && n > n_before;
        (has_grown && n_before < self.watch.n_lookback / 2).then_some((Reason::Growth, Policy::FullRetrain, None))
    }

    /// Values that a first training needs.
    fn needed(&self) -> usize {
        // A third of the values may be held out; what is left must be enough for the model.
        let for_model = (3 * self.watch.model.n_least()).div_ceil(2);
        self.watch.n_lookback.min((3 * self.watch.n_steps + 3).max(LEAST_VALUES).max(for_model))
    }

    /// What has to be kept, now that a training has ended; nothing changes before [`Life::commit`].
    pub fn plan(&self, outcome: Outcome, now: Timestamp, most_versions: usize) -> Result<Plan, String> {
        let mut registry = self.registry.clone();
        let (mut artifact, mut serves, mut refused) = (None, None, None);
        match outcome {
            Outcome::Failed(reason) => return Err(reason),
            Outcome::Better(trained) => {
                let mut version = self.version(&mut registry, Some(&trained.trial), now);
                let bytes = artifact::pack(&trained);
                version.status = Status::Active;
                version.model_class = trained.model.class();
                version.artifact_sha256 = artifact::checksum(&bytes);
                artifact = Some((version.version_id.clone(), bytes));
                serves = Some((version.version_id.clone(), trained));
                registry.add(version);
            }
            Outcome::Refused(trial, reason) => {
                let mut version = self.version(&mut registry, trial.as_ref(), now);
                version.status = Status::Refused;
                version.reason.clone_from(&reason);
                refused = Some(reason);
                registry.add(version);
            }
        }
        let removed = registry.prune(most_versions);
        Ok(Plan { registry, artifact, removed, serves, refused })
    }

    fn version(&self, registry: &mut Registry, trial: Option<&Trial>, now: Timestamp) -> Version {
        let span = |it| json!(period_text(it));
        let extra = [
            ("granularity", span(self.watch.granularity)),
            ("horizon", span(self.watch.horizon)),
            ("lookback", span(self.watch.lookback)),
        ];
        Version {
            version_id: registry.take_id(),
            metric_key: registry.metric_key.clone(),
            model_class: self.watch.model.name().to_owned(),
            trained_at: now,
            training_policy: self.ticket.map_or(Policy::FullRetrain, |it| it.policy),
            drift_score_at_trigger: self.ticket.and_then(|it| it.drift),
            mae: trial.map(|it| it.mae),
            mape: trial.and_then(|it| it.mape),
            mase: trial.and_then(|it| it.mase),
            n_samples: trial.map_or(0, |it| it.n_samples),
            status: Status::Refused,
            reason: String::new(),
            artifact_sha256: String::new(),
            extra: extra.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>(),
        }
    }

    /// What was planned has been kept: it is so from now on.
    pub fn commit(&mut self, plan: Plan, now: Timestamp) {
        self.ticket = None;
        self.n_samples_tried = self.history.n_finite();
        self.registry = plan.registry;
        if let Some(reason) = plan.refused {
            self.refusals.push_back(reason);
            if self.refusals.len() > 5 {
                self.refusals.pop_front();
            }
        }
        match plan.serves {
            Some((version, trained)) => {
                self.trouble = Trouble::default();
                self.serve(version, trained);
            }
            // Nothing serves, or what serves cannot forecast: try again, but not at once.
            None if self.champion.is_none() || self.trouble.forecasts >= MOST_FAILURES => {
                let reason = self.refusals.back().cloned().unwrap_or_default();
                self.failed_training(reason, now);
            }
            None => self.trouble.trainings = 0,
        }
    }

    /// Training failed, or what came of it could not be kept.
    pub fn failed(&mut self, reason: String, now: Timestamp) {
        self.ticket = None;
        self.failed_training(reason, now);
    }

    fn failed_training(&mut self, reason: String, now: Timestamp) {
        self.trouble.reason = reason;
        self.trouble.trainings = self.trouble.trainings.saturating_add(1);
        let doublings = (self.trouble.trainings - 1).min(16);
        let wait = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
        self.trouble.retry_at = Some(now.plus(wait));
    }

    /// The registry with another version serving; kept by the caller before [`Life::switch`].
    pub fn switched(
        &self,
        wanted: Option<&str>,
        is_rollback: bool,
        reason: &str,
    ) -> Result<(Registry, String), VersionError> {
        let mut registry = self.registry.clone();
        let id = match (wanted, is_rollback) {
            (Some(id), _) => registry.servable(id)?.version_id.clone(),
            (None, _) => registry.earlier(None)?.version_id.clone(),
        };
        registry.activate(&id, if is_rollback { Status::RolledBack } else { Status::Retired }, reason)?;
        Ok((registry, id))
    }

    /// Another version serves from now on.
    pub fn switch(&mut self, registry: Registry, version: String, trained: Trained) {
        self.registry = registry;
        self.trouble = Trouble::default();
        self.serve(version, trained);
    }

    /// What it does.
    pub fn state(&self) -> State {
        let is_failing = self.trouble.trainings > 0 || self.trouble.forecasts >= MOST_FAILURES;
        match (&self.ticket, &self.champion) {
            (Some(_), None) => State::Training,
            (Some(_), Some(_)) => State::Retraining,
            (None, _) if is_failing => State::Error,
            (None, None) => State::Waiting,
            (None, Some(_)) => State::Inferring,
        }
    }

    /// The newest forecast, as long as it tells of a time to come.
    pub fn forecast(&self, now: Timestamp) -> Option<&Forecast> {
        let last = |it: &Forecast| it.first_secs + it.step_secs * it.values.len() as i64;
        self.forecast.as_ref().filter(|it| Timestamp::from_secs(last(it)) > now)
    }

    /// Share of the values that a first training needs; at most 1.
    pub fn progress(&self) -> f64 {
        (self.history.n_finite() as f64 / self.needed().max(1) as f64).min(1.0)
    }

    /// Share of the look-back that is filled.
    pub fn fill(&self) -> f64 {
        (self.history.n_finite() as f64 / self.watch.n_lookback.max(1) as f64).min(1.0)
    }

    /// What is known of its drift.
    pub fn drift(&self) -> DriftStatus {
        self.drift.status()
    }

    /// Why it fails, how often in a row, and when training is tried again; none if it does not.
    pub fn trouble(&self) -> Option<(&str, u32, Option<Timestamp>)> {
        let n = self.trouble.trainings + self.trouble.forecasts;
        (n > 0).then_some((self.trouble.reason.as_str(), n, self.trouble.retry_at))
    }

    /// Since when it is trained; none if it is not.
    pub fn training_since(&self) -> Option<Timestamp> {
        self.ticket.map(|it| it.since)
    }

    /// When the schedule comes next.
    pub fn next_cron(&self) -> Option<Timestamp> {
        self.next_cron
    }

    /// Its versions.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The labels of the series, with its name if it has one.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The watch.
    pub fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// Values that are known, at equal distances.
    pub fn history(&self) -> &Regular {
        &self.history
    }

    /// Time after the newest value, in seconds; none before the first.
    pub fn known_until(&self) -> Option<i64> {
        (!self.history.values.is_empty()).then(|| self.history.end())
    }
}

/// The key of a series of a watch: `name{labels}`, with the watch's name in front where the series has none.
pub fn key_of(watch: &Watch, labels: &Labels) -> String {
    let labels = labels.with("__name__", "");
    let stem = if watch.is_expression { watch.name.as_str() } else { watch.metric.as_str() };
    labels.with("__name__", stem).to_string()
}
