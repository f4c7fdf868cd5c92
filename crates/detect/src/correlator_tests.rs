//! One incident per cause: what the correlator promises.

use signal::{Direction, Labels, Opinion, Score, Severity};

use super::*;
use crate::service_map::ServiceMap;

/// A correlator over a shop: web -> shop -> payments -> db, shop -> stock, and apart from it: mail -> smtp.
struct World {
    correlator: Correlator,
    map: ServiceMap,
    now: Timestamp,
    changed: Vec<Incident>,
}

impl World {
    fn new() -> Self {
        let map = ServiceMap::new();
        for (from, to) in
            [("web", "shop"), ("shop", "payments"), ("payments", "db"), ("shop", "stock"), ("mail", "smtp")]
        {
            map.learn(&Labels::metric("client_errors_total", &[("service", from), ("peer_service", to)]));
        }
        let correlator = Correlator::new(Arc::new(Config::default()), 1);
        Self { correlator, map, now: Timestamp::from_secs(1_767_225_600), changed: vec![] }
    }

    fn pass(&mut self, secs: u64) {
        for _ in 0..secs {
            self.now = self.now.plus(Duration::from_secs(1));
            self.changed.extend(self.correlator.tick(self.now, &self.map));
        }
    }

    /// An anomaly now, `factor` times the expected value of 100.
    fn see(&mut self, labels: &str, factor: f64) {
        let anomaly = self.anomaly(labels, factor, 4.0);
        self.correlator.observe(anomaly);
    }

    fn end(&mut self, labels: &str) {
        let anomaly = Anomaly { is_over: true, ..self.anomaly(labels, 1.0, 0.1) };
        self.correlator.observe(anomaly);
    }

    fn anomaly(&self, labels: &str, factor: f64, value: f64) -> Anomaly {
        let y = 100.0 * factor;
        let score = Score { value, is_ready: true, yhat: 100.0, ..Score::warming_up(y) };
        Anomaly {
            labels: labels.parse().unwrap(),
            kind: AnomalyKind::Point,
            direction: if factor < 1.0 { Direction::Below } else { Direction::Above },
            onset: self.now,
            time: self.now,
            score,
            severity: Severity::Warning,
            is_over: false,
            explanation: String::new(),
        }
    }

    /// The newest copy of each incident.
    fn incidents(&self) -> Vec<Incident> {
        let newest: BTreeMap<IncidentId, Incident> = self.changed.iter().map(|it| (it.id, it.clone())).collect();
        newest.into_values().collect()
    }

    fn services(&self) -> Vec<String> {
        self.incidents().iter().map(|it| it.services.join(" ")).collect()
    }
}

#[test]
fn symptoms_of_connected_services_are_one_incident() {
    let mut world = World::new();
    for labels in [
        r#"latency{service="db"}"#,
        // Two steps away at the same time: the service between them shows nothing yet.
        r#"latency{service="shop"}"#,
        r#"latency{service="payments"}"#,
        r#"client_errors_total{service="shop",peer_service="payments"}"#,
        r#"latency{service="web"}"#,
    ] {
        world.see(labels, 3.0);
        world.pass(2);
    }
    assert_eq!(world.services(), ["db shop payments web"]);
    let incident = world.incidents().remove(0);
    assert_eq!(incident.title, "db: latency 3.0 x above expected");
    assert_eq!(incident.symptoms.len(), 5);
    assert_eq!(incident.timeline.len(), 6);
    assert!(incident.timeline[0].text.contains("INC-1 was opened"));
}

