//! What is done with alerts of other systems? Each becomes an anomaly of its service, and so a part of an incident that
//! is investigated like any other; when the alert ends, its part of the incident ends.
//!
//! The same labels are the same alert, however often it is sent. Alerts that fire are kept in the store before they are
//! acknowledged, so that none is lost with the process, and one that is never heard of again ends by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ingest::Alert;
use serde::{Deserialize, Serialize};
use signal::{Anomaly, AnomalyKind, Direction, Labels, Meter, Metric, Score, Severity, Timestamp};
use store::Store;

use crate::responder::Responder;

/// Where firing alerts are kept.
const KEPT_AS: &str = "alerts-firing";
/// Alerts that may fire at the same time.
const MOST: usize = 20_000;
/// How often an alert that fires is told again, so that its incident knows that it goes on.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// Knows which alerts fire.
pub struct AlertDesk {
    store: Arc<Store>,
    responder: Arc<Responder>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    firing: BTreeMap<Labels, Firing>,
    told: Option<Timestamp>,
    began: u64,
    repeated: u64,
    ended: u64,
    unknown: u64,
    failures: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Firing {
    labels: Labels,
    summary: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    /// It is of this program.
    #[serde(default)]
    is_own: bool,
}

/// Why alerts were not taken.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// Too many fire; the sender tries again.
    #[error("more than {MOST} alerts fire")]
    Full,
    /// They could not be kept; the operator looks at the log.
    #[error("cannot keep the alerts that fire")]
    NotKept(#[source] store::Error),
}

impl AlertDesk {
    /// Takes up the alerts that fired when an earlier process ended.
    pub fn open(store: Arc<Store>, responder: Arc<Responder>) -> Result<Self, store::Error> {
        let kept = store.get_state(KEPT_AS)?.unwrap_or_default();
        let firing: Vec<Firing> = serde_json::from_slice(&kept).unwrap_or_default();
        let firing = firing.into_iter().map(|it| (it.labels.clone(), it)).collect();
        Ok(Self { store, responder, state: Mutex::new(State { firing, ..State::default() }) })
    }

    /// Takes alerts of other systems in; what fires is durable when it returns. Blocks.
    pub fn take(&self, alerts: Vec<Alert>, now: Timestamp) -> Result<(), AlertError> {
        self.take_of(alerts, now, false)
    }

    /// The same of alerts that this program has found itself.
    pub fn take_own(&self, alerts: Vec<Alert>, now: Timestamp) -> Result<(), AlertError> {
        self.take_of(alerts, now, true)
    }

    fn take_of(&self, alerts: Vec<Alert>, now: Timestamp, is_own: bool) -> Result<(), AlertError> {
        let mut state = self.lock();
        let mut firing = state.firing.clone();
        let mut told = vec![];
        for alert in alerts {
            let is_over = alert.ends_at <= now;
            let (labels, ends_at) = (alert.labels.clone(), alert.ends_at);
            let (starts_at, summary) = (alert.starts_at, alert.summary);
            let new = Firing { labels: labels.clone(), summary, starts_at, ends_at, is_own };
            match (firing.remove(&labels), is_over) {
                (None, true) => state.unknown += 1,
                (Some(known), true) => {
                    state.ended += 1;
                    told.push(known.anomaly(ends_at.max(known.starts_at), true));
                }
                (known, false) => {
                    if known.is_none() {
                        state.began += 1;
                        told.push(new.anomaly(now, false));
                    } else {
                        state.repeated += 1;
                    }
                    firing.insert(labels, new);
                }
            }
        }
        if firing.len() > MOST {
            return Err(AlertError::Full);
        }
        self.keep(&firing).map_err(AlertError::NotKept)?;
        state.firing = firing;
        drop(state);
        self.tell(told);
        Ok(())
    }

    /// Lets time pass: alerts that were not heard of until their end are over, the others go on.
    pub fn tick(&self, now: Timestamp) {
        let mut state = self.lock();
        let ended: Vec<Firing> = state.firing.values().filter(|it| it.ends_at <= now).cloned().collect();
        if !ended.is_empty() {
            ended.iter().for_each(|it| _ = state.firing.remove(&it.labels));
            state.ended += ended.len() as u64;
            if let Err(error) = self.keep(&state.firing) {
                state.failures += 1;
                tracing::error!(%error, "Alerts that fire are not saved.");
            }
        }
        let mut told: Vec<Anomaly> = ended.iter().map(|it| it.anomaly(it.ends_at, true)).collect();
        if state.told.is_none_or(|it| now.since(it) >= TELL_AGAIN) {
            state.told = Some(now);
            told.extend(state.firing.values().map(|it| it.anomaly(now, false)));
        }
        drop(state);
        self.tell(told);
    }

    /// An alert that asks for nobody opens nothing.
    fn tell(&self, told: Vec<Anomaly>) {
        let asks = |it: &Anomaly| !matches!(it.labels.get("severity"), Some("none" | "info"));
        let (anomalies, evidence): (Vec<_>, Vec<_>) = told.into_iter().partition(asks);
        if !anomalies.is_empty() {
            self.responder.anomalies(anomalies);
        }
        if !evidence.is_empty() {
            self.responder.evidence(evidence);
        }
    }

    fn keep(&self, firing: &BTreeMap<Labels, Firing>) -> Result<(), store::Error> {
        let all: Vec<&Firing> = firing.values().collect();
        let bytes = serde_json::to_vec(&all).expect("labels, texts and times are JSON");
        self.store.put_state(KEPT_AS, &bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Firing {
    fn anomaly(&self, time: Timestamp, is_over: bool) -> Anomaly {
        let name = self.labels.get("alertname").unwrap_or("alert");
        let said = if self.summary.is_empty() { String::new() } else { format!(" It says {:?}.", self.summary) };
        let level = self.labels.get("severity").unwrap_or("").to_ascii_lowercase();
        let is_urgent = matches!(level.as_str(), "critical" | "page" | "error" | "emergency" | "high" | "p1");
        // The score of something that just is: at the threshold, without a band.
        let score = Score { is_ready: true, is_provisional: false, value: 1.0, ..Score::warming_up(1.0) };
        Anomaly {
            labels: self.labels.with("__name__", name),
            kind: AnomalyKind::Alert,
            direction: Direction::Above,
            onset: self.starts_at,
            time,
            score,
            severity: if is_urgent { Severity::Critical } else { Severity::Warning },
            is_over,
            explanation: match self.is_own {
                true => format!("By its forecast since {}: {}", self.starts_at, self.summary),
                false => format!("The alert {name:?} of another system fires since {}.{said}", self.starts_at),
            },
        }
    }
}

impl Meter for AlertDesk {
    fn metrics(&self) -> Vec<Metric> {
        let state = self.lock();
        let count = |change: &'static str, value| {
            let help = "Alerts of other systems that were taken in.";
            Metric::counter("sentinel_detect_alerts_total", help, value).label("change", change)
        };
        vec![
            Metric::gauge("sentinel_detect_alerts_firing", "Alerts of other systems.", state.firing.len() as f64),
            count("began", state.began),
            count("repeated", state.repeated),
            count("ended", state.ended),
            count("unknown_ended", state.unknown),
            Metric::counter("sentinel_detect_alerts_save_failures_total", "Alerts not saved.", state.failures),
        ]
    }
}
