//! How long does ranking the services of one incident take? 212 series of 600 points, and 50 services with three
//! minutes of spans and log lines.

#![allow(clippy::unwrap_used, reason = "a benchmark that panics has failed, as it should")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use diagnose::case::{Case, Line, Metric, Span, rank};

/// Milliseconds since 1970 at which the fault begins.
const AT: i64 = 1_700_000_000_000;
const SEED: u64 = 7;
const SECOND_MS: i64 = 1000;

fn metrics() -> Case {
    let mut random = fastrand::Rng::with_seed(SEED);
    let indicators = ["cpu", "mem", "latency_p99", "requests"];
    let metric = |nth: usize| {
        let indicator = indicators.get(nth % 4).copied().unwrap_or_default();
        let times: Vec<i64> = (-300..300).map(|it| AT + it * SECOND_MS).collect();
        let level = if indicator == "mem" { 2e8 } else { 10.0 };
        let is_faulty = nth == 0;
        let values = times
            .iter()
            .map(|time| level * (1.0 + random.f64() / 10.0) * if is_faulty && *time >= AT { 9.0 } else { 1.0 })
            .collect();
        Metric { service: format!("s{}", nth / 4), indicator: indicator.to_owned(), normal: vec![], times, values }
    };
    Case { at: AT, metrics: (0..212).map(metric).collect(), ..Case::default() }
}

/// A request a second through a chain of three services, a line for each, over 50 services and three minutes.
fn requests() -> Case {
    let mut case = Case { at: AT, ..Case::default() };
    for nth in 0..50 {
        for second in -120..60 {
            let start = AT + second * SECOND_MS;
            let trace = format!("t{nth}-{second}");
            for step in 0..3 {
                let service = format!("s{}", (nth + step) % 50);
                let parent = if step == 0 { String::new() } else { format!("{}", step - 1) };
                let is_broken = second >= 0 && (nth + step) % 50 == 7;
                case.spans.push(Span {
                    trace: trace.clone(),
                    id: step.to_string(),
                    parent,
                    service: service.clone(),
                    operation: "GET /things".to_owned(),
                    start,
                    millis: 30.0 - 10.0 * step as f64 + if is_broken { 100.0 } else { 0.0 },
                    ..Span::default()
                });
                case.logs.push(Line {
                    time: start,
                    service,
                    text: format!("INFO listed {} things of shelf {nth} in {step} ms", second + 200),
                    trace: trace.clone(),
                    span: step.to_string(),
                    ..Line::default()
                });
            }
        }
    }
    case
}

fn ranking(criterion: &mut Criterion) {
    let (metrics, requests) = (metrics(), requests());
    assert_eq!(rank(&metrics).causes.first().unwrap().service, "s0");
    assert_eq!(rank(&requests).causes.first().unwrap().service, "s7");
    criterion.bench_function("rank/212_series_600_points", |bench| bench.iter(|| rank(black_box(&metrics))));
    criterion.bench_function("rank/50_services_3_minutes", |bench| bench.iter(|| rank(black_box(&requests))));
}

criterion_group!(benches, ranking);
criterion_main!(benches);
