//! How does a method meet real series? Gaps, scale, times, bounds and the saved form, the same for all methods.

use serde::{Deserialize, Serialize};

use super::backtest::{Errors, Windows};
use super::forecaster::{Clean, FitError, Forecaster, MAX_STEPS, PredictError};
use super::kind::{Learned, ModelKind};
use super::regular::{Regular, fill_gaps};
use super::saved::{self, LoadError};
use super::season;

/// The first bytes of a saved model.
const MAGIC: &[u8; 8] = b"SNTLFCST";
/// To be raised whenever a saved field changes.
const VERSION: u16 = 2;
/// A forecast leaves the range of the history by at most this many times its width, and each history's length further
/// by as much again.
const MOST_WIDTHS: f64 = 1.0;
const WIDTHS_PER_LENGTH: f64 = 4.0;
/// A history in which fewer than one in this many points is known has another step than is said.
const MOST_POINTS_PER_VALUE: usize = 20;
/// Limits of times, in seconds, that keep all sums of them within 64 bits.
const LONGEST_STEP: i64 = 100 * 366 * 86_400;
const LATEST_START: i64 = 1 << 48;

/// One of the models of the table, fitted or not.
///
/// A history is brought to values of at most 1 in size by a power of two, which loses no digit; gaps inside of it are
/// filled, gaps at its end are forecast. What is told stays within bounds that any straight line through the history
/// keeps, so that no method explodes.
///
/// ```
/// use learn::forecast::{Forecaster, Model, ModelKind, Regular};
/// let kind = ModelKind::named("exponential_smoothing").unwrap();
/// let mut model = Model::new(&kind).unwrap();
/// model.fit(&Regular::new(0, 60, (0..50).map(f64::from).collect())).unwrap();
/// let next = model.predict(2).unwrap();
/// assert!((next[1] - 51.0).abs() < 0.01);
/// let loaded = Model::load(&model.save()).unwrap();
/// assert_eq!(loaded.predict(2).unwrap(), next);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    learned: Learned,
    frame: Option<Frame>,
}

/// What is the same for all methods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Frame {
    /// Time of the value after the last that the method saw, and distance, in seconds.
    next: i64,
    step: i64,
    /// A power of two.
    scale: f64,
    /// Range and number of the values seen, scaled.
    lowest: f64,
    highest: f64,
    n_seen: usize,
    /// Points at the end that were missing.
    n_missing: usize,
}

impl Model {
    /// A model that knows nothing yet.
    ///
    /// # Errors
    /// `FitError::BadParameter` for the first parameter that is not valid.
    pub fn new(kind: &ModelKind) -> Result<Self, FitError> {
        match kind.problems().into_iter().next() {
            Some(problem) => Err(FitError::BadParameter(problem)),
            None => Ok(Self { learned: Learned::new(kind), frame: None }),
        }
    }

    /// The kind with its parameters.
    pub fn kind(&self) -> ModelKind {
        self.learned.kind()
    }

    /// The fewest finite values that it can be fitted to.
    pub fn min_points(&self) -> usize {
        self.learned.method().min_points().max(1)
    }

    /// True after a successful `fit`.
    pub fn is_fitted(&self) -> bool {
        self.frame.is_some()
    }

    /// The model as bytes with a name, a version and a checksum; they hold numbers, never code.
    pub fn save(&self) -> Vec<u8> {
        saved::save(MAGIC, VERSION, self)
    }

    /// Reads what `save` wrote.
    ///
    /// # Errors
    /// `LoadError` if the bytes are not of a model, of another version, or damaged.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        saved::load(MAGIC, VERSION, bytes)
    }

    /// What the method tells for the next points, scaled back and within bounds; fewer or bad values are an error.
    fn told(learned: &Learned, frame: &Frame, steps: usize) -> Result<Vec<f64>, PredictError> {
        let mut told = learned.method().predict(steps);
        let width = frame.highest - frame.lowest;
        for (index, value) in told.iter_mut().enumerate() {
            if !value.is_finite() {
                return Err(PredictError::NotFinite);
            }
            let room = width * (MOST_WIDTHS + WIDTHS_PER_LENGTH * (index + 1) as f64 / frame.n_seen.max(1) as f64);
            let limit = f64::MAX / frame.scale;
            let bounded = value.clamp(frame.lowest - room, frame.highest + room);
            *value = bounded.clamp(-limit, limit) * frame.scale;
        }
        if told.len() == steps { Ok(told) } else { Err(PredictError::NotFinite) }
    }
}

