//! Asks one method, or the one that suits the column.

use super::binning;
use super::effect;
use super::error::{DriftError, Side};
use super::finding::{Finding, Options};
use super::method::Method;
use super::pair::{Cell, Pair, check, value_cells};
use super::permutation;
use super::sample::Sample;
use super::{
    anderson_darling, chi_square, cramer_von_mises, energy, epps_singleton, fisher_exact, g_test, hellinger,
    jensen_shannon, kolmogorov_smirnov, kullback_leibler, l_infinity, location_shape, mann_whitney, mean_discrepancy,
    population_stability, t_test, total_variation, wasserstein, z_test,
};

/// Numbers are put into so many groups before a permutation of them.
const MAX_GROUPS: usize = 256;

/// Statistic and p-value.
type Answer = (f64, Option<f64>);

/// Compares two samples by one method; columns that are judged together are adjusted by
/// [`judge_columns`](super::judge_columns) afterwards.
///
/// Distances have their p-value from a permutation of counts, whose cost does not grow with the number of rows.
///
/// # Errors
/// If a sample is empty or not ascending, if one has numbers and the other categories, or if the method does not take
/// such samples.
pub fn compare(
    method: Method,
    reference: &Sample<'_>,
    current: &Sample<'_>,
    options: &Options,
) -> Result<Finding, DriftError> {
    check(reference, current)?;
    let pair = Pair::new(reference, current);
    let (answer, effect) = match pair {
        Some(pair) if method.is_for_numbers_only() => (of_numbers(method, &pair, options)?, effect::of_numbers(&pair)),
        None if method.is_for_numbers_only() => return Err(DriftError::NotFor { method, takes: "numbers" }),
        _ => {
            let cells = cells(method, reference, current, options)?;
            let effect = pair.map_or_else(|| effect::of_shares(&cells), |it| effect::of_numbers(&it));
            (of_shares(method, &cells, options)?, effect)
        }
    };
    Ok(Finding::new(method, answer.0, answer.1, effect, options))
}

/// The calibrated verdict: [`Method::LocationShape`] on numbers, [`Method::ChiSquare`] on categories.
///
/// # Errors
/// As [`compare`].
pub fn verdict(reference: &Sample<'_>, current: &Sample<'_>, options: &Options) -> Result<Finding, DriftError> {
    let method = if reference.is_of_numbers() { Method::LocationShape } else { Method::ChiSquare };
    compare(method, reference, current, options)
}

/// Single values for the tests of counts, bins for the distances of shares.
fn cells(
    method: Method,
    reference: &Sample<'_>,
    current: &Sample<'_>,
    options: &Options,
) -> Result<Vec<Cell>, DriftError> {
    match method {
        Method::ChiSquare | Method::GTest | Method::ZTest | Method::FisherExact => value_cells(reference, current),
        _ => binning::cells(reference, current, options.bins),
    }
}

fn of_shares(method: Method, cells: &[Cell], options: &Options) -> Result<Answer, DriftError> {
    let by_permutation = |statistic: fn(&[Cell]) -> f64| {
        let observed = statistic(cells);
        let p_value = (cells.len() > 1).then(|| permutation::p_value(cells, observed, options, statistic));
        (observed, p_value)
    };
    Ok(match method {
        Method::GTest => g_test::test(cells, options),
        Method::ZTest | Method::FisherExact if cells.len() > 2 => {
            return Err(DriftError::NotFor { method, takes: "two categories" });
        }
        Method::ZTest => sure(z_test::test(cells)),
        Method::FisherExact => sure(fisher_exact::test(cells)),
        Method::JensenShannon => by_permutation(jensen_shannon::distance),
        Method::JensenShannonBits => by_permutation(jensen_shannon::distance_in_bits),
        Method::KullbackLeibler => by_permutation(kullback_leibler::divergence),
        Method::Psi => by_permutation(population_stability::index),
        Method::Hellinger => by_permutation(hellinger::distance),
        Method::TotalVariation => by_permutation(total_variation::distance),
        Method::LInfinity => by_permutation(l_infinity::distance),
        _ => chi_square::test(cells, options),
    })
}

fn of_numbers(method: Method, pair: &Pair<'_>, options: &Options) -> Result<Answer, DriftError> {
    let (cells, n, m) = (pair.cells(), pair.n, pair.m);
    Ok(match method {
        Method::KolmogorovSmirnov => sure(kolmogorov_smirnov::test(cells, n, m)),
        Method::CramerVonMises => sure(cramer_von_mises::test(cells, n, m)),
        Method::AndersonDarling => anderson_darling::test(cells, n, m),
        Method::MannWhitney => mann_whitney::test(cells, n, m, mann_whitney::Tail::Both),
        Method::TTest => at_least(pair, 2).and(Ok(t_test::welch(pair)))?,
        Method::StudentTTest => at_least(pair, 2).and(Ok(t_test::student(pair)))?,
        Method::EppsSingleton => at_least(pair, 5).and_then(|()| epps_singleton::test(pair)).map(sure)?,
        Method::MeanDiscrepancy => at_least(pair, 2).and(Ok(mean_discrepancy::test(pair, options)))?,
        Method::Wasserstein => {
            by_groups(pair, wasserstein::normed(pair), options, |it| wasserstein::distance(it.iter().copied(), n, m))
        }
        Method::Energy => {
            by_groups(pair, energy::normed(pair), options, |it| energy::distance(it.iter().copied(), n, m))
        }
        _ => location_shape::test(pair, options),
    })
}

fn sure((statistic, p_value): (f64, f64)) -> Answer {
    (statistic, Some(p_value))
}

/// The distance itself, and the p-value of the distance of groups of values.
fn by_groups(pair: &Pair<'_>, exact: f64, options: &Options, distance: impl Fn(&[Cell]) -> f64) -> Answer {
    let groups = binning::grouped(pair, MAX_GROUPS);
    let p_value = (groups.len() > 1).then(|| permutation::p_value(&groups, distance(&groups), options, distance));
    (exact, p_value)
}

fn at_least(pair: &Pair<'_>, needed: u64) -> Result<(), DriftError> {
    for (side, found) in [(Side::Reference, pair.n as u64), (Side::Current, pair.m as u64)] {
        if found < needed {
            return Err(DriftError::TooFew { side, needed, found });
        }
    }
    Ok(())
}
