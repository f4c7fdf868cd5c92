//! How are OpenAI and the many servers with its API asked? Chat completions, streamed as server-sent events.
//!
//! Pieces of calls are put together by their index. Servers of the API give less than they should: ids may be missing,
//! and the end may say `stop` although there are calls. What a server wants back of a thinking model
//! (`reasoning_content`, `extra_content` of a call) is given back.
//! Wire: <https://platform.openai.com/docs/api-reference/chat>.

use serde_json::{Map, Value, json};

use super::schema::{Dialect, fit, requires_all};
use super::wire::{self, Draft, DraftCall, Fold, Progress, Settings, Wire, arguments, list, text, tokens};
use crate::{AnswerFormat, Ask, Message, ModelError, Stop, ToolResult, ToolSpec, Turn, Usage};

const OPAQUE: &str = "openai";
/// Calls of a turn at most; an index beyond is no call of a sane server.
const MAX_CALLS: usize = 256;

/// OpenAI's chat completions.
pub struct OpenAi;

impl Wire for OpenAi {
    fn path(&self, _settings: &Settings) -> String {
        "/chat/completions".to_owned()
    }

    fn key_header(&self, key: &str) -> (&'static str, String) {
        ("authorization", format!("Bearer {key}"))
    }

    fn request(&self, ask: &Ask<'_>, settings: &Settings) -> Value {
        let is_held = settings.answer_format == AnswerFormat::Schema;
        let mut messages = vec![json!({"role": "system", "content": wire::system(ask, is_held)})];
        messages.extend(ask.messages.iter().flat_map(messages_of));
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("model", json!(settings.model));
        put("messages", Value::Array(messages));
        // Newer models of OpenAI take only the new name, other servers often only the old one.
        let limit = if settings.is_public { "max_completion_tokens" } else { "max_tokens" };
        put(limit, json!(ask.max_output_tokens));
        if settings.stream {
            put("stream", json!(true));
            put("stream_options", json!({"include_usage": true}));
        }
        if let Some(temperature) = settings.temperature {
            put("temperature", json!(temperature));
        }
        if !ask.tools.is_empty() {
            put("tools", ask.tools.iter().map(tool).collect());
        }
        if let Some(format) = ask.answer_schema.and_then(|it| response_format(it, settings.answer_format)) {
            put("response_format", format);
        }
        Value::Object(fields)
    }

    fn fold(&self) -> Box<dyn Fold> {
        Box::new(OpenAiFold::default())
    }
}

/// A tool as OpenAI and Ollama have it.
pub(super) fn tool(it: &ToolSpec) -> Value {
    let function = json!({"name": it.name, "description": it.description, "parameters": it.parameters});
    json!({"type": "function", "function": function})
}

fn response_format(schema: &Value, format: AnswerFormat) -> Option<Value> {
    match format {
        AnswerFormat::Schema => {
            let schema = fit(schema, Dialect::OpenAi);
            let answer = json!({"name": "answer", "strict": requires_all(&schema), "schema": schema});
            Some(json!({"type": "json_schema", "json_schema": answer}))
        }
        AnswerFormat::Json => Some(json!({"type": "json_object"})),
        AnswerFormat::Prompt => None,
    }
}

fn messages_of(message: &Message) -> Vec<Value> {
    match message {
        Message::User(text) => vec![json!({"role": "user", "content": text})],
        Message::Model(turn) => assistant(turn).into_iter().collect(),
        Message::Tools(results) => results.iter().map(result).collect(),
    }
}

fn result(it: &ToolResult) -> Value {
    let content = if it.is_error { format!("Error: {}", it.content) } else { it.content.clone() };
    json!({"role": "tool", "tool_call_id": it.id, "content": content})
}

fn assistant(turn: &Turn) -> Option<Value> {
    if turn.text.is_empty() && turn.calls.is_empty() {
        return None;
    }
    let kept = turn.opaque.get(OPAQUE).unwrap_or(&Value::Null);
    let mut said = Map::new();
    said.insert("role".to_owned(), json!("assistant"));
    said.insert("content".to_owned(), if turn.text.is_empty() { Value::Null } else { json!(turn.text) });
    if let Some(reasoning) = kept.get("reasoning_content") {
        said.insert("reasoning_content".to_owned(), reasoning.clone());
    }
    if !turn.calls.is_empty() {
        let extra = list(kept, "extra_content");
        let calls = turn.calls.iter().enumerate().map(|(idx, it)| {
            let arguments = it.arguments.as_str().map_or_else(|| it.arguments.to_string(), str::to_owned);
            let function = json!({"name": it.name, "arguments": arguments});
            let mut call = json!({"id": it.id, "type": "function", "function": function});
            if let (Value::Object(fields), Some(extra)) = (&mut call, extra.get(idx).filter(|it| !it.is_null())) {
                fields.insert("extra_content".to_owned(), extra.clone());
            }
            call
        });
        said.insert("tool_calls".to_owned(), calls.collect());
    }
    Some(Value::Object(said))
}

