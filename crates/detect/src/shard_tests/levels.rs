//! Which values and changes of a level are told, and which are only a fault that ends?

use super::*;

#[test]
fn an_impossible_value_is_critical_at_once_on_a_fresh_server() {
    for (labels, value, is_impossible) in [
        (r#"cpu_usage{service="PaymentGateway"}"#, 900.0, true),
        (r#"cpu_usage{service="PaymentGateway"}"#, 799.0, false),
        (r#"cpu_usage{service="PaymentGateway"}"#, -5.0, true),
        ("host_cpu_percent", 150.0, true),
        ("host_cpu_percent", 100.4, false),
        ("host_memory_used_percent", 120.0, true),
        ("service_cpu_percent", 300.0, false),
        ("hit_ratio", 3.0, false),
        ("latency", 1e9, false),
    ] {
        let mut world = World::new();
        let verdict = world.see(labels, value);
        assert_eq!(verdict.is_anomalous, is_impossible, "{labels} {value}");
        let told = world.take();
        assert_eq!(told.len(), usize::from(is_impossible), "{labels} {value}");
        if let Some(anomaly) = told.first() {
            assert_eq!((anomaly.kind, anomaly.severity), (AnomalyKind::Impossible, Severity::Critical));
            assert!(verdict.score.value > 1.0 && verdict.score.is_ready && verdict.score.deviation().abs() > 3.0);
        }
    }
}

#[test]
fn a_ratio_that_kept_its_bounds_may_not_break_them() {
    let mut world = World::new();
    world.run("hit_ratio", repeat(0.9, 30));
    world.run("hit_ratio", [3.0]);
    assert_eq!(world.take().first().map(|it| it.kind), Some(AnomalyKind::Impossible));
    world.run("compression_ratio", repeat(3.0, 30));
    assert_eq!(world.take(), vec![]);
}

#[test]
fn a_flat_series_is_silent_until_something_happens() {
    let mut world = World::new();
    let labels = r#"cpu_usage{service="pay"}"#;
    let quiet = world.run(labels, repeat(50.0, 20).chain([50.0001, 51.0, 49.5]));
    assert!(quiet.iter().all(|it| !it.is_anomalous));
    assert_eq!(quiet.iter().filter(|it| it.fate == Fate::WarmingUp).count(), 16);
    assert!(world.run(labels, [80.0])[0].is_anomalous);
    // k of n: the first anomalous point is a verdict, not yet an anomaly.
    assert_eq!(world.take(), vec![]);
    world.run(labels, [80.0, 80.0]);
    let told = world.take();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind, told[0].direction, told[0].is_over), (AnomalyKind::Point, Direction::Above, false));
    assert_eq!(told[0].time.secs_since(told[0].onset), 2.0);
}

#[test]
fn a_sustained_fault_is_one_episode_and_then_the_new_level() {
    let mut world = World::new();
    let mut random = fastrand::Rng::with_seed(1);
    world.run("latency", (0..300).map(|_| noisy(&mut random, 100.0, 4.0)));
    world.run("latency", (0..900).map(|_| noisy(&mut random, 400.0, 4.0)));
    let told = world.take();
    let ends: Vec<_> = told.iter().filter(|it| it.is_over).collect();
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].kind, AnomalyKind::LevelShift);
    assert!((600.0..630.0).contains(&ends[0].time.secs_since(ends[0].onset)));
    assert!(told.iter().all(|it| it.onset == ends[0].onset));
    // Told again every 5 s at most.
    assert!((100..=125).contains(&told.len()), "{}", told.len());
}

#[test]
fn a_short_fault_recovers() {
    let mut world = World::new();
    let mut random = fastrand::Rng::with_seed(2);
    for (value, count) in [(100.0, 200), (400.0, 30), (100.0, 200)] {
        world.run("latency", (0..count).map(|_| noisy(&mut random, value, 4.0)));
    }
    let told = world.take();
    assert_eq!(told.iter().filter(|it| it.is_over).count(), 1);
    let end = told.last().unwrap();
    assert!(end.is_over && end.kind == AnomalyKind::Point);
    assert_eq!(end.time.secs_since(end.onset), 34.0);
}

