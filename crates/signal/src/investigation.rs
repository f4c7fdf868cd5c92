//! What did a language model add to a diagnosis? Claims that code has checked, and how they came about.

use serde::{Deserialize, Serialize};

use crate::{Evidence, EvidenceId, IncidentId, PortError, Timestamp};

/// What came of one conversation about an incident. The cause and its confidence stand in the diagnosis, not here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Investigation {
    /// The incident.
    pub incident: IncidentId,
    /// `provider/model`.
    pub model: String,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub seconds: f64,
    /// How it ended.
    pub outcome: InvestigationOutcome,
    /// Why it ended so, if it was not done; for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What holds, in the model's words and order.
    pub claims: Vec<Claim>,
    /// What the model thinks of the ranked causes; it changes neither their order nor their confidence.
    pub opinion: CauseOpinion,
    /// What the claims cite, as it was when they were checked.
    pub evidence: Vec<Evidence>,
    /// What was asked, in order.
    pub steps: Vec<InvestigationStep>,
    /// Claims that were dropped, by reason.
    pub dropped: Vec<DroppedClaims>,
    /// Tokens that the provider counted, read and written.
    pub tokens: (u64, u64),
    /// What it cost by the configured prices.
    pub cost_usd: f64,
}

impl Investigation {
    /// All that is published in one text: the claims with what they cite.
    pub fn prose(&self) -> String {
        let cited = |it: &Claim| it.evidence.iter().map(|it| it.0.as_str()).collect::<Vec<_>>().join(", ");
        let claims: Vec<String> = self.claims.iter().map(|it| format!("{} [{}]", it.text, cited(it))).collect();
        claims.join(" ")
    }
}

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvestigationOutcome {
    /// With an answer.
    Answered,
    /// With an answer that was asked for because a budget was used up.
    Budget,
    /// Without an answer that can be read.
    NoAnswer,
    /// The model did not want to answer.
    Refused,
    /// The provider failed.
    Failed,
}

impl InvestigationOutcome {
    /// All, in order.
    pub const ALL: [Self; 5] = [Self::Answered, Self::Budget, Self::NoAnswer, Self::Refused, Self::Failed];

    /// Name in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Budget => "budget",
            Self::NoAnswer => "no_answer",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// One sentence that code has checked against what it cites.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The sentence.
    pub text: String,
    /// What it rests on; never empty.
    pub evidence: Vec<EvidenceId>,
}

/// What a model thinks of the ranked causes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseOpinion {
    /// It would name the first one, too.
    Agrees,
    /// It would name another one of the list.
    PrefersAnother,
    /// It would name none.
    #[default]
    None,
}

/// One call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InvestigationStep {
    /// The tool.
    pub tool: String,
    /// JSON of what was asked, shortened.
    pub arguments: String,
    /// What became of it.
    pub outcome: StepResult,
    /// The evidence that it gave.
    pub evidence: Vec<EvidenceId>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// It was answered.
    Answered,
    /// It had been asked before, and the answer was given again.
    Repeated,
    /// There is no such tool, or the arguments are wrong.
    Rejected,
    /// What it reads from failed.
    Failed,
    /// It took too long.
    TimedOut,
}

impl StepResult {
    /// Name in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Repeated => "repeated",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
        }
    }
}

/// Claims that were not published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedClaims {
    /// What did not hold, from a closed set.
    pub reason: String,
    /// How many.
    pub count: u32,
}

/// What is kept of conversations.
pub trait Investigations: Send + Sync {
    /// The newest of an incident, if there was one.
    fn investigation(&self, id: IncidentId) -> Result<Option<Investigation>, PortError>;
}
