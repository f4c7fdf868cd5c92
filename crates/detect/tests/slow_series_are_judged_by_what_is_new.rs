//! Series with an hour or a day between points: what three standard deviations miss is told, and what the clock does is not.

use std::sync::Arc;

use detect::{Config, Shard};
use signal::{Anomaly, AnomalyKind, Labels, Point, Timestamp};

const HOUR: i64 = 3600;
/// 2026-01-05, a Monday.
const START: i64 = 1_767_571_200;

fn told(
    config: Config,
    metric: &str,
    interval_secs: i64,
    values: impl IntoIterator<Item = f64>,
) -> Vec<(i64, Anomaly)> {
    let mut shard = Shard::new(Arc::new(config));
    let labels = Labels::metric(metric, &[("service", "billing")]);
    let mut all = vec![];
    for (value, idx) in values.into_iter().zip(0..) {
        let time = Timestamp::from_secs(START + idx * interval_secs);
        let mut told = vec![];
        shard.observe(&labels, Point { time, value }, time, &mut told);
        shard.tick(time, &mut told);
        all.extend(told.into_iter().filter(|it| !it.is_over).map(|it| (idx, it)));
    }
    all
}

fn normal(random: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

/// Scenario: payments a day with a spread of 19 %; three standard deviations allow all from 4,260 on. They fall to 4,200.
/// Guarantees: the first such day is told with what is new about it, whatever the noise was before; quiet weeks are quiet.
#[test]
fn payments_fall_from_9900_to_4200_a_day() {
    let (mut found, mut false_alarms) = (0, 0);
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let values = (0..90)
            .map(|day| if day < 86 { 9900.0 * (1.0 + 0.19 * normal(&mut random).clamp(-2.0, 2.0)) } else { 4200.0 });
        let told = told(Config::default(), "payments_per_day", 24 * HOUR, values);
        let (before, after): (Vec<_>, Vec<_>) = told.iter().partition(|it| it.0 < 86);
        found += usize::from(after.first().is_some_and(|it| it.0 <= 87));
        false_alarms += before.len();
        assert!(after.iter().all(|it| it.1.kind != AnomalyKind::Novelty || !it.1.explanation.is_empty()));
    }
    println!("found {found} of 20, {false_alarms} false alarms in 20 x 86 days");
    assert!(found >= 18 && false_alarms <= 4, "found {found} of 20, {false_alarms} false alarms");
}

/// Scenario: work begins at 8 o'clock in Berlin, also after the clocks were set forward on 2026-03-29.
/// Guarantees: nothing is told from the third week on, neither with Berlin's clock nor with that of Greenwich.
#[test]
fn daylight_saving_is_no_surprise() {
    for time_zone in ["Europe/Berlin", "UTC"] {
        let mut random = fastrand::Rng::with_seed(3);
        let config = Config { time_zone: time_zone.to_owned(), ..Config::default() };
        let values = (0..100 * 24).map(|hour| {
            let local_hour = (hour + if hour > 83 * 24 { 2 } else { 1 }) % 24;
            (if (8..18).contains(&local_hour) { 80.0 } else { 20.0 }) * (1.0 + 0.03 * normal(&mut random))
        });
        let told = told(config, "jobs_running", HOUR, values);
        let late: Vec<_> =
            told.iter().filter(|it| it.0 > 21 * 24).map(|it| (it.0, it.1.kind, &it.1.explanation)).collect();
        assert!(late.is_empty(), "{time_zone}: {late:#?}");
    }
}
