//! Does each provider work over a real connection, and does what goes wrong there stay there?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod fake;
#[path = "../../sentinel/tests/support/services.rs"]
#[allow(dead_code, reason = "shared by tests, each of which needs a part")]
mod services;

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{Ask, Config, Llm, LlmError, Message, ModelError, Provider, Stop, ToolResult, ToolSpec, Turn};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use signal::Meter as _;

use fake::{Fake, KEY, KINDS, Kind, Step, call, say};

fn config(fake: &Fake) -> Config {
    let provider = match fake.kind {
        Kind::Gemini => Provider::Gemini,
        Kind::OpenAi => Provider::OpenAi,
        Kind::Anthropic => Provider::Anthropic,
        Kind::Ollama => Provider::Ollama,
    };
    let mut config = Config { provider: Some(provider), model: "fake-1".to_owned(), ..Config::default() };
    config.base_url = Some(fake.url.clone());
    config.first_byte_timeout_secs = 20;
    config.retry.first_pause_secs = 0.0;
    config.retry.max_pause_secs = 2.0;
    assert_eq!(config.validate(), Vec::<String>::new());
    config
}

fn build(config: &Config) -> Llm {
    Llm::build(config, |_| Some(KEY.to_owned())).unwrap().unwrap()
}

fn tools() -> Vec<ToolSpec> {
    let spec =
        |name: &str, parameters: Value| ToolSpec { name: name.into(), description: "A tool.".into(), parameters };
    let look = json!({"type": "object", "properties": {"at": {"type": "string"}, "n": {"type": "integer", "minimum": 1}}, "required": ["at"]});
    vec![spec("look", look), spec("list", json!({"type": "object", "properties": {}}))]
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"cause": {"type": "string"}}, "required": ["cause"]})
}

async fn turn(llm: &Llm, messages: &[Message], tools: &[ToolSpec]) -> (Result<Turn, ModelError>, String) {
    let schema = schema();
    let ask = Ask { system: "Find the cause.", messages, tools, answer_schema: Some(&schema), max_output_tokens: 500 };
    let mut pieces = String::new();
    let turn = llm.model().turn(&ask, &mut |it| pieces.push_str(it)).await;
    (turn, pieces)
}

async fn asked(llm: &Llm) -> Result<Turn, ModelError> {
    turn(llm, &[Message::User("Why?".to_owned())], &tools()).await.0
}

fn answers(turn: &Turn) -> Message {
    let answer = |(idx, it): (usize, &agent::ToolCall)| ToolResult {
        id: it.id.clone(),
        name: it.name.clone(),
        content: format!("answer {idx}"),
        is_error: idx == 1,
    };
    Message::Tools(turn.calls.iter().enumerate().map(answer).collect())
}

fn metric(llm: &Llm, name: &str, label: &str) -> f64 {
    let metrics = llm.metrics();
    let fits = |it: &&signal::Metric| it.name == name && (label.is_empty() || it.labels.iter().any(|it| it.1 == label));
    metrics.iter().find(fits).unwrap_or_else(|| panic!("no {name}")).value
}

/// Guarantees: MUST 680 to 684 of docs/specs/llm.md.
#[tokio::test]
async fn a_conversation_with_tools_works_with_each_provider_streamed_and_whole() {
    for kind in KINDS {
        for stream in [true, false] {
            let two = vec![("look".to_owned(), json!({"at": "caf\u{e9} \"1\""})), ("list".to_owned(), json!({}))];
            let steps = [
                Step::Call("Let me look.".to_owned(), two),
                call(&[("look", json!({"at": "2", "n": 3})), ("look", json!({"at": "3"}))]),
                call(&[("list", json!({}))]),
                say("{\"cause\": \"the caf\u{e9}\"}"),
            ];
            let fake = Fake::start(kind, steps);
            let llm = build(&Config { stream, ..config(&fake) });
            let mut messages = vec![Message::User("What broke?".to_owned())];
            let mut said = vec![];
            for step in 0..4 {
                let given = if step == 3 { vec![] } else { tools() };
                let (answer, pieces) = turn(&llm, &messages, &given).await;
                let answer = answer.unwrap_or_else(|error| panic!("{kind:?}: {error}: {:?}", fake.problems()));
                assert_eq!(pieces, answer.text, "{kind:?}");
                let calls: Vec<String> =
                    answer.calls.iter().map(|it| format!("{} {}", it.name, it.arguments)).collect();
                said.push(format!("{} [{}] {:?}", answer.text, calls.join(", "), answer.stop));
                let result = answers(&answer);
                messages.extend([Message::Model(answer), result]);
            }
            let wanted = [
                "Let me look. [look {\"at\":\"caf\u{e9} \\\"1\\\"\"}, list {}] Calls",
                " [look {\"at\":\"2\",\"n\":3}, look {\"at\":\"3\"}] Calls",
                " [list {}] Calls",
                "{\"cause\": \"the caf\u{e9}\"} [] Finished",
            ];
            assert_eq!(said, wanted, "{kind:?}, stream {stream}");
            assert_eq!(fake.problems(), Vec::<String>::new(), "{kind:?}");
            let tokens = |label: &str| metric(&llm, "sentinel_agent_tokens_total", label);
            assert_eq!((tokens("input"), tokens("output")), (400.0, 80.0), "{kind:?}");
            assert_eq!(metric(&llm, "sentinel_agent_requests_total", "ok"), 4.0);
        }
    }
}

