//! How long does it take to fit each model to five weeks of hours, with the back-test that its intervals need?

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use learn::forecast::{Calibrated, ModelKind, Regular};

const HOURS: usize = 840;
const HORIZON: usize = 48;

/// A day, a week, a trend and noise.
fn history() -> Regular {
    let mut random = fastrand::Rng::with_seed(1);
    let wave = |it: usize, period: f64| (std::f64::consts::TAU * it as f64 / period).sin();
    let value =
        |it: usize| 100.0 + 0.01 * it as f64 + 30.0 * wave(it, 24.0) + 10.0 * wave(it, 168.0) + 4.0 * random.f64();
    Regular::new(1_700_000_000, 3600, (0..HOURS).map(value).collect())
}

fn models(criterion: &mut Criterion) {
    let history = history();
    let mut group = criterion.benchmark_group("fit");
    for kind in ModelKind::all() {
        group.bench_function(kind.name(), |bencher| {
            bencher.iter(|| Calibrated::fit(&kind, black_box(&history), HORIZON));
        });
    }
    group.finish();
    let fitted = Calibrated::fit(&ModelKind::Auto(Default::default()), &history, HORIZON).expect("a plain history");
    criterion.bench_function("forecast/auto", |bencher| bencher.iter(|| fitted.forecast(HORIZON, &[0.8, 0.95])));
    let next = Regular::new(history.end(), 3600, vec![100.0]);
    criterion.bench_function("partial_fit/auto", |bencher| {
        bencher.iter_batched(|| fitted.clone(), |mut it| it.partial_fit(&next), criterion::BatchSize::SmallInput);
    });
}

criterion_group!(benches, models);
criterion_main!(benches);
