//! What holds for every model of the table, whatever the series? The numbers are those of docs/specs/forecast.md.

use proptest::prelude::*;

use super::*;
use crate::random::Random;

const STEPS: usize = 48;

fn fitted(kind: &ModelKind, history: &Regular) -> Result<Model, FitError> {
    let mut model = Model::new(kind).unwrap();
    model.fit(history).map(|()| model)
}

fn noise(seed: u64, n: usize) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..n).map(|_| random.normal()).collect()
}

/// A day and a week of hours with some noise.
fn shop(n: usize) -> Regular {
    let wave = |it: usize, period: f64| (it as f64 * std::f64::consts::TAU / period).sin();
    let value = |(it, noise): (usize, f64)| 100.0 + 30.0 * wave(it, 24.0) + 10.0 * wave(it, 168.0) + noise;
    Regular::new(1_600_000_000, 3600, noise(3, n).into_iter().enumerate().map(value).collect())
}

fn mae(told: &[f64], actual: &[f64]) -> f64 {
    crate::evaluate::forecast::mae(actual, told)
}

/// Guarantees 381, 382: exactly as many values as asked for, all finite, on series of every kind.
#[test]
fn every_model_answers_exactly_and_finitely() {
    let series: Vec<(&str, Vec<f64>)> = vec![
        ("constant", vec![5.0; 400]),
        ("zero", vec![0.0; 400]),
        ("line", (0..400).map(|it| f64::from(it) * 2.0 - 100.0).collect()),
        ("noise", noise(1, 400)),
        ("huge", noise(2, 400).iter().map(|it| it * 1e307).collect()),
        ("largest", (0..400).map(|it| if it % 7 < 3 { f64::MAX } else { f64::MIN }).collect()),
        ("tiny", noise(3, 400).iter().map(|it| it * 1e-310).collect()),
        ("offset", noise(4, 400).iter().map(|it| 1e12 + it).collect()),
        ("negative", noise(5, 400).iter().map(|it| -50.0 + it).collect()),
        ("spike", (0..400).map(|it| if it == 200 { 1e9 } else { f64::from(it % 5) }).collect()),
        ("steps", (0..400).map(|it| if it < 350 { 1.0 } else { 1000.0 }).collect()),
        ("growth", (0..400).map(|it| f64::from(it).powi(3)).collect()),
        ("explosion", (0..400).map(|it| 1.5f64.powi(it)).collect()),
        ("gaps", (0..400).map(|it| if it % 9 < 4 { f64::NAN } else { f64::from(it % 24) }).collect()),
        ("hole", (0..400).map(|it| if (100..250).contains(&it) { f64::NAN } else { f64::from(it % 24) }).collect()),
        ("infinite", (0..400).map(|it| if it % 50 == 3 { f64::INFINITY } else { f64::from(it % 24) }).collect()),
        ("late", (0..400).map(|it| if it > 390 { f64::NAN } else { f64::from(it % 24) }).collect()),
        ("short", vec![1.0, 2.0, 4.0, 3.0, 5.0, 1.0, 7.0, 2.0]),
    ];
    for kind in ModelKind::all() {
        for (name, values) in &series {
            for step in [1, 60, 3600, 86_400, 604_800] {
                let history = Regular::new(1_700_000_000, step, values.clone());
                let mut model = match fitted(&kind, &history) {
                    Ok(model) => model,
                    Err(FitError::TooShort { needed, .. }) => {
                        assert!(needed > history.n_finite(), "{} {name}", kind.name());
                        continue;
                    }
                    Err(error) => panic!("{} {name}: {error}", kind.name()),
                };
                for steps in [0, 1, 7, STEPS, 500] {
                    let told = model.predict(steps).unwrap_or_else(|error| panic!("{} {name}: {error}", kind.name()));
                    assert!(told.len() == steps && told.iter().all(|it| it.is_finite()), "{} {name}", kind.name());
                }
                assert_eq!(model.next_time(), Some(history.end()), "{} {name}", kind.name());
                model.partial_fit(&Regular::new(history.end(), step, vec![f64::NAN, 1.0, -3.0])).unwrap();
                assert_eq!(model.next_time(), Some(history.end() + 3 * step));
                assert!(model.predict(STEPS).unwrap().iter().all(|it| it.is_finite()), "{} {name}", kind.name());
            }
        }
    }
}

/// Guarantees 383: a constant stays what it is.
#[test]
fn a_constant_is_told_as_it_is() {
    for kind in ModelKind::all() {
        for value in [5.0, 0.0, -1e9, 1e-9] {
            let told = fitted(&kind, &Regular::new(0, 60, vec![value; 300])).unwrap().predict(STEPS).unwrap();
            let is_same = |it: &f64| (it - value).abs() <= 1e-6 * value.abs();
            assert!(told.iter().all(is_same), "{} {value} {told:?}", kind.name());
        }
    }
}

