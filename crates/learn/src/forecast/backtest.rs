//! How well would a model have done? Forecasts from several points of the past, compared with what came.

use super::forecaster::{FitError, Forecaster};
use super::regular::Regular;
use crate::evaluate::forecast::naive_error;

/// From where, and how far, forecasts of the past go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Steps of each forecast.
    pub horizon: usize,
    /// Points between two starts.
    pub stride: usize,
    /// How many forecasts at most.
    pub count: usize,
}

impl Windows {
    /// As many windows as a history has room for while three fifths of it are left to learn from, at most `count`.
    pub fn fitting(n_values: usize, horizon: usize, stride: usize, count: usize) -> Self {
        let (horizon, stride) = (horizon.max(1), stride.max(1));
        let room = (n_values * 2 / 5).saturating_sub(horizon);
        let possible = if n_values * 2 / 5 >= horizon { room / stride + 1 } else { 0 };
        Self { horizon, stride, count: possible.min(count) }
    }

    /// Values after the first start.
    pub fn n_values(&self) -> usize {
        if self.count == 0 { 0 } else { (self.count - 1) * self.stride + self.horizon }
    }
}

/// What came minus what was told, for each window by step; NaN where nothing came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Errors {
    /// One row per window, oldest first; each at most as long as the horizon.
    pub windows: Vec<Vec<f64>>,
}

impl Errors {
    /// Mean absolute error; NaN if nothing could be compared.
    pub fn mae(&self) -> f64 {
        let known = self.windows.iter().flatten().filter(|it| it.is_finite());
        let (sum, n) = known.fold((0.0, 0.0), |(sum, n), it| (sum + it.abs(), n + 1.0));
        sum / n
    }

    /// The mean absolute error in units of what repeating the last season costs in the history. It has no unit, and 1
    /// is what the plainest forecast reaches one step ahead.
    pub fn mase(&self, history: &Regular, season: usize) -> f64 {
        self.mae() / naive_error(&history.values, season)
    }
}

/// Fits once to what lies before the first window, then lets the model follow the values from window to window: what is
/// learned never comes from later than the start of a forecast.
///
/// # Errors
/// `FitError` of the model; `TooShort` if there is no room for a window.
pub fn backtest(model: &mut dyn Forecaster, history: &Regular, windows: Windows) -> Result<Errors, FitError> {
    let n_first = history.values.len().saturating_sub(windows.n_values());
    if windows.count == 0 || n_first == 0 {
        return Err(FitError::TooShort {
            needed: windows.n_values().max(windows.horizon) + 1,
            found: history.n_finite(),
        });
    }
    model.fit(&history.head(n_first))?;
    rolling_errors(model, &history.from(n_first), windows)
}

/// Forecasts with a fitted model from the start of `newer` and further starts within it; between them the model follows
/// the values. For a champion and a challenger on the same held-out values.
///
/// # Errors
/// `FitError` of the model.
pub fn rolling_errors(model: &mut dyn Forecaster, newer: &Regular, windows: Windows) -> Result<Errors, FitError> {
    let mut errors = Errors::default();
    let mut from = 0;
    for window in 0..windows.count {
        let start = window * windows.stride;
        if start >= newer.values.len() {
            break;
        }
        if start > from {
            model.partial_fit(&newer.head(start).from(from))?;
            from = start;
        }
        let told = model.predict(windows.horizon).map_err(|_| FitError::NotFinite)?;
        let actual = newer.values.iter().skip(start);
        let difference = |(actual, told): (&f64, f64)| if actual.is_finite() { actual - told } else { f64::NAN };
        errors.windows.push(actual.zip(told).map(difference).collect());
    }
    Ok(errors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::{Model, ModelKind};

    #[test]
    fn windows_leave_most_of_the_history_to_learn_from() {
        assert_eq!(Windows::fitting(1000, 48, 24, 100), Windows { horizon: 48, stride: 24, count: 15 });
        assert_eq!(Windows::fitting(1000, 48, 24, 5).n_values(), 144);
        assert_eq!(Windows::fitting(100, 48, 24, 5).count, 0);
    }

    #[test]
    fn errors_are_what_came_minus_what_was_told() {
        let mut model = Model::new(&ModelKind::named("seasonal_naive").unwrap()).unwrap();
        let mut values: Vec<f64> = vec![5.0; 20];
        values.extend([6.0, 7.0, f64::NAN, 8.0]);
        let history = Regular::new(0, 1, values);
        let windows = Windows { horizon: 2, stride: 2, count: 2 };
        let errors = backtest(&mut model, &history, windows).unwrap();
        assert_eq!(errors.windows[0], [1.0, 2.0]);
        assert!(errors.windows[1][0].is_nan() && errors.windows[1][1] == 1.0, "{errors:?}");
        assert_eq!(errors.mae(), 4.0 / 3.0);
        let windows = Windows { horizon: 2, stride: 1, count: 0 };
        assert!(backtest(&mut model, &history, windows).is_err());
    }
}
