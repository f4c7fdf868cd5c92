//! Knowledge for pages and programs: one runbook whose text is hostile, and answers that repeat the question.

use serve::{
    Answer, Answers, Asking, Knowledge, KnowledgePassage, KnowledgeQuery, KnowledgeStatus, LinesQuery, ProposedAction,
    Related, RunbookStatus, Understood,
};
use signal::{Incident, LogHit, PortError};

use super::HOSTILE;

/// Who may read the runbook besides operators.
pub const TENANT: &str = "shop";

/// Knows one runbook.
pub struct FakeKnowledge;

fn passage() -> KnowledgePassage {
    KnowledgePassage {
        id: "pool.md#1".to_owned(),
        kind: "runbook",
        title: format!("Pools {HOSTILE}"),
        text: HOSTILE.to_owned(),
        services: vec!["checkout".to_owned()],
        source: "pool.md:3".to_owned(),
        version: "0123456789ab".to_owned(),
        standing: "changed",
        warning: "changed since it was pinned".to_owned(),
        score: 0.9,
        ..KnowledgePassage::default()
    }
}

impl Knowledge for FakeKnowledge {
    fn search(&self, query: &KnowledgeQuery) -> Result<Vec<KnowledgePassage>, PortError> {
        let fits = query.text.contains("pool") && query.kind.as_deref().is_none_or(|it| it == "runbook");
        Ok(if fits { vec![passage()] } else { vec![] })
    }

    fn lines(&self, _: &LinesQuery) -> Result<Vec<LogHit>, PortError> {
        Ok(vec![])
    }

    fn related(&self, _: &Incident, tenant: Option<&str>) -> Result<Related, PortError> {
        let runbooks = if tenant.is_none_or(|it| it == TENANT) { vec![passage()] } else { vec![] };
        Ok(Related { runbooks, similar: vec![] })
    }

    fn runbooks(&self) -> Vec<RunbookStatus> {
        vec![RunbookStatus {
            path: "pool.md".to_owned(),
            title: HOSTILE.to_owned(),
            sections: 1,
            standing: "changed",
            ..RunbookStatus::default()
        }]
    }

    fn status(&self) -> KnowledgeStatus {
        KnowledgeStatus { documents: 1, vectors: "built-in".to_owned(), ..KnowledgeStatus::default() }
    }
}

impl Answers for FakeKnowledge {
    fn answer(&self, asking: &Asking) -> Result<Answer, PortError> {
        let command = Some(HOSTILE.to_owned());
        Ok(Answer {
            question: asking.question.clone(),
            understood: Understood { shape: "why", text: asking.question.clone(), ..Understood::default() },
            is_clear: true,
            summary: HOSTILE.to_owned(),
            action: Some(ProposedAction { text: HOSTILE.to_owned(), source: "runbook", command, ..Default::default() }),
            runbooks: vec![passage()],
            markdown: "# Answer".to_owned(),
            ..Answer::default()
        })
    }
}
