//! What is done with anomalies? They become incidents; an incident is explained, a plan is proposed, all is written down.
//!
//! Time is an argument, so that the same code serves a running server, the demo and scenarios.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use act::Desk;
use detect::{AlertBudgets, Correlator, ServiceMap};
use ingest::MonitorVerdict;
use serve::Live;
use signal::{
    Anomaly, Diagnosis, Event, Incident, IncidentId, IncidentStatus, Meter, Metric, Outbox, Plan, PortError, Priors,
    Score, TimelineEntry, Timestamp,
};
use store::Store;

use crate::agent::Conversations;
use crate::backlog::Backlog;
use crate::clean;
use crate::eyes::Eyes;
use crate::inbox::Inbox;
use crate::shards::Judged;

/// When an open incident is diagnosed, after its detection: at once, then as more evidence comes in.
const DIAGNOSES: [Duration; 5] =
    [Duration::ZERO, Duration::from_secs(4), Duration::from_secs(10), Duration::from_secs(25), Duration::from_secs(60)];

/// A plan is only made from a diagnosis that is at least this old: the first look may miss half the evidence.
const SETTLED: Duration = Duration::from_secs(4);

/// Turns anomalies into incidents, diagnoses and plans.
pub struct Responder {
    store: Arc<Store>,
    budgets: Arc<AlertBudgets>,
    eyes: Eyes,
    map: Arc<ServiceMap>,
    live: Live,
    desk: OnceLock<Arc<Desk>>,
    outbox: OnceLock<Arc<dyn Outbox>>,
    priors: OnceLock<Arc<dyn Priors>>,
    investigations: OnceLock<Arc<Conversations>>,
    inbox: Inbox,
    backlog: Backlog,
    state: Mutex<State>,
    changed_plans: Mutex<Vec<Plan>>,
    /// Held during a tick, so that two ticks never diagnose the same incident twice.
    ticking: Mutex<()>,
}

struct State {
    correlator: Correlator,
    /// Diagnoses still to be made, and the incident as it is now.
    open: BTreeMap<IncidentId, Following>,
    counts: Counts,
}

struct Following {
    incident: Incident,
    /// Index into `DIAGNOSES` of the next one.
    next_diagnosis: usize,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    opened: u64,
    resolved: u64,
    diagnosed: u64,
    diagnosis_seconds: f64,
    problems: u64,
    failures: u64,
}

impl Responder {
    /// Takes up open incidents where an earlier process left them.
    pub fn open(
        config: Arc<detect::Config>,
        budgets: Arc<AlertBudgets>,
        store: Arc<Store>,
        eyes: Eyes,
        map: Arc<ServiceMap>,
        live: Live,
    ) -> Result<Arc<Self>, PortError> {
        let filter = signal::IncidentFilter { limit: 0, ..Default::default() };
        let mut all = store.incidents(&filter)?;
        all.iter().rev().for_each(|it| budgets.opened(it));
        all.retain(Incident::is_open);
        let unresolved = all;
        let mut correlator = Correlator::new(config, store.next_incident_id().map_err(not_saved)?.0);
        correlator.resume(unresolved.clone());
        let follow = |incident: Incident| (incident.id, Following { incident, next_diagnosis: DIAGNOSES.len() });
        let open = unresolved.into_iter().map(follow).collect();
        let state = State { correlator, open, counts: Counts::default() };
        Ok(Arc::new(Self {
            backlog: Backlog::new(Arc::clone(&store)),
            store,
            budgets,
            eyes,
            map,
            live,
            desk: OnceLock::new(),
            outbox: OnceLock::new(),
            priors: OnceLock::new(),
            investigations: OnceLock::new(),
            inbox: Inbox::default(),
            state: Mutex::new(state),
            changed_plans: Mutex::default(),
            ticking: Mutex::default(),
        }))
    }

    /// Connects the desk that makes plans; called once by the composition root.
    pub fn connect(&self, desk: Arc<Desk>) {
        // A second call would be a mistake in assembly; the first desk stays.
        let _ = self.desk.set(desk);
    }

    /// Connects what has incidents investigated; called once by the composition root.
    pub fn investigate_with(&self, conversations: Arc<Conversations>) {
        // A second call would be a mistake in assembly; the first stays.
        let _ = self.investigations.set(conversations);
    }

    /// Connects what tells other programs of incidents; those that are open are told again, because the process before
    /// may have ended before it could. Called once by the composition root.
    pub fn tell(&self, outbox: Arc<dyn Outbox>) {
        self.open_incidents().iter().for_each(|it| outbox.post(it));
        // A second call would be a mistake in assembly; the first outbox stays.
        let _ = self.outbox.set(outbox);
    }

