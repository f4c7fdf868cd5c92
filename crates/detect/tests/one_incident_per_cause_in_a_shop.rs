//! A simulated shop of eight services with a daily rhythm, through shard, map and correlator: each fault is one
//! incident, a normal rise of traffic and quiet time are none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use detect::{Config, Correlator, ServiceMap, Shard};
use signal::{Incident, IncidentId, IncidentStatus, Labels, Point, Timestamp};

const SERVICES: [(&str, &str, &[&str]); 8] = [
    ("web", "h1", &["shop"]),
    ("shop", "h1", &["cart", "payments", "stock"]),
    ("cart", "h2", &["db"]),
    ("payments", "h2", &["db", "ledger"]),
    ("stock", "h3", &["db"]),
    ("ledger", "h3", &["db"]),
    ("db", "h4", &[]),
    ("mail", "h4", &[]),
];

/// How the shop is doing in a second.
#[derive(Clone, Copy, Default)]
struct Trouble {
    /// Factor on the latency of `db` and of everything that waits for it.
    db_latency: f64,
    /// Share of requests of `payments` that fail.
    payments_failures: f64,
    /// Percent of a core that a process burns on h3.
    burned_percent: f64,
    /// Bytes leaked by `stock`.
    leaked_bytes: f64,
    /// Factor on traffic.
    traffic: f64,
}

struct Shop {
    shard: Shard,
    map: ServiceMap,
    correlator: Correlator,
    random: fastrand::Rng,
    second: i64,
    counters: BTreeMap<String, f64>,
    incidents: BTreeMap<IncidentId, Incident>,
}

impl Shop {
    fn new(seed: u64) -> Self {
        let config = Arc::new(Config::default());
        Self {
            shard: Shard::new(Arc::clone(&config)),
            map: ServiceMap::new(),
            correlator: Correlator::new(config, 1),
            random: fastrand::Rng::with_seed(seed),
            second: 0,
            counters: BTreeMap::new(),
            incidents: BTreeMap::new(),
        }
    }

    fn run(&mut self, secs: i64, trouble: impl Fn(f64) -> Trouble) {
        for since in 0..secs {
            self.second += 1;
            self.step(trouble(since as f64));
        }
    }

