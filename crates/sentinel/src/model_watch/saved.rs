//! What does a watch remember over the end of the process? Its alarms, what it has told, and how far it has compared.

use std::collections::BTreeMap;

use drift::watch::Alarm;
use serde::{Deserialize, Serialize};
use signal::{Labels, Timestamp};

/// The form of what is saved; another one is begun anew.
pub const VERSION: u32 = 1;

/// What is saved of a watch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The form.
    pub version: u32,
    /// Alarms by their rules.
    pub alarms: BTreeMap<String, Alarm>,
    /// What is told as long as it goes on.
    pub told: Vec<Told>,
    /// Since when features drift.
    pub since: BTreeMap<String, Timestamp>,
    /// Sequence of the newest prediction that was seen by a comparison.
    pub compared: u64,
    /// Sequence before the window of that comparison: the log is read from here after a restart.
    pub before_window: u64,
    /// When the schedule was served last.
    pub scheduled: Option<Timestamp>,
}

/// A series that drifts, as incidents know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The rule that tells of it.
    pub rule: String,
    /// The series.
    pub labels: Labels,
    /// Since when.
    pub onset: Timestamp,
    /// Its value.
    pub value: f64,
    /// The limit.
    pub limit: f64,
    /// Whether it is told above the limit.
    pub is_above: bool,
    /// What it says.
    pub explanation: String,
}

impl Saved {
    /// Reads what was saved; what is of another form, or nothing, is the beginning.
    pub fn read(bytes: Option<&[u8]>) -> Self {
        let read: Option<Self> = bytes.and_then(|it| serde_json::from_slice(it).ok());
        read.filter(|it| it.version == VERSION).unwrap_or(Self { version: VERSION, ..Self::default() })
    }
}
