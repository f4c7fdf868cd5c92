//! Which columns of a table are features of a row, and which are told apart: times, words, the answer?

use std::path::Path;

use learn::outlier::matrix::Matrix;

use super::bad_input::BadInput;
use super::instants;
use super::table::{Table, Values, number};

/// The numeric columns of a table as rows of numbers, NaN where a cell is missing.
pub struct FeatureTable {
    /// Names of the features.
    pub names: Vec<String>,
    /// One row per row of the file.
    pub rows: Matrix,
    /// What was left out, in words for the user.
    pub notes: Vec<String>,
    /// Of the column `label`, if it has 0 and 1 only.
    pub labels: Option<Vec<bool>>,
}

/// Columns of these names hold times, also where they are numbers.
const TIMES: [&str; 6] = ["timestamp", "time", "datetime", "date", "ts", "ds"];
const ANSWER: &str = "label";

enum Kind {
    Feature(Vec<f64>),
    Answer(Vec<bool>),
    LeftOut(&'static str),
}

impl FeatureTable {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, a column of numbers has a cell of text, or there is no column of numbers.
    pub fn read(path: &Path) -> Result<Self, BadInput> {
        Self::of(&Table::read(path)?)
    }

    fn of(table: &Table) -> Result<Self, BadInput> {
        let (mut names, mut columns, mut notes, mut labels) = (vec![], vec![], vec![], None);
        for (index, column) in table.columns.iter().enumerate() {
            match kind(table, index)? {
                Kind::Feature(values) => {
                    names.push(column.name.clone());
                    columns.push(values);
                }
                Kind::Answer(values) => {
                    notes.push(format!("column {} is left out: it looks like the answer", column.name));
                    labels = Some(values);
                }
                Kind::LeftOut(why) => notes.push(format!("column {} is left out: {why}", column.name)),
            }
        }
        if names.is_empty() {
            return Err(BadInput::of_file(&table.file, "no column has numbers", "give a file with columns of numbers"));
        }
        let mut rows = Matrix::new(names.len());
        for row in 0..table.n_rows() {
            let values: Vec<f64> = columns.iter().filter_map(|it| it.get(row).copied()).collect();
            rows.push(&values);
        }
        Ok(Self { names, rows, notes, labels })
    }

    /// The same features as in `names`, in that order.
    ///
    /// # Errors
    /// If one is missing.
    pub fn with_columns(self, names: &[String], file: &Path) -> Result<Matrix, BadInput> {
        let find = |name: &String| {
            let found = format!("it has no column {name} with numbers, which the rows to judge have");
            let advice = "train on a file with the same columns";
            let index = self.names.iter().position(|it| it == name);
            index.ok_or_else(|| BadInput::of_file(&file.display().to_string(), found, advice))
        };
        let indices = names.iter().map(find).collect::<Result<Vec<usize>, _>>()?;
        let mut rows = Matrix::new(names.len());
        for row in self.rows.rows() {
            let values: Vec<f64> = indices.iter().filter_map(|it| row.get(*it).copied()).collect();
            rows.push(&values);
        }
        Ok(rows)
    }
}

fn kind(table: &Table, index: usize) -> Result<Kind, BadInput> {
    let Some(column) = table.columns.get(index) else { return Ok(Kind::LeftOut("there is none")) };
    if TIMES.iter().any(|it| column.name.eq_ignore_ascii_case(it)) {
        return Ok(Kind::LeftOut("it is the time"));
    }
    if let Values::Text(cells) = &column.values {
        let filled = || cells.iter().map(str::trim).filter(|it| !it.is_empty());
        if filled().next().is_none() {
            return Ok(Kind::LeftOut("it is empty"));
        }
        let is_time = |it: &str| number(it).is_none() && instants::parse(it).is_some();
        if filled().all(is_time) {
            return Ok(Kind::LeftOut("it is the time"));
        }
        // A column of words may have some that are numbers; one of numbers must not have words.
        let n_numbers = filled().filter(|it| number(it).is_some()).count();
        if 2 * n_numbers <= filled().count() {
            return Ok(Kind::LeftOut("it has words, not numbers"));
        }
    }
    let values = table.numbers(index)?;
    if column.name.eq_ignore_ascii_case(ANSWER) && values.iter().all(|it| *it == 0.0 || *it == 1.0) {
        return Ok(Kind::Answer(values.iter().map(|it| *it == 1.0).collect()));
    }
    Ok(Kind::Feature(values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv_file;

    fn read(text: &str) -> Result<FeatureTable, BadInput> {
        FeatureTable::of(&csv_file::parse("x.csv", text.as_bytes())?)
    }

    #[test]
    fn times_words_and_answers_are_no_features() {
        let text = "when,host,a,ts,b,label\n2026-01-01T00:00:00Z,x,1,5,,0\n2026-01-01T00:01:00Z,7,2,6,3,1\n";
        let table = read(text).unwrap();
        assert_eq!(table.names, ["a", "b"]);
        assert!(table.rows.row(0)[1].is_nan() && table.rows.row(1) == [2.0, 3.0]);
        assert_eq!(table.labels, Some(vec![false, true]));
        assert_eq!(table.notes.len(), 4, "{:?}", table.notes);
    }

    #[test]
    fn a_word_among_numbers_is_told_with_its_place() {
        let problem = read("a,b\n1,2\n3,4\n5,x\n").err().unwrap();
        let place = problem.place.unwrap();
        assert_eq!((place.line, place.column), (4, Some((2, "b".to_owned()))));
        assert!(read("a\nx\ny\n").is_err());
    }

    #[test]
    fn training_needs_the_same_columns() {
        let names = ["a".to_owned(), "b".to_owned()];
        let same = read("b,c,a\n1,2,3\n").unwrap().with_columns(&names, Path::new("t.csv")).unwrap();
        assert_eq!(same.row(0), [3.0, 1.0]);
        assert!(read("a,c\n1,2\n").unwrap().with_columns(&names, Path::new("t.csv")).is_err());
    }
}
