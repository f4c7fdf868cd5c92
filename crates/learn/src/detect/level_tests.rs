//! What the estimator promises, over seeded streams.

use proptest::prelude::*;

use super::*;

/// Runs a stream through an estimator and returns the scores.
fn scores(stream: impl IntoIterator<Item = f64>) -> Vec<f64> {
    scores_with(Settings::default(), stream)
}

fn scores_with(settings: Settings, stream: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut level = Level::new(settings);
    let mut scores = vec![];
    for (x, second) in stream.into_iter().zip(0..) {
        scores.push(level.score_one(second * 1000, x).value);
        level.learn_one(second * 1000, x);
    }
    scores
}

fn normal(random: &mut fastrand::Rng) -> f64 {
    let (u, v) = (1.0 - random.f64(), random.f64());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn poisson(random: &mut fastrand::Rng, mean: f64) -> f64 {
    let (mut count, mut product) = (-1.0, 1.0);
    while product > (-mean).exp() {
        product *= random.f64();
        count += 1.0;
    }
    count
}

/// A named stream, made from a seed.
type Noise = (&'static str, fn(&mut fastrand::Rng, f64) -> f64);

const NOISES: [Noise; 7] = [
    ("normal", |random, _| 100.0 + 10.0 * normal(random)),
    ("ar1", |random, before| 0.9 * before + normal(random)),
    ("laplace", |random, _| {
        let u = random.f64() - 0.5;
        100.0 - 5.0 * u.signum() * (1.0 - 2.0 * u.abs()).max(1e-300).ln()
    }),
    ("poisson 40", |random, _| poisson(random, 40.0)),
    ("poisson 3", |random, _| poisson(random, 3.0)),
    ("poisson 0.3", |random, _| poisson(random, 0.3)),
    ("log-normal", |random, _| (0.8 * normal(random)).exp()),
];

#[test]
fn fewer_than_one_false_alarm_in_20_000_points_of_noise() {
    for (name, noise) in NOISES {
        let (mut alarms, mut points) = (0, 0);
        for seed in 0..10 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut before = 0.0;
            let stream = (0..20_000).map(|_| {
                before = noise(&mut random, before);
                before
            });
            let scores = scores(stream);
            points += scores.len();
            alarms += scores.iter().filter(|it| **it > 1.0).count();
        }
        println!("{name}: {alarms} alarms in {points} points");
        // Log-normal noise has no scale to speak of: there the guard may be late now and then.
        let allowed = if name == "log-normal" { 100 } else { points / 20_000 };
        assert!(alarms <= allowed, "{name}: {alarms} alarms in {points} points");
    }
}

#[test]
fn a_flat_series_with_tiny_noise_is_silent_and_a_deviation_is_not() {
    for (x, is_anomalous) in [(50.0, false), (50.0001, false), (51.0, false), (49.0, false), (80.0, true), (0.0, true)]
    {
        let stream = std::iter::repeat_n(50.0, 20).chain([x]);
        assert_eq!(*scores(stream).last().unwrap() > 1.0, is_anomalous, "{x}");
    }
}

#[test]
fn nothing_is_said_before_16_points_and_the_band_is_wider_before_64() {
    let mut level = Level::new(Settings::default());
    let mut widths = vec![];
    for second in 0..80_i64 {
        let score = level.score_one(second * 1000, 100.0);
        assert_eq!(score.is_ready, second >= 16, "{second}");
        assert_eq!(score.is_provisional, second < 64, "{second}");
        if score.is_ready {
            widths.push(score.yhat_upper - score.yhat_lower);
        }
        level.learn_one(second * 1000, 100.0);
    }
    assert!(widths[0] > 1.5 * widths[60]);
}

#[test]
fn a_daily_rhythm_is_silent_at_every_phase() {
    let mut surprises = vec![];
    for period in [600.0, 800.0, 1200.0, 3600.0] {
        for phase in 0..8 {
            let mut random = fastrand::Rng::with_seed(7);
            let stream = (0..6000).map(|it| {
                let angle = std::f64::consts::TAU * (f64::from(it) / period + f64::from(phase) / 8.0);
                100.0 + 40.0 * angle.sin() + normal(&mut random)
            });
            let scores = scores(stream);
            let worst = scores.iter().copied().fold(0.0, f64::max);
            if let Some(first) = scores.iter().position(|it| *it > 1.0) {
                surprises.push(format!("period {period} phase {phase} point {first} worst {worst:.2}"));
            }
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
}

#[test]
fn a_ramp_out_of_a_flat_series_is_caught_within_120_points() {
    for (noise, flat_points) in [(0.0, 300), (0.3, 300), (1.0, 600), (0.3, 1800)] {
        for seed in 0..5 {
            let mut random = fastrand::Rng::with_seed(seed);
            let stream = (0..flat_points + 300).map(|it| {
                let ramp = 0.3 * f64::from((it - flat_points).max(0));
                100.0 + ramp + noise * normal(&mut random)
            });
            let scores = scores(stream);
            let first = scores.iter().position(|it| *it > 1.0).unwrap_or(usize::MAX);
            let flat_points = flat_points as usize;
            assert!((flat_points..flat_points + 120).contains(&first), "noise {noise} seed {seed}: {first}");
            // It is held for as long as it goes on.
            assert!(scores[flat_points + 150..].iter().all(|it| *it > 1.0), "noise {noise} seed {seed}");
        }
    }
}

#[test]
fn a_new_level_is_held_against_the_old_one_and_then_adopted() {
    let mut random = fastrand::Rng::with_seed(3);
    let stream = (0..2000).map(|it| if it < 300 { 100.0 } else { 200.0 } + normal(&mut random));
    let scores = scores(stream);
    assert!(scores[300..895].iter().all(|it| *it > 1.0));
    assert!(scores[910..].iter().all(|it| *it < 1.0));
}

#[test]
fn the_way_back_is_no_surprise() {
    for (fault_points, from, to) in [(60, 100.0, 200.0), (900, 100.0, 200.0), (900, 100.0, 20.0)] {
        let mut random = fastrand::Rng::with_seed(4);
        let fault = 300..300 + fault_points;
        let stream = (0..2500).map(|it| if fault.contains(&it) { to } else { from } + normal(&mut random));
        let scores = scores(stream);
        let after = &scores[fault.end as usize..];
        assert!(after.iter().all(|it| *it < 1.0), "{:?}", after.iter().position(|it| *it > 1.0));
    }
}

#[test]
fn a_leak_that_is_given_back_is_no_surprise() {
    let mut random = fastrand::Rng::with_seed(5);
    let ramp = |it: i32| if (600..900).contains(&it) { 0.3 * f64::from(it - 600) } else { 0.0 };
    let scores = scores((0..1500).map(|it| 100.0 + ramp(it) + 0.3 * normal(&mut random)));
    assert!(scores[600..900].iter().any(|it| *it > 1.0));
    assert!(scores[900..].iter().all(|it| *it < 1.0));
}

#[test]
fn bursts_that_are_usual_become_silent_but_long_ones_do_not() {
    let burst = |it: i32, len: i32| if it % 60 < len { 1000.0 } else { 10.0 };
    let silent = scores((0..6000).map(|it| burst(it + 30, 2)));
    assert!(silent[3000..].iter().all(|it| *it < 1.0));
    // A stay of 30 points, once in 3000, is a fault again and again.
    let loud = scores((0..30_000).map(|it| if it % 3000 < 2970 { 10.0 } else { 1000.0 }));
    assert!(loud[29_975] > 1.0);
}

#[test]
fn without_the_tail_guard_the_same_burst_is_seen_again_and_again() {
    let settings = Settings { tail_weight: 0.0, ..Settings::default() };
    let scores = scores_with(settings, (0..6000).map(|it| if it % 60 == 59 { 1000.0 } else { 10.0 }));
    assert!((1..100).all(|it| scores[it * 60 - 1] > 1.0));
}

#[test]
fn absurd_numbers_are_survived() {
    let mut level = Level::new(Settings::default());
    let values = [0.0, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE, -0.0, 1e300];
    for round in 0..2000_i64 {
        let x = values[round as usize % values.len()];
        let score = level.score_one(round, x);
        assert_eq!(score.value.is_nan(), x.is_nan(), "{round} {x}");
        level.learn_one(round, x);
    }
    for time in [i64::MIN, i64::MAX, 0] {
        level.learn_one(time, 1.0);
        assert!(level.score_one(time, 1.0).value.is_finite());
    }
}

#[test]
fn old_points_teach_nothing() {
    let mut level = Level::new(Settings::default());
    (0..100).for_each(|it| level.learn_one(it * 1000, 5.0));
    let before = level.clone();
    level.learn_one(99_000, 1000.0);
    level.learn_one(5, 1000.0);
    assert_eq!(Vec::from(&level), Vec::from(&before));
}

#[test]
fn the_state_is_small() {
    println!("{} bytes", size_of::<Level>());
    assert!(size_of::<Level>() <= 384);
    assert!(Level::new(Settings::default()).state_bytes() <= 1024);
}

#[test]
fn damaged_words_are_refused() {
    let words = Vec::from(&Level::new(Settings::default()));
    assert_eq!(Level::try_from(&words[..5]), Err(WordsError::Damaged));
    assert_eq!(Level::try_from(&[][..]), Err(WordsError::Damaged));
    assert_eq!(Level::try_from(&[9, 1, 2][..]), Err(WordsError::Version(9)));
    let too_long: Vec<u64> = words.into_iter().chain([1]).collect();
    assert_eq!(Level::try_from(too_long), Err(WordsError::Damaged));
}

proptest! {
    #[test]
    fn scoring_is_pure_and_a_saved_estimator_goes_on_the_same(
        stream in prop::collection::vec(prop_oneof![4 => -1e3..1e3_f64, 1 => prop::num::f64::ANY], 1..200),
        cut in 0..200_usize,
    ) {
        let mut level = Level::new(Settings::default());
        let mut twin = level.clone();
        for (idx, x) in stream.iter().enumerate() {
            let time = idx as i64 * 1000;
            if idx == cut {
                twin = Level::try_from(Vec::from(&level)).unwrap();
            }
            let before = Vec::from(&level);
            let (first, again) = (level.score_one(time, *x), level.score_one(time, *x));
            prop_assert_eq!(first.value.to_bits(), again.value.to_bits());
            prop_assert_eq!(&before, &Vec::from(&level));
            prop_assert_eq!(first.value.to_bits(), twin.score_one(time, *x).value.to_bits());
            prop_assert!(first.value.is_nan() || first.value >= 0.0);
            level.learn_one(time, *x);
            twin.learn_one(time, *x);
        }
    }
}
