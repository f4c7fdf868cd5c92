//! How late does a monitor of a stream see a change, and how often does it see one that is none? Measured on made streams,
//! beside the least that any detector needs and beside what published detectors do.
//!
//! False alarms are counted over many references of the stated size, so that the errors of a reference are in the figure.
//! Each delay is counted from the first changed value to the alarm, after values without change.

use crate::drift::online::{DetectorKind, Direction, Monitor, OnlineDetector, State};
use crate::drift::{DriftError, Sample};
use crate::probability::normal_quantile;
use crate::random::Random;

/// Values without change before each change.
const BEFORE: u32 = 500;
/// A change that is not seen in so many values is missed.
const PATIENCE: u32 = 5000;
/// Values without change for each run.
const QUIET: u32 = 20_000;
/// References that the runs are spread over, and the values that they may have together.
const MOST_REFERENCES: u32 = 100;
const MOST_REFERENCE_VALUES: usize = 2_000_000;

/// How values are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Normal.
    Normal,
    /// The exponential of normal.
    Lognormal,
    /// Student's distribution with three degrees of freedom.
    HeavyTailed,
    /// Equally frequent.
    Uniform,
    /// Thirteen or so whole numbers.
    Integers,
}

impl Stream {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Lognormal => "lognormal",
            Self::HeavyTailed => "Student, 3 degrees",
            Self::Uniform => "uniform",
            Self::Integers => "integers",
        }
    }

    fn draw(self, random: &mut Random) -> f64 {
        match self {
            Self::Normal => random.normal(),
            Self::Lognormal => random.normal().exp(),
            Self::HeavyTailed => {
                let squares: f64 = (0..3).map(|_| random.normal().powi(2)).sum();
                random.normal() / (squares / 3.0).sqrt()
            }
            Self::Uniform => random.uniform(),
            Self::Integers => (2.0 * random.normal()).round(),
        }
    }

    /// Mean and standard deviation.
    fn moments(self) -> (f64, f64) {
        let e = std::f64::consts::E;
        match self {
            Self::Normal => (0.0, 1.0),
            Self::Lognormal => (e.sqrt(), (e * (e - 1.0)).sqrt()),
            Self::HeavyTailed => (0.0, 3.0_f64.sqrt()),
            Self::Uniform => (0.5, (1.0_f64 / 12.0).sqrt()),
            Self::Integers => (0.0, (4.0 + 1.0_f64 / 12.0).sqrt()),
        }
    }
}

/// What happens to a stream, in its standard deviations.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    /// The mean moves.
    Mean(f64),
    /// Distances from the mean grow by this factor.
    Spread(f64),
}

/// The changes in the order of [`Watched::delays`].
const CHANGES: [Change; 4] =
    [Change::Mean(1.0), Change::Mean(0.5), Change::Spread(2.0), Change::Spread(std::f64::consts::SQRT_2)];

impl Change {
    fn of(self, value: f64, stream: Stream, sign: f64) -> f64 {
        let (mean, deviation) = stream.moments();
        match self {
            Self::Mean(size) => value + sign * size * deviation,
            Self::Spread(factor) => mean + (value - mean) * factor,
        }
    }
}

/// A mean with its standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// The mean.
    pub mean: f64,
    /// By how much it scatters.
    pub error: f64,
}

impl Measured {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let square = values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { mean, error: (square / n).sqrt() }
    }
}

/// What a detector did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Watched {
    /// Alarms in 10,000 values without change.
    pub false_alarms: Measured,
    /// Values until the alarm: mean moved by 1 and by 0.5 standard deviations, deviation doubled, variance doubled.
    pub delays: [Measured; 4],
    /// Changes that were not seen, of all.
    pub missed: u32,
}

/// What our monitor does with references of this size that is asked for one alarm in `expected_run` values.
///
/// # Errors
/// As [`Monitor::of_numbers`].
pub fn watch(
    stream: Stream,
    direction: Direction,
    n_reference: usize,
    expected_run: f64,
    runs: u32,
    seed: u64,
) -> Result<Watched, DriftError> {
    let make = |random: &mut Random| {
        let mut reference: Vec<f64> = (0..n_reference).map(|_| stream.draw(random)).collect();
        reference.sort_unstable_by(f64::total_cmp);
        Monitor::of_numbers_toward(&Sample::Numbers(&reference), direction, expected_run)
    };
    measure(&Trial { stream, direction, n_references: references(n_reference), seed }, runs, make, |it, value| {
        it.update(value).is_some()
    })
}

