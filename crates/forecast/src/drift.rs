//! Has the world moved away from the model? Forecasts are compared with what came at the time they were made for.
//!
//! Every forecast stays until the last of its times has come, so each value is compared with all forecasts that were made
//! for it, one per lead. Two tests look at the errors: the mean of a window against what was expected (how bad is it?),
//! and Page-Hinkley (Page 1954, <https://doi.org/10.1093/biomet/41.1-2.100>: did it begin to be bad?).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::config::DriftScale;

/// Errors that are looked at, unless the horizon is so long that more are needed.
const WINDOW: usize = 60;
/// Fewer say nothing.
const LEAST: usize = 10;
/// Standard errors that a mean must stand off before it is more than chance.
const CHANCE: f64 = 2.0;
/// Page-Hinkley: what is tolerated, and how much must come together, in expected errors.
const TOLERATED: f64 = 0.5;
const ALARM: f64 = 25.0;

/// How far it has drifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// As expected.
    None,
    /// Learn a little more.
    Low,
    /// Learn anew.
    High,
}

/// When is drift low, when high?
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// From here on it is low.
    pub finetune: f64,
    /// From here on it is high.
    pub retrain: f64,
    /// The unit of both.
    pub scale: DriftScale,
}

/// Forecasts that wait for their times, and the errors of those whose time has come.
#[derive(Clone, Debug)]
pub struct DriftMeter {
    steps: usize,
    step_secs: i64,
    /// Time of the first value with the values, oldest first.
    waiting: VecDeque<(i64, Vec<f64>)>,
    /// Mean absolute error over the leads of one time.
    errors: VecDeque<f64>,
    /// The error that the model showed when it was tried out.
    expected: f64,
    page_hinkley: f64,
    n_in_interval: u64,
    n_with_interval: u64,
}

/// What is known of the drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DriftStatus {
    /// Mean absolute error in the window, in the unit of the series; none before a forecast's time has come.
    pub mae: Option<f64>,
    /// By how much the error exceeds what was expected beyond chance, as a share of it; at least 0.
    pub relative: f64,
    /// Sum of Page-Hinkley; an alarm stands at 25.
    pub page_hinkley: f64,
    /// Values in the window.
    pub n: usize,
    /// Share of values inside the interval of their forecast, since the model serves.
    pub coverage: Option<f64>,
}

impl DriftMeter {
    /// Nothing seen; `expected` is the mean absolute error that is no drift.
    pub fn new(steps: usize, step_secs: i64, expected: f64) -> Self {
        Self {
            steps: steps.max(1),
            step_secs: step_secs.max(1),
            waiting: VecDeque::new(),
            errors: VecDeque::new(),
            expected,
            page_hinkley: 0.0,
            n_in_interval: 0,
            n_with_interval: 0,
        }
    }

    /// Keeps a forecast: its first value is for `first_secs`.
    pub fn forecast(&mut self, first_secs: i64, values: &[f64]) {
        if self.waiting.back().is_some_and(|it| it.0 >= first_secs) {
            return;
        }
        self.waiting.push_back((first_secs, values.iter().take(self.steps).copied().collect()));
        while self.waiting.len() > self.steps {
            self.waiting.pop_front();
        }
    }

    /// Compares a value with the forecasts made for its time; what is not finite says nothing.
    pub fn actual(&mut self, secs: i64, value: f64) {
        if !value.is_finite() {
            return;
        }
        let forecast = |(first, values): &(i64, Vec<f64>)| {
            let lead = usize::try_from((secs - first).div_euclid(self.step_secs)).ok()?;
            values.get(lead).copied()
        };
        let errors: Vec<f64> = self.waiting.iter().filter_map(forecast).map(|it| (it - value).abs()).collect();
        if errors.is_empty() {
            return;
        }
        let error = errors.iter().sum::<f64>() / errors.len() as f64;
        self.errors.push_back(error);
        while self.errors.len() > self.window() {
            self.errors.pop_front();
        }
        let excess = (error / self.expected - 1.0 - TOLERATED).clamp(-ALARM, ALARM);
        self.page_hinkley = (self.page_hinkley + excess).max(0.0);
    }

    /// Notes whether a value was inside its interval.
    pub fn covered(&mut self, is_inside: bool) {
        self.n_with_interval += 1;
        self.n_in_interval += u64::from(is_inside);
    }

    fn window(&self) -> usize {
        WINDOW.max(4 * self.steps)
    }

    /// Forgets the window, as after something was done about it; forecasts go on waiting.
    pub fn clear(&mut self) {
        self.errors.clear();
        self.page_hinkley = 0.0;
    }

    /// What is known.
    pub fn status(&self) -> DriftStatus {
        let n = self.errors.len();
        let mae = (n > 0).then(|| self.errors.iter().sum::<f64>() / n as f64);
        let coverage = (self.n_with_interval > 0).then(|| self.n_in_interval as f64 / self.n_with_interval as f64);
        DriftStatus { mae, relative: self.relative(), page_hinkley: self.page_hinkley, n, coverage }
    }

