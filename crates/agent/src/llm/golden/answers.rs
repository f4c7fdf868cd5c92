//! What becomes of an answer, whole or in pieces, and of one that is odd?

use expect_test::{Expect, expect};

use super::*;
use crate::llm::framing::Framing;
use crate::llm::reading::Reading;
use crate::llm::wire::finish;
use crate::{ModelError, Turn};

fn read(provider: &str, is_streamed: bool, text: &str, size: usize) -> (Result<Turn, ModelError>, Vec<String>) {
    let wires = wires();
    let wire = &wires.iter().find(|it| it.0 == provider).unwrap().1;
    let mut reading = Reading::new(&**wire, is_streamed, None);
    let mut pieces = vec![];
    let mut tell = |piece: &str| pieces.push(piece.to_owned());
    let taken = text.as_bytes().chunks(size).try_for_each(|it| reading.take(it, &mut tell).map(drop));
    let turn = taken.and_then(|()| reading.end(&mut tell)).map(|it| finish(it, &conversation()));
    (turn, pieces)
}

/// Reads what a provider streams, cut at any byte, and what it says in one piece; both are the same turn.
fn check(provider: &str, messages: &[Value], whole: &Value, wanted: Expect) {
    let framing = wires().iter().find(|it| it.0 == provider).unwrap().1.framing();
    let lines = messages.iter().map(|it| match framing {
        Framing::Events => format!("event: x\r\ndata: {it}\r\n\r\n"),
        Framing::Lines => format!("{it}\n"),
    });
    let mut text: String = lines.collect();
    if provider == "openai" {
        text += "data: [DONE]\n\n";
    }
    let (turn, pieces) = read(provider, true, &text, text.len());
    let turn = turn.unwrap();
    let calls: String = turn.calls.iter().map(|it| format!("{} {} {}\n", it.id, it.name, it.arguments)).collect();
    let told = format!("{pieces:?}\n{calls}{:?}, {:?}\ngiven back: {}", turn.stop, turn.usage, turn.opaque);
    // Source is ASCII.
    wanted.assert_eq(&told.replace('\u{e9}', "(e)"));
    for size in 1..100 {
        assert_eq!(read(provider, true, &text, size), (Ok(turn.clone()), pieces.clone()), "in pieces of {size}");
    }
    let (at_once, pieces) = read(provider, false, &whole.to_string(), 7);
    assert_eq!((at_once.unwrap(), pieces.concat()), (turn.clone(), turn.text));
}

