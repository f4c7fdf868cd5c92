//! How are rules evaluated? Group by group at its interval, rule after rule: what they record goes the way of all
//! samples, and what fires becomes incidents and is sent to Alertmanagers.

mod alerts;
mod config;
pub mod file;
mod notify;
mod numbers;
mod reload;
mod template;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ingest::{Sink, Source};
use promql::{Sample, Value};
use serve::{Alerting, Asked, FiringAlert, Queries, RuleBook, RuleGroup};
use signal::{Clock, Labels, Meter, Metric, SeriesId, SeriesPoints, Timestamp};
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::alerts::{Active, AlertState, Alerts, Found, Outside};
pub use self::config::RulesConfig;
use self::file::{Group, Rule};
use self::notify::Notifier;
pub use self::reload::Reload;
use crate::alert_desk::AlertDesk;
use crate::run::until;

/// Where alerts are kept over restarts.
const KEPT_AS: &str = "rule-alerts";
/// The number that ends a series.
const STALE: f64 = f64::from_bits(promql::STALE_NAN_BITS);

/// Evaluates rules.
pub struct Rules {
    config: RulesConfig,
    groups: RwLock<Arc<Vec<Group>>>,
    queries: Arc<Queries>,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    store: Arc<Store>,
    notifier: Arc<Notifier>,
    states: Mutex<Vec<GroupState>>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    evaluations: AtomicU64,
    failures: AtomicU64,
    not_stored: AtomicU64,
    save_failures: AtomicU64,
    micros: AtomicU64,
}

#[derive(Clone, Default)]
struct GroupState {
    last: Option<Timestamp>,
    secs: f64,
    rules: Vec<RuleState>,
}

#[derive(Clone, Default)]
struct RuleState {
    last: Option<Timestamp>,
    secs: f64,
    error: Option<String>,
    alerts: Alerts,
    /// Series written at the evaluation before: those that are gone are ended.
    written: HashMap<SeriesId, Labels>,
}

/// What an evaluation gives.
struct Outcome {
    state: RuleState,
    batch: Vec<SeriesPoints>,
    told: Vec<Active>,
}

impl Rules {
    /// Takes up the alerts that an earlier process knew.
    pub fn open(
        config: &RulesConfig,
        groups: Vec<Group>,
        queries: Arc<Queries>,
        sink: Arc<dyn Sink>,
        clock: Arc<dyn Clock>,
        store: Arc<Store>,
        alert_desk: Arc<AlertDesk>,
    ) -> anyhow::Result<Arc<Self>> {
        let kept = store.get_state(KEPT_AS)?.unwrap_or_default();
        // Rules are evaluated again: what cannot be read is found again.
        let kept: Vec<(String, Vec<Active>)> = serde_json::from_slice(&kept).unwrap_or_default();
        let kept: HashMap<String, Vec<Active>> = kept.into_iter().collect();
        let state_of = |group: &Group, rule: &Rule| {
            let alerts = kept.get(&key(group, rule)).cloned().unwrap_or_default();
            let alerts: Alerts = alerts.into_iter().map(|it| (it.labels.clone(), it)).collect();
            let written = alerts::series(&alerts, Timestamp::default()).into_iter();
            RuleState {
                written: written.map(|it| (it.labels.id(), it.labels)).collect(),
                alerts,
                ..RuleState::default()
            }
        };
        let states = groups.iter().map(|group| GroupState {
            rules: group.rules.iter().map(|rule| state_of(group, rule)).collect(),
            ..GroupState::default()
        });
        let states = Mutex::new(states.collect());
        let notifier = Arc::new(Notifier::new(config, alert_desk)?);
        let (config, counts) = (config.clone(), Counts::default());
        let groups = RwLock::new(Arc::new(groups));
        Ok(Arc::new(Self { config, groups, queries, sink, clock, store, notifier, states, counts }))
    }

