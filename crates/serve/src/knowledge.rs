//! What is told about what is known, and how are questions answered?

use serde::Serialize;
use signal::{Evidence, Incident, LogHit, LogLevel, PortError, TimeRange, Timestamp};

/// Runbooks, past incidents and log templates. Every text of a passage is data from outside.
pub trait Knowledge: Send + Sync {
    /// What fits best, best first.
    fn search(&self, query: &KnowledgeQuery) -> Result<Vec<KnowledgePassage>, PortError>;
    /// Stored log lines by meaning, the likest first.
    fn lines(&self, query: &LinesQuery) -> Result<Vec<LogHit>, PortError>;
    /// What helps with an incident: runbooks for its fault and services, and incidents like it; only what the tenant may
    /// read, all if none.
    fn related(&self, incident: &Incident, tenant: Option<&str>) -> Result<Related, PortError>;
    /// The runbooks that are there, each file once.
    fn runbooks(&self) -> Vec<RunbookStatus>;
    /// What makes the vectors, and what is wrong with runbooks or vectors.
    fn status(&self) -> KnowledgeStatus;
}

/// A search in what is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnowledgeQuery {
    /// In words.
    pub text: String,
    /// `runbook`, `incident` or `template`; all if none.
    pub kind: Option<String>,
    /// Passages about this service come first.
    pub service: Option<String>,
    /// Only what this tenant may read; all if none.
    pub tenant: Option<String>,
    /// At most this many.
    pub limit: usize,
}

/// A search in log lines by meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct LinesQuery {
    /// In words.
    pub text: String,
    /// Only this service.
    pub service: Option<String>,
    /// At least this bad.
    pub min_level: Option<LogLevel>,
    /// When.
    pub range: TimeRange,
    /// At most this many.
    pub limit: usize,
    /// Only lines of this tenant; all if none.
    pub tenant: Option<String>,
}

/// A piece of what is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct KnowledgePassage {
    /// `db/pool.md#2`, `INC-17`, a template.
    pub id: String,
    /// `runbook`, `incident` or `template`.
    pub kind: &'static str,
    /// One line (untrusted).
    pub title: String,
    /// The text (untrusted).
    pub text: String,
    /// Services it is about.
    pub services: Vec<String>,
    /// Faults it is about.
    pub faults: Vec<String>,
    /// File and line, incident, or service.
    pub source: String,
    /// Begin of the SHA-256 of a runbook's file.
    pub version: String,
    /// `pinned`, `changed`, `new` or `unpinned`.
    pub standing: &'static str,
    /// What a reader must know of it, such as that it was changed since it was pinned; mostly empty.
    pub warning: String,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// How well it fits; higher is better.
    pub score: f64,
    /// BM25 of its words.
    pub words: f64,
    /// Cosine of its vector.
    pub similarity: f64,
}

/// What helps with an incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Related {
    /// Sections of runbooks.
    pub runbooks: Vec<KnowledgePassage>,
    /// Incidents like it that were before.
    pub similar: Vec<KnowledgePassage>,
}

/// A runbook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunbookStatus {
    /// Its file.
    pub path: String,
    /// Its title (untrusted).
    pub title: String,
    /// Sections.
    pub sections: usize,
    /// Services it is about.
    pub services: Vec<String>,
    /// Faults it is about.
    pub faults: Vec<String>,
    /// Begin of the SHA-256 of its bytes.
    pub version: String,
    /// `pinned`, `changed`, `new` or `unpinned`.
    pub standing: &'static str,
}

/// How the search is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KnowledgeStatus {
    /// Documents.
    pub documents: usize,
    /// Of them those with a vector of the model.
    pub with_vector: usize,
    /// What makes vectors: `built-in` or the name of a model.
    pub vectors: String,
    /// What is wrong, in words.
    pub problems: Vec<String>,
}

