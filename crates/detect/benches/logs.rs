//! How many log lines per second does one core judge, from the text to the anomaly?

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use detect::{Config, LogWatch, LogWatchConfig};
use fastrand::Rng;
use signal::{Labels, LogRecord, Timestamp};

const LINES: u64 = 20_000;
const PER_SECOND: u64 = 2_000;

fn line(random: &mut Rng) -> String {
    let (id, hex, ip) = (random.u32(..), random.u64(..), random.u8(..));
    let word = random.choice(["garden", "books", "toys"]).unwrap_or("");
    match random.u8(..6) {
        0 => format!("GET /products/{id} 200 in 12.{ip} ms client=10.0.3.{ip} request_id={hex:016x}"),
        1 => format!("2026-01-02T03:04:05.{ip}Z INFO Listed {ip} products of category {word} in {ip} ms"),
        2 => format!("Authorized {ip}.99 EUR for order {id} with card ending {ip} in {ip} ms"),
        3 => format!("Timeout acquiring connection from pool main-db after {id} ms (in use 50/50, waiting {ip})"),
        4 => format!(r#"{{"level":"info","msg":"cache miss","key":"{hex:x}","took":{ip}}}"#),
        _ => format!("Unhandled exception at PriceRules.apply(PriceRules.java:{ip}) request_id={hex:016x}"),
    }
}

/// Lines of 20 services, 2,000 a second of log time, with and without looking for anomalies.
fn observe(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log_watch");
    group.throughput(Throughput::Elements(LINES));
    let mut random = Rng::with_seed(42);
    let streams: Vec<Labels> =
        (0..20).map(|it| Labels::new([("service", format!("service-{it}")), ("level", "info".to_owned())])).collect();
    let mut records: Vec<LogRecord> = (0..LINES)
        .map(|_| {
            LogRecord::new(
                Timestamp::MIN,
                random.choice(&streams).cloned().unwrap_or_else(|| Labels::new([("service", "one")])),
                line(&mut random),
            )
        })
        .collect();
    for (name, is_enabled) in [("count_only", false), ("anomalies", true)] {
        let mut config = Config::default();
        config.logs.enabled = is_enabled;
        let watch = LogWatch::new(LogWatchConfig::default(), Arc::new(config));
        let mut millis = 1_767_225_600_000;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for (record, idx) in records.iter_mut().zip(1..) {
                    millis += i64::from(idx % 2 == 0);
                    record.time = Timestamp::from_millis(millis);
                    watch.observe(black_box(record));
                    if idx % PER_SECOND == 0 {
                        black_box(watch.tick(record.time));
                    }
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, observe);
criterion_main!(benches);
