//! How fast is the store, and how small? Points and lines per second with syncs, bytes per sample by kind of series,
//! and how long it takes to open after a crash.

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use signal::{Labels, LogQuery, LogRecord, LogSearch, Point, SeriesPoints, TimeRange, Timestamp};
use store::{Config, Effort, Store, Write, chunk};

const START: i64 = 1_700_000_000_000;

/// A directory that goes with the bench.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sentinel-store-bench-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn append_points(criterion: &mut Criterion) {
    let directory = Directory::new("points");
    let (store, _) = Store::open(&directory.0, Config::default()).expect("the directory is new");
    let series: Vec<Labels> = (0..1000).map(|it| Labels::metric("cpu", &[("host", &format!("h{it}"))])).collect();
    let mut time = START;
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("1000 points of 1000 series, one commit each", |bencher| {
        bencher.iter_batched(
            || {
                time += 1000;
                let now = Timestamp::from_millis(time);
                (Write::samples(series.iter().map(|it| SeriesPoints::one(it.clone(), now, 1.5)).collect()), now)
            },
            |(write, now)| store.append_and_wait(&write, now).expect("the disk has room"),
            BatchSize::SmallInput,
        );
    });
    group.throughput(Throughput::Elements(64_000));
    group.bench_function("64 x 1000 points queued at once, group commit", |bencher| {
        bencher.iter_batched(
            || {
                let writes: Vec<(Write, Timestamp)> = (0..64)
                    .map(|_| {
                        time += 1000;
                        let now = Timestamp::from_millis(time);
                        (Write::samples(series.iter().map(|it| SeriesPoints::one(it.clone(), now, 1.5)).collect()), now)
                    })
                    .collect();
                writes
            },
            |writes| {
                let (sender, receiver) = std::sync::mpsc::channel();
                for (write, now) in writes {
                    let sender = sender.clone();
                    let done = Box::new(move |result: Result<_, _>| _ = sender.send(result.map(|_| ())));
                    store.append(write, now, done).expect("64 writes fit into the queue");
                }
                drop(sender);
                receiver.iter().for_each(|it| it.expect("the disk has room"));
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn append_lines(criterion: &mut Criterion) {
    let directory = Directory::new("lines");
    let (store, _) = Store::open(&directory.0, Config::default()).expect("the directory is new");
    let mut number = 0_u64;
    let mut group = criterion.benchmark_group("logs");
    group.sample_size(10);
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("10000 lines stored and indexed", |bencher| {
        bencher.iter_batched(
            || lines(&mut number),
            |write| {
                store.append_and_wait(&write, Timestamp::from_millis(START)).expect("the disk has room");
                assert!(store.flush());
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
    let query = LogQuery {
        text: "pool exhausted 4711".to_owned(),
        matchers: vec![],
        min_level: None,
        range: TimeRange::ALL,
        limit: 20,
    };
    criterion.bench_function("search three words", |bencher| bencher.iter(|| black_box(store.search(&query))));
}

fn lines(number: &mut u64) -> Write {
    let line = |number: u64| match number % 4 {
        0 => format!("GET /api/v1/orders/{number} 200 in {} ms", number % 97),
        1 => format!("WARN connection pool exhausted, waited {} ms for user {number}", number % 5003),
        2 => format!("payment {number} accepted, amount {}.{:02} EUR", number % 900, number % 100),
        _ => format!("cache miss for key session:{number:08x}, loading from database shard {}", number % 16),
    };
    let records = (0..10_000).map(|_| {
        *number += 1;
        let labels = Labels::new([("service", format!("s{}", *number % 8))]);
        LogRecord::new(Timestamp::from_millis(START + *number as i64), labels, line(*number))
    });
    Write::Logs(records.collect())
}

/// Not a time but a size: printed once.
fn bytes_per_sample(criterion: &mut Criterion) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut walk = 40.0_f64;
    let mut step = |size: f64| (random.f64() - 0.5) * size;
    let round = |value: f64, places: i32| (value * 10_f64.powi(places)).round() / 10_f64.powi(places);
    let kinds: Vec<(&str, Vec<f64>)> = vec![
        ("constant", vec![1.1; 24_000]),
        (
            "counter, +0..40 per second",
            (0..24_000)
                .scan(0.0, |sum, _| {
                    *sum += (step(40.0) + 20.0).round().max(0.0);
                    Some(*sum)
                })
                .collect(),
        ),
        ("pool in use, integer 0..20", (0..24_000).map(|_| (10.0 + step(6.0)).round()).collect()),
        (
            "cpu percent, 1 decimal, random walk",
            (0..24_000)
                .map(|_| {
                    walk = (walk + step(2.0)).clamp(0.0, 100.0);
                    round(walk, 1)
                })
                .collect(),
        ),
        ("latency seconds, 3 decimals, noise", (0..24_000).map(|_| round(0.2 + step(0.05), 3)).collect()),
        (
            "memory bytes, pages of 4096",
            (0..24_000)
                .scan(262_144.0, |pages: &mut f64, _| {
                    *pages += step(20.0).round();
                    Some(*pages * 4096.0)
                })
                .collect(),
        ),
        (
            "load average, 2 decimals, slow",
            (0..24_000).map(|it| round(1.5 + (f64::from(it) / 500.0).sin(), 2)).collect(),
        ),
        ("full-precision noise (worst case)", (0..24_000).map(|_| 40.0 + step(10.0)).collect()),
    ];
    for (name, values) in &kinds {
        let points: Vec<Point> = values
            .iter()
            .zip(0..)
            .map(|(value, idx)| Point { time: Timestamp::from_millis(START + idx * 1000), value: *value })
            .collect();
        let bytes: usize = points.chunks(240).map(|it| chunk::encode(it).len()).sum();
        let dense: usize = points.chunks(4096).map(|it| chunk::encode_with(it, Effort::Dense).len()).sum();
        let of = |bytes: usize| bytes as f64 / points.len() as f64;
        println!("bytes per sample: {:5.2}, merged {:5.2}  {name}", of(bytes), of(dense));
    }
    let Some((_, values)) = kinds.get(3) else { return };
    let points: Vec<Point> = values
        .iter()
        .take(4096)
        .zip(0..)
        .map(|(value, idx)| Point { time: Timestamp::from_millis(START + idx * 1000), value: *value })
        .collect();
    let mut group = criterion.benchmark_group("chunk");
    for (name, effort, length) in [("", Effort::Quick, 240), (" merged", Effort::Dense, 4096)] {
        let Some(points) = points.get(..length) else { continue };
        let bytes = chunk::encode_with(points, effort);
        group.throughput(Throughput::Elements(length as u64));
        let encode = || black_box(chunk::encode_with(black_box(points), effort));
        group.bench_function(format!("encode{name}"), |bencher| bencher.iter(encode));
        group.bench_function(format!("decode{name}"), |bencher| {
            bencher.iter(|| black_box(chunk::decode(black_box(&bytes))))
        });
    }
    group.finish();
}

/// Opens a directory whose write-ahead log holds a million points, none of them in a block: what `kill -9` leaves.
fn open_after_crash(criterion: &mut Criterion) {
    let directory = Directory::new("open");
    let series: Vec<Labels> = (0..1000).map(|it| Labels::metric("cpu", &[("host", &format!("h{it}"))])).collect();
    let mut random = fastrand::Rng::with_seed(3);
    let (store, _) = Store::open(&directory.0, Config::default()).expect("the directory is new");
    for step in 1..=1000 {
        let now = Timestamp::from_millis(START + step * 1000);
        let point = |it: &Labels| SeriesPoints::one(it.clone(), now, f64::from(random.u16(0..10_000)) / 100.0);
        let batch = series.iter().map(point).collect();
        store.append_and_wait(&Write::samples(batch), now).expect("the disk has room");
    }
    // The end of the store writes no block.
    drop(store);
    criterion.bench_function("open with 1 M points in the log", |bencher| {
        bencher.iter(|| {
            let (store, recovery) = Store::open(&directory.0, Config::default()).expect("the directory is whole");
            assert_eq!(recovery.points, 1_000_000);
            // The directory has one owner at a time.
            drop(store);
        });
    });
}

criterion_group!(benches, bytes_per_sample, append_points, append_lines, open_after_crash);
criterion_main!(benches);
