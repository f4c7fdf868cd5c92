//! Which way did the trouble take? From a cause to what was noticed, step by step.

use serde::{Deserialize, Serialize};

use crate::{EvidenceId, Timestamp};

/// What happened, and what it led to. It has no circles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CausalGraph {
    /// What happened, causes first.
    pub nodes: Vec<CausalNode>,
    /// What led to what.
    pub edges: Vec<CausalEdge>,
}

/// One thing that happened. All texts are untrusted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CausalNode {
    /// Identity within the graph: `N1`.
    pub id: String,
    /// Where it happened.
    pub service: String,
    /// What, in a few words: `memory leak`, `latency up`.
    pub what: String,
    /// The series, template or change that shows it; empty if none does.
    pub indicator: String,
    /// How likely it is where the trouble came from, 0 to 1; 0 for what only follows.
    pub confidence: f64,
    /// When it began, if that is known.
    pub onset: Option<Timestamp>,
    /// What shows it.
    pub evidence: Vec<EvidenceId>,
}

/// One thing led to another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CausalEdge {
    /// The cause, a node's id.
    pub from: String,
    /// The effect, a node's id.
    pub to: String,
    /// How it got there: `within`, `calls` (the effect calls the cause), `runs on`.
    pub by: String,
}

impl CausalGraph {
    /// The likeliest way in words, from the effect to the cause: `latency up <- GC pauses up <- memory leak`.
    pub fn story(&self) -> String {
        let node = |id: &str| self.nodes.iter().find(|it| it.id == id);
        let mut at = self.nodes.iter().max_by(|a, b| a.confidence.total_cmp(&b.confidence));
        let mut steps = vec![];
        while let Some(it) = at.filter(|_| steps.len() < self.nodes.len()) {
            steps.push(format!("{} of {}", it.what, it.service));
            at = self.edges.iter().find(|edge| edge.from == it.id).and_then(|edge| node(&edge.to));
        }
        steps.reverse();
        steps.join(" <- ")
    }
}
