//! Which series are a fleet, and has one of them left it?
//!
//! Series with the same metric and the same labels but for an instance-like one find each other by what they have in
//! common. At each tick of a fleet the newest values of its members are compared (`learn::group::Fleet`); members may
//! come at different offsets and intervals, a value counts for two and a half intervals.

use std::sync::Arc;
use std::time::Duration;

use learn::group::{Deviation, Fleet, FleetSettings, Member, Standing};
use signal::{
    Anomaly, AnomalyKind, GroupKind, GroupMember, GroupStatus, Labels, Metric, Score, SeriesId, SeriesMap, Severity,
    Timestamp,
};

use super::config::GroupsConfig;
use super::timing::{fresh_secs, median_secs, next_tick, sustained};
use super::{Findings, GroupSample};
use crate::config::Config;
use crate::episode::{Episode, News};
use crate::policy::{Rule, Usage, direction_of};
use crate::title::number;

/// A member is forgotten after so many intervals, and not before so many seconds.
const FORGET_INTERVALS: f64 = 20.0;
const FORGET_SECS: f64 = 600.0;
/// A member differs by at least this share of what is expected of it.
const LEAST_RELATIVE: f64 = 0.1;
/// Would-be fleets make room after so many seconds if more than half of the room is taken.
const ALONE_SECS: f64 = 600.0;

/// All fleets.
pub(crate) struct Fleets {
    config: Arc<Config>,
    fleets: SeriesMap<Group>,
    /// Where each member is: its fleet, and its index there.
    places: SeriesMap<(SeriesId, usize)>,
    ignored_full: u64,
    forgotten: u64,
}

/// One fleet, or less than one.
struct Group {
    labels: Labels,
    /// What the series' policy says.
    rule: Rule,
    fleet: Fleet,
    members: Vec<Place>,
    states: Vec<Member>,
    newest: Timestamp,
    due: Timestamp,
    since: Timestamp,
}

struct Place {
    labels: Labels,
    newest: Timestamp,
    y: f64,
    interval_secs: f32,
    /// Not judged before: it came back after a gap.
    rests_until: Timestamp,
    episode: Episode,
    /// May the open episode be a symptom.
    opens: bool,
    score: Score,
    explanation: String,
}

impl Fleets {
    pub fn new(config: Arc<Config>) -> Self {
        Self { config, fleets: SeriesMap::default(), places: SeriesMap::default(), ignored_full: 0, forgotten: 0 }
    }

    /// Notes the newest value of a series.
    pub fn observe(&mut self, sample: &GroupSample) {
        let id = sample.labels.id();
        if !self.places.contains_key(&id) && !self.join(sample) {
            return;
        }
        let Some((key, idx)) = self.places.get(&id) else { return };
        let Some(group) = self.fleets.get_mut(key) else { return };
        group.newest = group.newest.max(sample.time);
        let Some(place) = group.members.get_mut(*idx).filter(|it| it.newest < sample.time) else { return };
        let gap_secs = sample.time.secs_since(place.newest);
        // Of a fast series only one point per sample comes here.
        if gap_secs > place.fresh_secs(f64::from(self.config.groups.sample_secs)) {
            let grace = u64::from(self.config.groups.fleet.restart_grace_secs);
            place.rests_until = sample.time.plus(Duration::from_secs(grace));
        }
        (place.newest, place.y, place.interval_secs) = (sample.time, sample.y, sample.interval_secs);
    }

    /// Compares the members of every fleet that has come to its next tick.
    pub fn tick(&mut self, found: &mut Findings) {
        let limits = &self.config.groups;
        let mut gone = vec![];
        for group in self.fleets.values_mut().filter(|it| it.newest >= it.due) {
            let tick_secs = group.tick_secs(limits);
            group.due = next_tick(group.newest, tick_secs);
            gone.extend(group.silent().map(|it| it.id()));
            if group.members.len() >= limits.fleet.min_members {
                group.compare(limits, tick_secs, found);
            }
        }
        let room = limits.fleet.max_series;
        if 2 * self.places.len() > room {
            let min_members = limits.fleet.min_members;
            let alone = |it: &&Group| it.members.len() < min_members && it.newest.secs_since(it.since) > ALONE_SECS;
            let alone = self.fleets.values().filter(alone).flat_map(|it| &it.members);
            gone.extend(alone.map(|it| it.labels.id()));
        }
        gone.into_iter().for_each(|it| self.forget(it, found));
    }

    pub fn statuses(&self) -> Vec<GroupStatus> {
        let min_members = self.config.groups.fleet.min_members;
        let real = self.fleets.values().filter(|it| it.members.len() >= min_members);
        let mut statuses: Vec<GroupStatus> = real.map(|it| it.status(&self.config.groups)).collect();
        statuses.sort_by(|a, b| a.labels.cmp(&b.labels));
        statuses
    }

