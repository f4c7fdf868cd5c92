//! What is wrong? One incident per cause, with its symptoms and its story.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AnomalyKind, Diagnosis, Direction, Labels, PlanId, Score, Severity, Timestamp};

/// The identity of an incident: `INC-17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IncidentId(pub u64);

impl fmt::Display for IncidentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "INC-{}", self.0)
    }
}

impl From<IncidentId> for String {
    fn from(id: IncidentId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for IncidentId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for IncidentId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("INC-").and_then(|it| it.parse().ok());
        number.map(Self).ok_or_else(|| format!("{text:?} is not an incident id such as INC-17"))
    }
}

/// One fault, from the first symptom to the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Identity.
    pub id: IncidentId,
    /// Where it stands.
    pub status: IncidentStatus,
    /// The highest severity among its symptoms.
    pub severity: Severity,
    /// One line for people, for example `payments: latency_ms 8.2 x above expected`.
    pub title: String,
    /// Services (or hosts) that show symptoms, first affected first.
    pub services: Vec<String>,
    /// First anomalous point.
    pub started_at: Timestamp,
    /// When the incident was opened (data time).
    pub detected_at: Timestamp,
    /// When the last symptom ended.
    pub ended_at: Option<Timestamp>,
    /// Series that are or were anomalous, in order of onset.
    pub symptoms: Vec<Symptom>,
    /// Ranked causes, once diagnosed.
    pub diagnosis: Option<Diagnosis>,
    /// Plans made for it.
    pub plans: Vec<PlanId>,
    /// What happened, in order.
    pub timeline: Vec<TimelineEntry>,
    /// What a person said of it.
    pub feedback: Option<Opinion>,
}

impl Incident {
    /// True until the last symptom has ended.
    pub fn is_open(&self) -> bool {
        self.status != IncidentStatus::Resolved
    }
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentStatus {
    /// At least one symptom goes on.
    Open,
    /// Goes on, and somebody looks after it.
    Acknowledged,
    /// All symptoms have ended.
    Resolved,
}

/// One anomalous series of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Symptom {
    /// The series.
    pub labels: Labels,
    /// What sort of anomaly.
    pub kind: AnomalyKind,
    /// Which side.
    pub direction: Direction,
    /// First anomalous point.
    pub onset: Timestamp,
    /// Newest anomalous point.
    pub last_seen: Timestamp,
    /// When it recovered.
    pub ended_at: Option<Timestamp>,
    /// The worst score so far.
    pub peak: Score,
    /// Its severity.
    pub severity: Severity,
    /// What it was compared with at its peak; empty if the score says it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub explanation: String,
}

impl Symptom {
    /// True if there is a stored series of these labels: not for what was found in log lines or is alerted by another
    /// system, and not for a service or host that has gone silent as a whole.
    pub fn has_series(&self) -> bool {
        self.kind.has_series() && !self.labels.name().is_empty()
    }
}

/// One thing that happened in an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When.
    pub time: Timestamp,
    /// What, in a sentence.
    pub text: String,
}

/// What a person said of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    /// A real fault, and the cause is right.
    Right,
    /// A real fault, but the cause is wrong.
    Wrong,
    /// Not a fault.
    Noise,
}
