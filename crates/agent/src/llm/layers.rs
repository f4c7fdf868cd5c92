//! Do the layers around a provider do what they say? Each alone, around a model that says what it was told to say.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::json;
use signal::Meter as _;

use super::bounded::Bounded;
use super::breaker::Breaker;
use super::counters::Counters;
use super::layer::Layered;
use super::measured::Measured;
use super::record::Recorded;
use super::replay::Replay;
use super::retried::Retried;
use crate::{Ask, BreakerConfig, Config, Message, Model, ModelError, Price, RetryConfig, Stop, Turn, Usage};

/// Pieces that are told, and what is answered.
type Said = (Vec<&'static str>, Result<Turn, ModelError>);

/// Says what is next; nothing left means that it never answers.
struct Script {
    answers: Mutex<VecDeque<Said>>,
    price: Option<Price>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Said>) -> Arc<Self> {
        let price = Some(Price { input_dollars_per_million: 1.0, output_dollars_per_million: 10.0 });
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), price })
    }

    fn n_left(&self) -> usize {
        self.answers.lock().unwrap().len()
    }
}

impl Model for Script {
    fn name(&self) -> &str {
        "script/m-1"
    }

    fn turn<'a>(
        &'a self,
        _ask: &'a Ask<'a>,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'a, Result<Turn, ModelError>> {
        Box::pin(async move {
            let Some((pieces, answer)) = self.answers.lock().unwrap().pop_front() else {
                return std::future::pending().await;
            };
            pieces.into_iter().for_each(on_text);
            answer
        })
    }

    fn cost(&self, usage: &Usage) -> Option<f64> {
        self.price.map(|it| it.of(usage))
    }
}

fn said(text: &'static str) -> Said {
    let usage = Usage { input_tokens: 1000, output_tokens: 100 };
    (vec![text], Ok(Turn { text: text.to_owned(), usage, ..Turn::default() }))
}

fn failed(error: ModelError) -> Said {
    (vec![], Err(error))
}

fn down() -> ModelError {
    ModelError::Unavailable("down".to_owned())
}

fn limited(secs: u64) -> ModelError {
    ModelError::RateLimited { retry_after: Some(Duration::from_secs(secs)) }
}

fn ask(messages: &[Message]) -> Ask<'_> {
    Ask { system: "S", messages, tools: &[], answer_schema: None, max_output_tokens: 10 }
}

/// Polls once: what is not ready then waits for something.
fn poll<T>(future: &mut BoxFuture<'_, T>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(it) => Some(it),
        std::task::Poll::Pending => None,
    }
}

fn told(model: &dyn Model, messages: &[Message]) -> (Result<Turn, ModelError>, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut pieces = String::new();
    let turn = runtime.block_on(model.turn(&ask(messages), &mut |it| pieces.push_str(it)));
    (turn, pieces)
}

fn metric(counters: &Counters, name: &str, label: &str) -> f64 {
    let metrics = counters.metrics();
    let fits = |it: &&signal::Metric| it.name == name && (label.is_empty() || it.labels.iter().any(|it| it.1 == label));
    metrics.iter().find(fits).unwrap_or_else(|| panic!("no {name}")).value
}

fn at_once(max_tries: u32) -> RetryConfig {
    RetryConfig { max_tries, first_pause_secs: 0.0, max_pause_secs: 0.0 }
}

/// Guarantees: MUST 687 of docs/specs/llm.md.
#[test]
fn only_what_may_succeed_later_is_tried_again() {
    let check = |error: ModelError, n_tries: f64| {
        let script = Script::new([failed(error.clone()), failed(error.clone()), failed(error.clone()), said("x")]);
        let counters = Arc::new(Counters::new("test"));
        let model = Layered::new(script, Retried::new(at_once(3), Arc::clone(&counters), || 1.0));
        assert_eq!(told(&model, &[]).0, Err(error.clone()));
        assert_eq!(metric(&counters, "sentinel_agent_retries_total", "") + 1.0, n_tries, "{error}");
    };
    check(down(), 3.0);
    check(ModelError::TimedOut(Duration::from_secs(1)), 3.0);
    check(ModelError::RateLimited { retry_after: None }, 3.0);
    check(limited(0), 3.0);
    for error in [
        ModelError::Unauthorized,
        ModelError::Rejected("x".into()),
        ModelError::Malformed("x".into()),
        ModelError::Open,
        ModelError::Busy,
        // Longer than max_pause_secs.
        limited(1),
    ] {
        check(error, 1.0);
    }
}

