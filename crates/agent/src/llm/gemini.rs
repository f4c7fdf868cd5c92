//! How is Gemini asked? `generateContent`, streamed as server-sent events.
//!
//! The parts of a turn are kept as they came and given back in their order: newer models refuse a call that has lost its
//! `thoughtSignature`. An answer cannot be held to a schema while there are tools; then the prompt has the schema.
//! Wire: <https://ai.google.dev/api/generate-content>.

use serde_json::{Map, Value, json};

use super::schema::{Dialect, fit};
use super::wire::{self, Draft, DraftCall, Fold, Progress, Settings, Wire, as_object, list, text, tokens};
use crate::{AnswerFormat, Ask, Message, ModelError, Stop, ToolResult, ToolSpec, Turn, Usage};

/// The name under which parts stand in [`Turn::opaque`].
const OPAQUE: &str = "gemini";

/// Ends that are a refusal of the model or of a filter.
const REFUSALS: [&str; 9] = [
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "MODEL_ARMOR",
    "ESCALATION",
];

/// Google's Gemini API.
pub struct Gemini;

impl Wire for Gemini {
    fn path(&self, settings: &Settings) -> String {
        let verb = if settings.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        format!("/v1beta/models/{}:{verb}", settings.model)
    }

    fn key_header(&self, key: &str) -> (&'static str, String) {
        ("x-goog-api-key", key.to_owned())
    }

    fn request(&self, ask: &Ask<'_>, settings: &Settings) -> Value {
        let is_held = ask.tools.is_empty() && settings.answer_format == AnswerFormat::Schema;
        let mut body = json!({
            "systemInstruction": {"parts": [{"text": wire::system(ask, is_held)}]},
            "contents": contents(ask.messages),
            "generationConfig": generation(ask, settings),
        });
        if let (Value::Object(fields), false) = (&mut body, ask.tools.is_empty()) {
            let declarations: Vec<Value> = ask.tools.iter().map(declaration).collect();
            fields.insert("tools".to_owned(), json!([{"functionDeclarations": declarations}]));
            fields.insert("toolConfig".to_owned(), json!({"functionCallingConfig": {"mode": "AUTO"}}));
        }
        body
    }

    fn fold(&self) -> Box<dyn Fold> {
        Box::new(GeminiFold::default())
    }
}

fn generation(ask: &Ask<'_>, settings: &Settings) -> Value {
    let mut fields = Map::new();
    fields.insert("maxOutputTokens".to_owned(), json!(ask.max_output_tokens));
    if let Some(temperature) = settings.temperature {
        fields.insert("temperature".to_owned(), json!(temperature));
    }
    if let (Some(schema), true) = (ask.answer_schema, ask.tools.is_empty()) {
        if settings.answer_format != AnswerFormat::Prompt {
            fields.insert("responseMimeType".to_owned(), json!("application/json"));
        }
        if settings.answer_format == AnswerFormat::Schema {
            fields.insert("responseSchema".to_owned(), fit(schema, Dialect::Gemini));
        }
    }
    Value::Object(fields)
}

fn declaration(tool: &ToolSpec) -> Value {
    let mut declared = json!({"name": tool.name, "description": tool.description});
    // An object without properties is refused; no parameters at all are not.
    let has_properties = tool.parameters.get("properties").and_then(Value::as_object).is_some_and(|it| !it.is_empty());
    if let (Value::Object(fields), true) = (&mut declared, has_properties) {
        fields.insert("parameters".to_owned(), fit(&tool.parameters, Dialect::Gemini));
    }
    declared
}

/// Roles alternate: what one side says in several messages is one content.
fn contents(messages: &[Message]) -> Vec<Value> {
    let mut contents: Vec<(&str, Vec<Value>)> = vec![];
    let mut given = vec![];
    for message in messages {
        let (role, parts) = match message {
            Message::User(text) => ("user", vec![json!({"text": text})]),
            Message::Model(turn) => {
                given = parts_of(turn);
                ("model", given.clone())
            }
            Message::Tools(results) => ("user", results.iter().map(|it| response(it, &given)).collect()),
        };
        match contents.last_mut() {
            _ if parts.is_empty() => {}
            Some((last, all)) if *last == role => all.extend(parts),
            _ => contents.push((role, parts)),
        }
    }
    contents.into_iter().map(|(role, parts)| json!({"role": role, "parts": parts})).collect()
}