impl Model {
    /// Learns as `fit`, and tells how far off forecasts in windows at the end of the history would have been. Faster than
    /// `backtest` and then `fit`, because methods can go on with what they learned for the test. There are no windows if
    /// the history has no room for them.
    ///
    /// # Errors
    /// As `fit`.
    pub fn fit_and_test(&mut self, history: &Regular, windows: Windows) -> Result<Errors, FitError> {
        let prepared = Prepared::new(history, self.min_points())?;
        let mut learned = Learned::new(&self.learned.kind());
        let mut tested = learned.method_mut().fit_and_test(&prepared.clean(), windows)?;
        // Gaps were filled; what was told there cannot be compared.
        let Prepared { frame, known, .. } = prepared;
        for (window, errors) in tested.iter_mut().enumerate() {
            let start = known.len().saturating_sub(windows.n_values()) + window * windows.stride;
            for (error, is_known) in errors.iter_mut().zip(known.iter().skip(start)) {
                *error = if *is_known { *error * frame.scale } else { f64::NAN };
            }
        }
        self.accept(learned, frame)?;
        Ok(Errors { windows: tested })
    }

    fn accept(&mut self, learned: Learned, frame: Frame) -> Result<(), FitError> {
        Self::told(&learned, &frame, frame.n_missing + 1).map_err(|_| FitError::NotFinite)?;
        (self.learned, self.frame) = (learned, Some(frame));
        Ok(())
    }
}

/// A history as methods see it.
struct Prepared {
    values: Vec<f64>,
    /// False where a gap was filled.
    known: Vec<bool>,
    start: i64,
    frame: Frame,
}

impl Prepared {
    fn new(history: &Regular, needed: usize) -> Result<Self, FitError> {
        check_times(history)?;
        let found = history.n_finite();
        if found < needed || found * MOST_POINTS_PER_VALUE < history.values.len() {
            return Err(FitError::TooShort { needed: needed.max(history.values.len() / MOST_POINTS_PER_VALUE), found });
        }
        let finite = |it: &&f64| it.is_finite();
        let largest = history.values.iter().filter(finite).fold(0.0, |largest: f64, it| largest.max(it.abs()));
        let scale = power_of_two(largest);
        let begins = history.values.iter().position(|it| it.is_finite()).unwrap_or(0);
        let ends = history.values.iter().rposition(|it| it.is_finite()).map_or(0, |it| it + 1);
        let scaled = |it: &f64| if it.is_finite() { it / scale } else { f64::NAN };
        let mut values: Vec<f64> = history.values.iter().take(ends).skip(begins).map(scaled).collect();
        let known: Vec<bool> = values.iter().map(|it| it.is_finite()).collect();
        if known.contains(&false) {
            let season = gap_season(&values, history.step);
            fill_gaps(&mut values, season);
        }
        let frame = Frame {
            next: history.time_of(ends),
            step: history.step,
            scale,
            lowest: values.iter().copied().fold(f64::MAX, f64::min),
            highest: values.iter().copied().fold(f64::MIN, f64::max),
            n_seen: values.len(),
            n_missing: history.values.len() - ends,
        };
        Ok(Self { values, known, start: history.time_of(begins), frame })
    }

    fn clean(&self) -> Clean<'_> {
        Clean { values: &self.values, start: self.start, step: self.frame.step }
    }
}

impl Forecaster for Model {
    fn fit(&mut self, history: &Regular) -> Result<(), FitError> {
        let prepared = Prepared::new(history, self.min_points())?;
        let mut learned = Learned::new(&self.learned.kind());
        learned.method_mut().fit(&prepared.clean())?;
        self.accept(learned, prepared.frame)
    }