/// Guarantees: MUST 687 of docs/specs/llm.md.
#[test]
fn text_of_a_further_try_is_not_told_after_that_of_the_first() {
    let script = Script::new([failed(down()), (vec!["The ca"], Err(down())), said("It is the disk.")]);
    let model = Layered::new(script, Retried::new(at_once(5), Arc::default(), || 1.0));
    let (turn, pieces) = told(&model, &[]);
    assert_eq!((turn.unwrap().text, pieces), ("It is the disk.".to_owned(), "The ca".to_owned()));
    let script = Script::new([failed(down()), said("It is the disk.")]);
    let model = Layered::new(script, Retried::new(at_once(5), Arc::default(), || 1.0));
    assert_eq!(told(&model, &[]).1, "It is the disk.");
}

fn breaker(script: &Arc<Script>, open_secs: u64) -> (Layered<Breaker>, Arc<Counters>) {
    let counters = Arc::new(Counters::new("test"));
    let config = BreakerConfig { failures: 2, open_secs };
    (Layered::new(Arc::clone(script) as Arc<dyn Model>, Breaker::new(config, Arc::clone(&counters))), counters)
}

/// Guarantees: MUST 688 of docs/specs/llm.md.
#[test]
fn a_provider_that_fails_in_a_row_is_left_alone() {
    let rejected = ModelError::Rejected("too long".into());
    let answers = [failed(down()), said("a"), failed(down()), failed(rejected.clone()), failed(down()), failed(down())];
    let script = Script::new(answers.into_iter().chain([said("never asked for")]));
    let (model, counters) = breaker(&script, 3600);
    let all: Vec<_> = (0..8).map(|_| told(&model, &[]).0.map(|it| it.text)).collect();
    let open = Err(ModelError::Open);
    // A rejected request shows that the provider is there.
    let wanted =
        [Err(down()), Ok("a".into()), Err(down()), Err(rejected), Err(down()), Err(down()), open.clone(), open];
    assert_eq!((all, script.n_left()), (wanted.to_vec(), 1));
    assert_eq!(metric(&counters, "sentinel_agent_breaker_state", ""), 2.0);
    assert_eq!(metric(&counters, "sentinel_agent_requests_total", "open"), 2.0);
}

/// Guarantees: MUST 688 of docs/specs/llm.md.
#[test]
fn after_the_pause_one_request_tries_and_decides() {
    let script = Script::new([failed(down()), failed(down()), failed(down()), said("well")]);
    let (model, counters) = breaker(&script, 0);
    let state = || metric(&counters, "sentinel_agent_breaker_state", "");
    let messages = [];
    for _ in 0..3 {
        assert_eq!(told(&model, &messages).0, Err(down()));
    }
    assert_eq!(state(), 2.0);
    assert_eq!((told(&model, &messages).0.unwrap().text.as_str(), state()), ("well", 0.0));
}

/// Guarantees: MUST 688 of docs/specs/llm.md.
#[test]
fn while_one_request_tries_no_other_goes_and_given_up_it_leaves_the_next_to_try() {
    let script = Script::new([failed(down()), failed(down())]);
    let (model, counters) = breaker(&script, 0);
    let state = || metric(&counters, "sentinel_agent_breaker_state", "");
    let messages = [];
    let asked = ask(&messages);
    told(&model, &messages).0.unwrap_err();
    told(&model, &messages).0.unwrap_err();
    let mut ignore = |_: &str| ();
    let mut probe = model.turn(&asked, &mut ignore);
    assert!(poll(&mut probe).is_none());
    assert_eq!((told(&model, &messages).0, state()), (Err(ModelError::Open), 1.0));
    drop(probe);
    script.answers.lock().unwrap().push_back(said("well"));
    assert_eq!((told(&model, &messages).0.unwrap().text.as_str(), state()), ("well", 0.0));
}

