//! Which changes does a monitor look for, and how much does each value speak for them?

use serde::{Deserialize, Serialize};

use super::{ChangeKind, Direction};

/// What is taken off for the errors of a reference, over what makes up for them on average.
const MARGIN: f64 = 1.25;
/// By how much a step of one deviation goes beyond a threshold on average, in deviations (Siegmund 1985, equation 10.13).
const OVERSHOOT: f64 = 0.5826;
/// The mean of exp(-overshoot) of terms of the spread; `sentinel eval drift --online` shows whether runs are right.
const BEYOND_OF_SPREAD: f64 = 0.75;
/// The same of shares, which step by two sizes only.
const BEYOND_OF_SHARES: f64 = 0.8;

/// One kind of change that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Term {
    pub(super) kind: ChangeKind,
    /// Mean in standard deviations, factor of the deviation, or share.
    pub(super) size: f64,
    pub(super) weight: f64,
    /// Taken off every logarithm: what makes the mean ratio of the reference 1, and what the reference may be off by.
    pub(super) off: f64,
    /// Shiryaev and Roberts' sum of ratios.
    pub(super) sum: f64,
    /// Cumulative sum of logarithms since it was last below 0, and for how many values: when the change began.
    run: f64,
    pub(super) run_values: u64,
}

impl Term {
    pub(super) const fn new(kind: ChangeKind, size: f64, weight: f64) -> Self {
        Self { kind, size, weight, off: 0.0, sum: 0.0, run: 0.0, run_values: 0 }
    }

    /// Those of numbers. The weights share one budget of false alarms, so each term that is added makes the others later.
    /// They are chosen so that a move by one deviation is found within 20 values and one by a half as early as that
    /// leaves; the spread gets little, since it is only to be found at all. `sentinel eval drift --online` shows what
    /// they cost beside the least that any detector needs.
    pub(super) fn of_numbers(direction: Direction) -> Vec<Self> {
        let spread =
            |up, down| [Self::new(ChangeKind::SpreadUp, 1.5, up), Self::new(ChangeKind::SpreadDown, 0.6, down)];
        let mean = |kind, sign: f64, half, whole| [Self::new(kind, 0.5 * sign, half), Self::new(kind, sign, whole)];
        let up = |half, whole| mean(ChangeKind::MeanUp, 1.0, half, whole);
        let down = |half, whole| mean(ChangeKind::MeanDown, -1.0, half, whole);
        match direction {
            Direction::Both => [up(0.25, 0.2375), down(0.25, 0.2375), spread(0.02, 0.005)].concat(),
            Direction::Up => [up(0.84, 0.135), spread(0.02, 0.005)].concat(),
            Direction::Down => [down(0.84, 0.135), spread(0.02, 0.005)].concat(),
        }
    }

    /// Those of a share: the odds changed by a factor of 2.3.
    pub(super) fn of_share(share: f64, direction: Direction) -> Vec<Self> {
        let shifted = |odds: f64| share * odds / (1.0 - share + share * odds);
        let up = |weight| Self::new(ChangeKind::ShareUp, shifted(2.3), weight);
        let down = |weight| Self::new(ChangeKind::ShareDown, shifted(1.0 / 2.3), weight);
        match direction {
            Direction::Both => vec![up(0.5), down(0.5)],
            Direction::Up => vec![up(1.0)],
            Direction::Down => vec![down(1.0)],
        }
    }

    /// Logarithm of the probability with the change over that without, of a normal score.
    pub(super) fn of_score(&self, score: f64) -> f64 {
        match self.kind {
            ChangeKind::MeanUp | ChangeKind::MeanDown => self.size * (score - self.size / 2.0),
            _ => score * score / 2.0 * (1.0 - self.size.powi(-2)) - self.size.ln(),
        }
    }

    /// The same of a 1 (true) or 0 of a share.
    pub(super) fn of_outcome(&self, is_one: bool, share: f64) -> f64 {
        if is_one { (self.size / share).ln() } else { ((1.0 - self.size) / (1.0 - share)).ln() }
    }

    /// Mean of exp(-overshoot) where the logarithm passes a threshold: a threshold of h that this term passes first makes
    /// runs of h over this.
    pub(super) fn beyond(&self) -> f64 {
        match self.kind {
            ChangeKind::MeanUp | ChangeKind::MeanDown => (-OVERSHOOT * self.size.abs()).exp(),
            ChangeKind::SpreadUp | ChangeKind::SpreadDown => BEYOND_OF_SPREAD,
            ChangeKind::ShareUp | ChangeKind::ShareDown => BEYOND_OF_SHARES,
        }
    }

    /// What a term takes off so that errors of a reference of `n` values do not become alarms.
    ///
    /// A mean that is off by e multiplies false alarms by about exp(2 h e / size), with h the logarithm of the expected
    /// run, and e has a variance of 1 / n; taking h / n off each logarithm brings the mean over references back to what
    /// was asked for. It falls with 1 / n where errors fall with its root, so a large reference costs nothing.
    pub(super) fn allowance(&self, n: f64, expected_run: f64) -> f64 {
        let per_value = MARGIN * expected_run.max(2.0).ln() / n.max(1.0);
        match self.kind {
            ChangeKind::SpreadUp | ChangeKind::SpreadDown => 2.5 * per_value,
            _ => per_value,
        }
    }

    #[inline]
    pub(super) fn update(&mut self, ln_ratio: f64) {
        let ln_ratio = ln_ratio - self.off;
        self.sum = (1.0 + self.sum) * ln_ratio.exp();
        self.run += ln_ratio;
        self.run_values += 1;
        if self.run <= 0.0 {
            (self.run, self.run_values) = (0.0, 0);
        }
    }

    pub(super) fn reset(&mut self) {
        (self.sum, self.run, self.run_values) = (0.0, 0.0, 0);
    }
}
