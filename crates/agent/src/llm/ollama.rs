//! How is Ollama asked? `/api/chat`, streamed as lines of JSON.
//!
//! Calls have no ids and their arguments are objects. A format would keep a model from calling tools, so that an answer is
//! held to the schema only where there are none; before that the prompt has it.
//! Wire: <https://github.com/ollama/ollama/blob/main/docs/api.md>.

use serde_json::{Map, Value, json};

use super::framing::Framing;
use super::openai;
use super::wire::{self, Draft, DraftCall, Fold, Progress, Settings, Wire, arguments, as_object, list, text, tokens};
use crate::{AnswerFormat, Ask, Message, ModelError, Stop, ToolResult, Turn, Usage};

const OPAQUE: &str = "ollama";

/// Ollama's own API.
pub struct Ollama;

impl Wire for Ollama {
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn path(&self, _settings: &Settings) -> String {
        "/api/chat".to_owned()
    }

    fn key_header(&self, key: &str) -> (&'static str, String) {
        ("authorization", format!("Bearer {key}"))
    }

    fn request(&self, ask: &Ask<'_>, settings: &Settings) -> Value {
        let is_held = ask.tools.is_empty() && settings.answer_format == AnswerFormat::Schema;
        let mut messages = vec![json!({"role": "system", "content": wire::system(ask, is_held)})];
        messages.extend(ask.messages.iter().flat_map(messages_of));
        let mut options = json!({"num_predict": ask.max_output_tokens, "num_ctx": settings.context_tokens});
        if let (Value::Object(options), Some(temperature)) = (&mut options, settings.temperature) {
            options.insert("temperature".to_owned(), json!(temperature));
        }
        // Its own default is to stream.
        let mut body = json!({
            "model": settings.model,
            "messages": messages,
            "stream": settings.stream,
            "options": options,
        });
        let Value::Object(fields) = &mut body else { return body };
        if !ask.tools.is_empty() {
            fields.insert("tools".to_owned(), ask.tools.iter().map(openai::tool).collect());
        } else if let Some(schema) = ask.answer_schema {
            match settings.answer_format {
                AnswerFormat::Schema => drop(fields.insert("format".to_owned(), schema.clone())),
                AnswerFormat::Json => drop(fields.insert("format".to_owned(), json!("json"))),
                AnswerFormat::Prompt => {}
            }
        }
        body
    }

    fn fold(&self) -> Box<dyn Fold> {
        Box::new(OllamaFold::default())
    }
}

fn messages_of(message: &Message) -> Vec<Value> {
    match message {
        Message::User(text) => vec![json!({"role": "user", "content": text})],
        Message::Model(turn) if turn.text.is_empty() && turn.calls.is_empty() => vec![],
        Message::Model(turn) => vec![assistant(turn)],
        Message::Tools(results) => results.iter().map(result).collect(),
    }
}

fn result(it: &ToolResult) -> Value {
    let content = if it.is_error { format!("Error: {}", it.content) } else { it.content.clone() };
    json!({"role": "tool", "tool_name": it.name, "content": content})
}

fn assistant(turn: &Turn) -> Value {
    let mut said = Map::new();
    said.insert("role".to_owned(), json!("assistant"));
    said.insert("content".to_owned(), json!(turn.text));
    if let Some(thinking) = turn.opaque.pointer(&format!("/{OPAQUE}/thinking")) {
        said.insert("thinking".to_owned(), thinking.clone());
    }
    if !turn.calls.is_empty() {
        let call = |it: &crate::ToolCall| {
            let function = json!({"name": it.name, "arguments": as_object(&it.arguments)});
            json!({"function": function})
        };
        said.insert("tool_calls".to_owned(), turn.calls.iter().map(call).collect());
    }
    Value::Object(said)
}

#[derive(Default)]
struct OllamaFold {
    draft: Draft,
    thinking: String,
    is_over: bool,
}

impl Fold for OllamaFold {
    fn take(&mut self, message: &Value) -> Result<String, ModelError> {
        let said = message.get("message").unwrap_or(&Value::Null);
        let piece = text(said, "content").to_owned();
        self.draft.text.push_str(&piece);
        self.thinking.push_str(text(said, "thinking"));
        for call in list(said, "tool_calls") {
            let function = call.get("function").unwrap_or(&Value::Null);
            let given = match function.get("arguments") {
                Some(Value::String(text)) => arguments(text),
                Some(Value::Object(fields)) => Value::Object(fields.clone()),
                Some(Value::Null) | None => json!({}),
                Some(other) => Value::String(other.to_string()),
            };
            let (id, name) = (text(call, "id").to_owned(), text(function, "name").to_owned());
            self.draft.calls.push(DraftCall { id, name, arguments: given });
        }
        if message.get("done") == Some(&Value::Bool(true)) {
            self.is_over = true;
            self.draft.usage = Usage {
                input_tokens: tokens(message, "prompt_eval_count"),
                output_tokens: tokens(message, "eval_count"),
            };
            self.draft.stop = if text(message, "done_reason") == "length" { Stop::Length } else { Stop::Finished };
        }
        Ok(piece)
    }

    fn progress(&self) -> Progress {
        if self.is_over { Progress::Over } else { Progress::Open }
    }

    fn draft(self: Box<Self>) -> Draft {
        let has_thought = !self.thinking.is_empty() && !self.draft.calls.is_empty();
        let opaque = if has_thought { json!({OPAQUE: {"thinking": self.thinking}}) } else { Value::Null };
        Draft { opaque, ..self.draft }
    }
}