/// Answers questions.
pub trait Answers: Send + Sync {
    /// The answer, made by code from what is stored.
    fn answer(&self, question: &Asking) -> Result<Answer, PortError>;
}

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// In words.
    pub question: String,
    /// The zone in which times are meant, such as `Europe/Berlin`; UTC if none.
    pub zone: Option<String>,
    /// Only runbooks and incidents that this tenant may read; all if none.
    pub tenant: Option<String>,
}

/// Questions that are understood, for whoever asks in other words.
pub const EXAMPLES: [&str; 7] = [
    "Analyze spike in /api/v1 latency at 14:32 UTC",
    "Why is checkout slow since the last deploy?",
    "What changed in the last hour?",
    "Is payments healthy?",
    "Which service is worst?",
    "Show logs like connection refused",
    "How do I fix INC-1?",
];

/// The answer to a question.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Answer {
    /// What was asked.
    pub question: String,
    /// How it was understood.
    pub understood: Understood,
    /// False if it was not understood; `examples` are then questions that are.
    pub is_clear: bool,
    /// The answer in a sentence or two, made by code.
    pub summary: String,
    /// The likeliest cause, if one was looked for and found.
    pub root_cause: Option<AnswerCause>,
    /// All causes, best first.
    pub causes: Vec<AnswerCause>,
    /// Probability that none of the causes is right; none if no cause was looked for.
    pub no_cause_confidence: Option<f64>,
    /// What the answer rests on; each can be opened again.
    pub evidence: Vec<Evidence>,
    /// The incident that covers what was asked.
    pub incident: Option<String>,
    /// What to do, if something is known.
    pub action: Option<ProposedAction>,
    /// Facts in the order of their weight: services, changes, templates (text made by code, names untrusted).
    pub facts: Vec<String>,
    /// Sections of runbooks.
    pub runbooks: Vec<KnowledgePassage>,
    /// Incidents like it.
    pub similar: Vec<KnowledgePassage>,
    /// Log lines.
    pub lines: Vec<LogHit>,
    /// Questions that would be understood.
    pub examples: Vec<String>,
    /// What could not be looked at.
    pub problems: Vec<String>,
    /// The whole answer as Markdown.
    pub markdown: String,
    /// Checked claims of a language model that investigated the incident, with what they cite.
    pub prose: Option<String>,
}

/// How a question was understood.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Understood {
    /// `why`, `what_changed`, `is_it_healthy`, `which_is_worst`, `logs_like`, `how_to_fix`, `seen_before` or `unclear`.
    pub shape: &'static str,
    /// Services and hosts.
    pub services: Vec<String>,
    /// A service that is named and not known.
    pub unknown_service: Option<String>,
    /// A path.
    pub endpoint: Option<String>,
    /// A signal, such as `latency`.
    pub signal: Option<String>,
    /// An incident.
    pub incident: Option<String>,
    /// First instant that was looked at.
    pub from: Option<Timestamp>,
    /// Last instant.
    pub to: Option<Timestamp>,
    /// The moment that was named.
    pub at: Option<Timestamp>,
    /// What is searched for.
    pub topic: String,
    /// All of it in a sentence.
    pub text: String,
}

/// A possible cause.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnswerCause {
    /// Whom to blame.
    pub service: String,
    /// The signal that shows it best.
    pub indicator: String,
    /// The class of fault.
    pub fault: String,
    /// 0 to 1.
    pub confidence: f64,
    /// In a sentence.
    pub summary: String,
    /// What it rests on, ids of `evidence`.
    pub evidence: Vec<String>,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProposedAction {
    /// In a sentence.
    pub text: String,
    /// `plan`, `runbook`, `past_incident` or `advice`.
    pub source: &'static str,
    /// The plan, runbook section or incident it is from.
    pub id: Option<String>,
    /// Where a plan stands.
    pub state: Option<String>,
    /// How to go on, for example `sentinel approve PLAN-3`.
    pub command: Option<String>,
}
