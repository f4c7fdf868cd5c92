//! How do predictions become rows of a CSV file? One file, one header, the same columns in every row, whoever writes.
//!
//! Columns are the features in the order of the model, then `prediction`, `probability`, `timestamp` and `id`. Several
//! processes may write to the same file: each appends whole batches under a lock of the file.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use signal::{FeatureValue, Inference, LoggedInference};

use super::follower::Outlet;
use crate::config::CsvConfig;

/// The columns behind the features.
const OWN: [&str; 4] = ["prediction", "probability", "timestamp", "id"];
/// How much of a file's end is searched for rows that were written before a kill.
const TAIL: u64 = 1 << 20;

/// Writes rows of one model, or of each to a file of its own.
pub struct CsvOutlet {
    config: CsvConfig,
    /// Files that this process has written to.
    known: HashSet<PathBuf>,
}

impl CsvOutlet {
    /// For this file; it and its folders are made with the first row.
    pub fn new(config: CsvConfig) -> Self {
        Self { config, known: HashSet::new() }
    }

    /// The file of a model.
    fn path(&self, model: &str) -> PathBuf {
        let safe: String = model.chars().map(|it| if is_safe(it) { it } else { '_' }).collect();
        PathBuf::from(self.config.path.to_string_lossy().replace("{model}", &safe))
    }

    fn write(&mut self, path: &Path, rows: &[&Inference]) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let written = if self.known.contains(path) { HashSet::new() } else { ids_at_the_end(path)? };
        let rows: Vec<&Inference> = rows.iter().copied().filter(|it| !written.contains(&*it.id)).collect();
        let mut rest = rows.as_slice();
        while let Some(first) = rest.first() {
            let n = rest.iter().take_while(|it| is_same(it, first)).count();
            let (part, others) = rest.split_at(n);
            self.append(path, first, part)?;
            rest = others;
        }
        self.known.insert(path.to_owned());
        Ok(())
    }

    /// Appends rows with the same columns.
    fn append(&self, path: &Path, first: &Inference, rows: &[&Inference]) -> io::Result<()> {
        let header = header(first);
        let mut text = String::new();
        rows.iter().for_each(|it| text.push_str(&row(it)));
        let mut file = self.open(path, &header, text.len() as u64)?;
        let is_empty = file.metadata()?.len() == 0;
        let all = if is_empty { header + &text } else { text };
        let before = file.metadata()?.len();
        let written = file.write_all(all.as_bytes());
        if written.is_err() {
            // Half a row must not stay before the next one.
            let _ = file.set_len(before);
        }
        written
    }

    /// The file, locked, with this header or empty. A full file, and one with other columns, is put aside.
    fn open(&self, path: &Path, header: &str, more: u64) -> io::Result<File> {
        loop {
            let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
            file.lock()?;
            // Another process may have put the file aside between opening and locking.
            if !is_same_file(&file, path) {
                continue;
            }
            let length = file.metadata()?.len();
            if length == 0 || (has_header(&file, header)? && length + more <= self.config.max_bytes) {
                return Ok(file);
            }
            self.put_aside(path)?;
        }
    }

    fn put_aside(&self, path: &Path) -> io::Result<()> {
        let stem = path.file_stem().map_or_else(String::new, |it| it.to_string_lossy().into_owned());
        let numbered = |n: u32| path.with_file_name(format!("{stem}.{n}.csv"));
        let last = (1..).find(|it| !numbered(*it).exists()).unwrap_or(1);
        // The oldest has the highest number.
        for n in (1..last).rev() {
            if n >= self.config.keep_files {
                fs::remove_file(numbered(n))?;
            } else {
                fs::rename(numbered(n), numbered(n + 1))?;
            }
        }
        fs::rename(path, numbered(1))
    }
}

impl Outlet for CsvOutlet {
    fn deliver(&mut self, rows: &[LoggedInference]) -> io::Result<()> {
        let mut by_file: Vec<(PathBuf, Vec<&Inference>)> = vec![];
        // Nobody was told what a version in the shadow said, and no column would tell the two apart.
        for row in rows.iter().map(|it| &it.inference).filter(|it| !it.is_shadow) {
            if self.config.model.as_deref().is_some_and(|it| it != &*row.model) {
                continue;
            }
            let path = self.path(&row.model);
            match by_file.iter_mut().find(|it| it.0 == path) {
                Some(of_file) => of_file.1.push(row),
                None => by_file.push((path, vec![row])),
            }
        }
        by_file.iter().try_for_each(|(path, rows)| self.write(path, rows))
    }
}

fn is_safe(it: char) -> bool {
    it.is_ascii_alphanumeric() || "-_.".contains(it)
}

fn is_same(a: &Inference, b: &Inference) -> bool {
    let is_same = |a: &Arc<str>, b: &Arc<str>| Arc::ptr_eq(a, b) || a == b;
    a.features.len() == b.features.len() && a.features.iter().zip(&b.features).all(|(a, b)| is_same(&a.0, &b.0))
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |it: &fs::Metadata| (it.dev(), it.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if id(&a) == id(&b))
}

#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> bool {
    path.exists()
}

fn has_header(file: &File, header: &str) -> io::Result<bool> {
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(0))?;
    let mut first = vec![];
    BufReader::new(file).take(header.len() as u64).read_until(b'\n', &mut first)?;
    Ok(first == header.as_bytes())
}

/// The last cells of the last rows.
fn ids_at_the_end(path: &Path) -> io::Result<HashSet<String>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::new()),
        other => other?,
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = vec![];
    file.take(TAIL).read_to_end(&mut tail)?;
    let text = String::from_utf8_lossy(&tail);
    Ok(text.lines().map(last_cell).collect())
}

/// The last cell of a line, which may hold commas and quotes within quotes.
fn last_cell(line: &str) -> String {
    let (mut start, mut is_quoted) = (0, false);
    for (at, letter) in line.char_indices() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => start = at + 1,
            _ => {}
        }
    }
    let cell = line.get(start..).unwrap_or_default();
    let inner = cell.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(cell);
    inner.replace("\"\"", "\"")
}

/// The first line of a file with rows like this one.
pub fn header(first: &Inference) -> String {
    // A feature may be called as a column of ours.
    let name = |it: &str| if OWN.contains(&it) { format!("feature_{it}") } else { it.to_owned() };
    let names = first.features.iter().map(|it| name(&it.0)).chain(OWN.map(str::to_owned));
    line(names.map(|it| quoted(&it)))
}

/// The line of a row.
pub fn row(row: &Inference) -> String {
    let own = [
        cell(&row.prediction),
        row.probability.map_or(String::new(), |it| it.to_string()),
        row.time.to_string(),
        quoted(&row.id),
    ];
    line(row.features.iter().map(|it| cell(&it.1)).chain(own))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

fn cell(value: &FeatureValue) -> String {
    match value {
        FeatureValue::Text(it) => quoted(it),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty() && !text.contains([',', '"', '\n', '\r']);
    if is_plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}
