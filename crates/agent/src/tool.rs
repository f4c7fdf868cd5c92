//! What may a model ask, and what does it get? Facts with the evidence that code can read again.

use futures_util::future::BoxFuture;
use serde_json::Value;
use signal::{Evidence, PortError, TimeRange};

use crate::ToolSpec;

/// Answers questions of a model, of an MCP client or of a person. It reads; nothing it does changes anything.
pub trait Tool: Send + Sync {
    /// What the model is told.
    fn spec(&self) -> ToolSpec;

    /// Answers; arguments are checked here, for a model writes what it likes.
    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>>;
}

/// What a tool has found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finding {
    /// For the model: what was found, with untrusted text as templates and typed, shortened values.
    pub text: String,
    /// The facts behind it. Their ids are given out by whoever keeps the conversation.
    pub evidence: Vec<Evidence>,
}

/// Why a tool could not answer; the text is for the model.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// An argument is missing or wrong; the text names it and says what would do.
    #[error("{0}")]
    Arguments(String),
    /// What it reads from does not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Another system does not answer, such as an MCP server.
    #[error("{0}")]
    Elsewhere(String),
}

/// Runbooks, past incidents and kinds of log lines by meaning; filled in by the composition root.
pub trait Knowledge: Send + Sync {
    /// The best first. `range` limits what has a time.
    fn search(
        &self,
        words: &str,
        kind: Option<PassageKind>,
        range: Option<TimeRange>,
        limit: usize,
    ) -> Result<Vec<Passage>, PortError>;
}

/// What a passage is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassageKind {
    /// A runbook of the operator.
    Runbook,
    /// An incident that has ended.
    Incident,
    /// A kind of log line.
    Template,
}

/// A piece of what is known.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Passage {
    /// What it is from.
    pub kind: PassageKind,
    /// Names it for good: a file and its section, an incident's id, a template's id.
    pub id: String,
    /// One line.
    pub title: String,
    /// Untrusted.
    pub text: String,
    /// 0 to 1.
    pub score: f64,
    /// It is no longer as it was when it was pinned: told, and not to be acted upon.
    pub is_changed: bool,
}
