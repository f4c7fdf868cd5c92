//! Did a stream leave its reference? Tuned by the number of values without drift after which the user accepts one alarm.
//!
//! Each value becomes a normal score by its place in the reference, so that unit and tails do not matter. For each kind
//! of change (mean up or down by half a standard deviation or by one, more or less spread; of shares: odds doubled or
//! halved) the ratio of probabilities with and without it is followed by Shiryaev and Roberts' recursion
//! R := (1 + R) * ratio. Without drift the weighted sum of all R less the number of values is a martingale, so the
//! expected run time is the threshold times a constant that the last step adds; that is why one number tunes it.
//! Of all detectors with the same run time this one is the fastest on average after a long time without drift.
//! Sources: Roberts: A comparison of some control chart procedures, Technometrics 8 (1966); Pollak, Tartakovsky:
//! Optimality properties of the Shiryaev-Roberts procedure, Statistica Sinica 19 (2009).

use serde::{Deserialize, Serialize};

use super::super::error::DriftError;
use super::super::pair::{Pair, check};
use super::super::sample::Sample;
use crate::probability::normal_quantile;

/// Expected run time over threshold: what the last step before an alarm adds on average (measured, see the tests).
const STEP_OF_NUMBERS: f64 = 1.4;
const STEP_OF_SHARES: f64 = 1.25;
/// Places at which the reference is remembered.
const MAX_KNOTS: usize = 512;
/// Beyond the reference's extremes a score grows by at most this.
const MAX_BEYOND: f64 = 0.5;
/// A share that was never seen or always is taken for one of these.
const LEAST_SHARE: f64 = 1e-4;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Values are larger.
    MeanUp,
    /// Values are smaller.
    MeanDown,
    /// Values spread more.
    SpreadUp,
    /// Values spread less.
    SpreadDown,
    /// A share is larger.
    ShareUp,
    /// A share is smaller.
    ShareDown,
}

/// A change that was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The kind that explains the values best.
    pub kind: ChangeKind,
    /// How many values ago it most probably began.
    pub values_ago: u64,
}

/// One kind of change that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Term {
    kind: ChangeKind,
    /// Mean in standard deviations, factor of the deviation, or share.
    size: f64,
    weight: f64,
    /// Makes the mean ratio of the reference 1.
    ln_norm: f64,
    sum: f64,
    /// Cumulative sum of logarithms since it was last below 0, and for how many values: when the change began.
    run: f64,
    run_values: u64,
}

impl Term {
    fn new(kind: ChangeKind, size: f64, weight: f64) -> Self {
        Self { kind, size, weight, ln_norm: 0.0, sum: 0.0, run: 0.0, run_values: 0 }
    }

    /// Logarithm of the probability with the change over that without, of a normal score.
    fn ln_ratio(&self, score: f64) -> f64 {
        match self.kind {
            ChangeKind::MeanUp | ChangeKind::MeanDown => self.size * (score - self.size / 2.0),
            _ => score * score / 2.0 * (1.0 - self.size.powi(-2)) - self.size.ln(),
        }
    }

    #[inline]
    fn update(&mut self, ln_ratio: f64) {
        let ln_ratio = ln_ratio - self.ln_norm;
        self.sum = (1.0 + self.sum) * ln_ratio.exp();
        self.run += ln_ratio;
        self.run_values += 1;
        if self.run <= 0.0 {
            (self.run, self.run_values) = (0.0, 0);
        }
    }
}

/// What is usual.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Usual {
    /// Values in ascending order with their normal scores, and the scale beyond them.
    Numbers { values: Vec<f64>, scores: Vec<f64>, scale: f64 },
    /// How often 1 is seen.
    Share(f64),
}

/// The detector of one stream.
///
/// ```
/// use learn::drift::Sample;
/// use learn::drift::online::{ChangeKind, Monitor};
///
/// let reference: Vec<f64> = (0..1000).map(|it| f64::from(it % 100)).collect();
/// let mut sorted = reference.clone();
/// sorted.sort_by(f64::total_cmp);
/// let mut monitor = Monitor::of_numbers(&Sample::Numbers(&sorted), 50_000.0)?;
/// let change = (0..100).find_map(|it| monitor.update(f64::from(it * 37 % 100) + 40.0)).expect("it moved by 1.4 deviations");
/// assert_eq!(change.kind, ChangeKind::MeanUp);
/// # Ok::<(), learn::drift::DriftError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    usual: Usual,
    terms: Vec<Term>,
    threshold: f64,
}