/// Guarantees: MUST 681 and 682 of docs/specs/llm.md.
#[test]
fn gemini() {
    let part = |parts: Value, end: Value| {
        let usage =
            json!({"promptTokenCount": 30, "candidatesTokenCount": 5, "thoughtsTokenCount": 7, "totalTokenCount": 42});
        let candidate = json!({"content": {"role": "model", "parts": parts}, "finishReason": end, "index": 0});
        json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m-1"})
    };
    let signed = json!({"functionCall": {"name": "query_metrics", "args": {"expr": "up"}}, "thoughtSignature": "c2ln"});
    let other = json!({"functionCall": {"id": "g7", "name": "list_services", "args": {}}});
    let stream = [
        part(json!([{"text": "I think.", "thought": true}]), Value::Null),
        part(json!([{"text": "Caf\u{e9} "}]), Value::Null),
        part(json!([{"text": "first."}]), Value::Null),
        part(json!([signed]), Value::Null),
        part(json!([other, {"text": ""}]), json!("STOP")),
    ];
    let whole = part(json!([{"text": "Caf\u{e9} first."}, signed, other]), json!("STOP"));
    check(
        "gemini",
        &stream,
        &whole,
        expect![[r#"
        ["Caf(e) ", "first."]
        call_4_0 query_metrics {"expr":"up"}
        g7 list_services {}
        Calls, Usage { input_tokens: 30, output_tokens: 12 }
        given back: {"gemini":[{"text":"Caf(e) first."},{"functionCall":{"args":{"expr":"up"},"name":"query_metrics"},"thoughtSignature":"c2ln"},{"functionCall":{"args":{},"id":"g7","name":"list_services"}}]}"#]],
    );
}

/// Guarantees: MUST 681 and 682 of docs/specs/llm.md.
#[test]
fn openai() {
    let part =
        |delta: Value, end: Value| json!({"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]});
    let call = |index: u64, more: Value| json!({"tool_calls": [{"index": index, "function": more}]});
    let begin = |index: u64, id: &str, name: &str| {
        let function = json!({"name": name, "arguments": ""});
        json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]})
    };
    let usage = json!({"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42});
    let stream = [
        part(json!({"role": "assistant", "content": ""}), Value::Null),
        part(json!({"content": "Caf\u{e9} "}), Value::Null),
        part(json!({"content": "first."}), Value::Null),
        part(begin(0, "call_a", "query_metrics"), Value::Null),
        part(begin(1, "call_b", "list_services"), Value::Null),
        part(call(0, json!({"arguments": "{\"ex"})), Value::Null),
        part(call(1, json!({"arguments": "{}"})), Value::Null),
        part(call(0, json!({"arguments": "pr\":\"up\"}"})), Value::Null),
        part(json!({}), json!("tool_calls")),
        json!({"id": "x", "choices": [], "usage": usage}),
    ];
    let calls = json!([
        {"id": "call_a", "type": "function", "function": {"name": "query_metrics", "arguments": "{\"expr\":\"up\"}"}},
        {"id": "call_b", "type": "function", "function": {"name": "list_services", "arguments": "{}"}},
    ]);
    let message = json!({"role": "assistant", "content": "Caf\u{e9} first.", "refusal": null, "tool_calls": calls});
    let whole = json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": usage});
    check(
        "openai",
        &stream,
        &whole,
        expect![[r#"
        ["Caf(e) ", "first."]
        call_a query_metrics {"expr":"up"}
        call_b list_services {}
        Calls, Usage { input_tokens: 30, output_tokens: 12 }
        given back: null"#]],
    );
}

/// Guarantees: MUST 681 and 682 of docs/specs/llm.md.
#[test]
fn anthropic() {
    let usage = json!({"input_tokens": 10, "cache_read_input_tokens": 20, "output_tokens": 1});
    let begin =
        |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let grow = |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let end = |index: u64| json!({"type": "content_block_stop", "index": index});
    let tool = |id: &str, name: &str, input: Value| json!({"type": "tool_use", "id": id, "name": name, "input": input});
    let stream = [
        json!({"type": "message_start", "message": {"role": "assistant", "content": [], "usage": usage}}),
        begin(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        json!({"type": "ping"}),
        grow(0, json!({"type": "thinking_delta", "thinking": "Hm."})),
        grow(0, json!({"type": "signature_delta", "signature": "c2ln"})),
        end(0),
        begin(1, json!({"type": "text", "text": ""})),
        grow(1, json!({"type": "text_delta", "text": "Caf\u{e9} "})),
        grow(1, json!({"type": "text_delta", "text": "first."})),
        end(1),
        begin(2, tool("toolu_a", "query_metrics", json!({}))),
        grow(2, json!({"type": "input_json_delta", "partial_json": ""})),
        grow(2, json!({"type": "input_json_delta", "partial_json": "{\"expr\": "})),
        grow(2, json!({"type": "input_json_delta", "partial_json": "\"up\"}"})),
        end(2),
        begin(3, tool("toolu_b", "list_services", json!({}))),
        end(3),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 12}}),
        json!({"type": "message_stop"}),
    ];
    let content = json!([
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "text", "text": "Caf\u{e9} first."},
        tool("toolu_a", "query_metrics", json!({"expr": "up"})),
        tool("toolu_b", "list_services", json!({})),
    ]);
    let usage = json!({"input_tokens": 10, "cache_read_input_tokens": 20, "output_tokens": 12});
    let whole = json!({"type": "message", "content": content, "stop_reason": "tool_use", "usage": usage});
    check(
        "anthropic",
        &stream,
        &whole,
        expect![[r#"
        ["Caf(e) ", "first."]
        toolu_a query_metrics {"expr":"up"}
        toolu_b list_services {}
        Calls, Usage { input_tokens: 30, output_tokens: 12 }
        given back: {"anthropic":[{"signature":"c2ln","thinking":"Hm.","type":"thinking"},{"text":"Caf(e) first.","type":"text"},{"id":"toolu_a","input":{"expr":"up"},"name":"query_metrics","type":"tool_use"},{"id":"toolu_b","input":{},"name":"list_services","type":"tool_use"}]}"#]],
    );
}

/// Guarantees: MUST 681 and 682 of docs/specs/llm.md.
#[test]
fn ollama() {
    let part = |message: Value| json!({"model": "m-1", "message": message, "done": false});
    let call = |name: &str, arguments: Value| json!({"function": {"name": name, "arguments": arguments}});
    let calls = [call("query_metrics", json!({"expr": "up"})), call("list_services", json!({}))];
    let end = json!({"model": "m-1", "done": true, "done_reason": "stop", "prompt_eval_count": 30, "eval_count": 12});
    let with = |message: Value| {
        let mut end = end.clone();
        end["message"] = message;
        end
    };
    let stream = [
        part(json!({"role": "assistant", "content": "", "thinking": "Hm."})),
        part(json!({"role": "assistant", "content": "Caf\u{e9} "})),
        part(json!({"role": "assistant", "content": "first."})),
        part(json!({"role": "assistant", "content": "", "tool_calls": [calls[0]]})),
        part(json!({"role": "assistant", "content": "", "tool_calls": [calls[1]]})),
        with(json!({"role": "assistant", "content": ""})),
    ];
    let said = json!({"role": "assistant", "content": "Caf\u{e9} first.", "thinking": "Hm.", "tool_calls": calls});
    check(
        "ollama",
        &stream,
        &with(said),
        expect![[r#"
        ["Caf(e) ", "first."]
        call_4_0 query_metrics {"expr":"up"}
        call_4_1 list_services {}
        Calls, Usage { input_tokens: 30, output_tokens: 12 }
        given back: {"ollama":{"thinking":"Hm."}}"#]],
    );
}

/// Guarantees: MUST 683 of docs/specs/llm.md.
#[test]
fn why_a_turn_ended() {
    let stop = |provider: &str, whole: Value| match read(provider, false, &whole.to_string(), 9).0 {
        Ok(turn) => format!("{:?}", turn.stop),
        Err(error) => error.to_string(),
    };
    let gemini = |reason: &str| stop("gemini", json!({"candidates": [{"finishReason": reason}]}));
    let openai =
        |reason: &str| stop("openai", json!({"choices": [{"message": {"content": "x"}, "finish_reason": reason}]}));
    let anthropic = |reason: &str| stop("anthropic", json!({"type": "message", "content": [], "stop_reason": reason}));
    let ollama = |reason: &str| stop("ollama", json!({"message": {}, "done": true, "done_reason": reason}));
    let mut told = String::new();
    for (provider, of, reasons) in [
        (
            "gemini",
            &gemini as &dyn Fn(&str) -> String,
            vec!["STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL", "NEW"],
        ),
        ("openai", &openai, vec!["stop", "length", "content_filter", "new"]),
        ("anthropic", &anthropic, vec!["end_turn", "max_tokens", "refusal", "model_context_window_exceeded", "new"]),
        ("ollama", &ollama, vec!["stop", "length", "load"]),
    ] {
        for reason in reasons {
            told += &format!("{provider} {reason}: {}\n", of(reason));
        }
    }
    let blocked = stop("gemini", json!({"promptFeedback": {"blockReason": "SAFETY"}}));
    let refusal = json!({"content": null, "refusal": "I can't."});
    let refused = stop("openai", json!({"choices": [{"message": refusal, "finish_reason": "stop"}]}));
    told += &format!("gemini blocked: {blocked}\nopenai refusal: {refused}\n");
    expect![[r#"
        gemini STOP: Finished
        gemini MAX_TOKENS: Length
        gemini SAFETY: Refused
        gemini MALFORMED_FUNCTION_CALL: the answer cannot be read: the model ended with MALFORMED_FUNCTION_CALL
        gemini NEW: Finished
        openai stop: Finished
        openai length: Length
        openai content_filter: Refused
        openai new: Finished
        anthropic end_turn: Finished
        anthropic max_tokens: Length
        anthropic refusal: Refused
        anthropic model_context_window_exceeded: Length
        anthropic new: Finished
        ollama stop: Finished
        ollama length: Length
        ollama load: Finished
        gemini blocked: Refused
        openai refusal: Refused
    "#]]
    .assert_eq(&told);
}

/// Guarantees: MUST 685 of docs/specs/llm.md.
#[test]
fn an_answer_that_is_odd_is_an_error_and_never_a_turn() {
    let check = |provider: &str, is_streamed: bool, text: &str, wanted: &str| {
        let error = read(provider, is_streamed, text, 5).0.unwrap_err();
        assert_eq!(format!("{error:?}"), wanted, "{provider}: {text}");
    };
    let cut = r#"Unavailable("the answer was cut off")"#;
    check("openai", true, "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", cut);
    check("openai", true, "", cut);
    check("anthropic", true, "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n", cut);
    check("gemini", true, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]}}]}\n\n", cut);
    check("ollama", true, "{\"message\":{\"content\":\"x\"},\"done\":false}\n", cut);
    check("ollama", true, "{\"error\":\"out of memory\"}\n", r#"Unavailable("out of memory")"#);
    check("gemini", false, "{}", cut);
    let not_json = "Malformed(\"a message of 6 bytes: expected value at line 1 column 1\")";
    check("openai", false, "<html>", not_json);
    check("openai", true, "data: <html>\n\n", not_json);
    let far = json!({"choices": [{"delta": {"tool_calls": [{"index": 4_000_000_000_u64}]}}]});
    let told = "Malformed(\"the index 4000000000 of a call is too large\")";
    check("openai", true, &format!("data: {far}\n\n"), told);
    let far = json!({"type": "content_block_start", "index": 4_000_000_000_u64, "content_block": {}});
    let told = "Malformed(\"the index 4000000000 of a block is too large\")";
    check("anthropic", true, &format!("data: {far}\n\n"), told);
}

/// Guarantees: MUST 683 of docs/specs/llm.md.
#[test]
fn servers_that_only_resemble_the_api_are_understood() {
    // No ids, the name with each piece, arguments as an object, `stop` although there are calls, no `[DONE]`.
    let call = |more: Value| json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": more}]}}]});
    let stream = [
        call(json!({"name": "query_metrics", "arguments": "{\"expr\":"})),
        call(json!({"name": "query_metrics", "arguments": "\"up\"}"})),
        json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}),
    ];
    let text: String = stream.iter().map(|it| format!("data:{it}\n\n")).collect();
    let turn = read("openai", true, &text, 11).0.unwrap();
    assert_eq!(turn.calls, [super::call("call_4_0", "query_metrics", json!({"expr": "up"}))]);
    assert_eq!(turn.stop, Stop::Calls);
    let function = json!({"name": "query_metrics", "arguments": {"expr": "up"}});
    let whole = json!({"choices": [{"message": {"tool_calls": [{"function": function}]}, "finish_reason": "stop"}]});
    assert_eq!(read("openai", false, &whole.to_string(), 11).0.unwrap().calls, turn.calls);
}

/// Guarantees: MUST 682 and 685 of docs/specs/llm.md.
#[test]
fn bytes_that_were_altered_break_nothing() {
    let streams = [
        (
            "gemini",
            r#"data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"a","args":{}}}]},"finishReason":"STOP"}]}"#,
        ),
        (
            "openai",
            r#"data: {"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
        ),
        ("anthropic", r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}"#),
        (
            "ollama",
            r#"{"message":{"content":"a","tool_calls":[{"function":{"name":"a","arguments":{}}}]},"done":true}"#,
        ),
    ];
    for seed in 0..4000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (provider, text) = streams[random.usize(..streams.len())];
        let mut bytes = format!("{text}\n\n{text}\n\n").into_bytes();
        for _ in 0..random.usize(1..6) {
            let place = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[place] = random.u8(..),
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, *random.choice(b"{}[]\",:0\n\\\xff").unwrap()),
            }
        }
        let wires = wires();
        let wire = &wires.iter().find(|it| it.0 == provider).unwrap().1;
        let mut told = String::new();
        let mut tell = |piece: &str| told.push_str(piece);
        let mut reading = Reading::new(&**wire, true, None);
        let taken = bytes.chunks(random.usize(1..30)).try_for_each(|it| reading.take(it, &mut tell).map(drop));
        // Whatever comes of it, text that was told is text of the turn.
        if let Ok(turn) = taken.and_then(|()| reading.end(&mut tell)).map(|it| finish(it, &[])) {
            assert!(turn.text.starts_with(&told) || provider == "anthropic", "seed {seed}: {told} {turn:?}");
        }
    }
}
