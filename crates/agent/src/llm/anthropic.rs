//! How is Anthropic asked? The messages API, streamed as server-sent events that begin, grow and end blocks.
//!
//! Blocks of a turn that has thought are kept and given back as they were: their signatures are checked. A conversation
//! with calls must name tools, so that on a last turn without tools those that were called stay named and are forbidden.
//! Wire: <https://platform.claude.com/docs/en/api/messages>.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::schema::{Dialect, fit};
use super::wire::{self, Draft, DraftCall, Fold, Progress, Settings, Wire, arguments, as_object, list, text, tokens};
use crate::{AnswerFormat, Ask, Message, ModelError, Stop, ToolResult, ToolSpec, Turn, Usage};

const OPAQUE: &str = "anthropic";
/// Blocks of a turn at most.
const MAX_BLOCKS: usize = 1024;

/// Anthropic's messages API.
pub struct Anthropic;

impl Wire for Anthropic {
    fn path(&self, _settings: &Settings) -> String {
        "/v1/messages".to_owned()
    }

    fn key_header(&self, key: &str) -> (&'static str, String) {
        ("x-api-key", key.to_owned())
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }

    fn request(&self, ask: &Ask<'_>, settings: &Settings) -> Value {
        let is_held = settings.answer_format == AnswerFormat::Schema;
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("model", json!(settings.model));
        put("max_tokens", json!(ask.max_output_tokens));
        put("system", json!(wire::system(ask, is_held)));
        put("messages", messages(ask.messages));
        if settings.stream {
            put("stream", json!(true));
        }
        if let Some(temperature) = settings.temperature {
            put("temperature", json!(temperature));
        }
        if let (Some(schema), true) = (ask.answer_schema, is_held) {
            let format = json!({"type": "json_schema", "schema": fit(schema, Dialect::Anthropic)});
            put("output_config", json!({"format": format}));
        }
        let called = called(ask.messages);
        if !ask.tools.is_empty() {
            put("tools", ask.tools.iter().map(tool).collect());
        } else if !called.is_empty() {
            let gone =
                |name| json!({"name": name, "description": "Not available.", "input_schema": {"type": "object"}});
            put("tools", called.into_iter().map(gone).collect());
            put("tool_choice", json!({"type": "none"}));
        }
        Value::Object(fields)
    }

    fn fold(&self) -> Box<dyn Fold> {
        Box::new(AnthropicFold::default())
    }
}

fn tool(it: &ToolSpec) -> Value {
    json!({"name": it.name, "description": it.description, "input_schema": it.parameters})
}

fn called(messages: &[Message]) -> BTreeSet<&str> {
    let names = messages.iter().flat_map(|it| match it {
        Message::Model(turn) => turn.calls.as_slice(),
        Message::User(_) | Message::Tools(_) => &[],
    });
    names.map(|it| it.name.as_str()).collect()
}

/// Roles alternate: what one side says in several messages is one message. Results of tools come first in theirs.
fn messages(messages: &[Message]) -> Value {
    let mut told: Vec<(&str, Vec<Value>)> = vec![];
    for message in messages {
        let (role, blocks) = match message {
            Message::User(text) if text.is_empty() => ("user", vec![]),
            Message::User(text) => ("user", vec![json!({"type": "text", "text": text})]),
            Message::Model(turn) => ("assistant", blocks_of(turn)),
            Message::Tools(results) => ("user", results.iter().map(result).collect()),
        };
        match told.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, all)) if *last == role => all.extend(blocks),
            _ => told.push((role, blocks)),
        }
    }
    told.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
}

fn result(it: &ToolResult) -> Value {
    let mut block = json!({"type": "tool_result", "tool_use_id": it.id, "content": it.content});
    if let (Value::Object(fields), true) = (&mut block, it.is_error) {
        fields.insert("is_error".to_owned(), Value::Bool(true));
    }
    block
}

fn blocks_of(turn: &Turn) -> Vec<Value> {
    let is_made =
        |it: &&Value| text(it, "type") != "tool_use" || turn.calls.iter().any(|call| call.id == text(it, "id"));
    let kept: Vec<Value> = list(&turn.opaque, OPAQUE).iter().filter(is_made).cloned().collect();
    if !kept.is_empty() {
        return kept;
    }
    let said = (!turn.text.trim().is_empty()).then(|| json!({"type": "text", "text": turn.text}));
    let call = |it: &crate::ToolCall| json!({"type": "tool_use", "id": it.id, "name": it.name, "input": as_object(&it.arguments)});
    said.into_iter().chain(turn.calls.iter().map(call)).collect()
}

#[derive(Default)]
struct AnthropicFold {
    blocks: Vec<Block>,
    stop: Option<Stop>,
    usage: Usage,
    is_over: bool,
}

/// A block of which more may come; `json` is its input so far.
#[derive(Clone, Default)]
struct Block {
    fields: Map<String, Value>,
    json: String,
}