impl Monitor {
    /// Of numbers; `expected_run` values without drift end in one alarm on average.
    ///
    /// The run time holds as far as the reference is known: 10,000 values or more for long runs.
    ///
    /// # Errors
    /// If the reference is empty, not ascending, of categories, or all one value.
    pub fn of_numbers(reference: &Sample<'_>, expected_run: f64) -> Result<Self, DriftError> {
        check(reference, reference)?;
        let pair = Pair::new(reference, reference).ok_or(DriftError::OtherKind)?;
        let deviation = pair.reference.moments().1;
        let usual = usual(&pair, deviation).ok_or(DriftError::NoSpread)?;
        let mut terms = vec![
            Term::new(ChangeKind::MeanUp, 0.5, 0.35),
            Term::new(ChangeKind::MeanDown, -0.5, 0.35),
            Term::new(ChangeKind::MeanUp, 1.0, 0.1),
            Term::new(ChangeKind::MeanDown, -1.0, 0.1),
            Term::new(ChangeKind::SpreadUp, 1.5, 0.08),
            Term::new(ChangeKind::SpreadDown, 0.6, 0.02),
        ];
        let probe = Self { usual, terms: Vec::new(), threshold: 0.0 };
        for term in &mut terms {
            let mean = pair.reference.map(|(value, count)| term.ln_ratio(probe.score(value)).exp() * count as f64);
            term.ln_norm = (mean.sum::<f64>() / pair.n).ln();
        }
        Ok(Self { usual: probe.usual, terms, threshold: expected_run.max(1.0) / STEP_OF_NUMBERS })
    }

    /// Of a share, as of errors: values are 1 (true) and 0.
    pub fn of_share(share: f64, expected_run: f64) -> Self {
        let share = share.clamp(LEAST_SHARE, 1.0 - LEAST_SHARE);
        let shifted = |odds: f64| share * odds / (1.0 - share + share * odds);
        let terms = vec![
            Term::new(ChangeKind::ShareUp, shifted(2.3), 0.5),
            Term::new(ChangeKind::ShareDown, shifted(1.0 / 2.3), 0.5),
        ];
        Self { usual: Usual::Share(share), terms, threshold: expected_run.max(1.0) / STEP_OF_SHARES }
    }

    /// Takes a value; after a change it begins anew. What is not finite is left out.
    pub fn update(&mut self, value: f64) -> Option<Change> {
        if !value.is_finite() {
            return None;
        }
        let score = self.score(value);
        let share = match self.usual {
            Usual::Share(share) => Some(share),
            Usual::Numbers { .. } => None,
        };
        let mut sum = 0.0;
        for term in &mut self.terms {
            let ln_ratio = match share {
                Some(share) if value > 0.5 => (term.size / share).ln(),
                Some(share) => ((1.0 - term.size) / (1.0 - share)).ln(),
                None => term.ln_ratio(score),
            };
            term.update(ln_ratio);
            sum += term.weight * term.sum;
        }
        if sum < self.threshold {
            return None;
        }
        let best = self.terms.iter().max_by(|a, b| (a.weight * a.sum).total_cmp(&(b.weight * b.sum)))?;
        let change = Change { kind: best.kind, values_ago: best.run_values };
        self.reset();
        Some(change)
    }

    /// How near an alarm is: 0 right after a reset, 1 at an alarm.
    pub fn nearness(&self) -> f64 {
        let sum: f64 = self.terms.iter().map(|it| it.weight * it.sum).sum();
        (sum.ln_1p() / self.threshold.ln_1p()).clamp(0.0, 1.0)
    }

    /// Forgets what came so far, not the reference.
    pub fn reset(&mut self) {
        for term in &mut self.terms {
            (term.sum, term.run, term.run_values) = (0.0, 0.0, 0);
        }
    }

    fn score(&self, value: f64) -> f64 {
        let Usual::Numbers { values, scores, scale } = &self.usual else { return value };
        let above = values.partition_point(|it| *it < value);
        let at = |idx: usize| values.get(idx).zip(scores.get(idx));
        match (above.checked_sub(1).and_then(at), at(above)) {
            (Some((low, from)), Some((high, to))) => from + (to - from) * (value - low) / (high - low),
            (Some((last, score)), None) => score + ((value - last) / scale).min(MAX_BEYOND),
            (None, Some((first, score))) => score - ((first - value) / scale).min(MAX_BEYOND),
            (None, None) => 0.0,
        }
    }
}