    /// How far it has drifted.
    pub fn drift(&self, thresholds: &Thresholds) -> Drift {
        let status = self.status();
        if status.n < LEAST {
            return Drift::None;
        }
        let value = match thresholds.scale {
            DriftScale::Relative => status.relative,
            DriftScale::Absolute => status.mae.unwrap_or(0.0),
        };
        let is_alarm = thresholds.scale == DriftScale::Relative && self.page_hinkley >= ALARM;
        match value {
            it if it >= thresholds.retrain || is_alarm => Drift::High,
            it if it >= thresholds.finetune => Drift::Low,
            _ => Drift::None,
        }
    }

    /// Lower end of what the mean error may be, over what was expected, less one.
    fn relative(&self) -> f64 {
        let n = self.errors.len();
        if n < LEAST || self.expected <= 0.0 {
            return 0.0;
        }
        let mean = self.errors.iter().sum::<f64>() / n as f64;
        let variance = self.errors.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        // Neighbors share most of their forecasts, so that several of them are worth one.
        let together = self.errors.iter().zip(self.errors.iter().skip(1));
        let covariance = together.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / (n - 1) as f64;
        let alike = if variance > 0.0 { (covariance / variance).clamp(0.0, 0.95) } else { 0.0 };
        let n_independent = n as f64 * (1.0 - alike) / (1.0 + alike);
        let chance = CHANCE * (variance / n_independent).sqrt();
        ((mean - chance) / self.expected - 1.0).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use learn::random::Random;

    use super::*;

    const RELATIVE: Thresholds = Thresholds { finetune: 0.1, retrain: 0.3, scale: DriftScale::Relative };

    /// A forecast of 0 for each of the next five minutes, then values of a given size of noise.
    fn run(
        meter: &mut DriftMeter,
        random: &mut Random,
        minutes: std::ops::Range<i64>,
        level: f64,
        noise: f64,
    ) -> Drift {
        let mut worst = Drift::None;
        for minute in minutes {
            meter.actual(minute * 60, level + noise * random.normal());
            meter.forecast((minute + 1) * 60, &[0.0; 5]);
            worst = worst.max(meter.drift(&RELATIVE));
        }
        worst
    }

    #[test]
    fn forecasts_are_compared_at_the_times_they_were_made_for() {
        let mut meter = DriftMeter::new(3, 60, 1.0);
        meter.forecast(60, &[1.0, 2.0, 3.0]);
        meter.forecast(120, &[20.0, 30.0, 40.0]);
        meter.actual(120, 10.0);
        // |2 - 10| and |20 - 10|.
        assert_eq!(meter.status().mae, Some(9.0));
        meter.actual(600, 1.0);
        assert_eq!(meter.status().n, 1, "nothing was forecast for that time");
        meter.actual(180, f64::NAN);
        assert_eq!(meter.status().n, 1, "a gap says nothing");
    }

    #[test]
    fn noise_as_expected_is_no_drift_in_a_thousand_minutes_of_ten_series() {
        let mut alarms = 0;
        for seed in 0..10 {
            // The mean of |normal| is 0.798.
            let mut meter = DriftMeter::new(5, 60, 0.8);
            let drift = run(&mut meter, &mut Random::new(seed), 0..1000, 0.0, 1.0);
            alarms += usize::from(drift == Drift::High);
        }
        assert_eq!(alarms, 0);
    }

    #[test]
    fn larger_errors_are_low_then_high_drift_and_a_jump_is_seen_fast() {
        let mut random = Random::new(1);
        let mut meter = DriftMeter::new(5, 60, 0.8);
        assert_eq!(run(&mut meter, &mut random, 0..100, 0.0, 1.3), Drift::Low);
        let mut meter = DriftMeter::new(5, 60, 0.8);
        assert_eq!(run(&mut meter, &mut random, 0..100, 0.0, 4.0), Drift::High);
        let mut meter = DriftMeter::new(5, 60, 0.8);
        run(&mut meter, &mut random, 0..200, 0.0, 1.0);
        assert_eq!(run(&mut meter, &mut random, 200..212, 10.0, 1.0), Drift::High, "a dozen minutes are enough");
        meter.clear();
        assert_eq!(meter.drift(&RELATIVE), Drift::None, "the window is empty after it was acted on");
    }

    #[test]
    fn absolute_thresholds_are_in_the_unit_of_the_series() {
        let mut meter = DriftMeter::new(5, 60, 0.8);
        run(&mut meter, &mut Random::new(2), 0..100, 0.0, 1.0);
        let drift = |finetune, retrain| meter.drift(&Thresholds { finetune, retrain, scale: DriftScale::Absolute });
        assert_eq!((drift(0.5, 0.6), drift(0.5, 2.0), drift(1.5, 2.0)), (Drift::High, Drift::Low, Drift::None));
    }
}
