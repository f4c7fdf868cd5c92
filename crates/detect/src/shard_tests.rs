//! What a shard promises, over simulated hosts and services.

use std::collections::BTreeMap;

use signal::{AnomalyKind, Direction, Severity};

use super::*;

/// A shard, its clock and everything it has told.
struct World {
    shard: Shard,
    now: Timestamp,
    told: Vec<Anomaly>,
}

/// 2026-01-01T00:00:00Z.
const START: Timestamp = Timestamp::from_secs(1_767_225_600);

impl World {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        assert_eq!(config.validate(), Vec::<String>::new());
        Self { shard: Shard::new(Arc::new(config)), now: START, told: vec![] }
    }

    fn see(&mut self, labels: &str, value: f64) -> Verdict {
        self.see_at(labels, self.now, value)
    }

    fn see_at(&mut self, labels: &str, time: Timestamp, value: f64) -> Verdict {
        self.shard.observe(&labels.parse().unwrap(), Point { time, value }, self.now, &mut self.told)
    }

    fn pass(&mut self, secs: i64) {
        for _ in 0..secs {
            self.now = self.now.plus(std::time::Duration::from_secs(1));
            self.shard.tick(self.now, &mut self.told);
        }
    }

    /// One point a second.
    fn run(&mut self, labels: &str, values: impl IntoIterator<Item = f64>) -> Vec<Verdict> {
        let step = |it| {
            self.pass(1);
            self.see(labels, it)
        };
        values.into_iter().map(step).collect()
    }

    fn take(&mut self) -> Vec<Anomaly> {
        std::mem::take(&mut self.told)
    }

    fn fates(&self) -> BTreeMap<&'static str, u64> {
        let pairs = Fate::ALL.iter().zip(self.shard.fates).map(|(fate, count)| (fate.as_str(), count));
        pairs.filter(|(_, count)| *count > 0).collect()
    }
}

fn repeat(value: f64, count: usize) -> impl Iterator<Item = f64> {
    std::iter::repeat_n(value, count)
}

fn noisy(random: &mut fastrand::Rng, value: f64, noise: f64) -> f64 {
    (value + noise * (random.f64() + random.f64() + random.f64() - 1.5)).max(0.0)
}

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

