//! What can be asked? One file per tool, and the table of them. Nothing here changes anything.

mod cluster;
mod knowledge;
mod list_changes;
mod list_series;
mod log_changes;
mod query_metrics;
mod search_logs;
mod topology;
mod traces;

use std::sync::Arc;

use serde_json::Value;
use signal::{Evidence, EvidenceId, EvidenceSource};

pub(crate) use self::query_metrics::number;
use crate::frame::Redact;
use crate::sources::Sources;
use crate::{Finding, Tool, ToolError, ToolSpec};

/// Names of all tools of our own. All of them read; a test holds the table to this list.
pub const READING: [&str; 10] = [
    "query_metrics",
    "list_series",
    "search_logs",
    "get_log_changes",
    "get_traces",
    "get_topology",
    "list_changes",
    "similar_incidents",
    "search_runbooks",
    "kubernetes_get",
];

/// How the names of tools of the user's MCP servers begin.
pub const FOREIGN: &str = "mcp_";

/// The longest answer that is kept, in bytes; frames shortened it further.
const MOST_TEXT: usize = 64 << 10;

/// All tools that there are for these sources.
pub fn catalog(sources: &Sources) -> Vec<Arc<dyn Tool>> {
    let all = || sources.clone();
    let mut tools: Vec<Arc<dyn Tool>> = vec![
        Arc::new(query_metrics::QueryMetrics(all())),
        Arc::new(list_series::ListSeries(all())),
        Arc::new(search_logs::SearchLogs(all())),
        Arc::new(log_changes::LogChanges(all())),
        Arc::new(traces::Traces(all())),
        Arc::new(topology::GetTopology(all())),
        Arc::new(list_changes::ListChanges(all())),
    ];
    if let Some(knowledge) = &sources.knowledge {
        tools.push(Arc::new(knowledge::SearchKnowledge::incidents(Arc::clone(knowledge))));
        tools.push(Arc::new(knowledge::SearchKnowledge::runbooks(Arc::clone(knowledge))));
    }
    if let Some(cluster) = &sources.cluster {
        tools.push(Arc::new(cluster::KubernetesGet(Arc::clone(cluster))));
    }
    tools
}

/// Tools by name, with the redaction that all of their answers pass.
#[derive(Clone)]
pub struct Toolbox {
    tools: Vec<Arc<dyn Tool>>,
    redact: Redact,
}

impl Toolbox {
    /// Of tools that only read.
    pub fn new(tools: Vec<Arc<dyn Tool>>, redact: Redact) -> Self {
        Self { tools, redact }
    }

    /// The same with some more.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        self.tools.extend(more);
        self
    }

    /// What models are told, in order.
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.tools.iter().map(|it| it.spec()).collect()
    }

    /// Takes secrets out of a text.
    pub fn redact(&self, text: &str) -> String {
        (self.redact)(text)
    }

    /// Answers a call without secrets. A tool that does not exist is a wrong argument.
    pub async fn call(&self, name: &str, arguments: &Value) -> Result<Finding, ToolError> {
        let Some(tool) = self.tools.iter().find(|it| it.spec().name == name) else {
            let known: Vec<String> = self.tools.iter().map(|it| it.spec().name).collect();
            let name = crate::frame::quoted(name, 40);
            return Err(ToolError::Arguments(format!("there is no tool {name}; there are {}", known.join(", "))));
        };
        let finding = tool.call(arguments).await?;
        let evidence = finding.evidence.into_iter().map(|it| self.without_secrets(it)).collect();
        let text = self.redact(crate::frame::shortened(&finding.text, MOST_TEXT));
        Ok(Finding { text, evidence })
    }

    fn without_secrets(&self, mut evidence: Evidence) -> Evidence {
        evidence.text = self.redact(&evidence.text);
        if let EvidenceSource::Answer { fact, .. } = &mut evidence.source {
            *fact = self.redact(fact);
        }
        evidence
    }

    /// Reads an answer again: the tool is asked the same, and the very fact must be in what it says.
    pub async fn still_says(&self, tool: &str, arguments: &str, fact: &str) -> bool {
        let Ok(arguments) = serde_json::from_str(arguments) else { return false };
        let answer = self.call(tool, &arguments).await;
        answer.is_ok_and(|it| it.evidence.iter().any(|it| is_fact(&it.source, fact)))
    }
}

fn is_fact(source: &EvidenceSource, wanted: &str) -> bool {
    matches!(source, EvidenceSource::Answer { fact, .. } if fact == wanted)
}

/// Facts of a tool as evidence and as lines for the model, beginning with a sentence of ours.
pub(crate) fn finding(head: String, tool: &str, arguments: &Value, facts: Vec<String>) -> Finding {
    let mut text = head;
    for fact in &facts {
        text.push('\n');
        text.push_str(fact);
    }
    let arguments = arguments.to_string();
    let evidence = facts.into_iter().map(|fact| Evidence {
        // Given out by whoever keeps the conversation.
        id: EvidenceId(String::new()),
        text: fact.clone(),
        source: EvidenceSource::Answer { tool: tool.to_owned(), arguments: arguments.clone(), fact },
    });
    Finding { text, evidence: evidence.collect() }
}