/// The least delay that any detector of normal values needs with one alarm in `expected_run` values: it knows the
/// distribution and the size of the change, and finds nothing else (Pollak, Tartakovsky 2009).
///
/// # Errors
/// None that can happen; those of [`Monitor::of_numbers`].
pub fn least(direction: Direction, size: f64, expected_run: f64, runs: u32, seed: u64) -> Result<Watched, DriftError> {
    let exact: Vec<f64> = (0..100_000).map(|it| normal_quantile((f64::from(it) + 0.5) / 100_000.0)).collect();
    let of = |threshold| Monitor::of_one_size(&Sample::Numbers(&exact), direction, size, threshold);
    let trial = Trial { stream: Stream::Normal, direction, n_references: 4, seed };
    let update = |it: &mut Monitor, value| it.update(value).is_some();
    // The run time is proportional to the threshold: one trial finds the factor.
    let tried = trial.false_alarms(runs, &mut |_| of(expected_run / 1.5), update)?;
    let factor = expected_run / 1.5 * expected_run * tried.mean / 10_000.0;
    measure(&trial, runs, |_| of(factor), update)
}

/// What a published detector does with River's parameters; it takes no reference.
///
/// # Errors
/// Never.
pub fn published(kind: DetectorKind, runs: u32, seed: u64) -> Result<Watched, DriftError> {
    let trial = Trial { stream: Stream::Normal, direction: Direction::Both, n_references: MOST_REFERENCES, seed };
    measure(&trial, runs, |_| Ok(kind.build()), |it, value| it.update(value) == State::Drift)
}

fn references(n_values: usize) -> u32 {
    u32::try_from(MOST_REFERENCE_VALUES / n_values.max(1)).unwrap_or(MOST_REFERENCES).clamp(4, MOST_REFERENCES)
}

/// What is tried, and with which randomness.
struct Trial {
    stream: Stream,
    direction: Direction,
    n_references: u32,
    seed: u64,
}

fn measure<D: Clone>(
    trial: &Trial,
    runs: u32,
    mut make: impl FnMut(&mut Random) -> Result<D, DriftError>,
    update: impl Fn(&mut D, f64) -> bool + Copy,
) -> Result<Watched, DriftError> {
    let false_alarms = trial.false_alarms(runs, &mut make, update)?;
    let (mut delays, mut missed) = ([Measured::default(); 4], 0);
    for (found, change) in delays.iter_mut().zip(CHANGES) {
        let seen = trial.delays(change, runs, &mut make, update)?;
        missed += runs - seen.len() as u32;
        *found = Measured::of(&seen);
    }
    Ok(Watched { false_alarms, delays, missed })
}

impl Trial {
    /// The error is that between references, so it has theirs in it.
    fn false_alarms<D>(
        &self,
        runs: u32,
        make: &mut impl FnMut(&mut Random) -> Result<D, DriftError>,
        update: impl Fn(&mut D, f64) -> bool,
    ) -> Result<Measured, DriftError> {
        let n_references = runs.clamp(2, self.n_references);
        let values = runs / n_references * QUIET;
        let mut rates = Vec::new();
        for reference in 0..n_references {
            let mut random = Random::for_part(self.seed, u64::from(reference));
            let mut detector = make(&mut random)?;
            let alarms = (0..values).filter(|_| update(&mut detector, self.stream.draw(&mut random))).count();
            rates.push(10_000.0 * alarms as f64 / f64::from(values));
        }
        Ok(Measured::of(&rates))
    }

    /// Of each change that was seen, after how many values.
    fn delays<D: Clone>(
        &self,
        change: Change,
        runs: u32,
        make: &mut impl FnMut(&mut Random) -> Result<D, DriftError>,
        update: impl Fn(&mut D, f64) -> bool,
    ) -> Result<Vec<f64>, DriftError> {
        let per_reference = runs.div_ceil(self.n_references).max(1);
        let mut seen = Vec::new();
        let mut detector = None;
        for run in 0..runs {
            let mut random = Random::for_part(self.seed ^ 0xde1a_7ed0, u64::from(run));
            if run % per_reference == 0 {
                detector = Some(make(&mut random)?);
            }
            let Some(mut detector) = detector.clone() else { continue };
            (0..BEFORE).for_each(|_| _ = update(&mut detector, self.stream.draw(&mut random)));
            let sign = match self.direction {
                Direction::Both if run % 2 == 1 => -1.0,
                Direction::Down => -1.0,
                _ => 1.0,
            };
            let mut changed = || change.of(self.stream.draw(&mut random), self.stream, sign);
            seen.extend((1..=PATIENCE).find(|_| update(&mut detector, changed())).map(f64::from));
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MUST 611 of docs/specs/drift.md; the command has many more runs.
    #[test]
    fn no_monitor_is_faster_than_the_least_and_ours_is_near_it() {
        let least = [1.0, 0.5].map(|it| least(Direction::Up, it, 2000.0, 100, 3).unwrap());
        let ours = watch(Stream::Normal, Direction::Up, 20_000, 2000.0, 100, 3).unwrap();
        for (idx, least) in least.iter().enumerate() {
            let (least, ours) = (least.delays[idx], ours.delays[idx]);
            let scatter = 3.0 * (least.error + ours.error);
            assert!(ours.mean > least.mean - scatter && ours.mean < least.mean * 1.2 + scatter, "{least:?} {ours:?}");
        }
        assert!((ours.false_alarms.mean / 5.0 - 1.0).abs() < 0.2, "{ours:?}");
        assert_eq!(ours.missed, 0);
    }
}