    /// Connects what people have said of earlier causes; called once by the composition root.
    pub fn heed(&self, priors: Arc<dyn Priors>) {
        // A second call would be a mistake in assembly; the first stays.
        let _ = self.priors.set(priors);
    }

    /// Takes anomalies in, from any thread; they are worked on at the next tick.
    pub fn anomalies(&self, anomalies: Vec<Anomaly>) {
        for anomaly in &anomalies {
            let mut told = anomaly.clone();
            clean::anomaly(&mut told);
            self.live.send(Event::Anomaly(Box::new(told)));
        }
        self.inbox.push(anomalies);
    }

    /// Anomalies that wait for the next tick.
    pub fn waiting(&self) -> usize {
        self.inbox.waiting()
    }

    /// Takes in anomalies that may only stand beside incidents.
    pub fn evidence(&self, anomalies: Vec<Anomaly>) {
        self.inbox.push_evidence(anomalies);
    }

    /// Notes that a plan has changed; it is told to listeners and to the incident at the next tick.
    pub fn plan_changed(&self, plan: &Plan) {
        self.live.send(Event::Plan(Box::new(plan.clone())));
        lock(&self.changed_plans).push(plan.clone());
    }

    /// Lets time pass: incidents open, are explained, get plans and are resolved.
    pub fn tick(&self, now: Timestamp) {
        let _only_one = lock(&self.ticking);
        let written = self.backlog.retry();
        if written > 0 {
            tracing::info!(written, "Incidents and ledger entries that waited for the disk are written.");
        }
        let waiting = self.inbox.take();
        let changed = {
            let correlator = &mut self.lock().correlator;
            waiting.anomalies.into_iter().for_each(|it| correlator.observe(it));
            waiting.evidence.into_iter().for_each(|it| correlator.observe_evidence(it));
            correlator.tick(now, &*self.map)
        };
        for incident in changed {
            self.follow(incident);
        }
        for plan in std::mem::take(&mut *lock(&self.changed_plans)) {
            self.note_plan(&plan, now);
        }
        for id in self.due(now) {
            self.diagnose(id, now);
        }
    }

    /// Incidents on disk or on their way to it.
    pub const fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// The incidents that are open now.
    pub fn open_incidents(&self) -> Vec<Incident> {
        self.lock().open.values().map(|it| it.incident.clone()).collect()
    }

    /// Changes an incident, open or not, for a person: acknowledges it, takes feedback.
    pub fn change(&self, id: IncidentId, change: impl FnOnce(&mut Incident)) -> Result<Incident, PortError> {
        let mut state = self.lock();
        let mut before = None;
        let change = |it: &mut Incident| {
            before = it.feedback;
            change(it);
            clean::incident(it);
        };
        let incident = match state.open.get_mut(&id) {
            Some(following) => {
                change(&mut following.incident);
                following.incident.clone()
            }
            None => {
                let mut incident = self.backlog.incident(id)?;
                change(&mut incident);
                incident
            }
        };
        state.correlator.update_external(&incident);
        self.backlog.save(&incident)?;
        drop(state);
        self.budgets.judged(&incident, before);
        self.announce(&incident);
        Ok(incident)
    }