fn parts_of(turn: &Turn) -> Vec<Value> {
    let kept = turn.opaque.get(OPAQUE).and_then(Value::as_array);
    if let Some(parts) = kept {
        return parts.clone();
    }
    let text = (!turn.text.is_empty()).then(|| json!({"text": turn.text}));
    let call = |it: &crate::ToolCall| json!({"functionCall": {"name": it.name, "args": as_object(&it.arguments)}});
    text.into_iter().chain(turn.calls.iter().map(call)).collect()
}

/// The answer to a call; it has an id if the call came with one.
fn response(result: &ToolResult, given: &[Value]) -> Value {
    let name = if result.is_error { "error" } else { "output" };
    let mut answer = json!({"name": result.name, "response": {name: result.content}});
    let has_id = given.iter().any(|it| it.pointer("/functionCall/id").is_some_and(|id| *id == result.id));
    if let (Value::Object(fields), true) = (&mut answer, has_id) {
        fields.insert("id".to_owned(), json!(result.id));
    }
    json!({"functionResponse": answer})
}

#[derive(Default)]
struct GeminiFold {
    text: String,
    parts: Vec<Value>,
    stop: Option<Stop>,
    usage: Usage,
}

impl Fold for GeminiFold {
    fn take(&mut self, message: &Value) -> Result<String, ModelError> {
        if let Some(usage) = message.get("usageMetadata") {
            self.usage = Usage {
                input_tokens: tokens(usage, "promptTokenCount") + tokens(usage, "toolUsePromptTokenCount"),
                output_tokens: tokens(usage, "candidatesTokenCount") + tokens(usage, "thoughtsTokenCount"),
            };
        }
        if message.pointer("/promptFeedback/blockReason").is_some() {
            self.stop = Some(Stop::Refused);
        }
        let Some(candidate) = list(message, "candidates").first() else { return Ok(String::new()) };
        let mut piece = String::new();
        for part in candidate.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten() {
            self.part(part, &mut piece);
        }
        self.text.push_str(&piece);
        match text(candidate, "finishReason") {
            "" | "FINISH_REASON_UNSPECIFIED" => {}
            "MAX_TOKENS" => self.stop = Some(Stop::Length),
            it if REFUSALS.contains(&it) => self.stop = Some(Stop::Refused),
            it @ ("MALFORMED_FUNCTION_CALL" | "MISSING_THOUGHT_SIGNATURE" | "MALFORMED_RESPONSE") => {
                return Err(ModelError::Malformed(format!("the model ended with {it}")));
            }
            _ => self.stop = Some(Stop::Finished),
        }
        Ok(piece)
    }

    fn progress(&self) -> Progress {
        if self.stop.is_some() { Progress::Told } else { Progress::Open }
    }

    fn draft(self: Box<Self>) -> Draft {
        let calls = self.parts.iter().filter_map(|it| it.get("functionCall"));
        let call = |it: &Value| DraftCall {
            id: text(it, "id").to_owned(),
            name: text(it, "name").to_owned(),
            arguments: it.get("args").cloned().unwrap_or_else(|| json!({})),
        };
        let calls = calls.map(call).collect();
        let stop = self.stop.unwrap_or_default();
        let opaque = if self.parts.is_empty() { Value::Null } else { json!({OPAQUE: self.parts}) };
        Draft { text: self.text, calls, stop, usage: self.usage, opaque }
    }
}

impl GeminiFold {
    fn part(&mut self, part: &Value, piece: &mut String) {
        let is_signed = part.get("thoughtSignature").is_some();
        if part.get("thought") == Some(&Value::Bool(true)) {
            self.parts.extend(is_signed.then(|| part.clone()));
            return;
        }
        let said = part.get("text").and_then(Value::as_str);
        piece.push_str(said.unwrap_or_default());
        // Pieces of one text become one part; a signature belongs to the part that it came with.
        let before = self.parts.last_mut().filter(|it| is_plain_text(it));
        match (said, before) {
            (Some(said), Some(Value::Object(fields))) if is_plain_text(part) => {
                let whole = format!("{}{said}", fields.get("text").and_then(Value::as_str).unwrap_or_default());
                fields.insert("text".to_owned(), Value::String(whole));
            }
            (Some(""), _) if !is_signed => {}
            _ => self.parts.push(part.clone()),
        }
    }
}

fn is_plain_text(part: &Value) -> bool {
    part.as_object().is_some_and(|it| it.len() == 1 && it.contains_key("text"))
}
