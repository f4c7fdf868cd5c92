//! What must be known of an incident to tell quickly whether an anomaly belongs to it? Where it is, and its symptoms by what
//! was found.
//!
//! In a storm thousands of symptoms of one incident are confirmed in a second. Whatever is asked for each of them is kept
//! up to date here, and what follows from all of them (title, order) is found once for a tick.

use std::collections::{BTreeSet, HashMap, HashSet};

use signal::{Anomaly, AnomalyKind, Incident, Labels, SeriesId, Severity, Symptom, TimelineEntry, Timestamp, Topology};

use crate::config::CorrelatorConfig;
use crate::service_map::peer_of;
use crate::title;

/// Entries kept in a timeline; one line says that there were more.
const LONGEST_TIMELINE: usize = 500;

/// What is found of a series by itself and what is found by comparing it with others begin and end apart.
pub(crate) type Finding = (SeriesId, Option<AnomalyKind>);

pub(crate) fn finding(labels: &Labels, kind: AnomalyKind) -> Finding {
    (labels.id(), kind.is_of_group().then_some(kind))
}

/// An incident that is open or may be opened again.
pub(crate) struct Tracked {
    pub incident: Incident,
    pub has_changed: bool,
    /// What follows from the symptoms is not up to date.
    is_stale: bool,
    /// Where its symptoms are in the incident.
    symptoms: HashMap<Finding, usize>,
    /// The services and hosts that its symptoms name.
    touched: BTreeSet<String>,
    /// Symptoms that are only shown: the incident does not wait for their end.
    noted: HashSet<Finding>,
}

impl Tracked {
    pub fn new(incident: Incident, has_changed: bool) -> Self {
        let touched = incident.symptoms.iter().flat_map(|it| places(&it.labels)).collect();
        let mut tracked =
            Self { incident, has_changed, is_stale: false, symptoms: HashMap::new(), touched, noted: HashSet::new() };
        tracked.find_symptoms();
        tracked
    }

    /// The symptom that this anomaly confirms or ends.
    pub fn symptom_mut(&mut self, anomaly: &Anomaly) -> Option<&mut Symptom> {
        let idx = *self.symptoms.get(&finding(&anomaly.labels, anomaly.kind))?;
        self.incident.symptoms.get_mut(idx)
    }

    /// Adds a symptom, or puts it in place of an earlier one of the same finding.
    pub fn put(&mut self, symptom: Symptom) {
        let owner = symptom.labels.owner();
        if !self.incident.services.iter().any(|it| it == owner) {
            self.incident.services.push(owner.to_owned());
        }
        self.touched.extend(places(&symptom.labels));
        let idx = *self.symptoms.entry(finding(&symptom.labels, symptom.kind)).or_insert(self.incident.symptoms.len());
        match self.incident.symptoms.get_mut(idx) {
            Some(it) => *it = symptom,
            None => self.incident.symptoms.push(symptom),
        }
        self.changed();
    }

    /// Says whether the symptom of this anomaly, if there is one, is only shown.
    pub fn set_noted(&mut self, anomaly: &Anomaly, is_noted: bool) {
        let finding = finding(&anomaly.labels, anomaly.kind);
        if is_noted && self.symptoms.contains_key(&finding) {
            self.noted.insert(finding);
        } else {
            self.noted.remove(&finding);
        }
    }

    /// When the last symptom that matters ended; None while one goes on.
    pub fn ended(&self) -> Option<Timestamp> {
        let matters = |it: &&Symptom| !self.noted.contains(&finding(&it.labels, it.kind));
        let ends: Option<Vec<Timestamp>> =
            self.incident.symptoms.iter().filter(matters).map(|it| it.ended_at).collect();
        ends?.into_iter().max()
    }

    /// A symptom has changed: call `refresh` before the incident is shown.
    pub fn changed(&mut self) {
        (self.has_changed, self.is_stale) = (true, true);
    }

    /// Adds an entry to the timeline.
    pub fn note(&mut self, time: Timestamp, text: String) {
        let timeline = &mut self.incident.timeline;
        match timeline.len() {
            LONGEST_TIMELINE.. => {}
            len if len + 1 == LONGEST_TIMELINE => {
                timeline.push(TimelineEntry { time, text: "Further entries were left out.".to_owned() });
            }
            _ => timeline.push(TimelineEntry { time, text }),
        }
    }

    /// Brings everything that follows from the symptoms up to date.
    pub fn refresh(&mut self) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        let incident = &mut self.incident;
        incident.symptoms.sort_by(|a, b| (a.onset, &a.labels).cmp(&(b.onset, &b.labels)));
        incident.title = title::title(&incident.symptoms);
        incident.severity = incident.symptoms.iter().map(|it| it.severity).max().unwrap_or(Severity::Warning);
        incident.started_at = incident.symptoms.iter().map(|it| it.onset).min().unwrap_or(incident.started_at);
        incident.services.clear();
        let mut seen = BTreeSet::new();
        let owners = incident.symptoms.iter().map(|it| it.labels.owner());
        incident.services.extend(owners.filter(|it| seen.insert(*it)).map(str::to_owned));
        self.find_symptoms();
    }

    /// True if the anomaly touches a symptom of the incident: see [`is_linked`].
    pub fn is_linked(&self, anomaly: &Anomaly, topology: &dyn Topology, limits: &CorrelatorConfig) -> bool {
        is_linked(&self.incident, &self.touched, anomaly, topology, limits)
    }

    fn find_symptoms(&mut self) {
        let all = self.incident.symptoms.iter().enumerate();
        self.symptoms = all.map(|(idx, it)| (finding(&it.labels, it.kind), idx)).collect();
    }
}

/// The services and hosts that the symptoms of an incident name.
pub(crate) fn touched(incident: &Incident) -> BTreeSet<String> {
    incident.symptoms.iter().flat_map(|it| places(&it.labels)).collect()
}

/// True if the anomaly touches a symptom of the incident: the same service, host or called service, one step in the map,
/// or two steps if both began at nearly the same time.
pub(crate) fn is_linked(
    incident: &Incident,
    touched: &BTreeSet<String>,
    anomaly: &Anomaly,
    topology: &dyn Topology,
    limits: &CorrelatorConfig,
) -> bool {
    let last_onset = incident.symptoms.iter().map(|it| it.last_seen).max().unwrap_or(incident.detected_at);
    if anomaly.onset.secs_since(last_onset) > f64::from(limits.join_within_secs) {
        return false;
    }
    let own: BTreeSet<String> = places(&anomaly.labels).collect();
    if own.iter().any(|it| touched.contains(it)) {
        return true;
    }
    let near = one_step(&own, topology);
    if !touched.is_disjoint(&near) {
        return true;
    }
    let is_together = incident
        .symptoms
        .iter()
        .any(|it| it.onset.secs_since(anomaly.onset).abs() <= f64::from(limits.two_hops_within_secs));
    is_together && !one_step(touched, topology).is_disjoint(&near)
}

/// The services and the host that a series names.
fn places(labels: &Labels) -> impl Iterator<Item = String> {
    [labels.service(), labels.host(), peer_of(labels)].into_iter().flatten().map(str::to_owned)
}

fn one_step(places: &BTreeSet<String>, topology: &dyn Topology) -> BTreeSet<String> {
    let steps = |it: &String| [topology.callees(it), topology.callers(it), topology.neighbors(it)];
    places.iter().flat_map(steps).flatten().collect()
}
