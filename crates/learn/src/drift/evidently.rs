//! What would Evidently say? Its choice of test, its statistics, thresholds and verdicts, and its errors.
//!
//! Of version 0.7.23, measured on its results. This is for those who move from it: its one-sample chi-square test takes
//! the counts of the reference for exact, and its fixed thresholds of distances hold no false-alarm rate; use
//! [`verdict`](super::verdict) otherwise.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::probability::{chi_square_upper, normal_cdf};

use super::binning::{self, Binning};
use super::error::{DriftError, Side};
use super::finding::Options;
use super::method::{Method, UnknownMethod};
use super::pair::{Cell, Pair, check, totals, value_cells};
use super::sample::Sample;
use super::{
    anderson_darling, cramer_von_mises, energy, epps_singleton, fisher_exact, hellinger, jensen_shannon,
    kolmogorov_smirnov, kullback_leibler, mann_whitney, mean_discrepancy, permutation, population_stability, t_test,
    total_variation, wasserstein, z_test,
};

/// References with more values than this are compared by distances.
const LARGE: u64 = 1000;
/// Numbers with at most so many different values are treated as categories.
const FEW_VALUES: usize = 5;
/// The most values a side for which Cramer and von Mises' p-value is exact.
const MAX_EXACT: f64 = 20.0;
/// Values of both sides from which on Anderson and Darling's test has a result.
const MIN_ANDERSON: f64 = 3.0;
/// Smaller samples have no result of Epps and Singleton's test.
const MIN_EPPS_SINGLETON: f64 = 5.0;
/// Expected and observed counts have to sum to the same, relative (SciPy's tolerance).
const SAME_SUM: f64 = 1.490_116_119_384_765_6e-8;
/// The share of drifted columns from which on the data set has drifted.
pub const DRIFT_SHARE: f64 = 0.5;

/// When a score is drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Below,
    AtMost,
    AtLeast,
    Above,
}

