//! How is CSV profiled? Row by row, once: the first rows say what each column holds, then nothing is kept but profiles.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{BufRead, Read};

use csv::{ByteRecord, ReaderBuilder};
use drift::{Budget, Kind, cell_number, is_missing};

use super::fed::{Fed, FedProfile};
use super::groups::{Place, Segments, Spans};
use super::source::Wanted;
use crate::bad_input::{BadInput, LINE, Place as Where};
use crate::input::Input;
use crate::instants;
use crate::progress::Progress;

/// Rows that say what each column holds.
const LOOKED_AT: usize = 10_000;
/// Cells of a column that are tried as times.
const TRIED_AS_TIMES: u64 = 200;
/// Numbers that are kept as they are in all columns together: CSV has to hold all of them at a time.
const EXACT_IN_ALL: usize = 20_000_000;
/// Rows whose hashes are kept to find those that came before.
const HASHED: usize = 4_000_000;
/// Rows between two moves of the progress bar.
const ROWS_PER_STEP: u64 = 4096;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What a CSV file holds.
pub struct CsvProfiles {
    pub names: Vec<String>,
    pub columns: Vec<FedProfile>,
    pub rows: u64,
    pub duplicates: Option<u64>,
    pub segments: Segments,
    pub spans: Option<Spans>,
    pub notes: Vec<String>,
}

/// Profiles a file whole.
pub fn read(input: Input, wanted: &Wanted) -> Result<CsvProfiles, BadInput> {
    let file = input.name.clone();
    let mut bytes = input.bytes;
    let start = begin(&file, &mut bytes)?;
    let delimiter = delimiter(&start);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(Ending { inner: start.chain(bytes), last: 0 });
    let mut record = ByteRecord::new();
    let problem = |error: &csv::Error| not_readable(&file, error);
    if !reader.read_byte_record(&mut record).map_err(|it| problem(&it))? {
        return Err(BadInput::of_file(&file, "it is empty", "give a heading and at least one row"));
    }
    let names = heading(&file, &record)?;
    let mut first = Vec::new();
    while first.len() < LOOKED_AT && reader.read_byte_record(&mut record).map_err(|it| problem(&it))? {
        check(&file, &names, &record)?;
        first.push(record.clone());
    }
    if first.is_empty() {
        return Err(BadInput::of_file(&file, "it has no rows", "give at least one row below the heading"));
    }
    let mut table = Reading::new(&file, names, &first, wanted)?;
    // Where commas do not separate cells they separate fractions, unless somebody wants it as pandas reads it.
    if delimiter != b',' && !wanted.as_pandas {
        table.find_commas(&first);
    }
    for row in &first {
        table.row(row)?;
    }
    let mut last = first.last().and_then(many_lines);
    drop(first);
    let progress = Progress::waiting("reading");
    while reader.read_byte_record(&mut record).map_err(|it| problem(&it))? {
        check(&file, &table.names, &record)?;
        table.row(&record)?;
        last = many_lines(&record);
        if table.rows % ROWS_PER_STEP == 0 {
            progress.advance(ROWS_PER_STEP as usize);
        }
    }
    check_ending(&file, last, reader.get_ref().last)?;
    Ok(table.finish())
}

/// Knows the last byte that was read, but for ends of lines.
struct Ending<R> {
    inner: R,
    last: u8,
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let read = buffer.get(..n).unwrap_or_default();
        self.last = read.iter().rev().find(|it| !matches!(it, b'\r' | b'\n')).copied().unwrap_or(self.last);
        Ok(n)
    }
}

/// How many lines the last cell of a row goes on for, and where the row begins; none if it is on one line.
fn many_lines(record: &ByteRecord) -> Option<(usize, u64)> {
    let lines = record.iter().next_back()?.iter().filter(|it| **it == b'\n').count();
    (lines > 0).then(|| (lines, line(record)))
}

/// A quote that is never closed takes the rest of the file for one cell, the last one, and no quote ends the file.
fn check_ending(file: &str, last: Option<(usize, u64)>, last_byte: u8) -> Result<(), BadInput> {
    let Some((lines, line)) = last.filter(|_| last_byte != b'"') else { return Ok(()) };
    let found = format!("found a quote that is never closed: {lines} more lines would be one cell with it");
    Err(BadInput::of_line(file, line, found, "close it, or double each quote within a quoted cell"))
}

