//! Ollama's `/api/chat`. Shapes are those of its client library, as far as a chat with tools needs them.

use serde_json::{Value, json};

use super::http::Request;
use super::shape::{Shape, list, may, must, some};
use super::{End, Said, pieces};

fn shape() -> Shape {
    use Shape::{Bool, Count, Either, Fields, Number, Object, Text, Word};
    let call = Object(vec![must("function", Object(vec![must("name", Text), must("arguments", Fields)]))]);
    let message = Either(vec![
        Object(vec![must("role", Word(&["system", "user"])), must("content", Text)]),
        Object(vec![must("role", Word(&["tool"])), must("content", Text), must("tool_name", Text)]),
        Object(vec![
            must("role", Word(&["assistant"])),
            may("content", Text),
            may("thinking", Text),
            may("tool_calls", some(call)),
        ]),
    ]);
    let function = Object(vec![must("name", Text), may("description", Text), may("parameters", Fields)]);
    let tool = Object(vec![must("type", Word(&["function"])), must("function", function)]);
    let options = Object(vec![
        may("num_ctx", Count(1)),
        may("num_predict", Count(1)),
        may("temperature", Number),
        may("seed", Number),
        may("top_p", Number),
    ]);
    Object(vec![
        must("model", Text),
        must("messages", some(message)),
        may("tools", list(tool)),
        may("stream", Bool),
        may("format", Either(vec![Word(&["json"]), Fields])),
        may("options", options),
        may("think", Bool),
        may("keep_alive", Text),
    ])
}

pub fn check(request: &Request) -> Result<(), String> {
    if request.path != "/api/chat" {
        return Err(format!("there is nothing at {}", request.path));
    }
    shape().check(&request.body, "body")?;
    if request.body["tools"].as_array().is_some_and(|it| !it.is_empty()) && request.body.get("format").is_some() {
        return Err("a format keeps the model from calling tools".to_owned());
    }
    // There are no ids: answers stand in the order of the calls.
    let mut open: Vec<&Value> = vec![];
    for (idx, message) in request.body["messages"].as_array().unwrap().iter().enumerate() {
        if message["role"] == "tool" {
            if open.is_empty() || *open.remove(0) != message["tool_name"] {
                return Err(format!("messages[{idx}]: answers no call"));
            }
            continue;
        }
        if !open.is_empty() {
            return Err(format!("messages[{idx}]: calls before it have no answers"));
        }
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        open = calls.map(|it| &it["function"]["name"]).collect();
    }
    if open.is_empty() { Ok(()) } else { Err("the last calls have no answers".to_owned()) }
}

pub fn messages(said: &Said, is_streamed: bool) -> Vec<Value> {
    let message = |content: &str, calls: &[Value]| {
        let mut message = json!({"role": "assistant", "content": content});
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        json!({"model": "fake", "created_at": "2026-11-26T10:00:00.5Z", "message": message, "done": false})
    };
    // There is no refusal in this wire: a model that says no says it in words.
    let text = if said.end == End::Refusal { "I cannot help with that." } else { &said.text };
    let call = |it: &(String, Value)| json!({"function": {"name": it.0, "arguments": it.1}});
    let calls: Vec<Value> = said.calls.iter().map(call).collect();
    let ended = |mut it: Value| {
        it["done"] = json!(true);
        it["done_reason"] = json!(if said.end == End::Limit { "length" } else { "stop" });
        for (name, value) in
            [("prompt_eval_count", 100), ("eval_count", 20), ("total_duration", 5), ("eval_duration", 4)]
        {
            it[name] = json!(value);
        }
        it
    };
    if !is_streamed {
        return vec![ended(message(text, &calls))];
    }
    let texts = pieces(text).into_iter().map(|it| message(&it, &[]));
    let calls = calls.iter().map(|it| message("", std::slice::from_ref(it)));
    texts.chain(calls).chain([ended(message("", &[]))]).collect()
}
