//! How long do queries of dashboards take over 10,000 series? In memory: an hour of samples every 15 s, 240 steps.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that panics has failed, as it should")]

use criterion::{Criterion, criterion_group, criterion_main};
use promql::{Engine, FloatPoint, Limits, Matcher, Series, Storage, StorageError};
use signal::{Labels, Timestamp};

const SERIES: usize = 10_000;
const SECONDS: i64 = 3600;

struct Memory(Vec<Series>);

impl Storage for Memory {
    fn select(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Result<Vec<Series>, StorageError> {
        let cut = |it: &Series| {
            let from = it.floats.partition_point(|it| it.time < start.millis());
            let to = it.floats.partition_point(|it| it.time <= end.millis());
            Series { labels: it.labels.clone(), floats: it.floats.get(from..to).unwrap().to_vec(), ..Series::default() }
        };
        Ok(self.0.iter().filter(|it| matchers.iter().all(|by| by.matches_labels(&it.labels))).map(cut).collect())
    }
}

fn memory() -> Memory {
    let series = (0..SERIES).map(|idx| {
        let text = |of: usize| (idx / of).to_string();
        let pairs = [("instance", &*text(20)), ("job", &*(idx % 7).to_string()), ("path", &*(idx % 20).to_string())];
        let labels = Labels::metric("http_requests_total", &pairs);
        let point = |time: i64| FloatPoint { time: time * 1000, value: (time / 15 * (1 + idx as i64 % 5)) as f64 };
        Series { labels, floats: (0..2 * SECONDS).step_by(15).map(point).collect(), ..Series::default() }
    });
    let mut series: Vec<Series> = series.collect();
    series.sort_by(|a, b| a.labels.iter().cmp(b.labels.iter()));
    Memory(series)
}

const QUERIES: [(&str, &str); 6] = [
    ("selector", "http_requests_total"),
    ("rate", "rate(http_requests_total[5m])"),
    ("sum_rate", "sum by (job) (rate(http_requests_total[5m]))"),
    ("ratio", "sum(rate(http_requests_total{path=\"1\"}[5m])) / sum(rate(http_requests_total[5m]))"),
    ("topk", "topk(5, sum by (instance) (increase(http_requests_total[5m])))"),
    ("max_over_time", "max_over_time(http_requests_total[5m]) > 100"),
];

fn queries(criterion: &mut Criterion) {
    let memory = memory();
    let engine = Engine::new(Limits { max_samples: 500_000_000, max_bytes: usize::MAX, ..Limits::default() });
    let mut group = criterion.benchmark_group("promql");
    group.sample_size(10);
    for (name, query) in QUERIES {
        group.bench_function(name, |bench| {
            let (start, end) = (Timestamp::from_secs(SECONDS), Timestamp::from_secs(2 * SECONDS));
            bench.iter(|| engine.range(&memory, query, start, end, 15_000).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, queries);
criterion_main!(benches);
