//! What of the past is learned, what is missing, and what is not judged?

use super::*;

#[test]
fn backfill_is_learned_and_not_reported() {
    let mut world = World::new();
    world.now = Timestamp::from_millis(START.millis() + 100_000_000);
    for second in 0..100 {
        let value = if second < 90 { 100.0 } else { 900.0 };
        world.see_at("latency", START.plus(std::time::Duration::from_secs(second)), value);
    }
    assert_eq!(world.take(), vec![]);
    assert_eq!(world.fates()["scored"], 84);
}

/// Guarantees: what is told as past is learned and opens nothing, also if it is of the last minutes; while only the past
/// is known nothing is missing; and what follows live is judged by what was learned.
#[test]
fn the_past_is_learned_and_opens_nothing() {
    let mut world = World::new();
    let labels = "latency_seconds{service=\"pay\"}";
    let mut random = fastrand::Rng::with_seed(7);
    for age in (1..=1200).rev() {
        // Ten minutes ago there was a fault.
        let value = if (600..660).contains(&age) { 5.0 } else { noisy(&mut random, 0.2, 0.01) };
        let point = Point { time: START.minus(std::time::Duration::from_secs(age + 30)), value };
        world.shard.observe_past(&labels.parse().unwrap(), point, START, &mut world.told);
    }
    assert_eq!(world.take(), []);
    world.pass(120);
    assert_eq!(world.take(), [], "nothing is missing before it came once");
    world.run(labels, (0..30).map(|_| noisy(&mut random, 0.2, 0.01)));
    assert_eq!(world.take(), [], "what is as usual is known");
    world.run(labels, repeat(5.0, 20));
    assert!(world.take().iter().any(|it| !it.is_over), "what is unusual is told");
}

#[test]
fn one_stopped_series_and_a_stopped_service_are_one_anomaly_each() {
    let mut world = World::new();
    let both = [r#"latency{service="a"}"#, r#"queue_depth{service="a"}"#, r#"latency{service="b"}"#];
    for _ in 0..100 {
        world.pass(1);
        both.iter().for_each(|it| _ = world.see(it, 5.0));
    }
    // One of two series of `a` stops.
    for _ in 0..40 {
        world.pass(1);
        both[1..].iter().for_each(|it| _ = world.see(it, 5.0));
    }
    let told = world.take();
    assert!(told.iter().all(|it| it.kind == AnomalyKind::MissingData && it.labels.to_string() == both[0]));
    assert!(!told.is_empty() && told[0].time.secs_since(told[0].onset) <= 21.0);
    world.pass(1);
    world.see(both[0], 5.0);
    assert!(world.take().iter().any(|it| it.is_over));
    // All of `a` stops.
    for _ in 0..40 {
        world.pass(1);
        world.see(both[2], 5.0);
    }
    let told = world.take();
    assert!(!told.is_empty() && told.iter().all(|it| it.labels.to_string() == r#"{service="a"}"#), "{told:#?}");
    world.pass(1);
    world.see(both[1], 5.0);
    let told = world.take();
    assert_eq!((told.len(), told[0].is_over), (1, true));
}

#[test]
fn nothing_is_missing_after_a_pause_a_stale_marker_or_irregular_points() {
    let mut world = World::new();
    world.run("latency", repeat(5.0, 100));
    // The program itself was suspended for an hour.
    world.now = world.now.plus(std::time::Duration::from_secs(3600));
    world.pass(1);
    world.run("latency", repeat(5.0, 100));
    world.run("latency", [f64::NAN]);
    world.pass(100);
    assert_eq!(world.take(), vec![]);
    for gap in [1, 20, 2, 40, 1, 60].repeat(20) {
        world.pass(gap);
        world.see("by_hand", 5.0);
    }
    world.pass(100);
    assert_eq!(world.take(), vec![]);
}

#[test]
fn a_stale_series_ends_its_episode() {
    let mut world = World::new();
    world.run("latency", repeat(5.0, 100).chain(repeat(50.0, 10)).chain([f64::NAN]));
    assert!(world.take().last().unwrap().is_over);
}

#[test]
fn maintenance_is_scored_but_neither_learned_nor_reported() {
    let text = r#"{"maintenance": [{"labels": {"service": "pay"},
        "starts_at": "2026-01-01T00:02:00Z", "ends_at": "2026-01-01T00:04:00Z"}]}"#;
    let mut world = World::with(serde_json::from_str(text).unwrap());
    let verdicts = world.run(r#"latency{service="pay"}"#, repeat(5.0, 119).chain(repeat(50.0, 100)));
    assert_eq!(world.take(), vec![]);
    let last = verdicts.last().unwrap();
    assert_eq!((last.fate, last.is_anomalous), (Fate::Maintenance, false));
    assert!(last.score.value > 1.0);
    world.run(r#"latency{service="pay"}"#, repeat(5.0, 60));
    assert_eq!(world.take(), vec![]);
    world.run(r#"latency{service="pay"}"#, repeat(50.0, 10));
    assert!(!world.take().is_empty());
}
