//! One made-up incident per fault of the demo shop; the cause must come first, and all evidence must open again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test a panic is the report")]

mod world;

use signal::{Cause, Diagnosis, FaultClass, Incident, LogLevel};
use world::{AGE, START, World, at, incident};

const GATEWAY: &str = r#"http_request_duration_seconds{service="gateway",host="web-1",quantile="0.95"}"#;

fn diagnose(world: &World, incident: &Incident) -> Diagnosis {
    let (diagnosis, problems) = diagnose::diagnose(incident, at(AGE), &world.sources());
    assert_eq!(problems, vec![]);
    assert!(diagnosis.causes.iter().all(|it| it.confidence < 1.0 && !it.evidence.is_empty()));
    assert!(diagnosis.causes.is_sorted_by(|a, b| a.confidence >= b.confidence));
    for cause in &diagnosis.causes {
        assert_eq!(diagnosis.evidence_of(cause).count(), cause.evidence.len(), "{cause:?}");
    }
    for evidence in &diagnosis.evidence {
        assert!(diagnose::reopen(evidence, &world.sources()).unwrap(), "{evidence:?}");
        // It must survive JSON, in which it is stored.
        let text = serde_json::to_string(evidence).unwrap();
        assert_eq!(serde_json::from_str::<signal::Evidence>(&text).unwrap().id, evidence.id);
    }
    diagnosis
}

fn check(world: &World, symptoms: &[&str], service: &str, fault: FaultClass) -> Cause {
    let diagnosis = diagnose(world, &incident(symptoms));
    let told: Vec<String> = diagnosis
        .causes
        .iter()
        .map(|it| format!("{} {:?} {:.2}: {}", it.service, it.fault, it.confidence, it.summary))
        .collect();
    let best = diagnosis.causes.first().unwrap_or_else(|| panic!("no cause"));
    assert_eq!((best.service.as_str(), best.fault), (service, fault), "{}", told.join("\n"));
    assert!(best.confidence > 0.6, "{}", told.join("\n"));
    if let Some(second) = diagnosis.causes.get(1) {
        assert!(best.confidence - second.confidence > 0.1, "{}", told.join("\n"));
    }
    assert!(diagnosis.no_cause_confidence < 0.4);
    best.clone()
}

