//! Anthropic's messages API. Shapes are those of its client library, as far as a chat with tools needs them.

use serde_json::{Value, json};

use super::http::Request;
use super::shape::{Shape, may, must, schema, some};
use super::{End, Said, State, pieces};

const WORDS: &[&str] = &[
    "type",
    "title",
    "description",
    "enum",
    "const",
    "format",
    "properties",
    "required",
    "items",
    "anyOf",
    "additionalProperties",
];

fn shape() -> Shape {
    use Shape::{Bool, By, Count, Either, Fields, Is, Number, Object, Text, Word};
    let text = || {
        let not_blank = By(|it| match it.as_str() {
            Some(text) if !text.trim().is_empty() => Ok(()),
            _ => Err("text content blocks must be non-empty".to_owned()),
        });
        Object(vec![must("type", Word(&["text"])), must("text", not_blank)])
    };
    let tool_use =
        Object(vec![must("type", Word(&["tool_use"])), must("id", Text), must("name", Text), must("input", Fields)]);
    let result = Object(vec![
        must("type", Word(&["tool_result"])),
        must("tool_use_id", Text),
        may("content", Either(vec![Text, some(text())])),
        may("is_error", Bool),
    ]);
    let thinking = Object(vec![must("type", Word(&["thinking"])), must("thinking", Text), must("signature", Text)]);
    let block = Either(vec![text(), tool_use, thinking, result]);
    let message =
        Object(vec![must("role", Word(&["user", "assistant"])), must("content", Either(vec![Text, some(block)]))]);
    let input = Object(vec![
        must("type", Word(&["object"])),
        may("properties", Fields),
        may("required", Shape::List(0, Box::new(Text))),
    ]);
    let tool = Object(vec![must("name", Text), may("description", Text), must("input_schema", input)]);
    let format = Object(vec![must("type", Word(&["json_schema"])), must("schema", By(|it| schema(it, WORDS, true)))]);
    Object(vec![
        must("model", Text),
        must("max_tokens", Count(1)),
        must("messages", some(message)),
        may("system", Either(vec![Text, some(text())])),
        may("tools", some(tool)),
        may("tool_choice", Object(vec![must("type", Word(&["auto", "any", "none"]))])),
        may("temperature", Number),
        may("thinking", Fields),
        may("cache_control", Is(json!({"type": "ephemeral"}))),
        may("stream", Bool),
        may("output_config", Object(vec![may("format", format), may("effort", Text)])),
    ])
}

pub fn check(state: &State, request: &Request) -> Result<(), String> {
    if request.path != "/v1/messages" {
        return Err(format!("there is nothing at {}", request.path));
    }
    // The second is that of the official client; a chat with tools is the same in both.
    let version = request.headers.get("anthropic-version").map(String::as_str);
    if !version.is_some_and(|it| ["2023-06-01", "2026-10-21"].contains(&it)) {
        return Err("anthropic-version: header is required".to_owned());
    }
    shape().check(&request.body, "body")?;
    let messages = request.body["messages"].as_array().unwrap();
    order(messages)?;
    let blocks = || messages.iter().flat_map(|it| it["content"].as_array().into_iter().flatten());
    if blocks().any(|it| it["type"] == "tool_use" || it["type"] == "tool_result") && request.body.get("tools").is_none()
    {
        return Err("Requests which include `tool_use` or `tool_result` blocks must define tools".to_owned());
    }
    let signatures = state.signatures.lock().unwrap();
    for block in blocks().filter(|it| it["type"] == "tool_use") {
        // A turn that thought comes back with what it thought.
        if let Some(given) = signatures.get(block["id"].as_str().unwrap())
            && !blocks().any(|it| it["signature"].as_str().is_some_and(|it| given.contains(it)))
        {
            return Err("Expected `thinking` or `redacted_thinking`, but found `tool_use`".to_owned());
        }
    }
    Ok(())
}

