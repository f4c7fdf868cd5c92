//! What does a user's file of rows and columns hold? Numbers, text and instants by column, whatever the format was.

use std::borrow::Cow;
use std::path::Path;

use super::bad_input::{BadInput, Place, quoted};
use super::csv_file;
use super::foreign;
use super::input::Input;
use super::parquet_file;

/// Rows and named columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The file as the user named it.
    pub file: String,
    /// The columns in the order of the file; all have as many cells as there are rows.
    pub columns: Vec<Column>,
    /// The line on which each row begins, or its number in a binary file.
    pub lines: Vec<u64>,
    /// What `lines` counts: `line` or `row`.
    pub rows_are: &'static str,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, or `column 3` where the file has no heading.
    pub name: String,
    /// Its cells.
    pub values: Values,
}

/// The cells of a column.
#[derive(Clone, Debug)]
pub enum Values {
    /// As they stand in a text file.
    Text(Cells),
    /// From a binary file; NaN where a cell is missing.
    Numbers(Vec<f64>),
}

/// Many short texts in one allocation.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    /// Adds a cell.
    pub fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// The cell of a row; empty outside of the table.
    pub fn get(&self, row: usize) -> &str {
        let end_of = |row: usize| self.ends.get(row).copied().unwrap_or_default();
        let start = row.checked_sub(1).map_or(0, end_of);
        self.text.get(start..end_of(row)).unwrap_or_default()
    }

    /// Number of cells.
    #[expect(clippy::len_without_is_empty, reason = "a table without rows is refused")]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// All cells.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|it| self.get(it))
    }
}

impl Table {
    /// Reads a file whole: Parquet or CSV, also packed with gzip or zstd, from a path or from standard input (`-`).
    ///
    /// # Errors
    /// If it cannot be read, has no rows, or a row has other columns than the heading.
    pub fn read(path: &Path) -> Result<Self, BadInput> {
        let (file, bytes) = Input::open(path)?.read_all()?;
        if bytes.starts_with(parquet_file::MAGIC) {
            return parquet_file::parse(&file, bytes);
        }
        foreign::refuse(&file, &bytes)?;
        csv_file::parse(&file, &bytes)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.lines.len()
    }

    /// Index of the column that a user names: by its name, or by its number from 1 if no column has that name.
    ///
    /// # Errors
    /// If there is none; the message lists the columns.
    pub fn find(&self, wanted: &str) -> Result<usize, BadInput> {
        let by_name = self.columns.iter().position(|it| it.name == wanted);
        let by_number = || wanted.parse::<usize>().ok()?.checked_sub(1).filter(|it| *it < self.columns.len());
        by_name.or_else(by_number).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|it| it.name.as_str()).collect();
            let found = format!("there is no column {}", quoted(wanted));
            BadInput::of_file(&self.file, found, format!("the columns are: {}", names.join(", ")))
        })
    }

    /// The cell as text, for output.
    pub fn cell(&self, row: usize, column: usize) -> Cow<'_, str> {
        match self.columns.get(column).map(|it| &it.values) {
            Some(Values::Text(cells)) => Cow::Borrowed(cells.get(row)),
            Some(Values::Numbers(numbers)) => match numbers.get(row) {
                Some(number) if !number.is_nan() => Cow::Owned(format!("{number}")),
                _ => Cow::Borrowed(""),
            },
            None => Cow::Borrowed(""),
        }
    }

    /// True if the column has numbers and otherwise only missing cells.
    pub fn is_numeric(&self, column: usize) -> bool {
        match self.columns.get(column).map(|it| &it.values) {
            Some(Values::Numbers(_)) => true,
            Some(Values::Text(cells)) => {
                let mut n_numbers = 0;
                let is_good = cells.iter().all(|it| match number(it) {
                    Some(number) => {
                        n_numbers += usize::from(!number.is_nan());
                        true
                    }
                    None => false,
                });
                is_good && n_numbers > 0
            }
            None => false,
        }
    }

    /// The numbers of a column; NaN where a cell is missing.
    ///
    /// # Errors
    /// At the first cell that is neither a number nor missing.
    pub fn numbers(&self, column: usize) -> Result<Vec<f64>, BadInput> {
        let cells = match self.columns.get(column).map(|it| &it.values) {
            Some(Values::Numbers(numbers)) => return Ok(numbers.clone()),
            Some(Values::Text(cells)) => cells,
            None => return Ok(Vec::new()),
        };
        let parsed = cells.iter().enumerate().map(|(row, cell)| {
            number(cell).ok_or_else(|| {
                let found = format!("found {} where a number is expected", quoted(cell));
                self.bad_cell(row, column, found, advice_for(cell))
            })
        });
        parsed.collect()
    }

    /// The problem of one cell.
    pub fn bad_cell(&self, row: usize, column: usize, found: String, advice: &str) -> BadInput {
        let name = self.columns.get(column).map(|it| it.name.clone()).unwrap_or_default();
        let line = self.lines.get(row).copied().unwrap_or_default();
        BadInput {
            place: Some(Box::new(Place { rows_are: self.rows_are, line, column: Some((column + 1, name)) })),
            ..BadInput::of_file(&self.file, found, advice)
        }
    }
}

/// The number in a cell, NaN for a missing one (empty, NaN, NA, N/A, null, none), `None` for other text.
pub fn number(cell: &str) -> Option<f64> {
    let cell = cell.trim();
    let is_missing = || ["nan", "na", "n/a", "null", "none"].iter().any(|it| cell.eq_ignore_ascii_case(it));
    if cell.is_empty() {
        return Some(f64::NAN);
    }
    cell.parse().ok().or_else(|| is_missing().then_some(f64::NAN))
}

fn advice_for(cell: &str) -> &'static str {
    if cell.contains(',') && number(&cell.replace(',', ".")).is_some() {
        return "write decimals with a point and no thousands separators";
    }
    "correct it, or leave the cell empty if the value is missing"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_cells_are_told_from_text() {
        for missing in ["", " ", "NaN", "nan", "NA", "n/a", "NULL", "None"] {
            assert!(number(missing).is_some_and(f64::is_nan), "{missing:?}");
        }
        assert_eq!(number(" -1.5e3 "), Some(-1500.0));
        for text in ["1,5", "abc", "1 2", "0x10"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }

    #[test]
    fn cells_are_found_again() {
        let mut cells = Cells::default();
        ["a", "", "bc"].iter().for_each(|it| cells.push(it));
        assert_eq!(cells.iter().collect::<Vec<_>>(), ["a", "", "bc"]);
        assert_eq!((cells.len(), cells.get(3)), (3, ""));
    }
}
