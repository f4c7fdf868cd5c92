//! What does a small, made-up system look like? Fake ports, filled by closures of time.

// Each test file uses another part of it.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};

use diagnose::Sources;
use signal::{
    Anomaly, AnomalyKind, Change, ChangeKind, ChangeLog, Direction, History, Incident, IncidentId, IncidentStatus,
    Labels, LogHit, LogId, LogLevel, LogQuery, LogRecord, LogSearch, LogTemplate, Point, PortError, Score, SeriesId,
    SeriesQuery, Severity, Span, SpanId, SpanKind, SpanQuery, SpanStatus, Symptom, TemplateChange, TemplateTrend,
    Templates, TimeRange, Timestamp, Topology, TraceId, TraceSearch, TraceSummary,
};

/// The onset of every incident.
pub const START: i64 = 1_700_000_000;
/// Every test diagnoses so many seconds after the onset.
pub const AGE: i64 = 60;

/// Seconds after the onset.
pub fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(START + secs)
}

/// Everything that is stored.
#[derive(Clone, Default)]
pub struct World {
    pub series: BTreeMap<Labels, Vec<Point>>,
    pub lines: Vec<LogHit>,
    pub templates: Vec<TemplateChange>,
    pub changes: Vec<Change>,
    pub spans: Vec<Span>,
    pub calls: Vec<(String, String)>,
    pub hosts: Vec<(String, String)>,
}

impl World {
    /// A series at one point a second, from ten minutes before the onset.
    pub fn put(&mut self, labels: &str, value: impl Fn(f64) -> f64) {
        self.put_between(labels, -600..=AGE, value);
    }

    pub fn put_between(&mut self, labels: &str, secs: std::ops::RangeInclusive<i64>, value: impl Fn(f64) -> f64) {
        let labels: Labels = labels.parse().unwrap();
        let mut random = fastrand::Rng::with_seed(labels.id().hash());
        let mut noise = || 1.0 + 0.01 * (random.f64() - 0.5);
        let is_total = labels.name().ends_with("_total");
        let point = |it: i64| {
            let noise = if is_total { 1.0 } else { noise() };
            Point { time: at(it), value: value(it as f64) * noise }
        };
        self.series.insert(labels, secs.map(point).collect());
    }

    /// A counter with this rate per second.
    pub fn put_rate(&mut self, labels: &str, rate: impl Fn(f64) -> f64) {
        let mut sum = 0.0;
        let points = (-600..=AGE).map(|it| {
            sum += rate(it as f64);
            Point { time: at(it), value: sum }
        });
        let points: Vec<Point> = points.collect();
        self.series.insert(labels.parse().unwrap(), points);
    }

    /// Lines of one template, one a second from `from` on.
    pub fn say(&mut self, service: &str, level: LogLevel, from: i64, template: &str, line: &str) {
        for secs in from..=AGE {
            let labels = Labels::new([("service", service), ("level", level.as_str())]);
            let record = LogRecord::new(at(secs), labels, line);
            self.lines.push(LogHit { id: LogId(self.lines.len() as u64), record, relevance: 1.0 });
        }
        self.templates.push(TemplateChange {
            service: service.to_owned(),
            template: template.to_owned(),
            trend: TemplateTrend::New,
            level,
            before_per_minute: 0.0,
            after_per_minute: 60.0,
            onset: at(from),
            example: line.to_owned(),
        });
    }

    pub fn deploy(&mut self, service: &str, secs: i64) {
        self.changes.push(Change {
            time: at(secs),
            service: service.to_owned(),
            kind: ChangeKind::Deploy,
            title: format!("Deploy {service} 2.0.0"),
            version: Some("2.0.0".to_owned()),
        });
    }