#[test]
fn unrelated_services_are_incidents_of_their_own() {
    let mut world = World::new();
    world.see(r#"latency{service="db"}"#, 3.0);
    world.see(r#"latency{service="smtp"}"#, 3.0);
    world.see(r#"latency{service="alone"}"#, 3.0);
    world.pass(1);
    assert_eq!(world.services(), ["alone", "db", "smtp"]);
}

#[test]
fn a_host_joins_the_services_that_run_on_it() {
    let mut world = World::new();
    world.map.learn(&r#"latency{service="smtp",host="web-9"}"#.parse().unwrap());
    world.see(r#"host_cpu_percent{host="web-9"}"#, 9.0);
    world.pass(1);
    world.see(r#"latency{service="smtp"}"#, 3.0);
    world.pass(1);
    assert_eq!(world.services(), ["web-9 smtp"]);
    // Latency is what is felt, so it names the incident.
    assert_eq!(world.incidents()[0].title, "smtp: latency 3.0 x above expected");
}

#[test]
fn an_incident_is_resolved_after_its_last_symptom_and_a_later_fault_is_a_new_one() {
    let mut world = World::new();
    world.see(r#"latency{service="db"}"#, 3.0);
    world.see(r#"latency{service="payments"}"#, 3.0);
    world.pass(20);
    world.end(r#"latency{service="db"}"#);
    world.pass(20);
    assert!(world.incidents()[0].is_open());
    world.end(r#"latency{service="payments"}"#);
    world.pass(9);
    assert!(world.incidents()[0].is_open());
    let ended_at = world.now.minus(Duration::from_secs(9));
    world.pass(3);
    let incident = world.incidents().remove(0);
    assert_eq!((incident.status, incident.ended_at), (IncidentStatus::Resolved, Some(ended_at)));
    assert!(incident.timeline.windows(2).all(|it| it[0].time <= it[1].time));
    world.pass(120);
    world.see(r#"latency{service="db"}"#, 3.0);
    world.pass(1);
    assert_eq!(world.services(), ["db payments", "db"]);
}

#[test]
fn a_flapping_symptom_opens_the_same_incident_again() {
    let mut world = World::new();
    for _ in 0..5 {
        world.see(r#"latency{service="db"}"#, 3.0);
        world.pass(5);
        world.end(r#"latency{service="db"}"#);
        world.pass(40);
    }
    assert_eq!(world.incidents().len(), 1);
    assert_eq!(world.incidents()[0].symptoms.len(), 1);
}

#[test]
fn evidence_opens_nothing_and_is_found_beside_the_incident() {
    let mut world = World::new();
    world.see(r#"host_load1{host="h"}"#, 9.0);
    world.see(r#"http_requests_total{service="db"}"#, 2.0);
    world.see(r#"host_network_sent_bytes_per_second{host="h"}"#, 0.1);
    world.pass(30);
    assert_eq!(world.services(), Vec::<String>::new());
    world.see(r#"host_cpu_percent{host="h"}"#, 9.0);
    world.pass(1);
    let incident = world.incidents().remove(0);
    let evidence = world.correlator.evidence(&incident, &world.map);
    assert_eq!(evidence.len(), 2);
}

#[test]
fn a_resource_that_grows_with_traffic_is_no_incident() {
    let traffic = r#"http_requests_total{service="shop",host="h"}"#;
    for (labels, factor, is_explained) in [
        (r#"service_cpu_percent{service="shop"}"#, 2.4, true),
        (r#"service_cpu_percent{service="shop"}"#, 9.0, false),
        (r#"service_cpu_percent{service="shop"}"#, 0.5, true),
        (r#"host_cpu_percent{host="h"}"#, 1.9, true),
        (r#"db_pool_connections_in_use{service="payments"}"#, 2.0, true),
        (r#"http_requests_total{service="shop",status="500"}"#, 2.0, true),
        (r#"queue_depth{service="smtp"}"#, 2.0, false),
        (r#"latency{service="shop"}"#, 2.0, false),
    ] {
        let mut world = World::new();
        world.see(labels, factor);
        world.see(traffic, 2.0);
        world.pass(3);
        world.see(labels, factor);
        world.pass(30);
        assert_eq!(world.incidents().is_empty(), is_explained, "{labels} {factor}");
    }
}

#[test]
fn a_creeping_resource_waits_for_traffic_to_explain_it() {
    for comes in [true, false] {
        let mut world = World::new();
        let creeping = world.anomaly(r#"service_memory_bytes{service="shop"}"#, 1.3, 1.1);
        world.correlator.observe(creeping);
        world.pass(5);
        assert!(world.incidents().is_empty());
        if comes {
            world.see(r#"http_requests_total{service="shop"}"#, 1.4);
        }
        world.pass(8);
        assert_eq!(world.incidents().is_empty(), comes);
    }
}

#[test]
fn the_worst_symptom_makes_the_severity() {
    let mut world = World::new();
    world.see(r#"latency{service="db"}"#, 3.0);
    world.pass(1);
    let critical = Anomaly { severity: Severity::Critical, ..world.anomaly(r#"latency{service="db"}"#, 8.2, 9.0) };
    world.correlator.observe(critical);
    world.pass(1);
    let incident = world.incidents().remove(0);
    assert_eq!((incident.severity, incident.title.as_str()), (Severity::Critical, "db: latency 8.2 x above expected"));
    assert_eq!(incident.symptoms[0].peak.value, 9.0);
}

#[test]
fn a_restart_goes_on_with_open_incidents() {
    let mut world = World::new();
    world.see(r#"latency{service="db"}"#, 3.0);
    world.pass(1);
    let open = world.incidents();
    let mut after = World::new();
    after.now = world.now;
    after.correlator.resume(open);
    assert_eq!(after.correlator.next_id(), 2);
    after.see(r#"latency{service="db"}"#, 5.0);
    after.pass(1);
    assert_eq!(after.services(), ["db"]);
    assert_eq!(after.incidents()[0].id, IncidentId(1));
    // A symptom that nobody confirms or ends any more does not stay for ever.
    after.pass(620);
    assert_eq!(after.incidents()[0].status, IncidentStatus::Resolved);
}

#[test]
fn what_the_caller_changes_is_kept() {
    let mut world = World::new();
    world.see(r#"latency{service="db"}"#, 3.0);
    world.pass(1);
    let mut incident = world.incidents().remove(0);
    incident.status = IncidentStatus::Acknowledged;
    incident.feedback = Some(Opinion::Right);
    incident.timeline.push(TimelineEntry { time: world.now, text: "Seen by Ada.".to_owned() });
    world.correlator.update_external(&incident);
    world.see(r#"latency{service="payments"}"#, 3.0);
    world.pass(1);
    let incident = world.incidents().remove(0);
    assert_eq!((incident.status, incident.feedback), (IncidentStatus::Acknowledged, Some(Opinion::Right)));
    assert_eq!(incident.timeline.iter().filter(|it| it.text == "Seen by Ada.").count(), 1);
    assert_eq!(incident.services, ["db", "payments"]);
    assert!(incident.timeline.windows(2).all(|it| it[0].time <= it[1].time));
}

#[test]
fn absurd_anomalies_are_survived_and_counted() {
    let mut world = World::new();
    for millis in [i64::MIN, i64::MAX, 0] {
        let time = Timestamp::from_millis(millis);
        let score = Score { value: f64::NAN, y: f64::INFINITY, ..Score::warming_up(f64::NAN) };
        let it = Anomaly { onset: time, time, score, ..world.anomaly(r#"latency{service="db"}"#, 1.0, 1.0) };
        world.correlator.observe(Anomaly { is_over: millis == 0, ..it.clone() });
        world.correlator.observe(it);
        world.pass(1);
    }
    assert!(!world.correlator.metrics().is_empty());
    assert!(world.incidents().iter().all(|it| !it.title.is_empty()));
}

#[test]
fn what_is_found_among_peers_joins_the_incident_and_ends_apart() {
    let mut world = World::new();
    let labels = r#"latency{service="db",instance="db-3"}"#;
    let peer = |it: &World, is_over| Anomaly {
        kind: AnomalyKind::Peer,
        explanation: "Seven peers are at 100.".to_owned(),
        is_over,
        ..it.anomaly(labels, 3.0, 4.0)
    };
    world.see(labels, 3.0);
    world.correlator.observe(peer(&world, false));
    world.pass(1);
    let incident = world.incidents().remove(0);
    assert_eq!(world.incidents().len(), 1);
    let kinds: Vec<AnomalyKind> = incident.symptoms.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [AnomalyKind::Point, AnomalyKind::Peer]);
    assert_eq!(incident.symptoms[1].explanation, "Seven peers are at 100.");
    // The series by itself takes the level for normal; its peers do not.
    world.end(labels);
    world.pass(30);
    let incident = world.incidents().remove(0);
    assert!(incident.is_open());
    assert_eq!(incident.symptoms.iter().filter(|it| it.ended_at.is_some()).count(), 1);
    world.correlator.observe(peer(&world, true));
    world.pass(30);
    assert_eq!(world.incidents().remove(0).status, IncidentStatus::Resolved);
}

#[test]
fn evidence_opens_nothing_until_it_is_a_symptom() {
    let mut world = World::new();
    let joint = |it: &World| Anomaly { kind: AnomalyKind::Joint, ..it.anomaly(r#"latency{service="db"}"#, 3.0, 4.0) };
    world.correlator.observe_evidence(joint(&world));
    world.pass(1);
    assert_eq!(world.incidents(), []);
    world.correlator.observe(joint(&world));
    world.pass(1);
    assert_eq!(world.services(), ["db"]);
    world.correlator.observe_evidence(Anomaly { is_over: true, ..joint(&world) });
    world.pass(30);
    assert_eq!(world.incidents().remove(0).status, IncidentStatus::Resolved);
}

#[test]
fn evidence_of_groups_is_shown_in_the_incident_of_its_service() {
    let mut world = World::new();
    let joint = |it: &World, service: &str| Anomaly {
        kind: AnomalyKind::Joint,
        ..it.anomaly(&format!(r#"cpu_usage{{service="{service}"}}"#), 0.5, 2.0)
    };
    world.see(r#"latency{service="db"}"#, 3.0);
    world.pass(1);
    for service in ["db", "payments"] {
        world.correlator.observe_evidence(joint(&world, service));
    }
    world.pass(1);
    let incident = world.incidents().remove(0);
    assert_eq!(incident.services, ["db"]);
    assert_eq!(incident.symptoms.iter().filter(|it| it.kind == AnomalyKind::Joint).count(), 1);
    world.end(r#"latency{service="db"}"#);
    world.correlator.observe_evidence(Anomaly { is_over: true, ..joint(&world, "db") });
    world.pass(30);
    assert_eq!(world.incidents().len(), 1);
    assert_eq!(world.incidents().remove(0).status, IncidentStatus::Resolved);
}
