//! OpenAI's chat completions. Shapes are those of its OpenAPI document, as far as a chat with tools needs them.

use serde_json::{Value, json};

use super::http::Request;
use super::shape::{Shape, list, may, must, schema, some};
use super::{End, Said, pieces};

const WORDS: &[&str] = &[
    "type",
    "title",
    "description",
    "enum",
    "const",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "items",
    "anyOf",
    "additionalProperties",
];

fn shape() -> Shape {
    use Shape::{Bool, By, Count, Either, Fields, Is, Number, Object, Text, Word};
    let function = || Object(vec![must("name", Text), must("arguments", Text)]);
    let call = || Object(vec![must("id", Text), must("type", Word(&["function"])), must("function", function())]);
    let parts = || some(Object(vec![must("type", Word(&["text"])), must("text", Text)]));
    let content = || Either(vec![Text, parts()]);
    let message = Either(vec![
        Object(vec![must("role", Word(&["system", "developer"])), must("content", content())]),
        Object(vec![must("role", Word(&["user"])), must("content", content())]),
        Object(vec![must("role", Word(&["tool"])), must("tool_call_id", Text), must("content", content())]),
        Object(vec![
            must("role", Word(&["assistant"])),
            may("content", Either(vec![Is(Value::Null), content()])),
            may("refusal", Either(vec![Is(Value::Null), Text])),
            may("tool_calls", some(call())),
        ]),
    ]);
    let function = Object(vec![
        must("name", Text),
        may("description", Text),
        may("parameters", Fields),
        may("strict", Either(vec![Is(Value::Null), Bool])),
    ]);
    let tool = Object(vec![must("type", Word(&["function"])), must("function", function)]);
    let json_schema = Object(vec![
        must("name", Text),
        may("description", Text),
        may("strict", Bool),
        must("schema", By(|it| schema(it, WORDS, true))),
    ]);
    let format = Either(vec![
        Object(vec![must("type", Word(&["text", "json_object"]))]),
        Object(vec![must("type", Word(&["json_schema"])), must("json_schema", json_schema)]),
    ]);
    Object(vec![
        must("model", Text),
        must("messages", some(message)),
        may("max_completion_tokens", Count(1)),
        may("max_tokens", Count(1)),
        may("temperature", Number),
        may("reasoning_effort", Word(&["none", "minimal", "low", "medium", "high", "xhigh"])),
        may("stream", Bool),
        may("stream_options", Object(vec![may("include_usage", Bool)])),
        may("tools", some(tool)),
        may("tool_choice", Word(&["none", "auto", "required"])),
        may("parallel_tool_calls", Bool),
        may("response_format", format),
        may("stop", list(Text)),
    ])
}

pub fn check(request: &Request) -> Result<(), String> {
    if request.path != "/v1/chat/completions" {
        return Err(format!("there is nothing at {}", request.path));
    }
    let body = &request.body;
    shape().check(body, "body")?;
    if body.get("stream_options").is_some() && body["stream"] != true {
        return Err("stream_options is only allowed when stream is true".to_owned());
    }
    if body.get("max_tokens").is_some() && body.get("max_completion_tokens").is_some() {
        return Err("max_tokens and max_completion_tokens cannot both be set".to_owned());
    }
    order(body["messages"].as_array().unwrap())
}

/// Calls are answered at once and one by one; nothing else is an answer.
fn order(messages: &[Value]) -> Result<(), String> {
    let mut open: Vec<&str> = vec![];
    for (idx, message) in messages.iter().enumerate() {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap();
            let Some(place) = open.iter().position(|it| *it == id) else {
                return Err(format!("messages[{idx}]: no call before it has the tool_call_id {id}"));
            };
            open.remove(place);
            continue;
        }
        if !open.is_empty() {
            return Err(format!("messages[{idx}]: tool_call_ids did not have response messages: {}", open.join(", ")));
        }
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        open = calls.map(|it| it["id"].as_str().unwrap()).collect();
        let is_empty = message["content"].as_str().is_none_or(str::is_empty) && open.is_empty();
        if message["role"] == "assistant" && is_empty {
            return Err(format!("messages[{idx}]: an assistant's message needs content or tool_calls"));
        }
    }
    if open.is_empty() { Ok(()) } else { Err("the last calls have no answers".to_owned()) }
}

pub fn messages(said: &Said, is_streamed: bool) -> Vec<Value> {
    let end = match said.end {
        End::Done if said.calls.is_empty() => "stop",
        End::Done => "tool_calls",
        End::Limit => "length",
        End::Refusal => "content_filter",
    };
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120});
    let id = |idx: usize| format!("call_{}_{idx}x", said.turn);
    let arguments = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    if !is_streamed {
        let calls = said.calls.iter().enumerate().map(|(idx, (name, it))| {
            json!({"id": id(idx), "type": "function", "function": {"name": name, "arguments": arguments(it)}})
        });
        let content = if said.text.is_empty() { Value::Null } else { json!(said.text) };
        let mut message = json!({"role": "assistant", "content": content, "refusal": null});
        if !said.calls.is_empty() {
            message["tool_calls"] = calls.collect();
        }
        let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": end});
        return vec![json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "fake", "choices": [choice], "usage": usage,
        })];
    }
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake", "choices": choices,
            "usage": usage,
        })
    };
    let part = |delta: Value, end: Value| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": end}]), Value::Null)
    };
    let mut all = vec![part(json!({"role": "assistant", "content": ""}), Value::Null)];
    all.extend(pieces(&said.text).iter().map(|it| part(json!({"content": it}), Value::Null)));
    for (idx, (name, _)) in said.calls.iter().enumerate() {
        let function = json!({"name": name, "arguments": ""});
        let begun = json!({"index": idx, "id": id(idx), "type": "function", "function": function});
        all.push(part(json!({"tool_calls": [begun]}), Value::Null));
    }
    // Parallel calls grow in turns.
    let parts: Vec<Vec<String>> = said.calls.iter().map(|it| pieces(&arguments(&it.1))).collect();
    for nth in 0..parts.iter().map(Vec::len).max().unwrap_or(0) {
        for (idx, piece) in parts.iter().enumerate().filter_map(|(idx, it)| Some((idx, it.get(nth)?))) {
            let more = json!({"index": idx, "function": {"arguments": piece}});
            all.push(part(json!({"tool_calls": [more]}), Value::Null));
        }
    }
    all.push(part(json!({}), json!(end)));
    all.push(chunk(json!([]), usage));
    all
}
