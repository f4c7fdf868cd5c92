//! What does logging cost the path of a request? Making a row of 20 fields and handing it over, while the log is written.

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use predict::{Log, LogConfig};
use signal::{FeatureValue, Inference, SystemClock, Timestamp};

fn hand_over(criterion: &mut Criterion) {
    let dir = std::env::temp_dir().join(format!("hand-over-{}", std::process::id()));
    let config =
        LogConfig { queue_rows: 5_000_000, queue_bytes: 2 << 30, max_bytes: 512 << 20, ..LogConfig::default() };
    let log = Log::open(&dir, &config, Arc::new(SystemClock)).expect("a folder for the log");
    let names: Vec<Arc<str>> = (0..20).map(|it| Arc::from(format!("feature_{it}"))).collect();
    let text: Arc<str> = "Bachelors".into();
    let (id, model, version): (Arc<str>, Arc<str>, Arc<str>) = ("an id".into(), "income".into(), "1".into());
    let row = || Inference {
        id: Arc::clone(&id),
        time: Timestamp::from_secs(1_750_000_000),
        model: Arc::clone(&model),
        version: Arc::clone(&version),
        features: names
            .iter()
            .enumerate()
            .map(|(idx, name)| {
                let value =
                    if idx % 2 == 0 { FeatureValue::Text(Arc::clone(&text)) } else { FeatureValue::Number(idx as f64) };
                (Arc::clone(name), value)
            })
            .collect(),
        prediction: FeatureValue::Number(1.0),
        probability: Some(0.75),
        probabilities: vec![],
        latency_ms: 0.1,
        is_shadow: false,
    };
    criterion.bench_function("hand over a row of 20 fields", |bencher| bencher.iter(|| log.offer(vec![row()])));
    log.close();
    std::fs::remove_dir_all(&dir).expect("the folder goes away");
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    targets = hand_over
}
criterion_main!(benches);
