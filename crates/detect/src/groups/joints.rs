//! Do the signals of a service still fit together, and which one does not?
//!
//! The traffic, latency, CPU, pool and queue series of one service on one host are judged together at each tick
//! (`learn::group::Joint`). What is found stands beside incidents; only a signal that used to follow the others and has
//! clearly broken with them for minutes may open one.

use std::collections::BTreeMap;
use std::sync::Arc;

use learn::group::{Joint, JointScore, JointSettings, MOST_SIGNALS};
use signal::{
    Anomaly, AnomalyKind, GroupKind, GroupMember, GroupStatus, Labels, Metric, Role, Score, SeriesId, SeriesMap,
    Severity, Timestamp,
};

use super::config::JointConfig;
use super::timing::{fresh_secs, median_secs, next_tick, sustained};
use super::{Findings, GroupSample};
use crate::config::Config;
use crate::episode::{Episode, News};
use crate::policy::{Rule, direction_of};
use crate::title::number;

/// A service has the signals that come within so many seconds.
const COLLECT_SECS: f64 = 120.0;
/// Signals of one role: four latencies say no more than three.
const MOST_OF_ROLE: usize = 4;
/// A service is forgotten, and found anew with the signals that there are, when one has not come for so many seconds.
const FORGET_SECS: f64 = 600.0;
/// Comparisons in a row that are not strong end a strong run.
const WEAK_TICKS: u8 = 3;
/// Contributions are averaged over so many comparisons before a signal is named.
const NAMED_TICKS: f64 = 6.0;
/// Signals named in an explanation.
const NAMED: usize = 3;
/// Series that are known to be no signals; when there are more, all are looked at again.
const MOST_OUTSIDERS: usize = 262_144;

/// All services whose signals are judged together.
pub(crate) struct Joints {
    config: Arc<Config>,
    services: BTreeMap<Labels, Service>,
    places: SeriesMap<(Labels, usize)>,
    /// Series that are no signals, so that they are looked at once and not at each sample.
    outsiders: SeriesMap<Outsider>,
    ignored_full: u64,
}

/// Why a series is no signal of a service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outsider {
    /// It is not wanted, or its service has enough signals.
    Unwanted,
    /// There are enough services.
    Full,
}

struct Service {
    signals: Vec<Signal>,
    /// None while signals are collected.
    joint: Option<Joint>,
    newest: Timestamp,
    due: Timestamp,
    since: Timestamp,
    rule: Rule,
    episode: Episode,
    /// The signal that is named while the episode goes on.
    named: usize,
    explanation: String,
    strong_since: Option<Timestamp>,
    weak_ticks: u8,
    opens: bool,
}

struct Signal {
    labels: Labels,
    newest: Timestamp,
    y: f64,
    interval_secs: f32,
    /// Mean contribution lately, and the newest score that blamed this signal.
    weight: f64,
    score: Score,
}

