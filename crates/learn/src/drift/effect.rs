//! How large is a difference, in standard deviations, whatever was tested?

use super::pair::{Cell, Pair, totals};
use super::wasserstein;

/// Quartiles of the normal distribution lie so many standard deviations apart.
const NORMAL_QUARTILES: f64 = 1.348_979_500_392_163_5;
/// The same of the quantiles of 0.5 and 99.5 %.
const NORMAL_TAILS: f64 = 5.151_658_607_097_801;

/// How far values of the reference have to move on average to lie as the current ones, in its standard deviations.
///
/// Few far values make the standard deviation large, so the distance of quantiles stands for it where that is less.
pub(super) fn of_numbers(pair: &Pair<'_>) -> f64 {
    let distance = wasserstein::distance(pair.cells(), pair.n, pair.m);
    if distance == 0.0 {
        return 0.0;
    }
    let scale = scale(pair);
    if scale > 0.0 { distance / scale } else { f64::INFINITY }
}

fn scale(pair: &Pair<'_>) -> f64 {
    let (_, deviation) = pair.reference.moments();
    let at = |share: f64| pair.reference.quantile(share, pair.n);
    let (lower, median, upper) = (at(0.25), at(0.5), at(0.75));
    // Where more than a quarter of the values are one, as zeros of a cost, quartiles lie close for no reason of spread.
    let robust = if lower == median || median == upper {
        (at(0.995) - at(0.005)) / NORMAL_TAILS
    } else {
        (upper - lower) / NORMAL_QUARTILES
    };
    if robust > 0.0 { deviation.min(robust) } else { deviation }
}

/// Root of the chi-square distance between the shares, less what chance adds to it.
///
/// For two categories it is the change of a share over the standard deviation of one value.
pub(super) fn of_shares(cells: &[Cell]) -> f64 {
    let (n, m) = totals(cells);
    let categories = cells.iter().filter(|it| it.total() > 0).count();
    let chance = (categories as f64 - 1.0).max(0.0);
    ((super::chi_square::homogeneity(cells) - chance).max(0.0) * (1.0 / n + 1.0 / m)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::Sample;

    #[test]
    fn effects_are_in_standard_deviations() {
        let normal = |shift: f64| -> Vec<f64> {
            (1..10_000).map(|it| crate::probability::normal_quantile(f64::from(it) / 10_000.0) * 3.0 + shift).collect()
        };
        let (reference, current) = (normal(0.0), normal(0.6));
        let (reference, current) = (Sample::Numbers(&reference), Sample::Numbers(&current));
        let effect = of_numbers(&Pair::new(&reference, &current).unwrap());
        assert!((effect - 0.2).abs() < 1e-3, "{effect}");
        let cell = |reference, current| Cell { value: 0.0, reference, current };
        let effect = of_shares(&[cell(500_000, 550_000), cell(500_000, 450_000)]);
        assert!((effect - 0.1).abs() < 1e-3, "{effect}");
        assert_eq!(of_shares(&[cell(50, 51), cell(50, 49)]), 0.0);
    }
    /// Seven of ten values are zeros: the upper quartile is next to them, but values spread by the size of the others.
    #[test]
    fn many_equal_values_do_not_make_small_differences_large() {
        let side = |zeros: u32, factor: f64| -> Vec<f64> {
            let others = (1..=1000 - zeros).map(|it| factor * f64::from(it) / f64::from(1000 - zeros));
            (0..zeros).map(|_| 0.0).chain(others).collect()
        };
        for zeros in [520, 700, 740, 760, 940, 960] {
            let (reference, current) = (side(zeros, 100.0), side(zeros - 10, 100.0));
            let (reference, current) = (Sample::Numbers(&reference), Sample::Numbers(&current));
            let effect = of_numbers(&Pair::new(&reference, &current).unwrap());
            assert!(effect < 0.06, "{zeros}: {effect}");
        }
    }
}