#[derive(Default)]
struct OpenAiFold {
    text: String,
    reasoning: String,
    calls: Vec<Piecewise>,
    stop: Option<Stop>,
    usage: Usage,
}

/// A call of which more may come.
#[derive(Clone, Default)]
struct Piecewise {
    id: String,
    name: String,
    arguments: String,
    extra: Value,
}

impl Fold for OpenAiFold {
    fn take(&mut self, message: &Value) -> Result<String, ModelError> {
        if let Some(usage) = message.get("usage").filter(|it| it.is_object()) {
            self.usage = Usage {
                input_tokens: tokens(usage, "prompt_tokens"),
                output_tokens: tokens(usage, "completion_tokens"),
            };
        }
        let Some(choice) = list(message, "choices").first() else { return Ok(String::new()) };
        // A whole answer has a message where a streamed one has its next part.
        let part = choice.get("delta").or_else(|| choice.get("message")).unwrap_or(&Value::Null);
        for (position, call) in list(part, "tool_calls").iter().enumerate() {
            self.call(call, position)?;
        }
        self.reasoning.push_str(text(part, "reasoning_content"));
        let refusal = text(part, "refusal");
        let piece = format!("{}{refusal}", text(part, "content"));
        self.text.push_str(&piece);
        match text(choice, "finish_reason") {
            "" if refusal.is_empty() => {}
            "" => self.stop = Some(Stop::Refused),
            "length" => self.stop = Some(Stop::Length),
            "content_filter" => self.stop = Some(Stop::Refused),
            _ if self.stop == Some(Stop::Refused) || !refusal.is_empty() => self.stop = Some(Stop::Refused),
            _ => self.stop = Some(Stop::Finished),
        }
        Ok(piece)
    }

    fn progress(&self) -> Progress {
        // What the tokens were comes after the end, and then `[DONE]`.
        if self.stop.is_some() { Progress::Told } else { Progress::Open }
    }

    fn draft(self: Box<Self>) -> Draft {
        let mut kept = Map::new();
        if !self.reasoning.is_empty() && !self.calls.is_empty() {
            kept.insert("reasoning_content".to_owned(), Value::String(self.reasoning));
        }
        if self.calls.iter().any(|it| !it.extra.is_null()) {
            kept.insert("extra_content".to_owned(), self.calls.iter().map(|it| it.extra.clone()).collect());
        }
        let call = |it: Piecewise| DraftCall { id: it.id, name: it.name, arguments: arguments(&it.arguments) };
        Draft {
            text: self.text,
            calls: self.calls.into_iter().map(call).collect(),
            stop: self.stop.unwrap_or_default(),
            usage: self.usage,
            opaque: if kept.is_empty() { Value::Null } else { json!({OPAQUE: kept}) },
        }
    }
}

impl OpenAiFold {
    fn call(&mut self, part: &Value, position: usize) -> Result<(), ModelError> {
        let index = part.get("index").and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok());
        let index = index.unwrap_or(position);
        if index >= MAX_CALLS {
            return Err(ModelError::Malformed(format!("the index {index} of a call is too large")));
        }
        if self.calls.len() <= index {
            self.calls.resize(index + 1, Piecewise::default());
        }
        let Some(call) = self.calls.get_mut(index) else { return Ok(()) };
        if !text(part, "id").is_empty() {
            text(part, "id").clone_into(&mut call.id);
        }
        let function = part.get("function").unwrap_or(&Value::Null);
        // Some servers say the name again with each piece.
        if call.name.is_empty() {
            text(function, "name").clone_into(&mut call.name);
        }
        match function.get("arguments") {
            Some(Value::String(piece)) => call.arguments.push_str(piece),
            Some(Value::Object(fields)) => call.arguments = Value::Object(fields.clone()).to_string(),
            _ => {}
        }
        if let Some(extra) = part.get("extra_content") {
            call.extra = extra.clone();
        }
        Ok(())
    }
}
