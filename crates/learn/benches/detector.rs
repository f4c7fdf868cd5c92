//! How many points per second does the estimator of every series take, beside a loop that only smooths?
//!
//! `ewma` is the yardstick: a mean, a variance and a z-score per series, and nothing else. Compare within one run.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use learn::detect::{Detector, Settings};

const SERIES: usize = 1000;
const MINUTE: i64 = 60_000;
/// Points per series before the measurement: a day, so that profiles are begun.
const WARM_POINTS: i64 = 1440;

/// A mean and a variance that forget.
#[derive(Clone, Copy, Default)]
struct Ewma {
    mean: f64,
    variance: f64,
}

impl Ewma {
    fn observe(&mut self, x: f64) -> f64 {
        let distance = x - self.mean;
        let z = distance / self.variance.max(1e-9).sqrt();
        self.mean += 0.1 * distance;
        self.variance += 0.1 * (distance * distance - self.variance);
        z
    }
}

fn value(random: &mut fastrand::Rng, minute: i64) -> f64 {
    let angle = std::f64::consts::TAU * (minute % 1440) as f64 / 1440.0;
    100.0 + 20.0 * angle.sin() + 4.0 * random.f64()
}

fn points(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("points");
    group.throughput(Throughput::Elements(SERIES as u64));
    let mut random = fastrand::Rng::with_seed(1);
    let mut plain = vec![Ewma::default(); SERIES];
    group.bench_function("ewma", |bencher| {
        bencher.iter(|| plain.iter_mut().for_each(|it| _ = black_box(it.observe(100.0 + random.f64()))));
    });
    let mut detectors = vec![Detector::new(Settings::default()); SERIES];
    let mut minute = 0;
    let mut learn = |detectors: &mut Vec<Detector>| {
        minute += 1;
        let time = minute * MINUTE;
        detectors.iter_mut().for_each(|it| it.learn_one(time, value(&mut random, minute)));
    };
    (0..WARM_POINTS).for_each(|_| learn(&mut detectors));
    // What back-fill does: 10,000 series of a week are 100.8 million points.
    group.bench_function("learn", |bencher| bencher.iter(|| learn(&mut detectors)));
    group.bench_function("score", |bencher| {
        let time = (WARM_POINTS + 1_000_000) * MINUTE;
        bencher.iter(|| detectors.iter().for_each(|it| _ = black_box(it.score_one(time, 101.0))));
    });
    println!("{} bytes per detector", detectors.iter().map(Detector::state_bytes).max().unwrap_or(0));
    group.finish();
}

criterion_group!(benches, points);
criterion_main!(benches);
