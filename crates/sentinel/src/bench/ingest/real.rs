//! Which series and logs of the user's own are measured, too? Of a folder and the folders in it: `*.csv` with the columns
//! `timestamp` and `value`, and `*.log` or `*.ndjson`, all of them also as gzip.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use offline::input::Input;
use offline::series;
use offline::table::Table;
use signal::{Point, Timestamp};

/// Folders in folders that are looked into.
const MOST_DEPTH: usize = 6;
/// Points that are read at most, so that a measurement ends.
const MOST_POINTS: usize = 10_000_000;

/// Points in order of time, no two at the same.
pub(super) struct RealSeries {
    pub name: String,
    pub points: Vec<Point>,
}

/// The lines of one file.
pub(super) struct RealLog {
    pub name: String,
    pub lines: Vec<String>,
}

/// What a folder has; files that cannot be read are told and passed over.
pub(super) fn read(folder: &Path) -> anyhow::Result<(Vec<RealSeries>, Vec<RealLog>)> {
    let mut files = vec![];
    find(folder, 0, &mut files).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    files.sort();
    let (mut all, mut logs, mut n_points) = (vec![], vec![], 0);
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = name.trim_end_matches(".gz").to_owned();
        let outcome = if stem.ends_with(".csv") && n_points < MOST_POINTS {
            points(&file).map(|it| {
                n_points += it.len();
                all.extend((!it.is_empty()).then(|| RealSeries { name: file.display().to_string(), points: it }));
            })
        } else if stem.ends_with(".log") || stem.ends_with(".ndjson") {
            lines(&file).map(|lines| logs.push(RealLog { name: stem, lines }))
        } else {
            Ok(())
        };
        if let Err(error) = outcome {
            eprintln!("{} is passed over: {error:#}", file.display());
        }
    }
    Ok((all, logs))
}

fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        } else if path.is_dir() && depth < MOST_DEPTH {
            find(&path, depth + 1, files)?;
        }
    }
    Ok(())
}

/// No points if it is not such a file.
fn points(file: &Path) -> anyhow::Result<Vec<Point>> {
    let mut heading = String::new();
    Input::open(file)?.bytes.read_line(&mut heading)?;
    let columns: Vec<&str> = heading.trim().split(',').collect();
    if !columns.contains(&"timestamp") || !columns.contains(&"value") {
        return Ok(vec![]);
    }
    let table = Table::read(file)?;
    let found = series::read(&table, &series::find_columns(&table, Some("timestamp"), Some("value"))?)?;
    let point = |(millis, value)| Point { time: Timestamp::from_millis(millis), value };
    let mut points: Vec<Point> = found.into_iter().map(point).filter(|it| it.time.is_plausible()).collect();
    points.sort_by_key(|it| it.time);
    points.dedup_by_key(|it| it.time);
    Ok(points)
}

fn lines(file: &Path) -> anyhow::Result<Vec<String>> {
    let (_, bytes) = Input::open(file)?.read_all()?;
    Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}