/// Guarantees: MUST 689 of docs/specs/llm.md.
#[test]
fn few_requests_go_at_the_same_time_and_few_wait() {
    let script = Script::new([]);
    let counters = Arc::new(Counters::new("test"));
    let config = Config { max_concurrent: 1, max_waiting: 1, ..Config::default() };
    let model = Layered::new(Arc::clone(&script) as Arc<dyn Model>, Bounded::new(&config, Arc::clone(&counters)));
    let asked = ask(&[]);
    let (mut a, mut b, mut c) = (|_: &str| (), |_: &str| (), |_: &str| ());
    let mut first = model.turn(&asked, &mut a);
    let mut second = model.turn(&asked, &mut b);
    let mut third = model.turn(&asked, &mut c);
    assert!(poll(&mut first).is_none() && poll(&mut second).is_none());
    assert_eq!(poll(&mut third), Some(Err(ModelError::Busy)));
    let waiting = || metric(&counters, "sentinel_agent_requests_waiting", "");
    assert_eq!((waiting(), metric(&counters, "sentinel_agent_requests_total", "busy")), (1.0, 1.0));
    // Whoever gives up makes room.
    drop(first);
    script.answers.lock().unwrap().push_back(said("second"));
    assert_eq!(poll(&mut second).unwrap().unwrap().text, "second");
    assert_eq!(waiting(), 0.0);
}

/// Guarantees: MUST 690 of docs/specs/llm.md.
#[test]
fn tries_tokens_and_money_are_counted() {
    let refused = Turn { stop: Stop::Refused, ..Turn::default() };
    let script = Script::new([said("a"), said("b"), failed(down()), (vec![], Ok(refused))]);
    let counters = Arc::new(Counters::new("test"));
    let model = Layered::new(script, Measured::new(Arc::clone(&counters)));
    for _ in 0..4 {
        let _ = told(&model, &[]);
    }
    let asked = ask(&[]);
    let mut ignore = |_: &str| ();
    let mut given_up = model.turn(&asked, &mut ignore);
    assert!(poll(&mut given_up).is_none());
    assert_eq!(metric(&counters, "sentinel_agent_requests_in_flight", ""), 1.0);
    drop(given_up);
    let value = |name: &str, label: &str| metric(&counters, name, label);
    for (outcome, count) in [("ok", 2.0), ("unavailable", 1.0), ("refused", 1.0), ("cancelled", 1.0), ("open", 0.0)] {
        assert_eq!(value("sentinel_agent_requests_total", outcome), count, "{outcome}");
    }
    assert_eq!(value("sentinel_agent_tokens_total", "input"), 2000.0);
    assert_eq!(value("sentinel_agent_tokens_total", "output"), 200.0);
    // 2000 tokens at 1 dollar and 200 at 10 dollars for a million.
    assert!((value("sentinel_agent_cost_dollars_total", "") - 0.004).abs() < 1e-12);
    assert_eq!(value("sentinel_agent_unpriced_turns_total", ""), 0.0);
    assert_eq!(value("sentinel_agent_request_seconds_count", ""), 4.0);
    assert_eq!(value("sentinel_agent_request_seconds_bucket", "+Inf"), 4.0);
    assert_eq!(value("sentinel_agent_requests_in_flight", ""), 0.0);
}

/// Guarantees: MUST 690 of docs/specs/llm.md.
#[test]
fn an_unknown_price_is_an_unknown_cost() {
    let script = Arc::new(Script { answers: Mutex::new([said("a")].into()), price: None });
    let counters = Arc::new(Counters::new("test"));
    let model = Layered::new(script, Measured::new(Arc::clone(&counters)));
    assert!(told(&model, &[]).0.is_ok());
    assert_eq!(model.cost(&Usage::default()), None);
    assert_eq!(metric(&counters, "sentinel_agent_unpriced_turns_total", ""), 1.0);
    assert_eq!(metric(&counters, "sentinel_agent_cost_dollars_total", ""), 0.0);
    assert_eq!(metric(&counters, "sentinel_agent_tokens_total", "input"), 1000.0);
}