fn order(messages: &[Value]) -> Result<(), String> {
    let mut open: Vec<&Value> = vec![];
    for (idx, message) in messages.iter().enumerate() {
        let wanted = if idx % 2 == 0 { "user" } else { "assistant" };
        if message["role"] != wanted {
            return Err(format!("messages[{idx}]: roles must alternate between \"user\" and \"assistant\""));
        }
        let blocks: Vec<&Value> = message["content"].as_array().into_iter().flatten().collect();
        let n_results = blocks.iter().take_while(|it| it["type"] == "tool_result").count();
        let answered: Vec<&Value> =
            blocks.iter().filter(|it| it["type"] == "tool_result").map(|it| &it["tool_use_id"]).collect();
        if answered.len() != n_results {
            return Err(format!("messages[{idx}]: tool_result blocks must come first"));
        }
        if open.iter().any(|it| !answered.contains(it)) {
            return Err(format!(
                "messages[{idx}]: `tool_use` ids were found without `tool_result` blocks immediately after"
            ));
        }
        if answered.iter().any(|it| !open.contains(it)) {
            return Err(format!("messages[{idx}]: unexpected `tool_use_id` found in `tool_result` blocks"));
        }
        open = blocks.iter().filter(|it| it["type"] == "tool_use").map(|it| &it["id"]).collect();
    }
    if messages.len() % 2 == 1 { Ok(()) } else { Err("the conversation must end with a user message".to_owned()) }
}

pub fn messages(state: &State, said: &Said, is_streamed: bool) -> Vec<Value> {
    let end = match said.end {
        End::Done if said.calls.is_empty() => "end_turn",
        End::Done => "tool_use",
        End::Limit => "max_tokens",
        End::Refusal => "refusal",
    };
    // Every other turn has thought before it calls.
    let signature = (said.turn.is_multiple_of(2) && !said.calls.is_empty()).then(|| format!("c2ln{:04}", said.turn));
    let mut blocks: Vec<Value> = vec![];
    if let Some(signature) = &signature {
        blocks.push(json!({"type": "thinking", "thinking": "Let me see.", "signature": signature}));
    }
    if !said.text.is_empty() {
        blocks.push(json!({"type": "text", "text": said.text}));
    }
    for (idx, (name, input)) in said.calls.iter().enumerate() {
        let id = format!("toolu_{}_{idx}", said.turn);
        if let Some(signature) = &signature {
            state.signatures.lock().unwrap().entry(id.clone()).or_default().insert(signature.clone());
        }
        blocks.push(json!({"type": "tool_use", "id": id, "name": name, "input": input}));
    }
    let message = |content: Value, end: Value, output: u64| {
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "fake", "content": content, "stop_reason": end,
            "stop_sequence": null,
            "usage": {"input_tokens": 60, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 30, "output_tokens": output},
        })
    };
    if !is_streamed {
        return vec![message(json!(blocks), json!(end), 20)];
    }
    let mut all =
        vec![json!({"type": "message_start", "message": message(json!([]), Value::Null, 1)}), json!({"type": "ping"})];
    for (index, block) in blocks.iter().enumerate() {
        let (empty, deltas) = grown(block);
        all.push(json!({"type": "content_block_start", "index": index, "content_block": empty}));
        all.extend(deltas.iter().map(|it| json!({"type": "content_block_delta", "index": index, "delta": it})));
        all.push(json!({"type": "content_block_stop", "index": index}));
    }
    let delta = json!({"stop_reason": end, "stop_sequence": null});
    all.push(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 20}}));
    all.push(json!({"type": "message_stop"}));
    all
}

/// A block as it begins, and how it grows.
fn grown(block: &Value) -> (Value, Vec<Value>) {
    let mut empty = block.clone();
    let text = |name: &str| pieces(block[name].as_str().unwrap());
    let deltas = match block["type"].as_str().unwrap() {
        "text" => {
            empty["text"] = json!("");
            text("text").iter().map(|it| json!({"type": "text_delta", "text": it})).collect()
        }
        "thinking" => {
            (empty["thinking"], empty["signature"]) = (json!(""), json!(""));
            let thought = text("thinking").into_iter().map(|it| json!({"type": "thinking_delta", "thinking": it}));
            thought.chain([json!({"type": "signature_delta", "signature": block["signature"]})]).collect()
        }
        _ => {
            empty["input"] = json!({});
            let input = block["input"].as_str().map_or_else(|| block["input"].to_string(), str::to_owned);
            pieces(&input).iter().map(|it| json!({"type": "input_json_delta", "partial_json": it})).collect()
        }
    };
    (empty, deltas)
}