/// Guarantees: MUST 683 of docs/specs/llm.md.
#[tokio::test]
async fn ids_stay_unique_in_a_conversation_that_does_not_end() {
    for kind in KINDS {
        let fake = Fake::start(kind, [call(&[("look", json!({"at": "1"})), ("look", json!({"at": "1"}))])]);
        let llm = build(&config(&fake));
        let mut messages = vec![Message::User("Go on.".to_owned())];
        let mut ids = std::collections::HashSet::new();
        for _ in 0..15 {
            let answer = turn(&llm, &messages, &tools()).await.0.unwrap();
            assert!(answer.calls.iter().all(|it| ids.insert(it.id.clone())), "{kind:?}: {:?}", answer.calls);
            let result = answers(&answer);
            messages.extend([Message::Model(answer), result]);
        }
        assert_eq!((ids.len(), fake.problems()), (30, vec![]), "{kind:?}");
    }
}

/// Guarantees: MUST 683 and 685 of docs/specs/llm.md.
#[tokio::test]
async fn refusals_cuts_and_bad_arguments_are_told_apart() {
    for kind in KINDS {
        for stream in [true, false] {
            let bad = Step::CallBadly("look".to_owned(), "{\"at\": oops".to_owned());
            let fake = Fake::start(kind, [Step::Refuse, Step::SayTooMuch("It is".to_owned()), bad]);
            let llm = build(&Config { stream, ..config(&fake) });
            let refused = asked(&llm).await.unwrap();
            // Ollama has no word for it.
            let wanted = if kind == Kind::Ollama { Stop::Finished } else { Stop::Refused };
            assert_eq!((refused.stop, refused.calls.len()), (wanted, 0), "{kind:?}");
            let cut = asked(&llm).await.unwrap();
            assert_eq!((cut.stop, cut.text.as_str()), (Stop::Length, "It is"), "{kind:?}");
            let bad = asked(&llm).await;
            if kind == Kind::Gemini {
                assert!(matches!(bad, Err(ModelError::Malformed(_))), "{bad:?}");
                continue;
            }
            let calls = bad.unwrap().calls;
            assert_eq!((calls.len(), &calls[0].arguments), (1, &json!("{\"at\": oops")), "{kind:?}");
        }
    }
}

/// Guarantees: MUST 685 and 687 of docs/specs/llm.md.
#[tokio::test]
async fn what_passes_is_tried_again_and_the_pause_is_kept() {
    for kind in KINDS {
        let steps = [Step::Fail(429, Some(1)), Step::Fail(500, None), Step::Break, Step::FailLate, say("well")];
        let fake = Fake::start(kind, steps);
        let mut config = config(&fake);
        config.retry.max_tries = 5;
        let llm = build(&config);
        let started = Instant::now();
        assert_eq!(asked(&llm).await.unwrap().text, "well", "{kind:?}");
        assert!(started.elapsed() >= Duration::from_secs(1), "{kind:?}: {:?}", started.elapsed());
        assert_eq!((fake.bodies().len(), fake.problems()), (5, vec![]), "{kind:?}");
        let count = |outcome: &str| metric(&llm, "sentinel_agent_requests_total", outcome);
        assert_eq!((count("rate_limited"), count("unavailable"), count("ok")), (1.0, 3.0, 1.0), "{kind:?}");
        assert_eq!(metric(&llm, "sentinel_agent_retries_total", ""), 4.0);
        // Asked by all with the same body.
        assert!(fake.bodies().windows(2).all(|it| it[0] == it[1]));
    }
}

