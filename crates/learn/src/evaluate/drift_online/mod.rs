//! How late does a monitor of a stream see a change, and how often does it see one that is none? Measured on made streams,
//! beside the least that any detector needs and beside what published detectors do.
//!
//! False alarms are counted over many references of the stated size, so that the errors of a reference are in the figure.
//! Each delay is counted from the first changed value to the alarm, after values without change.

mod ideal;
mod stream;

use std::convert::Infallible;

pub use self::stream::Stream;

use self::ideal::Ideal;
use self::stream::{CHANGES, Change};
use crate::drift::online::{DetectorKind, Direction, Monitor, OnlineDetector, State};
use crate::drift::{DriftError, Sample};
use crate::random::Random;

/// Values without change before each change.
const BEFORE: u32 = 500;
/// A change that is not seen in so many values is missed.
const PATIENCE: u32 = 5000;
/// Values without change for each run.
const QUIET: u32 = 20_000;
/// Changes for each run: a stream with one is much shorter than one without.
const CHANGES_PER_RUN: u32 = 10;
/// References that the runs are spread over, and the values that they may have together.
const MOST_REFERENCES: u32 = 100;
const MOST_REFERENCE_VALUES: usize = 2_000_000;

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

/// How late alarms came. Delays are skewed: half of them are well below the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Delays {
    /// Their mean.
    pub mean: Measured,
    /// Half of them are not above this.
    pub median: f64,
}

impl Delays {
    fn of(mut values: Vec<f64>) -> Self {
        let mean = Measured::of(&values);
        values.sort_by(f64::total_cmp);
        Self { mean, median: values.get(values.len() / 2).copied().unwrap_or(f64::NAN) }
    }
}

/// What a detector did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Watched {
    /// Alarms in 10,000 values without change.
    pub false_alarms: Measured,
    /// Values until the alarm: mean moved by 1 and by 0.5 standard deviations, deviation doubled, variance doubled.
    pub delays: [Delays; 4],
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

/// The least that is possible for normal values with one alarm in `expected_run` values. `sizes` are those of the changes,
/// each with its weight in the mean of delays that is the least; the weights add up to 1.
pub fn least(direction: Direction, sizes: &[(f64, f64)], expected_run: f64, runs: u32, seed: u64) -> Watched {
    let trial = Trial { stream: Stream::Normal, direction, n_references: MOST_REFERENCES, seed };
    let make = |_: &mut Random| Ok::<_, Infallible>(Ideal::new(direction, sizes, expected_run));
    let Ok(found) = measure(&trial, runs, make, |it, value| it.update(value));
    found
}

/// What a published detector does with River's parameters; it takes no reference.
pub fn published(kind: DetectorKind, runs: u32, seed: u64) -> Watched {
    let trial = Trial { stream: Stream::Normal, direction: Direction::Both, n_references: MOST_REFERENCES, seed };
    let make = |_: &mut Random| Ok::<_, Infallible>(kind.build());
    let Ok(found) = measure(&trial, runs, make, |it, value| it.update(value) == State::Drift);
    found
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

fn measure<D: Clone, E>(
    trial: &Trial,
    runs: u32,
    mut make: impl FnMut(&mut Random) -> Result<D, E>,
    update: impl Fn(&mut D, f64) -> bool + Copy,
) -> Result<Watched, E> {
    let false_alarms = trial.false_alarms(runs, &mut make, update)?;
    let (mut delays, mut missed) = ([Delays::default(); 4], 0);
    for (found, change) in delays.iter_mut().zip(CHANGES) {
        let seen = trial.delays(change, CHANGES_PER_RUN * runs, &mut make, update)?;
        missed += CHANGES_PER_RUN * runs - seen.len() as u32;
        *found = Delays::of(seen);
    }
    Ok(Watched { false_alarms, delays, missed })
}

impl Trial {
    /// The error is that between references, so it has theirs in it.
    fn false_alarms<D, E>(
        &self,
        runs: u32,
        make: &mut impl FnMut(&mut Random) -> Result<D, E>,
        update: impl Fn(&mut D, f64) -> bool,
    ) -> Result<Measured, E> {
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
    fn delays<D: Clone, E>(
        &self,
        change: Change,
        changes: u32,
        make: &mut impl FnMut(&mut Random) -> Result<D, E>,
        update: impl Fn(&mut D, f64) -> bool,
    ) -> Result<Vec<f64>, E> {
        let per_reference = changes.div_ceil(self.n_references).max(1);
        let mut seen = Vec::new();
        let mut detector = None;
        for idx in 0..changes {
            let mut random = Random::for_part(self.seed ^ 0xde1a_7ed0, u64::from(idx));
            if idx % per_reference == 0 {
                detector = Some(make(&mut random)?);
            }
            let Some(mut detector) = detector.clone() else { continue };
            (0..BEFORE).for_each(|_| _ = update(&mut detector, self.stream.draw(&mut random)));
            let sign = match self.direction {
                Direction::Both if idx % 2 == 1 => -1.0,
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
        let least = [1.0, 0.5].map(|it| least(Direction::Up, &[(it, 1.0)], 2000.0, 100, 3));
        let ours = watch(Stream::Normal, Direction::Up, 20_000, 2000.0, 100, 3).unwrap();
        for (idx, least) in least.iter().enumerate() {
            let (least, ours) = (least.delays[idx].mean, ours.delays[idx].mean);
            let scatter = 3.0 * (least.error + ours.error);
            assert!(ours.mean > least.mean - scatter && ours.mean < least.mean * 1.2 + scatter, "{least:?} {ours:?}");
        }
        for watched in least.iter().chain([&ours]) {
            assert!((watched.false_alarms.mean / 5.0 - 1.0).abs() < 0.2, "{watched:?}");
            assert!(watched.delays[1].median < watched.delays[1].mean.mean, "{watched:?}");
        }
        assert_eq!(ours.missed, 0);
    }
}
