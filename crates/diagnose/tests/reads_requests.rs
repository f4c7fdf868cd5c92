//! What spans show of a live incident: who takes longer himself, where failures begin, what is slow on the way.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test a panic is the report")]

mod world;

use signal::{Diagnosis, EvidenceSource, FaultClass, RequestMeasure};
use world::{AGE, World, at, incident};

const SHOP: &str = r#"http_request_duration_seconds{service="shop"}"#;

/// Requests of a shop by way of a cart to a stock, twice a second; from the onset on as told.
fn world(during: &[(&str, u64)], failing: Option<&str>) -> World {
    let mut world = World::default();
    world.put(SHOP, |it| if it >= 0.0 { 0.9 } else { 0.06 });
    let usual = [("shop", 20), ("cart", 20), ("stock", 20)];
    for secs in -200..AGE {
        for nth in 0..2 {
            let (chain, failing) = if secs >= 0 { (during, failing) } else { (&usual[..], None) };
            world.request(secs, nth, chain, failing);
        }
    }
    world.calls = vec![("shop".to_owned(), "cart".to_owned()), ("cart".to_owned(), "stock".to_owned())];
    world
}

fn diagnose(world: &World) -> Diagnosis {
    let (diagnosis, problems) = diagnose::diagnose(&incident(&[SHOP]), at(AGE), &world.sources());
    assert_eq!(problems, vec![]);
    let opens = |it: &signal::Evidence| diagnose::reopen(it, &world.sources()).unwrap();
    assert!(diagnosis.evidence.iter().all(opens), "{diagnosis:#?}");
    diagnosis
}

fn measure(diagnosis: &Diagnosis) -> Option<(RequestMeasure, &str)> {
    let best = diagnosis.causes.first()?;
    diagnosis.evidence_of(best).find_map(|it| match &it.source {
        EvidenceSource::Requests { measure, service, .. } => Some((*measure, service.as_str())),
        _ => None,
    })
}

/// Guarantees: MUST 633 and 634 of docs/specs/diagnosis.md.
#[test]
fn who_takes_longer_himself_is_blamed_and_not_who_waits_for_him() {
    let diagnosis = diagnose(&world(&[("shop", 20), ("cart", 20), ("stock", 800)], None));
    assert_eq!(diagnosis.causes[0].service, "stock", "{diagnosis:#?}");
    assert_eq!(measure(&diagnosis), Some((RequestMeasure::SelfTime, "stock")));
    assert!(diagnosis.causes[0].confidence > 0.5, "{diagnosis:#?}");
    let story = diagnosis.graph.story();
    assert!(story.starts_with("latency up of shop <- ") && story.ends_with("of stock"), "{story}");
}

/// Guarantees: MUST 633 of docs/specs/diagnosis.md: an error that goes up through its callers is blamed on who threw it.
#[test]
fn failures_are_blamed_where_they_begin() {
    let diagnosis = diagnose(&world(&[("shop", 20), ("cart", 20), ("stock", 20)], Some("cart")));
    let best = &diagnosis.causes[0];
    assert_eq!((best.service.as_str(), best.fault), ("cart", FaultClass::ErrorBurst), "{diagnosis:#?}");
    assert_eq!(measure(&diagnosis), Some((RequestMeasure::FirstErrors, "cart")));
}

/// Guarantees: MUST 634 of docs/specs/diagnosis.md.
#[test]
fn requests_that_do_not_show_it_are_no_evidence() {
    let slow = world(&[("shop", 20), ("cart", 20), ("stock", 800)], None);
    let quick = world(&[("shop", 20), ("cart", 20), ("stock", 20)], None);
    let diagnosis = diagnose(&slow);
    let of_requests = |it: &&signal::Evidence| matches!(it.source, EvidenceSource::Requests { .. });
    let evidence = diagnosis.evidence.iter().find(of_requests).unwrap();
    assert!(diagnose::reopen(evidence, &slow.sources()).unwrap());
    assert!(!diagnose::reopen(evidence, &quick.sources()).unwrap());
    let mut lost = slow.clone();
    lost.spans.clear();
    assert!(!diagnose::reopen(evidence, &lost.sources()).unwrap());
}