macro_rules! tests {
    ($($(#[$doc:meta])* $variant:ident $name:literal $title:literal $threshold:literal $rule:ident,)+) => {
        /// A test of Evidently's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Test {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl Test {
            /// All, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name in configuration.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Its name in reports.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// The threshold unless another is given.
            pub fn default_threshold(self) -> f64 {
                match self { $(Self::$variant => $threshold,)+ }
            }

            fn rule(self) -> Rule {
                match self { $(Self::$variant => Rule::$rule,)+ }
            }
        }
    };
}

tests! {
    /// Kolmogorov-Smirnov.
    Ks "ks" "K-S p_value" 0.05 AtMost,
    /// Z-test of two shares.
    Z "z" "Z-test p_value" 0.05 Below,
    /// One-sample chi-square test against the reference's counts.
    ChiSquare "chisquare" "chi-square p_value" 0.05 Below,
    /// Jensen-Shannon distance, natural logarithm.
    JensenShannon "jensenshannon" "Jensen-Shannon distance" 0.1 AtLeast,
    /// Wasserstein distance over the reference's standard deviation.
    Wasserstein "wasserstein" "Wasserstein distance (normed)" 0.1 AtLeast,
    /// Population stability index.
    Psi "psi" "PSI" 0.1 AtLeast,
    /// Kullback-Leibler divergence.
    KlDiv "kl_div" "Kullback-Leibler divergence" 0.1 AtLeast,
    /// Hellinger distance.
    Hellinger "hellinger" "Hellinger distance" 0.1 AtLeast,
    /// Permutation test of the total variation distance.
    Tvd "TVD" "Total-Variation-Distance" 0.1 Below,
    /// One-sample likelihood ratio test.
    GTest "g_test" "g_test" 0.1 Below,
    /// Fisher's exact test.
    FisherExact "fisher_exact" "Fisher's Exact test" 0.1 Below,
    /// Mann-Whitney, one-sided in spite of its documentation.
    MannWhitney "mannw" "Mann-Whitney U-rank test" 0.05 Below,
    /// Student's test with one variance.
    TTest "t_test" "t_test" 0.05 Below,
    /// Anderson-Darling.
    Anderson "anderson" "Anderson-Darling" 0.1 Below,
    /// Cramer-von Mises.
    CramerVonMises "cramer_von_mises" "Cramer-von Mises" 0.1 AtMost,
    /// Epps-Singleton.
    EppsSingleton "es" "Epps-Singleton" 0.05 Below,
    /// Energy distance, in the root of the unit.
    Energy "ed" "Energy-distance" 0.1 Above,
    /// Maximum mean discrepancy, by permutation.
    Mmd "empirical_mmd" "empirical_mmd" 0.1 Below,
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Test {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        Self::ALL.iter().find(|it| it.name() == text).copied().ok_or_else(|| UnknownMethod(text.to_owned()))
    }
}

impl Test {
    /// The same of ours, for messages.
    fn method(self) -> Method {
        match self {
            Self::Ks => Method::KolmogorovSmirnov,
            Self::Z => Method::ZTest,
            Self::ChiSquare => Method::ChiSquare,
            Self::JensenShannon => Method::JensenShannon,
            Self::Wasserstein => Method::Wasserstein,
            Self::Psi => Method::Psi,
            Self::KlDiv => Method::KullbackLeibler,
            Self::Hellinger => Method::Hellinger,
            Self::Tvd => Method::TotalVariation,
            Self::GTest => Method::GTest,
            Self::FisherExact => Method::FisherExact,
            Self::MannWhitney => Method::MannWhitney,
            Self::TTest => Method::StudentTTest,
            Self::Anderson => Method::AndersonDarling,
            Self::CramerVonMises => Method::CramerVonMises,
            Self::EppsSingleton => Method::EppsSingleton,
            Self::Energy => Method::Energy,
            Self::Mmd => Method::MeanDiscrepancy,
        }
    }

    /// Which columns it takes where the user names it; what is chosen by default is not asked.
    ///
    /// # Errors
    /// `NotFor` where Evidently says that the test is not applicable.
    pub fn check_kind(self, is_of_numbers: bool) -> Result<(), DriftError> {
        let takes = match self {
            Self::Z | Self::ChiSquare | Self::Tvd | Self::GTest | Self::FisherExact => (false, "categories"),
            Self::JensenShannon | Self::Psi | Self::KlDiv | Self::Hellinger => return Ok(()),
            _ => (true, "numbers"),
        };
        let is_taken = takes.0 == is_of_numbers;
        if is_taken { Ok(()) } else { Err(DriftError::NotFor { method: self.method(), takes: takes.1 }) }
    }

    /// Does it end in a p-value that only random divisions give? Evidently's numbers are then not repeatable by others.
    pub fn is_random(self) -> bool {
        matches!(self, Self::Tvd | Self::Mmd)
    }
}

/// Evidently's answer about a column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What was asked.
    pub test: Test,
    /// A p-value or a distance; NaN where Evidently's is NaN.
    pub score: f64,
    /// What it was held against.
    pub threshold: f64,
    /// The verdict; NaN never drifts.
    pub drifted: bool,
}

/// The test that Evidently takes unless one is named.
pub fn default_test(reference: &Sample<'_>, current: &Sample<'_>) -> Test {
    let different = match Pair::new(reference, current) {
        Some(pair) => pair.cells().filter(|it| it.total() > 0).take(FEW_VALUES + 1).count(),
        None => value_cells(reference, current).map_or(0, |it| it.len()),
    };
    let is_numeric = reference.is_of_numbers() && different > FEW_VALUES;
    match (is_numeric, reference.len() <= LARGE) {
        (true, true) => Test::Ks,
        (true, false) => Test::Wasserstein,
        (false, true) if different > 2 => Test::ChiSquare,
        (false, true) => Test::Z,
        (false, false) => Test::JensenShannon,
    }
}

/// Asks one test, with its own threshold unless one is given.
///
/// Samples are without missing values, as Evidently leaves them out before it tests.
///
/// # Errors
/// Where Evidently raises an error: `OtherSize` for `g_test` and `fisher_exact`, `NotFor` for more than two categories,
/// `NoSpread` for `anderson` and `es`; and as [`compare`](fn@super::compare).
pub fn run(
    test: Test,
    reference: &Sample<'_>,
    current: &Sample<'_>,
    threshold: Option<f64>,
) -> Result<Answer, DriftError> {
    let mut values = Pair::new(reference, current).into_iter().flat_map(|it| it.cells());
    let are_whole = values.all(|it| it.value.fract() == 0.0);
    let numbers = if are_whole { Numbers::Integers } else { Numbers::Reals };
    run_typed(test, reference, current, threshold, numbers)
}

