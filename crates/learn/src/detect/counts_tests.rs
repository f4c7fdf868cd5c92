//! What the estimator of rare events promises, over seeded streams.

use proptest::prelude::*;

use super::*;

/// Scores of a stream of events per point.
fn scores(interval_millis: i64, events: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut counts = Counts::new(600.0);
    counts.learn_one(0, 0.0);
    let step = |(events, idx): (f64, i64)| {
        let (time, rate) = (idx * interval_millis, events * 1000.0 / interval_millis as f64);
        let score = if counts.is_rare() { counts.score_one(time, rate).value } else { 0.0 };
        counts.learn_one(time, rate);
        score
    };
    events.into_iter().zip(1..).map(step).collect()
}

fn poisson(random: &mut fastrand::Rng, mean: f64) -> f64 {
    let (mut count, mut product) = (-1.0, 1.0);
    while product > (-mean).exp() {
        product *= random.f64();
        count += 1.0;
    }
    count
}

#[test]
fn scattered_events_are_silent_at_every_rate() {
    for interval_millis in [1000, 5000, 15_000, 60_000] {
        for mean in [0.0, 0.003, 0.03, 0.1, 0.3, 1.0, 2.5] {
            let (mut alarms, mut points) = (0, 0);
            for seed in 0..5 {
                let mut random = fastrand::Rng::with_seed(seed);
                let scores = scores(interval_millis, (0..20_000).map(|_| poisson(&mut random, mean)));
                alarms += scores.iter().filter(|it| **it > 1.0).count();
                points += scores.len();
            }
            println!("interval {interval_millis} mean {mean}: {alarms} of {points}");
            // The score of neighbors is that of almost the same window.
            assert!(alarms <= 30, "interval {interval_millis} mean {mean}: {alarms} of {points}");
        }
    }
}

#[test]
fn clumps_that_are_usual_are_silent() {
    let mut random = fastrand::Rng::with_seed(1);
    let scores = scores(1000, (0..20_000).map(|_| if random.u32(..100) == 0 { 4.0 } else { 0.0 }));
    assert!(scores.iter().filter(|it| **it > 1.0).count() <= 20);
}

#[test]
fn a_fault_with_scattered_zeros_is_seen_within_five_seconds_and_for_as_long_as_it_lasts() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let stream = (0..700).map(|it| poisson(&mut random, if it < 300 { 0.03 } else { 4.0 }));
        let stream: Vec<f64> = stream.collect();
        let scores = scores(1000, stream.iter().copied());
        assert!(scores[..300].iter().all(|it| *it < 1.0), "seed {seed}");
        assert!(scores[300..306].iter().any(|it| *it > 1.0), "seed {seed}: {:?}", &scores[300..310]);
        let held = scores[310..].iter().zip(&stream[310..]).all(|(score, events)| *score > 1.0 || *events == 0.0);
        assert!(held, "seed {seed}");
    }
}

#[test]
fn a_lasting_rate_is_adopted() {
    let mut random = fastrand::Rng::with_seed(2);
    let scores = scores(1000, (0..4000).map(|it| poisson(&mut random, if it < 300 { 0.03 } else { 2.0 })));
    assert!(scores[320..850].iter().filter(|it| **it > 1.0).count() > 400);
    assert!(scores[2500..].iter().all(|it| *it < 1.0));
}

#[test]
fn the_band_is_that_of_single_points() {
    let mut counts = Counts::new(600.0);
    (0..400).for_each(|it| counts.learn_one(it * 1000, 0.0));
    let score = counts.score_one(400_000, 0.0);
    assert_eq!((score.value, score.yhat, score.yhat_lower), (0.0, 0.0, 0.0));
    // One failure in a second lies inside.
    assert!((1.0..3.0).contains(&score.yhat_upper), "{}", score.yhat_upper);
    assert!(!score.is_provisional && score.is_ready);
}

#[test]
fn absurd_rates_are_survived() {
    let mut counts = Counts::new(600.0);
    let values = [0.0, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5.0, -1.0];
    for round in 0..2000_i64 {
        let x = values[round as usize % values.len()];
        let score = counts.score_one(round, x);
        assert_eq!(score.value.is_nan(), x.is_nan(), "{round} {x}");
        counts.learn_one(round, x);
    }
    for time in [i64::MIN, i64::MAX, 0] {
        counts.learn_one(time, 1.0);
        assert!(counts.score_one(time, 1.0).value.is_finite());
    }
    assert!(counts.state_bytes() <= 400, "{}", counts.state_bytes());
}

#[test]
fn damaged_words_are_refused() {
    let words = Vec::from(&Counts::new(600.0));
    assert_eq!(Counts::try_from(&words[..5]), Err(WordsError::Damaged));
    assert_eq!(Counts::try_from(&[9, 1, 2][..]), Err(WordsError::Version(9)));
    let half_a_point: Vec<u64> = words.into_iter().chain([1]).collect();
    assert_eq!(Counts::try_from(half_a_point), Err(WordsError::Damaged));
}

proptest! {
    #[test]
    fn scoring_is_pure_and_a_saved_estimator_goes_on_the_same(
        stream in prop::collection::vec(prop_oneof![4 => 0.0..9.0_f64, 1 => prop::num::f64::ANY], 1..200),
        cut in 0..200_usize,
    ) {
        let mut counts = Counts::new(600.0);
        let mut twin = counts.clone();
        for (idx, x) in stream.iter().enumerate() {
            let time = idx as i64 * 1000;
            if idx == cut {
                twin = Counts::try_from(Vec::from(&counts)).unwrap();
            }
            let before = Vec::from(&counts);
            let first = counts.score_one(time, *x);
            prop_assert_eq!(&before, &Vec::from(&counts));
            prop_assert_eq!(first.value.to_bits(), twin.score_one(time, *x).value.to_bits());
            counts.learn_one(time, *x);
            twin.learn_one(time, *x);
        }
    }
}
