//! A model that drifts: the features are named, worse answers are explained by other inputs, and all of it is cited.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test a panic is the report")]

mod world;

use signal::{AnomalyKind, FaultClass, Incident};
use world::{AGE, World, at, incident};

const WHOLE: &str = r#"data_drift_score{service="income",model="income"}"#;
const AGES: &str = r#"sentinel_data_drift_score{service="income",model="income",feature="age",test="ks"}"#;
const HOURS: &str = r#"sentinel_data_drift_score{service="income",model="income",feature="hours-per-week",test="ks"}"#;
const ACCURACY: &str = r#"sentinel_model_performance{service="income",model="income",metric="accuracy"}"#;

/// Symptoms with what was stored of them.
fn drifted(parts: &[(&str, f64, f64, &str)]) -> (World, Incident) {
    let mut world = World::default();
    let names: Vec<&str> = parts.iter().map(|it| it.0).collect();
    let mut incident = incident(&names);
    for (symptom, (series, score, limit, said)) in incident.symptoms.iter_mut().zip(parts) {
        world.put_between(series, 0..=0, |_| *score);
        let stored = world.series.values().last().map_or(0.0, |it| it[0].value);
        assert!((stored - score).abs() < 0.05, "{stored}");
        symptom.kind = AnomalyKind::Drift;
        symptom.explanation = (*said).to_owned();
        symptom.peak.value = score / limit;
        (symptom.peak.yhat, symptom.peak.yhat_upper) = (0.0, *limit);
    }
    for symptom in &mut incident.symptoms {
        let points = &world.series[&symptom.labels];
        symptom.peak.y = points[0].value;
    }
    (world, incident)
}

/// Guarantees 546.
#[test]
fn the_features_are_named_and_cited() {
    let (world, incident) = drifted(&[
        (WHOLE, 0.143, 0.1, "2 of 14 features drifted: age, hours-per-week"),
        (AGES, 0.41, 0.1, "age: mean 38.5 -> 48.2; most in sex=Male"),
        (HOURS, 0.52, 0.1, "hours-per-week: mean 40.4 -> 50.5"),
    ]);
    let (diagnosis, problems) = diagnose::diagnose(&incident, at(AGE), &world.sources());
    assert!(problems.is_empty(), "{problems:?}");
    let best = &diagnosis.causes[0];
    assert_eq!((best.service.as_str(), best.fault), ("income", FaultClass::DataDrift));
    assert!(best.confidence >= 0.8, "{best:?}");
    assert_eq!(best.indicator, "hours-per-week, age");
    for said in ["age: mean 38.5 -> 48.2; most in sex=Male", "hours-per-week: mean", "since 22:13:20 UTC"] {
        assert!(best.summary.contains(said), "{said}: {}", best.summary);
    }
    assert_eq!(best.evidence.len(), 3);
    assert!(diagnosis.evidence.iter().all(|it| diagnose::reopen(it, &world.sources()).unwrap()));
}

/// Guarantees 591: the live stream alone is enough for a cause, and of a feature that a comparison names its word counts.
#[test]
fn a_live_stream_is_a_cause_before_any_comparison() {
    let live = |feature: &str| {
        format!(r#"sentinel_online_drift_score{{service="income",model="income",kind="feature",feature="{feature}"}}"#)
    };
    let (age, gain) = (live("age"), live("gain"));
    let of_age = (age.as_str(), 1.0, 0.99, "age: mean 38.5 -> 48.2 in the last 31 predictions; most in country=DE");
    let (world, alone) = drifted(&[of_age]);
    let (diagnosis, _) = diagnose::diagnose(&alone, at(AGE), &world.sources());
    let best = &diagnosis.causes[0];
    assert_eq!((best.fault, best.indicator.as_str(), best.evidence.len()), (FaultClass::DataDrift, "age", 1));
    assert!(best.summary.contains("most in country=DE") && best.confidence >= 0.6, "{best:?}");
    let (world, both) = drifted(&[
        (WHOLE, 0.3, 0.1, "2 of 14 features drifted: age, gain"),
        (AGES, 0.41, 0.1, "age: mean 38.5 -> 48.2"),
        of_age,
        (gain.as_str(), 1.0, 0.99, "gain: mean 1 -> 2 in the last 50 predictions"),
    ]);
    let (diagnosis, _) = diagnose::diagnose(&both, at(AGE), &world.sources());
    let best = &diagnosis.causes[0];
    assert_eq!((best.fault, best.evidence.len()), (FaultClass::DataDrift, 3), "{best:?}");
    assert!(!best.summary.contains("in the last 31"), "{}", best.summary);
    let error = r#"sentinel_online_drift_score{service="income",model="income",kind="error"}"#;
    let (world, errors) = drifted(&[(error, 1.0, 0.99, "error: mean loss 0.1 -> 0.4 in the last 60 labels")]);
    let (diagnosis, _) = diagnose::diagnose(&errors, at(AGE), &world.sources());
    assert_eq!(diagnosis.causes[0].fault, FaultClass::ConceptDrift);
}

/// Guarantees 546: with the inputs explained, answers that are worse are their consequence and not a rival.
#[test]
fn other_inputs_explain_worse_answers() {
    let accuracy = (ACCURACY, 0.7, 0.8, "accuracy is 0.7, below 0.8");
    let (world, alone) = drifted(&[accuracy]);
    let (diagnosis, _) = diagnose::diagnose(&alone, at(AGE), &world.sources());
    assert_eq!(diagnosis.causes[0].fault, FaultClass::ConceptDrift);
    let (world, both) = drifted(&[(WHOLE, 0.3, 0.1, "6 of 20 features drifted"), accuracy]);
    let (diagnosis, _) = diagnose::diagnose(&both, at(AGE), &world.sources());
    assert_eq!(diagnosis.causes[0].fault, FaultClass::DataDrift);
    let of_concept = diagnosis.causes.iter().find(|it| it.fault == FaultClass::ConceptDrift);
    assert!(of_concept.is_none_or(|it| it.confidence < 0.5), "{of_concept:?}");
}
