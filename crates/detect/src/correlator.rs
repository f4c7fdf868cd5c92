//! Which anomalies are one incident? One per cause: near in time, and the same service, host or neighbors in the map.
//!
//! ```text
//! Open -- all symptoms over for a while --> Resolved -- a symptom comes back soon --> Open (the same incident)
//! ```
//!
//! Everything is driven by data time. An anomaly that touches two open incidents joins the older one; incidents are
//! never merged, because somebody may already look after both.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use signal::{
    Anomaly, AnomalyKind, Incident, IncidentId, IncidentStatus, Metric, Role, SeriesId, Symptom, TimelineEntry,
    Timestamp, Topology,
};

use crate::config::{Config, CorrelatorConfig};
use crate::load::{self, Loads};
use crate::policy::{self, Rule, Usage};
use crate::title;
use crate::tracked::{Finding, Tracked, finding, is_linked, touched};

/// A drift is held back for load to explain it only below this score.
const CREEPING_SCORE: f64 = 1.5;
/// Anomalies that may wait for the next tick.
const LONGEST_QUEUE: usize = 100_000;

/// Groups anomalies into incidents.
pub struct Correlator {
    config: Arc<Config>,
    next_id: u64,
    queue: Vec<Anomaly>,
    /// Like `queue`, of anomalies that may open nothing.
    beside: Vec<Anomaly>,
    /// Anomalies that open nothing: evidence by series and finding, and resources that load explains by series.
    evidence: HashMap<Finding, Anomaly>,
    /// The traffic among the evidence of this tick.
    loads: Loads,
    suppressed: HashMap<SeriesId, Anomaly>,
    /// Creeping resources that wait for traffic to explain them, and since when.
    waiting: BTreeMap<SeriesId, (Timestamp, Anomaly)>,
    incidents: Vec<Tracked>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    received: u64,
    opened: u64,
    reopened: u64,
    resolved: u64,
    evidence: u64,
    suppressed_load: u64,
    dropped_full: u64,
    dropped_unknown: u64,
}

impl Correlator {
    /// `next_id` is the number of the next new incident.
    pub fn new(config: Arc<Config>, next_id: u64) -> Self {
        Self {
            config,
            next_id,
            queue: vec![],
            beside: vec![],
            evidence: HashMap::new(),
            loads: Loads::default(),
            suppressed: HashMap::new(),
            waiting: BTreeMap::new(),
            incidents: vec![],
            counts: Counts::default(),
        }
    }

    /// Takes back stored incidents after a restart: open ones go on.
    pub fn resume(&mut self, incidents: Vec<Incident>) {
        for incident in incidents {
            self.next_id = self.next_id.max(incident.id.0 + 1);
            if incident.is_open() {
                self.incidents.push(Tracked::new(incident, false));
            }
        }
        self.incidents.sort_by_key(|it| it.incident.id);
    }

    /// Takes in an anomaly; it is worked on at the next tick.
    pub fn observe(&mut self, anomaly: Anomaly) {
        self.counts.received += 1;
        if self.queue.len() < LONGEST_QUEUE {
            self.queue.push(anomaly);
        } else {
            self.counts.dropped_full += 1;
        }
    }

    /// Takes in an anomaly that may only stand beside an incident, whatever its series may do; its end ends the symptom
    /// that it has become meanwhile.
    pub fn observe_evidence(&mut self, anomaly: Anomaly) {
        self.counts.received += 1;
        if self.beside.len() < LONGEST_QUEUE {
            self.beside.push(anomaly);
        } else {
            self.counts.dropped_full += 1;
        }
    }

    /// Works on what has come in; returns full copies of incidents that were opened, changed or resolved.
    pub fn tick(&mut self, now: Timestamp, topology: &dyn Topology) -> Vec<Incident> {
        let queue = std::mem::take(&mut self.queue);
        let (mut symptoms, evidence): (Vec<_>, Vec<_>) = queue.into_iter().partition(|it| self.is_symptom(it));
        // Evidence first, so that the traffic of this tick can explain the resources of this tick.
        let beside = std::mem::take(&mut self.beside);
        evidence.into_iter().chain(beside).for_each(|it| self.keep_evidence(it));
        self.loads = Loads::of(self.evidence.values());
        symptoms.extend(std::mem::take(&mut self.waiting).into_values().map(|(since, it)| {
            self.waiting.insert(it.labels.id(), (since, it.clone()));
            it
        }));
        symptoms.sort_by(|a, b| (a.onset, a.time, &a.labels).cmp(&(b.onset, b.time, &b.labels)));
        let homeless: Vec<Anomaly> = symptoms.into_iter().filter_map(|it| self.work(it, now, topology)).collect();
        self.house(homeless, now, topology);
        self.forget_evidence(now);
        self.resolve(now);
        self.incidents.iter_mut().for_each(Tracked::refresh);
        let changed: Vec<Incident> = self
            .incidents
            .iter_mut()
            .filter_map(|it| std::mem::take(&mut it.has_changed).then(|| it.incident.clone()))
            .collect();
        let keep_secs = f64::from(self.limits().reopen_within_secs + self.limits().resolve_after_secs);
        self.incidents.retain(|it| it.incident.ended_at.is_none_or(|ended| now.secs_since(ended) <= keep_secs));
        changed
    }

