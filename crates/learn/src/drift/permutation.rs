//! How often would chance alone give a statistic this large? Divides the pooled sample anew, by its counts.
//!
//! A random division of pooled counts into two samples of the sizes that were seen is a multivariate hypergeometric
//! draw: it costs one number per cell, however many rows there are.
//! Draws end early when chance reached the statistic often enough (Besag, Clifford: Sequential Monte Carlo p-values,
//! Biometrika 78 (1991)); where it never did, the tail of a gamma distribution with the moments of the draws goes on.
//! Hypergeometric numbers: Stadlober: The ratio of uniforms approach for generating discrete random variates, J.
//! Computational and Applied Mathematics 31 (1990).

use crate::probability::{ln_gamma, upper_gamma};
use crate::random::Random;

use super::finding::Options;
use super::pair::Cell;

/// Draws end when so many were at least as large.
const ENOUGH: u32 = 50;
/// Statistics that differ by less than this share are equal: sums in another order differ in the last digits.
const TIE: f64 = 1e-9;
/// Sizes up to this are drawn one by one.
const FEW: u64 = 10;

/// The chance of a statistic of at least `observed`.
///
/// The statistic must be larger the more the sides of the cells differ.
pub(super) fn p_value(cells: &[Cell], observed: f64, options: &Options, statistic: impl Fn(&[Cell]) -> f64) -> f64 {
    if cells.len() < 2 {
        return 1.0;
    }
    let mut random = Random::new(options.seed);
    let mut drawn = cells.to_vec();
    let least = observed - TIE * observed.abs();
    let (mut as_large, mut sum, mut squares) = (0, 0.0, 0.0);
    for draw in 1..=options.permutations {
        divide(cells, &mut drawn, &mut random);
        let value = statistic(&drawn);
        as_large += u32::from(value >= least);
        sum += value;
        squares += value * value;
        if as_large == ENOUGH {
            return f64::from(as_large) / f64::from(draw);
        }
    }
    let n = f64::from(options.permutations);
    let p_value = f64::from(as_large + 1) / (n + 1.0);
    if as_large == 0 { p_value.min(gamma_tail(observed, sum / n, squares / n)) } else { p_value }
}

/// The share above `observed` of the gamma distribution with these moments; 1 if there is none.
fn gamma_tail(observed: f64, mean: f64, mean_square: f64) -> f64 {
    let variance = mean_square - mean * mean;
    if mean > 0.0 && variance > 0.0 { upper_gamma(mean * mean / variance, observed * mean / variance) } else { 1.0 }
}

/// One random division of the totals of `cells`.
pub(super) fn divide(cells: &[Cell], drawn: &mut [Cell], random: &mut Random) {
    let mut wanted: u64 = cells.iter().map(|it| it.reference).sum();
    let mut left: u64 = cells.iter().map(Cell::total).sum();
    for (cell, drawn) in cells.iter().zip(drawn) {
        let total = cell.total();
        left -= total;
        drawn.reference = hypergeometric(total, left, wanted, random);
        drawn.current = total - drawn.reference;
        wanted -= drawn.reference;
    }
}

/// How many of `wanted` draws without replacement come from the `good` and not from the `bad`.
fn hypergeometric(good: u64, bad: u64, wanted: u64, random: &mut Random) -> u64 {
    if wanted == 0 || good == 0 {
        return 0;
    }
    if bad == 0 {
        return wanted.min(good);
    }
    let all = good + bad;
    // The complement of a draw is a draw, and so is the exchange of good and bad: both are chosen small.
    let few = wanted.min(all - wanted);
    let (least, most) = (good.min(bad), good.max(bad));
    let of_least = if few <= FEW || least <= FEW {
        one_by_one(least.min(few), least.max(few), all, random)
    } else {
        ratio_of_uniforms(least as f64, most as f64, few as f64, random)
    };
    let of_good = if good > bad { few - of_least } else { of_least };
    if few < wanted { good - of_good } else { of_good }
}

/// A hypergeometric number is symmetric in the size of the draw and the number of good ones: the lesser is drawn.
fn one_by_one(draws: u64, good: u64, all: u64, random: &mut Random) -> u64 {
    let (mut good_left, mut all_left) = (good, all);
    for _ in 0..draws {
        if random.uniform() * (all_left as f64) < good_left as f64 {
            good_left -= 1;
        }
        all_left -= 1;
    }
    good - good_left
}

fn ratio_of_uniforms(least: f64, most: f64, wanted: f64, random: &mut Random) -> u64 {
    let all = least + most;
    let mean = wanted * least / all + 0.5;
    let variance = (all - wanted) * wanted * (least / all) * (most / all) / (all - 1.0);
    let spread = (variance + 0.5).sqrt();
    let height = 1.715_527_769_921_413_5 * spread + 0.898_916_162_058_898_8;
    let mode = ((wanted + 1.0) * (least + 1.0) / (all + 2.0)).floor();
    let weight =
        |k: f64| ln_factorial(k) + ln_factorial(least - k) + ln_factorial(wanted - k) + ln_factorial(most - wanted + k);
    let at_mode = weight(mode);
    let beyond = (wanted.min(least) + 1.0).min((mean + 16.0 * spread).floor());
    loop {
        let u = random.uniform();
        let x = mean + height * (random.uniform() - 0.5) / u;
        if !(x >= 0.0 && x < beyond) {
            continue;
        }
        let k = x.floor();
        let t = at_mode - weight(k);
        if u * (4.0 - u) - 3.0 <= t || (u * (u - t) < 1.0 && 2.0 * u.ln() <= t) {
            return k as u64;
        }
    }
}

fn ln_factorial(n: f64) -> f64 {
    if n < 2.0 { 0.0 } else { ln_gamma(n + 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::pair::totals;

    /// Guarantees: mean and variance of the hypergeometric distribution on every path of the generator.
    #[test]
    fn draws_have_the_moments_of_the_distribution() {
        for (good, bad, wanted) in
            [(5, 7, 6), (30, 500, 100), (500, 30, 100), (400, 600, 800), (100_000, 3, 50_000), (7, 5000, 4000)]
        {
            let mut random = Random::new(1);
            let draws: Vec<f64> = (0..20_000).map(|_| hypergeometric(good, bad, wanted, &mut random) as f64).collect();
            let mean = draws.iter().sum::<f64>() / 20_000.0;
            let variance = draws.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / 20_000.0;
            let (good, bad, wanted) = (good as f64, bad as f64, wanted as f64);
            let all = good + bad;
            let expected = wanted * good / all;
            let expected_variance = expected * (bad / all) * (all - wanted) / (all - 1.0);
            assert!(
                (mean - expected).abs() < 4.0 * (expected_variance / 20_000.0).sqrt(),
                "{good} {bad} {wanted}: {mean} {expected}"
            );
            assert!(
                (variance / expected_variance - 1.0).abs() < 0.06,
                "{good} {bad} {wanted}: {variance} {expected_variance}"
            );
        }
    }

    #[test]
    fn a_division_keeps_all_sums() {
        let cell = |reference, current| Cell { value: 0.0, reference, current };
        let cells = [cell(3, 0), cell(1000, 500), cell(0, 40), cell(7, 9)];
        let mut drawn = cells.to_vec();
        let mut random = Random::new(3);
        for _ in 0..1000 {
            divide(&cells, &mut drawn, &mut random);
            assert_eq!(totals(&drawn), totals(&cells));
            assert!(cells.iter().zip(&drawn).all(|(a, b)| a.total() == b.total()));
        }
    }
}
