//! How many predictions of 20 features does one core follow in a second?

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use drift::watch::PerformanceConfig;
use drift::watch::online::{OnlineConfig, OnlineFollower};
use drift::{Budget, Config, ProfileBuilder};
use learn::random::Random;
use signal::{FeatureValue, Inference, LoggedInference, Timestamp};

/// Rows of the reference, and those that are followed again and again.
const ROWS: u64 = 10_000;

fn row(random: &mut Random, names: &[Arc<str>], sequence: u64) -> LoggedInference {
    let value = |idx: usize, random: &mut Random| -> FeatureValue {
        if idx < 15 {
            random.normal().into()
        } else {
            ["a", "b", "c", "d"].get(random.below(4)).copied().unwrap_or("a").into()
        }
    };
    let features = names.iter().enumerate().map(|(idx, name)| (Arc::clone(name), value(idx, random))).collect();
    let inference = Inference {
        id: sequence.to_string().into(),
        time: Timestamp::from_secs(1_767_225_600),
        model: "m".into(),
        version: "1".into(),
        features,
        prediction: f64::from(u8::from(random.uniform() < 0.3)).into(),
        probability: Some(random.uniform()),
        probabilities: vec![],
        latency_ms: 1.0,
        is_shadow: false,
    };
    LoggedInference { sequence, inference, label: None }
}

fn live_stream(criterion: &mut Criterion) {
    let names: Vec<Arc<str>> = (0..20).map(|it| format!("feature_{it}").into()).collect();
    let mut random = Random::new(1);
    let rows: Vec<LoggedInference> = (1..=ROWS).map(|it| row(&mut random, &names, it)).collect();
    let mut profile = ProfileBuilder::new(Budget::default());
    rows.iter().for_each(|it| profile.learn_one(&it.inference));
    let profile = profile.finish("reference");
    let (config, measured) = (OnlineConfig::default(), PerformanceConfig::default());
    let mut follower = OnlineFollower::new(&config, &measured, &Config::default(), &profile);
    follower.add_answers(&profile);
    println!("{} streams, {} bytes of state", follower.n_streams(), follower.to_bytes().len());
    let mut group = criterion.benchmark_group("live_stream");
    group.throughput(Throughput::Elements(ROWS));
    group.sample_size(10);
    group.bench_function("20_features", |bencher| {
        bencher.iter(|| rows.iter().for_each(|it| drop(black_box(follower.row(it)))));
    });
    group.finish();
}

criterion_group!(benches, live_stream);
criterion_main!(benches);
