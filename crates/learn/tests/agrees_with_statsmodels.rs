//! Do our models tell what statsmodels tells? Values of statsmodels 0.15.0, by `tests/statsmodels/values.py`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use learn::forecast::{ArimaConfig, ExponentialSmoothingConfig, Forecaster, Model, ModelKind, Regular, Seasonal};

/// The noise of the script: the same everywhere.
fn noise(index: u64) -> f64 {
    ((index * index * 7919 + index * 104_729) % 1009) as f64 / 100.0 - 5.0
}

fn seasonal() -> Vec<f64> {
    let value =
        |it: u64| 200.0 + 0.05 * it as f64 + 20.0 * (std::f64::consts::TAU * it as f64 / 12.0).sin() + noise(it);
    (0..600).map(value).collect()
}

fn autoregressive(n: u64) -> Vec<f64> {
    let (mut values, mut before) = (vec![0.0], 0.0);
    for it in 1..n {
        let error = noise(it);
        values.push(0.7 * values[it as usize - 1] + error + 0.4 * before);
        before = error;
    }
    values.into_iter().map(|it| 50.0 + it).collect()
}

/// Guarantees 391: the forecast is that of statsmodels, as near as both must be; what is NaN is not compared.
#[track_caller]
fn check(kind: ModelKind, values: Vec<f64>, expected: &[f64], tolerance: f64) {
    let mut model = Model::new(&kind).unwrap();
    // A step of no calendar: the season comes from the configuration.
    model.fit(&Regular::new(0, 17, values)).unwrap();
    let told = model.predict(expected.len()).unwrap();
    let furthest = told.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(furthest < tolerance, "{furthest}: {told:?}");
}

fn smoothing() -> ExponentialSmoothingConfig {
    ExponentialSmoothingConfig { alpha: Some(0.3), beta: Some(0.1), ..ExponentialSmoothingConfig::holt() }
}

#[test]
fn holt() {
    let expected = [217.00939723, 215.8197191, 214.63004097, 213.44036284];
    check(ModelKind::ExponentialSmoothing(smoothing()), seasonal(), &expected, 1e-6);
}

#[test]
fn damped_holt() {
    let config = ExponentialSmoothingConfig { damped: true, phi: Some(0.9), ..smoothing() };
    let expected = [216.93389417, 216.02292193, 215.2030469, 214.46515938];
    check(ModelKind::ExponentialSmoothing(config), seasonal(), &expected, 1e-6);
}

/// The twelfth value is that of the phase of the last observation, whose update statsmodels leaves out of its forecast.
#[test]
fn holt_winters_with_a_season_that_adds() {
    let config =
        ExponentialSmoothingConfig { seasonal: Seasonal::Additive, season: 12, gamma: Some(0.4), ..smoothing() };
    let expected = [
        231.18703954,
        241.41953555,
        247.97505303,
        250.24640885,
        248.08130986,
        240.5570129,
        228.30833611,
        215.66467756,
        209.03984899,
        207.55555021,
        213.75297604,
        f64::NAN,
        230.35538099,
        240.58787699,
    ];
    check(ModelKind::ExponentialSmoothing(config), seasonal(), &expected, 1e-4);
}

#[test]
fn holt_winters_with_a_season_that_multiplies() {
    let config =
        ExponentialSmoothingConfig { seasonal: Seasonal::Multiplicative, season: 12, gamma: Some(0.4), ..smoothing() };
    let expected = [
        231.21303347,
        241.51169196,
        248.11409993,
        250.42881692,
        248.27547665,
        240.78896913,
        228.62104622,
        216.00878975,
        209.3542105,
        207.8160589,
        213.92646642,
        f64::NAN,
        230.50082233,
        240.76756659,
    ];
    check(ModelKind::ExponentialSmoothing(config), seasonal(), &expected, 1e-3);
}

/// The weights are estimated by conditional least squares here and by exact likelihood there, hence the tolerance.
#[test]
fn arima() {
    let config = ArimaConfig { p: Some(1), d: Some(0), q: Some(1), season: 1, ..ArimaConfig::default() };
    let expected = [56.54795619, 54.62861765, 53.31294522, 52.41107517, 51.7928593, 51.36908332];
    check(ModelKind::Arima(config), autoregressive(1500), &expected, 0.1);
}

/// As above; the noise has a standard deviation of 2.9.
#[test]
fn seasonal_arima() {
    let (p, d, q) = (Some(1), Some(0), Some(0));
    let (seasonal_p, seasonal_d, seasonal_q) = (Some(0), Some(1), Some(1));
    let config = ArimaConfig { p, d, q, seasonal_p, seasonal_d, seasonal_q, season: 12 };
    let expected = [
        230.44929175,
        239.6383659,
        248.40657374,
        249.67451066,
        246.96213882,
        240.38513266,
        230.68971238,
        219.7509375,
        212.87161683,
        211.00372497,
        213.45381809,
        220.11131303,
    ];
    check(ModelKind::Arima(config), seasonal(), &expected, 1.2);
}