/// The first bytes without a byte order mark; a mark of another encoding is told.
fn begin(file: &str, bytes: &mut dyn BufRead) -> Result<std::io::Cursor<Vec<u8>>, BadInput> {
    let mut start = Vec::new();
    let read = bytes.take(1 << 16).read_to_end(&mut start);
    read.map_err(|error| crate::input::unreadable(file, &error))?;
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(BadInput::of_file(file, "it is UTF-16", "save it as UTF-8"));
    }
    if start.contains(&0) {
        let found = "it holds zero bytes, as binary files do and UTF-16 without a mark";
        return Err(BadInput::of_file(file, found, "save it as text in UTF-8"));
    }
    if start.starts_with(BOM) {
        start.drain(..BOM.len());
    }
    Ok(std::io::Cursor::new(start))
}

/// The comma, unless the first line has none and has semicolons or tabs.
fn delimiter(start: &std::io::Cursor<Vec<u8>>) -> u8 {
    let first = start.get_ref().split(|it| *it == b'\n').next().unwrap_or_default();
    let others = [b';', b'\t', b'|'];
    if first.contains(&b',') { b',' } else { others.into_iter().find(|it| first.contains(it)).unwrap_or(b',') }
}

fn heading(file: &str, record: &ByteRecord) -> Result<Vec<String>, BadInput> {
    let mut names: Vec<String> = Vec::new();
    for (idx, cell) in record.iter().enumerate() {
        let name = text(file, &names, record, idx, cell)?.trim();
        let name = if name.is_empty() { format!("column {}", idx + 1) } else { name.to_owned() };
        if names.contains(&name) {
            let found = format!("two columns are called {name}");
            return Err(BadInput::of_line(file, 1, found, "give each column a name of its own"));
        }
        names.push(name);
    }
    let is_of_numbers = !names.is_empty() && names.iter().all(|it| cell_number(it).is_some());
    if is_of_numbers {
        let advice = "columns are compared by name: give the file a heading";
        return Err(BadInput::of_line(file, 1, "the first line has numbers only, not names of columns", advice));
    }
    Ok(names)
}

fn check(file: &str, names: &[String], record: &ByteRecord) -> Result<(), BadInput> {
    if record.len() == names.len() {
        return Ok(());
    }
    let found = format!("found {} cells where the heading has {}", record.len(), names.len());
    let advice = if record.len() > names.len() {
        "put cells that contain the separator into double quotes"
    } else {
        "complete the line; an empty cell still needs its separator"
    };
    Err(BadInput::of_line(file, line(record), found, advice))
}

fn line(record: &ByteRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn text<'a>(
    file: &str,
    names: &[String],
    record: &ByteRecord,
    idx: usize,
    cell: &'a [u8],
) -> Result<&'a str, BadInput> {
    std::str::from_utf8(cell).map_err(|_| {
        let column = (idx + 1, names.get(idx).cloned().unwrap_or_default());
        let place = Where { rows_are: LINE, line: line(record), column: Some(column) };
        let problem = BadInput::of_file(file, "found bytes that are not UTF-8", "save it as UTF-8");
        BadInput { place: Some(Box::new(place)), ..problem }
    })
}

fn not_readable(file: &str, error: &csv::Error) -> BadInput {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::Io(error) => crate::input::unreadable(file, error),
        _ => BadInput::of_line(file, line, format!("cannot read it: {error}"), "check that the file is whole"),
    }
}

/// A file that is being read.
struct Reading<'a> {
    file: &'a str,
    names: Vec<String>,
    columns: Vec<Option<Fed>>,
    rows: u64,
    hashes: Option<Vec<u64>>,
    segments: Segments,
    segment: Option<usize>,
    spans: Option<(usize, Spans, f64)>,
    as_pandas: bool,
    budget: Budget,
    /// Columns whose numbers have a decimal comma.
    with_comma: Vec<bool>,
}

impl<'a> Reading<'a> {
    fn new(file: &'a str, names: Vec<String>, first: &[ByteRecord], wanted: &Wanted) -> Result<Self, BadInput> {
        let exact_values = wanted.budget.exact_values.min(EXACT_IN_ALL / names.len().max(1));
        let budget = Budget { exact_values, ..wanted.budget };
        let columns = names
            .iter()
            .enumerate()
            .map(|(idx, name)| wanted.has(name).then(|| Fed::new(name, kind(first, idx, wanted.as_pandas), budget)));
        let columns: Vec<Option<Fed>> = columns.collect();
        let position = |name: &str| {
            let found = format!("it has no column {name}");
            let advice = format!("its columns are {}", names.join(", "));
            names.iter().position(|it| it == name).ok_or_else(|| BadInput::of_file(file, found, advice))
        };
        let segment = wanted.segment.as_deref().map(position).transpose()?;
        let spans = match &wanted.window {
            None => None,
            Some((millis, column)) => {
                let name = match column {
                    Some(it) => it.clone(),
                    None => wanted.time_column(file, &names)?,
                };
                let idx = position(&name)?;
                let numbers: Vec<f64> = cells(first, idx).filter_map(cell_number).collect();
                Some((idx, Spans::new(*millis), instants::millis_per_unit(&numbers)))
            }
        };
        let hashes = (HASHED > 0).then(Vec::new);
        let as_pandas = wanted.as_pandas;
        let with_comma = vec![false; names.len()];
        let segments = Segments::default();
        Ok(Self { file, names, columns, rows: 0, hashes, segments, segment, spans, as_pandas, budget, with_comma })
    }