    pub fn metrics(&self) -> Vec<Metric> {
        let min_members = self.config.groups.fleet.min_members;
        let real = self.fleets.values().filter(|it| it.members.len() >= min_members).count();
        let bytes = self.fleets.len() * size_of::<(SeriesId, Group)>()
            + self.places.len()
                * (size_of::<Place>() + size_of::<Member>() + size_of::<(SeriesId, (SeriesId, usize))>());
        vec![
            Metric::gauge("sentinel_detect_group_fleets", "Fleets with enough members to be compared.", real as f64),
            Metric::gauge(
                "sentinel_detect_group_members",
                "Series that are or may be in a fleet.",
                self.places.len() as f64,
            ),
            Metric::gauge("sentinel_detect_group_fleet_bytes", "Memory of fleets, without labels.", bytes as f64),
            Metric::counter(
                "sentinel_detect_group_ignored_total",
                "Samples of series without room.",
                self.ignored_full,
            ),
            Metric::counter("sentinel_detect_group_forgotten_total", "Members forgotten.", self.forgotten),
        ]
    }

    /// False if there is no room.
    fn join(&mut self, sample: &GroupSample) -> bool {
        let limits = &self.config.groups.fleet;
        if !limits.wants(&sample.labels) {
            return false;
        }
        let common = limits.common(&sample.labels);
        let is_full = self.places.len() >= limits.max_series;
        let taken = self.fleets.get(&common.id()).map_or(0, |it| it.members.len());
        if is_full || taken >= limits.max_members {
            self.ignored_full += 1;
            return false;
        }
        let group = self.fleets.entry(common.id()).or_insert_with(|| Group::new(&common, sample, &self.config));
        self.places.insert(sample.labels.id(), (common.id(), group.members.len()));
        group.members.push(Place::new(sample));
        group.states.push(Member::default());
        true
    }

    fn forget(&mut self, id: SeriesId, found: &mut Findings) {
        let Some((key, idx)) = self.places.remove(&id) else { return };
        let Some(group) = self.fleets.get_mut(&key) else { return };
        if idx >= group.members.len() || idx >= group.states.len() {
            return;
        }
        let mut place = group.members.swap_remove(idx);
        group.states.swap_remove(idx);
        let news = place.episode.end();
        place.tell(news, place.newest, found);
        if let Some(moved) = group.members.get(idx) {
            self.places.insert(moved.labels.id(), (key, idx));
        }
        if group.members.is_empty() {
            self.fleets.remove(&key);
        }
        self.forgotten += 1;
    }
}

impl Group {
    fn new(common: &Labels, sample: &GroupSample, config: &Config) -> Self {
        let limits = &config.groups;
        let settings = FleetSettings {
            threshold_scales: limits.fleet.threshold_scales,
            warm_up_ticks: limits.fleet.warm_up_samples,
            adopt_ticks: (limits.fleet.adopt_after_secs / limits.sample_secs.max(1)).max(1),
            ..FleetSettings::default()
        };
        Self {
            labels: common.clone(),
            rule: Rule::of(&sample.labels, config),
            fleet: Fleet::new(settings),
            members: vec![],
            states: vec![],
            newest: sample.time,
            due: Timestamp::MIN,
            since: sample.time,
        }
    }

    /// The median of the members' intervals, and not less than that of sampling.
    fn tick_secs(&self, limits: &GroupsConfig) -> f64 {
        median_secs(self.members.iter().map(|it| it.interval_secs)).max(f64::from(limits.sample_secs))
    }

    /// Members that have not come for long.
    fn silent(&self) -> impl Iterator<Item = &Labels> {
        let newest = self.newest;
        let is_silent = move |it: &&Place| {
            newest.secs_since(it.newest) > (FORGET_INTERVALS * f64::from(it.interval_secs)).max(FORGET_SECS)
        };
        self.members.iter().filter(is_silent).map(|it| &it.labels)
    }

    fn status(&self, limits: &GroupsConfig) -> GroupStatus {
        let tick_secs = self.tick_secs(limits);
        let mut members: Vec<GroupMember> = self.members.iter().map(|it| it.status(self.newest, tick_secs)).collect();
        members.sort_by(|a, b| a.labels.cmp(&b.labels));
        let is_ready = members.iter().any(|it| it.expected.is_some());
        GroupStatus { kind: GroupKind::Fleet, labels: self.labels.clone(), is_ready, members }
    }