impl Fold for AnthropicFold {
    fn take(&mut self, message: &Value) -> Result<String, ModelError> {
        let mut piece = String::new();
        match text(message, "type") {
            "message" => {
                for (index, block) in list(message, "content").iter().enumerate() {
                    piece.push_str(&self.begin(index, block)?);
                }
                self.ended(message);
                self.is_over = self.stop.is_some();
            }
            "message_start" => self.count(message.pointer("/message/usage")),
            "content_block_start" => {
                piece = self.begin(index(message), message.get("content_block").unwrap_or(&Value::Null))?;
            }
            "content_block_delta" => piece = self.grow(index(message), message.get("delta").unwrap_or(&Value::Null))?,
            "message_delta" => {
                self.ended(message.get("delta").unwrap_or(&Value::Null));
                self.count(message.get("usage"));
            }
            "message_stop" => self.is_over = true,
            // Pings, ends of blocks, and what is not known yet.
            _ => {}
        }
        Ok(piece)
    }

    fn progress(&self) -> Progress {
        match (self.is_over, self.stop) {
            (true, Some(_)) => Progress::Over,
            _ => Progress::Open,
        }
    }

    fn draft(self: Box<Self>) -> Draft {
        let blocks: Vec<Value> = self.blocks.into_iter().map(Block::into_value).collect();
        let of_kind = |kind: &'static str| blocks.iter().filter(move |it| text(it, "type") == kind);
        let call = |it: &Value| DraftCall {
            id: text(it, "id").to_owned(),
            name: text(it, "name").to_owned(),
            arguments: it.get("input").cloned().unwrap_or_else(|| json!({})),
        };
        let (said, calls) =
            (of_kind("text").map(|it| text(it, "text")).collect(), of_kind("tool_use").map(call).collect());
        let has_thought = blocks.iter().any(|it| text(it, "type").contains("thinking"));
        let opaque = if has_thought { json!({OPAQUE: blocks}) } else { Value::Null };
        Draft { text: said, calls, stop: self.stop.unwrap_or_default(), usage: self.usage, opaque }
    }
}

fn index(message: &Value) -> usize {
    message.get("index").and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok()).unwrap_or(0)
}

impl AnthropicFold {
    fn block(&mut self, index: usize) -> Result<&mut Block, ModelError> {
        let n_blocks = self.blocks.len();
        if index < MAX_BLOCKS && n_blocks <= index {
            self.blocks.resize(index + 1, Block::default());
        }
        let too_large = || ModelError::Malformed(format!("the index {index} of a block is too large"));
        self.blocks.get_mut(index).ok_or_else(too_large)
    }

    fn begin(&mut self, index: usize, value: &Value) -> Result<String, ModelError> {
        let Value::Object(fields) = value else {
            return Err(ModelError::Malformed("a block of the answer is no object".to_owned()));
        };
        self.block(index)?.fields = fields.clone();
        Ok(if text(value, "type") == "text" { text(value, "text").to_owned() } else { String::new() })
    }

    fn grow(&mut self, index: usize, delta: &Value) -> Result<String, ModelError> {
        let block = self.block(index)?;
        let mut append = |name: &str| {
            let whole =
                format!("{}{}", block.fields.get(name).and_then(Value::as_str).unwrap_or_default(), text(delta, name));
            block.fields.insert(name.to_owned(), Value::String(whole));
        };
        match text(delta, "type") {
            "text_delta" => {
                append("text");
                return Ok(text(delta, "text").to_owned());
            }
            "thinking_delta" => append("thinking"),
            "signature_delta" => append("signature"),
            "input_json_delta" => block.json.push_str(text(delta, "partial_json")),
            _ => {}
        }
        Ok(String::new())
    }

    /// Takes the reason to stop, and what is counted beside it.
    fn ended(&mut self, of: &Value) {
        self.count(of.get("usage"));
        match text(of, "stop_reason") {
            "" => {}
            "max_tokens" | "model_context_window_exceeded" => self.stop = Some(Stop::Length),
            "refusal" => self.stop = Some(Stop::Refused),
            "tool_use" => self.stop = Some(Stop::Calls),
            _ => self.stop = Some(Stop::Finished),
        }
    }

    /// What is read from a cache or written to it is read, too. Numbers of a later message are those of the whole.
    fn count(&mut self, usage: Option<&Value>) {
        let Some(usage) = usage else { return };
        let read = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
        let read: u64 = read.iter().map(|it| tokens(usage, it)).sum();
        self.usage.input_tokens = self.usage.input_tokens.max(read);
        self.usage.output_tokens = self.usage.output_tokens.max(tokens(usage, "output_tokens"));
    }
}

impl Block {
    fn into_value(mut self) -> Value {
        if !self.json.is_empty() {
            self.fields.insert("input".to_owned(), arguments(&self.json));
        }
        Value::Object(self.fields)
    }
}
