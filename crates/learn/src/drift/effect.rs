//! How large is a difference, in standard deviations, whatever was tested?

use super::pair::{Cell, Pair, totals};
use super::wasserstein;

/// Quartiles of the normal distribution lie so many standard deviations apart.
const NORMAL_QUARTILES: f64 = 1.348_979_500_392_163_5;

/// How far values of the reference have to move on average to lie as the current ones, in its standard deviations.
///
/// Few far values make the standard deviation large, so the distance of the quartiles stands for it where that is less.
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
    let quartiles = pair.reference.quantile(0.75, pair.n) - pair.reference.quantile(0.25, pair.n);
    let robust = quartiles / NORMAL_QUARTILES;
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
}
