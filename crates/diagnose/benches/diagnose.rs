//! How long does a diagnosis take with 50 services of 200 series, all near the symptom?

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use diagnose::Sources;
use signal::{
    Anomaly, AnomalyKind, Change, ChangeLog, Direction, History, Incident, IncidentId, IncidentStatus, Labels, LogHit,
    LogId, LogQuery, LogRecord, LogSearch, LogTemplate, Point, PortError, Score, SeriesId, SeriesQuery, Severity, Span,
    SpanQuery, Symptom, TemplateChange, Templates, TimeRange, Timestamp, Topology, TraceId, TraceSearch, TraceSummary,
};

const START: i64 = 1_700_000_000;
const SERVICES: usize = 50;
const SERIES: usize = 200;

struct Store {
    by_service: HashMap<String, Vec<Labels>>,
    points: HashMap<SeriesId, Vec<Point>>,
}

impl Store {
    fn new() -> Self {
        let mut store = Self { by_service: HashMap::new(), points: HashMap::new() };
        let mut random = fastrand::Rng::with_seed(1);
        for service in 0..SERVICES {
            let name = format!("s{service}");
            for series in 0..SERIES {
                let metric = match series % 4 {
                    0 => "latency_seconds",
                    1 => "memory_bytes",
                    2 => "errors_total",
                    _ => "queue_depth",
                };
                let labels = Labels::metric(metric, &[("service", &name), ("shard", &series.to_string())]);
                let shift = if random.u8(..10) == 0 { 3.0 } else { 1.0 };
                let value = |it: i64, noise: f64| (10.0 + noise) * if it >= 0 { shift } else { 1.0 };
                let point = |it: i64| Point { time: Timestamp::from_secs(START + it), value: value(it, random.f64()) };
                store.points.insert(labels.id(), (-400..60).map(point).collect());
                store.by_service.entry(name.clone()).or_default().push(labels);
            }
        }
        store
    }
}

impl History for Store {
    fn series(&self, query: &SeriesQuery) -> Result<Vec<Labels>, PortError> {
        let wanted = query.matchers.iter().find_map(|it| match it {
            signal::Matcher::Equal(name, value) if name == "service" => Some(value),
            _ => None,
        });
        Ok(wanted.and_then(|it| self.by_service.get(it)).cloned().unwrap_or_default())
    }

    fn points(&self, series: SeriesId, range: TimeRange) -> Result<Vec<Point>, PortError> {
        let points = self.points.get(&series).into_iter().flatten();
        Ok(points.copied().filter(|it| range.contains(it.time)).collect())
    }
}

impl LogSearch for Store {
    fn search(&self, _: &LogQuery) -> Result<Vec<LogHit>, PortError> {
        Ok(vec![])
    }

    fn line(&self, _: LogId) -> Result<Option<LogRecord>, PortError> {
        Ok(None)
    }
}

impl Templates for Store {
    fn changes(&self, _: TimeRange, _: TimeRange) -> Vec<TemplateChange> {
        vec![]
    }

    fn templates(&self, _: TimeRange, _: Option<&str>, _: usize) -> Vec<LogTemplate> {
        vec![]
    }

    fn anomalies(&self, _: TimeRange, _: Option<&str>, _: usize) -> Vec<Anomaly> {
        vec![]
    }
}

impl TraceSearch for Store {
    fn trace(&self, _: TraceId, _: TimeRange) -> Result<Vec<Span>, PortError> {
        Ok(vec![])
    }

    fn traces(&self, _: &SpanQuery) -> Result<Vec<TraceSummary>, PortError> {
        Ok(vec![])
    }
}

impl ChangeLog for Store {
    fn changes(&self, _: TimeRange) -> Result<Vec<Change>, PortError> {
        Ok(vec![])
    }
}

/// A star: everybody is one step from `s0`.
impl Topology for Store {
    fn callees(&self, service: &str) -> Vec<String> {
        if service == "s0" { (1..SERVICES).map(|it| format!("s{it}")).collect() } else { vec![] }
    }

    fn callers(&self, _: &str) -> Vec<String> {
        vec![]
    }

    fn neighbors(&self, _: &str) -> Vec<String> {
        vec![]
    }
}

fn incident(labels: Labels) -> Incident {
    let onset = Timestamp::from_secs(START);
    let symptom = Symptom {
        labels,
        kind: AnomalyKind::Point,
        direction: Direction::Above,
        onset,
        last_seen: onset,
        ended_at: None,
        peak: Score::warming_up(30.0),
        severity: Severity::Critical,
        explanation: String::new(),
    };
    Incident {
        id: IncidentId(1),
        status: IncidentStatus::Open,
        severity: Severity::Critical,
        title: String::new(),
        services: vec!["s0".to_owned()],
        started_at: onset,
        detected_at: onset,
        ended_at: None,
        symptoms: vec![symptom],
        diagnosis: None,
        plans: vec![],
        timeline: vec![],
        feedback: None,
    }
}

fn fifty_services(criterion: &mut Criterion) {
    let store = Store::new();
    let sources =
        Sources { history: &store, logs: &store, templates: &store, traces: &store, changes: &store, topology: &store };
    let incident = incident(Labels::metric("latency_seconds", &[("service", "s0"), ("shard", "0")]));
    let now = Timestamp::from_secs(START + 60);
    criterion.bench_function("diagnose/50_services_200_series", |bench| {
        bench.iter(|| diagnose::diagnose(black_box(&incident), now, &sources));
    });
}

criterion_group!(benches, fifty_services);
criterion_main!(benches);
