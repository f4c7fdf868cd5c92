//! How long do the judges of rows take to learn and to judge, and how long does scikit-learn?

mod scikit_learn;

use std::hint::black_box;

use criterion::{Criterion, criterion_group};
use learn::outlier::detector::{Detector, DetectorConfig, Method};
use learn::outlier::isolation_forest::{IsolationForest, IsolationForestConfig};
use learn::outlier::matrix::Matrix;
use learn::outlier::nearest_neighbors::{NearestNeighbors, NearestNeighborsConfig};
use learn::outlier::one_class_svm::{OneClassSvm, OneClassSvmConfig};
use learn::random::Random;

const N_FEATURES: usize = 20;

fn rows(n: usize, seed: u64) -> Matrix {
    let mut random = Random::new(seed);
    let mut rows = Matrix::new(N_FEATURES);
    for _ in 0..n {
        let row: Vec<f64> = (0..N_FEATURES).map(|_| random.normal()).collect();
        rows.push(&row);
    }
    rows
}

fn outliers(criterion: &mut Criterion) {
    let (train, test) = (rows(2000, 1), rows(1000, 2));
    let mut group = criterion.benchmark_group("outliers");
    group.sample_size(10);
    group.bench_function("isolation_forest fit 2000 x 20, score 1000", |bench| {
        bench.iter(|| IsolationForest::fit(black_box(&train), IsolationForestConfig::default()).score(&test));
    });
    group.bench_function("one_class_svm fit 2000 x 20, score 1000", |bench| {
        bench.iter(|| OneClassSvm::fit(black_box(&train), OneClassSvmConfig::default()).decision(&test));
    });
    group.bench_function("nearest_neighbors fit 2000 x 20, score 1000", |bench| {
        bench.iter(|| NearestNeighbors::fit(black_box(&train), NearestNeighborsConfig::default()).score(&test));
    });
    let window = rows(17, 3);
    for method in
        [Method::IsolationForest, Method::OneClassSvm, Method::NearestNeighbors, Method::Autoencoder, Method::Tcn]
    {
        let detector = Detector::fit(&train, DetectorConfig { method, ..Default::default() });
        group.bench_function(format!("{method:?}: 17 verdicts with contributions"), |bench| {
            bench.iter(|| detector.judge(black_box(&window)));
        });
    }
    group.finish();
}

criterion_group!(benches, outliers);
fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    scikit_learn::compare(&rows(2000, 1), &rows(1000, 2));
}
