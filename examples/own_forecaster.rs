//! How does a program bring a model of its own? It implements one trait and is then measured like all others.
//!
//! `cargo run -p learn --example own_forecaster`
//!
//! The model here tells, for each time of day, the median of what was measured at that time so far: a robust daily
//! profile, which one bad day does not move.

use learn::forecast::{FitError, Forecaster, Model, ModelKind, PredictError, Regular, Windows, backtest};

const DAY: i64 = 86_400;

/// The median by time of day.
#[derive(Default)]
struct DailyMedian {
    /// What was measured, by step of the day.
    seen: Vec<Vec<f64>>,
    step: i64,
    next: i64,
}

impl DailyMedian {
    fn slot(&self, time: i64) -> usize {
        usize::try_from(time.rem_euclid(DAY) / self.step).unwrap_or(0)
    }

    fn learn(&mut self, values: &Regular) {
        for (index, value) in values.values.iter().enumerate().filter(|it| it.1.is_finite()) {
            let slot = self.slot(values.time_of(index));
            if let Some(seen) = self.seen.get_mut(slot) {
                seen.push(*value);
            }
        }
        self.next = values.end();
    }
}

impl Forecaster for DailyMedian {
    fn fit(&mut self, history: &Regular) -> Result<(), FitError> {
        if history.step <= 0 || DAY % history.step != 0 {
            return Err(FitError::BadParameter("the step must divide a day".to_owned()));
        }
        let needed = usize::try_from(DAY / history.step).unwrap_or(usize::MAX);
        if history.n_finite() < needed {
            return Err(FitError::TooShort { needed, found: history.n_finite() });
        }
        *self = Self { seen: vec![vec![]; needed], step: history.step, next: history.start };
        self.learn(history);
        Ok(())
    }

    fn partial_fit(&mut self, newer: &Regular) -> Result<(), FitError> {
        if self.step == 0 {
            return Err(FitError::NotFitted);
        }
        // What was seen already is left out: learning it twice would count it twice.
        let n_known = (self.next - newer.start).max(0) / newer.step;
        self.learn(&newer.from(usize::try_from(n_known).unwrap_or(0)));
        Ok(())
    }

    fn predict(&self, steps: usize) -> Result<Vec<f64>, PredictError> {
        let all: Vec<f64> = self.seen.iter().flatten().copied().collect();
        let overall = median(&all).ok_or(PredictError::NotFitted)?;
        let times = (0_i64..).map(|it| self.next + it * self.step).take(steps);
        Ok(times.map(|it| self.seen.get(self.slot(it)).and_then(|it| median(it)).unwrap_or(overall)).collect())
    }

    fn next_time(&self) -> Option<i64> {
        (self.step > 0).then_some(self.next)
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// Two weeks of requests a second, every ten minutes: busy days, quiet nights, and one day on which nothing ran.
fn requests() -> Regular {
    let mut random = 1_u32;
    let mut noise = || {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        f64::from(random) / f64::from(u32::MAX) * 10.0
    };
    let mut value = |index: u32| {
        let hour = f64::from(index % 144) / 6.0;
        let wave = 100.0 + 60.0 * ((hour - 14.0) * std::f64::consts::TAU / 24.0).cos();
        if index / 144 == 9 { 0.0 } else { wave + noise() }
    };
    Regular::new(1_700_006_400, 600, (0..14 * 144).map(&mut value).collect())
}

fn main() -> Result<(), FitError> {
    let history = requests();
    let day = 144;
    let windows = Windows { horizon: day, stride: day / 4, count: 13 };
    let seasonal_naive = ModelKind::named("seasonal_naive").ok_or(FitError::NotFitted)?;
    let mut models: [(&str, Box<dyn Forecaster>); 2] = [
        ("own: median of the time of day", Box::new(DailyMedian::default())),
        ("seasonal_naive", Box::new(Model::new(&seasonal_naive)?)),
    ];
    println!("{:<32} {:>6}", "model", "MASE");
    for (name, model) in &mut models {
        println!("{name:<32} {:>6.3}", backtest(model.as_mut(), &history, windows)?.mase(&history, day));
    }
    Ok(())
}
