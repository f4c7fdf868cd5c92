//! Who follows a stream? Either the monitor that knows the reference, or a published detector that learns as it goes.

use learn::drift::Sample;
use learn::drift::online::{ChangeKind, Detector, DetectorKind, Direction, Monitor, OnlineDetector, State};
use serde::{Deserialize, Serialize};

use super::config::REFERENCE;
use super::tuning::tuned;

/// How fast the mean that tells the side of a change forgets.
const FORGETTING: f64 = 0.02;
/// 2 over the square of the smallest change of a share that is looked for: odds of 2.3 to 1.
const OF_SHARES: f64 = 2.88;

/// What is usual of a stream: different values in rising order with their counts.
pub(super) struct Usual {
    pub counts: Vec<(f64, u64)>,
    pub n: f64,
    pub mean: f64,
    pub deviation: f64,
}

impl Usual {
    /// Of values and how often each came.
    pub fn new(mut counts: Vec<(f64, u64)>) -> Self {
        counts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let n = counts.iter().map(|it| it.1 as f64).sum::<f64>().max(1.0);
        let mean = counts.iter().map(|it| it.0 * it.1 as f64).sum::<f64>() / n;
        let squares = counts.iter().map(|it| (it.0 - mean).powi(2) * it.1 as f64).sum::<f64>();
        Self { counts, n, mean, deviation: (squares / n).sqrt() }
    }

    /// Of 0 and 1, the share of 1 known from so many.
    pub fn share(share: f64, n: u64) -> Self {
        let ones = (share * n as f64).round() as u64;
        let counts = vec![(0.0, n.saturating_sub(ones)), (1.0, ones)];
        Self { counts, n: n as f64, mean: share, deviation: (share * (1.0 - share)).max(0.0).sqrt() }
    }

    /// Of events that are news only if they become more frequent, the share known from so many: at least what one more
    /// event would make it.
    pub fn rare(share: f64, n: u64) -> Self {
        Self::share((share * n as f64 + 1.0) / (n as f64 + 2.0), n)
    }
}

/// The run to ask a monitor of a share for, so that the run is the one that was asked for on average over references of
/// this size. Monitors of numbers know their reference and see to it themselves.
///
/// A reference of n rows misses the share by a normal number of deviation 1/sqrt(n), in deviations. Where it is missed
/// by m, runs are threshold to the power of 1 - 2m/s for changes of size s; the mean of the rate over m gives
/// ln(run) = ln(threshold) - 2 ln(threshold)^2 / (s^2 n), which is solved here.
fn widened(run: f64, n: f64) -> f64 {
    let (wanted, bend) = (run.ln(), OF_SHARES / n.max(1.0));
    let most = 2.0 * wanted;
    let inside = 1.0 - 4.0 * bend * wanted;
    let found = if inside > 0.0 { (1.0 - inside.sqrt()) / (2.0 * bend) } else { most };
    found.clamp(wanted, most).exp()
}

/// To where a stream moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Move {
    /// Values are larger, or what is counted is more frequent.
    Up,
    /// The other way.
    Down,
    /// Values spread more.
    Wider,
    /// Values spread less.
    Narrower,
}

/// A detector of one stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Following {
    Reference(Monitor),
    Published { detector: Detector, mean: f64, scale: f64, recent: f64 },
}

impl Following {
    /// A detector by its name, tuned so that without drift it alarms once in `expected_run` values; what is to be said of
    /// it, if that cannot be had. None where all values of the reference are the same number. Published detectors look in
    /// both directions.
    pub fn new(
        name: &str,
        usual: &Usual,
        is_share: bool,
        direction: Direction,
        expected_run: f64,
    ) -> Option<(Self, Option<String>)> {
        if let Some(kind) = name.parse::<DetectorKind>().ok().filter(|_| name != REFERENCE) {
            let scale = if is_share || usual.deviation <= 0.0 { 1.0 } else { usual.deviation };
            let mean = if is_share { 0.0 } else { usual.mean };
            let (detector, note) = tuned(kind, usual, (mean, scale), expected_run);
            return Some((Self::Published { detector, mean, scale, recent: usual.mean }, note));
        }
        let monitor = if is_share {
            let known = usual.n * usual.mean * (1.0 - usual.mean);
            Monitor::of_share_toward(usual.mean, direction, widened(expected_run, known))
        } else {
            let (values, counts): (Vec<f64>, Vec<u64>) = usual.counts.iter().copied().unzip();
            let reference = Sample::Counted { values: &values, counts: &counts };
            Monitor::of_numbers_toward(&reference, direction, expected_run).ok()?
        };
        Some((Self::Reference(monitor), None))
    }

    /// Takes a value; where to the stream moved, if it did, and how many values ago where the detector knows. `usual` is
    /// the mean of the reference.
    pub fn update(&mut self, value: f64, usual: f64) -> Option<(Move, Option<u64>)> {
        match self {
            Self::Reference(monitor) => monitor.update(value).map(|it| (move_of(it.kind), Some(it.values_ago))),
            Self::Published { detector, mean, scale, recent } => {
                if value.is_finite() {
                    *recent += FORGETTING * (value - *recent);
                }
                let has_drifted = detector.update((value - *mean) / *scale) == State::Drift;
                has_drifted.then_some((if *recent >= usual { Move::Up } else { Move::Down }, None))
            }
        }
    }

    /// How near it is to an alarm, from 0 to 1; published detectors do not tell.
    pub fn nearness(&self) -> Option<f64> {
        match self {
            Self::Reference(monitor) => Some(monitor.nearness()),
            Self::Published { .. } => None,
        }
    }
}

const fn move_of(kind: ChangeKind) -> Move {
    match kind {
        ChangeKind::MeanUp | ChangeKind::ShareUp => Move::Up,
        ChangeKind::MeanDown | ChangeKind::ShareDown => Move::Down,
        ChangeKind::SpreadUp => Move::Wider,
        ChangeKind::SpreadDown => Move::Narrower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_references_ask_for_longer_runs() {
        assert!((widened(1e6, 1e9) / 1e6 - 1.0).abs() < 0.01);
        let of_thousand = widened(1e6, 1000.0).log10();
        assert!((6.2..6.5).contains(&of_thousand), "{of_thousand}");
        assert_eq!(widened(1e6, 10.0), 1e6_f64.powi(2).ln().exp());
    }
}
