//! What does a language model add to a diagnosis? Further questions through tools that only read, and prose.
//!
//! Reading order: `chat` is what is said between us and a model, whatever its provider; `llm` is the providers at the wire;
//! `tool` is what a model may ask; `tools` are those that there are, over the ports of `sources`, and `mcp` those of the
//! user's own servers; `frame` and `abstraction` are how foreign text is shown; `investigate` is the conversation about an
//! incident, `grounding` what holds of its answer, `transcript` its record. The cause is decided by `diagnose`, never here: no
//! model, a slow, failing, hostile or looping one changes nothing but the prose.

#![warn(missing_docs)]

mod abstraction;
mod arguments;
mod bounds;
mod caps;
mod chat;
mod config;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod grounding;
mod investigate;
mod llm;
pub mod mcp;
mod sources;
mod tool;
mod tools;
mod transcript;

pub use bounds::{Limits, McpEndpointConfig, McpServerConfig};
pub use caps::CapsConfig;
pub use chat::{Ask, Message, Model, ModelError, Stop, ToolCall, ToolResult, ToolSpec, Turn, Usage};
pub use config::{AnswerFormat, BreakerConfig, Budget, Config, Price, Provider, RetryConfig};
pub use frame::{Frames, Redact};
pub use grounding::Flaw;
pub use investigate::{Case, Investigator, Reopen};
pub use llm::{Key, Llm, LlmError, Replay};
pub use sources::{Cluster, ClusterKind, MetricQuery, MetricSeries, Sources};
pub use tool::{Finding, Knowledge, Passage, PassageKind, Tool, ToolError};
pub use tools::{FOREIGN, READING, Toolbox, catalog};
pub use transcript::{Transcript, TranscriptError, replay};
