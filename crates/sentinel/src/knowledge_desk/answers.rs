//! What do pages and programs see of what is known?

use knowledge::{Kind, Passage, Query, Reader, Standing, incident_query};
use serve::{Knowledge, KnowledgePassage, KnowledgeQuery, KnowledgeStatus, LinesQuery, Related, RunbookStatus};
use signal::{Incident, LogHit, PortError};

use super::KnowledgeDesk;

/// Runbook sections and incidents on the page of an incident.
const MOST_RELATED: usize = 3;
/// What is of another service and fault must be this alike to be related.
const LEAST_SIMILARITY: f64 = 0.35;

impl KnowledgeDesk {
    /// Passages for a query of the crate.
    pub fn passages(&self, query: &Query) -> Vec<KnowledgePassage> {
        self.refresh_if_old();
        let is_of_tenant = matches!(query.reader, Reader::Tenant(_));
        let found = self.library.search(query);
        // Templates do not say whose lines they are of.
        found.into_iter().filter(|it| !(is_of_tenant && it.document.kind == Kind::Template)).map(told).collect()
    }

    /// What helps with an incident, as far as the reader may see it.
    pub fn related_for(&self, incident: &Incident, reader: &Reader) -> Related {
        let ask = |kind| Query { reader: reader.clone(), ..incident_query(incident, kind, MOST_RELATED) };
        let asked = incident_query(incident, Kind::Runbook, 1);
        let shares = |a: &[String], b: &[String]| a.iter().any(|it| b.contains(it));
        let fits = |it: &KnowledgePassage| {
            let is_about = shares(&it.services, &asked.services) || shares(&it.faults, &asked.faults);
            is_about || it.similarity >= LEAST_SIMILARITY
        };
        let runbooks = self.passages(&ask(Kind::Runbook)).into_iter().filter(fits).collect();
        let similar = self.passages(&ask(Kind::Incident)).into_iter().filter(fits).collect();
        Related { runbooks, similar }
    }
}

/// Who reads.
pub fn reader(tenant: Option<&str>) -> Reader {
    tenant.map_or(Reader::Operator, |it| Reader::Tenant(it.to_owned()))
}

/// A standing in JSON.
pub const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Unpinned => "unpinned",
        Standing::Pinned => "pinned",
        Standing::Changed => "changed",
        Standing::New => "new",
    }
}

fn told(it: Passage) -> KnowledgePassage {
    let document = it.document;
    KnowledgePassage {
        id: document.id,
        kind: document.kind.as_str(),
        title: document.title,
        text: document.text,
        services: document.services,
        faults: document.faults,
        source: document.source,
        version: document.version,
        standing: standing(document.standing),
        warning: document.standing.warning().to_owned(),
        time: document.time,
        score: it.score,
        words: it.words,
        similarity: it.similarity,
    }
}

impl Knowledge for KnowledgeDesk {
    fn search(&self, query: &KnowledgeQuery) -> Result<Vec<KnowledgePassage>, PortError> {
        let kinds = query.kind.as_deref().map(|it| {
            Kind::parse(it)
                .ok_or_else(|| PortError::Invalid(format!("kind: {it:?} is not runbook, incident or template")))
        });
        Ok(self.passages(&Query {
            kinds: kinds.transpose()?.into_iter().collect(),
            services: query.service.clone().into_iter().collect(),
            reader: reader(query.tenant.as_deref()),
            ..Query::new(query.text.clone(), query.limit)
        }))
    }

    fn lines(&self, query: &LinesQuery) -> Result<Vec<LogHit>, PortError> {
        self.find_lines(query)
    }

    fn related(&self, incident: &Incident, tenant: Option<&str>) -> Result<Related, PortError> {
        Ok(self.related_for(incident, &reader(tenant)))
    }

    fn runbooks(&self) -> Vec<RunbookStatus> {
        self.refresh_if_old();
        self.lock().runbooks.clone()
    }

    fn status(&self) -> KnowledgeStatus {
        let size = self.library.size();
        let state = self.lock();
        let problems = state.problems.iter().chain(&state.model_problem).cloned().collect();
        let vectors = self.library.vectors();
        KnowledgeStatus { documents: size.documents, with_vector: size.with_vector, vectors, problems }
    }
}
