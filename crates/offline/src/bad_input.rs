//! What is wrong with a user's file, where, and what can be done about it?

use std::fmt;

/// Exit code of a command that was given a file it cannot use.
pub const EXIT_CODE: u8 = 2;

/// What rows of a text file are.
pub const LINE: &str = "line";

/// The first problem of a file. It ends the command before anything is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct BadInput {
    /// The file as the user named it.
    pub file: String,
    /// Where in the file, if it is about a place.
    pub place: Option<Box<Place>>,
    /// What was found there.
    pub found: String,
    /// What to do.
    pub advice: String,
}

/// A place in a file of rows. All numbers begin with 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What is counted: `line` in a text file, `row` in a binary one.
    pub rows_are: &'static str,
    /// Which one.
    pub line: u64,
    /// Number and name of the column, if it is about a single cell.
    pub column: Option<(usize, String)>,
}

impl BadInput {
    /// A problem of the file as a whole.
    pub fn of_file(file: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: None, found: found.into(), advice: advice.into() }
    }

    /// A problem of one line.
    pub fn of_line(file: &str, line: u64, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            place: Some(Box::new(Place { rows_are: LINE, line, column: None })),
            ..Self::of_file(file, found, advice)
        }
    }
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(place) = &self.place {
            write!(f, ", {} {}", place.rows_are, place.line)?;
            if let Some((number, name)) = &place.column {
                write!(f, ", column {number} ({name})")?;
            }
        }
        write!(f, ": {}; {}", self.found, self.advice)
    }
}

/// A cell in quotes, shortened, with control characters escaped: what a file holds is data, not terminal commands.
pub fn quoted(cell: &str) -> String {
    const LONGEST: usize = 40;
    let shown: String = cell.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if cell.chars().nth(LONGEST).is_some() { format!("\"{shown}...\"") } else { format!("\"{shown}\"") }
}
