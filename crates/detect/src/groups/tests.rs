//! What the stage promises: fleets are found by themselves, the one that leaves is told, usual life is silent.

use signal::{Direction, Labels, Timestamp};

use super::*;

/// Replicas of one service that are watched every second or at intervals and offsets of their own.
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

    /// Runs seconds; `value` gets the replica's number, the second and a usual value, and says what it measures.
    fn run(&mut self, secs: i64, interval: i64, replicas: i64, value: impl Fn(i64, i64, f64) -> Option<f64>) {
        for _ in 0..secs {
            self.second += 1;
            for replica in (0..replicas).filter(|it| (self.second + it) % interval == 0) {
                // A day in an hour.
                let wave = 1.0 + 0.6 * (self.second as f64 * std::f64::consts::TAU / 3600.0).sin();
                let noise = 1.0 + 0.1 * (self.random.f64() + self.random.f64() + self.random.f64() - 1.5);
                if let Some(y) = value(replica, self.second, 0.2 * wave * noise) {
                    let labels = Labels::metric(
                        "latency_seconds",
                        &[
                            ("service", "pay"),
                            ("instance", &format!("10.0.0.{replica}:80")),
                            ("pod", &format!("pay-{replica}")),
                        ],
                    );
                    let time = Timestamp::from_secs(1_767_225_600 + self.second);
                    self.watch.observe(&GroupSample { labels, time, y, interval_secs: interval as f32 });
                }
            }
            let found = self.watch.tick();
            self.found.symptoms.extend(found.symptoms);
            self.found.evidence.extend(found.evidence);
        }
    }
}

fn as_is(_: i64, _: i64, y: f64) -> Option<f64> {
    Some(y)
}

#[test]
fn samples_of_a_series_that_comes_every_second_are_no_gaps() {
    let mut watch = GroupWatch::new(Arc::new(Config::default()));
    for second in (0..900).step_by(5) {
        for host in 0..4 {
            let labels = Labels::metric("host_cpu_percent", &[("host", &format!("web-{host}"))]);
            let time = Timestamp::from_secs(1_767_225_600 + second);
            let y = 20.0 + host as f64 + (second % 7) as f64;
            watch.observe(&GroupSample { labels, time, y, interval_secs: 1.0 });
        }
        watch.tick();
    }
    let groups = watch.groups();
    assert!(groups[0].is_ready && groups[0].members.iter().all(|it| it.value.is_some()), "{groups:?}");
}

#[test]
fn the_replica_that_is_slower_than_its_peers_is_told_once() {
    for interval in [1, 15] {
        let mut world = World::new(1);
        world.run(2700, interval, 8, as_is);
        assert_eq!(world.found, Findings::default());
        // At the bottom of the rhythm 1.7 times the usual is still less than everybody has at its top.
        let slow = |replica, _, y| Some(if replica == 3 { 1.7 * y } else { y });
        world.run(300, interval, 8, slow);
        let first = world.found.symptoms.first().expect("the slow replica is told");
        assert_eq!((first.kind, first.direction), (signal::AnomalyKind::Peer, Direction::Above));
        assert_eq!(first.labels.get("pod"), Some("pay-3"));
        let delay = first.time.millis() / 1000 - 1_767_225_600 - 2700;
        assert!(delay <= if interval == 1 { 105 } else { 135 }, "{delay} s at {interval} s");
        assert!(first.explanation.contains("The median of its 7 peers is"), "{}", first.explanation);
        assert!(first.explanation.contains("instance 10.0.0.3:80 is at"), "{}", first.explanation);
        assert!(world.found.symptoms.iter().all(|it| it.labels == first.labels && it.onset == first.onset));
        world.run(300, interval, 8, as_is);
        assert!(world.found.symptoms.last().is_some_and(|it| it.is_over));
        assert_eq!(world.found.evidence, []);
    }
}

#[test]
fn usual_life_is_silent() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.run(1200, 5, 8, as_is);
        // Everybody has three times the latency.
        world.run(300, 5, 8, |_, _, y| Some(3.0 * y));
        // Four more replicas, then two fewer, all slow at first.
        world.run(900, 5, 12, |it, second, y| Some(if it >= 8 && second < 1590 { 4.0 * y } else { y }));
        world.run(300, 5, 10, as_is);
        // A rolling restart: one after the other is away for 20 s and then cold for a minute.
        let start = world.second;
        world.run(1200, 5, 10, |it, second, y| match second - start - 90 * it {
            0..20 => None,
            20..80 => Some(2.5 * y),
            _ => Some(y),
        });
        // A new version that is slower, on one replica after the other.
        let start = world.second;
        world.run(900, 5, 10, |it, second, y| Some(if second - start > 15 * it { 1.5 * y } else { y }));
        assert_eq!(world.found, Findings::default(), "seed {seed}");
    }
}

#[test]
fn bounds_hold() {
    let text = r#"{"groups": {"fleet": {"max_members": 5, "max_series": 12}}}"#;
    let config: Config = serde_json::from_str(text).unwrap();
    assert_eq!(config.validate(), Vec::<String>::new());
    let mut watch = GroupWatch::new(Arc::new(config));
    for second in 0..30 {
        for number in 0..40 {
            let labels = Labels::metric(
                "latency",
                &[
                    ("service", if number < 10 { "a" } else { "b" }),
                    ("instance", &format!("{number}")),
                    ("zone", if number < 20 { "" } else { "unique" }),
                ],
            );
            let time = Timestamp::from_secs(1_767_225_600 + second);
            watch.observe(&GroupSample { labels, time, y: 1.0, interval_secs: 1.0 });
        }
        watch.tick();
    }
    let sizes: Vec<usize> = watch.groups().iter().map(|it| it.members.len()).collect();
    assert_eq!(sizes, [5, 5]);
    let metrics = watch.metrics();
    let value = |name: &str| metrics.iter().find(|it| it.name == name).map(|it| it.value);
    assert_eq!(value("sentinel_detect_group_members"), Some(12.0));
    assert_eq!(value("sentinel_detect_group_ignored_total"), Some(28.0 * 30.0));
    let per_member = value("sentinel_detect_group_fleet_bytes").unwrap() / 12.0;
    println!("{per_member} bytes per member");
    assert!(per_member < 700.0, "{per_member} bytes per member");
}

#[test]
fn problems_name_their_keys() {
    let text = r#"{"groups": {"sample_secs": 0, "fleet": {"min_members": 2, "deviation_share": -1, "labels": [""]}}}"#;
    let problems = serde_json::from_str::<Config>(text).unwrap().validate();
    for key in ["sample_secs", "fleet.min_members", "fleet.deviation_share", "fleet.labels"] {
        let key = format!("groups.{key}");
        assert!(problems.iter().any(|it| it.starts_with(&key)), "{key} in {problems:#?}");
    }
}
