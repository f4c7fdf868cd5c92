//! How many points per second does one core judge?

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use detect::{Config, GroupSample, GroupWatch, Shard, Slot};
use signal::{Labels, Point, Timestamp};

fn observe(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("observe_slot");
    for series in [1_000_u64, 100_000] {
        let mut shard = Shard::new(Arc::new(Config::default()));
        let name = |idx: u64| Labels::metric("latency", &[("series", &idx.to_string())]);
        let slots: Vec<Slot> = (0..series).filter_map(|it| shard.slot(&name(it))).collect();
        let mut random = fastrand::Rng::with_seed(1);
        let (mut second, mut anomalies) = (1_767_225_600, vec![]);
        let mut round = |shard: &mut Shard| {
            second += 1;
            let time = Timestamp::from_secs(second);
            for slot in &slots {
                let point = Point { time, value: 100.0 + random.f64() };
                black_box(shard.observe_slot(*slot, point, time, &mut anomalies));
            }
            anomalies.clear();
        };
        (0..70).for_each(|_| round(&mut shard));
        group.throughput(Throughput::Elements(series));
        group.bench_with_input(BenchmarkId::from_parameter(series), &series, |bencher, _| {
            bencher.iter(|| round(&mut shard));
        });
        println!("{} bytes of state per series", shard.state_bytes() / shard.series_count());
    }
    group.finish();
}

/// With the look-up of the series, as batches from the network come.
fn observe_labels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("observe_labels");
    let series = 10_000_u64;
    let mut shard = Shard::new(Arc::new(Config::default()));
    let labels: Vec<Labels> = (0..series).map(|it| Labels::metric("latency", &[("series", &it.to_string())])).collect();
    let mut random = fastrand::Rng::with_seed(1);
    let (mut second, mut anomalies) = (1_767_225_600, vec![]);
    let mut round = |shard: &mut Shard| {
        second += 1;
        let time = Timestamp::from_secs(second);
        for it in &labels {
            let point = Point { time, value: 100.0 + random.f64() };
            black_box(shard.observe(it, point, time, &mut anomalies));
        }
        anomalies.clear();
    };
    (0..70).for_each(|_| round(&mut shard));
    group.throughput(Throughput::Elements(series));
    group.bench_function("10000", |bencher| bencher.iter(|| round(&mut shard)));
    group.finish();
}

/// Members of fleets: the shard also hands over samples, one per series and five seconds.
fn observe_grouped(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("observe_grouped");
    let series = 100_000_u64;
    let mut shard = Shard::new(Arc::new(Config::default()));
    shard.keep_samples();
    let name = |idx: u64| {
        let (service, instance) = ((idx / 10).to_string(), (idx % 10).to_string());
        Labels::metric("latency", &[("service", &service), ("instance", &instance)])
    };
    let slots: Vec<Slot> = (0..series).filter_map(|it| shard.slot(&name(it))).collect();
    let mut random = fastrand::Rng::with_seed(1);
    let (mut second, mut anomalies) = (1_767_225_600, vec![]);
    let mut round = |shard: &mut Shard| {
        second += 1;
        let time = Timestamp::from_secs(second);
        for slot in &slots {
            let point = Point { time, value: 100.0 + random.f64() };
            black_box(shard.observe_slot(*slot, point, time, &mut anomalies));
        }
        black_box(shard.take_samples());
        anomalies.clear();
    };
    (0..70).for_each(|_| round(&mut shard));
    group.throughput(Throughput::Elements(series));
    group.bench_function("100000", |bencher| bencher.iter(|| round(&mut shard)));
    group.finish();
}

/// Ten thousand fleets of ten members each: what one tick of the comparison costs, per member.
fn compare_fleets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compare_fleets");
    let config: Config =
        serde_json::from_str(r#"{"groups": {"fleet": {"max_series": 1000000}}}"#).expect("the configuration is valid");
    let mut watch = GroupWatch::new(Arc::new(config));
    let series = 100_000_u64;
    let labels: Vec<Labels> = (0..series)
        .map(|it| Labels::metric("latency", &[("service", &(it / 10).to_string()), ("instance", &it.to_string())]))
        .collect();
    let mut random = fastrand::Rng::with_seed(1);
    let mut second = 1_767_225_600;
    let mut round = |watch: &mut GroupWatch| {
        second += 5;
        let time = Timestamp::from_secs(second);
        for it in &labels {
            let y = 100.0 + random.f64();
            watch.observe(&GroupSample { labels: it.clone(), time, y, interval_secs: 5.0 });
        }
        black_box(watch.tick());
    };
    (0..70).for_each(|_| round(&mut watch));
    group.throughput(Throughput::Elements(series));
    group.bench_function("100000", |bencher| bencher.iter(|| round(&mut watch)));
    group.finish();
}

criterion_group!(benches, observe, observe_labels, observe_grouped, compare_fleets);
criterion_main!(benches);