/// Guarantees 384: no target leaks into the features, so noise is told no better than by its mean, and not much worse.
#[test]
fn noise_has_an_honest_error() {
    for kind in ModelKind::all().into_iter().filter(|it| it.name() != "seasonal_naive") {
        let mut ratios = vec![];
        for seed in 0..6 {
            let values: Vec<f64> = noise(seed, 448).iter().map(|it| 50.0 + 10.0 * it).collect();
            let told = fitted(&kind, &Regular::new(0, 3600, values[..400].to_vec())).unwrap().predict(STEPS).unwrap();
            let mean = values[..400].iter().sum::<f64>() / 400.0;
            ratios.push(mae(&told, &values[400..]) / mae(&[mean; STEPS], &values[400..]));
        }
        let ratio = ratios.iter().sum::<f64>() / ratios.len() as f64;
        assert!((0.9..1.25).contains(&ratio), "{}: {ratios:?}", kind.name());
    }
}

/// Guarantees 385: forecasts follow what came after the fit.
#[test]
fn forecasts_follow_newer_values() {
    for kind in ModelKind::all() {
        let history = shop(700);
        let mut model = fitted(&kind, &history).unwrap();
        let before = model.predict(STEPS).unwrap();
        // Days that are as before, at ten times the level.
        let risen =
            Regular::new(history.end(), 3600, shop(700 + 336).values[700..].iter().map(|it| it + 900.0).collect());
        model.partial_fit(&risen).unwrap();
        let after = model.predict(STEPS).unwrap();
        let mean = |it: &[f64]| it.iter().sum::<f64>() / it.len() as f64;
        let change = mean(&after) - mean(&before);
        // A trend may go on rising for a while.
        assert!((700.0..1600.0).contains(&change), "{}: {change}", kind.name());
        assert_eq!(model.next_time(), Some(risen.end()));
    }
}

/// Guarantees 386: values that were seen already change nothing, values that were missed are a gap.
#[test]
fn overlaps_are_left_out_and_gaps_are_bridged() {
    for kind in ModelKind::all() {
        let all = shop(600);
        let mut model = fitted(&kind, &all.head(500)).unwrap();
        let same = model.clone();
        model.partial_fit(&all.head(500).from(300)).unwrap();
        assert_eq!(model.predict(9), same.predict(9), "{}", kind.name());
        model.partial_fit(&all.head(520).from(450)).unwrap();
        let mut exact = same.clone();
        exact.partial_fit(&all.head(520).from(500)).unwrap();
        assert_eq!(model.predict(9), exact.predict(9), "{}", kind.name());
        model.partial_fit(&all.from(560)).unwrap();
        assert_eq!(model.next_time(), Some(all.end()));
        let far = Regular::new(all.end() + 3600 * 100_000, 3600, vec![1.0]);
        assert_eq!(model.partial_fit(&far), Err(FitError::LongGap { missing: 100_000 }));
        let other = Regular::new(all.end(), 60, vec![1.0]);
        assert_eq!(model.partial_fit(&other), Err(FitError::OtherStep { learned: 3600, found: 60 }));
    }
}

/// Guarantees 387: a saved model goes on exactly as the one that was saved.
#[test]
fn a_saved_model_goes_on_as_if_nothing_had_been() {
    for kind in ModelKind::all() {
        let all = shop(600);
        let mut model = fitted(&kind, &all.head(500)).unwrap();
        let mut loaded = Model::load(&model.save()).unwrap();
        assert_eq!(loaded, model, "{}", kind.name());
        assert_eq!(loaded.kind(), kind);
        for it in [&mut model, &mut loaded] {
            it.partial_fit(&all.from(500)).unwrap();
        }
        assert_eq!(loaded.predict(STEPS), model.predict(STEPS), "{}", kind.name());
        let mut damaged = model.save();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        assert_eq!(Model::load(&damaged), Err(LoadError::Damaged));
    }
}

/// Guarantees 388: a failed call leaves the model as it was.
#[test]
fn a_failed_fit_changes_nothing() {
    for kind in ModelKind::all() {
        let mut model = fitted(&kind, &shop(400)).unwrap();
        let before = model.clone();
        assert!(model.fit(&Regular::new(0, 60, vec![f64::NAN; 50])).is_err());
        assert_eq!(model.fit(&Regular::new(0, 0, vec![1.0; 50])), Err(FitError::BadStep(0)));
        assert_eq!(model, before, "{}", kind.name());
        let mut never = Model::new(&kind).unwrap();
        assert_eq!(never.predict(1), Err(PredictError::NotFitted));
        assert_eq!(never.partial_fit(&shop(3)), Err(FitError::NotFitted));
        assert_eq!(before.predict(MAX_STEPS + 1), Err(PredictError::TooManySteps));
    }
}

