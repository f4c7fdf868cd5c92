//! What would NannyML say about a chunk? Its distances from a reference, without chunks and thresholds.
//!
//! Of version 0.13. Numbers go into Doane's bins of the reference and one for all else (Jensen-Shannon in bits,
//! Hellinger), or are compared as they are (Kolmogorov-Smirnov's statistic, Wasserstein in the unit of the values);
//! categories by their counts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::binning;
use super::error::DriftError;
use super::pair::{Cell, Pair, check, totals, value_cells};
use super::sample::Sample;
use super::{hellinger, jensen_shannon, kolmogorov_smirnov, l_infinity, wasserstein};
use crate::probability::chi_square_upper;

/// A distance of NannyML's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// In bits.
    JensenShannon,
    /// The statistic.
    KolmogorovSmirnov,
    /// In the unit of the values.
    Wasserstein,
    /// 0 to 1.
    Hellinger,
    /// Statistic and p-value of the two-sample test (with Yates' correction for two categories).
    Chi2,
    /// The largest difference of shares.
    LInfinity,
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JensenShannon => "jensen_shannon",
            Self::KolmogorovSmirnov => "kolmogorov_smirnov",
            Self::Wasserstein => "wasserstein",
            Self::Hellinger => "hellinger",
            Self::Chi2 => "chi2",
            Self::LInfinity => "l_infinity",
        })
    }
}

/// The distance, and the p-value of `Chi2`.
///
/// # Errors
/// If a sample is empty or not ascending, or of a kind that the distance does not take.
pub fn distance(
    distance: Distance,
    reference: &Sample<'_>,
    current: &Sample<'_>,
) -> Result<(f64, Option<f64>), DriftError> {
    check(reference, current)?;
    let numbers = || Pair::new(reference, current).ok_or(DriftError::OtherKind);
    let bins = || match Pair::new(reference, current) {
        Some(pair) => Ok(binning::with_overflow(&pair, &binning::doane(&pair.reference, pair.n))),
        None => value_cells(reference, current),
    };
    Ok(match distance {
        Distance::JensenShannon => (jensen_shannon::distance_in_bits(&bins()?), None),
        Distance::Hellinger => (hellinger::distance(&bins()?), None),
        Distance::LInfinity => (l_infinity::distance(&value_cells(reference, current)?), None),
        Distance::KolmogorovSmirnov => {
            let pair = numbers()?;
            (kolmogorov_smirnov::statistic(pair.cells(), pair.n, pair.m), None)
        }
        Distance::Wasserstein => {
            let pair = numbers()?;
            (wasserstein::distance(pair.cells(), pair.n, pair.m), None)
        }
        Distance::Chi2 => chi_square(&value_cells(reference, current)?),
    })
}

/// SciPy's `chi2_contingency`: with one degree of freedom each count moves by up to one half to its expectation.
fn chi_square(cells: &[Cell]) -> (f64, Option<f64>) {
    let (n, m) = totals(cells);
    let degrees = cells.len() as f64 - 1.0;
    if degrees < 1.0 {
        return (0.0, Some(1.0));
    }
    let of_count = |observed: f64, expected: f64| {
        let gap = (observed - expected).abs();
        let gap = if degrees == 1.0 { gap - gap.min(0.5) } else { gap };
        gap * gap / expected
    };
    let of_cell = |it: &Cell| {
        let total = it.total() as f64;
        of_count(it.reference as f64, total * n / (n + m)) + of_count(it.current as f64, total * m / (n + m))
    };
    let statistic = cells.iter().map(of_cell).sum();
    (statistic, Some(chi_square_upper(statistic, degrees)))
}