#[test]
fn a_filling_disk_and_a_leak_are_told_although_the_level_follows() {
    for (labels, base, slope) in
        [(r#"host_disk_used_percent{mount="/"}"#, 40.0, 0.12), (r#"service_memory_bytes{service="pay"}"#, 4e8, 1.2e6)]
    {
        let mut world = World::new();
        let mut random = fastrand::Rng::with_seed(3);
        world.run(labels, (0..600).map(|_| noisy(&mut random, base, base * 0.002)));
        assert_eq!(world.take(), vec![], "{labels}");
        let began = world.now;
        world.run(labels, (0..150).map(|it| noisy(&mut random, base + slope * f64::from(it), base * 0.002)));
        let told = world.take();
        let first = told.first().unwrap_or_else(|| panic!("{labels} was not told"));
        assert!(first.time.secs_since(began) <= 120.0, "{labels}: {}", first.time.secs_since(began));
        assert!(told.iter().all(|it| !it.is_over && it.onset == first.onset));
    }
}

#[test]
fn every_point_has_one_fate() {
    let mut world = World::new();
    let at = |secs: i64| Timestamp::from_millis(START.millis() + secs * 1000);
    for (time, value, fate) in [
        (at(0), 1.0, Fate::WarmingUp),
        (at(0), 2.0, Fate::Duplicate),
        (at(-5), 2.0, Fate::Late),
        (at(61), 2.0, Fate::Future),
        (Timestamp::from_millis(i64::MAX), 2.0, Fate::Future),
        (Timestamp::from_millis(i64::MIN), 2.0, Fate::Future),
        (at(1), f64::NAN, Fate::Stale),
        (at(1), f64::INFINITY, Fate::NotFinite),
        (at(1), f64::NEG_INFINITY, Fate::NotFinite),
        (at(2), 1e308, Fate::WarmingUp),
    ] {
        let verdict = world.see_at("latency", time, value);
        assert_eq!(verdict.fate, fate, "{time} {value}");
        assert_eq!(verdict.score.value.is_nan(), value.is_nan());
    }
    assert_eq!(world.see("host_process_cpu_percent", 1.0).fate, Fate::Ignored);
    assert_eq!(world.fates().values().sum::<u64>(), 11);
    assert_eq!(world.fates()["future"], 3);
    assert_eq!(world.shard.metrics().len(), Fate::ALL.len() + 5);
}

#[test]
fn scores_bands_and_ranks_can_be_asked_for() {
    let mut world = World::new();
    world.run("latency", repeat(5.0, 200).chain([50.0]));
    world.run("queue_depth", repeat(5.0, 50));
    let latency: Labels = "latency".parse().unwrap();
    let (_, score) = world.shard.score(latency.id()).unwrap();
    assert_eq!((score.y, score.yhat), (50.0, 5.0));
    let band = world.shard.band(latency.id(), TimeRange::ALL);
    assert_eq!(band.len(), 120);
    assert!(band.windows(2).all(|it| it[0].0 < it[1].0));
    assert_eq!(world.shard.highest(1)[0].0, latency);
    assert_eq!(world.shard.highest(9).len(), 2);
    assert!(world.shard.score(SeriesId::from_hash(1)).is_none());
}

#[test]
fn an_impossible_value_tells_the_possible_range() {
    for (labels, value, upper) in
        [("cpu_usage", 900.0, 800.0), ("cpu_usage", -9.0, 800.0), ("host_memory_used_percent", 120.0, 100.0)]
    {
        let mut world = World::new();
        world.run(labels, repeat(50.0, 30));
        let score = world.run(labels, [value])[0].score.clone();
        assert_eq!((score.yhat_lower, score.yhat_upper), (0.0, upper), "{labels} {value}");
    }
}

#[test]
fn a_full_resource_is_critical() {
    for (labels, severity) in [("host_memory_used_percent", Severity::Critical), ("cpu_usage", Severity::Warning)] {
        let mut world = World::new();
        world.run(labels, repeat(40.0, 60).chain(repeat(98.0, 10)));
        assert_eq!(world.take().first().map(|it| it.severity), Some(severity), "{labels}");
    }
}

#[test]
fn an_anomalous_series_gets_the_band_of_a_quiet_one() {
    let mut world = World::with(Config { band_series: 2, ..Config::default() });
    let labels = ["latency_a", "latency_b", "latency_c", "latency_d"];
    let has_band =
        |world: &World, it: &str| !world.shard.band(it.parse::<Labels>().unwrap().id(), TimeRange::ALL).is_empty();
    let bands = |world: &World| labels.map(|it| has_band(world, it));
    for _ in 0..30 {
        world.pass(1);
        labels.iter().for_each(|it| _ = world.see(it, 1.0));
    }
    assert_eq!(bands(&world), [true, true, false, false]);
    world.run("latency_d", [9.0]);
    assert_eq!(bands(&world), [false, true, false, true]);
    world.run("latency_c", repeat(9.0, 3));
    assert_eq!(bands(&world), [false, false, true, true]);
    // All that have one are anomalous: nobody is robbed.
    world.run("latency_a", [9.0]);
    assert_eq!(bands(&world), [false, false, true, true]);
    let band = world.shard.band(labels[2].parse::<Labels>().unwrap().id(), TimeRange::ALL);
    assert_eq!(band.iter().map(|(_, it)| it.y).collect::<Vec<_>>(), [9.0; 3]);
}
