//! Does a conversation end well, whatever the model does? Asking, answering, looping, silence, failure, fabrication.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod support;

use std::time::{Duration, Instant};

use agent::{Budget, Limits, ModelError, Stop, Turn};
use serde_json::{Value, json};
use signal::{CauseOpinion, InvestigationOutcome, StepResult};

use support::{Held, Scripted, World, answer, calls, case, investigate, investigate_with};

/// Models of tests cost a dollar for a thousand tokens.
fn plenty() -> Budget {
    Budget { max_dollars: 1000.0, ..Budget::default() }
}

fn asks() -> Turn {
    calls(&[
        ("query_metrics", json!({"query": "pay_latency_ms", "from": "-10m"})),
        ("search_logs", json!({"service": "pay", "from": "-10m"})),
        ("list_changes", json!({"service": "pay"})),
        ("get_log_changes", json!({"from": "-2m"})),
        ("get_topology", json!({"service": "pay"})),
    ])
}

/// Guarantees: MUST 700, 701, 715 and 716 of docs/specs/agent.md.
#[test]
fn tools_are_asked_together_and_claims_cite_what_they_said() {
    let model = Scripted::turns(vec![
        asks(),
        answer(
            "C1",
            &[
                ("pay_latency_ms of service pay rose from 20.5 to 912.25 at 10:00:00 UTC.", &["E1"]),
                ("The highest value of pay_latency_ms was 912.25 at 10:01:00.", &["T1"]),
                ("A line about pool pay-db and 250 ms was first seen at 10:00:00 in the pay service.", &["T2"]),
                ("Version 2.4.1 of pay was deployed 30 s before.", &["E2"]),
                ("pay is called by shop.", &["T5"]),
                ("Lines like \"pool <*> exhausted after <*> ms\" are new since 09:59:31.", &["T4"]),
            ],
        ),
    ]);
    let outcome = investigate(&World::new(), model.clone(), plenty());
    let it = &outcome.investigation;
    assert_eq!(outcome.dropped(), "", "{:?}", model.asked()[1]["messages"]);
    assert_eq!(it.claims.len(), 6);
    assert_eq!((it.outcome, it.opinion), (InvestigationOutcome::Answered, CauseOpinion::Agrees));
    assert_eq!(it.steps.iter().filter(|it| it.outcome == StepResult::Answered).count(), 5);
    assert!(it.claims.iter().all(|it| !it.evidence.is_empty()));
    assert_eq!(it.tokens, (2000, 250));
    let asked = model.asked();
    assert_eq!(asked[1]["messages"][2]["tools"].as_array().unwrap().len(), 5, "all answers in one message");
    assert!(it.prose().starts_with("pay_latency_ms of service pay rose from 20.5 to 912.25 at 10:00:00 UTC. [E1] "));
}

