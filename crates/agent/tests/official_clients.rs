//! Are the fakes right? The providers' own clients get along with them, and their types take what we send.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod fake;
#[path = "../../sentinel/tests/support/services.rs"]
#[allow(dead_code, reason = "shared by tests, each of which needs a part")]
mod services;

use std::path::Path;
use std::process::Command;

use agent::{Ask, Config, Llm, Message, Provider, ToolResult, ToolSpec};
use serde_json::json;

use fake::{Fake, KEY, Kind, Step, call, say};
use services::python_with;

const PACKAGES: [&str; 4] = ["openai==3.51.0", "anthropic==2.10.0", "google-genai==3.3.0", "ollama==0.6.3"];
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/official_clients.py");

fn run(python: &Path, arguments: &[&str]) -> String {
    let output = Command::new(python).arg(SCRIPT).args(arguments).env("NO_PROXY", "127.0.0.1").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}\n{told}\n{}", String::from_utf8_lossy(&output.stderr));
    told
}

fn steps() -> Vec<Step> {
    let calls = call(&[("look", json!({"at": "caf\u{e9}"})), ("look", json!({"at": "2"}))]);
    let answer = say("{\"cause\": \"disk\"}");
    vec![calls.clone(), answer.clone(), calls, answer, Step::Refuse, Step::Fail(429, Some(1))]
}

fn kinds() -> [(Kind, &'static str, Provider); 4] {
    [
        (Kind::Gemini, "gemini", Provider::Gemini),
        (Kind::OpenAi, "openai", Provider::OpenAi),
        (Kind::Anthropic, "anthropic", Provider::Anthropic),
        (Kind::Ollama, "ollama", Provider::Ollama),
    ]
}

/// The bodies that our own client sends in a conversation with calls, streamed and whole, with its last turn.
fn bodies(kind: Kind, provider: Provider) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut told = String::new();
    for stream in [true, false] {
        let fake = Fake::start(kind, steps());
        let config = Config {
            provider: Some(provider),
            model: "fake-1".to_owned(),
            base_url: Some(fake.url.clone()),
            temperature: (kind != Kind::Anthropic).then_some(0.2),
            stream,
            ..Config::default()
        };
        let llm = Llm::build(&config, |_| Some(KEY.to_owned())).unwrap().unwrap();
        let look = json!({"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]});
        let tools = [ToolSpec { name: "look".into(), description: "A tool.".into(), parameters: look }];
        let schema = json!({"type": "object", "properties": {"cause": {"type": "string"}}, "required": ["cause"]});
        let mut messages = vec![Message::User("What broke?".to_owned())];
        for tools in [&tools[..], &[]] {
            let ask =
                Ask { system: "S", messages: &messages, tools, answer_schema: Some(&schema), max_output_tokens: 50 };
            let turn = runtime.block_on(llm.model().turn(&ask, &mut |_| ())).unwrap();
            let answer = |it: &agent::ToolCall| ToolResult {
                id: it.id.clone(),
                name: it.name.clone(),
                content: "up".into(),
                is_error: false,
            };
            let results = turn.calls.iter().map(answer).collect();
            messages.extend([Message::Model(turn), Message::Tools(results)]);
        }
        assert_eq!(fake.problems(), Vec::<String>::new());
        told.extend(fake.bodies().iter().map(|it| format!("{it}\n")));
    }
    told
}

/// Guarantees: MUST 680 of docs/specs/llm.md.
#[test]
fn official_clients_talk_to_the_fakes_and_know_our_requests() {
    let Some(python) = python_with("llm-clients", &PACKAGES) else { return };
    for (kind, name, provider) in kinds() {
        let fake = Fake::start(kind, steps());
        let told = run(&python, &["talk", name, &fake.url, KEY]);
        let calls = "calls look {\"at\": \"caf\\u00e9\"}, look {\"at\": \"2\"}";
        let (done, refused, limited) = match kind {
            Kind::Gemini => ("STOP", "SAFETY", "429 RESOURCE_EXHAUSTED"),
            Kind::OpenAi => ("stop", "content_filter", "429 rate_limit_error"),
            Kind::Anthropic => ("end_turn", "refusal", "429 rate_limit_error"),
            Kind::Ollama => ("stop", "I cannot help with that.", "429 as the script says"),
        };
        let answer = format!("answer {{\"cause\": \"disk\"}} {done} 100 20");
        let wanted = format!("{calls}\n{answer}\n{calls}\n{answer}\nrefused {refused}\nlimited {limited}\n");
        assert_eq!((told, fake.problems()), (wanted, vec![]), "{name}");

        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("llm-bodies-{name}.jsonl"));
        std::fs::write(&path, bodies(kind, provider)).unwrap();
        let told = run(&python, &["types", name, &path.to_string_lossy()]);
        assert_eq!(told, "types 4 requests fit\ntypes True unknown field is seen\n", "{name}");
    }
}