/// Guarantees 389: the same series in other units has the same forecast in these units.
#[test]
fn units_do_not_matter() {
    for kind in ModelKind::all() {
        let history = shop(400);
        let told = fitted(&kind, &history).unwrap().predict(STEPS).unwrap();
        let other = Regular { values: history.values.iter().map(|it| it * 1024.0).collect(), ..history };
        let in_other = fitted(&kind, &other).unwrap().predict(STEPS).unwrap();
        assert!(told.iter().zip(&in_other).all(|(a, b)| a * 1024.0 == *b), "{}", kind.name());
    }
}

#[test]
fn a_clear_rhythm_is_told_by_every_model() {
    for kind in ModelKind::all() {
        let all = shop(748);
        let told = fitted(&kind, &all.head(700)).unwrap().predict(STEPS).unwrap();
        let error = mae(&told, &all.values[700..]);
        // Half of the week's swing is what a model of the day alone misses.
        assert!(error < 10.0, "{}: {error}", kind.name());
    }
}

#[test]
fn kinds_are_read_by_name_and_with_parameters_and_mistakes_are_told() {
    let read = |text: &str| serde_json::from_str::<ModelKind>(text).map_err(|it| it.to_string());
    for kind in ModelKind::all() {
        assert_eq!(read(&format!("\"{}\"", kind.name())), Ok(kind.clone()));
        assert_eq!(read(&serde_json::to_string(&kind).unwrap()), Ok(kind.clone()));
        assert_eq!(read(&format!("{{\"kind\":\"{}\"}}", kind.name())), Ok(kind));
    }
    assert_eq!(read("\"LinearTrendModel\""), Ok(ModelKind::LinearTrend(LinearTrendConfig::default())));
    let message = read("\"linear\"").unwrap_err();
    assert!(
        message.contains("there is no model \"linear\"; there are linear_trend, exponential_smoothing"),
        "{message}"
    );
    let message = read(r#"{"kind":"linear_trend","lags":0}"#).unwrap_err();
    assert!(message.contains("lags is 0; it must be 1 to 1000"), "{message}");
    let message = read(r#"{"kind":"linear_trend","leg":3}"#).unwrap_err();
    assert!(message.contains("unknown field `leg`"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Guarantees 381, 382 for any bits: an error or finite values, never a panic.
    #[test]
    fn no_input_breaks_a_model(
        values in prop::collection::vec(prop_oneof![4 => -1e3..1e3f64, 1 => any::<f64>()], 0..120),
        newer in prop::collection::vec(prop_oneof![4 => -1e3..1e3f64, 1 => any::<f64>()], 0..40),
        start in any::<i64>(),
        step in prop_oneof![Just(60i64), Just(3600), any::<i64>()],
        shift in -50i64..50,
    ) {
        for kind in ModelKind::all() {
            let history = Regular::new(start, step, values.clone());
            let Ok(mut model) = fitted(&kind, &history) else { continue };
            let told = model.predict(20);
            prop_assert!(told.is_ok_and(|it| it.len() == 20 && it.iter().all(|it| it.is_finite())));
            let newer = Regular::new(history.end().saturating_add(shift.saturating_mul(step)), step, newer.clone());
            let _ = model.partial_fit(&newer);
            if let Ok(told) = model.predict(20) {
                prop_assert!(told.len() == 20 && told.iter().all(|it| it.is_finite()));
            }
            prop_assert_eq!(Model::load(&model.save()).unwrap().predict(5), model.predict(5));
        }
    }

    /// Guarantees 390: intervals hold the forecast, a higher level holds a lower one, and all is finite.
    #[test]
    fn intervals_are_nested_and_finite(
        values in prop::collection::vec(prop_oneof![9 => -1e3..1e3f64, 1 => Just(f64::NAN), 1 => -1e300..1e300f64], 10..150),
        horizon in 1usize..30,
    ) {
        for kind in ModelKind::all() {
            let Ok(model) = Calibrated::fit(&kind, &Regular::new(0, 60, values.clone()), horizon) else { continue };
            let Ok(forecast) = model.forecast(horizon + 5, &[0.5, 0.8, 0.95, 2.0]) else { continue };
            prop_assert_eq!(forecast.intervals.len(), 3);
            for step in 0..horizon + 5 {
                let mut outer = (forecast.values[step], forecast.values[step]);
                for it in &forecast.intervals {
                    prop_assert!(it.lower[step] <= outer.0 && it.upper[step] >= outer.1, "{} {}", kind.name(), step);
                    prop_assert!(it.lower[step].is_finite() && it.upper[step].is_finite());
                    outer = (it.lower[step], it.upper[step]);
                }
            }
        }
    }
}