fn miner() -> World {
    let mut world = World::shop();
    let rise = |it: f64| if it >= -2.0 { 98.0 } else { 21.0 };
    world.put(r#"host_cpu_percent{host="app-1"}"#, rise);
    for core in 0..4 {
        world.put(&format!(r#"host_cpu_core_percent{{host="app-1",core="{core}"}}"#), rise);
    }
    let command = "/var/tmp/.cache/minerd -o pool";
    let process = format!(r#"{{host="app-1",pid="4242",start_time="{}",command="{command}"}}"#, START - 2);
    world.put_between(&format!("host_process_cpu_percent{process}"), -2..=AGE, |_| 310.0);
    world.put_between(&format!("host_process_memory_bytes{process}"), -2..=AGE, |_| 2.6e8);
    world.slow_down("catalog", 1.0);
    world.slow_down("checkout", 1.0);
    world
}

#[test]
fn cpu_miner() {
    let best = check(&miner(), &[GATEWAY, r#"host_cpu_percent{host="app-1"}"#], "app-1", FaultClass::CpuHog);
    for part in ["4242", "minerd -o pool", "app-1", "22:13:18", "21"] {
        assert!(best.summary.contains(part), "{}", best.summary);
    }
}

fn leak() -> World {
    let mut world = World::shop();
    let grow = |it: f64| 8e8 + 1.0e7 * (it + 45.0).clamp(0.0, 200.0);
    world.put(r#"service_memory_bytes{service="catalog",host="app-1"}"#, grow);
    world.put(r#"service_gc_pause_seconds{service="catalog",host="app-1"}"#, |it| if it > -5.0 { 0.2 } else { 0.01 });
    let line = "GC pause of 812.0 ms, old generation is nearly full";
    world.say("catalog", LogLevel::Warn, 5, "GC pause of <*> ms, old generation is nearly full", line);
    world.slow_down("catalog", 0.0);
    world
}

#[test]
fn memory_leak() {
    let catalog = r#"http_request_duration_seconds{service="catalog",host="app-1",quantile="0.95"}"#;
    let best = check(&leak(), &[catalog, GATEWAY], "catalog", FaultClass::MemoryLeak);
    assert!(best.summary.contains("of the limit"), "{}", best.summary);
}

fn pool() -> World {
    let mut world = World::shop();
    world.put(r#"db_pool_connections_in_use{service="inventory",host="data-1"}"#, |it| {
        (10.0 + 2.0 * (it + 15.0).max(0.0)).min(50.0)
    });
    world.put(r#"db_pool_wait_seconds{service="inventory",host="data-1"}"#, |it| if it > 0.0 { 1.5 } else { 0.001 });
    // Callers hold their own connections while they wait.
    world.put(r#"db_pool_connections_in_use{service="catalog",host="app-1"}"#, |it| if it > 3.0 { 48.0 } else { 10.0 });
    world.slow_down("inventory", 0.0);
    world.fail("inventory", 5.0);
    let line = "Timeout acquiring connection from pool inventory-db after 2000 ms (in use 50/50, waiting 7)";
    let template = "Timeout acquiring connection from pool inventory-db after <*> ms (in use <*>/<*>, waiting <*>)";
    world.say("inventory", LogLevel::Error, 3, template, line);
    world
}

#[test]
fn pool_exhaustion() {
    let best = check(&pool(), &[GATEWAY], "inventory", FaultClass::PoolExhaustion);
    assert!(best.summary.contains("of 50"), "{}", best.summary);
}

fn bad_deploy() -> World {
    let mut world = World::shop();
    world.deploy("checkout", -6);
    world.fail("checkout", 0.0);
    world.slow_down("checkout", 0.0);
    world.fail("gateway", 1.0);
    let line = "Unhandled exception java.lang.IllegalStateException at PriceRules.apply(PriceRules.java:88)";
    world.say("checkout", LogLevel::Error, 0, "Unhandled exception java.lang.IllegalStateException at <*>", line);
    world
}

#[test]
fn bad_deploy_is_named_with_its_lead() {
    let best = check(&bad_deploy(), &[GATEWAY], "checkout", FaultClass::BadDeploy);
    assert!(best.summary.contains("Deploy checkout 2.0.0") && best.summary.contains("6 s later"), "{}", best.summary);
}

#[test]
fn a_version_that_appears_counts_as_a_deploy() {
    let mut world = bad_deploy();
    world.changes.clear();
    world.put_between(r#"build_info{service="checkout",host="app-1",version="2.0.0"}"#, -5..=AGE, |_| 1.0);
    check(&world, &[GATEWAY], "checkout", FaultClass::BadDeploy);
}

#[test]
fn a_service_that_was_restarted_is_no_stranger_that_takes_the_cpu() {
    let mut world = bad_deploy();
    let process = |pid: u32| {
        format!(r#"host_process_cpu_percent{{host="app-1",pid="{pid}",start_time="{pid}",command="/srv/checkout"}}"#)
    };
    world.put_between(&process(100), -600..=-7, |_| 70.0);
    world.put_between(&process(200), -6..=AGE, |_| 75.0);
    let diagnosis = diagnose(&world, &incident(&[GATEWAY]));
    assert!(diagnosis.causes.iter().all(|it| it.fault != FaultClass::CpuHog), "{:?}", diagnosis.causes);
}

/// Scenario: the miner of the incident before was ended half a minute ago; a service uses half a core, as it may.
/// Guarantees: neither a process that is gone nor one that leaves the processor idle takes it away from others.
#[test]
fn processes_that_are_gone_or_idle_are_no_hogs() {
    let mut world = bad_deploy();
    let process = |pid: u32, command: &str| {
        format!(r#"host_process_cpu_percent{{host="app-1",pid="{pid}",start_time="{pid}",command="{command}"}}"#)
    };
    world.put_between(&process(300, "minerd"), -80..=-30, |_| 400.0);
    world.put_between(&process(301, "/srv/cart"), -20..=AGE, |_| 51.0);
    let diagnosis = diagnose(&world, &incident(&[GATEWAY]));
    assert!(diagnosis.causes.iter().all(|it| it.fault != FaultClass::CpuHog), "{:?}", diagnosis.causes);
}

#[test]
fn disk_filling() {
    let mut world = World::shop();
    let disk = r#"host_disk_used_percent{host="data-1",mount="/"}"#;
    world.put(disk, |it| (55.0 + 0.6 * (it + 10.0).max(0.0)).min(100.0));
    world.put(r#"host_disk_written_bytes_per_second{host="data-1"}"#, |it| if it > -10.0 { 1.5e8 } else { 1e6 });
    let line = "Dumping full request and response request_id=c0ffee00 bytes=77";
    world.say("inventory", LogLevel::Debug, -9, "Dumping full request and response request_id=<*> bytes=<*>", line);
    check(&world, &[disk], "data-1", FaultClass::DiskFilling);
}

fn dependency() -> World {
    let mut world = World::shop();
    world.slow_call("payments", "card-network", 0.0);
    world.put_rate(r#"client_errors_total{service="payments",host="data-1",peer_service="card-network"}"#, |it| {
        if it >= 1.0 { 4.0 } else { 0.01 }
    });
    world.slow_down("payments", 1.0);
    world.put(
        r#"db_pool_connections_in_use{service="payments",host="data-1"}"#,
        |it| if it > 2.0 { 49.0 } else { 10.0 },
    );
    let line = "Call to card-network timed out after 2000 ms attempt 2 request_id=00c0ffee";
    let template = "Call to card-network timed out after <*> ms attempt <*> request_id=<*>";
    world.say("payments", LogLevel::Error, 2, template, line);
    world
}

#[test]
fn dependency_timeout_blames_the_deepest_callee() {
    check(&dependency(), &[GATEWAY], "card-network", FaultClass::DependencyTimeout);
}

#[test]
fn harmless_deploys_are_not_blamed() {
    for (name, make) in [("miner", miner as fn() -> World), ("pool", pool), ("dependency", dependency)] {
        for service in ["gateway", "catalog", "checkout"] {
            let mut world = make();
            let before = diagnose(&world, &incident(&[GATEWAY])).causes[0].clone();
            world.deploy(service, -180);
            let after = diagnose(&world, &incident(&[GATEWAY])).causes[0].clone();
            assert_eq!((before.service, before.fault), (after.service, after.fault), "{name}, deploy of {service}");
        }
    }
}

#[test]
fn a_deploy_after_which_nothing_changed_is_no_cause() {
    let mut world = World::shop();
    world.deploy("gateway", -20);
    let diagnosis = diagnose(&world, &incident(&[]));
    assert_eq!((diagnosis.causes.len(), diagnosis.no_cause_confidence), (0, 1.0));
}

#[test]
fn more_evidence_never_lowers_the_confidence_of_a_cause() {
    let confidence = |world: &World| diagnose(world, &incident(&[GATEWAY])).causes[0].confidence;
    let (full, mut less) = (pool(), pool());
    less.templates.clear();
    assert!(confidence(&full) > confidence(&less));
    let (full, mut less) = (bad_deploy(), bad_deploy());
    less.templates.clear();
    assert!(confidence(&full) > confidence(&less));
}