impl Joints {
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            services: BTreeMap::new(),
            places: SeriesMap::default(),
            outsiders: SeriesMap::default(),
            ignored_full: 0,
        }
    }

    /// Notes the newest value of a signal.
    pub fn observe(&mut self, sample: &GroupSample) {
        let id = sample.labels.id();
        if !self.places.contains_key(&id) {
            let outsider = self.outsiders.get(&id).copied().or_else(|| self.join(sample));
            if let Some(outsider) = outsider {
                self.ignored_full += u64::from(outsider == Outsider::Full);
                if self.outsiders.len() >= MOST_OUTSIDERS {
                    self.outsiders.clear();
                }
                self.outsiders.insert(id, outsider);
                return;
            }
        }
        let Some((owner, idx)) = self.places.get(&id) else { return };
        let Some(service) = self.services.get_mut(owner) else { return };
        service.newest = service.newest.max(sample.time);
        if let Some(it) = service.signals.get_mut(*idx).filter(|it| it.newest < sample.time) {
            (it.newest, it.y, it.interval_secs) = (sample.time, sample.y, sample.interval_secs);
        }
    }

    /// Judges every service that has come to its next tick.
    pub fn tick(&mut self, found: &mut Findings) {
        let limits = &self.config.groups;
        let mut gone = vec![];
        for (owner, service) in self.services.iter_mut().filter(|(_, it)| it.newest >= it.due) {
            let tick_secs =
                median_secs(service.signals.iter().map(|it| it.interval_secs)).max(f64::from(limits.sample_secs));
            service.due = next_tick(service.newest, tick_secs);
            let newest = service.newest;
            if service.signals.iter().any(|it| newest.secs_since(it.newest) > FORGET_SECS.max(20.0 * tick_secs)) {
                gone.push(owner.clone());
            } else if service.is_collected(&limits.joint, tick_secs) {
                service.judge(&limits.joint, tick_secs, found);
            }
        }
        gone.into_iter().for_each(|it| self.forget(&it, found));
    }

    pub fn statuses(&self) -> Vec<GroupStatus> {
        let limits = &self.config.groups.joint;
        self.services.iter().filter_map(|(owner, it)| it.status(owner, limits)).collect()
    }

    pub fn metrics(&self) -> Vec<Metric> {
        let models = self.services.values().filter_map(|it| it.joint.as_ref());
        let bytes: usize = models.clone().map(Joint::bytes).sum::<usize>()
            + self.services.len() * size_of::<(Labels, Service)>()
            + self.places.len() * (size_of::<Signal>() + size_of::<(SeriesId, (Labels, usize))>());
        vec![
            Metric::gauge(
                "sentinel_detect_group_services",
                "Services whose signals are judged together.",
                models.count() as f64,
            ),
            Metric::gauge("sentinel_detect_group_signals", "Signals of these services.", self.places.len() as f64),
            Metric::gauge("sentinel_detect_group_joint_bytes", "Memory of joint models, without labels.", bytes as f64),
            Metric::counter(
                "sentinel_detect_group_services_ignored_total",
                "Samples of services without room.",
                self.ignored_full,
            ),
        ]
    }

    /// None if the series is a signal of a service from now on.
    fn join(&mut self, sample: &GroupSample) -> Option<Outsider> {
        let limits = &self.config.groups.joint;
        let rule = Rule::of(&sample.labels, &self.config);
        if !limits.wants(&sample.labels, &rule) {
            return Some(Outsider::Unwanted);
        }
        let owner = owner_of(&sample.labels);
        if !self.services.contains_key(&owner) && self.services.len() >= limits.max_services {
            return Some(Outsider::Full);
        }
        let service = self.services.entry(owner.clone()).or_insert_with(|| Service::new(sample.time, rule));
        let of_role = service.signals.iter().filter(|it| Role::of(&it.labels) == rule.role).count();
        if service.joint.is_some() || service.signals.len() >= MOST_SIGNALS || of_role >= MOST_OF_ROLE {
            return Some(Outsider::Unwanted);
        }
        self.places.insert(sample.labels.id(), (owner, service.signals.len()));
        service.signals.push(Signal {
            labels: sample.labels.clone(),
            newest: Timestamp::MIN,
            y: f64::NAN,
            interval_secs: sample.interval_secs,
            weight: 0.0,
            score: Score::warming_up(f64::NAN),
        });
        None
    }

    fn forget(&mut self, owner: &Labels, found: &mut Findings) {
        let Some(mut service) = self.services.remove(owner) else { return };
        // There is room again.
        self.outsiders.clear();
        service.signals.iter().for_each(|it| _ = self.places.remove(&it.labels.id()));
        let news = service.episode.end();
        service.tell(news, service.newest, found);
    }
}

impl Service {
    fn new(since: Timestamp, rule: Rule) -> Self {
        Self {
            signals: vec![],
            joint: None,
            newest: since,
            due: Timestamp::MIN,
            since,
            rule,
            episode: Episode::default(),
            named: 0,
            explanation: String::new(),
            strong_since: None,
            weak_ticks: 0,
            opens: false,
        }
    }

    /// None while signals are collected.
    fn status(&self, owner: &Labels, limits: &JointConfig) -> Option<GroupStatus> {
        let joint = self.joint.as_ref()?;
        let is_named = |idx: usize| self.episode.open.is_some() && idx == self.named;
        let member = |(idx, it): (usize, &Signal)| GroupMember {
            labels: it.labels.clone(),
            value: Some(it.y).filter(|it| it.is_finite()),
            // What the others imply is only worked out for the signal that is to blame.
            expected: is_named(idx).then_some([it.score.yhat, it.score.yhat_lower, it.score.yhat_upper]),
            score: it.weight / limits.threshold_scales,
            is_apart: is_named(idx),
            explanation: if is_named(idx) { self.explanation.clone() } else { String::new() },
        };
        let mut members: Vec<GroupMember> = self.signals.iter().enumerate().map(member).collect();
        members.sort_by(|a, b| a.labels.cmp(&b.labels));
        let (kind, is_ready) = (GroupKind::Signals, joint.points() >= limits.warm_up_samples);
        Some(GroupStatus { kind, labels: owner.clone(), is_ready, members })
    }

    /// True if it is known which signals there are, and they are enough.
    fn is_collected(&mut self, limits: &JointConfig, tick_secs: f64) -> bool {
        let is_time = self.newest.secs_since(self.since) >= COLLECT_SECS.max(3.0 * tick_secs);
        if self.joint.is_none() && is_time && self.signals.len() >= limits.min_signals {
            let settings = JointSettings {
                threshold_scales: limits.threshold_scales,
                warm_up_points: limits.warm_up_samples,
                ..JointSettings::default()
            };
            self.joint = Some(Joint::new(self.signals.len(), settings));
        }
        self.joint.is_some()
    }