    fn step(&mut self, trouble: Trouble) {
        let now = Timestamp::from_secs(1_767_225_600 + self.second);
        let mut points = vec![];
        let angle = std::f64::consts::TAU * self.second as f64 / 900.0;
        let traffic = (1.0 + 0.4 * angle.sin()) * (1.0 + trouble.traffic);
        for (service, host, callees) in SERVICES {
            let has_db =
                callees.contains(&"db") || service == "db" || callees.contains(&"payments") || service == "web";
            let slow = if has_db && service != "mail" { 1.0 + trouble.db_latency } else { 1.0 };
            let is_stock = service == "stock";
            let failing = if service == "payments" { trouble.payments_failures } else { 0.0 } + 0.002;
            let rate = 80.0 * traffic * self.noise(0.05);
            let own = |name: &str, more: &str| format!(r#"{name}{{service="{service}",host="{host}"{more}}}"#);
            let good = self.count(&own("http_requests_total", r#",status="200""#), rate * (1.0 - failing));
            let bad = self.count(&own("http_requests_total", r#",status="500""#), rate * failing);
            points.push((own("http_requests_total", r#",status="200""#), good));
            points.push((own("http_requests_total", r#",status="500""#), bad));
            for (quantile, latency) in [("0.5", 0.02), ("0.95", 0.06), ("0.99", 0.1)] {
                let labels = own("http_request_duration_seconds", &format!(r#",quantile="{quantile}""#));
                points.push((labels, latency * slow * self.noise(0.08)));
            }
            points.push((own("service_cpu_percent", ""), 30.0 * traffic * self.noise(0.05)));
            let leaked = if is_stock { trouble.leaked_bytes } else { 0.0 };
            points.push((own("service_memory_bytes", ""), 3e8 * self.noise(0.01) + leaked));
            points.push((
                own("db_pool_connections_in_use", ""),
                (5.0 * traffic * slow * self.noise(0.1)).round().min(20.0),
            ));
            points.push((own("queue_depth", ""), (4.0 * traffic * self.noise(0.3)).round()));
            for peer in callees {
                let more = format!(r#",peer_service="{peer}",quantile="0.95""#);
                points.push((own("client_request_duration_seconds", &more), 0.05 * slow * self.noise(0.08)));
            }
        }
        for host in ["h1", "h2", "h3", "h4"] {
            let burned = if host == "h3" { trouble.burned_percent } else { 0.0 };
            let used = (18.0 * traffic * self.noise(0.08) + burned).min(100.0);
            points.push((format!(r#"host_cpu_percent{{host="{host}"}}"#), used));
            points.push((format!(r#"host_memory_used_percent{{host="{host}"}}"#), 50.0 * self.noise(0.005)));
            let bytes = 1e6 * traffic * self.noise(0.3);
            points.push((format!(r#"host_network_sent_bytes_per_second{{host="{host}"}}"#), bytes));
        }
        let mut anomalies = vec![];
        for (labels, value) in points {
            let labels: Labels = labels.parse().expect("the shop writes valid labels");
            self.map.learn(&labels);
            self.shard.observe(&labels, Point { time: now, value }, now, &mut anomalies);
        }
        self.shard.tick(now, &mut anomalies);
        anomalies.into_iter().for_each(|it| self.correlator.observe(it));
        let changed = self.correlator.tick(now, &self.map);
        self.incidents.extend(changed.into_iter().map(|it| (it.id, it)));
    }

    fn noise(&mut self, share: f64) -> f64 {
        1.0 + share * (self.random.f64() + self.random.f64() + self.random.f64() - 1.5)
    }

    fn count(&mut self, labels: &str, rate: f64) -> f64 {
        let whole = rate.floor() + f64::from(u8::from(self.random.f64() < rate.fract()));
        let counter = self.counters.entry(labels.to_owned()).or_default();
        *counter += whole;
        *counter
    }

    /// The incidents that were opened or have changed since the last call.
    fn take(&mut self) -> Vec<Incident> {
        std::mem::take(&mut self.incidents).into_values().collect()
    }
}

/// For messages: when, what, who.
fn show(incidents: &[Incident]) -> Vec<String> {
    let lines = incidents.iter().map(|it| {
        let symptoms: Vec<String> =
            it.symptoms.iter().map(|it| format!("{} ({:.1})", it.labels, it.peak.value)).collect();
        format!("{} at {}: {} {symptoms:?}", it.id, it.detected_at, it.title)
    });
    lines.collect()
}

fn quiet(_: f64) -> Trouble {
    Trouble::default()
}

#[test]
fn every_fault_is_one_incident_and_quiet_time_none() {
    for seed in 0..4 {
        let mut shop = Shop::new(seed);
        shop.run(1500, quiet);
        assert_eq!(show(&shop.take()), Vec::<String>::new(), "seed {seed}");
        let faults: [(&str, &dyn Fn(f64) -> Trouble); 4] = [
            ("db", &|_| Trouble { db_latency: 4.0, ..Trouble::default() }),
            ("payments", &|_| Trouble { payments_failures: 0.3, ..Trouble::default() }),
            ("h3", &|_| Trouble { burned_percent: 60.0, ..Trouble::default() }),
            ("stock", &|since| Trouble { leaked_bytes: 1.5e6 * since, ..Trouble::default() }),
        ];
        for (name, fault) in faults {
            shop.run(120, fault);
            let during = shop.take();
            assert_eq!(during.len(), 1, "seed {seed} {name}: {:#?}", show(&during));
            println!("seed {seed} {name}: {:?}", show(&during));
            assert!(during[0].services.iter().any(|it| it == name), "seed {seed} {name}: {:?}", during[0].services);
            let id = during[0].id;
            shop.run(240, quiet);
            let after = shop.take();
            assert!(after.iter().all(|it| it.id == id), "seed {seed} after {name}: {:#?}", show(&after));
            assert!(after.iter().any(|it| it.status == IncidentStatus::Resolved), "seed {seed} {name} is not resolved");
        }
    }
}

#[test]
fn a_normal_rise_of_traffic_is_no_incident() {
    for seed in 0..2 {
        for rise_secs in [1.0, 30.0, 120.0] {
            let mut shop = Shop::new(seed);
            shop.run(1500, quiet);
            shop.run(200, |since| Trouble { traffic: 0.8 * (since / rise_secs).min(1.0), ..Trouble::default() });
            shop.run(200, quiet);
            let opened = shop.take();
            assert!(opened.is_empty(), "seed {seed} rise {rise_secs}: {:#?}", show(&opened));
        }
    }
}

#[test]
fn a_service_that_stops_is_one_incident() {
    let mut shop = Shop::new(1);
    shop.run(300, quiet);
    // Nothing comes any more from anybody but one host, as after a network split.
    let labels: Labels = r#"host_cpu_percent{host="h9"}"#.parse().unwrap();
    for _ in 0..40 {
        shop.second += 1;
        let now = Timestamp::from_secs(1_767_225_600 + shop.second);
        let mut anomalies = vec![];
        shop.shard.observe(&labels, Point { time: now, value: 5.0 }, now, &mut anomalies);
        shop.shard.tick(now, &mut anomalies);
        anomalies.into_iter().for_each(|it| shop.correlator.observe(it));
        let changed = shop.correlator.tick(now.plus(Duration::ZERO), &shop.map);
        shop.incidents.extend(changed.into_iter().map(|it| (it.id, it)));
    }
    let opened = shop.take();
    assert_eq!(opened.len(), 1, "{:#?}", show(&opened));
    // Eight services and four hosts, one symptom each.
    assert_eq!(opened[0].symptoms.len(), 12);
}