/// Guarantees: MUST 688 of docs/specs/llm.md.
#[tokio::test]
async fn a_provider_that_is_down_is_left_alone() {
    for kind in KINDS {
        let fake = Fake::start(kind, [Step::Fail(503, None)]);
        let mut config = config(&fake);
        (config.retry.max_tries, config.breaker.failures) = (2, 3);
        let llm = build(&config);
        assert!(matches!(asked(&llm).await, Err(ModelError::Unavailable(_))));
        assert_eq!(asked(&llm).await, Err(ModelError::Open));
        assert_eq!(asked(&llm).await, Err(ModelError::Open));
        assert_eq!(fake.bodies().len(), 3);
        assert_eq!(metric(&llm, "sentinel_agent_breaker_state", ""), 2.0);
    }
}

/// Guarantees: MUST 685 and 692 of docs/specs/llm.md.
#[tokio::test]
async fn a_provider_that_hangs_is_given_up() {
    // Long enough for the first byte to come on a busy machine; all at the same time, because they only wait.
    let (first, whole) = (Duration::from_secs(5), Duration::from_secs(6));
    let given_up = KINDS.map(|kind| async move {
        let fake = Fake::start(kind, [Step::Hang, Step::Stall]);
        let mut config = config(&fake);
        (config.first_byte_timeout_secs, config.timeout_secs) = (first.as_secs(), whole.as_secs());
        config.retry.max_tries = 1;
        let llm = build(&config);
        let started = Instant::now();
        assert_eq!(asked(&llm).await, Err(ModelError::TimedOut(first)), "{kind:?}");
        assert_eq!(asked(&llm).await, Err(ModelError::TimedOut(whole)), "{kind:?}");
        assert!(started.elapsed() >= first + whole, "{:?}", started.elapsed());
        assert_eq!(metric(&llm, "sentinel_agent_requests_total", "timed_out"), 2.0);
    });
    futures_util::future::join_all(given_up).await;
}

/// Guarantees: MUST 685 and 692 of docs/specs/llm.md.
#[tokio::test]
async fn what_is_no_answer_is_an_error_that_is_not_tried_again() {
    for kind in KINDS {
        let elsewhere = Fake::start(kind, [say("caught")]);
        let to = elsewhere.url.clone();
        let long = say(&"x".repeat(9000));
        let steps = [Step::Garbage, Step::Redirect(to), Step::Fail(404, None), Step::Page, long];
        let fake = Fake::start(kind, steps);
        let llm = build(&Config { max_response_kilobytes: 8, ..config(&fake) });
        let told = asked(&llm).await.unwrap_err().to_string();
        assert!(told.starts_with("the answer cannot be read: a message of"), "{kind:?}: {told}");
        let told = asked(&llm).await.unwrap_err().to_string();
        assert!(told.contains("307") && told.contains("redirects are not followed"), "{kind:?}: {told}");
        let told = asked(&llm).await.unwrap_err();
        assert_eq!(told, ModelError::Rejected("404: as the script says".to_owned()), "{kind:?}");
        let told = asked(&llm).await.unwrap_err().to_string();
        assert!(told.contains("is agent.base_url right?"), "{kind:?}: {told}");
        let told = asked(&llm).await.unwrap_err();
        assert_eq!(told, ModelError::Malformed("it is larger than 8192 bytes".to_owned()), "{kind:?}");
        assert_eq!((fake.bodies().len(), elsewhere.bodies().len()), (5, 0));
    }
}

/// Guarantees: MUST 685 of docs/specs/llm.md.
#[tokio::test]
async fn nobody_at_the_address_is_told_with_the_reason() {
    let fake = Fake::start(Kind::OpenAi, [say("x")]);
    let mut config = config(&fake);
    config.base_url = Some("http://127.0.0.1:1/v1".to_owned());
    config.retry.max_tries = 1;
    let told = asked(&build(&config)).await.unwrap_err().to_string();
    assert!(told.contains("cannot be reached") && told.contains("refused"), "{told}");
}

