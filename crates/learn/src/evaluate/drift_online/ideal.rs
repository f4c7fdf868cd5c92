//! How early can any detector be? One that knows what nobody knows: the distribution, and which changes there may be.
//!
//! Normal values are followed by Shiryaev and Roberts' sums for a few sizes of a move, each with a weight. With the
//! weighted sum against a threshold no detector with the same run time has a smaller weighted mean of its delays, long
//! after the last alarm (Pollak, Tartakovsky: Optimality properties of the Shiryaev-Roberts procedure, Statistica Sinica
//! 19, 2009). So for one size its delay is the least that is possible, and for two sizes the pairs of delays that weights
//! give are the border that no detector passes.

use crate::drift::online::Direction;

/// By how much a step goes beyond a threshold on average, in deviations (Siegmund 1985, equation 10.13).
const OVERSHOOT: f64 = 0.5826;

/// A detector of normal values that knows the sizes of all changes.
#[derive(Clone, Debug)]
pub(super) struct Ideal {
    terms: Vec<Term>,
    threshold: f64,
}

#[derive(Clone, Copy, Debug)]
struct Term {
    size: f64,
    weight: f64,
    sum: f64,
}

impl Ideal {
    /// For moves of these sizes with these weights, which are divided evenly among directions; without a change it alarms
    /// once in `expected_run` values.
    pub(super) fn new(direction: Direction, sizes: &[(f64, f64)], expected_run: f64) -> Self {
        let signs: &[f64] = match direction {
            Direction::Both => &[1.0, -1.0],
            Direction::Up => &[1.0],
            Direction::Down => &[-1.0],
        };
        let share = 1.0 / signs.len() as f64;
        let term = |sign: f64| sizes.iter().map(move |it| Term { size: sign * it.0, weight: share * it.1, sum: 0.0 });
        let beyond: f64 = sizes.iter().map(|(size, weight)| weight * (-OVERSHOOT * size).exp()).sum();
        let threshold = expected_run * beyond;
        Self { terms: signs.iter().flat_map(|it| term(*it)).collect(), threshold }
    }

    /// Takes a value; true at an alarm, after which it begins anew.
    pub(super) fn update(&mut self, value: f64) -> bool {
        let mut total = 0.0;
        for it in &mut self.terms {
            it.sum = (1.0 + it.sum) * (it.size * (value - it.size / 2.0)).exp();
            total += it.weight * it.sum;
        }
        let is_alarm = total >= self.threshold;
        if is_alarm {
            self.terms.iter_mut().for_each(|it| it.sum = 0.0);
        }
        is_alarm
    }
}
