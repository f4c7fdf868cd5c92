//! No evidence gives no cause; an impossible value without a past is told as what it is; lost evidence is dropped.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test a panic is the report")]

mod world;

use signal::{AnomalyKind, EvidenceSource, FaultClass, LogLevel};
use world::{AGE, World, at, incident};

#[test]
fn no_evidence_no_cause() {
    let world = World::default();
    let (diagnosis, problems) = diagnose::diagnose(&incident(&[]), at(AGE), &world.sources());
    assert!(diagnosis.causes.is_empty() && diagnosis.evidence.is_empty() && problems.is_empty());
    assert_eq!(diagnosis.no_cause_confidence, 1.0);
}

#[test]
fn a_symptom_whose_points_are_gone_is_no_cause() {
    let world = World::default();
    let (diagnosis, _) = diagnose::diagnose(&incident(&[r#"x{service="a"}"#]), at(AGE), &world.sources());
    assert!(diagnosis.causes.is_empty(), "{diagnosis:?}");
}

#[test]
fn an_impossible_value_on_a_fresh_server_is_told_with_low_confidence() {
    let mut world = World::default();
    world.put_between(r#"cpu_usage{service="payments"}"#, 0..=0, |_| 900.0);
    let mut incident = incident(&[r#"cpu_usage{service="payments"}"#]);
    let value = world.series.values().next().unwrap()[0].value;
    incident.symptoms[0].kind = AnomalyKind::Impossible;
    (incident.symptoms[0].peak.y, incident.symptoms[0].peak.yhat) = (value, 50.0);
    let (diagnosis, _) = diagnose::diagnose(&incident, at(1), &world.sources());
    let best = &diagnosis.causes[0];
    assert_eq!((best.service.as_str(), best.fault), ("payments", FaultClass::Unknown));
    assert!((0.1..0.6).contains(&best.confidence) && best.summary.contains("impossible"), "{best:?}");
    let line = "Process stress-ng (pid 77) uses 900 % CPU";
    world.say("payments", LogLevel::Warn, 0, "Process stress-ng (pid <*>) uses <*> % CPU", line);
    let (with_line, _) = diagnose::diagnose(&incident, at(AGE), &world.sources());
    assert!(with_line.causes[0].summary.contains("stress-ng") && with_line.causes[0].confidence > best.confidence);
}

#[test]
fn a_stopped_signal_is_told() {
    let mut world = World::default();
    for metric in ["a", "b", "c"] {
        world.put_between(&format!(r#"{metric}{{service="pay"}}"#), -600..=-1, |_| 5.0);
    }
    let mut incident = incident(&[r#"a{service="pay"}"#]);
    incident.symptoms[0].kind = AnomalyKind::MissingData;
    let (diagnosis, _) = diagnose::diagnose(&incident, at(AGE), &world.sources());
    assert_eq!(diagnosis.causes[0].fault, FaultClass::MissingData);
    let evidence = &diagnosis.evidence[0];
    assert!(diagnose::reopen(evidence, &world.sources()).unwrap());
    world.put(r#"a{service="pay"}"#, |_| 5.0);
    assert!(!diagnose::reopen(evidence, &world.sources()).unwrap());
}

#[test]
fn evidence_that_was_forged_or_lost_does_not_open() {
    let mut world = World::default();
    let latency = r#"latency{service="pay"}"#;
    world.put(latency, |it| if it >= 0.0 { 90.0 } else { 10.0 });
    world.say("pay", LogLevel::Error, 1, "disk is gone <*>", "disk is gone 7");
    let (diagnosis, _) = diagnose::diagnose(&incident(&[latency]), at(AGE), &world.sources());
    assert!(!diagnosis.evidence.is_empty());
    let empty = World::default();
    for evidence in &diagnosis.evidence {
        assert!(diagnose::reopen(evidence, &world.sources()).unwrap());
        assert!(!diagnose::reopen(evidence, &empty.sources()).unwrap(), "{evidence:?}");
        let mut forged = evidence.clone();
        match &mut forged.source {
            EvidenceSource::SeriesWindow { deviation, during, .. } => (*deviation, *during) = (-*deviation, -1.0),
            EvidenceSource::LogLines { template, .. } => "another thing <*>".clone_into(template),
            _ => continue,
        }
        assert!(!diagnose::reopen(&forged, &world.sources()).unwrap(), "{forged:?}");
    }
}
