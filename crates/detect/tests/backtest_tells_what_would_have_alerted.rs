//! Does a back-test say what a running system would have said, under each choice of a threshold?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::time::Duration;

use detect::{Config, ServiceMap, back_test};
use signal::{BackTest, Choice, Labels, Point, SeriesPoints, TimeRange, Timestamp};

/// Monday, 2026-01-05T00:00:00Z.
const START: Timestamp = Timestamp::from_secs(1_767_571_200);

fn labels() -> Labels {
    r#"latency_seconds{service="pay"}"#.parse().unwrap()
}

fn minute(it: u64) -> Timestamp {
    START.plus(Duration::from_secs(60 * it))
}

/// Two days at a minute: noise, a small excursion on each morning and a fault in the second afternoon.
fn series() -> SeriesPoints {
    let mut rng = fastrand::Rng::with_seed(11);
    let value = |it: u64| {
        let noise = 0.002 * ((0..12).map(|_| rng.f64()).sum::<f64>() - 6.0);
        0.2 + noise
            + match it {
                600..606 | 2040..2046 => 0.03,
                2400..2420 => 0.9,
                _ => 0.0,
            }
    };
    let values: Vec<f64> = (0..2880).map(value).collect();
    let points = (0..).zip(values).map(|(it, value)| Point { time: minute(it), value }).collect();
    SeriesPoints { labels: labels(), points }
}

fn run(choices: &[&str]) -> BackTest {
    let choices: Vec<Choice> = choices.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    let policy = r#"{"policies": [{"metric": "latency*", "min_relative_deviation": 0, "min_absolute_deviation": 0}]}"#;
    let config: Config = serde_json::from_str(policy).unwrap();
    let range = TimeRange::new(minute(120), minute(2880));
    let mut shares = vec![];
    let map = ServiceMap::default();
    let found = back_test(&config, &[series()], range, &choices, &map, &mut |it| shares.push(it));
    assert!(shares.is_sorted() && shares.iter().all(|it| (0.0..=1.0).contains(it)));
    found
}

#[test]
fn each_choice_has_its_alerts() {
    let found = run(&[
        r#"{"sigma": 3}"#,
        r#"{"budget": "1 per day"}"#,
        r#"{"budget": "1 per week"}"#,
        r#"{"threshold": 50}"#,
        r#"{"contamination": 0.01}"#,
        r#""configured""#,
    ]);
    assert_eq!((found.points, found.points_before, found.series.len()), (2760, 120, 1));
    assert!((found.days - 2759.0 / 1440.0).abs() < 1e-9);
    let [sigma, day, week, threshold, contamination, configured] = found.outcomes.as_slice() else { panic!() };
    let fault = |it: &signal::BackTestAlert| (minute(2400)..minute(2404)).contains(&it.onset);
    for it in [sigma, day, week, configured] {
        assert_eq!(it.alerts.iter().filter(|it| fault(it)).count(), 1, "{}: {:#?}", it.name, it.alerts);
        let alert = it.alerts.iter().find(|it| fault(it)).unwrap();
        assert!((1.05..1.15).contains(&alert.value) && (0.15..0.25).contains(&alert.expected), "{alert:?}");
        assert!(alert.why.contains("latency_seconds") && alert.why.contains("score"), "{}", alert.why);
        assert!(alert.end.is_some_and(|it| it < minute(2440)), "{alert:?}");
        assert!((it.alerts_per_day.unwrap() - it.alerts.len() as f64 / found.days).abs() < 1e-9);
    }
    assert_eq!(sigma.alerts.len(), 3, "both excursions are beyond 3 sigma: {:#?}", sigma.alerts);
    assert!(week.alerts.len() <= 2, "{:#?}", week.alerts);
    assert!(week.threshold > 1.0 && week.threshold_max >= week.threshold && sigma.threshold == 1.0);
    assert!(day.alerts.len() <= configured.alerts.len());
    assert!(threshold.alerts.len() <= configured.alerts.len() && threshold.threshold == 50.0);
    assert!(!contamination.alerts.is_empty());
    assert_eq!(
        found,
        run(&[
            r#"{"sigma": 3}"#,
            r#"{"budget": "1 per day"}"#,
            r#"{"budget": "1 per week"}"#,
            r#"{"threshold": 50}"#,
            r#"{"contamination": 0.01}"#,
            r#""configured""#,
        ]),
        "the same question has the same answer"
    );
}

#[test]
fn the_band_is_thin_and_keeps_the_worst() {
    let found = run(&[r#""configured""#]);
    assert!((300..=601).contains(&found.band.len()), "{}", found.band.len());
    assert!(found.band.iter().any(|it| it.score.value > 1.0 && it.score.y > 1.0));
    assert!(found.band.iter().all(|it| it.score.yhat_lower <= it.score.yhat_upper));
}

#[test]
fn nothing_is_known_of_nothing() {
    let range = TimeRange::new(minute(0), minute(1));
    let map = ServiceMap::default();
    let found = back_test(&Config::default(), &[], range, &[Choice::Configured], &map, &mut |_| ());
    assert_eq!((found.points, found.days, found.outcomes[0].alerts.len()), (0, 0.0, 0));
}

/// Scenario: the future of a point changes. Guarantees: what is said up to then does not.
#[test]
fn there_is_no_look_ahead() {
    let mut whole = series();
    let cut = TimeRange::new(minute(120), minute(2300));
    let alerts = |it: &SeriesPoints| {
        let map = ServiceMap::default();
        let found =
            back_test(&Config::default(), std::slice::from_ref(it), cut, &[Choice::Configured], &map, &mut |_| ());
        (
            found.outcomes[0].alerts.iter().map(|it| (it.onset, it.peak_score.to_bits())).collect::<Vec<_>>(),
            found.band.iter().filter(|it| it.time <= minute(2300)).cloned().collect::<Vec<_>>(),
        )
    };
    let before = alerts(&whole);
    whole.points.iter_mut().filter(|it| it.time > minute(2300)).for_each(|it| it.value *= 7.0);
    assert_eq!(alerts(&whole), before);
}
