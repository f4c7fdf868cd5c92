//! How is the program itself? Intake, counters, readiness, metadata, rules.

use serve::{Health, IntakeStatus, NamedCount, TenantStatus, WorkerStatus, WorkforceStatus};
use signal::{Labels, Meter, Metric};

use super::{HOSTILE, World};

impl serve::Intake for World {
    fn intake(&self) -> IntakeStatus {
        let named = |name: &str, count| NamedCount { name: name.to_owned(), count };
        let tenant = |name: &str, series| TenantStatus {
            name: name.to_owned(),
            series,
            max_series: 1000,
            max_streams: 100,
            over_limit: series / 1000,
            labels: vec![named("user_id", 970), named(HOSTILE, 3)],
            metrics: vec![named("logins_total", 980)],
            ..TenantStatus::default()
        };
        let tenants = vec![tenant("anonymous", 12), tenant(HOSTILE, 1000)];
        IntakeStatus {
            in_flight_bytes_max: 1 << 20,
            in_flight_bytes_limit: 1 << 28,
            tenants,
            ..IntakeStatus::default()
        }
    }
}

impl serve::Workforce for World {
    fn workforce(&self) -> WorkforceStatus {
        let worker = WorkerStatus {
            name: HOSTILE.to_owned(),
            address: "http://10.0.0.7:8080".to_owned(),
            partitions: vec![0, 1, 2, 5],
            lag: 1200,
            anomalies: 3,
            heard: self.clock.now(),
        };
        WorkforceStatus { partitions: 7, workers: if self.series.is_empty() { vec![] } else { vec![worker] } }
    }
}

impl Meter for World {
    fn metrics(&self) -> Vec<Metric> {
        let of_source = |name, count, source: &str| Metric::counter(name, "", count).label("source", source);
        let lag = |partition: u32, messages: f64| {
            let metric = Metric::gauge("sentinel_ingest_kafka_lag_messages", "", messages);
            metric.label("group", "sentinel").label("topic", HOSTILE).label("partition", &partition.to_string())
        };
        let counts = vec![
            of_source("sentinel_ingest_signals_received_total", 1_234_567, "otlp"),
            of_source("sentinel_ingest_signals_dropped_total", 42, "otlp").label("reason", "over_limit"),
            of_source("sentinel_ingest_errors_total", 3, "loki").label("kind", "malformed"),
            of_source("sentinel_ingest_turned_away_total", 5, "loki"),
            Metric::counter("sentinel_ingest_kafka_messages_total", "", 99),
            lag(0, 17.0),
            lag(1, 0.0),
        ];
        let is_idle = self.series.is_empty();
        let always = [
            Metric::counter("sentinel_ingest_dropped_samples_total", "Samples dropped.", 3)
                .label("reason", "a\"b\\c\nd"),
            Metric::gauge("sentinel_store_series", "Series stored.", self.series.len() as f64),
        ];
        counts.into_iter().filter(|_| !is_idle).chain(always).collect()
    }
}

impl Health for World {
    fn ready(&self) -> Result<(), String> {
        if self.series.is_empty() { Err("no series yet".to_owned()) } else { Ok(()) }
    }

    fn mode(&self) -> String {
        "demo".to_owned()
    }
}

impl serve::MetricBook for World {
    fn metadata(&self, metric: Option<&str>) -> std::collections::BTreeMap<String, Vec<serve::MetricMetadata>> {
        let told = |kind: &str, help: &str| {
            vec![serve::MetricMetadata { kind: kind.to_owned(), help: help.to_owned(), unit: String::new() }]
        };
        let all = [("queue_depth", told("gauge", "Jobs that wait.")), ("up", told("gauge", "It answers \"1\"."))];
        let wanted = all.into_iter().filter(|(name, _)| metric.is_none_or(|it| it == *name));
        wanted.map(|(name, it)| (name.to_owned(), it)).collect()
    }
}

impl serve::RuleBook for World {
    fn groups(&self) -> Vec<serve::RuleGroup> {
        let (last_evaluation, labels) = (self.begin, Labels::new([("severity", "page")]));
        let alert = serve::FiringAlert {
            labels: Labels::new([("alertname", "QueueIsLong"), ("severity", "page")]),
            annotations: Labels::new([("summary", "17 jobs wait")]),
            state: "firing",
            active_at: self.begin,
            keep_firing_since: None,
            value: "1.7e+01".to_owned(),
        };
        let alerting = serve::Alerting {
            state: "firing",
            for_secs: 60.0,
            keep_firing_secs: 0.0,
            annotations: Labels::new([("summary", "{{ $value }} jobs wait")]),
            alerts: Some(vec![alert]),
        };
        let rule = |kind, name: &str, labels, alerting| serve::Rule {
            kind,
            name: name.to_owned(),
            query: "queue_depth > 10".to_owned(),
            labels,
            health: "ok",
            last_error: None,
            evaluation_secs: 0.001,
            last_evaluation,
            alerting,
        };
        vec![serve::RuleGroup {
            name: "shop".to_owned(),
            file: "rules/shop.yaml".to_owned(),
            rules: vec![
                rule("alerting", "QueueIsLong", labels, Some(alerting)),
                rule("recording", "queue:long", Labels::default(), None),
            ],
            interval: 15.0,
            limit: 0,
            evaluation_secs: 0.002,
            last_evaluation,
        }]
    }

    fn alertmanagers(&self) -> Vec<String> {
        vec!["http://127.0.0.1:9093/api/v2/alerts".to_owned()]
    }
}
