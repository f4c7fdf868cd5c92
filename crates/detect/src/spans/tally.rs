//! How often was each task done, how often did it fail and how long did it take? Counted by operation and by edge of the
//! service graph, and told as series at the end of each window.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use learn::sketch::QuantileSketch;
use serde::{Deserialize, Serialize};
use signal::{Labels, Meter, Metric, Point, SeriesPoints, SpanKind, Timestamp};

use super::{SpanConfig, Task, Work, dropped};

/// What has no calls for so many windows is forgotten; its series get a mark that they have ended.
const FORGET_WINDOWS: u32 = 60;
/// The quantiles told of each window.
const QUANTILES: [(f64, &str); 3] = [(0.5, "0.5"), (0.95, "0.95"), (0.99, "0.99")];
/// Operations beyond the limit.
const OTHER: &str = "other";
/// Services at most, so that a sender of random names cannot fill the memory.
const MOST_SERVICES: usize = 10_000;

/// Makes series of work.
#[derive(Debug)]
pub struct SpanTally {
    config: SpanConfig,
    services: HashMap<String, HashMap<(String, SpanKind), Count>>,
    edges: BTreeMap<(String, String), Count>,
    /// The window under way ends then.
    ends: Option<Timestamp>,
    edges_dropped: u64,
    services_dropped: u64,
}

/// What is counted of one operation or edge.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Count {
    /// By status: unset or good, failed.
    good: u64,
    failed: u64,
    /// Those of the window under way; a process that takes over begins with none.
    #[serde(skip)]
    durations: QuantileSketch,
    idle_windows: u32,
}

/// What another process is told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SpanCounts {
    operations: Vec<(String, String, SpanKind, Count)>,
    edges: Vec<(String, String, Count)>,
    ends: Option<Timestamp>,
}

impl Count {
    fn add(&mut self, secs: f64, is_failed: bool) {
        *(if is_failed { &mut self.failed } else { &mut self.good }) += 1;
        self.durations.learn_one(secs);
        self.idle_windows = 0;
    }
}

impl SpanTally {
    /// Nothing was done yet.
    pub fn new(config: SpanConfig) -> Self {
        Self {
            config,
            services: HashMap::new(),
            edges: BTreeMap::new(),
            ends: None,
            edges_dropped: 0,
            services_dropped: 0,
        }
    }

    /// Counts it.
    pub fn add(&mut self, work: Work) {
        let Work { task, secs, is_failed } = work;
        let count = match task {
            Task::Operation { service, name, kind } => self.operation(service, name, kind),
            Task::Call { client, server } => self.edge(client, server),
        };
        if let Some(count) = count {
            count.add(secs, is_failed);
        }
    }

    /// Lets time pass: the series of a window that is over, all with the time of its end.
    pub fn tick(&mut self, now: Timestamp) -> Vec<SeriesPoints> {
        let window = Duration::from_secs(u64::from(self.config.window_secs));
        let next = now.plus(window);
        // A window that ends later than one that begins now was begun by a clock that has gone back since.
        let ends = self.ends.unwrap_or(next).min(next);
        self.ends = Some(ends);
        if now < ends {
            return vec![];
        }
        // After a pause there is one window and not many empty ones.
        self.ends = Some(next);
        self.close(now)
    }

    /// The series of a window that ends at `time`, whoever says so.
    pub fn close(&mut self, time: Timestamp) -> Vec<SeriesPoints> {
        let mut told = vec![];
        for (service, operations) in &mut self.services {
            operations.retain(|(name, kind), count| {
                let labels = [("service", &**service), ("span_name", name), ("span_kind", kind.as_str())];
                count.tell(&OPERATION, &labels, time, &mut told)
            });
        }
        self.services.retain(|_, it| !it.is_empty());
        self.edges.retain(|(client, server), count| {
            // `service` and `peer_service` are what the rest of Sentinel knows callers and callees by.
            let labels = [("client", &**client), ("server", server), ("service", client), ("peer_service", server)];
            count.tell(&EDGE, &labels, time, &mut told)
        });
        told
    }

