//! What did people teach? An opinion on an incident, a cause or an action, and what followed from it.

use serde::{Deserialize, Serialize};

use crate::{FaultClass, Incident, IncidentId, Opinion, PlanId, PortError, Timestamp};

/// What a person says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// Right, wrong or noise.
    pub opinion: Opinion,
    /// The service or host that was to blame, if the person names one.
    pub cause: Option<String>,
    /// The plan that the opinion is about; none: about the incident and its first cause.
    pub action: Option<PlanId>,
    /// In the person's words (untrusted); may be empty.
    pub comment: String,
    /// Who says so.
    pub actor: String,
}

/// One opinion with what followed from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// Identity, from 1.
    pub id: u64,
    /// When it was said.
    pub time: Timestamp,
    /// Of which incident.
    pub incident: IncidentId,
    /// What was said.
    pub said: Feedback,
    /// What moved.
    pub effects: Vec<LessonEffect>,
    /// Who took it back, or `sentinel` when the same person has said something else since; none while it counts.
    pub undone_by: Option<String>,
}

/// What moved by a lesson, from and to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LessonEffect {
    /// What moves.
    pub target: LessonTarget,
    /// The score or the cause that the lesson rests on.
    pub basis: f64,
    /// Before the lesson.
    pub from: f64,
    /// Right after it.
    pub to: f64,
    /// Now, with all that was said and forgotten since.
    pub now: f64,
}

/// What a lesson can move.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LessonTarget {
    /// The score from which points of the series of a metric and a service count; 1 is usual.
    Threshold {
        /// The metric.
        metric: String,
        /// The service or host.
        owner: String,
    },
    /// The log odds that are added to a cause; 0 is usual.
    Ranking {
        /// The service or host.
        service: String,
        /// The fault; none means any.
        fault: Option<FaultClass>,
    },
}

/// Takes opinions, and tells what was learned from them.
pub trait FeedbackDesk: Send + Sync {
    /// Takes an opinion; durable when it returns.
    fn give(&self, id: IncidentId, said: Feedback) -> Result<Incident, PortError>;
    /// All lessons, newest first, as they count now.
    fn lessons(&self) -> Result<Vec<Lesson>, PortError>;
    /// Takes a lesson back.
    fn undo(&self, id: u64, actor: &str) -> Result<Lesson, PortError>;
}

/// What is known of causes before any evidence.
pub trait Priors: Send + Sync {
    /// Log odds to add to the confidence of a cause; 0 if nothing is known.
    fn log_odds(&self, service: &str, fault: FaultClass) -> f64;
}