    /// Takes over what the caller has changed: acknowledgement, resolution by hand, diagnosis, plans, feedback, and
    /// entries that it has added to the timeline.
    pub fn update_external(&mut self, incident: &Incident) {
        let Some(tracked) = self.incidents.iter_mut().find(|it| it.incident.id == incident.id) else { return };
        let ours = &mut tracked.incident;
        if ours.is_open() && incident.status != IncidentStatus::Open {
            ours.status = incident.status;
            ours.ended_at = incident.ended_at;
        }
        ours.diagnosis = incident.diagnosis.clone().or_else(|| ours.diagnosis.take());
        ours.plans.clone_from(&incident.plans);
        ours.feedback = incident.feedback;
        let added: Vec<TimelineEntry> =
            incident.timeline.iter().filter(|it| !ours.timeline.contains(it)).cloned().collect();
        ours.timeline.extend(added);
        ours.timeline.sort_by_key(|it| it.time);
    }

    /// Evidence that is near an incident: anomalies of the last minutes, on its services and hosts, that open nothing.
    pub fn evidence(&self, incident: &Incident, topology: &dyn Topology) -> Vec<Anomaly> {
        let all = self.evidence.values().chain(self.suppressed.values());
        let touched = touched(incident);
        let mut near: Vec<Anomaly> =
            all.filter(|it| is_linked(incident, &touched, it, topology, self.limits())).cloned().collect();
        near.sort_by(|a, b| (a.onset, &a.labels).cmp(&(b.onset, &b.labels)));
        near
    }

    /// Incidents that are open, or closed so recently that they may be opened again.
    pub fn tracked(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.iter().map(|it| &it.incident)
    }

    /// The number of the next new incident.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// What the correlator has done.
    pub fn metrics(&self) -> Vec<Metric> {
        let it = &self.counts;
        let suppressed = |reason: &str, count| {
            let help = "Anomalies that opened nothing.";
            Metric::counter("sentinel_detect_anomalies_suppressed_total", help, count).label("reason", reason)
        };
        let open = self.incidents.iter().filter(|it| it.incident.is_open()).count();
        vec![
            Metric::counter("sentinel_detect_anomalies_received_total", "Anomalies taken in.", it.received),
            suppressed("evidence", it.evidence),
            suppressed("load", it.suppressed_load),
            suppressed("queue_full", it.dropped_full),
            suppressed("no_incident", it.dropped_unknown),
            Metric::counter("sentinel_detect_incidents_opened_total", "Incidents opened.", it.opened),
            Metric::counter("sentinel_detect_incidents_reopened_total", "Incidents opened again.", it.reopened),
            Metric::counter("sentinel_detect_incidents_resolved_total", "Incidents resolved.", it.resolved),
            Metric::gauge("sentinel_detect_incidents_open", "Incidents open now.", open as f64),
        ]
    }

    fn limits(&self) -> &CorrelatorConfig {
        &self.config.incidents
    }

    fn is_symptom(&self, anomaly: &Anomaly) -> bool {
        if anomaly.kind.is_of_logs() {
            return policy::usage_of_logs(anomaly, &self.config) == Usage::Symptom;
        }
        let is_whole_owner = anomaly.labels.name().is_empty();
        let is_certain = matches!(
            anomaly.kind,
            AnomalyKind::Impossible | AnomalyKind::MissingData | AnomalyKind::Alert | AnomalyKind::Drift
        );
        // What groups may only note comes another way (`observe_evidence`).
        is_whole_owner
            || is_certain
            || anomaly.kind.is_of_group()
            || Rule::of(&anomaly.labels, &self.config).side(anomaly.direction).usage == Usage::Symptom
    }

    fn keep_evidence(&mut self, anomaly: Anomaly) {
        // The same series may have opened an incident on its other side.
        let finding = finding(&anomaly.labels, anomaly.kind);
        if anomaly.is_over {
            self.end_symptom(&anomaly);
            if anomaly.kind.is_of_group() {
                self.evidence.remove(&finding);
            }
        } else {
            self.attach(&anomaly);
            self.counts.evidence += u64::from(!self.evidence.contains_key(&finding));
            self.evidence.insert(finding, anomaly);
        }
    }