/// A file that the test can read.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn session() -> [Vec<Message>; 3] {
    let user = |text: &str| Message::User(text.to_owned());
    [vec![user("a")], vec![user("a"), user("b")], vec![user("a")]]
}

fn recorded(paper: &Paper) -> Vec<(Result<Turn, ModelError>, String)> {
    let turn = Turn { text: "caf\u{e9}!".into(), opaque: json!({"gemini": [{"b": 1, "a": 2}]}), ..Turn::default() };
    let script = Script::new([(vec!["caf", "\u{e9}", "!"], Ok(turn)), (vec!["beg"], Err(limited(3))), said("third")]);
    let model = Layered::new(script, Recorded::new(Box::new(paper.clone()), Arc::default()));
    session().iter().map(|it| told(&model, it)).collect()
}

fn replay(bytes: &[u8]) -> Result<Replay, crate::LlmError> {
    Replay::read(bytes, |it| (it == "m-1").then_some(Price { input_dollars_per_million: 2.0, ..Price::default() }))
}

/// Guarantees: MUST 691 of docs/specs/llm.md.
#[test]
fn a_recorded_session_is_played_again_byte_by_byte() {
    let paper = Paper::default();
    let first = recorded(&paper);
    let bytes = paper.0.lock().unwrap().clone();
    let replay = Arc::new(replay(&bytes).unwrap());
    let again = Paper::default();
    let model =
        Layered::new(Arc::clone(&replay) as Arc<dyn Model>, Recorded::new(Box::new(again.clone()), Arc::default()));
    let second: Vec<_> = session().iter().map(|it| told(&model, it)).collect();
    assert_eq!(second, first);
    assert_eq!(String::from_utf8(again.0.lock().unwrap().clone()).unwrap(), String::from_utf8(bytes).unwrap());
    assert_eq!(replay.name(), "script/m-1");
    assert_eq!(replay.cost(&Usage { input_tokens: 500_000, output_tokens: 1 }), Some(1.0));
}

/// Guarantees: MUST 691 of docs/specs/llm.md.
#[test]
fn another_question_than_the_recorded_one_is_told() {
    let paper = Paper::default();
    recorded(&paper);
    let model = replay(&paper.0.lock().unwrap()).unwrap();
    let check = |messages: &[Message], wanted: &str| {
        let error = told(&model, messages).0.unwrap_err().to_string();
        assert!(error.contains(wanted), "{wanted} in {error}");
    };
    let [a, ab, _] = session();
    check(
        &[Message::User("z".to_owned())],
        "its turn 1 was asked something else, which differs first at /messages/0/user",
    );
    assert!(told(&model, &a).0.is_ok());
    check(&[], "its turn 2 was asked something else, which differs first at /messages/0");
    assert_eq!(told(&model, &ab).0, Err(limited(3)));
    assert!(told(&model, &a).0.is_ok());
    check(&a, "the recording has no further answer to the request");
    check(&[], "all of its turns were asked for");
}

#[test]
fn what_is_no_recording_is_refused_with_the_line() {
    let check = |text: &str, wanted: &str| {
        let Err(error) = replay(text.as_bytes()) else { panic!("{text} is taken") };
        assert!(error.to_string().contains(wanted), "{error}");
    };
    check("", "holds no turn");
    check("\n{\"digest\":\n", "line 2: EOF");
    check(r#"{"digest":"a","model":"m","ask":{},"pieces":[]}"#, "line 1: must have either a turn or an error");
}

/// A disk that is full must not keep the answer from whoever asked.
#[test]
fn a_turn_that_cannot_be_recorded_is_answered_and_counted() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let counters = Arc::new(Counters::new("test"));
    let model = Layered::new(Script::new([said("a")]), Recorded::new(Box::new(Full), Arc::clone(&counters)));
    assert!(told(&model, &[]).0.is_ok());
    assert_eq!(metric(&counters, "sentinel_agent_unrecorded_turns_total", ""), 1.0);
}
