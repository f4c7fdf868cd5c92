//! Do the readers of what models, programs and people say hold? Streams of providers, messages of the Model Context Protocol,
//! claims, questions, runbooks.

use std::collections::BTreeSet;

use agent::fuzzing::{self, KEY};
use agent::{Provider, Turn};
use diagnose::question::{Setting, parse};
use jiff::tz::TimeZone;
use knowledge::runbook::{File, documents};
use serde_json::Value;
use signal::{Change, ChangeKind, Timestamp};

use crate::ARRIVAL;

const PROVIDERS: [Provider; 4] = [Provider::Gemini, Provider::OpenAi, Provider::Anthropic, Provider::Ollama];

/// The answer of a provider, the first byte saying whose, whether it is streamed, and in pieces of which size. It is the
/// same turn however it is cut, its calls have ids that differ, and the key is in none of it: MUST 682, 683 and 686 of
/// docs/specs/llm.md.
pub fn provider_streams(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let Some(provider) = PROVIDERS.get(usize::from(choice & 3)).copied() else { return };
    let is_streamed = choice & 4 == 0;
    let (whole, told) = fuzzing::turn(provider, is_streamed, bytes, usize::MAX);
    let (cut, told_cut) = fuzzing::turn(provider, is_streamed, bytes, usize::from(choice >> 3) + 1);
    assert_eq!(whole, cut);
    if whole.is_ok() {
        assert_eq!(told, told_cut);
    }
    assert!(!told.contains(KEY) && !told_cut.contains(KEY));
    match whole {
        Ok(turn) => check(&turn),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && !text.contains(KEY), "{text}");
        }
    }
}

fn check(turn: &Turn) {
    let ids: BTreeSet<&str> = turn.calls.iter().map(|it| it.id.as_str()).collect();
    assert!(ids.len() == turn.calls.len() && !ids.contains(""), "{:?}", turn.calls);
    assert!(!serde_json::to_string(turn).unwrap_or_default().contains(KEY));
}

/// A message to our server: what has an id is answered with it, and no answer is longer than allowed.
pub fn mcp_server(bytes: &[u8]) {
    let Ok(message) = serde_json::from_slice::<Value>(bytes) else { return };
    let Some(answer) = fuzzing::served(&message) else {
        assert!(message.get("id").is_none() && message.get("method").is_some());
        return;
    };
    assert_eq!(answer.get("jsonrpc"), Some(&Value::from("2.0")));
    assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{answer}");
    let is_id = |it: &Value| it.is_string() || it.is_i64() || it.is_u64();
    if let Some(id) = message.get("id").filter(|it| is_id(it)) {
        assert_eq!(answer.get("id"), Some(id));
    }
    let text = answer.pointer("/result/content/0/text").and_then(Value::as_str).unwrap_or("");
    // Hidden characters are shown as escapes, which are longer.
    assert!(text.len() <= 10_000, "{}", text.len());
}

/// The stream of another server: the answer is the same however it is cut, and what a model is told of its tools is
/// bounded.
pub fn mcp_client(bytes: &[u8]) {
    let Some((choice, stream)) = bytes.split_first() else { return };
    let whole = fuzzing::received(stream, usize::MAX);
    assert_eq!(whole, fuzzing::received(stream, usize::from(*choice) + 1));
    for spec in whole.into_iter().flat_map(|it| it.1) {
        assert!(spec.name.starts_with("mcp_far_"));
        assert!(spec.description.chars().all(|it| it == '\n' || !it.is_control()), "{:?}", spec.description);
    }
}

/// The answer of a model: what is published of it has no mark of a page or of a program.
pub fn claims(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for claim in fuzzing::sound_claims(text) {
        assert!(!claim.replace("<*>", "").contains(['<', '>', '{', '}', '|', '\\', '\n', '$', '?']), "{claim:?}");
    }
}

/// A question of a person: reading it is a function, and the span of time that it names does not end before it begins.
pub fn questions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let services = ["pay", "checkout", "db-1"].map(str::to_owned);
    let change = Change {
        time: Timestamp::from_secs(1_699_999_000),
        service: "pay".to_owned(),
        kind: ChangeKind::Deploy,
        title: "pay 2".to_owned(),
        version: None,
    };
    let setting = Setting { now: ARRIVAL, zone: TimeZone::UTC, services: &services, changes: &[change] };
    let question = parse(text, &setting);
    assert_eq!(question, parse(text, &setting));
    assert!(question.services.iter().all(|it| services.contains(it)), "{:?}", question.services);
    if let Some(window) = &question.window {
        assert!(window.range.from <= window.range.to, "{window:?}");
        assert!(window.at.is_none_or(|it| window.range.contains(it)), "{window:?}");
    }
}

/// A runbook: its sections lie in it, and are no more than it.
pub fn runbooks(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let n_lines = text.lines().count();
    let file = File { path: "a/b.md".to_owned(), sha256: "0".repeat(64), text: text.clone() };
    let (sections, _) = documents(&[file], None);
    let ids: BTreeSet<&str> = sections.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids.len(), sections.len());
    assert!(sections.iter().map(|it| it.text.len()).sum::<usize>() <= text.len());
    for section in &sections {
        let line = section.source.strip_prefix("a/b.md:").and_then(|it| it.parse::<usize>().ok());
        assert!(line.is_some_and(|it| (1..=n_lines).contains(&it)), "{} of {n_lines}", section.source);
        assert!(!section.text.is_empty());
    }
}
