//! What is promised of services judged as a whole.

use signal::{AnomalyKind, Direction, Labels, Timestamp};

use super::*;

const SIGNALS: [&str; 5] =
    ["http_requests_per_second", "service_cpu_percent", "latency_seconds", "db_pool_connections_in_use", "queue_depth"];

/// One service whose CPU, pool and queue follow its traffic.
struct World {
    watch: GroupWatch,
    random: fastrand::Rng,
    second: i64,
    found: Findings,
}

impl World {
    fn new(seed: u64) -> Self {
        let watch = GroupWatch::new(Arc::new(Config::default()));
        Self { watch, random: fastrand::Rng::with_seed(seed), second: 0, found: Findings::default() }
    }

    /// Runs seconds with a rhythm of half an hour; `factors` change each signal.
    fn run(&mut self, secs: i64, load: f64, factors: [f64; 5]) {
        for _ in 0..secs / 5 {
            self.second += 5;
            let angle = self.second as f64 * std::f64::consts::TAU / 1800.0;
            let traffic = load * (1.0 + 0.5 * angle.sin()) * self.noise(0.05);
            let usual = [100.0 * traffic, 5.0 + 25.0 * traffic, 0.2, 6.0 * traffic, (5.0 * traffic).round()];
            for ((name, y), factor) in SIGNALS.iter().zip(usual).zip(factors) {
                let labels = Labels::metric(name, &[("service", "pay"), ("host", "app-1")]);
                let time = Timestamp::from_secs(1_767_225_600 + self.second);
                let y = y * factor * self.noise(0.06);
                self.watch.observe(&GroupSample { labels, time, y, interval_secs: 5.0 });
            }
            let found = self.watch.tick();
            self.found.symptoms.extend(found.symptoms);
            self.found.evidence.extend(found.evidence);
        }
    }

    fn noise(&mut self, share: f64) -> f64 {
        1.0 + 2.0 * share * (self.random.f64() + self.random.f64() + self.random.f64() - 1.5)
    }
}

const AS_IS: [f64; 5] = [1.0; 5];

#[test]
fn traffic_up_and_cpu_down_is_told() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        world.run(5400, 1.0, AS_IS);
        assert_eq!(world.found, Findings::default(), "seed {seed}");
        // Traffic rises a little, and the CPU does half of what this would need.
        world.run(120, 1.2, [1.0, 0.5, 1.0, 1.0, 1.0]);
        assert_eq!(world.found.symptoms, [], "seed {seed}: not yet for long");
        let first = world.found.evidence.first().expect("it stands beside incidents at once").clone();
        assert_eq!((first.kind, first.direction), (AnomalyKind::Joint, Direction::Below));
        assert_eq!(first.labels.name(), "service_cpu_percent", "seed {seed}: {first:?}");
        assert!(first.explanation.contains("its 4 other signals imply"), "{}", first.explanation);
        world.run(600, 1.2, [1.0, 0.5, 1.0, 1.0, 1.0]);
        let symptom = world.found.symptoms.first().expect("after minutes it may open an incident").clone();
        assert_eq!(symptom.labels, first.labels);
        world.run(300, 1.0, AS_IS);
        assert!(world.found.symptoms.last().is_some_and(|it| it.is_over), "seed {seed}");
    }
}

#[test]
fn usual_life_of_a_service_opens_nothing() {
    let (mut evidence, mut hours) = (0, 0.0);
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.run(3 * 3600, 1.0, AS_IS);
        assert_eq!(world.found, Findings::default(), "seed {seed}");
        // A rise of traffic that goes on, and a night without any.
        world.run(1200, 1.8, AS_IS);
        world.run(1200, 0.15, AS_IS);
        world.run(3 * 3600, 1.0, AS_IS);
        hours += world.second as f64 / 3600.0;
        evidence += world.found.evidence.iter().filter(|it| it.is_over).count();
        assert_eq!(world.found.symptoms, [], "seed {seed}");
    }
    println!("{evidence} episodes of evidence in {hours:.0} hours of a service");
    // Two loads that were never seen before may each be noted once per run.
    assert!(evidence <= 40, "{evidence} episodes in {hours} hours");
}

#[test]
fn a_signal_that_goes_away_starts_the_service_anew() {
    let mut world = World::new(1);
    world.run(1800, 1.0, AS_IS);
    let value = |it: &World, name: &str| it.watch.metrics().iter().find(|it| it.name == name).map(|it| it.value);
    assert_eq!(value(&world, "sentinel_detect_group_services"), Some(1.0));
    assert_eq!(value(&world, "sentinel_detect_group_signals"), Some(5.0));
    let bytes = value(&world, "sentinel_detect_group_joint_bytes").unwrap();
    println!("{bytes} bytes for five signals");
    assert!(bytes < 4096.0, "{bytes}");
    world.run(900, 1.0, [1.0, 1.0, 1.0, 1.0, f64::NAN]);
    assert!(value(&world, "sentinel_detect_group_services").is_some());
    assert_eq!(world.found, Findings::default());
}
