//! Who makes plans for programs that ask over `/mcp`? The desk, which has them wait for a person.

use std::sync::Arc;

use act::Desk;
use agent::mcp::Propose;
use signal::{IncidentBook, IncidentId, Plan, PortError};

use crate::book::Book;
use crate::responder::Responder;

/// Who proposes, in the ledger.
const ACTOR: &str = "mcp";

/// Proposes by the playbooks.
pub struct Proposals {
    /// Plans.
    pub desk: Arc<Desk>,
    /// Incidents.
    pub book: Arc<Book>,
    /// The story of incidents.
    pub responder: Arc<Responder>,
}

impl Propose for Proposals {
    fn propose(&self, id: IncidentId, playbook: Option<&str>) -> Result<(Vec<Plan>, Vec<String>), PortError> {
        let incident = self.book.incident(id)?;
        let considered = self
            .desk
            .suggest(&incident, playbook, ACTOR)
            .map_err(|error| PortError::Failed { operation: "propose a plan", source: error.into() })?;
        let notes = considered.notes.iter().map(|it| it.text.clone()).collect();
        if !considered.plans.is_empty() || !considered.notes.is_empty() {
            self.responder.change(id, |it| {
                it.plans.extend(considered.plans.iter().map(|it| it.id));
                it.timeline.extend(considered.notes.iter().cloned());
            })?;
        }
        Ok((considered.plans, notes))
    }
}