    /// What is found among groups becomes a symptom of the open incident of its own service: it is shown there, opens
    /// nothing, and the incident does not wait for its end.
    fn attach(&mut self, anomaly: &Anomaly) {
        if !anomaly.kind.is_of_group() || self.extend_symptom(anomaly) {
            return;
        }
        let owner = anomaly.labels.owner();
        let is_its = |it: &Tracked| it.incident.is_open() && it.incident.services.iter().any(|it| it == owner);
        if let Some(idx) = self.incidents.iter().position(is_its) {
            self.join(idx, anomaly);
            self.incidents.get_mut(idx).into_iter().for_each(|it| it.set_noted(anomaly, true));
        }
    }

    /// Anomalies of one tick may only be linked through each other: an incident is opened for the first, whoever is
    /// linked joins, and whoever is linked to those, before the next incident is opened.
    fn house(&mut self, mut homeless: Vec<Anomaly>, now: Timestamp, topology: &dyn Topology) {
        while !homeless.is_empty() {
            let before = homeless.len();
            homeless.retain(|it| match self.place(it, topology) {
                Some(idx) => {
                    self.join(idx, it);
                    false
                }
                None => true,
            });
            if homeless.len() == before {
                self.open(&homeless.remove(0), now);
            }
        }
    }

    /// Returns the anomaly if it needs an incident.
    fn work(&mut self, anomaly: Anomaly, now: Timestamp, topology: &dyn Topology) -> Option<Anomaly> {
        let id = anomaly.labels.id();
        if anomaly.is_over {
            let was_held = !anomaly.kind.is_of_group()
                && (self.waiting.remove(&id).is_some() | self.suppressed.remove(&id).is_some());
            let has_ended = self.end_symptom(&anomaly);
            self.counts.dropped_unknown += u64::from(!has_ended && !was_held);
            return None;
        }
        let is_extended = self.extend_symptom(&anomaly);
        if anomaly.kind.is_of_group() {
            self.incidents.iter_mut().for_each(|it| it.set_noted(&anomaly, false));
            return (!is_extended).then_some(anomaly);
        }
        if is_extended {
            self.waiting.remove(&id);
            return None;
        }
        if self.is_held_back(&anomaly, now, topology) {
            return None;
        }
        self.waiting.remove(&id);
        self.suppressed.remove(&id);
        Some(anomaly)
    }

    /// True if load explains the anomaly, or may do so yet.
    fn is_held_back(&mut self, anomaly: &Anomaly, now: Timestamp, topology: &dyn Topology) -> bool {
        let role = Role::of(&anomaly.labels);
        if !load::is_explainable(role)
            || !anomaly.kind.has_series()
            || anomaly.kind == AnomalyKind::Impossible
            || anomaly.kind == AnomalyKind::MissingData
        {
            return false;
        }
        let id = anomaly.labels.id();
        let factor = self.limits().load_factor;
        // What was explained once stays so while it goes on and does not grow, also when traffic is usual again.
        let is_known =
            |it: &Anomaly| it.onset == anomaly.onset && load::relative(anomaly) <= factor * load::relative(it);
        if let Some(known) = self.suppressed.get_mut(&id).filter(|it| is_known(it)) {
            known.time = anomaly.time;
            return true;
        }
        if self.loads.explain(anomaly, factor, topology) {
            self.counts.suppressed_load += u64::from(!self.suppressed.contains_key(&id));
            self.waiting.remove(&id);
            self.suppressed.insert(id, anomaly.clone());
            return true;
        }
        if !role.is_resource() || anomaly.score.value >= CREEPING_SCORE {
            return false;
        }
        let (since, newest) = self.waiting.entry(id).or_insert_with(|| (now, anomaly.clone()));
        let since = *since;
        if newest.time < anomaly.time {
            *newest = anomaly.clone();
        }
        now.secs_since(since) < f64::from(self.limits().load_wait_secs)
    }

    /// Confirms a symptom that an open incident has.
    fn extend_symptom(&mut self, anomaly: &Anomaly) -> bool {
        for tracked in self.incidents.iter_mut().filter(|it| it.incident.is_open()) {
            let Some(symptom) = tracked.symptom_mut(anomaly) else { continue };
            let came_back = symptom.ended_at.take().is_some();
            symptom.last_seen = symptom.last_seen.max(anomaly.time);
            symptom.severity = symptom.severity.max(anomaly.severity);
            if anomaly.kind == AnomalyKind::Impossible {
                symptom.kind = anomaly.kind;
            }
            if anomaly.score.value > symptom.peak.value {
                symptom.peak = anomaly.score.clone();
                symptom.direction = anomaly.direction;
                symptom.explanation.clone_from(&anomaly.explanation);
            }
            if came_back {
                tracked.note(anomaly.time, format!("{} is anomalous again.", anomaly.labels));
            }
            tracked.changed();
            return true;
        }
        false
    }