    pub fn sources(&self) -> Sources<'_> {
        Sources { history: self, logs: self, templates: self, traces: self, changes: self, topology: self }
    }

    /// A service in its usual state, with a caller's view of each call.
    pub fn service(&mut self, name: &str, host: &str, callees: &[&str]) {
        let of = |metric: &str, rest: &str| format!(r#"{metric}{{service="{name}",host="{host}"{rest}}}"#);
        self.put(&of("http_request_duration_seconds", r#",quantile="0.95""#), |_| 0.05);
        self.put_rate(&of("http_requests_total", r#",status="200""#), |_| 40.0);
        self.put_rate(&of("http_requests_total", r#",status="500""#), |_| 0.01);
        self.put(&of("service_cpu_percent", ""), |_| 30.0);
        self.put(&of("service_memory_bytes", ""), |_| 8e8);
        self.put(&of("service_memory_limit_bytes", ""), |_| 2e9);
        self.put(&of("db_pool_connections_in_use", ""), |_| 10.0);
        self.put(&of("db_pool_connections_max", ""), |_| 50.0);
        self.put(&of("db_pool_wait_seconds", ""), |_| 0.001);
        self.put(&of("service_gc_pause_seconds", ""), |_| 0.01);
        self.put(&of("build_info", r#",version="1.0.0""#), |_| 1.0);
        for callee in callees {
            let peer = format!(r#",peer_service="{callee}""#);
            self.put(&of("client_request_duration_seconds", &format!(r#"{peer},quantile="0.95""#)), |_| 0.05);
            self.put_rate(&of("client_errors_total", &peer), |_| 0.01);
            self.calls.push((name.to_owned(), (*callee).to_owned()));
        }
        self.hosts.push((name.to_owned(), host.to_owned()));
    }

    pub fn host(&mut self, name: &str) {
        let of = |metric: &str, rest: &str| format!(r#"{metric}{{host="{name}"{rest}}}"#);
        self.put(&of("host_cpu_percent", ""), |_| 21.0);
        for core in 0..4 {
            self.put(&of("host_cpu_core_percent", &format!(r#",core="{core}""#)), |_| 21.0);
        }
        self.put(&of("host_memory_used_percent", ""), |_| 40.0);
        self.put(&of("host_disk_used_percent", r#",mount="/""#), |_| 55.0);
        self.put(&of("host_disk_written_bytes_per_second", ""), |_| 1e6);
    }

    /// gateway -> catalog, checkout; catalog -> inventory; checkout -> payments -> card-network (external).
    pub fn shop() -> Self {
        let mut world = Self::default();
        world.service("gateway", "web-1", &["catalog", "checkout"]);
        world.service("catalog", "app-1", &["inventory"]);
        world.service("checkout", "app-1", &["payments"]);
        world.service("inventory", "data-1", &[]);
        world.service("payments", "data-1", &["card-network"]);
        for host in ["web-1", "app-1", "data-1"] {
            world.host(host);
        }
        world
    }

    /// A request through a chain of services, each of which takes so long of its own, by client and server spans.
    pub fn request(&mut self, secs: i64, nth: u8, chain: &[(&str, u64)], failing: Option<&str>) {
        let trace = TraceId(((secs + START) as u128 * 256 + u128::from(nth) + (1 << 100)).to_be_bytes());
        let mut parent = None;
        for (depth, (service, _)) in chain.iter().enumerate() {
            let below: u64 = chain.iter().skip(depth).map(|it| it.1).sum();
            let broken = failing.and_then(|it| chain.iter().position(|(name, _)| *name == it));
            let is_failing = broken.is_some_and(|it| depth <= it);
            let mut span = |side: u8, kind: SpanKind, owner: &str, millis: u64, parent: Option<SpanId>| {
                let id = SpanId([1, 1, 1, 1, 1, 1, side, depth as u8 + 1]);
                self.spans.push(Span {
                    trace,
                    id,
                    parent,
                    name: format!("GET /{service}"),
                    kind,
                    start_nanos: (START + secs) as u64 * 1_000_000_000,
                    duration_nanos: millis * 1_000_000,
                    status: if is_failing { SpanStatus::Error } else { SpanStatus::Unset },
                    message: String::new(),
                    resource: Labels::new([("service", owner)]),
                    attributes: Labels::default(),
                    events: vec![],
                    links: vec![],
                });
                Some(id)
            };
            if let Some((caller, _)) = depth.checked_sub(1).and_then(|it| chain.get(it)) {
                parent = span(1, SpanKind::Client, caller, below + 1, parent);
            }
            parent = span(2, SpanKind::Server, service, below, parent);
        }
    }

    /// What callers see when `name` gets slow: its latency, and that of everybody above it.
    pub fn slow_down(&mut self, name: &str, from: f64) {
        self.slow_server(name, from);
        let callers: Vec<String> =
            self.calls.iter().filter(|(_, to)| to == name).map(|(caller, _)| caller.clone()).collect();
        for caller in callers {
            self.slow_call(&caller, name, from);
            self.slow_down(&caller, from + 1.0);
        }
    }

    pub fn slow_server(&mut self, name: &str, from: f64) {
        let host = self.host_of(name);
        let labels = format!(r#"http_request_duration_seconds{{service="{name}",host="{host}",quantile="0.95"}}"#);
        self.put(&labels, |it| if it >= from { 0.9 } else { 0.05 });
    }

    pub fn slow_call(&mut self, caller: &str, peer: &str, from: f64) {
        let host = self.host_of(caller);
        let labels = format!(
            r#"client_request_duration_seconds{{service="{caller}",host="{host}",peer_service="{peer}",quantile="0.95"}}"#
        );
        self.put(&labels, |it| if it >= from { 0.9 } else { 0.05 });
    }

    pub fn fail(&mut self, name: &str, from: f64) {
        let host = self.host_of(name);
        let labels = format!(r#"http_requests_total{{service="{name}",host="{host}",status="500"}}"#);
        self.put_rate(&labels, |it| if it >= from { 6.0 } else { 0.01 });
    }

    fn host_of(&self, name: &str) -> String {
        self.hosts.iter().find(|(it, _)| it == name).map(|(_, host)| host.clone()).unwrap_or_default()
    }
}

/// An incident with point anomalies on these series since the onset.
pub fn incident(symptoms: &[&str]) -> Incident {
    let symptoms: Vec<Symptom> = symptoms
        .iter()
        .map(|labels| Symptom {
            labels: labels.parse().unwrap(),
            kind: AnomalyKind::Point,
            direction: Direction::Above,
            onset: at(0),
            last_seen: at(AGE),
            ended_at: None,
            peak: Score {
                value: 3.0,
                is_ready: true,
                is_provisional: false,
                y: 0.9,
                yhat: 0.05,
                yhat_lower: 0.04,
                yhat_upper: 0.06,
            },
            severity: Severity::Critical,
            explanation: String::new(),
        })
        .collect();
    let mut services: Vec<String> = symptoms.iter().map(|it| it.labels.owner().to_owned()).collect();
    services.dedup();
    Incident {
        id: IncidentId(1),
        status: IncidentStatus::Open,
        severity: Severity::Critical,
        title: "test".to_owned(),
        services,
        started_at: at(0),
        detected_at: at(3),
        ended_at: None,
        symptoms,
        diagnosis: None,
        plans: vec![],
        timeline: vec![],
        feedback: None,
    }
}

impl History for World {
    fn series(&self, query: &SeriesQuery) -> Result<Vec<Labels>, PortError> {
        let matches = |labels: &&Labels| query.matchers.iter().all(|it| it.matches(labels));
        Ok(self.series.keys().filter(matches).cloned().collect())
    }

    fn points(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Point>, PortError> {
        let found = self.series.iter().find(|(labels, _)| labels.id() == series);
        let points = found.map(|(_, points)| points.as_slice()).unwrap_or_default();
        Ok(points.iter().copied().filter(|it| range.contains(it.time)).collect())
    }
}

impl LogSearch for World {
    fn search(&self, query: &LogQuery) -> Result<Vec<LogHit>, PortError> {
        let words: Vec<String> = query.text.split_whitespace().map(str::to_lowercase).collect();
        let has = |it: &&LogHit| {
            let line = it.record.line.to_lowercase();
            query.range.contains(it.record.time) && words.iter().all(|word| line.contains(word))
        };
        Ok(self.lines.iter().filter(has).take(query.limit).cloned().collect())
    }

    fn line(&self, id: LogId) -> Result<Option<LogRecord>, PortError> {
        Ok(self.lines.iter().find(|it| it.id == id).map(|it| it.record.clone()))
    }
}

impl Templates for World {
    fn changes(&self, _: TimeRange, after: TimeRange) -> Vec<TemplateChange> {
        self.templates.iter().filter(|it| after.contains(it.onset)).cloned().collect()
    }

    fn templates(&self, _: TimeRange, _: Option<&str>, _: usize) -> Vec<LogTemplate> {
        vec![]
    }

    fn anomalies(&self, _: TimeRange, _: Option<&str>, _: usize) -> Vec<Anomaly> {
        vec![]
    }
}

impl TraceSearch for World {
    fn trace(&self, id: TraceId, _: TimeRange) -> Result<Vec<Span>, PortError> {
        Ok(self.spans.iter().filter(|it| it.trace == id).cloned().collect())
    }

    fn traces(&self, query: &SpanQuery) -> Result<Vec<TraceSummary>, PortError> {
        let fits = |it: &&Span| {
            query.range.contains(it.start()) && query.service.as_deref().is_none_or(|wanted| wanted == it.service())
        };
        let mut found: Vec<&Span> = self.spans.iter().filter(fits).collect();
        found.sort_by_key(|it| std::cmp::Reverse(it.start_nanos));
        found.dedup_by_key(|it| it.trace);
        let summary = |it: &&Span| TraceSummary {
            trace: it.trace,
            service: it.service().to_owned(),
            name: it.name.clone(),
            start: it.start(),
            seconds: it.secs(),
            spans: 1,
            errors: 0,
            services: BTreeSet::new(),
            is_partial: false,
        };
        Ok(found.iter().take(query.limit).map(summary).collect())
    }
}

impl ChangeLog for World {
    fn changes(&self, range: TimeRange) -> Result<Vec<Change>, PortError> {
        Ok(self.changes.iter().filter(|it| range.contains(it.time)).cloned().collect())
    }
}

impl Topology for World {
    fn callees(&self, service: &str) -> Vec<String> {
        self.calls.iter().filter(|(from, _)| from == service).map(|(_, to)| to.clone()).collect()
    }

    fn callers(&self, service: &str) -> Vec<String> {
        self.calls.iter().filter(|(_, to)| to == service).map(|(from, _)| from.clone()).collect()
    }

    fn neighbors(&self, owner: &str) -> Vec<String> {
        let of_service = self.hosts.iter().filter(|(it, _)| it == owner).map(|(_, host)| host.clone());
        let of_host = self.hosts.iter().filter(|(_, host)| host == owner).map(|(it, _)| it.clone());
        of_service.chain(of_host).collect()
    }
}
