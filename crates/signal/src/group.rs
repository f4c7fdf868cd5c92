//! What is compared with each other? A fleet of like series, or the signals of one service.

use serde::{Deserialize, Serialize};

use crate::Labels;

/// What the members of a group have to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// The same quantity of like things: each is compared with its peers.
    Fleet,
    /// Several quantities of one service: each is compared with what the others imply.
    Signals,
}

/// A group as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// What it is.
    pub kind: GroupKind,
    /// What its members have in common.
    pub labels: Labels,
    /// False while it is still learned what is usual.
    pub is_ready: bool,
    /// Its members, in order of their labels.
    pub members: Vec<GroupMember>,
}

/// A series among the others of its group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupMember {
    /// The series.
    pub labels: Labels,
    /// Its newest value; none if it is silent or rests after a restart.
    pub value: Option<f64>,
    /// What the others let expect, and the lower and upper end of what is usual beside them; none if it is not known.
    pub expected: Option<[f64; 3]>,
    /// How far it is from the others; 1 is the threshold.
    pub score: f64,
    /// True while it is told of.
    pub is_apart: bool,
    /// What it was compared with, in a sentence; empty if it is not told of.
    pub explanation: String,
}

/// Tells what is compared.
pub trait Groups: Send + Sync {
    /// All groups, fleets first, each kind in order of labels.
    fn groups(&self) -> Vec<GroupStatus>;
}
