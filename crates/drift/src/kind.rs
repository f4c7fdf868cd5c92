//! What does a column hold: numbers, categories, free text or times? And which cells hold nothing?

use serde::{Deserialize, Serialize};

/// Share of filled cells that must be numbers for a column of numbers; the others are counted as mixed.
const NUMBERS: f64 = 0.9;
/// A column of words is free text if more than this share of its filled cells differ.
const TEXT: f64 = 0.5;
/// Fewer cells say nothing about whether words repeat.
const TEXT_CELLS: u64 = 100;

/// What a column holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Numbers that can be ordered and averaged.
    Number,
    /// Words that repeat, yes and no.
    Category,
    /// Words that hardly repeat: free text and identities.
    Text,
    /// Instants.
    Time,
    /// Nothing but missing cells.
    #[default]
    Empty,
}

impl Kind {
    /// The word for people and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Category => "category",
            Self::Text => "text",
            Self::Time => "time",
            Self::Empty => "empty",
        }
    }

    /// What a column of text cells holds, judged by how many of its filled cells are numbers, and how many are times.
    pub fn of_cells(filled: u64, numbers: u64, times: u64) -> Self {
        let is_most = |count: u64| count as f64 >= NUMBERS * filled as f64;
        match filled {
            0 => Self::Empty,
            _ if is_most(numbers) => Self::Number,
            _ if is_most(times) => Self::Time,
            _ => Self::Category,
        }
    }

    /// What a column of words holds, by how many cells and how many different ones there are.
    pub fn of_words(filled: u64, distinct: u64) -> Self {
        match filled {
            0 => Self::Empty,
            TEXT_CELLS.. if distinct as f64 > TEXT * filled as f64 => Self::Text,
            _ => Self::Category,
        }
    }
}

/// Whether a cell of a text file stands for nothing: what pandas takes for missing.
pub fn is_missing(cell: &str) -> bool {
    matches!(
        cell,
        "" | "NA"
            | "N/A"
            | "n/a"
            | "NaN"
            | "nan"
            | "-nan"
            | "-NaN"
            | "NULL"
            | "null"
            | "None"
            | "<NA>"
            | "#N/A"
            | "#NA"
            | "#N/A N/A"
            | "1.#QNAN"
            | "-1.#QNAN"
            | "1.#IND"
            | "-1.#IND"
    )
}

/// The number in a cell, also an infinite one; none if it is not a number or missing.
pub fn cell_number(cell: &str) -> Option<f64> {
    let number: f64 = cell.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_the_stated_shares() {
        for (filled, numbers, times, kind) in [
            (0, 0, 0, Kind::Empty),
            (10, 10, 0, Kind::Number),
            (10, 9, 0, Kind::Number),
            (10, 8, 0, Kind::Category),
            (10, 0, 10, Kind::Time),
        ] {
            assert_eq!(Kind::of_cells(filled, numbers, times), kind, "{filled} {numbers} {times}");
        }
        assert_eq!(Kind::of_words(1_000, 501), Kind::Text);
        assert_eq!(Kind::of_words(1_000, 500), Kind::Category);
        assert_eq!(Kind::of_words(20, 20), Kind::Category, "too few to say");
    }

    #[test]
    fn numbers_and_missing_cells_are_read_as_pandas_does() {
        assert_eq!(cell_number("-1e3"), Some(-1000.0));
        assert_eq!(cell_number("inf"), Some(f64::INFINITY));
        for none in ["", "NaN", "1,5", "0x10", "one"] {
            assert_eq!(cell_number(none), None, "{none}");
        }
        assert!(["", "NA", "null", "None", "NaN"].iter().all(|it| is_missing(it)));
        assert!(["0", "no", "none at all", " "].iter().all(|it| !is_missing(it)));
    }
}
