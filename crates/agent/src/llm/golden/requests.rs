//! What is sent?

use expect_test::{Expect, expect};
use serde_json::Value;

use super::*;
use crate::Ask;

fn request(provider: &str, settings: &Settings, messages: &[Message], tools: &[ToolSpec]) -> Value {
    let schema = schema();
    let ask = Ask { system: "Find the cause.", messages, tools, answer_schema: Some(&schema), max_output_tokens: 100 };
    let wires = wires();
    let wire = &wires.iter().find(|it| it.0 == provider).unwrap().1;
    wire.request(&ask, settings)
}

fn check(provider: &str, wanted: Expect) {
    let with_tools = request(provider, &settings(), &conversation(), &tools());
    let last = request(provider, &Settings { stream: false, ..settings() }, &conversation(), &[]);
    let mut told = String::new();
    for (name, value) in with_tools.as_object().unwrap() {
        told += &shown(name, value);
    }
    told += "On the last turn, at once:\n";
    for (name, value) in last.as_object().unwrap().iter().filter(|it| with_tools.get(it.0) != Some(it.1)) {
        told += &shown(name, value);
    }
    let gone = with_tools.as_object().unwrap().keys().filter(|it| last.get(*it).is_none());
    told += &format!("and without {}", gone.cloned().collect::<Vec<_>>().join(", "));
    wanted.assert_eq(&told);
}

/// A field per line, and an item per line of a list.
fn shown(name: &str, value: &Value) -> String {
    match value.as_array() {
        Some(items) => format!("{name}:\n{}", items.iter().map(|it| format!("  {it}\n")).collect::<String>()),
        None => format!("{name}: {value}\n"),
    }
}

