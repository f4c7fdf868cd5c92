//! Why can two samples not be compared?

use std::fmt;

use super::method::Method;

/// Which of the two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that says what is usual.
    Reference,
    /// The one that is judged.
    Current,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reference => "reference",
            Self::Current => "current",
        })
    }
}

/// Why two samples cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DriftError {
    /// A sample has no values: nothing was recorded, or all values are missing.
    Empty(Side),
    /// A sample is too small for the method.
    TooFew {
        /// Which one.
        side: Side,
        /// The fewest values that the method takes.
        needed: u64,
        /// How many there are.
        found: u64,
    },
    /// The values of a sample do not ascend, or one is NaN or infinite: the caller has to sort and to clean.
    NotAscending(Side),
    /// The counts of a sample sum to more than 2^53.
    TooMany(Side),
    /// A list of counts is not as long as its list of values.
    OtherLength(Side),
    /// One sample has numbers, the other categories: the column's type changed.
    OtherKind,
    /// The method does not take this kind of column.
    NotFor {
        /// The method.
        method: Method,
        /// What it takes: "numbers" or "two categories".
        takes: &'static str,
    },
    /// All values of both samples are one: the method needs spread.
    NoSpread,
    /// The method takes samples of equal size only.
    OtherSize {
        /// Values of the reference.
        reference: u64,
        /// Values that are judged.
        current: u64,
    },
    /// Values are missing, and the method does not leave them out.
    Missing,
}

impl fmt::Display for DriftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(side) => write!(f, "the {side} sample has no values"),
            Self::TooFew { side, needed, found } => {
                write!(f, "the {side} sample has {found} values, the method needs {needed}")
            }
            Self::NotAscending(side) => write!(f, "the values of the {side} sample must be finite and ascend"),
            Self::TooMany(side) => write!(f, "the {side} sample has more than 2^53 values"),
            Self::OtherLength(side) => write!(f, "the {side} sample must have one count for each value"),
            Self::OtherKind => f.write_str("one sample has numbers, the other has categories"),
            Self::NotFor { method, takes } => write!(f, "{method} takes {takes}"),
            Self::NoSpread => f.write_str("all values are equal or half of them are: there is no spread to compare"),
            Self::OtherSize { reference, current } => {
                write!(f, "the samples must be of equal size, but have {reference} and {current} values")
            }
            Self::Missing => f.write_str("values are missing or infinite, which the method does not take"),
        }
    }
}

impl std::error::Error for DriftError {}
