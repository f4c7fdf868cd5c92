//! How many log lines per second does the template miner take? Lines with values that never come again, and real ones.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use fastrand::Rng;
use learn::logs::{HeaderFinder, TemplateMiner, TemplateMinerConfig};

/// Lines of one measurement: more than masked lines are remembered.
const LINES: usize = 100_000;

/// A line of one of ten kinds; three kinds carry a name that is no number, so that their masked form is new too.
fn line(random: &mut Rng) -> String {
    let (id, hex, ip) = (random.u32(..), random.u64(..), random.u8(..));
    let name: String = (0..9).map(|_| random.lowercase()).collect();
    let word = random.choice(["garden", "books", "toys"]).unwrap_or("");
    match random.u8(..10) {
        0 => format!("GET /products/{id} 200 in 12.{ip} ms client=10.0.3.{ip} request_id={hex:016x}"),
        1 => format!("2026-01-02T03:04:05.{ip}Z INFO Listed {ip} products of category {word} in {ip} ms"),
        2 => format!("Authorized {ip}.99 EUR for order {id} with card ending {ip} in {ip} ms"),
        3 => format!("Timeout acquiring connection from pool main-db after {id} ms (in use 50/50, waiting {ip})"),
        4 => format!(r#"{{"level":"info","msg":"cache miss","key":"{hex:x}","took":{ip}}}"#),
        5 => format!("Unhandled exception at PriceRules.apply(PriceRules.java:{ip}) request_id={hex:016x}"),
        6 => format!("Failed password for {name} from 10.0.3.{ip} port {id} ssh2"),
        7 => format!("session opened for user {name} by (uid={id})"),
        8 => format!("Found block rdd_{id} in {name} (estimated size {ip}.5 KB, free {id} MB)"),
        _ => format!("Connection broken for id {id}, my id = {ip}, error = reset by peer"),
    }
}

fn measure(group: &mut BenchmarkGroup<WallTime>, name: &str, lines: &[String]) {
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function(name, |bench| {
        // A new miner each time: the learning counts, and no line was seen before.
        bench.iter_batched(
            || (HeaderFinder::default(), TemplateMiner::new(TemplateMinerConfig::default())),
            |(mut headers, mut miner)| {
                let mut learn = |line: &String| {
                    headers.learn_one(black_box(line));
                    miner.learn_one(headers.message(line)).0
                };
                lines.iter().map(&mut learn).fold(0, |sum: u64, id| sum ^ id)
            },
            BatchSize::PerIteration,
        );
    });
}

/// The loghub sets in the folder `templates` of SENTINEL_TEST_DATA, unpacked or not there.
fn real_sets() -> Vec<(String, Vec<String>)> {
    let Some(folder) = std::env::var_os("SENTINEL_TEST_DATA").map(|it| Path::new(&it).join("templates")) else {
        eprintln!("SKIPPED real lines: SENTINEL_TEST_DATA is not set");
        return vec![];
    };
    let mut logs: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|set| std::fs::read_dir(set.path()).into_iter().flatten().flatten())
        .map(|file| file.path())
        .filter(|it| it.extension().is_some_and(|it| it == "log"))
        .collect();
    logs.sort();
    if logs.is_empty() {
        eprintln!("SKIPPED real lines: there is no unpacked templates/SET/SET_2k.log");
    }
    let name = |path: &Path| path.file_stem().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
    let read = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        (name(path), String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    };
    logs.iter().map(read).collect()
}

fn templates(criterion: &mut Criterion) {
    let mut random = Rng::with_seed(42);
    let lines: Vec<String> = (0..LINES).map(|_| line(&mut random)).collect();
    let mut group = criterion.benchmark_group("templates");
    group.sample_size(20);
    measure(&mut group, "learn_one", &lines);
    let header = |(idx, line): (usize, &String)| {
        format!("2026-01-02 03:04:05,{:03} INFO [worker-{}] com.shop.Cart: {line}", idx % 1000, idx % 7)
    };
    measure(&mut group, "learn_one, with headers", &lines.iter().enumerate().map(header).collect::<Vec<_>>());
    for (name, lines) in real_sets() {
        measure(&mut group, &name, &lines);
    }
    group.finish();
}

criterion_group!(benches, templates);
criterion_main!(benches);