    /// The answer to `/monitor`: the worst of the judged points, with the report of its incident if there is one.
    pub fn verdict(&self, judged: &[Judged], now: Timestamp) -> MonitorVerdict {
        self.tick(now);
        let worst = judged.iter().max_by(|a, b| a.verdict.score.value.total_cmp(&b.verdict.score.value));
        let Some(worst) = worst else { return healthy("No points.", 0.0) };
        let score = &worst.verdict.score;
        let sigma = score.deviation();
        if score.value <= 1.0 {
            return if score.is_ready { healthy("Normal", sigma) } else { healthy("Initializing baseline...", 0.0) };
        }
        let series = &worst.labels;
        let state = self.lock();
        let mut incidents = state.open.values().map(|it| &it.incident);
        let incident = incidents.rfind(|it| it.symptoms.iter().any(|symptom| symptom.labels == *series));
        let report = incident.map_or_else(
            || {
                let Score { y, yhat, yhat_lower, yhat_upper, value, .. } = score;
                let threshold = self.budgets.threshold(series);
                let why = if *value <= threshold {
                    format!("Its alert budget asks for a score above {threshold:.2}; this one is {value:.2}.")
                } else {
                    "It has not lasted long enough to open an incident.".to_owned()
                };
                format!("{series} is {y:.4}, expected {yhat:.4} ({yhat_lower:.4} to {yhat_upper:.4}). {why}")
            },
            summary,
        );
        MonitorVerdict {
            is_critical: true,
            message: "Anomaly".to_owned(),
            z_score: sigma,
            report: Some(report),
            investigation: incident.and_then(|it| self.investigations.get()?.prose(it.id)),
            incident: incident.map(|it| it.id),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Takes over what the correlator says of an incident.
    fn follow(&self, mut incident: Incident) {
        clean::incident(&mut incident);
        let id = incident.id;
        // What is followed is stored; a large incident is not read again just to know that.
        let is_new = !self.lock().open.contains_key(&id) && self.backlog.incident(id).is_err();
        let mut state = self.lock();
        state.counts.opened += u64::from(is_new);
        if is_new {
            self.budgets.opened(&incident);
        }
        if incident.is_open() {
            let next_diagnosis = state.open.get(&id).map_or(0, |it| it.next_diagnosis);
            state.open.insert(id, Following { incident: incident.clone(), next_diagnosis });
        } else if state.open.remove(&id).is_some() {
            state.counts.resolved += 1;
        }
        drop(state);
        if !incident.is_open() {
            // Plans that nobody has approved yet are no longer needed.
            self.plan(&mut incident);
            clean::incident(&mut incident);
        }
        self.keep(&incident);
        match (is_new, incident.status) {
            (true, _) => self.record("incident.opened", &incident),
            (false, IncidentStatus::Resolved) => self.record("incident.resolved", &incident),
            _ => {}
        }
    }

    fn keep(&self, incident: &Incident) {
        if let Err(error) = self.backlog.save(incident) {
            self.lock().counts.failures += 1;
            tracing::error!(incident = %incident.id, %error, "Incident not saved yet.");
        }
        self.announce(incident);
    }

    fn announce(&self, incident: &Incident) {
        self.live.send(Event::Incident(Box::new(incident.clone())));
        if let Some(outbox) = self.outbox.get() {
            outbox.post(incident);
        }
    }

    fn record(&self, action: &str, incident: &Incident) {
        let detail = serde_json::json!({ "title": incident.title, "services": incident.services }).to_string();
        if let Err(error) = self.backlog.append(action, &incident.id.to_string(), detail) {
            self.lock().counts.failures += 1;
            tracing::error!(incident = %incident.id, %error, "Ledger entry not written yet.");
        }
        tracing::info!(incident = %incident.id, title = %incident.title, action, "Incident changed.");
    }

    fn due(&self, now: Timestamp) -> Vec<IncidentId> {
        let state = self.lock();
        let is_due = |it: &&Following| {
            DIAGNOSES.get(it.next_diagnosis).is_some_and(|after| now >= it.incident.detected_at.plus(*after))
        };
        state.open.values().filter(is_due).map(|it| it.incident.id).collect()
    }

    fn diagnose(&self, id: IncidentId, now: Timestamp) {
        let Some(mut incident) = self.lock().open.get(&id).map(|it| it.incident.clone()) else { return };
        let started = Instant::now();
        // What could not be seen for others is none of this.
        drop((self.eyes.gaps)());
        let (mut diagnosis, problems) =
            diagnose::diagnose(&incident, now, &self.eyes.sources(&*self.store, &*self.map));
        if let Some(priors) = self.priors.get() {
            diagnose::weigh(&mut diagnosis, &**priors);
        }
        let gaps = (self.eyes.gaps)();
        let seconds = started.elapsed().as_secs_f64();
        diagnosis.took_ms = seconds * 1000.0;
        for problem in &problems {
            tracing::warn!(incident = %id, %problem, "Diagnosis is incomplete.");
        }
        let mut notes = news(incident.diagnosis.as_ref(), &diagnosis, now);
        if !gaps.is_empty() {
            let text = format!("The diagnosis is incomplete: {}.", gaps.join(", "));
            tracing::warn!(incident = %id, text, "Diagnosis is incomplete.");
            notes.push(TimelineEntry { time: now, text });
        }
        incident.diagnosis = Some(diagnosis.clone());
        let (known_plans, known_entries) = (incident.plans.len(), incident.timeline.len());
        if now.since(incident.detected_at) >= SETTLED {
            self.plan(&mut incident);
        }
        notes.extend(incident.timeline.drain(known_entries..));
        if let Some(it) = self.investigations.get().filter(|_| now.since(incident.detected_at) >= SETTLED) {
            it.consider(&incident);
        }
        let plans: Vec<_> = incident.plans.drain(known_plans..).collect();
        let changed = self.change(id, |it| {
            it.diagnosis = Some(diagnosis);
            it.plans.extend(plans);
            it.timeline.extend(notes);
        });
        let mut state = self.lock();
        state.counts.diagnosed += 1;
        state.counts.diagnosis_seconds += seconds;
        state.counts.problems += (problems.len() + gaps.len()) as u64;
        if let Some(following) = state.open.get_mut(&id) {
            following.next_diagnosis = DIAGNOSES.iter().filter(|it| incident.detected_at.plus(**it) <= now).count();
        }
        if let Err(error) = changed {
            state.counts.failures += 1;
            tracing::error!(incident = %id, %error, "Diagnosis not saved yet.");
        }
    }

    fn plan(&self, incident: &mut Incident) {
        let Some(desk) = self.desk.get() else { return };
        match desk.consider(incident) {
            Ok(considered) => {
                incident.plans.extend(considered.plans.iter().map(|it| it.id));
                incident.timeline.extend(considered.notes);
            }
            Err(error) => {
                self.lock().counts.failures += 1;
                tracing::error!(incident = %incident.id, %error, "No plan could be made.");
            }
        }
    }

    fn note_plan(&self, plan: &Plan, now: Timestamp) {
        if plan.state == signal::PlanState::Proposed {
            return;
        }
        let text = format!("{} is {}: {}", plan.id, crate::words::plan_state(plan.state), plan.reason);
        let noted = self.change(plan.incident, |incident| {
            if incident.timeline.last().is_none_or(|it| it.text != text) {
                incident.timeline.push(TimelineEntry { time: now, text: text.clone() });
            }
        });
        if let Err(error) = noted {
            tracing::error!(plan = %plan.id, %error, "Plan not noted in its incident.");
        }
    }
}

/// A sentence for the timeline if the answer to "why" has changed.
fn news(before: Option<&Diagnosis>, now: &Diagnosis, time: Timestamp) -> Vec<TimelineEntry> {
    let answer = |it: &Diagnosis| it.causes.first().map(|it| (it.service.clone(), it.fault));
    if before.is_some_and(|it| answer(it) == answer(now)) {
        return vec![];
    }
    let text = now.causes.first().map_or_else(
        || "No cause found yet.".to_owned(),
        |it| format!("Cause ({:.0} %): {}", it.confidence * 100.0, it.summary),
    );
    vec![TimelineEntry { time, text }]
}

fn healthy(message: &str, z_score: f64) -> MonitorVerdict {
    MonitorVerdict {
        is_critical: false,
        message: message.to_owned(),
        z_score,
        report: None,
        investigation: None,
        incident: None,
    }
}

/// An incident in a few sentences.
fn summary(incident: &Incident) -> String {
    let cause = incident.diagnosis.as_ref().and_then(|it| Some((it, it.causes.first()?)));
    let cause = match cause {
        None => "No cause found yet.".to_owned(),
        Some((diagnosis, cause)) => {
            let evidence: Vec<String> =
                diagnosis.evidence_of(cause).map(|it| format!("[{}] {}", it.id.0, it.text)).collect();
            format!(
                "Root cause ({:.0} %): {} Evidence: {}",
                cause.confidence * 100.0,
                cause.summary,
                evidence.join(" ")
            )
        }
    };
    format!("{}: {}. {cause}", incident.id, incident.title)
}

fn not_saved(error: store::Error) -> PortError {
    PortError::Failed { operation: "save the incident", source: error.into() }
}

/// A panic elsewhere leaves the state as it was after the last complete step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Meter for Responder {
    fn metrics(&self) -> Vec<Metric> {
        let state = self.lock();
        let counts = state.counts;
        let mut seconds = Metric::counter("sentinel_diagnose_seconds_total", "Time spent diagnosing.", 0);
        seconds.value = counts.diagnosis_seconds;
        let mut metrics = vec![
            Metric::counter("sentinel_detect_incidents_opened_total", "Incidents opened.", counts.opened),
            Metric::counter("sentinel_detect_incidents_resolved_total", "Incidents resolved.", counts.resolved),
            Metric::gauge("sentinel_detect_incidents_open", "Incidents open now.", state.open.len() as f64),
            Metric::counter("sentinel_diagnose_diagnoses_total", "Diagnoses made.", counts.diagnosed),
            Metric::counter("sentinel_diagnose_problems_total", "Evidence that could not be read.", counts.problems),
            Metric::counter(
                "sentinel_store_state_failures_total",
                "Incidents or ledger entries that could not be saved.",
                counts.failures,
            ),
            seconds,
        ];
        metrics.extend(state.correlator.metrics());
        metrics.extend(self.inbox.metrics());
        metrics.extend(self.backlog.metrics());
        metrics
    }
}