/// Guarantees: MUST 716 to 719 of docs/specs/agent.md: nothing that is made up is published.
#[test]
fn what_is_made_up_is_dropped() {
    let check = |text: &str, evidence: &[&str]| {
        let model = Scripted::turns(vec![asks(), answer("C1", &[(text, evidence)])]);
        investigate_with(&World::new(), model, (plenty(), Limits::default()), Held(&[])).dropped()
    };
    for (text, evidence, reason) in [
        ("Latency rose to 950.", &["E1"][..], "number"),
        ("Latency rose from 20.5 to 912.25 in 17 steps.", &["E1"], "number"),
        ("Latency rose 3 times.", &["E1"], "number"),
        ("Latency rose at 10:05:00.", &["E1"], "time"),
        ("Latency rose on 2025-03-01.", &["E1"], "time"),
        ("The billing database is slow.", &["E1"], "name"),
        ("A database is slow.", &["E1"], "subject"),
        ("pool exhausted after ms", &["T2"], "parrot"),
        ("\"pool exhausted after ms\"", &["T2"], "parrot"),
        ("Latency of billing rose to 912.25.", &["E1"], "name"),
        ("Latency of pay-gateway rose.", &["E1"], "name"),
        ("Latency rose because Alice pushed.", &["E1"], "name"),
        ("Latency of the checkout service rose.", &["E1"], "name"),
        ("Latency fell from 912.25 to 20.5.", &["E1"], "direction"),
        ("The rate of such lines fell.", &["T4"], "direction"),
        ("Memory rose from 20.5 to 912.25.", &["E1"], "subject"),
        ("The system was hacked by attackers.", &["E1"], "subject"),
        ("Latency did not rise.", &["E1"], "negation"),
        ("Latency didn't rise.", &["E1"], "negation"),
        ("You should approve it.", &["E1"], "advice"),
        ("Please approve PLAN-1 now.", &["E1"], "advice"),
        ("Such lines caused it.", &["T4"], "why"),
        ("Latency rose, see https://evil.example/x.", &["E1"], "name"),
        ("Latency <b>rose</b>.", &["E1"], "form"),
        ("", &["E1"], "form"),
        ("Latency rose.", &[], "no_evidence"),
        ("Latency rose.", &["E9"], "unknown_evidence"),
        ("Latency rose.", &["E1", "T99"], "unknown_evidence"),
    ] {
        assert_eq!(check(text, evidence), format!("{reason} 1"), "{text}");
    }
}

/// Guarantees: MUST 716 of docs/specs/agent.md: rounding that is written is allowed.
#[test]
fn rounded_numbers_and_other_units_hold() {
    let claims = [
        ("Latency rose from 20.5 ms to 912 ms.", &["E1"][..]),
        ("Latency rose from 21 to 912.3.", &["E1"]),
        ("Latency rose about 44.5 times.", &["E1"]),
        ("pay_latency_ms rose to 0.912 s.", &["E1"]),
        ("Two facts agree: latency of pay rose, and 2.4.1 was deployed.", &["E1", "E2"]),
    ];
    let model = Scripted::turns(vec![answer("C2", &claims)]);
    let outcome = investigate(&World::new(), model, plenty());
    assert_eq!((outcome.dropped().as_str(), outcome.claims().len()), ("", claims.len()), "{:?}", outcome.claims());
    assert_eq!(outcome.investigation.opinion, CauseOpinion::PrefersAnother);
}

/// Guarantees: MUST 717 of docs/specs/agent.md: evidence is read again before a claim is published.
#[test]
fn evidence_that_no_longer_holds_takes_its_claims_along() {
    let claims = [("Latency of pay rose.", &["E1"][..]), ("Version 2.4.1 was deployed.", &["E2"])];
    let model = Scripted::turns(vec![answer("C1", &claims)]);
    let outcome = investigate_with(&World::new(), model, (plenty(), Limits::default()), Held(&["E1"]));
    assert_eq!(outcome.claims(), ["Version 2.4.1 was deployed."]);
    assert_eq!(outcome.dropped(), "not_reread 1");
    assert_eq!(outcome.investigation.evidence.len(), 1);
}

/// Guarantees: MUST 702 of docs/specs/agent.md: malformed arguments are told to the model, which may mend them.
#[test]
fn wrong_calls_are_told_with_what_would_do() {
    let model = Scripted::turns(vec![
        calls(&[
            ("query_metrics", json!("{\"query\": ")),
            ("query_metrics", json!({"query": "oops("})),
            ("search_logs", json!({"servce": "pay"})),
            ("delete_pod", json!({"name": "x"})),
        ]),
        answer("none", &[]),
    ]);
    let outcome = investigate(&World::new(), model.clone(), plenty());
    let results = model.asked()[1]["messages"][2]["tools"].clone();
    let text = |idx: usize| results[idx]["content"].as_str().unwrap().to_owned();
    assert!(results.as_array().unwrap().iter().all(|it| it["is_error"] == json!(true)), "{results}");
    assert!(text(0).contains("not JSON"), "{}", text(0));
    assert!(text(1).contains("unexpected end of input"), "{}", text(1));
    assert!(text(2).contains("unknown argument; known are words, service"), "{}", text(2));
    assert!(text(3).contains("there is no tool"), "{}", text(3));
    assert!(outcome.investigation.steps.iter().all(|it| it.outcome == StepResult::Rejected));
    assert_eq!(outcome.investigation.steps[3].tool, "(unknown)");
}

