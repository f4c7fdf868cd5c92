//! How sensitive may a published detector be? Its parameters are no false-alarm rates, so it is tried on values drawn from
//! the reference: the most sensitive of some settings whose run without alarm is as long as the user asked for.

use learn::drift::online::{Detector, DetectorKind, OnlineDetector, State};
use learn::random::Random;

use super::detector::Usual;

/// Settings from that of the authors to the least sensitive one.
const LEVELS: i32 = 8;
/// Values that a setting is tried on at most.
const MOST_VALUES: f64 = 300_000.0;
/// Runs without drift that are looked at.
const RUNS: f64 = 3.0;
const SEED: u64 = 7;

/// The detector, and what is to be said if no setting is as quiet as asked for. `scaling` is the mean and deviation by
/// which values are made comparable.
pub(super) fn tuned(
    kind: DetectorKind,
    usual: &Usual,
    scaling: (f64, f64),
    expected_run: f64,
) -> (Detector, Option<String>) {
    let values = (RUNS * expected_run).min(MOST_VALUES);
    // Fewer values than a run: none of them may alarm.
    let allowed = (values / expected_run).floor();
    // A setting that has alarmed too often is not tried to the end.
    let is_quiet =
        |level: i32| alarms(at_level(kind, level), usual, scaling, values as u64, allowed as u64) as f64 <= allowed;
    let found = (0..LEVELS).find(|it| is_quiet(*it));
    let note = found.is_none().then(|| {
        let n = alarms(at_level(kind, LEVELS - 1), usual, scaling, values as u64, u64::MAX);
        let run = values / (n as f64).max(1.0);
        format!("{kind} alarms about once in {run:.0} values even where it is least sensitive; {expected_run:.0} were asked for")
    });
    (at_level(kind, found.unwrap_or(LEVELS - 1)), note)
}

/// Alarms in so many values without drift; counted no further than one above `most`.
fn alarms(mut detector: Detector, usual: &Usual, (mean, scale): (f64, f64), values: u64, most: u64) -> u64 {
    let mut random = Random::new(SEED);
    let total = usual.counts.iter().map(|it| it.1).sum::<u64>().max(1);
    let mut ends = vec![];
    let mut sum = 0;
    for it in &usual.counts {
        sum += it.1;
        ends.push(sum);
    }
    let mut n = 0;
    for _ in 0..values {
        let place = (random.uniform() * total as f64) as u64;
        let idx = ends.partition_point(|it| *it <= place);
        let value = usual.counts.get(idx).or(usual.counts.last()).map_or(0.0, |it| it.0);
        n += u64::from(detector.update((value - mean) / scale) == State::Drift);
        if n > most {
            break;
        }
    }
    n
}

/// A detector whose parameter is so many steps less sensitive than that of its authors.
fn at_level(kind: DetectorKind, level: i32) -> Detector {
    let tenth = 0.1_f64.powi(level);
    let mut detector = kind.build();
    match &mut detector {
        Detector::Adwin(it) => it.delta *= tenth,
        Detector::PageHinkley(it) => it.threshold = 10.0 * 2.0_f64.powi(level),
        Detector::Kswin(it) => it.alpha *= tenth,
        Detector::Ddm(it) => it.drift += 0.5 * f64::from(level),
        Detector::Eddm(it) => it.drift -= 0.08 * f64::from(level),
        Detector::HddmA(it) => it.drift_confidence *= tenth,
        Detector::HddmW(it) => it.drift_confidence *= tenth,
        Detector::Fhddm(it) => it.confidence *= tenth,
    }
    detector
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 592 of docs/specs/model-watch.md, for the published detectors.
    #[test]
    fn what_is_tuned_is_as_quiet_as_asked_for_or_says_so() {
        let numbers = Usual::new((-50..=50).map(|it| (f64::from(it), 1)).collect());
        let errors = Usual::share(0.2, 1000);
        for kind in DetectorKind::ALL {
            let is_of_numbers = matches!(kind, DetectorKind::Adwin | DetectorKind::PageHinkley | DetectorKind::Kswin);
            let (usual, scaling) =
                if is_of_numbers { (&numbers, (0.0, numbers.deviation)) } else { (&errors, (0.0, 1.0)) };
            let (detector, note) = tuned(*kind, usual, scaling, 5_000.0);
            let n = alarms(detector, usual, scaling, 15_000, u64::MAX);
            assert!(n <= 3 || note.is_some(), "{kind}: {n} alarms, {note:?}");
        }
    }
}