/// How a table holds the numbers of a column; numpy makes no bins narrower than 1 for integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// As integers, in both tables, with none missing.
    Integers,
    /// As real numbers.
    Reals,
}

impl Numbers {
    /// A width of bins as numpy takes it.
    pub(super) fn width(self, width: f64) -> f64 {
        if self == Self::Integers && width > 0.0 { width.max(1.0) } else { width }
    }
}

/// As [`run`], which takes whole numbers for integers, where the type of the column is known.
///
/// # Errors
/// As [`run`].
pub fn run_typed(
    test: Test,
    reference: &Sample<'_>,
    current: &Sample<'_>,
    threshold: Option<f64>,
    numbers: Numbers,
) -> Result<Answer, DriftError> {
    check(reference, current)?;
    let score = score(test, reference, current, numbers)?;
    let threshold = threshold.unwrap_or(test.default_threshold());
    let drifted = match test.rule() {
        Rule::Below => score < threshold,
        Rule::AtMost => score <= threshold,
        Rule::AtLeast => score >= threshold,
        Rule::Above => score > threshold,
    };
    Ok(Answer { test, score, threshold, drifted })
}

fn score(test: Test, reference: &Sample<'_>, current: &Sample<'_>, numbers: Numbers) -> Result<f64, DriftError> {
    let values = || value_cells(reference, current);
    let bins = || binning::cells_of(reference, current, Binning::Sturges, numbers);
    let options = Options { permutations: 1000, ..Options::default() };
    Ok(match test {
        Test::Z => z_score(&values()?),
        Test::ChiSquare => chi_square(&values()?),
        Test::GTest => g_test(&values()?)?,
        Test::FisherExact => fisher(&values()?)?,
        Test::Tvd => {
            let cells = values()?;
            permutation::p_value(&cells, total_variation::distance(&cells), &options, total_variation::distance)
        }
        Test::JensenShannon => jensen_shannon::distance(&bins()?),
        Test::Psi => population_stability::index(&bins()?),
        Test::KlDiv => kullback_leibler::divergence(&bins()?),
        Test::Hellinger => hellinger(reference, current, numbers)?,
        _ => {
            let takes_numbers = DriftError::NotFor { method: test.method(), takes: "numbers" };
            of_numbers(test, &Pair::new(reference, current).ok_or(takes_numbers)?, &options)?
        }
    })
}

fn of_numbers(test: Test, pair: &Pair<'_>, options: &Options) -> Result<f64, DriftError> {
    let (cells, n, m) = (pair.cells(), pair.n, pair.m);
    Ok(match test {
        Test::Wasserstein => wasserstein::normed(pair),
        Test::Energy => energy::distance(cells, n, m),
        Test::MannWhitney => mann_whitney::test(cells, n, m, mann_whitney::Tail::Less).1.unwrap_or(1.0),
        Test::TTest => t_test::student(pair).1.unwrap_or(f64::NAN),
        Test::Anderson if n + m < MIN_ANDERSON => {
            return Err(DriftError::TooFew { side: Side::Current, needed: 2, found: m as u64 });
        }
        Test::Anderson => {
            let (standardized, p_value) = anderson_darling::test(cells, n, m);
            p_value.ok_or(DriftError::NoSpread)?;
            anderson_darling::table_p_value(standardized)
        }
        Test::CramerVonMises => cramer_von_mises(pair)?,
        Test::EppsSingleton => epps_singleton(pair)?,
        Test::Mmd => mean_discrepancy::test(pair, options).1.unwrap_or(1.0),
        _ => kolmogorov_smirnov::test(cells, n, m).1,
    })
}

fn z_score(cells: &[Cell]) -> f64 {
    if cells.len() < 2 {
        return 1.0;
    }
    // As Evidently writes it, so that its rounding of small p-values is ours.
    2.0 * (1.0 - normal_cdf(z_test::test(cells).0.abs()))
}