/// An idle host of two cores with the short bursts that are normal, for 40 minutes; then a busy loop on one core.
#[test]
fn an_idle_host_is_quiet_and_a_busy_loop_is_told_within_ten_seconds() {
    for seed in 0..5 {
        let mut world = World::new();
        let mut random = fastrand::Rng::with_seed(seed);
        for second in 0..2430 {
            world.pass(1);
            let is_cron = second % 60 < 3;
            let is_update = second % 600 < 5;
            let is_busy = second >= 2400;
            let base = noisy(&mut random, 3.0, 3.0);
            let burst = f64::from(u8::from(is_cron)) * 30.0 + f64::from(u8::from(is_update)) * 40.0;
            let cpu = (base + burst + if is_busy { 50.0 } else { 0.0 }).min(100.0);
            let host = |name: &str| format!(r#"{name}{{host="h"}}"#);
            world.see(&host("host_cpu_percent"), cpu);
            let first = if is_busy { 100.0 } else { noisy(&mut random, 4.0, 8.0) + 2.0 * burst };
            world.see(r#"host_cpu_core_percent{core="0",host="h"}"#, first.min(100.0));
            world.see(r#"host_cpu_core_percent{core="1",host="h"}"#, noisy(&mut random, 3.0, 8.0));
            world.see(&host("host_memory_used_percent"), noisy(&mut random, 31.0, 0.3) + burst / 20.0);
            world.see(&host("host_memory_used_bytes"), 1e9 + 1e7 * burst);
            world.see(&host("host_load1"), noisy(&mut random, 0.2, 0.1) + burst / 100.0);
            world.see(r#"host_disk_used_percent{host="h",mount="/"}"#, 40.0 + f64::from(second) * 1e-4);
            world.see(&host("host_processes"), (150.0 + burst / 5.0).round());
            let bytes = if random.u8(..) < 20 { 1e6 * random.f64() } else { 300.0 * random.f64() };
            world.see(r#"host_network_received_bytes_per_second{host="h",interface="eth0"}"#, bytes);
            world.see(r#"host_disk_written_bytes_per_second{host="h"}"#, if is_cron { 4e6 } else { 0.0 });
            if second == 2399 {
                let symptoms: Vec<_> = world.take().into_iter().filter(opens).collect();
                assert!(symptoms.is_empty(), "seed {seed}: {symptoms:#?}");
            }
        }
        let told: Vec<_> = world.take().into_iter().filter(opens).collect();
        let names: Vec<_> = told.iter().map(|it| it.labels.name().to_owned()).collect();
        assert!(names.iter().any(|it| it == "host_cpu_percent"), "seed {seed}: {names:?}");
        assert!(names.iter().any(|it| it == "host_cpu_core_percent"), "seed {seed}: {names:?}");
        assert!(told[0].time.secs_since(told[0].onset) <= 8.0);
    }
}

fn opens(anomaly: &Anomaly) -> bool {
    let rule = crate::policy::Rule::of(&anomaly.labels, &Config::default());
    rule.side(anomaly.direction).usage == crate::policy::Usage::Symptom && !anomaly.is_over
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
fn counters_are_judged_by_their_rate_and_survive_a_reset() {
    let mut world = World::new();
    let labels = r#"client_errors_total{service="pay"}"#;
    let mut reading = 1000.0;
    for second in 0..200 {
        reading = if second == 100 { 1.0 } else { reading + 1.0 };
        world.run(labels, [reading]);
    }
    assert_eq!(world.take(), vec![]);
    let verdicts = world.run(labels, (1..=5).map(|it| reading + 50.0 * f64::from(it)));
    assert_eq!(verdicts[4].score.y, 50.0);
    assert!(!world.take().is_empty());
}

#[test]
fn failures_that_appear_with_the_first_failure_were_zero_before() {
    let mut world = World::new();
    world.run(r#"http_requests_total{service="pay",status="200"}"#, (0..200).map(f64::from));
    world.run(r#"http_requests_total{service="pay",status="500"}"#, (1..8).map(|it| f64::from(it) * 20.0));
    let told: Vec<_> = world.take().into_iter().filter(|it| it.labels.get("status") == Some("500")).collect();
    assert_eq!(told.len(), 1);
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

#[test]
fn a_saved_shard_goes_on_the_same() {
    let mut world = World::new();
    let mut random = fastrand::Rng::with_seed(4);
    let names = ["latency", "client_errors_total", r#"cpu_usage{service="a b\"c"}"#, "young"];
    let feed = |world: &mut World, random: &mut fastrand::Rng| {
        world.pass(1);
        // One series is still warming up when it is saved.
        let is_young = world.now < START.plus(std::time::Duration::from_secs(70));
        let seen = names.iter().filter(|it| !is_young || **it != "young");
        seen.map(|it| world.see(it, 50.0 + random.f64()).score).collect::<Vec<_>>()
    };
    (0..77).for_each(|_| _ = feed(&mut world, &mut random));
    let bytes = world.shard.save();
    let mut restored = World::new();
    assert_eq!(restored.shard.restore(&bytes), Ok(4));
    restored.now = world.now;
    let mut twin = random.clone();
    for _ in 0..100 {
        // As text, because the rate of a counter is not a number before its second reading.
        let scores = |it| format!("{it:?}");
        assert_eq!(scores(feed(&mut world, &mut random)), scores(feed(&mut restored, &mut twin)));
    }
}

/// Scenario: state is saved in the middle of a fault, and another process goes on with the points since.
/// Guarantees: it tells what the first one tells, with the same onset, so that it can be known for a repeat.
#[test]
fn an_episode_goes_on_where_it_was_saved() {
    let mut world = World::new();
    world.run("latency", repeat(5.0, 120).chain(repeat(50.0, 10)));
    let told = world.take();
    let onset = told.first().map(|it| it.onset).expect("the fault is told");
    let mut restored = World::new();
    assert_eq!(restored.shard.restore(&world.shard.save()), Ok(1));
    restored.now = world.now;
    for world in [&mut world, &mut restored] {
        world.run("latency", repeat(50.0, 8).chain(repeat(5.0, 20)));
    }
    let (ours, theirs) = (world.take(), restored.take());
    assert!(ours.len() >= 2 && ours.iter().all(|it| it.onset == onset) && ours.last().is_some_and(|it| it.is_over));
    let identity = |it: &Anomaly| (it.kind, it.onset, it.time, it.is_over);
    assert_eq!(theirs.iter().map(identity).collect::<Vec<_>>(), ours.iter().map(identity).collect::<Vec<_>>());
}

/// Guarantees: a shard that judges while it is saved has every series in what was saved, each of them whole.
#[test]
fn a_shard_is_saved_while_it_judges() {
    let mut world = World::new();
    let names: Vec<String> = (0..100).map(|it| format!("latency_{it}")).collect();
    for round in 0..50 {
        world.pass(1);
        names.iter().for_each(|it| _ = world.see(it, 5.0 + f64::from(round % 3)));
    }
    let mut saving = crate::Saving::new();
    let mut bytes = vec![];
    while saving.write(&world.shard, 7) {
        bytes.extend(saving.take());
        world.pass(1);
        names.iter().for_each(|it| _ = world.see(it, 6.0));
    }
    bytes.extend(saving.finish());
    let mut restored = World::new();
    assert_eq!(restored.shard.restore(&bytes), Ok(100));
    restored.now = world.now;
    restored.pass(1);
    assert!(names.iter().all(|it| restored.see(it, 5.0).score.is_ready));
}

#[test]
fn damaged_state_starts_fresh_and_says_so() {
    let mut world = World::new();
    world.run("latency", repeat(5.0, 50));
    let bytes = world.shard.save();
    let mut other_version = bytes.clone();
    other_version[4] = 9;
    let restore = |bytes: &[u8]| Shard::new(Arc::new(Config::default())).restore(bytes);
    assert_eq!(restore(&bytes), Ok(1));
    assert_eq!(restore(&other_version), Err(crate::RestoreError::Version { found: 9 }));
    for len in 0..bytes.len() {
        assert!(restore(&bytes[..len]).is_err(), "{len}");
    }
    for idx in 8..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[idx] ^= 0x10;
        assert!(restore(&damaged).is_err(), "{idx}");
    }
}

#[test]
fn the_model_of_a_series_is_at_most_a_kibibyte_and_all_of_it_at_most_one_and_a_half() {
    let mut world = World::with(Config { band_series: 0, ..Config::default() });
    for idx in 0..1000 {
        world.see(&format!(r#"latency{{idx="{idx}"}}"#), 1.0);
    }
    let n_series = world.shard.series_count();
    let (model, all) = (world.shard.model_bytes() / n_series, world.shard.state_bytes() / n_series);
    println!("{model} bytes of model and {all} bytes in all per series");
    assert!(model <= 1024 && all <= 1536);
}

#[test]
fn long_silent_series_are_forgotten_and_their_slots_are_not_mixed_up() {
    let mut world = World::with(Config { forget_after_secs: 60, max_series: 1, ..Config::default() });
    let old = world.shard.slot(&"a".parse().unwrap()).unwrap();
    world.see("a", 1.0);
    assert_eq!(world.see("b", 1.0).fate, Fate::Ignored);
    world.pass(200);
    assert_eq!(world.shard.series_count(), 1, "how often it comes is not known yet");
    world.pass(100);
    assert_eq!(world.shard.series_count(), 0);
    world.see("b", 1.0);
    let point = Point { time: world.now, value: 1.0 };
    let verdict = world.shard.observe_slot(old, point, world.now, &mut world.told);
    assert_eq!(verdict.fate, Fate::UnknownSlot);
}

#[test]
fn a_series_with_a_point_a_week_is_not_forgotten_between_two_points() {
    const WEEK: i64 = 7 * 86_400;
    let mut shard = Shard::new(Arc::new(Config::default()));
    let labels: Labels = "backup_bytes".parse().unwrap();
    let see = |shard: &mut Shard, week: i64| {
        let time = Timestamp::from_secs(week * WEEK);
        shard.observe(&labels, Point { time, value: 5.0 }, time, &mut vec![]).fate
    };
    // After a jump of the clock everybody gets some seconds to come back.
    let look = |shard: &mut Shard, secs: i64| {
        (secs..secs + 60).for_each(|it| shard.tick(Timestamp::from_secs(it), &mut vec![]));
    };
    for week in 0..17 {
        assert_eq!(see(&mut shard, week), if week < 16 { Fate::WarmingUp } else { Fate::Scored });
        look(&mut shard, week * WEEK + 6 * 86_400);
    }
    look(&mut shard, 40 * WEEK);
    assert_eq!(shard.series_count(), 0);
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

/// The counter of the report: single failures a few seconds apart on a young series.
#[test]
fn scattered_failures_on_a_young_counter_open_nothing() {
    let mut world = World::new();
    let parts = [(0.0, 21), (1.0, 8), (2.0, 31), (3.0, 1), (4.0, 1), (5.0, 51), (6.0, 301)];
    let readings = parts.into_iter().flat_map(|(reading, count)| repeat(reading, count));
    world.run(r#"http_requests_total{service="pay",status="500"}"#, readings);
    assert_eq!(world.take(), vec![]);
}

/// Failures per second before and after; the fault has seconds without a failure and is told all the same.
#[test]
fn a_rise_of_rare_failures_is_told_whatever_zeros_lie_between() {
    for (before, after, within_secs) in
        [(0.03, 4.0, 10.0), (0.0, 1.5, 25.0), (0.3, 8.0, 8.0), (1.0, 8.0, 10.0), (0.0, 20.0, 4.0)]
    {
        for seed in 0..10 {
            let mut world = World::new();
            let mut random = fastrand::Rng::with_seed(seed);
            let mut reading = 0.0;
            for second in 0..700 {
                // Young, and then long watched.
                let is_fault = second >= if seed % 2 == 0 { 80 } else { 600 };
                let (mut product, limit) = (random.f64(), f64::exp(if is_fault { -after } else { -before }));
                while product > limit {
                    (product, reading) = (product * random.f64(), reading + 1.0);
                }
                world.run(r#"client_errors_total{service="pay"}"#, [reading]);
                if is_fault && !world.told.is_empty() {
                    break;
                }
            }
            let told = world.take();
            let first = told.first().unwrap_or_else(|| panic!("{before} to {after} seed {seed} was not told"));
            let began = START.plus(std::time::Duration::from_secs(if seed % 2 == 0 { 80 } else { 600 }));
            let secs = first.time.secs_since(began);
            assert!((0.0..=within_secs).contains(&secs), "{before} to {after} seed {seed}: after {secs} s");
            assert!(first.score.yhat <= before * 3.0 + 0.1 && first.score.yhat_upper < after.max(3.5));
        }
    }
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

/// A real host: bursts of compilers, memory that drifts, load that follows; 20 to 60 s after the start a busy loop on one
/// of two cores.
#[test]
fn a_busy_loop_on_a_host_that_has_just_been_met_is_told_within_ten_seconds() {
    for learning_secs in [20, 30, 45, 60] {
        for seed in 0..40 {
            let mut world = World::new();
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut load, mut memory, mut told_after) = (0.1, 35.0, None);
            for second in 0..learning_secs + 11 {
                world.pass(1);
                let is_busy = second >= learning_secs;
                // Now and then something runs for a second or two.
                let spike = if random.u32(..12) == 0 { 40.0 * random.f64() } else { 0.0 };
                let first = (noisy(&mut random, 2.0, 2.0) + spike).min(100.0);
                let first = if is_busy { 100.0 } else { first };
                let second_core = noisy(&mut random, 2.0, 2.0);
                let cpu = f64::midpoint(first, second_core);
                load += (f64::from(u8::from(is_busy)) + cpu / 200.0 - load) / 60.0;
                memory += 0.02 * (random.f64() - 0.45);
                let mut see = |name: &str, value: f64| {
                    let labels = format!(r#"{name}host="h"}}"#);
                    world.see(&labels, value);
                };
                see("host_cpu_percent{", (cpu * 10.0).round() / 10.0);
                see(r#"host_cpu_core_percent{core="0","#, first);
                see(r#"host_cpu_core_percent{core="1","#, second_core);
                see("host_load1{", (load * 100.0).round() / 100.0);
                see("host_memory_used_percent{", memory);
                see("host_memory_used_bytes{", memory * 4e7);
                see(r#"host_pressure_percent{kind="some",resource="cpu","#, if is_busy { 5.0 } else { 0.0 });
                see("host_processes{", 120.0 + (random.f64() * 3.0).round());
                if world.told.iter().any(opens) {
                    told_after = Some(second - learning_secs);
                    break;
                }
            }
            let case = format!("seed {seed} after {learning_secs} s: {told_after:?} {:#?}", world.told.first());
            assert!(told_after.is_some_and(|it| (0..=8).contains(&it)), "{case}");
        }
    }
}

/// Short compilations are load, and a drifting memory is life: an hour of it opens nothing.
#[test]
fn an_ordinary_host_with_bursts_is_quiet() {
    for seed in 0..10 {
        let mut world = World::new();
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut memory, mut burst_secs, mut load) = (35.0, 0_i32, 0.1);
        for _ in 0..3600 {
            world.pass(1);
            // Negative: seconds since the last one, because two without a pause are one long one.
            burst_secs -= 1;
            if burst_secs < -10 && random.u32(..60) == 0 {
                burst_secs = random.i32(1..6);
            }
            let is_burst = burst_secs > 0;
            let cpu = if is_burst { 30.0 + 65.0 * random.f64() } else { noisy(&mut random, 2.0, 2.0) };
            load += (cpu / 50.0 - load) / 60.0;
            memory = (memory + 0.05 * (random.f64() - 0.5)).clamp(20.0, 60.0);
            world.see(r#"host_cpu_percent{host="h"}"#, cpu);
            world.see(r#"host_cpu_core_percent{core="0",host="h"}"#, (1.5 * cpu).min(100.0));
            world.see(r#"host_load1{host="h"}"#, load);
            world.see(r#"host_memory_used_percent{host="h"}"#, memory + if is_burst { 3.0 } else { 0.0 });
            world.see(r#"host_processes{host="h"}"#, if is_burst { 160.0 } else { 120.0 });
            world.see(r#"host_disk_used_percent{host="h",mount="/"}"#, 50.0 + if is_burst { 0.1 } else { 0.0 });
        }
        let told: Vec<_> = world.take().into_iter().filter(opens).collect();
        assert!(told.is_empty(), "seed {seed}: {told:#?}");
    }
}

/// Scenario: the host was busy when it was first met, then it is idle, and a minute later a process takes one core.
/// Guarantees: the band has followed to the idle level, so that the busy loop is told within ten seconds.
#[test]
fn a_host_that_was_first_met_busy_is_soon_known_idle() {
    let mut world = World::new();
    let mut random = fastrand::Rng::with_seed(11);
    let cpu = r#"host_cpu_percent{host="vm"}"#;
    let busy: Vec<f64> = (0..40).map(|_| noisy(&mut random, 95.0, 2.0).min(100.0)).collect();
    let idle: Vec<f64> = (0..60).map(|_| noisy(&mut random, 3.0, 1.0).max(0.0)).collect();
    let hog: Vec<f64> = (0..10).map(|_| noisy(&mut random, 53.0, 1.0)).collect();
    world.run(cpu, busy.into_iter().chain(idle));
    assert!(!world.take().iter().any(opens), "being idle is no fault");
    world.run(cpu, hog);
    assert!(world.take().iter().any(opens), "the busy loop is not told within ten seconds");
}
