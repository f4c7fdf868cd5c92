//! What is in the files of the M4 competition? For each frequency, series to learn from and the values that came then.

use std::path::Path;

use crate::bad_input::BadInput;
use crate::input::Input;
use crate::table;

const ADVICE: &str =
    "give a folder with files as hourly-train.csv and hourly-test.csv (column 1 id, then values), gzip or not";
const DAY_SECS: i64 = 86_400;
/// Name, seconds of a step, the season that MASE divides by.
const FREQUENCIES: [(&str, i64, usize); 6] = [
    ("hourly", 3600, 24),
    ("daily", DAY_SECS, 1),
    ("weekly", 7 * DAY_SECS, 1),
    ("monthly", 2_629_746, 12),
    ("quarterly", 3 * 2_629_746, 4),
    ("yearly", 12 * 2_629_746, 1),
];

/// All series of one frequency.
pub struct Frequency {
    pub name: &'static str,
    /// In seconds.
    pub step: i64,
    /// In points.
    pub season: usize,
    pub series: Vec<Series>,
}

/// One series.
pub struct Series {
    pub train: Vec<f64>,
    pub test: Vec<f64>,
}

/// The frequencies that a folder has files of.
///
/// # Errors
/// `BadInput` if there are none, or a file is not as it should be.
pub fn read(folder: &Path) -> Result<Vec<Frequency>, BadInput> {
    let mut frequencies = vec![];
    for (name, step, season) in FREQUENCIES {
        let (Some(train), Some(test)) = (find(folder, name, "train")?, find(folder, name, "test")?) else { continue };
        let (train, mut test) = (rows(&train)?, rows(&test)?);
        let mut series = vec![];
        for (id, train) in train {
            let missing = || {
                let file = folder.display().to_string();
                BadInput::of_file(&file, format!("{name}-test has no series {id}, which {name}-train has"), ADVICE)
            };
            let place = test.iter().position(|it| it.0 == id).ok_or_else(missing)?;
            series.push(Series { train, test: test.swap_remove(place).1 });
        }
        frequencies.push(Frequency { name, step, season, series });
    }
    if frequencies.is_empty() {
        return Err(BadInput::of_file(&folder.display().to_string(), "it has no pair of such files", ADVICE));
    }
    Ok(frequencies)
}

/// The file of a frequency, whatever the case of its name.
fn find(folder: &Path, frequency: &str, part: &str) -> Result<Option<std::path::PathBuf>, BadInput> {
    let name = folder.display().to_string();
    let entries = std::fs::read_dir(folder).map_err(|error| BadInput::of_file(&name, error.to_string(), ADVICE))?;
    let wanted = format!("{frequency}-{part}.csv");
    let is_wanted = |it: &std::path::PathBuf| {
        let name = it.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.trim_end_matches(".gz") == wanted
    };
    Ok(entries.filter_map(|it| Some(it.ok()?.path())).find(is_wanted))
}

/// Id and values of each line after the heading; empty cells at the end are no values.
fn rows(path: &Path) -> Result<Vec<(String, Vec<f64>)>, BadInput> {
    let (file, bytes) = Input::open(path)?.read_all()?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
    let mut rows = vec![];
    for record in reader.records() {
        let record = record.map_err(|error| BadInput::of_file(&file, error.to_string(), ADVICE))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = record.iter().skip(1).map(str::trim).filter(|it| !it.is_empty());
        let bad = |it: &str| BadInput::of_line(&file, line, format!("found {it:?} where a number is expected"), ADVICE);
        let value = |it: &str| table::number(it).filter(|it| it.is_finite()).ok_or_else(|| bad(it));
        let values: Vec<f64> = cells.map(value).collect::<Result<_, _>>()?;
        if values.is_empty() {
            return Err(BadInput::of_line(&file, line, "the series has no values", ADVICE));
        }
        rows.push((record.get(0).unwrap_or_default().to_owned(), values));
    }
    Ok(rows)
}
