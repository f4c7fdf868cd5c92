//! What do the tools of an investigation find here?

use agent::PassageKind;
use knowledge::{Kind, Passage, Query, Standing};
use signal::{PortError, TimeRange};

use super::KnowledgeDesk;

impl agent::Knowledge for KnowledgeDesk {
    fn search(
        &self,
        words: &str,
        kind: Option<PassageKind>,
        range: Option<TimeRange>,
        limit: usize,
    ) -> Result<Vec<agent::Passage>, PortError> {
        let kinds = kind.map(kind_of).into_iter().collect();
        let query = Query { text: words.to_owned(), kinds, limit, ..Query::default() };
        let is_within = |it: &Passage| match (range, it.document.time) {
            (Some(range), Some(time)) => range.contains(time),
            _ => true,
        };
        Ok(self.library().search(&query).into_iter().filter(is_within).map(told).collect())
    }
}

fn told(found: Passage) -> agent::Passage {
    let it = found.document;
    agent::Passage {
        kind: match it.kind {
            Kind::Runbook => PassageKind::Runbook,
            Kind::Incident => PassageKind::Incident,
            Kind::Template => PassageKind::Template,
        },
        id: it.id,
        title: it.title,
        text: it.text,
        score: found.score.min(1.0),
        is_changed: matches!(it.standing, Standing::Changed | Standing::New),
    }
}

const fn kind_of(kind: PassageKind) -> Kind {
    match kind {
        PassageKind::Runbook => Kind::Runbook,
        PassageKind::Incident => Kind::Incident,
        PassageKind::Template => Kind::Template,
    }
}