    /// Columns of words that are numbers once their comma is a point.
    fn find_commas(&mut self, first: &[ByteRecord]) {
        for (idx, column) in self.columns.iter_mut().enumerate() {
            let Some(column) = column.as_mut().filter(|it| it.kind == Kind::Category) else { continue };
            let (mut filled, mut numbers) = (0, 0);
            for cell in cells(first, idx).filter(|it| !is_missing(it)) {
                filled += 1;
                numbers += u64::from(cell_number(&pointed(cell)).is_some());
            }
            if Kind::of_cells(filled, numbers, 0) == Kind::Number {
                let name = self.names.get(idx).map_or("", String::as_str);
                *column = Fed::new(name, Kind::Number, self.budget);
                if let Some(it) = self.with_comma.get_mut(idx) {
                    *it = true;
                }
            }
        }
    }

    fn row(&mut self, record: &ByteRecord) -> Result<(), BadInput> {
        let place = self.place(record);
        for (idx, (cell, column)) in record.iter().zip(&mut self.columns).enumerate() {
            let Some(column) = column else { continue };
            let cell = text(self.file, &self.names, record, idx, cell)?;
            let cell = if self.as_pandas && column.kind == Kind::Category { cell } else { cell.trim() };
            let has_comma = self.with_comma.get(idx) == Some(&true);
            let cell = if has_comma { pointed(cell) } else { Cow::Borrowed(cell) };
            let cell = cell.as_ref();
            if column.kind == Kind::Time {
                let millis = instants::parse(cell);
                column.each(place, |it| match millis {
                    Some(millis) => it.number(millis as f64),
                    None if is_missing(cell) => it.missing(),
                    None => it.mixed(),
                });
            } else {
                column.each(place, |it| it.cell(cell));
            }
        }
        self.rows += 1;
        self.hash(record);
        Ok(())
    }

    fn place(&mut self, record: &ByteRecord) -> Place {
        let cell = |idx: usize| record.get(idx).and_then(|it| std::str::from_utf8(it).ok()).map(str::trim);
        let segment = self.segment.map(|idx| self.segments.of(cell(idx).filter(|it| !is_missing(it))));
        let span = self.spans.as_mut().and_then(|(idx, spans, unit)| {
            let text = cell(*idx).unwrap_or_default();
            let number = || cell_number(text).filter(|it| it.is_finite()).map(|it| (it * *unit) as i64);
            spans.of(number().or_else(|| instants::parse(text)))
        });
        Place { segment, span }
    }

    fn hash(&mut self, record: &ByteRecord) {
        let Some(hashes) = &mut self.hashes else { return };
        if hashes.len() >= HASHED {
            self.hashes = None;
            return;
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(record.as_slice());
        record.iter().for_each(|it| hasher.write_usize(it.len()));
        hashes.push(hasher.finish());
    }

    fn finish(self) -> CsvProfiles {
        let duplicates = self.hashes.map(|mut hashes| {
            let all = hashes.len();
            hashes.sort_unstable();
            hashes.dedup();
            (all - hashes.len()) as u64
        });
        let with_comma = self.names.iter().zip(&self.with_comma).filter(|it| *it.1).map(|it| it.0.as_str());
        let with_comma: Vec<&str> = with_comma.collect();
        let note = format!("{}: numbers with a decimal comma were read as such: {}", self.file, with_comma.join(", "));
        let notes = if with_comma.is_empty() { vec![] } else { vec![note] };
        let kept = self.names.into_iter().zip(self.columns).filter_map(|(name, it)| Some((name, it?)));
        let (names, columns) = kept.map(|(name, it)| (name, it.finish())).unzip();
        let spans = self.spans.map(|it| it.1);
        CsvProfiles { names, columns, rows: self.rows, duplicates, segments: self.segments, spans, notes }
    }
}

/// A cell with a point in place of its comma. What has a point already is not guessed at.
fn pointed(cell: &str) -> Cow<'_, str> {
    let is_one = !cell.contains('.') && cell.bytes().filter(|it| *it == b',').count() == 1;
    if is_one { cell.replace(',', ".").into() } else { cell.into() }
}