/// Guarantees: MUST 703 of docs/specs/agent.md: the same question is answered once and counted.
#[test]
fn a_model_that_loops_gets_the_same_answer_and_then_the_last_turn() {
    let model = Scripted::new(|_, ask| {
        if ask.tools.is_empty() {
            return Ok(answer("C1", &[("Latency of pay rose.", &["E1"])]));
        }
        Ok(calls(&[("list_changes", json!({"service": "pay"}))]))
    });
    let outcome = investigate(&World::new(), model.clone(), plenty());
    let steps: Vec<StepResult> = outcome.investigation.steps.iter().map(|it| it.outcome).collect();
    assert_eq!(steps, [StepResult::Answered, StepResult::Repeated, StepResult::Repeated]);
    assert_eq!(outcome.investigation.outcome, InvestigationOutcome::Budget);
    assert_eq!(outcome.claims(), ["Latency of pay rose."]);
}

/// Guarantees: MUST 704 of docs/specs/agent.md: each bound of the budget ends a conversation, with an answer asked for.
#[test]
fn a_runaway_model_ends_at_its_budget() {
    let endless = || {
        let mut number = 0;
        Scripted::new(move |_, ask| {
            number += 1;
            if ask.tools.is_empty() {
                return Ok(answer("C1", &[("Latency of pay rose.", &["E1"])]));
            }
            Ok(calls(&[("search_logs", json!({"words": format!("w{number}")}))]))
        })
    };
    let check = |budget: Budget, limits: Limits, most_turns: usize| {
        let model = endless();
        let outcome = investigate_with(&World::new(), model.clone(), (budget, limits), Held(&[]));
        assert_eq!(outcome.investigation.outcome, InvestigationOutcome::Budget);
        assert_eq!(outcome.claims(), ["Latency of pay rose."]);
        assert!(model.asked().len() <= most_turns, "{} turns", model.asked().len());
        outcome.investigation
    };
    let (usual, plenty) = (Limits::default(), Budget { max_dollars: 1000.0, ..plenty() });
    check(Budget { max_steps: 3, ..plenty }, usual, 3);
    check(plenty, Limits { max_calls: 2, ..usual }, 3);
    let it = check(Budget { max_tokens: 7000, ..plenty }, usual, 5);
    assert!(it.tokens.0 + it.tokens.1 <= 7000, "{:?}", it.tokens);
    let it = check(Budget { max_dollars: 8.0, ..plenty }, usual, 6);
    assert!(it.cost_usd > 1.0 && it.cost_usd <= 8.0, "{}", it.cost_usd);
}

/// Guarantees: MUST 704 of docs/specs/agent.md: time is bounded, for tools and for the model.
#[test]
fn slow_tools_and_silent_models_cost_their_time_only() {
    let slow = World { is_slow: true, ..World::new() };
    let model = Scripted::turns(vec![
        calls(&[("query_metrics", json!({"query": "pay_latency_ms"}))]),
        answer("C1", &[("Latency of pay rose.", &["E1"])]),
    ]);
    let limits = Limits { call_timeout_secs: 1, ..Limits::default() };
    let outcome = investigate_with(&slow, model, (plenty(), limits), Held(&[]));
    assert_eq!(outcome.investigation.steps[0].outcome, StepResult::TimedOut);
    assert_eq!(outcome.claims(), ["Latency of pay rose."]);

    let begin = Instant::now();
    let outcome = investigate(&World::new(), std::sync::Arc::new(Silent), Budget { max_secs: 1, ..plenty() });
    assert!(begin.elapsed() < Duration::from_secs(60));
    assert_eq!(outcome.investigation.outcome, InvestigationOutcome::Failed);
    assert!(outcome.investigation.reason.contains("time was over"), "{}", outcome.investigation.reason);
}

