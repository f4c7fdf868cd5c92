//! Are windows whole, late lines counted and keys bounded?

use super::*;

const START: i64 = 1_700_000_040;

fn windows(json: &str) -> Windows {
    let config: WindowConfig = serde_json::from_str(json).unwrap();
    assert_eq!(config.validate(), Vec::<String>::new());
    Windows::new(&[config])
}

/// One source of lines: service, its number, and which second says what.
type Voice<'a> = (&'a str, u32, &'a dyn Fn(i64) -> Option<String>);

/// Lets seconds pass; the samples as `series@second=value`, seconds counted from the start (which begins a minute).
fn run(windows: &mut Windows, seconds: std::ops::Range<i64>, voices: &[Voice<'_>]) -> Vec<String> {
    let mut told = vec![];
    for second in seconds {
        let now = Timestamp::from_secs(START + second);
        for (service, number, say) in voices {
            let Some(line) = say(second) else { continue };
            let labels = Labels::new([("service", *service)]);
            let set = windows.of_stream(&labels);
            windows.observe((set, *number), LogLevel::Info, &LogRecord::new(now, labels, line), now);
        }
        let mut out = vec![];
        windows.tick(now, &mut out);
        for it in out {
            let point = it.points[0];
            told.push(format!("{}@{}={}", it.labels, point.time.millis() / 1000 - START, point.value));
        }
    }
    told
}

fn values(told: &[String], part: &str) -> Vec<(i64, f64)> {
    let found = told.iter().filter(|it| it.contains(part)).map(|it| it.rsplit_once('@').unwrap().1);
    found
        .map(|it| it.split_once('=').unwrap())
        .map(|(at, value)| (at.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

#[test]
fn every_aggregate_of_a_whole_window() {
    let json = r#"{"name": "req", "by": ["service"], "value": "took", "distinct": "user", "window_secs": 60,
        "aggregates": ["count", "rate", "distinct", "p50", "p95", "p99"]}"#;
    let say = |second: i64| Some(format!("took={}ms user=u{}", 1 + second % 60, second % 7));
    let told = run(&mut windows(json), 0..200, &[("pay", 0, &say)]);
    let one = |part: &str| values(&told, part).first().copied().unwrap();
    // The first minute is partial. The second one ends at 120 and waits 10 s for late lines.
    assert_eq!(one("req_count"), (120, 60.0));
    assert_eq!(one("req_rate"), (120, 1.0));
    assert_eq!(one("req_distinct"), (120, 7.0));
    for (part, expected) in [("req_p50", 0.030), ("req_p95", 0.057), ("req_p99", 0.059)] {
        let (_, value) = one(part);
        assert!((value / expected - 1.0).abs() < 0.02, "{part} is {value}");
    }
    assert!(told[0].contains(r#"window="60s""#) && told[0].contains(r#"service="pay""#), "{}", told[0]);
}

#[test]
fn a_partial_window_is_never_told() {
    let json = r#"{"name": "req", "by": ["service"], "window_secs": 60}"#;
    let steady = |_: i64| Some("x".to_owned());
    // `pay` starts in the middle of a window, pauses in the middle of one and comes back in the middle of one.
    let pay = |second: i64| ((20..390).contains(&second) || second >= 750).then(|| "x".to_owned());
    let alone = values(&run(&mut windows(json), 0..1000, &[("pay", 0, &pay)]), "req_count");
    assert!(!alone.is_empty() && alone.iter().all(|(_, value)| *value == 60.0), "{alone:?}");
    assert!(alone.iter().all(|(at, _)| (60..=360).contains(&(at - 60)) || *at > 780), "{alone:?}");
    // While others go on, a silent service counts 0, but what it said before it fell silent is no drop.
    let told = run(&mut windows(json), 0..1000, &[("pay", 0, &pay), ("cart", 1, &steady)]);
    let pay = values(&told, r#"service="pay""#);
    assert!(pay.iter().all(|(_, value)| *value == 60.0 || *value == 0.0), "{pay:?}");
    assert!(pay.contains(&(480, 0.0)) && pay.iter().all(|(at, _)| *at != 420 && *at != 780), "{pay:?}");
    let cart = values(&told, r#"service="cart""#);
    assert!(cart.len() >= 14 && cart.iter().all(|(_, value)| *value == 60.0), "{cart:?}");
}

#[test]
fn a_slow_source_is_waited_for_and_a_real_drop_is_told() {
    let json =
        r#"{"name": "pay", "match": {"service": "pay"}, "contains": "paid", "by": ["service"], "window_secs": 10}"#;
    // A line every 8 s; from second 200 on none of them is a payment.
    let say = |second: i64| (second % 8 == 0).then(|| if second < 200 { "paid" } else { "refused" }.to_owned());
    let told = values(&run(&mut windows(json), 0..300, &[("pay", 0, &say)]), "pay_count");
    assert!(told.iter().filter(|(at, _)| *at <= 200).all(|(_, value)| (1.0..=2.0).contains(value)), "{told:?}");
    assert!(told.iter().filter(|(at, _)| *at > 210).all(|(_, value)| *value == 0.0), "{told:?}");
    assert!(told.len() > 20, "{told:?}");
}

#[test]
fn windows_slide_by_panes() {
    let json = r#"{"name": "req", "window_secs": 60, "slide_secs": 20, "aggregates": ["count"]}"#;
    let say = |second: i64| (second < 100 || second % 2 == 0).then(|| "x".to_owned());
    let told = values(&run(&mut windows(json), 0..300, &[("pay", 0, &say)]), "req_count");
    assert_eq!(told[..6], [(80, 60.0), (100, 60.0), (120, 50.0), (140, 40.0), (160, 30.0), (180, 30.0)]);
}

#[test]
fn late_lines_count_while_their_window_waits_and_are_dropped_after() {
    let mut windows = windows(r#"{"name": "req", "window_secs": 60, "lateness_secs": 30}"#);
    let labels = Labels::new([("service", "pay")]);
    let mut out = vec![];
    for second in 0..300 {
        let now = Timestamp::from_secs(START + second);
        let said = |time| LogRecord::new(time, labels.clone(), "x");
        windows.observe((1, 0), LogLevel::Info, &said(now), now);
        // One line comes 25 s late, one 200 s late.
        for late in [25, 200].iter().filter(|_| second == 250) {
            let time = Timestamp::from_secs(START + second - late);
            windows.observe((1, 0), LogLevel::Info, &said(time), now);
        }
        windows.tick(now, &mut out);
    }
    let told: Vec<f64> = out.iter().map(|it| it.points[0].value).collect();
    assert_eq!(told, [60.0, 60.0, 61.0]);
    assert_eq!((windows.parts[0].counts.late_dropped, windows.parts[0].counts.partial), (1, 1));
}

#[test]
fn keys_are_bounded_and_forgotten_ones_end_their_series() {
    let mut windows =
        windows(r#"{"name": "req", "by": ["user"], "window_secs": 1, "lateness_secs": 0, "max_keys": 10}"#);
    let crowd = |second: i64| Some(format!("user=u{}", if second < 50 { second } else { 0 }));
    let told = run(&mut windows, 0..400, &[("pay", 0, &crowd)]);
    assert_eq!(windows.parts[0].counts.keys_dropped, 40);
    assert_eq!(windows.parts[0].keys.len(), 1);
    assert_eq!(told.iter().filter(|it| it.ends_with("=NaN")).count(), 9);
}

#[test]
fn bad_windows_name_each_key() {
    let json = r#"{"name": "", "window_secs": 60, "slide_secs": 7, "lateness_secs": 9999, "max_keys": 0,
        "aggregates": ["distinct", "p95"]}"#;
    let problems = serde_json::from_str::<WindowConfig>(json).unwrap().validate().join("\n");
    for key in ["name", "slide_secs", "lateness_secs", "max_keys", "distinct", "value"] {
        assert!(problems.contains(key), "{key} in {problems}");
    }
    assert!(serde_json::from_str::<WindowConfig>(r#"{"name": "a", "aggregates": ["p42"]}"#).is_err());
}
