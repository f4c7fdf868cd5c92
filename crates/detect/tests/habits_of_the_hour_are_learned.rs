//! A series that is away from its band at the same hour day by day: told on two days, then not, unless it must be.

#![allow(clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::sync::Arc;

use detect::{Config, Shard};
use signal::{Labels, Point, Timestamp};

const DAY: i64 = 86_400;
/// Monday, 2026-01-05T00:00:00Z.
const START: i64 = 1_767_571_200;
const STEP: i64 = 10;

/// Days on which an anomaly began. A job of twenty minutes runs at three every night; `now` says when points arrive.
fn days_told(config: Config, series: &str, usual: f64, job: f64, days: i64, now: impl Fn(i64) -> i64) -> Vec<i64> {
    let mut random = fastrand::Rng::with_seed(4);
    let mut shard = Shard::new(Arc::new(config));
    let labels: Labels = series.parse().expect("a selector");
    let mut told = vec![];
    for secs in (0..days * DAY).step_by(STEP as usize) {
        let is_job = (10_800..12_000).contains(&(secs % DAY));
        let value = if is_job { job } else { usual } * (1.0 + 0.03 * (random.f64() - 0.5));
        let mut anomalies = vec![];
        let time = Timestamp::from_secs(START + secs);
        shard.observe(&labels, Point { time, value }, Timestamp::from_secs(now(START + secs)), &mut anomalies);
        told.extend(
            anomalies.iter().filter(|it| !it.is_over).map(|it| it.onset.since(Timestamp::from_secs(START)).as_secs()),
        );
    }
    let mut days: Vec<i64> = told.iter().map(|it| i64::try_from(*it).unwrap_or(0) / DAY).collect();
    days.dedup();
    days
}

fn live(secs: i64) -> i64 {
    secs
}

#[test]
fn a_nightly_job_is_told_twice() {
    for (series, usual, job) in [("latency_seconds", 0.2, 0.9), ("cpu_percent{service=\"db\"}", 20.0, 90.0)] {
        assert_eq!(days_told(Config::default(), series, usual, job, 6, live), [0, 1], "{series}");
    }
}

#[test]
fn errors_are_told_each_time_and_so_is_everything_without_habits() {
    let every_night: Vec<i64> = (0..6).collect();
    assert_eq!(days_told(Config::default(), "error_ratio", 0.02, 0.5, 6, live), every_night);
    let config = Config { habits: false, ..Config::default() };
    assert_eq!(days_told(config, "latency_seconds", 0.2, 0.9, 6, live), every_night);
}

#[test]
fn history_teaches_habits_before_anything_is_told() {
    // Four days are replayed at the start of the fifth.
    let replayed = |secs: i64| secs.max(START + 4 * DAY);
    assert_eq!(days_told(Config::default(), "latency_seconds", 0.2, 0.9, 6, replayed), [0; 0]);
}

#[test]
fn what_is_done_in_maintenance_is_no_habit() {
    let window = r#"[{"from": "02:30", "to": "04:00", "time_zone": "UTC", "days": ["monday", "tuesday"]}]"#;
    let maintenance = serde_json::from_str(window).expect("a window");
    let config = Config { maintenance, ..Config::default() };
    assert_eq!(
        days_told(config, "latency_seconds", 0.2, 0.9, 6, live),
        [2, 3],
        "of Monday and Tuesday nothing is known"
    );
}
