//! What has just happened? Told to live pages and other listeners.

use serde::{Deserialize, Serialize};

use crate::{Anomaly, Incident, Investigation, Plan};

/// A change of state that listeners may show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// An anomaly began, went on or ended.
    Anomaly(Box<Anomaly>),
    /// An incident was opened or has changed.
    Incident(Box<Incident>),
    /// A plan was made or has changed.
    Plan(Box<Plan>),
    /// A conversation with a language model about an incident has ended.
    Investigation(Box<Investigation>),
}
