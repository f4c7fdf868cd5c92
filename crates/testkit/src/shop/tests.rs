//! Does the shop behave like a shop? Shape, repeatability, normal bands, and the effect of each fault.

use std::collections::{BTreeMap, BTreeSet};

use signal::{LogLevel, Role};

use super::*;

/// Runs a shop for a while; per series its values, and all lines and changes.
struct Run {
    series: BTreeMap<String, Vec<f64>>,
    logs: Vec<LogRecord>,
    changes: Vec<Change>,
}

fn run(shop: &mut Shop, from_secs: i64, secs: i64) -> Run {
    let mut run = Run { series: BTreeMap::new(), logs: vec![], changes: vec![] };
    for second in from_secs..from_secs + secs {
        let tick = shop.step(Timestamp::from_secs(second));
        for series in tick.samples {
            run.series.entry(series.labels.to_string()).or_default().push(series.points[0].value);
        }
        run.logs.extend(tick.logs);
        run.changes.extend(tick.changes);
    }
    run
}

impl Run {
    fn values(&self, selector: &str) -> &[f64] {
        self.series.get(selector).unwrap_or_else(|| panic!("no series {selector}"))
    }

    fn mean(&self, selector: &str) -> f64 {
        let values = self.values(selector);
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// The last value: what a ramp has reached.
    fn last(&self, selector: &str) -> f64 {
        *self.values(selector).last().unwrap()
    }

    fn says(&self, text: &str) -> usize {
        self.logs.iter().filter(|it| it.line.contains(text)).count()
    }
}

const LATENCY: &str = "http_request_duration_seconds";

fn latency(service: &str, host: &str, quantile: &str) -> String {
    format!("{LATENCY}{{host=\"{host}\",quantile=\"{quantile}\",service=\"{service}\"}}")
}

#[test]
fn has_about_two_hundred_series_and_natural_logs() {
    let run = run(&mut Shop::new(1), 0, 300);
    let n_series = run.series.len();
    assert!((180..=260).contains(&n_series), "{n_series} series");
    assert!(run.series.values().all(|it| it.len() == 300 && it.iter().all(|value| value.is_finite())));
    let lines_per_second = run.logs.len() as f64 / 300.0;
    assert!((2.0..10.0).contains(&lines_per_second), "{lines_per_second} lines/s");
    assert!(run.logs.iter().all(|it| !it.line.contains(['{', '}'])), "every placeholder is filled");
    let distinct: BTreeSet<_> = run.logs.iter().map(|it| &it.line).collect();
    assert!(distinct.len() * 10 > run.logs.len() * 8, "lines vary");
    assert!(run.logs.iter().any(|it| it.level() == LogLevel::Warn));
    assert!(run.changes.is_empty());
}

#[test]
fn the_same_seed_gives_the_same_shop() {
    let ticks = |seed| {
        let mut shop = Shop::new(seed);
        shop.inject(Fault::BadDeploy { service: "cart".to_owned() });
        (0..40).map(|it| shop.step(Timestamp::from_secs(it))).collect::<Vec<_>>()
    };
    assert_eq!(ticks(7), ticks(7));
    assert_ne!(ticks(7), ticks(8));
}

#[test]
fn traffic_follows_the_day_and_cpu_follows_traffic() {
    let run = run(&mut Shop::new(2), 0, 900);
    let cpu = run.values("service_cpu_percent{host=\"app-1\",service=\"catalog\"}");
    let mean = |from: usize, to: usize| cpu[from..to].iter().sum::<f64>() / (to - from) as f64;
    let (noon, night) = (mean(200, 250), mean(650, 700));
    assert!(noon / night > 1.6 && noon / night < 2.1, "noon {noon} night {night}");
}

#[test]
fn counters_never_fall() {
    let run = run(&mut Shop::new(3), 0, 200);
    for (selector, values) in run.series.iter().filter(|(it, _)| it.contains("_total{")) {
        assert!(values.is_sorted(), "{selector}");
    }
}

/// What a fault must show after some seconds, compared with the minute before.
struct Effect {
    fault: Fault,
    after_secs: i64,
    /// A series and by what factor its newest value is above the mean before.
    raised: Vec<(String, f64)>,
    /// What the logs say.
    line: &'static str,
}

fn effects() -> Vec<Effect> {
    let [miner, pool, deploy, dependency, leak, disk] = Fault::all().try_into().unwrap();
    vec![
        Effect {
            fault: miner,
            after_secs: 10,
            raised: vec![("host_cpu_percent{host=\"app-1\"}".to_owned(), 2.5), (latency("cart", "app-1", "0.5"), 1.3)],
            line: "Worker thread starved",
        },
        Effect {
            fault: pool,
            after_secs: 30,
            raised: vec![
                ("db_pool_connections_in_use{host=\"data-1\",service=\"inventory\"}".to_owned(), 3.0),
                (latency("inventory", "data-1", "0.95"), 5.0),
                (latency("checkout", "app-2", "0.95"), 2.0),
                (latency("gateway", "web-1", "0.99"), 1.5),
            ],
            line: "Timeout acquiring connection from pool inventory-db",
        },
        Effect {
            fault: deploy,
            after_secs: 15,
            raised: vec![(latency("checkout", "app-2", "0.5"), 1.2)],
            line: "IllegalStateException",
        },
        Effect {
            fault: dependency,
            after_secs: 12,
            raised: vec![
                (
                    "client_request_duration_seconds{host=\"data-1\",peer_service=\"card-network\",quantile=\"0.95\",service=\"payments\"}"
                        .to_owned(),
                    5.0,
                ),
                (latency("payments", "data-1", "0.5"), 5.0),
                (latency("checkout", "app-2", "0.5"), 3.0),
            ],
            line: "Call to card-network timed out",
        },
        Effect {
            fault: leak,
            after_secs: 70,
            raised: vec![("service_memory_bytes{host=\"web-1\",service=\"recommendations\"}".to_owned(), 1.8)],
            line: "old generation is nearly full",
        },
        Effect {
            fault: disk,
            after_secs: 75,
            raised: vec![
                ("host_disk_used_percent{host=\"data-1\",mount=\"/\"}".to_owned(), 1.5),
                ("host_disk_written_bytes_per_second{host=\"data-1\"}".to_owned(), 5.0),
            ],
            line: "No space left on device",
        },
    ]
}

#[test]
fn each_fault_shows_itself_and_ends_with_its_remedy() {
    for effect in effects() {
        let name = effect.fault.name();
        let mut shop = Shop::new(4);
        let before = run(&mut shop, 0, 60);
        assert_eq!(before.says(effect.line), 0, "{name}: the line is a sign of the fault");
        shop.inject(effect.fault.clone());
        let mut during = run(&mut shop, 60, effect.after_secs);
        for (selector, factor) in &effect.raised {
            // The disk is full and nothing more is written in the very last seconds: look at the peak.
            let peak = during.values(selector).iter().copied().fold(0.0, f64::max);
            let usual = before.mean(selector);
            assert!(peak > usual * factor, "{name}: {selector} went from {usual} to {peak}");
        }
        assert!(during.says(effect.line) > 0, "{name}: nobody says {:?}", effect.line);
        assert!(shop.remedy(&effect.fault.remedy().unwrap()), "{name}");
        assert!(!shop.remedy(&effect.fault.remedy().unwrap()), "{name}: a remedy ends a fault once");
        during = run(&mut shop, 60 + effect.after_secs, 20);
        for (selector, _) in &effect.raised {
            let (now, usual) = (during.last(selector), before.mean(selector));
            assert!(now < usual * 1.35 + 0.002, "{name}: {selector} stays at {now}, usually {usual}");
        }
        assert!(shop.active().is_empty(), "{name}");
    }
}

#[test]
fn decoys_leave_latency_and_errors_in_their_band() {
    for decoy in Fault::decoys() {
        let mut shop = Shop::new(5);
        let before = run(&mut shop, 0, 200);
        shop.inject(decoy.clone());
        let during = run(&mut shop, 200, 100);
        for (selector, values) in before.series.iter().filter(|(it, _)| it.starts_with(LATENCY)) {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let (median, low, high) = (sorted[100], sorted[10], sorted[190]);
            let mut later = during.values(selector).to_vec();
            later.sort_by(f64::total_cmp);
            let moved = (later[50] - median).abs() / (high - low);
            assert!(moved < 1.0, "{}: {selector} moved by {moved} of its band", decoy.name());
        }
        assert_eq!(during.logs.iter().filter(|it| it.line.contains("Exception")).count(), 0);
    }
    let mut shop = Shop::new(5);
    let before = run(&mut shop, 0, 60);
    shop.inject(Fault::TrafficRise);
    let during = run(&mut shop, 60, 80);
    let cpu = "service_cpu_percent{host=\"web-1\",service=\"gateway\"}";
    assert!(during.last(cpu) > before.mean(cpu) * 1.5);
}

#[test]
fn deploys_are_changes_and_show_in_build_info() {
    let mut shop = Shop::new(6);
    run(&mut shop, 0, 5);
    shop.inject(Fault::BadDeploy { service: "checkout".to_owned() });
    let deployed = run(&mut shop, 5, 3);
    assert_eq!(deployed.changes.len(), 1);
    let version = deployed.changes[0].version.clone().unwrap();
    let info = format!("build_info{{host=\"app-2\",service=\"checkout\",version=\"{version}\"}}");
    assert_eq!(deployed.values(&info).len(), 3);
    shop.remedy(&Remedy::Rollback { service: "checkout".to_owned() });
    let rolled_back = run(&mut shop, 8, 3);
    assert!(rolled_back.changes[0].title.starts_with("Roll back"));
    assert!(!rolled_back.series.contains_key(&info));
}

#[test]
fn every_symptom_series_has_a_role() {
    let tick = Shop::new(1).step(Timestamp::from_secs(0));
    for series in &tick.samples {
        let name = series.labels.name();
        let other_is_fine = ["host_processes", "service_gc_pause_seconds", "host_swap_used_percent"].contains(&name);
        assert!(other_is_fine || Role::of(&series.labels) != Role::Other, "{name} says nothing to policies");
    }
}
