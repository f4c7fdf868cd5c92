//! What is said between Sentinel and a model, whatever the provider: each wire maps these.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that answers a conversation with text or with calls of tools.
pub trait Model: Send + Sync {
    /// `provider/model`, as it stands in transcripts and metrics.
    fn name(&self) -> &str;

    /// One turn. Text goes to `on_text` piece by piece as it arrives, and stands whole in the answer. The answer counts:
    /// pieces may be the beginning of a try that failed, and those of further tries are not told then.
    fn turn<'a>(
        &'a self,
        ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>>;

    /// US dollars for these tokens; none if the price is not known.
    fn cost(&self, _usage: &Usage) -> Option<f64> {
        None
    }
}

/// What a model is given for one turn.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ask<'a> {
    /// What it is and how it answers; made by us alone.
    pub system: &'a str,
    /// The conversation so far, beginning with the user.
    pub messages: &'a [Message],
    /// What it may call; none on the last turn of a budget.
    pub tools: &'a [ToolSpec],
    /// The JSON schema of its text, where it is to answer in JSON.
    pub answer_schema: Option<&'a Value>,
    /// At most this many tokens come back.
    pub max_output_tokens: u32,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Ours.
    User(String),
    /// The model's.
    Model(Turn),
    /// The answers to all calls of the turn before, in the order of the calls.
    Tools(Vec<ToolResult>),
}

/// What a model said in one turn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Its text.
    pub text: String,
    /// What it calls, in parallel.
    pub calls: Vec<ToolCall>,
    /// Why it ended.
    pub stop: Stop,
    /// What it cost.
    pub usage: Usage,
    /// What its provider wants to be given back as it was (such as Gemini's thought signatures); null if nothing.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub opaque: Value,
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It has said all.
    #[default]
    Finished,
    /// It waits for tools.
    Calls,
    /// Its text was cut at `max_output_tokens`.
    Length,
    /// It does not want to answer, or a filter of the provider held it back.
    Refused,
}

/// Tokens of one turn, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Read.
    pub input_tokens: u64,
    /// Written, with what it thought.
    pub output_tokens: u64,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique in its conversation; made by us where the provider gives none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// An object; [`Value::String`] holds what was no JSON.
    pub arguments: Value,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// Of the call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What the model reads: data inside a frame, never an instruction.
    pub content: String,
    /// The tool could not answer; `content` says why and what would work.
    pub is_error: bool,
}

/// What a model is told of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// `snake_case`.
    pub name: String,
    /// What it answers, for the model.
    pub description: String,
    /// JSON schema of an object, in the subset that all providers take: no `additionalProperties`, no `const`.
    pub parameters: Value,
}

/// Why there is no turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ModelError {
    /// Too many requests; tried again after the pause.
    #[error("the provider limits our requests")]
    RateLimited {
        /// As the provider says it.
        retry_after: Option<Duration>,
    },
    /// The provider cannot be reached, or fails; tried again.
    #[error("the provider fails: {0}")]
    Unavailable(String),
    /// No answer in time; tried again.
    #[error("no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The key is missing or wrong; the operator sets it.
    #[error("the provider does not accept the key")]
    Unauthorized,
    /// The provider does not take this request, such as one that is too long; not tried again.
    #[error("the provider refuses the request: {0}")]
    Rejected(String),
    /// The answer is not what the provider's schema says.
    #[error("the answer cannot be read: {0}")]
    Malformed(String),
    /// Too many failures of late: it is not asked until the pause is over.
    #[error("the provider failed too often and is left alone for a while")]
    Open,
    /// As many requests as are allowed wait already.
    #[error("too many requests wait for the provider")]
    Busy,
    /// What may be used in a day or a month is used up; the text names the cap and when it begins anew.
    #[error("{0}")]
    Capped(String),
}