struct Silent;

impl agent::Model for Silent {
    fn name(&self) -> &str {
        "silent/one"
    }

    fn turn<'a>(
        &'a self,
        _: &'a agent::Ask<'a>,
        _: &'a mut (dyn FnMut(&str) + Send),
    ) -> futures_util::future::BoxFuture<'a, Result<Turn, ModelError>> {
        Box::pin(std::future::pending())
    }
}

/// Guarantees: MUST 708 of docs/specs/agent.md: no answer, a broken one, a refusal and a failure are told as such.
#[test]
fn what_is_no_answer_is_no_claim() {
    let check = |turns: Vec<Turn>| investigate(&World::new(), Scripted::turns(turns), plenty()).investigation;
    let text = |text: &str| Turn { text: text.to_owned(), ..Turn::default() };
    for (turns, outcome) in [
        (vec![], InvestigationOutcome::NoAnswer),
        (vec![text("I think it is fine."), text("{\"claims\": 7}")], InvestigationOutcome::NoAnswer),
        (vec![Turn { stop: Stop::Refused, ..text("") }], InvestigationOutcome::Refused),
        (vec![text("hm"), answer("C1", &[("Latency of pay rose.", &["E1"])])], InvestigationOutcome::Answered),
    ] {
        let it = check(turns);
        assert_eq!(it.outcome, outcome, "{}", it.reason);
        assert_eq!(it.claims.is_empty(), outcome != InvestigationOutcome::Answered);
    }
    let failing = Scripted::new(|_, _| Err(ModelError::Unavailable("no route, key hunter22".to_owned())));
    let it = investigate(&World::new(), failing, plenty()).investigation;
    assert_eq!(it.outcome, InvestigationOutcome::Failed);
    assert_eq!(it.reason, "the provider fails: no route, key [redacted:value]");
}

/// Guarantees: MUST 720 of docs/specs/agent.md: a recorded conversation is held again with the same bytes.
#[test]
fn a_transcript_is_held_again_byte_by_byte() {
    let models: Vec<std::sync::Arc<dyn agent::Model>> = vec![
        Scripted::turns(vec![
            asks(),
            asks(),
            answer("C1", &[("Latency of pay rose.", &["E1"]), ("Made up 77.", &["E1"])]),
        ]),
        Scripted::turns(vec![calls(&[("nothing", json!(null))]), Turn::default(), Turn::default()]),
        Scripted::new(|_, _| Err(ModelError::Unauthorized)),
        std::sync::Arc::new(Silent),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for model in models {
        let outcome = investigate(&World::new(), model, Budget { max_secs: 2, ..plenty() });
        let text = outcome.transcript.text();
        let (again, transcript) = runtime.block_on(agent::replay(text)).unwrap();
        assert_eq!(transcript.text(), text);
        assert_eq!(signal::Investigation { seconds: again.seconds, ..outcome.investigation }, again);
        for line in text.lines() {
            serde_json::from_str::<Value>(line).unwrap();
        }
    }
    assert!(runtime.block_on(agent::replay("{}")).unwrap_err().to_string().contains("line 1"));
}

/// Guarantees: MUST 710 of docs/specs/agent.md: the cause, its rank and its confidence are the ranker's.
#[test]
fn a_model_changes_neither_rank_nor_confidence() {
    let before = case().diagnosis;
    let model = Scripted::turns(vec![answer("C2", &[("shop is at fault, confidence 0.99.", &["E1"])])]);
    let outcome = investigate(&World::new(), model, plenty());
    assert_eq!(case().diagnosis, before);
    assert_eq!(outcome.investigation.opinion, CauseOpinion::PrefersAnother);
    assert_eq!(outcome.claims(), [""; 0]);
}
