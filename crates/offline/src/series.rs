//! Which columns of a file are the time and the value of a series, and what do they hold?

use super::bad_input::{BadInput, quoted};
use super::instants;
use super::table::{Table, number};

/// Names of columns that hold the time, the value, and what people or other programs said of the rows.
const TIMES: [&str; 14] = [
    "timestamp",
    "time",
    "ts",
    "ds",
    "datetime",
    "date",
    "date_time",
    "@timestamp",
    "_time",
    "epoch",
    "unix_time",
    "created_at",
    "index",
    "t",
];
const VALUES: [&str; 7] = ["value", "y", "val", "v", "_value", "measurement", "metric_value"];
const LABELS: [&str; 11] = [
    "label",
    "labels",
    "is_anomaly",
    "anomaly",
    "anomaly_score",
    "is_outlier",
    "outlier",
    "class",
    "changepoint",
    "ground_truth",
    "anomaly_label",
];
/// Rows of a file without times are this far apart.
const ASSUMED_STEP_MILLIS: i64 = 60_000;

/// The columns of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The time; without it, rows are a minute apart.
    pub time: Option<usize>,
    /// The value.
    pub value: usize,
    /// True if other columns could have been meant as well.
    pub is_guess: bool,
}

/// Finds the columns: by the user's word, else by name, else by position.
///
/// # Errors
/// If a column that the user named is not there, or there is no column of numbers.
pub fn find_columns(table: &Table, time: Option<&str>, value: Option<&str>) -> Result<Columns, BadInput> {
    let named_value = value.map(|it| table.find(it)).transpose()?;
    let time = match time {
        Some(name) => Some(table.find(name)?),
        None => guess_time(table, named_value),
    };
    let is_free = |idx: &usize| Some(*idx) != time && !is_named(table, *idx, &LABELS);
    let candidates: Vec<usize> = (0..table.columns.len()).filter(is_free).collect();
    let by_name = named_value.or_else(|| by_name(table, &candidates, &VALUES));
    let numeric = || candidates.iter().copied().filter(|it| table.is_numeric(*it)).collect::<Vec<_>>();
    if let Some(value) = by_name {
        return Ok(Columns { time, value, is_guess: false });
    }
    let numeric = numeric();
    // A column that is not numeric may hold numbers and one bad cell, which the message about that cell explains best.
    let first = numeric.first().or(candidates.first()).copied();
    let value = first.ok_or_else(|| {
        BadInput::of_file(&table.file, "there is no column of values", "give one, or name it with --value")
    })?;
    Ok(Columns { time, value, is_guess: numeric.len() > 1 })
}

fn guess_time(table: &Table, value: Option<usize>) -> Option<usize> {
    let candidates: Vec<usize> = (0..table.columns.len()).filter(|it| Some(*it) != value).collect();
    let has_instants = |it: &usize| instants::parse(&table.cell(0, *it)).is_some();
    let numbers_first = || {
        let is_time = table.columns.len() > 1 && table.is_numeric(0) && !is_named(table, 0, &VALUES);
        (is_time && !is_named(table, 0, &LABELS) && value != Some(0)).then_some(0)
    };
    by_name(table, &candidates, &TIMES).or_else(|| candidates.into_iter().find(has_instants)).or_else(numbers_first)
}

/// The column that says which rows are anomalous.
///
/// # Errors
/// If there is none.
pub fn find_labels(table: &Table) -> Result<usize, BadInput> {
    let all: Vec<usize> = (0..table.columns.len()).collect();
    let found =
        || BadInput::of_file(&table.file, "there is no column of labels", "name one `label`, 1 in anomalous rows");
    by_name(table, &all, &LABELS).ok_or_else(found)
}

/// The candidate with the name that stands first in the list.
fn by_name(table: &Table, candidates: &[usize], names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| candidates.iter().copied().find(|it| is_named(table, *it, &[name])))
}

fn is_named(table: &Table, column: usize, names: &[&str]) -> bool {
    table.columns.get(column).is_some_and(|it| names.iter().any(|name| it.name.eq_ignore_ascii_case(name)))
}

/// The series: milliseconds since 1970 and value, NaN where it is missing, one for each row.
///
/// # Errors
/// At the first cell that is no time or no number.
pub fn read(table: &Table, columns: &Columns) -> Result<Vec<(i64, f64)>, BadInput> {
    let values = table.numbers(columns.value)?;
    let times = match columns.time {
        Some(column) => times(table, column)?,
        None => (0..).map(|row: i64| row * ASSUMED_STEP_MILLIS).take(values.len()).collect(),
    };
    Ok(times.into_iter().zip(values).collect())
}

