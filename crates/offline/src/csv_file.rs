//! How is CSV read? RFC 4180 with what people have: a byte order mark, semicolons or tabs, no heading.

use csv::{ReaderBuilder, StringRecord};

use super::bad_input::{BadInput, LINE};
use super::instants;
use super::table::{Cells, Column, Table, Values, number};

/// Reads a whole file.
///
/// # Errors
/// If it is not UTF-8, has no rows, or a row has other columns than the first one.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Table, BadInput> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(bytes)).from_reader(bytes);
    let (mut record, mut lines) = (StringRecord::new(), Lines { bytes, offset: 0, line: 1 });
    let mut table = Table { file: file.to_owned(), rows_are: LINE, ..Table::default() };
    let mut cells: Vec<Cells> = Vec::new();
    while reader.read_record(&mut record).map_err(|error| not_readable(file, &error, &mut lines))? {
        let line = lines.of(record.position());
        if cells.is_empty() {
            cells = vec![Cells::default(); record.len()];
            table.columns = heading(&record);
            if is_heading(&record) {
                continue;
            }
        }
        if record.len() != cells.len() {
            return Err(ragged(file, line, record.len(), cells.len()));
        }
        table.lines.push(line);
        cells.iter_mut().zip(&record).for_each(|(cells, cell)| cells.push(cell));
    }
    for (column, cells) in table.columns.iter_mut().zip(cells) {
        column.values = Values::Text(cells);
    }
    if table.lines.is_empty() {
        return Err(BadInput::of_file(file, "it has no rows", "give a heading and at least one row"));
    }
    Ok(table)
}

/// Counts lines up to where records begin. The reader's own position lies before the blank lines that it skips.
struct Lines<'a> {
    bytes: &'a [u8],
    offset: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.map_or(0, |it| it.byte() as usize);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let start = start + rest.iter().take_while(|it| matches!(it, b'\r' | b'\n')).count();
        let passed = self.bytes.get(self.offset..start).unwrap_or_default();
        self.line += passed.iter().filter(|it| **it == b'\n').count() as u64;
        self.offset = start;
        self.line
    }
}

/// The comma, unless the first line has none and has semicolons or tabs.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes.split(|it| *it == b'\n').next().unwrap_or_default();
    let others = [b';', b'\t'];
    if first.contains(&b',') { b',' } else { others.into_iter().find(|it| first.contains(it)).unwrap_or(b',') }
}

/// A first row of nothing but numbers and instants is data; but 0, 1, 2, .. are the names that data frames give.
fn is_heading(first: &StringRecord) -> bool {
    let is_counted = first.len() > 1 && first.iter().enumerate().all(|(idx, it)| it.trim().parse() == Ok(idx));
    is_counted || first.iter().any(|it| number(it).is_none() && instants::parse(it).is_none())
}

fn heading(first: &StringRecord) -> Vec<Column> {
    let is_heading = is_heading(first);
    let name = |(idx, cell): (usize, &str)| {
        let cell = cell.trim();
        if is_heading && !cell.is_empty() { cell.to_owned() } else { format!("column {}", idx + 1) }
    };
    let column = |name| Column { name, values: Values::Text(Cells::default()) };
    first.iter().enumerate().map(name).map(column).collect()
}

fn ragged(file: &str, line: u64, n_found: usize, n_expected: usize) -> BadInput {
    let advice = if n_found > n_expected {
        "put cells that contain the separator into double quotes"
    } else {
        "complete the line; an empty cell still needs its separator"
    };
    BadInput::of_line(file, line, format!("found {n_found} cells where the first line has {n_expected}"), advice)
}

fn not_readable(file: &str, error: &csv::Error, lines: &mut Lines<'_>) -> BadInput {
    let line = lines.of(error.position());
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => {
            BadInput::of_line(file, line, "found bytes that are not UTF-8", "save it as UTF-8")
        }
        _ => BadInput::of_line(file, line, format!("cannot read it: {error}"), "check that the file is whole"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
        let table = parse("f.csv", text.as_bytes()).unwrap();
        let names = table.columns.iter().map(|it| it.name.clone()).collect();
        let row = |row| (0..table.columns.len()).map(|it| table.cell(row, it).into_owned()).collect();
        (names, (0..table.n_rows()).map(row).collect())
    }

    fn problem(text: &[u8]) -> String {
        parse("f.csv", text).unwrap_err().to_string()
    }

    #[test]
    fn what_people_have_is_read() {
        let expected = (vec!["a".to_owned(), "b".to_owned()], vec![vec!["1".to_owned(), "x,\"y\n".to_owned()]]);
        assert_eq!(rows("a,b\n1,\"x,\"\"y\n\"\n"), expected);
        assert_eq!(rows("\u{feff}a,b\r\n1,\"x,\"\"y\n\"\r\n"), expected);
        assert_eq!(rows("a;b\n1;\"x,\"\"y\n\"").1, expected.1);
        assert_eq!(rows("a\tb\n\n1\t\"x,\"\"y\n\"\n\n").1, expected.1);
    }

    #[test]
    fn a_missing_heading_is_noticed() {
        assert_eq!(rows("2014-04-01 00:00:00,20.0\n2014-04-01 00:05:00,\n").0, ["column 1", "column 2"]);
        assert_eq!(rows("2014-04-01 00:00:00,20.0\n").1.len(), 1);
        assert_eq!(rows("0,1\n5,6\n").0, ["0", "1"]);
        assert_eq!(rows("name,2019\nx,6\n").0, ["name", "2019"]);
        assert_eq!(rows(",value\n1,6\n").0, ["column 1", "value"]);
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let table = parse("f.csv", b"a,b\n1,\"x\ny\"\n\n3,z\n").unwrap();
        assert_eq!(table.lines, [2, 5]);
        assert_eq!(parse("f.csv", b"\r\na,b\r\n1,2\r\n\r\n\r\n3,z\r\n").unwrap().lines, [3, 6]);
        assert_eq!(
            table.numbers(1).unwrap_err().to_string(),
            "f.csv, line 2, column 2 (b): found \"x\\ny\" where a number is expected; correct it, or leave the cell \
             empty if the value is missing"
        );
    }

    #[test]
    fn problems_are_told_with_their_line() {
        assert!(problem(b"a,b\n1,2\n3\n").starts_with("f.csv, line 3: found 1 cells where the first line has 2; "));
        assert!(problem(b"a,b\n1,2,3\n").starts_with("f.csv, line 2: found 3 cells where the first line has 2; "));
        assert!(problem(b"a,b\n1,\xff\n").starts_with("f.csv, line 2: found bytes that are not UTF-8; "));
        assert!(problem(b"a,b\n").starts_with("f.csv: it has no rows; "));
        assert!(problem(b"").starts_with("f.csv: it has no rows; "));
    }
}
