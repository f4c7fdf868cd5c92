//! What is compared? Ascending numbers, or counts: a million rows cost no more than their counts.

use super::error::{DriftError, Side};

/// The category under which callers may count missing values, if these shall be compared too.
pub const MISSING_CATEGORY: &str = "(missing)";

/// A name for a number that is a category: names are in the order of the numbers, and equal numbers have one name.
///
/// ```
/// use learn::drift::number_name;
///
/// assert!(number_name(-3.0) < number_name(2.0) && number_name(2.0) < number_name(10.0));
/// ```
pub fn number_name(number: f64) -> String {
    // The two zeros are one number; negative ones are in the order of their bits turned over.
    let bits = (number + 0.0).to_bits();
    let key = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    format!("{key:016x}")
}

/// Counts beyond this are not exact in floating point.
const MAX_VALUES: u64 = 1 << 53;

/// One side of a comparison, without its missing values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample<'a> {
    /// Finite numbers in ascending order.
    Numbers(&'a [f64]),
    /// Different finite numbers in ascending order (also the centers of bins, or values of a quantile sketch) with how
    /// often each was seen.
    Counted {
        /// The numbers.
        values: &'a [f64],
        /// How often each was seen; as many as there are numbers.
        counts: &'a [u64],
    },
    /// Categories in ascending order of their names, each once, with how often each was seen.
    Categories(&'a [(&'a str, u64)]),
}

impl Sample<'_> {
    /// How many values there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Numbers(values) => u64::try_from(values.len()).unwrap_or(u64::MAX),
            Self::Counted { counts, .. } => counts.iter().fold(0, |sum, it| sum.saturating_add(*it)),
            Self::Categories(counts) => counts.iter().fold(0, |sum, it| sum.saturating_add(it.1)),
        }
    }

    /// Are there no values?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Is it of numbers?
    pub fn is_of_numbers(&self) -> bool {
        !matches!(self, Self::Categories(_))
    }

    /// Is it what it has to be, and not empty?
    pub(super) fn check(&self, side: Side) -> Result<(), DriftError> {
        let ascends = match self {
            Self::Numbers(values) => is_ascending(values, |a, b| a <= b),
            Self::Counted { values, counts } if values.len() != counts.len() => {
                return Err(DriftError::OtherLength(side));
            }
            Self::Counted { values, .. } => is_ascending(values, |a, b| a < b),
            Self::Categories(counts) => counts.iter().zip(counts.iter().skip(1)).all(|(a, b)| a.0 < b.0),
        };
        if !ascends {
            Err(DriftError::NotAscending(side))
        } else if self.is_empty() {
            Err(DriftError::Empty(side))
        } else if self.len() > MAX_VALUES {
            Err(DriftError::TooMany(side))
        } else {
            Ok(())
        }
    }
}

/// Finite ends and an order that NaN breaks make all between finite.
fn is_ascending(values: &[f64], in_order: impl Fn(f64, f64) -> bool) -> bool {
    let ends = [values.first(), values.last()];
    ends.into_iter().flatten().all(|it| it.is_finite())
        && values.windows(2).all(|it| matches!(it, [a, b] if in_order(*a, *b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_as_it_has_to_be_is_refused() {
        let check = |sample: Sample<'_>| sample.check(Side::Current);
        assert_eq!(check(Sample::Numbers(&[1.0, 1.0, 2.0])), Ok(()));
        assert_eq!(check(Sample::Numbers(&[])), Err(DriftError::Empty(Side::Current)));
        for bad in [[2.0, 1.0, 3.0], [1.0, f64::NAN, 3.0], [1.0, 2.0, f64::INFINITY], [f64::NAN, 1.0, 2.0]] {
            assert_eq!(check(Sample::Numbers(&bad)), Err(DriftError::NotAscending(Side::Current)), "{bad:?}");
        }
        let counted = Sample::Counted { values: &[1.0, 1.0], counts: &[1, 2] };
        assert_eq!(check(counted), Err(DriftError::NotAscending(Side::Current)));
        let counted = Sample::Counted { values: &[1.0, 2.0], counts: &[1] };
        assert_eq!(check(counted), Err(DriftError::OtherLength(Side::Current)));
        assert_eq!(check(Sample::Categories(&[("a", 1), ("a", 2)])), Err(DriftError::NotAscending(Side::Current)));
        assert_eq!(check(Sample::Categories(&[("a", 0)])), Err(DriftError::Empty(Side::Current)));
    }
}