/// Text as instants; numbers as time since 1970 in the unit that their size tells.
fn times(table: &Table, column: usize) -> Result<Vec<i64>, BadInput> {
    let bad = |row: usize, cell: &str| {
        let found = format!("found {} where a time is expected", quoted(cell));
        let advice = "write it as 2014-05-01T00:30:00Z, as 2014-05-01 00:30:00 or as seconds since 1970";
        table.bad_cell(row, column, found, advice)
    };
    let first = table.cell(0, column);
    if number(&first).is_none_or(f64::is_nan) {
        let cells = (0..table.n_rows()).map(|row| (row, table.cell(row, column)));
        return cells.map(|(row, cell)| instants::parse(&cell).ok_or_else(|| bad(row, &cell))).collect();
    }
    let numbers = (0..table.n_rows()).map(|row| {
        let cell = table.cell(row, column);
        number(&cell).filter(|it| it.is_finite()).ok_or_else(|| bad(row, &cell))
    });
    let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
    let millis_per_unit = instants::millis_per_unit(&numbers);
    Ok(numbers.into_iter().map(|it| (it * millis_per_unit).round() as i64).collect())
}

/// Fifteen digits are all that a number surely has, and leave out the noise of binary fractions.
pub fn shown(number: f64) -> String {
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    format!("{rounded:?}")
}

#[cfg(test)]
mod tests {
    use super::super::csv_file;
    use super::*;

    fn chosen(text: &str) -> (Option<usize>, usize, bool) {
        let table = csv_file::parse("f.csv", text.as_bytes()).unwrap();
        let columns = find_columns(&table, None, None).unwrap();
        (columns.time, columns.value, columns.is_guess)
    }

    fn series(text: &str) -> Result<Vec<(i64, f64)>, String> {
        let table = csv_file::parse("f.csv", text.as_bytes()).unwrap();
        let columns = find_columns(&table, None, None).map_err(|it| it.to_string())?;
        read(&table, &columns).map_err(|it| it.to_string())
    }

    #[test]
    fn columns_are_found_by_name_and_by_position() {
        assert_eq!(chosen("timestamp,value,label\n1,2,0\n"), (Some(0), 1, false));
        assert_eq!(chosen("label,Value,Time\n0,2,1\n"), (Some(2), 1, false));
        assert_eq!(chosen("y,ds\n2,2020-01-01\n"), (Some(1), 0, false));
        assert_eq!(chosen("host,when,load\na,2020-01-01,3\n"), (Some(1), 2, false));
        assert_eq!(chosen("1493568000,27.2\n1493568060,29.8\n"), (Some(0), 1, false));
        assert_eq!(chosen("time,cpu,memory\n1,2,3\n"), (Some(0), 1, true));
        assert_eq!(chosen("value,label\n1,0\n"), (None, 0, false));
        assert_eq!(chosen("5\n6\n"), (None, 0, false));
    }

    #[test]
    fn times_of_all_kinds_mean_the_same() {
        let expected = Ok(vec![(1_398_904_200_000, 1.0)]);
        for time in ["2014-05-01 00:30:00", "1398904200", "1398904200000", "1398904200000000", "1398904200000000000"] {
            assert_eq!(series(&format!("ts,value\n{time},1\n")), expected, "{time}");
        }
        assert_eq!(series("ts,value\n1398904200.5,1\n").unwrap()[0].0, 1_398_904_200_500);
        assert_eq!(series("value\n7\n8\n").unwrap(), [(0, 7.0), (60_000, 8.0)]);
    }

    #[test]
    fn bad_cells_are_told_with_line_and_column() {
        let message = series("timestamp,value\n2014-05-01 00:30:00,1\nnoon,2\n").unwrap_err();
        assert!(message.starts_with("f.csv, line 3, column 1 (timestamp): found \"noon\" where a time"), "{message}");
        let message = series("timestamp,value\n1,1\n,2\n").unwrap_err();
        assert!(message.starts_with("f.csv, line 3, column 1 (timestamp): found \"\" where a time"), "{message}");
        let message = series("timestamp,value\n1,1\n2,\"1,5\"\n").unwrap_err();
        assert!(
            message.contains("column 2 (value): found \"1,5\" where a number is expected; write decimals"),
            "{message}"
        );
    }

    #[test]
    fn a_column_that_is_not_there_is_told_with_those_that_are() {
        let table = csv_file::parse("f.csv", b"a,b\n1,2\n").unwrap();
        let message = find_columns(&table, None, Some("c")).unwrap_err().to_string();
        assert_eq!(message, "f.csv: there is no column \"c\"; the columns are: a, b");
        assert_eq!(find_columns(&table, Some("2"), Some("1")).map(|it| (it.time, it.value)), Ok((Some(1), 0)));
    }

    #[test]
    fn numbers_are_short_and_can_be_read_back() {
        let shown: Vec<String> = [0.1 + 0.2, 0.0, -1e300, 1e-9, f64::NAN, 52.0].into_iter().map(shown).collect();
        assert_eq!(shown, ["0.3", "0.0", "-1e300", "1e-9", "NaN", "52.0"]);
    }
}
