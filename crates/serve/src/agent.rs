//! How does the language model do? What the page about it and programs are shown of the investigations beside.

use serde::Serialize;

use crate::NamedCount;

/// Says how the language model does; filled in by the composition root.
pub trait AgentDesk: Send + Sync {
    /// Now.
    fn agent(&self) -> AgentStatus;
}

/// The language model, what it was asked and what it used. Counts are since the start of the process, but for what the caps
/// are compared with.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AgentStatus {
    /// Who has the model, such as `gemini`; none if no model is asked.
    pub provider: Option<String>,
    /// The model's name.
    pub model: String,
    /// Where it is asked, without the key.
    pub url: String,
    /// Whether it is asked now: `asked`, `one_request_tries` or `left_alone`.
    pub state: &'static str,
    /// Whether its price is configured; without one money is not counted.
    pub is_priced: bool,
    /// Requests that wait or are being answered.
    pub under_way: u64,
    /// Incidents that wait to be investigated.
    pub waiting: u64,
    /// Requests by what came of them.
    pub requests: Vec<NamedCount>,
    /// Investigations by how they ended.
    pub investigations: Vec<NamedCount>,
    /// Calls of tools by what became of them.
    pub calls: Vec<NamedCount>,
    /// Claims that hold.
    pub claims_published: u64,
    /// Claims that were dropped, by what did not hold.
    pub claims_dropped: Vec<NamedCount>,
    /// What was used of what may be used.
    pub caps: Vec<AgentCap>,
    /// Tools of the user's MCP servers.
    pub tools: Vec<AgentTool>,
}

/// What may be used in a day or a month.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AgentCap {
    /// `day` or `month`.
    pub period: &'static str,
    /// `dollars` or `tokens`.
    pub unit: &'static str,
    /// What was used.
    pub used: f64,
    /// What may be used; 0 is without end.
    pub cap: f64,
}

/// A tool of another server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AgentTool {
    /// The server.
    pub server: String,
    /// Its name there (untrusted).
    pub tool: String,
    /// `offered`, `changed`, `may_change_things` or `unusable`.
    pub status: &'static str,
}
