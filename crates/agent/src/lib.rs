//! What does a language model add to a diagnosis? Further questions through tools that only read, and prose.
//!
//! Reading order: `chat` is what is said between us and a model, whatever its provider; `llm` is the providers at the wire;
//! `tool` is what a model may ask; `tools` are those that there are. The cause is decided by `diagnose`, never here: no
//! model, a slow, failing, hostile or looping one changes nothing but the prose.

#![warn(missing_docs)]

mod chat;
mod config;
mod llm;
mod tool;
mod tools;

pub use chat::{Ask, Message, Model, ModelError, Stop, ToolCall, ToolResult, ToolSpec, Turn, Usage};
pub use config::{AnswerFormat, BreakerConfig, Budget, Config, Price, Provider, RetryConfig};
pub use llm::{Key, Llm, LlmError, Replay};
pub use tool::{Finding, Knowledge, Passage, PassageKind, Tool, ToolError};