/// Guarantees: MUST 680 of docs/specs/llm.md.
#[test]
fn gemini() {
    check(
        "gemini",
        expect![[r#"
        contents:
          {"parts":[{"text":"What broke?"}],"role":"user"}
          {"parts":[{"text":"Let me look."},{"functionCall":{"args":{"expr":"up"},"name":"query_metrics"}},{"functionCall":{"args":{"not_json":"{oops"},"name":"list_services"}}],"role":"model"}
          {"parts":[{"functionResponse":{"name":"query_metrics","response":{"output":"up is 0"}}},{"functionResponse":{"name":"list_services","response":{"error":"no JSON"}}},{"text":"Answer now."}],"role":"user"}
        generationConfig: {"maxOutputTokens":100}
        systemInstruction: {"parts":[{"text":"Find the cause.\n\nYour final answer is one JSON object that fits this JSON schema, without any text around it:\n{\"properties\":{\"cause\":{\"type\":\"string\"}},\"required\":[\"cause\"],\"type\":\"object\"}"}]}
        toolConfig: {"functionCallingConfig":{"mode":"AUTO"}}
        tools:
          {"functionDeclarations":[{"description":"PromQL.","name":"query_metrics","parameters":{"properties":{"expr":{"type":"string"}},"required":["expr"],"type":"object"}},{"description":"All services.","name":"list_services"}]}
        On the last turn, at once:
        generationConfig: {"maxOutputTokens":100,"responseMimeType":"application/json","responseSchema":{"properties":{"cause":{"type":"string"}},"required":["cause"],"type":"object"}}
        systemInstruction: {"parts":[{"text":"Find the cause."}]}
        and without toolConfig, tools"#]],
    );
}

/// Guarantees: MUST 680 of docs/specs/llm.md.
#[test]
fn openai() {
    check(
        "openai",
        expect![[r#"
        max_completion_tokens: 100
        messages:
          {"content":"Find the cause.","role":"system"}
          {"content":"What broke?","role":"user"}
          {"content":"Let me look.","role":"assistant","tool_calls":[{"function":{"arguments":"{\"expr\":\"up\"}","name":"query_metrics"},"id":"c1","type":"function"},{"function":{"arguments":"{oops","name":"list_services"},"id":"c2","type":"function"}]}
          {"content":"up is 0","role":"tool","tool_call_id":"c1"}
          {"content":"Error: no JSON","role":"tool","tool_call_id":"c2"}
          {"content":"Answer now.","role":"user"}
        model: "m-1"
        response_format: {"json_schema":{"name":"answer","schema":{"additionalProperties":false,"properties":{"cause":{"type":"string"}},"required":["cause"],"type":"object"},"strict":true},"type":"json_schema"}
        stream: true
        stream_options: {"include_usage":true}
        tools:
          {"function":{"description":"PromQL.","name":"query_metrics","parameters":{"properties":{"expr":{"type":"string"}},"required":["expr"],"type":"object"}},"type":"function"}
          {"function":{"description":"All services.","name":"list_services","parameters":{"properties":{},"type":"object"}},"type":"function"}
        On the last turn, at once:
        and without stream, stream_options, tools"#]],
    );
}

/// Guarantees: MUST 680 of docs/specs/llm.md.
#[test]
fn anthropic() {
    check(
        "anthropic",
        expect![[r#"
        max_tokens: 100
        messages:
          {"content":[{"text":"What broke?","type":"text"}],"role":"user"}
          {"content":[{"text":"Let me look.","type":"text"},{"id":"c1","input":{"expr":"up"},"name":"query_metrics","type":"tool_use"},{"id":"c2","input":{"not_json":"{oops"},"name":"list_services","type":"tool_use"}],"role":"assistant"}
          {"content":[{"content":"up is 0","tool_use_id":"c1","type":"tool_result"},{"content":"no JSON","is_error":true,"tool_use_id":"c2","type":"tool_result"},{"text":"Answer now.","type":"text"}],"role":"user"}
        model: "m-1"
        output_config: {"format":{"schema":{"additionalProperties":false,"properties":{"cause":{"type":"string"}},"required":["cause"],"type":"object"},"type":"json_schema"}}
        stream: true
        system: "Find the cause."
        tools:
          {"description":"PromQL.","input_schema":{"properties":{"expr":{"type":"string"}},"required":["expr"],"type":"object"},"name":"query_metrics"}
          {"description":"All services.","input_schema":{"properties":{},"type":"object"},"name":"list_services"}
        On the last turn, at once:
        tool_choice: {"type":"none"}
        tools:
          {"description":"Not available.","input_schema":{"type":"object"},"name":"list_services"}
          {"description":"Not available.","input_schema":{"type":"object"},"name":"query_metrics"}
        and without stream"#]],
    );
}

/// Guarantees: MUST 680 of docs/specs/llm.md.
#[test]
fn ollama() {
    check(
        "ollama",
        expect![[r#"
        messages:
          {"content":"Find the cause.\n\nYour final answer is one JSON object that fits this JSON schema, without any text around it:\n{\"properties\":{\"cause\":{\"type\":\"string\"}},\"required\":[\"cause\"],\"type\":\"object\"}","role":"system"}
          {"content":"What broke?","role":"user"}
          {"content":"Let me look.","role":"assistant","tool_calls":[{"function":{"arguments":{"expr":"up"},"name":"query_metrics"}},{"function":{"arguments":{"not_json":"{oops"},"name":"list_services"}}]}
          {"content":"up is 0","role":"tool","tool_name":"query_metrics"}
          {"content":"Error: no JSON","role":"tool","tool_name":"list_services"}
          {"content":"Answer now.","role":"user"}
        model: "m-1"
        options: {"num_ctx":16384,"num_predict":100}
        stream: true
        tools:
          {"function":{"description":"PromQL.","name":"query_metrics","parameters":{"properties":{"expr":{"type":"string"}},"required":["expr"],"type":"object"}},"type":"function"}
          {"function":{"description":"All services.","name":"list_services","parameters":{"properties":{},"type":"object"}},"type":"function"}
        On the last turn, at once:
        format: {"properties":{"cause":{"type":"string"}},"required":["cause"],"type":"object"}
        messages:
          {"content":"Find the cause.","role":"system"}
          {"content":"What broke?","role":"user"}
          {"content":"Let me look.","role":"assistant","tool_calls":[{"function":{"arguments":{"expr":"up"},"name":"query_metrics"}},{"function":{"arguments":{"not_json":"{oops"},"name":"list_services"}}]}
          {"content":"up is 0","role":"tool","tool_name":"query_metrics"}
          {"content":"Error: no JSON","role":"tool","tool_name":"list_services"}
          {"content":"Answer now.","role":"user"}
        stream: false
        and without tools"#]],
    );
}

#[test]
fn paths_and_headers() {
    let mut told = String::new();
    for (name, wire) in wires() {
        for stream in [true, false] {
            told += &format!("{name} {}\n", wire.path(&Settings { stream, ..settings() }));
        }
        told += &format!("  {:?} {:?}\n", wire.key_header("KEY"), wire.headers());
    }
    expect![[r#"
        gemini /v1beta/models/m-1:streamGenerateContent?alt=sse
        gemini /v1beta/models/m-1:generateContent
          ("x-goog-api-key", "KEY") []
        openai /chat/completions
        openai /chat/completions
          ("authorization", "Bearer KEY") []
        anthropic /v1/messages
        anthropic /v1/messages
          ("x-api-key", "KEY") [("anthropic-version", "2023-06-01")]
        ollama /api/chat
        ollama /api/chat
          ("authorization", "Bearer KEY") []
    "#]]
    .assert_eq(&told);
}

#[test]
fn servers_that_are_not_openai_know_the_older_name_of_the_limit() {
    let of_server = Settings { is_public: false, ..settings() };
    let body = request("openai", &of_server, &conversation(), &[]);
    assert_eq!((&body["max_tokens"], body.get("max_completion_tokens")), (&json!(100), None));
}

/// Guarantees: MUST 684 of docs/specs/llm.md.
#[test]
fn a_server_that_knows_no_schema_has_it_in_the_prompt() {
    for (name, format) in [("gemini", None), ("openai", None), ("anthropic", None), ("ollama", None)] {
        let prompt = Settings { answer_format: AnswerFormat::Prompt, ..settings() };
        let body = request(name, &prompt, &conversation(), &[]);
        let text = body.to_string();
        assert!(text.contains("fits this JSON schema"), "{name}: {text}");
        assert_eq!(body.get("response_format").or(body.get("format")).or(body.get("output_config")), format);
        assert!(!text.contains("responseSchema"), "{name}: {text}");
        let held = request(name, &settings(), &conversation(), &[]).to_string();
        assert!(!held.contains("fits this JSON schema"), "{name}: {held}");
    }
    let json = Settings { answer_format: AnswerFormat::Json, ..settings() };
    assert_eq!(request("openai", &json, &[], &[])["response_format"], json!({"type": "json_object"}));
    assert_eq!(request("ollama", &json, &[], &[])["format"], json!("json"));
    assert_eq!(request("gemini", &json, &[], &[])["generationConfig"]["responseMimeType"], json!("application/json"));
}

/// Guarantees: MUST 681 of docs/specs/llm.md.
#[test]
fn what_a_provider_wants_back_is_given_back_as_it_was() {
    let mut messages = conversation();
    let Message::Model(turn) = &mut messages[1] else { unreachable!() };
    let parts = json!([
        {"text": "Let me look."},
        {"functionCall": {"name": "query_metrics", "args": {"expr": "up"}}, "thoughtSignature": "c2lnbg=="},
        {"functionCall": {"id": "c2", "name": "list_services", "args": {}}},
    ]);
    let blocks = json!([
        {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbg=="},
        {"type": "tool_use", "id": "c1", "name": "query_metrics", "input": {"expr": "up"}},
        {"type": "tool_use", "id": "cut", "name": "query_metrics", "input": {}},
    ]);
    turn.opaque = json!({
        "gemini": parts, "anthropic": blocks, "ollama": {"thinking": "Hm."},
        "openai": {"reasoning_content": "Hm.", "extra_content": [{"google": 1}, null]},
    });
    let gemini = request("gemini", &settings(), &messages, &tools());
    assert_eq!(gemini["contents"][1]["parts"], parts);
    let answers = &gemini["contents"][2]["parts"];
    assert_eq!(answers[0]["functionResponse"].get("id"), None);
    assert_eq!(answers[1]["functionResponse"]["id"], json!("c2"));
    let anthropic = request("anthropic", &settings(), &messages, &tools());
    assert_eq!(anthropic["messages"][1]["content"], json!([blocks[0], blocks[1]]));
    let openai = request("openai", &settings(), &messages, &tools());
    assert_eq!(openai["messages"][2]["reasoning_content"], json!("Hm."));
    assert_eq!(openai["messages"][2]["tool_calls"][0]["extra_content"], json!({"google": 1}));
    let ollama = request("ollama", &settings(), &messages, &tools());
    assert_eq!(ollama["messages"][2]["thinking"], json!("Hm."));
}

#[test]
fn an_empty_turn_is_left_out() {
    let said = |text: &str| Message::User(text.to_owned());
    let messages = [said("A"), Message::Model(Turn::default()), said("B")];
    for (name, _) in wires() {
        let text = request(name, &settings(), &messages, &[]).to_string();
        assert!(!text.contains("\"assistant\"") && !text.contains("\"model\",\"parts\""), "{name}: {text}");
    }
    let contents = &request("gemini", &settings(), &messages, &[])["contents"];
    assert_eq!(contents, &json!([{"role": "user", "parts": [{"text": "A"}, {"text": "B"}]}]));
}