    fn end_symptom(&mut self, anomaly: &Anomaly) -> bool {
        for tracked in &mut self.incidents {
            let symptom = tracked.symptom_mut(anomaly).filter(|it| it.ended_at.is_none());
            let Some(symptom) = symptom else { continue };
            symptom.ended_at = Some(anomaly.time);
            let is_shift = anomaly.kind == AnomalyKind::LevelShift;
            if is_shift {
                symptom.kind = AnomalyKind::LevelShift;
            }
            let what =
                if is_shift { "has a new level, which is taken for normal from now on" } else { "has recovered" };
            tracked.note(anomaly.time, format!("{} {what}.", anomaly.labels));
            tracked.changed();
            return true;
        }
        false
    }

    /// The incident that an anomaly belongs to: the oldest one that is linked to it.
    fn place(&self, anomaly: &Anomaly, topology: &dyn Topology) -> Option<usize> {
        let limits = self.limits();
        self.incidents.iter().position(|it| {
            let incident = &it.incident;
            let is_near = incident.is_open() || {
                let end = incident.ended_at.unwrap_or(incident.detected_at);
                anomaly.onset.secs_since(end) <= f64::from(limits.reopen_within_secs)
            };
            is_near && it.is_linked(anomaly, topology, limits)
        })
    }

    fn join(&mut self, idx: usize, anomaly: &Anomaly) {
        let Some(tracked) = self.incidents.get_mut(idx) else { return };
        if !tracked.incident.is_open() {
            // ## Resolved => Open
            (tracked.incident.status, tracked.incident.ended_at) = (IncidentStatus::Open, None);
            tracked.note(anomaly.time, "A symptom came back; the incident is open again.".to_owned());
            self.counts.reopened += 1;
        }
        let symptom = symptom_of(anomaly);
        tracked.note(anomaly.time, format!("{}: {}.", symptom.labels.owner(), title::what(&symptom)));
        tracked.put(symptom);
    }

    fn open(&mut self, anomaly: &Anomaly, now: Timestamp) {
        let id = IncidentId(self.next_id);
        self.next_id += 1;
        self.counts.opened += 1;
        let incident = Incident {
            id,
            status: IncidentStatus::Open,
            severity: anomaly.severity,
            title: String::new(),
            services: vec![],
            started_at: anomaly.onset,
            detected_at: anomaly.time.max(now),
            ended_at: None,
            symptoms: vec![],
            diagnosis: None,
            plans: vec![],
            timeline: vec![],
            feedback: None,
        };
        let mut tracked = Tracked::new(incident, true);
        tracked.note(anomaly.time, format!("{id} was opened."));
        self.incidents.push(tracked);
        self.join(self.incidents.len() - 1, anomaly);
    }

    fn forget_evidence(&mut self, now: Timestamp) {
        let keep_secs = f64::from(self.limits().evidence_secs);
        self.evidence.retain(|_, it| now.secs_since(it.time) <= keep_secs);
        self.suppressed.retain(|_, it| now.secs_since(it.time) <= keep_secs);
        self.waiting.retain(|_, (_, it)| now.secs_since(it.time) <= keep_secs);
    }

    /// ## Open => Resolved
    fn resolve(&mut self, now: Timestamp) {
        let limits = self.config.incidents.clone();
        for tracked in self.incidents.iter_mut().filter(|it| it.incident.is_open()) {
            for symptom in tracked.incident.symptoms.iter_mut().filter(|it| it.ended_at.is_none()) {
                if now.secs_since(symptom.last_seen) > f64::from(limits.symptom_timeout_secs) {
                    symptom.ended_at = Some(symptom.last_seen);
                    tracked.has_changed = true;
                }
            }
            let Some(ended) = tracked.ended() else { continue };
            let resolve_at = ended.plus(Duration::from_secs(u64::from(limits.resolve_after_secs)));
            if now >= resolve_at {
                tracked.incident.status = IncidentStatus::Resolved;
                tracked.incident.ended_at = Some(ended);
                let still_noted = tracked.incident.symptoms.iter_mut().filter(|it| it.ended_at.is_none());
                still_noted.for_each(|it| it.ended_at = Some(it.last_seen));
                tracked.note(now, "All symptoms are over; the incident is resolved.".to_owned());
                tracked.has_changed = true;
                self.counts.resolved += 1;
            }
        }
    }
}

fn symptom_of(anomaly: &Anomaly) -> Symptom {
    Symptom {
        labels: anomaly.labels.clone(),
        kind: anomaly.kind,
        direction: anomaly.direction,
        onset: anomaly.onset,
        last_seen: anomaly.time,
        ended_at: None,
        peak: anomaly.score.clone(),
        severity: anomaly.severity,
        explanation: anomaly.explanation.clone(),
    }
}

#[cfg(test)]
#[path = "correlator_tests.rs"]
mod tests;
