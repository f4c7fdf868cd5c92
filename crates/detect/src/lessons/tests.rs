//! What do lessons move, how far, and what do they leave alone?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use signal::{Diagnosis, Direction, IncidentId, IncidentStatus, Labels, Score, Severity};

use super::*;

const DAY: i64 = 86_400;

fn at(day: i64) -> Timestamp {
    Timestamp::from_secs(1_767_571_200 + day * DAY)
}

/// An incident of one series whose highest score was `peak`, with a cause.
fn incident(id: u64, peak: f64) -> Incident {
    let labels = Labels::metric("latency", &[("service", "pay")]);
    let score = Score { value: peak, is_ready: true, ..Score::warming_up(1.0) };
    let symptom = Symptom {
        labels,
        kind: signal::AnomalyKind::Point,
        direction: Direction::Above,
        onset: at(0),
        last_seen: at(0),
        ended_at: None,
        peak: score,
        severity: Severity::Warning,
        explanation: String::new(),
    };
    let cause = Cause {
        service: "db".to_owned(),
        indicator: String::new(),
        fault: FaultClass::CpuHog,
        confidence: 0.6,
        summary: String::new(),
        evidence: vec![],
    };
    Incident {
        id: IncidentId(id),
        status: IncidentStatus::Open,
        severity: Severity::Warning,
        title: String::new(),
        services: vec!["pay".to_owned()],
        started_at: at(0),
        detected_at: at(0),
        ended_at: None,
        symptoms: vec![symptom],
        diagnosis: Some(Diagnosis {
            time: at(0),
            causes: vec![cause],
            no_cause_confidence: 0.1,
            evidence: vec![],
            graph: signal::CausalGraph::default(),
            took_ms: 0.0,
        }),
        plans: vec![],
        timeline: vec![],
        feedback: None,
    }
}

fn said(opinion: Opinion) -> Feedback {
    Feedback { opinion, cause: None, action: None, comment: String::new(), actor: "alice".to_owned() }
}

fn threshold_target(hours: Option<Hours>) -> LessonTarget {
    let (metric, owner, direction) = ("latency".to_owned(), "pay".to_owned(), Some(Direction::Above));
    LessonTarget::Threshold { metric, owner, direction, hours }
}

fn threshold(book: &LessonBook, now: Timestamp) -> f64 {
    let target = threshold_target(None);
    book.now(now).get(&target).copied().unwrap_or(1.0)
}

fn weight(book: &LessonBook, service: &str, fault: Option<FaultClass>) -> f64 {
    let target = LessonTarget::Ranking { service: service.to_owned(), fault };
    book.now(at(0)).get(&target).copied().unwrap_or(0.0)
}

/// Guarantees: MUST 740 and 741 of docs/specs/feedback.md.
#[test]
fn noise_raises_the_threshold_up_to_its_bound_and_a_real_fault_stays_above_it() {
    let mut book = LessonBook::new(FeedbackConfig::default());
    assert_eq!(threshold(&book, at(0)), 1.0);
    book.teach(&incident(1, 1.2), said(Opinion::Noise), at(0));
    assert!((threshold(&book, at(0)) - 1.32).abs() < 1e-9, "just above what was noise");
    book.teach(&incident(2, 9.0), said(Opinion::Noise), at(0));
    assert!((threshold(&book, at(0)) - 1.32).abs() < 1e-9, "nothing would have held this back");
    // Scores are taken against the threshold of then, at their hour 1.5: this one was 1.8.
    book.teach(&incident(3, 1.8 / 1.5), said(Opinion::Noise), at(0));
    assert!((threshold(&book, at(0)) - 1.98).abs() < 1e-9, "at most half as high again");
    let lesson = book.teach(&incident(4, 1.6 / 2.25), said(Opinion::Right), at(0));
    assert!((lesson.effects[0].basis - 1.6).abs() < 1e-9, "{lesson:?}");
    assert!((threshold(&book, at(0)) - 1.44).abs() < 1e-9, "a fault of this size is told again");
    book.teach(&incident(5, 1.2), said(Opinion::Noise), at(0));
    assert!((threshold(&book, at(0)) - 1.44).abs() < 1e-9, "whatever is said of noise");
    let mut book = LessonBook::new(FeedbackConfig::default());
    book.teach(&incident(1, 1.8), said(Opinion::Noise), at(0));
    assert!((threshold(&book, at(0)) - 1.5).abs() < 1e-9, "one word is not enough for the whole way");
}

/// Guarantees: MUST 807 and 808 of docs/specs/feedback.md.
#[test]
fn what_comes_again_at_its_hour_is_held_back_there_and_novelties_teach_nothing() {
    let mut book = LessonBook::new(FeedbackConfig::default());
    let around_midnight = threshold_target(Some(Hours { from: 23, to: 1 }));
    let at_hour = |book: &LessonBook| book.now(at(0)).get(&around_midnight).copied().unwrap_or(1.0);
    book.teach(&incident(1, 3.0), said(Opinion::Noise), at(0));
    assert_eq!((threshold(&book, at(0)), at_hour(&book)), (1.0, 3.75), "far outside, so only at its hour");
    // A score is taken against what counted then.
    let lesson = book.teach(&incident(2, 1.04), said(Opinion::Noise), at(0));
    assert!((lesson.effects[0].basis - 3.9).abs() < 1e-9, "{lesson:?}");
    assert!((at_hour(&book) - 4.875).abs() < 1e-9);
    book.teach(&incident(3, 20.0), said(Opinion::Noise), at(0));
    assert!((at_hour(&book) - 4.875).abs() < 1e-9, "what is clearly larger is told again");
    let faults = book.teach(&incident(4, 2.0 / 4.875), said(Opinion::Right), at(0)).id;
    assert!((at_hour(&book) - 1.8).abs() < 1e-9, "a real fault of this size is told again at any hour");
    book.undo(faults, "bob");
    assert!((at_hour(&book) - 4.875).abs() < 1e-9);
    assert!((book.now(at(30))[&around_midnight] - 2.9375).abs() < 1e-9, "half of it is forgotten");
    let mut book = LessonBook::new(FeedbackConfig::default());
    let mut novelty = incident(1, 1.2);
    novelty.symptoms[0].kind = AnomalyKind::Novelty;
    book.teach(&novelty, said(Opinion::Noise), at(0));
    assert!(book.now(at(0)).is_empty());
}

