//! What did a model say of each row of a file, and what came true?

use std::path::Path;

use learn::outlier::matrix::Matrix;

use super::{PerformanceArgs, Task};
use crate::bad_input::BadInput;
use crate::table::{Table, number};

/// Different whole numbers up to which a column of them holds classes.
const MOST_CODES: usize = 10;

/// The rows of a file.
pub struct Told {
    /// The file as the user named it.
    pub file: String,
    /// What the model does, as far as this file tells.
    pub task: Task,
    /// What it said.
    pub predictions: Vec<String>,
    /// What came true; empty where it is not known.
    pub truth: Vec<String>,
    /// For each class its name and the probabilities; of two classes only the positive one, without a name.
    pub probabilities: Vec<(String, Vec<f64>)>,
    /// Which list each row belongs to.
    pub queries: Vec<String>,
    /// Columns of numbers other than the truth, for estimates of errors.
    pub features: Vec<(String, Vec<f64>)>,
}

impl Told {
    /// Reads a file.
    ///
    /// # Errors
    /// If it lacks a column, or a column of probabilities has other cells.
    pub fn read(path: &Path, args: &PerformanceArgs) -> Result<Self, BadInput> {
        let table = Table::read(path)?;
        let cells = |column: usize| -> Vec<String> {
            (0..table.n_rows()).map(|row| word(table.cell(row, column).trim())).collect()
        };
        let prediction = table.find(&args.prediction)?;
        let predictions = cells(prediction);
        let target = table.columns.iter().position(|it| it.name == args.target);
        let truth = target.map_or_else(|| vec![String::new(); table.n_rows()], cells);
        let queries = args.query.as_deref().map(|it| table.find(it).map(cells)).transpose()?.unwrap_or_default();
        let task =
            args.task.unwrap_or_else(|| if args.query.is_some() { Task::Ranking } else { task(&predictions, &truth) });
        let mut features = vec![];
        if task == Task::Regression {
            for (idx, column) in table.columns.iter().enumerate() {
                if Some(idx) != target && table.is_numeric(idx) {
                    features.push((column.name.clone(), table.numbers(idx)?));
                }
            }
        }
        let probabilities = probabilities(&table, args)?;
        Ok(Self { file: table.file, task, predictions, truth, probabilities, queries, features })
    }

    /// Rows whose truth is known.
    pub fn n_labels(&self) -> usize {
        self.truth.iter().filter(|it| !it.is_empty()).count()
    }

    /// Features of the rows that are wanted, in the order of these names.
    ///
    /// # Errors
    /// If the file lacks one.
    pub fn matrix(&self, names: &[String], is_wanted: impl Fn(usize) -> bool) -> Result<Matrix, BadInput> {
        let find = |name: &String| {
            let found = self.features.iter().find(|it| it.0 == *name).map(|it| &it.1);
            let problem = format!("it has no column {name} of numbers, which the other file has");
            found.ok_or_else(|| BadInput::of_file(&self.file, problem, "give files with the same columns"))
        };
        let columns = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let mut rows = Matrix::new(names.len());
        for row in (0..self.predictions.len()).filter(|it| is_wanted(*it)) {
            let values: Vec<f64> = columns.iter().filter_map(|it| it.get(row).copied()).collect();
            rows.push(&values);
        }
        Ok(rows)
    }

    /// The problem of a cell.
    pub fn bad(&self, found: impl Into<String>, advice: &str) -> BadInput {
        BadInput::of_file(&self.file, found, advice)
    }
}

/// 1, 1.0 and true are the same class; a missing cell is empty.
fn word(cell: &str) -> String {
    match number(cell) {
        Some(it) if it.is_nan() => String::new(),
        Some(it) => it.to_string(),
        None if cell.eq_ignore_ascii_case("true") => "1".to_owned(),
        None if cell.eq_ignore_ascii_case("false") => "0".to_owned(),
        None => cell.to_owned(),
    }
}

fn task(predictions: &[String], truth: &[String]) -> Task {
    let known = || predictions.iter().chain(truth).filter(|it| !it.is_empty());
    let numbers: Option<Vec<f64>> = known().map(|it| it.parse().ok()).collect();
    let Some(mut numbers) = numbers else { return Task::Classification };
    let is_whole = numbers.iter().all(|it: &f64| it.fract() == 0.0);
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    if is_whole && numbers.len() <= MOST_CODES { Task::Classification } else { Task::Regression }
}

fn probabilities(table: &Table, args: &PerformanceArgs) -> Result<Vec<(String, Vec<f64>)>, BadInput> {
    let mut named: Vec<(String, &str)> = vec![];
    named.extend(args.probability.as_deref().map(|it| (String::new(), it)));
    for text in &args.class_probability {
        let advice = "write --class-probability CLASS=COLUMN for each class";
        let pair = text.split_once('=').filter(|it| !it.0.is_empty());
        let (class, column) = pair.ok_or_else(|| BadInput::of_file("the command line", format!("{text:?}"), advice))?;
        named.push((word(class), column));
    }
    let read = |(class, column): (String, &str)| {
        let idx = table.find(column)?;
        let values = table.numbers(idx)?;
        match values.iter().position(|it| *it < 0.0 || *it > 1.0) {
            Some(row) => {
                let found = format!("found {} where a probability is expected", table.cell(row, idx));
                Err(table.bad_cell(row, idx, found, "probabilities are from 0 to 1"))
            }
            None => Ok((class, values)),
        }
    };
    named.into_iter().map(read).collect()
}