    fn compare(&mut self, limits: &GroupsConfig, tick_secs: f64, found: &mut Findings) {
        let newest = self.newest;
        let value = |it: &Place| {
            let is_fresh = newest.secs_since(it.newest) <= it.fresh_secs(tick_secs);
            if is_fresh && newest >= it.rests_until { it.y } else { f64::NAN }
        };
        let values: Vec<f64> = self.members.iter().map(value).collect();
        let standings = self.fleet.score_tick(&self.states, &values);
        self.fleet.learn_tick(&mut self.states, &values, &standings);
        let sustained = sustained(&self.rule, tick_secs);
        for ((place, standing), y) in self.members.iter_mut().zip(&standings).zip(&values) {
            if y.is_nan() {
                let news = place.episode.end();
                place.tell(news, newest, found);
                continue;
            }
            place.score = score(standing);
            let anomaly = match standing.deviation {
                _ if standing.value <= 1.0 => None,
                Deviation::Level => judge(&self.rule, &place.labels, &place.score, limits),
                // A shape is no quantity that a policy could know.
                Deviation::Rough | Deviation::Stuck => Some(false),
            };
            let opens = anomaly == Some(true);
            let is_odd = anomaly.is_some();
            if is_odd {
                place.opens |= opens;
                place.explanation = explain(standing, &place.labels, limits);
            }
            let odd = is_odd.then(|| (AnomalyKind::Peer, direction_of(&place.score)));
            let news = place.episode.observe(newest, odd, &sustained, 0.0);
            place.tell(news, newest, found);
        }
    }
}

impl Place {
    fn new(sample: &GroupSample) -> Self {
        Self {
            labels: sample.labels.clone(),
            newest: Timestamp::MIN,
            y: f64::NAN,
            interval_secs: sample.interval_secs,
            rests_until: Timestamp::MIN,
            episode: Episode::default(),
            opens: false,
            score: Score::warming_up(f64::NAN),
            explanation: String::new(),
        }
    }

    fn status(&self, now: Timestamp, tick_secs: f64) -> GroupMember {
        let is_there = now.secs_since(self.newest) <= self.fresh_secs(tick_secs) && now >= self.rests_until;
        let Score { value, is_ready, y, yhat, yhat_lower, yhat_upper, .. } = self.score;
        let is_apart = self.episode.open.is_some();
        GroupMember {
            labels: self.labels.clone(),
            value: is_there.then_some(if is_ready { y } else { self.y }).filter(|it| it.is_finite()),
            expected: Some([yhat, yhat_lower, yhat_upper]).filter(|it| is_ready && it.iter().all(|it| it.is_finite())),
            score: value,
            is_apart,
            explanation: if is_apart { self.explanation.clone() } else { String::new() },
        }
    }

    fn fresh_secs(&self, tick_secs: f64) -> f64 {
        fresh_secs(self.interval_secs, tick_secs)
    }

    fn tell(&mut self, news: News, time: Timestamp, found: &mut Findings) {
        let (open, is_over) = match news {
            News::None => return,
            News::Goes(open) => (open, false),
            News::Over(open) => (open, true),
        };
        let anomaly = Anomaly {
            labels: self.labels.clone(),
            kind: AnomalyKind::Peer,
            direction: open.direction,
            onset: open.onset,
            time,
            score: self.score.clone(),
            severity: Severity::Warning,
            is_over,
            explanation: self.explanation.clone(),
        };
        let list = if self.opens { &mut found.symptoms } else { &mut found.evidence };
        list.push(anomaly);
        self.opens &= !is_over;
    }
}

/// Some if the deviation is far enough to matter; true if it may open an incident.
fn judge(rule: &Rule, labels: &Labels, score: &Score, limits: &GroupsConfig) -> Option<bool> {
    let side = rule.side(direction_of(score));
    // Hosts may do different work; replicas of one service do not.
    let share = if labels.service().is_some() { limits.fleet.deviation_share } else { 1.0 };
    let distance = (score.y - score.yhat).abs();
    let is_far = distance >= share * side.min_absolute
        && distance >= (share * side.min_relative).max(LEAST_RELATIVE) * score.yhat.abs();
    let matters = rule.role.is_symptom() || rule.role.is_resource();
    (is_far && side.usage != Usage::Ignored).then_some(side.usage == Usage::Symptom && matters)
}

fn score(standing: &Standing) -> Score {
    Score {
        value: standing.value,
        is_ready: standing.peers > 0,
        is_provisional: false,
        y: standing.lately,
        yhat: standing.expected,
        yhat_lower: standing.lower,
        yhat_upper: standing.upper,
    }
}

/// The member's value, the fleet's median and spread, and how many peers.
fn explain(standing: &Standing, labels: &Labels, limits: &GroupsConfig) -> String {
    let name = limits.fleet.labels.iter().find_map(|it| Some((it, labels.get(it)?)));
    let name = name.map_or_else(String::new, |(label, value)| format!("{label} {value}"));
    let what = match standing.deviation {
        Deviation::Level => format!("{name} is at {}", number(standing.lately)),
        Deviation::Rough => format!("{name} jumps about as it never did, around {}", number(standing.lately)),
        Deviation::Stuck => format!("{name} stands still at {} while its peers move", number(standing.lately)),
    };
    format!(
        "{what}. The median of its {} peers is {}; beside them {} to {} is usual for it (spread {:.1} %).",
        standing.peers,
        number(standing.median),
        number(standing.lower),
        number(standing.upper),
        100.0 * standing.spread,
    )
}