fn cells(rows: &[ByteRecord], idx: usize) -> impl Iterator<Item = &str> {
    rows.iter().filter_map(move |it| std::str::from_utf8(it.get(idx)?).ok()).map(str::trim)
}

fn kind(rows: &[ByteRecord], idx: usize, as_pandas: bool) -> Kind {
    let (mut filled, mut numbers, mut tried, mut times) = (0, 0, 0, 0);
    for cell in cells(rows, idx).filter(|it| !is_missing(it)) {
        filled += 1;
        let is_number = cell_number(cell).is_some();
        numbers += u64::from(is_number);
        if !is_number && tried < TRIED_AS_TIMES {
            tried += 1;
            times += u64::from(instants::parse(cell).is_some());
        }
    }
    if as_pandas {
        return Kind::of_cells(filled, if numbers == filled { filled } else { 0 }, 0);
    }
    // What was tried stands for all.
    let times = (times * filled).checked_div(tried).unwrap_or(0);
    Kind::of_cells(filled, numbers, times)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &'static str) -> Result<u64, String> {
        let input = Input { name: "f.csv".to_owned(), bytes: Box::new(text.as_bytes()) };
        read(input, &Wanted::default()).map(|it| it.rows).map_err(|it| it.to_string())
    }

    /// Guarantees: MUST 495.
    #[test]
    fn a_quote_that_is_never_closed_is_told() {
        assert_eq!(rows("a,b\n1,\"x\ny\"\n2,z\n"), Ok(2));
        assert_eq!(rows("a,b\n1,z\n2,\"x\ny\"\r\n"), Ok(2));
        assert_eq!(rows("a,b\n1,5\" pipe\n2,z\n"), Ok(2));
        let problem = rows("a,b\n0,w\n1,\"x\n2,y\n3,z\n").unwrap_err();
        assert!(problem.starts_with("f.csv, line 3: found a quote that is never closed"), "{problem}");
    }

    /// Guarantees: MUST 887 of docs/specs/drift-report.md.
    #[test]
    fn numbers_with_a_decimal_comma_are_numbers_where_semicolons_separate() {
        let read = |text: &'static str, as_pandas| {
            let input = Input { name: "f.csv".to_owned(), bytes: Box::new(text.as_bytes()) };
            let read = read(input, &Wanted { as_pandas, ..Wanted::default() }).unwrap();
            (read.columns.iter().map(|it| it.whole.kind).collect::<Vec<_>>(), read.notes)
        };
        let text = "x;y\n1,5;a\n-2,25;b\n3;c,d\n;a\n";
        let note = "f.csv: numbers with a decimal comma were read as such: x".to_owned();
        assert_eq!(read(text, false), (vec![Kind::Number, Kind::Category], vec![note]));
        assert_eq!(read(text, true), (vec![Kind::Category; 2], vec![]));
        // Where commas separate cells, one in quotes may separate thousands.
        assert_eq!(read("x,y\n\"1,500\",a\n\"2,500\",b\n", false), (vec![Kind::Category; 2], vec![]));
    }

    #[test]
    fn columns_are_what_pandas_takes_them_for_where_that_is_asked() {
        let text = "n,d,m,w\n1,2024-01-01,1, a\n2,2024-01-02,2,a\n3,2024-01-03,3,a\n4,2024-01-04,x,a\n";
        let text = format!("{text}{}", "5,2024-01-05,6,a\n".repeat(40));
        let kinds = |as_pandas| {
            let input = Input { name: "f.csv".to_owned(), bytes: Box::new(std::io::Cursor::new(text.clone())) };
            let read = read(input, &Wanted { as_pandas, ..Wanted::default() }).unwrap();
            read.columns.iter().map(|it| (it.whole.kind, it.whole.distinct().0)).collect::<Vec<_>>()
        };
        let ours = [(Kind::Number, 5.0), (Kind::Time, 5.0), (Kind::Number, 4.0), (Kind::Category, 1.0)];
        let theirs = [(Kind::Number, 5.0), (Kind::Category, 5.0), (Kind::Category, 5.0), (Kind::Category, 2.0)];
        assert_eq!((kinds(false), kinds(true)), (ours.to_vec(), theirs.to_vec()));
    }
}