/// Guarantees: MUST 686 of docs/specs/llm.md.
#[tokio::test]
async fn the_key_is_in_no_error_turn_metric_or_recording() {
    for kind in KINDS {
        for stream in [true, false] {
            let fake = Fake::start(kind, [Step::TellKey, Step::SayKey]);
            let path = std::env::temp_dir().join(format!("agent-record-{}-{kind:?}-{stream}", std::process::id()));
            let _ = std::fs::remove_file(&path);
            let llm = build(&Config { stream, record_file: Some(path.clone()), ..config(&fake) });
            let error = asked(&llm).await.unwrap_err();
            assert!(error.to_string().contains("x-api-key: [key]"), "{kind:?}: {error}");
            let (answer, pieces) = turn(&llm, &[Message::User("Why?".to_owned())], &tools()).await;
            let answer = answer.unwrap();
            assert_eq!(
                (answer.text.as_str(), &answer.calls[0].arguments),
                ("Your key is [key].", &json!({"at": "[key]"}))
            );
            assert_eq!(pieces, answer.text, "{kind:?}");
            let recorded = std::fs::read_to_string(&path).unwrap();
            assert_eq!(recorded.lines().count(), 2);
            for told in [format!("{error:?} {answer:?} {:?}", llm.metrics()), recorded] {
                assert!(!told.contains(KEY) && !told.contains("0123456789abcdef"), "{kind:?}: {told}");
            }
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_recording_is_for_its_owner_alone_and_answers_in_place_of_the_provider() {
    use std::os::unix::fs::PermissionsExt as _;
    let fake = Fake::start(Kind::Anthropic, [call(&[("look", json!({"at": "1"}))]), say("It is the disk.")]);
    let path = std::env::temp_dir().join(format!("agent-session-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let llm = build(&Config { record_file: Some(path.clone()), ..config(&fake) });
    let mut messages = vec![Message::User("Why?".to_owned())];
    let first = turn(&llm, &messages, &tools()).await.0.unwrap();
    messages.extend([Message::Model(first.clone()), answers(&first)]);
    let second = turn(&llm, &messages, &tools()).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let replay = Config { provider: Some(Provider::Replay), replay_file: Some(path.clone()), ..Config::default() };
    let replayed = Llm::build(&replay, |_| None).unwrap().unwrap();
    assert_eq!(replayed.model().name(), "anthropic/fake-1");
    assert_eq!(turn(&replayed, &messages[..1], &tools()).await.0.unwrap(), first);
    assert_eq!(turn(&replayed, &messages, &tools()).await, second);
    let told = asked(&replayed).await.unwrap_err().to_string();
    assert!(told.contains("no further answer"), "{told}");
    assert_eq!(metric(&replayed, "sentinel_agent_requests_total", "rejected"), 1.0);
    std::fs::remove_file(path).unwrap();
}

/// Guarantees: MUST 686 of docs/specs/llm.md.
#[tokio::test]
async fn a_wrong_key_is_told_and_a_new_one_in_the_file_is_used_at_once() {
    for kind in [Kind::Gemini, Kind::OpenAi, Kind::Anthropic] {
        let fake = Fake::start(kind, [say("well")]);
        let path = std::env::temp_dir().join(format!("agent-rotated-{}-{kind:?}", std::process::id()));
        std::fs::write(&path, "an-old-key-of-mine\n").unwrap();
        let llm = Llm::build(&Config { key_file: Some(path.clone()), ..config(&fake) }, |_| None).unwrap().unwrap();
        assert_eq!(asked(&llm).await, Err(ModelError::Unauthorized), "{kind:?}");
        std::fs::write(&path, format!("{KEY}\n")).unwrap();
        assert_eq!(asked(&llm).await.unwrap().text, "well", "{kind:?}");
        std::fs::remove_file(path).unwrap();
    }
}

/// Guarantees: MUST 692 and 693 of docs/specs/llm.md.
#[test]
fn what_cannot_work_is_told_before_the_first_request() {
    let of = |provider, base_url: Option<&str>| Config {
        provider: Some(provider),
        model: "m".to_owned(),
        base_url: base_url.map(str::to_owned),
        ..Config::default()
    };
    let check = |config: &Config, key: Option<&str>, wanted: &str| {
        let Err(error) = Llm::build(config, |_| key.map(str::to_owned)) else { panic!("no {wanted}") };
        assert!(error.to_string().contains(wanted), "{error}");
    };
    check(&of(Provider::Gemini, None), None, "set GEMINI_API_KEY in the environment or .env, or agent.key_file");
    check(&of(Provider::OpenAi, None), Some(" "), "set OPENAI_API_KEY");
    check(&of(Provider::OpenAi, Some("http://192.0.2.1/v1")), Some(KEY), "another machine without TLS");
    let lost = Config { key_file: Some("/nowhere/key".into()), ..of(Provider::Anthropic, None) };
    check(&lost, None, "cannot read agent.key_file /nowhere/key");
    let lost = Config { ca_file: Some("/nowhere/ca.pem".into()), ..of(Provider::Ollama, None) };
    check(&lost, None, "agent.ca_file: /nowhere/ca.pem");
    let lost = Config { provider: Some(Provider::Replay), replay_file: Some("/nowhere".into()), ..Config::default() };
    check(&lost, None, "agent.replay_file: /nowhere");
    // Servers of one's own need no key, and with the operator's word they get it in the open.
    assert!(Llm::build(&of(Provider::OpenAi, Some("http://192.0.2.1/v1")), |_| None).is_ok());
    let open = Config { insecure: true, ..of(Provider::OpenAi, Some("http://192.0.2.1/v1")) };
    assert!(Llm::build(&open, |_| Some(KEY.to_owned())).is_ok());
    assert!(Llm::build(&Config::default(), |_| Some(KEY.to_owned())).unwrap().is_none());
    let built: Result<_, LlmError> = Llm::build(&of(Provider::Gemini, None), |name| {
        assert_eq!(name, "GEMINI_API_KEY");
        Some(KEY.to_owned())
    });
    assert!(built.is_ok());
}

/// A certificate for 127.0.0.1 of an authority that nobody knows.
fn certificate(folder: &std::path::Path) -> Arc<rustls::ServerConfig> {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for arguments in [
        format!("req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"),
        format!("req {key} -subj /CN=fake -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out fake.csr"),
        "x509 -req -in fake.csr -CA ca.pem -CAkey ca.key -days 2 -copy_extensions copy -out fake.pem".to_owned(),
    ] {
        let made = std::process::Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
        assert!(made.as_ref().is_ok_and(|it| it.status.success()), "{made:?}");
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = CertificateDer::pem_file_iter(folder.join("fake.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    Arc::new(rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap())
}

/// Guarantees: MUST 692 of docs/specs/llm.md.
#[tokio::test]
async fn over_tls_only_a_provider_with_a_known_authority_gets_the_key() {
    if !services::is_there("openssl", "a provider behind TLS") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("agent-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let fake = Fake::start_tls(Kind::OpenAi, [say("well")], certificate(&folder));
    let mut config = config(&fake);
    config.retry.max_tries = 1;
    let told = asked(&build(&config)).await.unwrap_err().to_string();
    assert!(told.contains("certificate"), "{told}");
    assert_eq!(fake.bodies().len(), 0);
    config.ca_file = Some(folder.join("ca.pem"));
    assert_eq!(asked(&build(&config)).await.unwrap().text, "well");
    std::fs::remove_dir_all(folder).unwrap();
}

/// What the fakes take is what the providers take: they refuse what those refuse.
#[tokio::test]
async fn the_fakes_are_strict() {
    for kind in KINDS {
        let fake = Fake::start(kind, [call(&[("look", json!({"at": "1"})), ("list", json!({}))])]);
        let mut odd = config(&fake);
        odd.extra_body.insert("novelty".to_owned(), json!(1));
        let told = asked(&build(&odd)).await.unwrap_err().to_string();
        assert!(told.contains("body.novelty: unknown field"), "{kind:?}: {told}");

        let llm = build(&config(&fake));
        let first = asked(&llm).await.unwrap();
        let begin = [Message::User("Why?".to_owned()), Message::Model(first.clone())];
        let Message::Tools(mut results) = answers(&first) else { unreachable!() };
        results.truncate(1);
        let unanswered = [begin[0].clone(), begin[1].clone(), Message::Tools(results)];
        let told = turn(&llm, &unanswered, &tools()).await.0.unwrap_err();
        assert!(matches!(&told, ModelError::Rejected(it) if it.starts_with("400: ")), "{kind:?}: {told}");
        assert_eq!(fake.problems().len(), 2, "{kind:?}");
    }
}