/// The one-sample test: counts of the reference, scaled, are what is expected. A new category makes it infinite.
fn chi_square(cells: &[Cell]) -> f64 {
    let (n, m) = totals(cells);
    let of_cell = |it: &Cell| {
        let expected = it.reference as f64 * (m / n);
        (it.current as f64 - expected).powi(2) / expected
    };
    let statistic = cells.iter().map(of_cell).sum();
    // Of one category nothing can differ but the rounding of what is expected, which SciPy takes for certain.
    if cells.len() == 1 && statistic > 0.0 { 0.0 } else { upper(statistic, cells.len()) }
}

fn g_test(cells: &[Cell]) -> Result<f64, DriftError> {
    let (n, m) = totals(cells);
    if ((n - m) / n.min(m)).abs() > SAME_SUM {
        return Err(DriftError::OtherSize { reference: n as u64, current: m as u64 });
    }
    let of_cell = |it: &Cell| match it.current {
        0 => 0.0,
        seen => seen as f64 * (seen as f64 / it.reference as f64).ln(),
    };
    Ok(upper(2.0 * cells.iter().map(of_cell).sum::<f64>(), cells.len()))
}

/// A p-value with one degree of freedom less than categories; NaN for one category.
fn upper(statistic: f64, n_categories: usize) -> f64 {
    if n_categories < 2 { f64::NAN } else { chi_square_upper(statistic, n_categories as f64 - 1.0) }
}

fn fisher(cells: &[Cell]) -> Result<f64, DriftError> {
    let different = |side: fn(&Cell) -> u64| cells.iter().filter(|it| side(it) > 0).count();
    if different(|it| it.reference) > 2 || different(|it| it.current) > 2 {
        return Err(DriftError::NotFor { method: Method::FisherExact, takes: "two categories" });
    }
    let (n, m) = totals(cells);
    if n != m {
        return Err(DriftError::OtherSize { reference: n as u64, current: m as u64 });
    }
    Ok(fisher_exact::test(cells).1)
}

/// Numbers: bins over the different values of both sides, each counted once for the number of bins.
fn hellinger(reference: &Sample<'_>, current: &Sample<'_>, numbers: Numbers) -> Result<f64, DriftError> {
    let Some(pair) = Pair::new(reference, current) else {
        return Ok(hellinger::distance(&value_cells(reference, current)?));
    };
    let different = pair.cells().filter(|it| it.total() > 0).count();
    let edges = binning::sturges(&pair, different as f64, numbers);
    Ok(overlap_distance(&binning::by_edges(&pair, &edges), &edges))
}

/// By densities and in Evidently's order of operations, whose rounding shows where the sides are almost equal.
fn overlap_distance(cells: &[Cell], edges: &[f64]) -> f64 {
    let (n, m) = totals(cells);
    let (first, last) = (edges.first().copied().unwrap_or(0.0), edges.last().copied().unwrap_or(0.0));
    let width = (last - first) / cells.len() as f64;
    let mut overlap = 0.0;
    for (cell, (low, high)) in cells.iter().zip(edges.iter().zip(edges.iter().skip(1))) {
        let (p, q) = (cell.reference as f64 / (high - low) / n, cell.current as f64 / (high - low) / m);
        overlap += (p * q).sqrt() * width;
    }
    (1.0 - overlap.clamp(0.0, 1.0)).sqrt()
}

/// Exact p-values are added in half or single precision, as numpy chooses for the number of divisions there.
fn cramer_von_mises(pair: &Pair<'_>) -> Result<f64, DriftError> {
    let (n, m) = (pair.n, pair.m);
    let only = |takes| DriftError::NotFor { method: Method::CramerVonMises, takes };
    if n.min(m) < 2.0 {
        return Err(only("two values or more a side"));
    }
    if n.max(m) > MAX_EXACT {
        return Ok(cramer_von_mises::test(pair.cells(), n, m).1);
    }
    cramer_von_mises::exact_as_numpy(pair.cells(), n, m)
        .ok_or(only("other sizes: at these Evidently's exact test fails"))
}

/// NaN for fewer than five values a side.
fn epps_singleton(pair: &Pair<'_>) -> Result<f64, DriftError> {
    let p_value = epps_singleton::test(pair)?.1;
    Ok(if pair.n.min(pair.m) < MIN_EPPS_SINGLETON { f64::NAN } else { p_value })
}
