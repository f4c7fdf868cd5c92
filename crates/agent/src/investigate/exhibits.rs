//! Which evidence was given out? That of the diagnosis under its own ids, and that of tools as `T1`, `T2` and so on.

use signal::{Evidence, EvidenceId};

/// Evidence of tools in one conversation; what comes after is told without an id.
const MOST: usize = 300;

/// Evidence by id.
#[derive(Clone, Debug, Default)]
pub struct Exhibits {
    all: Vec<Evidence>,
    of_tools: usize,
}

impl Exhibits {
    /// Those of a diagnosis.
    pub fn new(evidence: &[Evidence]) -> Self {
        Self { all: evidence.to_vec(), of_tools: 0 }
    }

    /// All of them.
    pub fn all(&self) -> &[Evidence] {
        &self.all
    }

    /// Gives evidence of a tool an id: the same fact always has the same.
    pub fn admit(&mut self, evidence: &Evidence) -> Option<EvidenceId> {
        if let Some(known) = self.all.iter().find(|it| it.source == evidence.source) {
            return Some(known.id.clone());
        }
        if self.of_tools >= MOST {
            return None;
        }
        self.of_tools += 1;
        let id = EvidenceId(format!("T{}", self.of_tools));
        self.all.push(Evidence { id: id.clone(), ..evidence.clone() });
        Some(id)
    }
}
