//! What was changed by people or pipelines? Deploys, configuration, flags.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A change that may be a cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// When it took effect.
    pub time: Timestamp,
    /// The service that was changed.
    pub service: String,
    /// What sort of change.
    pub kind: ChangeKind,
    /// What was changed, in the writer's words (untrusted text).
    pub title: String,
    /// The version after the change, if there is one.
    #[serde(default)]
    pub version: Option<String>,
}

/// What sort of change it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A new version was rolled out.
    Deploy,
    /// Configuration was changed.
    Config,
    /// A feature flag was switched.
    Flag,
    /// Anything else, for example scaling or maintenance.
    Other,
}
