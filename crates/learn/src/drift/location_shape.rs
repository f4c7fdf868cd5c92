//! Did numbers move, spread or change their shape? The verdict on numbers: three rank tests as one.
//!
//! Mann-Whitney sees a move best, Anderson and Darling's test any difference, Mood's a change of spread.
//! Their p-values are combined by Cauchy's distribution, whose tail does not depend on how the three depend on each
//! other (Liu, Xie: Cauchy combination test, J. American Statistical Association 115 (2020)).
//! Ranks make it independent of unit and tails. Where many values are equal, and Anderson and Darling's limit does not
//! hold, a permutation of the counts gives the p-value.

use super::anderson_darling;
use super::binning::grouped;
use super::finding::Options;
use super::pair::{Cell, Pair};
use super::permutation;
use super::ranks::Scores;

/// Weights of Mann-Whitney, Anderson-Darling and Mood.
const WEIGHTS: [f64; 3] = [0.45, 0.45, 0.1];
/// A p-value above this counts as this: Cauchy's tail at the other end would outweigh any discovery.
const MAX_P_VALUE: f64 = 0.99;
/// By how much the combination is too sure at most: the three depend on each other, and Cauchy's tail is right at its end
/// only. The limit distribution has 1.018 at 0.05 and 1.012 at 0.0025.
const TOO_SURE: f64 = 1.02;
/// If one value holds more of all than this, the limit distributions do not hold.
const MAX_TIED_SHARE: f64 = 0.02;
/// Values are put into so many groups before a permutation.
const MAX_GROUPS: usize = 64;
/// Below this the p-value of the combination decides alone.
const SURE: f64 = 1e-5;

/// The combined statistic (larger: more different) and the p-value; no p-value if all values are one.
pub(super) fn test(pair: &Pair<'_>, options: &Options) -> (f64, Option<f64>) {
    let deviation = anderson_darling::deviation(pair.n, pair.m);
    let mut walk = Walk::new(pair.n, pair.m);
    pair.cells().for_each(|it| walk.add(&it));
    let Some(p_value) = walk.p_value(deviation) else { return (0.0, None) };
    if walk.largest > MAX_TIED_SHARE * (pair.n + pair.m) && p_value > SURE {
        let groups = grouped(pair, MAX_GROUPS);
        let statistic = |cells: &[Cell]| {
            let mut walk = Walk::new(pair.n, pair.m);
            cells.iter().for_each(|it| walk.add(it));
            -walk.p_value(deviation).unwrap_or(1.0).ln()
        };
        let p_value = permutation::p_value(&groups, statistic(&groups), options, statistic);
        return (-p_value.log10(), Some(p_value));
    }
    (-p_value.log10(), Some(p_value))
}

/// All three tests in one walk over the cells.
struct Walk {
    n: f64,
    m: f64,
    below: f64,
    location: Scores,
    spread: Scores,
    shape: anderson_darling::Sum,
    largest: f64,
}

impl Walk {
    fn new(n: f64, m: f64) -> Self {
        let shape = anderson_darling::Sum::new(n, m);
        Self { n, m, below: 0.0, location: Scores::default(), spread: Scores::default(), shape, largest: 0.0 }
    }

    #[inline]
    fn add(&mut self, cell: &Cell) {
        let total = cell.total() as f64;
        let (all, rank) = (self.n + self.m, self.below + total / 2.0);
        // Between -1 and 1, so that sums of squares keep their digits.
        let place = 2.0 * rank / all - 1.0;
        self.location.add(cell, place);
        self.spread.add(cell, place * place);
        self.shape.add(cell);
        self.below += total;
        self.largest = self.largest.max(total);
    }

    fn p_value(&self, deviation: f64) -> Option<f64> {
        let location = self.location.p_value(self.n, self.m)?;
        let spread = self.spread.p_value(self.n, self.m).unwrap_or(1.0);
        Some(cauchy([location, self.shape.p_value(deviation), spread]))
    }
}

/// One p-value from three.
fn cauchy(p_values: [f64; 3]) -> f64 {
    let quantile = |p_value: f64| {
        let p_value = p_value.min(MAX_P_VALUE);
        // The tangent loses its digits near the pole, where it is the inverse.
        if p_value < 1e-12 {
            1.0 / (p_value.max(1e-300) * std::f64::consts::PI)
        } else {
            ((0.5 - p_value) * std::f64::consts::PI).tan()
        }
    };
    let sum: f64 = WEIGHTS.iter().zip(p_values).map(|(weight, it)| weight * quantile(it)).sum();
    let p_value = if sum > 1e10 { 1.0 / (sum * std::f64::consts::PI) } else { 0.5 - sum.atan() / std::f64::consts::PI };
    (TOO_SURE * p_value).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probability::normal_upper;
    use crate::random::Random;

    const DRAWS: u32 = 300_000;

    /// Without drift and with many values, Anderson and Darling's statistic is a sum of squares of independent normal
    /// numbers, of which the first is the statistic of Mann and Whitney and the second that of Mood.
    fn p_value_of_many(random: &mut Random) -> f64 {
        let normals: [f64; 16] = std::array::from_fn(|_| random.normal());
        let two_sided = |it: f64| 2.0 * normal_upper(it.abs());
        let squares = normals.iter().zip(1..).map(|(it, j)| it * it / f64::from(j * (j + 1))).sum::<f64>();
        // The expected value of all further ones.
        let shape = anderson_darling::limit_upper(squares + 1.0 / 17.0);
        cauchy([two_sided(normals[0]), shape, two_sided(normals[1])])
    }

    /// Guarantees: MUST 448 of docs/specs/drift.md.
    #[test]
    fn the_combination_is_not_too_sure() {
        let mut random = Random::new(5);
        let p_values: Vec<f64> = (0..DRAWS).map(|_| p_value_of_many(&mut random)).collect();
        for level in [0.1, 0.05, 0.01, 0.0025] {
            let rate = p_values.iter().filter(|it| **it <= level).count() as f64 / f64::from(DRAWS);
            let scatter = (level / f64::from(DRAWS)).sqrt();
            println!("{level}: {rate} +- {scatter}");
            assert!(rate <= level + 2.5 * scatter && rate >= 0.96 * level - 2.5 * scatter, "{level}: {rate}");
        }
    }
}