    /// What was counted, to be restored by another process.
    pub fn save(&self) -> SpanCounts {
        let of_service = |(service, all): (&String, &HashMap<(String, SpanKind), Count>)| {
            let service = service.clone();
            let all: Vec<_> = all.iter().map(|((name, kind), it)| (name.clone(), *kind, it.clone())).collect();
            all.into_iter().map(move |(name, kind, it)| (service.clone(), name, kind, it))
        };
        let operations = self.services.iter().flat_map(of_service).collect();
        let edges = self.edges.iter().map(|((client, server), it)| (client.clone(), server.clone(), it.clone()));
        SpanCounts { operations, edges: edges.collect(), ends: self.ends }
    }

    /// Takes back what `save` gave.
    pub fn restore(&mut self, saved: SpanCounts) {
        self.ends = saved.ends;
        for (service, name, kind, count) in saved.operations {
            self.services.entry(service).or_default().insert((name, kind), count);
        }
        self.edges.extend(saved.edges.into_iter().map(|(client, server, count)| ((client, server), count)));
    }

    fn operation(&mut self, service: String, name: String, kind: SpanKind) -> Option<&mut Count> {
        if !self.services.contains_key(&service) && self.services.len() >= MOST_SERVICES {
            self.services_dropped += 1;
            return None;
        }
        let operations = self.services.entry(service).or_default();
        let key = (name, kind);
        let is_known = operations.contains_key(&key) || operations.len() < self.config.max_operations;
        Some(operations.entry(if is_known { key } else { (OTHER.to_owned(), kind) }).or_default())
    }

    fn edge(&mut self, client: String, server: String) -> Option<&mut Count> {
        let key = (client, server);
        if !self.edges.contains_key(&key) && self.edges.len() >= self.config.max_edges {
            self.edges_dropped += 1;
            return None;
        }
        Some(self.edges.entry(key).or_default())
    }
}

/// How the series of a task are called.
struct Names {
    calls: &'static str,
    failed: &'static str,
    latency: &'static str,
}

const OPERATION: Names = Names {
    calls: "traces_spanmetrics_calls_total",
    failed: "traces_spanmetrics_errors_total",
    latency: "traces_spanmetrics_latency_seconds",
};

const EDGE: Names = Names {
    calls: "traces_service_graph_request_total",
    failed: "traces_service_graph_request_failed_total",
    latency: "traces_service_graph_request_latency_seconds",
};

impl Count {
    /// Adds the points of a window and begins the next one; false if there was nothing for so long that it is forgotten.
    fn tell(&mut self, names: &Names, labels: &[(&str, &str)], time: Timestamp, told: &mut Vec<SeriesPoints>) -> bool {
        let is_kept = self.idle_windows < FORGET_WINDOWS;
        let mut point = |name: &str, more: Option<(&str, &str)>, value: f64| {
            let labels: Vec<(&str, &str)> = labels.iter().copied().chain(more).collect();
            let value = if is_kept { value } else { f64::NAN };
            told.push(SeriesPoints { labels: Labels::metric(name, &labels), points: vec![Point { time, value }] });
        };
        point(names.calls, None, (self.good + self.failed) as f64);
        point(names.failed, None, self.failed as f64);
        for (share, text) in QUANTILES {
            let value = if is_kept { self.durations.quantile(share) } else { Some(f64::NAN) };
            value.into_iter().for_each(|it| point(names.latency, Some(("quantile", text)), it));
        }
        self.durations = QuantileSketch::default();
        self.idle_windows += 1;
        is_kept
    }
}

impl Meter for SpanTally {
    fn metrics(&self) -> Vec<Metric> {
        let operations: usize = self.services.values().map(HashMap::len).sum();
        let gauge = |name, help, value: usize| Metric::gauge(name, help, value as f64);
        vec![
            dropped("service_limit", self.services_dropped),
            dropped("edge_limit", self.edges_dropped),
            gauge("sentinel_detect_span_operations_count", "Operations that have series.", operations),
            gauge("sentinel_detect_span_edges_count", "Edges of the service graph.", self.edges.len()),
        ]
    }
}
