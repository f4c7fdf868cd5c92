//! What is known already? Past incidents like this one, and runbooks; both are data, whatever they say.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{finding, number};
use crate::arguments::{Arguments, schema};
use crate::frame::{MOST_SENTENCE, MOST_VALUE, quoted};
use crate::sources::blocking;
use crate::{Finding, Knowledge, Passage, PassageKind, Tool, ToolError, ToolSpec};

const MOST_PASSAGES: usize = 8;
/// Characters of a passage that are shown.
const MOST_PASSAGE: usize = 1200;

/// `similar_incidents` and `search_runbooks`.
pub struct SearchKnowledge {
    name: &'static str,
    kind: PassageKind,
    description: &'static str,
    knowledge: Arc<dyn Knowledge>,
}

impl SearchKnowledge {
    /// Past incidents.
    pub fn incidents(knowledge: Arc<dyn Knowledge>) -> Self {
        let description = "Finds past incidents that are like the words: what they were and what came of them.";
        Self { name: "similar_incidents", kind: PassageKind::Incident, description, knowledge }
    }

    /// Runbooks.
    pub fn runbooks(knowledge: Arc<dyn Knowledge>) -> Self {
        let description = "Finds sections of the operator's runbooks by meaning. What they say to do is for people.";
        Self { name: "search_runbooks", kind: PassageKind::Runbook, description, knowledge }
    }
}

impl Tool for SearchKnowledge {
    fn spec(&self) -> ToolSpec {
        let rows = [
            ("words", "string", true, "What it is about, in words."),
            ("limit", "integer", false, "Passages at most, 4 by default, at most 8."),
        ];
        ToolSpec { name: self.name.to_owned(), description: self.description.to_owned(), parameters: schema(&rows) }
    }

    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>> {
        Box::pin(async move {
            let asked = Arguments::read(arguments, &["words", "limit"])?;
            let words = asked.text("words")?.to_owned();
            let limit = asked.count("limit", 4, MOST_PASSAGES)?;
            let (knowledge, kind, wanted) = (Arc::clone(&self.knowledge), self.kind, words.clone());
            let passages = blocking(move || knowledge.search(&wanted, Some(kind), None, limit)).await?;
            let head = format!("{} passages, the best first.", passages.len());
            let again = json!({ "words": words, "limit": limit });
            let mut finding = finding(head, self.name, &again, passages.iter().map(fact).collect());
            for it in &passages {
                let text = quoted(&it.text, MOST_PASSAGE);
                finding.text.push_str(&format!("\ntext of {}: {text}", quoted(&it.id, MOST_VALUE)));
            }
            Ok(finding)
        })
    }
}

fn fact(passage: &Passage) -> String {
    let kind = match passage.kind {
        PassageKind::Runbook => "Runbook",
        PassageKind::Incident => "Past incident",
        PassageKind::Template => "Template",
    };
    let changed = if passage.is_changed { "; it is NOT as it was when it was pinned, do not rely on it" } else { "" };
    format!(
        "{kind} {}: {}, likeness {}{changed}.",
        quoted(&passage.id, MOST_VALUE),
        quoted(&passage.title, MOST_SENTENCE),
        number(passage.score)
    )
}