    fn partial_fit(&mut self, newer: &Regular) -> Result<(), FitError> {
        let frame = self.frame.as_ref().ok_or(FitError::NotFitted)?;
        check_times(newer)?;
        if newer.step != frame.step {
            return Err(FitError::OtherStep { learned: frame.step, found: newer.step });
        }
        let offset = i128::from(newer.start) - i128::from(frame.next);
        // The grid of the model holds: a start between two points belongs to the nearer one.
        let offset = (offset + i128::from(frame.step) / 2).div_euclid(i128::from(frame.step));
        let n_known = usize::try_from(-offset).unwrap_or(0);
        let n_missing = usize::try_from(offset).unwrap_or(0);
        if n_missing > frame.n_seen.max(1000) {
            return Err(FitError::LongGap { missing: n_missing });
        }
        let fresh = newer.values.iter().copied().skip(n_known);
        let values: Vec<f64> = std::iter::repeat_n(f64::NAN, n_missing).chain(fresh).collect();
        let (mut learned, mut frame) = (self.learned.clone(), frame.clone());
        frame.n_missing = frame.n_missing.max(values.iter().rposition(|it| it.is_finite()).map_or(values.len(), |_| 0));
        follow(&mut learned, &mut frame, &values)?;
        self.accept(learned, frame)
    }

    fn predict(&self, steps: usize) -> Result<Vec<f64>, PredictError> {
        let frame = self.frame.as_ref().ok_or(PredictError::NotFitted)?;
        if steps > MAX_STEPS {
            return Err(PredictError::TooManySteps);
        }
        let mut told = Self::told(&self.learned, frame, frame.n_missing + steps)?;
        Ok(told.split_off(frame.n_missing))
    }

    fn next_time(&self) -> Option<i64> {
        let frame = self.frame.as_ref()?;
        let n_missing = i64::try_from(frame.n_missing).unwrap_or(i64::MAX);
        Some(frame.next.saturating_add(frame.step.saturating_mul(n_missing)))
    }
}

fn check_times(series: &Regular) -> Result<(), FitError> {
    match series {
        it if !(1..=LONGEST_STEP).contains(&it.step) => Err(FitError::BadStep(it.step)),
        it if !(-LATEST_START..=LATEST_START).contains(&it.start) => Err(FitError::BadStart(it.start)),
        _ => Ok(()),
    }
}

/// Gives the method what came; what is missing before a known value is what the method itself had told.
fn follow(learned: &mut Learned, frame: &mut Frame, values: &[f64]) -> Result<(), FitError> {
    let mut ready: Vec<f64> = vec![];
    let mut rest = values;
    frame.n_missing = 0;
    while !rest.is_empty() {
        let n_known = rest.iter().position(|it| !it.is_finite()).unwrap_or(rest.len());
        let (known, after) = rest.split_at(n_known);
        ready.extend(known.iter().map(|it| (it / frame.scale).clamp(-1e9, 1e9)));
        take_in(learned, frame, &mut ready);
        let n_missing = after.iter().position(|it| it.is_finite());
        let Some(n_missing) = n_missing else {
            frame.n_missing = after.len();
            break;
        };
        if n_missing > 0 {
            let told = Model::told(learned, frame, n_missing).map_err(|_| FitError::NotFinite)?;
            ready.extend(told.iter().map(|it| it / frame.scale));
        }
        rest = after.split_at(n_missing).1;
    }
    Ok(())
}

fn take_in(learned: &mut Learned, frame: &mut Frame, ready: &mut Vec<f64>) {
    if ready.is_empty() {
        return;
    }
    frame.lowest = ready.iter().copied().fold(frame.lowest, f64::min);
    frame.highest = ready.iter().copied().fold(frame.highest, f64::max);
    frame.n_seen += ready.len();
    let n = i64::try_from(ready.len()).unwrap_or(i64::MAX);
    frame.next = frame.next.saturating_add(frame.step.saturating_mul(n));
    learned.method_mut().extend(ready);
    ready.clear();
}

/// The season by which gaps are filled, found with the gaps filled along lines.
fn gap_season(values: &[f64], step: i64) -> usize {
    let mut filled = values.to_vec();
    fill_gaps(&mut filled, 0);
    season::detect(&filled, step).first().copied().unwrap_or(0)
}

/// The power of two that is at least this large; 1 for 0.
fn power_of_two(largest: f64) -> f64 {
    if largest == 0.0 {
        return 1.0;
    }
    let exponent = largest.log2().ceil().clamp(-1000.0, 1023.0);
    exponent.exp2()
}
