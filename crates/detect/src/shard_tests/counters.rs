//! Are counters judged by their rate, also when failures are rare?

use super::*;

#[test]
fn counters_are_judged_by_their_rate_and_survive_a_reset() {
    let mut world = World::new();
    let labels = r#"client_errors_total{service="pay"}"#;
    let mut reading = 1000.0;
    for second in 0..200 {
        reading = if second == 100 { 1.0 } else { reading + 1.0 };
        world.run(labels, [reading]);
    }
    assert_eq!(world.take(), vec![]);
    let verdicts = world.run(labels, (1..=5).map(|it| reading + 50.0 * f64::from(it)));
    assert_eq!(verdicts[4].score.y, 50.0);
    assert!(!world.take().is_empty());
}

#[test]
fn failures_that_appear_with_the_first_failure_were_zero_before() {
    let mut world = World::new();
    world.run(r#"http_requests_total{service="pay",status="200"}"#, (0..200).map(f64::from));
    world.run(r#"http_requests_total{service="pay",status="500"}"#, (1..8).map(|it| f64::from(it) * 20.0));
    let told: Vec<_> = world.take().into_iter().filter(|it| it.labels.get("status") == Some("500")).collect();
    assert_eq!(told.len(), 1);
}

/// The counter of the report: single failures a few seconds apart on a young series.
#[test]
fn scattered_failures_on_a_young_counter_open_nothing() {
    let mut world = World::new();
    let parts = [(0.0, 21), (1.0, 8), (2.0, 31), (3.0, 1), (4.0, 1), (5.0, 51), (6.0, 301)];
    let readings = parts.into_iter().flat_map(|(reading, count)| repeat(reading, count));
    world.run(r#"http_requests_total{service="pay",status="500"}"#, readings);
    assert_eq!(world.take(), vec![]);
}

/// Failures per second before and after; the fault has seconds without a failure and is told all the same.
#[test]
fn a_rise_of_rare_failures_is_told_whatever_zeros_lie_between() {
    for (before, after, within_secs) in
        [(0.03, 4.0, 10.0), (0.0, 1.5, 25.0), (0.3, 8.0, 8.0), (1.0, 8.0, 10.0), (0.0, 20.0, 4.0)]
    {
        for seed in 0..10 {
            let mut world = World::new();
            let mut random = fastrand::Rng::with_seed(seed);
            let mut reading = 0.0;
            for second in 0..700 {
                // Young, and then long watched.
                let is_fault = second >= if seed % 2 == 0 { 80 } else { 600 };
                let (mut product, limit) = (random.f64(), f64::exp(if is_fault { -after } else { -before }));
                while product > limit {
                    (product, reading) = (product * random.f64(), reading + 1.0);
                }
                world.run(r#"client_errors_total{service="pay"}"#, [reading]);
                if is_fault && !world.told.is_empty() {
                    break;
                }
            }
            let told = world.take();
            let first = told.first().unwrap_or_else(|| panic!("{before} to {after} seed {seed} was not told"));
            let began = START.plus(std::time::Duration::from_secs(if seed % 2 == 0 { 80 } else { 600 }));
            let secs = first.time.secs_since(began);
            assert!((0.0..=within_secs).contains(&secs), "{before} to {after} seed {seed}: after {secs} s");
            assert!(first.score.yhat <= before * 3.0 + 0.1 && first.score.yhat_upper < after.max(3.5));
        }
    }
}