    /// Evaluates all groups until stopped; files that have changed take effect when the answer is asked.
    pub fn run(self: &Arc<Self>, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) -> Reload {
        reload::supervise(self, stopped, tasks)
    }

    /// The groups that are in force.
    fn current(&self) -> Arc<Vec<Group>> {
        Arc::clone(&self.groups.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put_groups(&self, groups: Vec<Group>) {
        *self.groups.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(groups);
    }

    /// Begins to evaluate the groups that are in force, until they are ended.
    fn start(self: &Arc<Self>, ended: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) {
        for idx in 0..self.current().len() {
            let (rules, mut ended) = (Arc::clone(self), ended.clone());
            tasks.spawn(async move {
                let groups = rules.current();
                let Some(group) = groups.get(idx) else { return };
                let mut ticks = tokio::time::interval(Duration::from_secs_f64(group.interval_secs));
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
                loop {
                    tokio::select! {
                        _ = ticks.tick() => rules.evaluate(idx).await,
                        _ = until(&mut ended) => return,
                    }
                }
            });
        }
    }

    /// Evaluates a group now, rule after rule, so that each sees what those before it have recorded.
    pub async fn evaluate(self: &Arc<Self>, group_idx: usize) {
        let groups = self.current();
        let Some(group) = groups.get(group_idx) else { return };
        let now = self.clock.now();
        let begin = Instant::now();
        for (idx, rule) in group.rules.iter().enumerate() {
            let rules = Arc::clone(self);
            let outcome = tokio::task::spawn_blocking(move || rules.outcome(group_idx, idx, now)).await;
            let Ok(Some(mut outcome)) = outcome else { continue };
            if !outcome.batch.is_empty() {
                let n_points = outcome.batch.len() as u64;
                if let Err(refused) = self.sink.samples(Source::Rules, outcome.batch).await {
                    self.counts.not_stored.fetch_add(n_points, Relaxed);
                    outcome.state.error = Some(format!("the result was not stored: {refused}"));
                }
            }
            if let Some(error) = &outcome.state.error {
                self.counts.failures.fetch_add(1, Relaxed);
                tracing::warn!(group = group.name, rule = rule.name, error, "A rule failed.");
            }
            if let Some(state) = self.lock().get_mut(group_idx).and_then(|it| it.rules.get_mut(idx)) {
                *state = outcome.state;
            }
            if !outcome.told.is_empty() {
                self.notifier.tell(outcome.told, group.interval_secs, now).await;
            }
        }
        if let Some(state) = self.lock().get_mut(group_idx) {
            (state.last, state.secs) = (Some(now), begin.elapsed().as_secs_f64());
        }
        if group.rules.iter().any(|it| it.alert.is_some()) {
            let rules = Arc::clone(self);
            let _ = tokio::task::spawn_blocking(move || rules.save()).await;
        }
    }

    fn outcome(&self, group_idx: usize, idx: usize, now: Timestamp) -> Option<Outcome> {
        let groups = self.current();
        let group = groups.get(group_idx)?;
        let rule = group.rules.get(idx)?;
        let mut state = self.lock().get(group_idx)?.rules.get(idx)?.clone();
        let begin = Instant::now();
        let time = Timestamp::from_millis(now.millis().saturating_sub(group.offset_millis));
        let (mut batch, mut told) = (vec![], vec![]);
        self.counts.evaluations.fetch_add(1, Relaxed);
        match self.judged(group, rule, &mut state.alerts, time) {
            Ok(written) => {
                state.error = None;
                let ids: HashMap<SeriesId, Labels> =
                    written.iter().map(|it| (it.labels.id(), it.labels.clone())).collect();
                let gone = state.written.iter().filter(|(id, _)| !ids.contains_key(id)).map(|(_, labels)| labels);
                batch.extend(gone.map(|it| SeriesPoints::one(it.clone(), time, STALE)));
                batch.extend(written);
                state.written = ids;
                told = alerts::to_tell(&mut state.alerts, now, Duration::from_secs(self.config.resend_secs));
            }
            Err(error) => state.error = Some(error),
        }
        let took = begin.elapsed();
        self.counts.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
        (state.last, state.secs) = (Some(now), took.as_secs_f64());
        Some(Outcome { state, batch, told })
    }

    /// What a rule writes.
    fn judged(
        &self,
        group: &Group,
        rule: &Rule,
        alerts: &mut Alerts,
        time: Timestamp,
    ) -> Result<Vec<SeriesPoints>, String> {
        let found = self.found(&rule.query, time)?;
        let is_too_many = |n: usize| group.limit > 0 && n > group.limit;
        let Some(alert) = &rule.alert else {
            if is_too_many(found.len()) {
                return Err(format!("exceeded limit of {} with {} series", group.limit, found.len()));
            }
            return recorded(rule, found, time);
        };
        let (external_labels, external_url) = (&self.config.external_labels, self.config.external_url.as_str());
        let query = |text: &str| {
            let found = self.found(text, time)?;
            Ok(found.iter().map(|(labels, value)| (alerts::by_name(labels), *value)).collect())
        };
        let outside = Outside { external_labels, external_url, query: &query };
        alerts::update(alerts, rule, alert, &found, time, &outside)?;
        let n_active = alerts.values().filter(|it| it.state != AlertState::Over).count();
        if is_too_many(n_active) {
            alerts.clear();
            return Err(format!("exceeded limit of {} with {n_active} alerts", group.limit));
        }
        Ok(alerts::series(alerts, time))
    }

    /// What an expression finds; histograms are left out.
    fn found(&self, text: &str, time: Timestamp) -> Result<Found, String> {
        let answer = self.queries.ask(&Asked::at(text, time)).map_err(|it| it.to_string())?;
        match answer.value {
            Value::Scalar(_, value) => Ok(vec![(Labels::default(), value)]),
            Value::Vector(all) => Ok(all
                .into_iter()
                .filter_map(|it| match it.value {
                    Sample::Float(value) => Some((it.labels, value)),
                    Sample::Histogram(_) => None,
                })
                .collect()),
            Value::Matrix(_) | Value::Text(..) => Err("rule result is not a vector or scalar".to_owned()),
        }
    }

    fn save(&self) {
        let kept: Vec<(String, Vec<Active>)> = {
            let states = self.lock();
            let groups = self.current();
            let both = groups.iter().zip(states.iter());
            both.flat_map(|(group, state)| {
                let rules = group.rules.iter().zip(&state.rules).filter(|(_, state)| !state.alerts.is_empty());
                rules
                    .map(|(rule, state)| (key(group, rule), state.alerts.values().cloned().collect()))
                    .collect::<Vec<_>>()
            })
            .collect()
        };
        let bytes = serde_json::to_vec(&kept).expect("texts, numbers and times are JSON");
        if let Err(error) = self.store.put_state(KEPT_AS, &bytes) {
            self.counts.save_failures.fetch_add(1, Relaxed);
            tracing::error!(%error, "Alerts of rules are not saved.");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<GroupState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(group: &Group, rule: &Rule) -> String {
    format!("{}\n{}\n{}\n{}", group.file, group.name, rule.name, rule.query)
}

/// The series that a rule records.
fn recorded(rule: &Rule, found: Found, time: Timestamp) -> Result<Vec<SeriesPoints>, String> {
    let mut seen = std::collections::HashSet::new();
    let mut batch = vec![];
    for (labels, value) in found {
        let mut labels = labels.with("__name__", &rule.name);
        for (name, template) in &rule.labels {
            labels = labels.with(name, template.text());
        }
        if !seen.insert(labels.id()) {
            return Err("vector contains metrics with the same labelset after applying rule labels".to_owned());
        }
        batch.push(SeriesPoints::one(labels, time, value));
    }
    Ok(batch)
}

impl RuleBook for Rules {
    fn groups(&self) -> Vec<RuleGroup> {
        let states = self.lock().clone();
        let told = |(group, state): (&Group, &GroupState)| RuleGroup {
            name: group.name.clone(),
            file: group.file.clone(),
            rules: group.rules.iter().zip(&state.rules).map(|(rule, state)| rule_told(rule, state)).collect(),
            interval: group.interval_secs,
            limit: group.limit,
            evaluation_secs: state.secs,
            last_evaluation: state.last.unwrap_or_default(),
        };
        self.current().iter().zip(&states).map(told).collect()
    }

    fn alertmanagers(&self) -> Vec<String> {
        self.notifier.addresses()
    }
}

fn rule_told(rule: &Rule, state: &RuleState) -> serve::Rule {
    let texts = |all: &std::collections::BTreeMap<String, template::Template>| {
        Labels::new(all.iter().map(|(name, it)| (name.as_str(), it.text())))
    };
    let alerting = rule.alert.as_ref().map(|alert| {
        let active = state.alerts.values().filter(|it| it.state != AlertState::Over);
        let states: Vec<AlertState> = active.clone().map(|it| it.state).collect();
        let worst = if states.contains(&AlertState::Firing) {
            AlertState::Firing
        } else {
            states.first().copied().unwrap_or(AlertState::Over)
        };
        let firing = |it: &Active| FiringAlert {
            labels: it.labels.clone(),
            annotations: Labels::new(it.annotations.iter().map(|(name, text)| (name.as_str(), text.as_str()))),
            state: it.state.as_str(),
            active_at: it.active_at,
            keep_firing_since: it.keep_firing_since,
            value: numbers::go_e(it.value),
        };
        Alerting {
            state: worst.as_str(),
            for_secs: alert.for_millis as f64 / 1000.0,
            keep_firing_secs: alert.keep_firing_millis as f64 / 1000.0,
            annotations: texts(&alert.annotations),
            alerts: Some(active.map(firing).collect()),
        }
    });
    serve::Rule {
        kind: if rule.alert.is_some() { "alerting" } else { "recording" },
        name: rule.name.clone(),
        query: rule.query.clone(),
        labels: texts(&rule.labels),
        health: match (&state.error, state.last) {
            (Some(_), _) => "err",
            (None, Some(_)) => "ok",
            (None, None) => "unknown",
        },
        last_error: state.error.clone(),
        evaluation_secs: state.secs,
        last_evaluation: state.last.unwrap_or_default(),
        alerting,
    }
}

impl Meter for Rules {
    fn metrics(&self) -> Vec<Metric> {
        let count = |name, help, count: &AtomicU64| Metric::counter(name, help, count.load(Relaxed));
        let counts = &self.counts;
        let states = self.lock().clone();
        let alerts = |state: AlertState| {
            let all = states.iter().flat_map(|it| &it.rules).flat_map(|it| it.alerts.values());
            let n = all.filter(|it| it.state == state).count();
            Metric::gauge("sentinel_rules_alerts_count", "Alerts of rules.", n as f64).label("state", state.as_str())
        };
        let mut metrics = vec![
            count("sentinel_rules_evaluations_total", "Rules evaluated.", &counts.evaluations),
            count("sentinel_rules_failures_total", "Rules that could not be evaluated or stored.", &counts.failures),
            count("sentinel_rules_points_dropped_total", "Points of rules that were not taken.", &counts.not_stored),
            count("sentinel_rules_save_failures_total", "Alerts of rules not saved.", &counts.save_failures),
            count("sentinel_rules_microseconds_total", "Time in which rules were evaluated.", &counts.micros),
            alerts(AlertState::Pending),
            alerts(AlertState::Firing),
        ];
        metrics.extend(self.notifier.metrics());
        metrics
    }
}