/// Guarantees: MUST 808 of docs/specs/feedback.md.
#[test]
fn hours_go_over_midnight() {
    let night = Hours { from: 22, to: 2 };
    let covered: Vec<u8> = (0..24).filter(|it| night.covers(*it)).collect();
    assert_eq!((covered, night.count()), (vec![0, 1, 2, 22, 23], 5));
    assert!((0..24).all(|it| Hours { from: 5, to: 4 }.covers(it)));
}

/// Guarantees: MUST 742 of docs/specs/feedback.md.
#[test]
fn what_was_learned_is_forgotten_and_taken_back() {
    let mut book = LessonBook::new(FeedbackConfig::default());
    book.teach(&incident(1, 1.3), said(Opinion::Noise), at(0));
    assert!((threshold(&book, at(30)) - 1.215).abs() < 1e-6);
    assert_eq!(threshold(&book, at(300)), 1.0);
    assert_eq!(book.undo(1, "bob").unwrap().undone_by.as_deref(), Some("bob"));
    assert!(book.undo(1, "bob").is_none() && book.undo(7, "bob").is_none());
    assert_eq!(threshold(&book, at(0)), 1.0);
}

#[test]
fn the_last_word_of_a_person_counts() {
    let mut book = LessonBook::new(FeedbackConfig::default());
    book.teach(&incident(1, 1.3), said(Opinion::Noise), at(0));
    book.teach(&incident(1, 1.3), said(Opinion::Noise), at(0));
    assert!((threshold(&book, at(0)) - 1.43).abs() < 1e-9, "said twice is said once");
    let lesson = book.teach(&incident(1, 1.3), said(Opinion::Right), at(0));
    assert_eq!(threshold(&book, at(0)), 1.0);
    assert_eq!(book.lessons(at(0))[0], lesson);
    assert_eq!(book.lessons(at(0))[1].undone_by.as_deref(), Some("sentinel"));
}

/// Guarantees: MUST 743 of docs/specs/feedback.md.
#[test]
fn nothing_is_learned_of_marked_series_or_when_it_is_off() {
    let never = r#"{"never": [{"metric": "lat*", "labels": {"service": "pay"}}]}"#;
    for config in [never, r#"{"learn": false}"#, r#"{"most_threshold": 1, "most_at_hour": 1}"#] {
        let mut book = LessonBook::new(serde_json::from_str(config).unwrap());
        book.teach(&incident(1, 1.3), said(Opinion::Noise), at(0));
        assert_eq!(threshold(&book, at(0)), 1.0, "{config}");
        assert_eq!(book.lessons(at(0)).len(), 1, "{config}");
    }
}

/// Guarantees: MUST 744 of docs/specs/feedback.md.
#[test]
fn causes_are_weighed_by_what_was_said_of_them_within_bounds() {
    let mut book = LessonBook::new(FeedbackConfig::default());
    let named = Feedback { cause: Some("cache".to_owned()), ..said(Opinion::Wrong) };
    book.teach(&incident(1, 2.0), named.clone(), at(0));
    assert_eq!(weight(&book, "db", Some(FaultClass::CpuHog)), -0.5);
    assert_eq!(weight(&book, "cache", None), 0.5);
    for id in 2..9 {
        book.teach(&incident(id, 2.0), named.clone(), at(0));
    }
    assert_eq!((weight(&book, "db", Some(FaultClass::CpuHog)), weight(&book, "cache", None)), (-1.0, 1.0));
    book.teach(&incident(9, 2.0), said(Opinion::Right), at(0));
    assert_eq!(weight(&book, "db", Some(FaultClass::CpuHog)), -0.75);
    let action = Feedback { action: Some(signal::PlanId(3)), ..said(Opinion::Wrong) };
    assert_eq!(book.teach(&incident(10, 2.0), action, at(0)).effects, vec![]);
}

/// Guarantees: MUST 745 of docs/specs/feedback.md.
#[test]
fn lessons_survive_being_saved() {
    let mut book = LessonBook::new(FeedbackConfig::default());
    book.teach(&incident(1, 1.3), said(Opinion::Noise), at(0));
    let mut again = LessonBook::restore(FeedbackConfig::default(), &book.save()).unwrap();
    assert_eq!(again.lessons(at(3)), book.lessons(at(3)));
    assert_eq!(again.teach(&incident(2, 1.3), said(Opinion::Noise), at(4)).id, 2);
    assert!(LessonBook::restore(FeedbackConfig::default(), b"{").is_err());
}

#[test]
fn mistakes_name_their_key() {
    let config =
        r#"{"most_threshold": 0.5, "most_at_hour": 99, "most_ranking": 9, "half_life_days": 0, "never": [{}]}"#;
    let problems = serde_json::from_str::<FeedbackConfig>(config).unwrap().validate();
    let keys = ["most_threshold", "most_at_hour", "most_ranking", "half_life_days", "never[0]"];
    assert_eq!(problems.len(), 5);
    assert!(problems.iter().zip(keys).all(|(problem, key)| problem.starts_with(key)), "{problems:?}");
}
