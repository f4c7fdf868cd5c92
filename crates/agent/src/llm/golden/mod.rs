//! Are requests and turns as each provider has them? The same conversation and the same answer in each of the wires.

mod answers;
mod requests;

use serde_json::{Value, json};

use super::anthropic::Anthropic;
use super::gemini::Gemini;
use super::ollama::Ollama;
use super::openai::OpenAi;
use super::wire::{Settings, Wire};
use crate::{AnswerFormat, Message, Stop, ToolCall, ToolResult, ToolSpec, Turn, Usage};

fn wires() -> [(&'static str, Box<dyn Wire>); 4] {
    [
        ("gemini", Box::new(Gemini)),
        ("openai", Box::new(OpenAi)),
        ("anthropic", Box::new(Anthropic)),
        ("ollama", Box::new(Ollama)),
    ]
}

fn settings() -> Settings {
    Settings {
        model: "m-1".to_owned(),
        stream: true,
        answer_format: AnswerFormat::Schema,
        temperature: None,
        context_tokens: 16_384,
        is_public: true,
    }
}

fn tools() -> Vec<ToolSpec> {
    let parameters = json!({"type": "object", "properties": {"expr": {"type": "string"}}, "required": ["expr"]});
    vec![
        ToolSpec { name: "query_metrics".into(), description: "PromQL.".into(), parameters },
        ToolSpec {
            name: "list_services".into(),
            description: "All services.".into(),
            parameters: json!({"type": "object", "properties": {}}),
        },
    ]
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"cause": {"type": "string"}}, "required": ["cause"]})
}

fn call(id: &str, name: &str, arguments: Value) -> ToolCall {
    ToolCall { id: id.into(), name: name.into(), arguments }
}

/// A question, two calls of which one was no JSON, their answers, and a last word.
fn conversation() -> Vec<Message> {
    let calls = vec![call("c1", "query_metrics", json!({"expr": "up"})), call("c2", "list_services", json!("{oops"))];
    let usage = Usage { input_tokens: 1, output_tokens: 2 };
    let turn = Turn { text: "Let me look.".into(), calls, stop: Stop::Calls, usage, opaque: Value::Null };
    let result = |id: &str, name: &str, content: &str, is_error: bool| ToolResult {
        id: id.into(),
        name: name.into(),
        content: content.into(),
        is_error,
    };
    vec![
        Message::User("What broke?".into()),
        Message::Model(turn),
        Message::Tools(vec![
            result("c1", "query_metrics", "up is 0", false),
            result("c2", "list_services", "no JSON", true),
        ]),
        Message::User("Answer now.".into()),
    ]
}
