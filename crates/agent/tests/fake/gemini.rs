//! Gemini's `generateContent`. Shapes are those of its API's reference, as far as a chat with tools needs them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::http::Request;
use super::shape::{Shape, list, may, must, schema, some};
use super::{End, Said, State, pieces};

const WORDS: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "maxItems",
    "minItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
    "items",
    "minimum",
    "maximum",
];

fn shape() -> Shape {
    use Shape::{By, Count, Either, Fields, Is, Number, Object, Text, Word};
    let signature = || may("thoughtSignature", Text);
    let call = || Object(vec![may("id", Text), must("name", Text), may("args", Fields)]);
    let response = || Object(vec![may("id", Text), must("name", Text), must("response", Fields)]);
    let part = || {
        Either(vec![
            Object(vec![must("functionCall", call()), signature()]),
            Object(vec![must("functionResponse", response())]),
            Object(vec![must("text", Text), may("thought", Shape::Bool), signature()]),
        ])
    };
    let content = Object(vec![must("role", Word(&["user", "model"])), must("parts", some(part()))]);
    let parameters = By(|it| {
        let has_properties = it["properties"].as_object().is_some_and(|it| !it.is_empty());
        if has_properties {
            schema(it, WORDS, false)
        } else {
            Err("properties: should be non-empty for OBJECT type".into())
        }
    });
    let declaration = Object(vec![must("name", Text), must("description", Text), may("parameters", parameters)]);
    let generation = Object(vec![
        may("temperature", Number),
        may("maxOutputTokens", Count(1)),
        may("responseMimeType", Word(&["text/plain", "application/json"])),
        may("responseSchema", By(|it| schema(it, WORDS, false))),
        may("thinkingConfig", Fields),
    ]);
    let calling = Object(vec![may("mode", Word(&["AUTO", "ANY", "NONE"])), may("allowedFunctionNames", list(Text))]);
    Object(vec![
        must("contents", some(content)),
        may("systemInstruction", Object(vec![may("role", Is(json!("user"))), must("parts", some(part()))])),
        may("tools", some(Object(vec![must("functionDeclarations", some(declaration))]))),
        may("toolConfig", Object(vec![must("functionCallingConfig", calling)])),
        may("generationConfig", generation),
    ])
}

pub fn check(state: &State, request: &Request) -> Result<(), String> {
    // The official client asks version 1, whose part of the API for a chat is the same.
    let path = request.path.strip_prefix("/v1beta/models/").or_else(|| request.path.strip_prefix("/v1/models/"));
    match path.and_then(|it| it.split_once(':')) {
        Some((_, "generateContent" | "streamGenerateContent?alt=sse")) => {}
        _ => return Err(format!("there is nothing at {}", request.path)),
    }
    shape().check(&request.body, "body")?;
    if request.body.get("tools").is_some() && request.body["generationConfig"].get("responseMimeType").is_some() {
        return Err("Function calling with a response mime type: 'application/json' is unsupported".to_owned());
    }
    order(state, request.body["contents"].as_array().unwrap())
}

fn order(state: &State, contents: &[Value]) -> Result<(), String> {
    let mut open: Vec<&Value> = vec![];
    for (idx, content) in contents.iter().enumerate() {
        let wanted = if idx % 2 == 0 { "user" } else { "model" };
        if content["role"] != wanted {
            return Err(format!("contents[{idx}]: roles must alternate, beginning with user"));
        }
        let parts = content["parts"].as_array().unwrap();
        let answers: Vec<&Value> = parts.iter().filter_map(|it| it.get("functionResponse")).collect();
        let is_answer = |(call, it): (&&Value, &&Value)| call["name"] == it["name"] && call.get("id") == it.get("id");
        if answers.len() != open.len() || !open.iter().zip(&answers).all(is_answer) {
            return Err(format!(
                "contents[{idx}]: the number of function response parts must be that of the function call parts, in order"
            ));
        }
        signed(state, parts).map_err(|it| format!("contents[{idx}]: {it}"))?;
        open = parts.iter().filter_map(|it| it.get("functionCall")).collect();
    }
    if contents.len() % 2 == 1 { Ok(()) } else { Err("the last content must be the user's".to_owned()) }
}

/// The first of the calls of a turn comes back with its signature.
fn signed(state: &State, parts: &[Value]) -> Result<(), String> {
    let calls: Vec<&Value> = parts.iter().filter(|it| it.get("functionCall").is_some()).collect();
    let signatures = state.signatures.lock().unwrap();
    let given = signatures.get(&named(calls.iter().map(|it| &it["functionCall"])));
    let has_come_back =
        |it: &BTreeSet<String>| calls[0]["thoughtSignature"].as_str().is_some_and(|text| it.contains(text));
    if given.is_none_or(has_come_back) {
        Ok(())
    } else {
        Err("Function call is missing a thought_signature".to_owned())
    }
}

/// Parallel calls, as a key.
fn named<'a>(calls: impl Iterator<Item = &'a Value>) -> String {
    calls.map(Value::to_string).collect()
}

pub fn messages(state: &State, said: &Said, is_streamed: bool) -> Vec<Value> {
    let usage =
        json!({"promptTokenCount": 100, "candidatesTokenCount": 15, "thoughtsTokenCount": 5, "totalTokenCount": 120});
    let message = |parts: Vec<Value>, end: Option<&str>| {
        let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
        if let Some(end) = end {
            candidate["finishReason"] = json!(end);
        }
        json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "fake", "responseId": "r1"})
    };
    if said.calls.iter().any(|it| it.1.is_string()) {
        return vec![message(vec![], Some("MALFORMED_FUNCTION_CALL"))];
    }
    let end = match said.end {
        End::Done => "STOP",
        End::Limit => "MAX_TOKENS",
        End::Refusal => "SAFETY",
    };
    // As Gemini 3: the first of parallel calls is signed. In every other turn calls have ids.
    let call = |(idx, (name, arguments)): (usize, &(String, Value))| match said.turn % 2 {
        0 => json!({"name": name, "args": arguments, "id": format!("id-{}-{idx}", said.turn)}),
        _ => json!({"name": name, "args": arguments}),
    };
    let calls: Vec<Value> = said.calls.iter().enumerate().map(call).collect();
    let signature = format!("c2ln{:04}", said.turn);
    if !calls.is_empty() {
        state.signatures.lock().unwrap().entry(named(calls.iter())).or_default().insert(signature.clone());
    }
    let calls = calls.iter().enumerate().map(|(idx, it)| match idx {
        0 => json!({"functionCall": it, "thoughtSignature": signature}),
        _ => json!({"functionCall": it}),
    });
    let text = (!said.text.is_empty()).then(|| json!({"text": said.text}));
    if !is_streamed {
        return vec![message(text.into_iter().chain(calls).collect(), Some(end))];
    }
    let texts = pieces(&said.text).into_iter().map(|it| json!({"text": it}));
    let mut all: Vec<Value> = texts.chain(calls).map(|it| message(vec![it], None)).collect();
    all.push(message(vec![json!({"text": ""})], Some(end)));
    all
}