    fn judge(&mut self, limits: &JointConfig, tick_secs: f64, found: &mut Findings) {
        let Some(joint) = &mut self.joint else { return };
        let newest = self.newest;
        let value = |it: &Signal| {
            if newest.secs_since(it.newest) <= fresh_secs(it.interval_secs, tick_secs) { it.y } else { f64::NAN }
        };
        let values: Vec<f64> = self.signals.iter().map(value).collect();
        let score = joint.score_one(&values);
        joint.learn_one(&values, &score);
        let is_odd = self.note(&score, &values, limits);
        self.note_strong(is_odd && score.broken >= limits.open_score);
        let odd = is_odd.then(|| {
            let blamed = score.guilty.and_then(|it| self.signals.get(it));
            (AnomalyKind::Joint, blamed.map_or(signal::Direction::Above, |it| direction_of(&it.score)))
        });
        if is_odd && self.episode.open.is_none() {
            let weights = self.signals.iter().enumerate();
            self.named = weights.max_by(|a, b| a.1.weight.total_cmp(&b.1.weight)).map_or(0, |(idx, _)| idx);
        }
        if is_odd {
            self.explanation = self.explain(&score);
        }
        let news = self.episode.observe(newest, odd, &sustained(&self.rule, tick_secs), 0.0);
        let is_long = self.strong_since.is_some_and(|it| newest.secs_since(it) >= f64::from(limits.open_after_secs));
        self.opens |= is_long && self.episode.open.is_some();
        self.tell(news, newest, found);
    }

    /// Notes what each signal contributes; true if the whole is odd enough to matter.
    fn note(&mut self, score: &JointScore, values: &[f64], limits: &JointConfig) -> bool {
        for (signal, it) in self.signals.iter_mut().zip(&score.contributions) {
            signal.weight += (it.abs() - signal.weight) / NAMED_TICKS;
        }
        let Some((idx, y)) = score.guilty.and_then(|it| Some((it, *values.get(it)?))) else { return false };
        let [yhat, yhat_lower, yhat_upper] = score.implied;
        if let Some(it) = self.signals.get_mut(idx) {
            let value = score.value;
            it.score = Score { value, is_ready: true, is_provisional: false, y, yhat, yhat_lower, yhat_upper };
        }
        let is_far = (y - yhat).abs() >= limits.min_relative_deviation * yhat.abs();
        score.together > 1.0 || score.broken > 1.0 && is_far
    }

    fn note_strong(&mut self, is_strong: bool) {
        self.weak_ticks = if is_strong { 0 } else { self.weak_ticks.saturating_add(1) };
        if is_strong {
            self.strong_since.get_or_insert(self.newest);
        } else if self.weak_ticks >= WEAK_TICKS {
            self.strong_since = None;
        }
    }

    fn explain(&self, score: &JointScore) -> String {
        let mut ranked: Vec<&Signal> = self.signals.iter().collect();
        ranked.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        let ranked = ranked.iter().take(NAMED).map(|it| format!("{} {:.1}", it.labels.name(), it.weight));
        let ranked = ranked.collect::<Vec<_>>().join(", ");
        let others = self.signals.len().saturating_sub(1);
        let named = self.signals.get(self.named).map(|it| (it.labels.name(), &it.score));
        let what = match named {
            Some((name, it)) if score.broken > 1.0 => format!(
                "{name} is at {}, but its {others} other signals imply {} ({} to {})",
                number(it.y),
                number(it.yhat),
                number(it.yhat_lower),
                number(it.yhat_upper),
            ),
            _ => format!("{} signals together are farther from usual than ever", others + 1),
        };
        format!("{what}. Deviations given the others, in standard deviations: {ranked}.")
    }

    fn tell(&mut self, news: News, time: Timestamp, found: &mut Findings) {
        let (open, is_over) = match news {
            News::None => return,
            News::Goes(open) => (open, false),
            News::Over(open) => (open, true),
        };
        let Some(named) = self.signals.get(self.named) else { return };
        let anomaly = Anomaly {
            labels: named.labels.clone(),
            kind: AnomalyKind::Joint,
            direction: direction_of(&named.score),
            onset: open.onset,
            time,
            score: named.score.clone(),
            severity: Severity::Warning,
            is_over,
            explanation: self.explanation.clone(),
        };
        let list = if self.opens { &mut found.symptoms } else { &mut found.evidence };
        list.push(anomaly);
        self.opens &= !is_over;
    }
}

/// The service on its host: replicas are judged apart.
fn owner_of(labels: &Labels) -> Labels {
    Labels::new([("service", labels.service().unwrap_or("")), ("host", labels.host().unwrap_or(""))])
}
