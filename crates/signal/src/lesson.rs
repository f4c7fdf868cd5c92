//! What did people teach? An opinion on an incident, a cause or an action, and what followed from it.

use serde::{Deserialize, Serialize};

use crate::{Direction, FaultClass, Incident, IncidentId, Opinion, PlanId, PortError, Timestamp};

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
        /// Points on this side of what is expected; none of both, as older lessons have it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direction: Option<Direction>,
        /// At these hours of the day; none at all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hours: Option<Hours>,
    },
    /// The log odds that are added to a cause; 0 is usual.
    Ranking {
        /// The service or host.
        service: String,
        /// The fault; none means any.
        fault: Option<FaultClass>,
    },
}

/// Hours of the day (UTC), both included; over midnight if `from` is after `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hours {
    /// The first one, 0 to 23.
    pub from: u8,
    /// The last one, 0 to 23.
    pub to: u8,
}

impl Hours {
    /// How many hours they are, 1 to 24.
    pub const fn count(self) -> u8 {
        (self.to % 24 + 24 - self.from % 24) % 24 + 1
    }

    /// True if the hour is one of them.
    pub const fn covers(self, hour: u8) -> bool {
        (hour % 24 + 24 - self.from % 24) % 24 < self.count()
    }
}

impl LessonTarget {
    /// Where a threshold is another one, in words; empty if that is everywhere.
    pub fn place(&self) -> String {
        let Self::Threshold { direction, hours, .. } = self else { return String::new() };
        let side = direction.map(|it| if it == Direction::Above { "above" } else { "below" }.to_owned());
        let hours = hours.map(|it| format!("from {:02}:00 to {:02}:59 UTC", it.from, it.to));
        side.into_iter().chain(hours).collect::<Vec<_>>().join(", ")
    }
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