/// Knots of values and normal scores: each value if there are few, otherwise quantiles that are dense in the tails.
fn usual(pair: &Pair<'_>, scale: f64) -> Option<Usual> {
    let n = pair.n;
    let (mut values, mut scores) = (Vec::new(), Vec::new());
    let (mut below, mut last) = (0.0, f64::NEG_INFINITY);
    // A knot for each value if they are few, otherwise wherever the score has moved by a step.
    let step = if pair.reference.has_more_than(MAX_KNOTS) { 8.0 / MAX_KNOTS as f64 } else { 0.0 };
    let mut pending = None;
    for (value, count) in pair.reference.filter(|it| it.1 > 0) {
        let score = normal_quantile((below + count as f64 / 2.0) / n);
        below += count as f64;
        if score >= last + step {
            values.push(value);
            scores.push(score);
            last = score;
            pending = None;
        } else {
            pending = Some((value, score));
        }
    }
    if let Some((value, score)) = pending {
        values.push(value);
        scores.push(score);
    }
    (values.len() > 1 && scale > 0.0).then_some(Usual::Numbers { values, scores, scale })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// What is made of a normal number.
    type Shape = fn(f64) -> f64;

    fn monitor(n: usize, shape: Shape, expected_run: f64) -> Monitor {
        let mut random = Random::new(11);
        let mut reference: Vec<f64> = (0..n).map(|_| shape(random.normal())).collect();
        reference.sort_by(f64::total_cmp);
        Monitor::of_numbers(&Sample::Numbers(&reference), expected_run).unwrap()
    }

    /// Values per alarm.
    fn run_time(monitor: &mut Monitor, values: u32, mut draw: impl FnMut(&mut Random) -> f64) -> f64 {
        let mut random = Random::new(23);
        let alarms = (0..values).filter(|_| monitor.update(draw(&mut random)).is_some()).count();
        f64::from(values) / alarms as f64
    }

    /// Mean delay after 2000 values without drift, of those not alarmed then, and how many were missed in 2000 more.
    fn delay(monitor: &Monitor, before: impl Fn(&mut Random) -> f64, after: impl Fn(&mut Random) -> f64) -> (f64, u32) {
        let (mut sum, mut found, mut missed) = (0.0, 0.0, 0);
        for run in 0..200 {
            let mut random = Random::for_part(31, run);
            let mut monitor = monitor.clone();
            (0..2000).filter_map(|_| monitor.update(before(&mut random))).for_each(|_| ());
            match (1..=2000_u32).find(|_| monitor.update(after(&mut random)).is_some()) {
                Some(values) => (sum, found) = (sum + f64::from(values), found + 1.0),
                None => missed += 1,
            }
        }
        (sum / found, missed)
    }

    /// MUST 460.
    #[test]
    fn the_run_time_without_drift_is_the_one_that_was_asked_for() {
        let shapes: [(&str, Shape); 3] = [("normal", |z| z), ("lognormal", f64::exp), ("whole", f64::round)];
        for (name, shape) in shapes {
            for asked in [1000.0, 10_000.0] {
                let mut monitor = monitor(200_000, shape, asked);
                let found = run_time(&mut monitor, (asked * 150.0) as u32, |it| shape(it.normal()));
                assert!((found / asked - 1.0).abs() < 0.2, "{name} {asked}: {found}");
            }
        }
        for share in [0.05, 0.2, 0.5] {
            let mut monitor = Monitor::of_share(share, 5000.0);
            let found = run_time(&mut monitor, 1_000_000, |it| f64::from(it.uniform() < share));
            assert!((found / 5000.0 - 1.0).abs() < 0.25, "share {share}: {found}");
        }
    }

    /// MUST 461.
    #[test]
    fn changes_are_found_soon_and_never_missed() {
        let monitor = monitor(200_000, |z| z, 50_000.0);
        let normal = |it: &mut Random| it.normal();
        let (delay_of_1, _) = delay(&monitor, normal, |it| it.normal() + 1.0);
        let (delay_of_half, _) = delay(&monitor, normal, |it| it.normal() - 0.5);
        let (delay_of_spread, missed) = delay(&monitor, normal, |it| it.normal() * 2.0);
        let (delay_of_variance, missed_variance) = delay(&monitor, normal, |it| it.normal() * 2.0_f64.sqrt());
        let delays = format!("{delay_of_1} {delay_of_half} {delay_of_spread} {delay_of_variance}");
        println!("delays: mean +1 sd, -0.5 sd, sd x2, variance x2: {delays}");
        assert!(delay_of_1 < 22.0 && delay_of_half < 70.0 && delay_of_spread < 40.0, "{delays}");
        assert_eq!((missed, missed_variance), (0, 0), "{delays}");
        let share = Monitor::of_share(0.2, 50_000.0);
        let coin = |share: f64| move |it: &mut Random| f64::from(it.uniform() < share);
        let (delay_of_share, missed) = delay(&share, coin(0.2), coin(0.4));
        assert!(delay_of_share < 100.0 && missed == 0, "{delay_of_share} {missed}");
    }

    #[test]
    fn the_begin_and_the_kind_are_told_and_odd_values_change_nothing() {
        let mut monitor = monitor(5000, |z| z, 50_000.0);
        let mut random = Random::new(3);
        assert_eq!((0..500).find_map(|_| monitor.update(random.normal())), None);
        let before = monitor.clone();
        assert_eq!([f64::NAN, f64::INFINITY].map(|it| monitor.update(it)), [None, None]);
        assert_eq!(monitor, before);
        let saved = postcard::to_allocvec(&monitor).unwrap();
        assert_eq!(postcard::from_bytes::<Monitor>(&saved).unwrap(), monitor);
        let (after, change) = (1..200_u64).find_map(|it| Some((it, monitor.update(random.normal() - 1.0)?))).unwrap();
        assert_eq!(change.kind, ChangeKind::MeanDown);
        assert!(change.values_ago.abs_diff(after) < 15, "{change:?} after {after}");
        assert_eq!(monitor.nearness(), 0.0);
        assert_eq!(Monitor::of_numbers(&Sample::Numbers(&[1.0, 1.0]), 100.0).unwrap_err(), DriftError::NoSpread);
    }
}
