//! How many log lines per second does the template miner take?

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastrand::Rng;
use learn::logs::{TemplateMiner, TemplateMinerConfig};

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

fn templates(criterion: &mut Criterion) {
    let mut random = Rng::with_seed(42);
    let lines: Vec<String> = (0..10_000).map(|_| line(&mut random)).collect();
    let mut miner = TemplateMiner::new(TemplateMinerConfig::default());
    let mut group = criterion.benchmark_group("templates");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("learn_one", |bench| {
        bench.iter(|| lines.iter().fold(0, |sum: u64, line| sum ^ miner.learn_one(black_box(line)).0));
    });
    group.finish();
}

criterion_group!(benches, templates);
criterion_main!(benches);
