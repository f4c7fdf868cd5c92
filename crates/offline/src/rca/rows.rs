//! How are tables read whose rows hold free text? By RFC 4180 if the whole file keeps to it, else line by line, and what
//! is left over goes into the column of the text.
//!
//! Log tables in the wild hold quotes and commas that nobody escaped (Nezha's do): a reader that follows RFC 4180 gives
//! up or, worse, swallows lines. Others hold whole stack traces in one quoted cell (RCAEval's do): a reader that goes by
//! lines breaks them.

use csv::{ReaderBuilder, StringRecord};

use crate::bad_input::{BadInput, Place};
use crate::parquet_file;
use crate::table::Table;

/// Rows with named columns.
pub struct Rows {
    file: String,
    names: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    line: u64,
    cells: Vec<String>,
    /// It has fewer cells than there are columns, so that it may go on with the row before.
    is_short: bool,
}

/// Reads a whole file; its first line has the names of the columns, and one of `free` is the column of the free text.
///
/// # Errors
/// If it has no heading, or is not UTF-8.
pub fn read(file: &str, bytes: &[u8], free: &[&str]) -> Result<Rows, BadInput> {
    if bytes.starts_with(parquet_file::MAGIC) {
        return Ok(of_table(&parquet_file::parse(file, bytes.to_vec())?));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        BadInput::of_file(file, format!("it is not UTF-8 after byte {}", error.valid_up_to()), "save it as UTF-8")
    })?;
    let heading = text.lines().next().unwrap_or_default();
    let names: Vec<String> = heading.split(',').map(|it| it.trim().trim_matches('"').to_owned()).collect();
    if heading.trim().is_empty() {
        return Err(BadInput::of_file(file, "it has no rows", "give a heading and at least one row"));
    }
    let free = free.iter().find_map(|it| names.iter().position(|name| name == it));
    let by_lines = || -> Vec<Row> {
        let lines = (1..).zip(text.lines()).skip(1).filter(|(_, line)| !line.is_empty() && *line != heading);
        lines.map(|(line, it)| row(line, it, names.len(), free)).collect()
    };
    // With the text at the end of lines that are all whole, nothing needs to be closed or escaped.
    let is_last = free.is_none_or(|it| it + 1 == names.len());
    let lines = if is_last { by_lines() } else { vec![] };
    let is_whole = is_last && lines.iter().all(|it| !it.is_short);
    let standard = if is_whole { None } else { by_the_standard(text, &names) };
    let rows = standard.unwrap_or_else(|| if is_last { lines } else { by_lines() });
    Ok(Rows { file: file.to_owned(), names, rows })
}

fn of_table(table: &Table) -> Rows {
    let names = table.columns.iter().map(|it| it.name.clone()).collect();
    let cells = |row| (0..table.columns.len()).map(|it| table.cell(row, it).into_owned()).collect();
    let row = |(idx, line): (usize, &u64)| Row { line: *line, cells: cells(idx), is_short: false };
    Rows { file: table.file.clone(), names, rows: table.lines.iter().enumerate().map(row).collect() }
}

/// All rows by RFC 4180; `None` if one has other columns than the heading, or a quote that nobody closed or escaped.
fn by_the_standard(text: &str, names: &[String]) -> Option<Vec<Row>> {
    let mut reader = ReaderBuilder::new().has_headers(true).flexible(true).from_reader(text.as_bytes());
    let (mut rows, mut record) = (vec![], StringRecord::new());
    while reader.read_record(&mut record).ok()? {
        let is_open = |it: &str| it.contains('\n') && it.matches('"').count() % 2 == 1;
        if record.len() != names.len() || record.iter().any(is_open) {
            return None;
        }
        // Files that were joined repeat their heading.
        if record.iter().ne(names.iter().map(String::as_str)) {
            let line = record.position().map_or(0, csv::Position::line);
            rows.push(Row { line, cells: record.iter().map(str::to_owned).collect(), is_short: false });
        }
    }
    Some(rows)
}

/// A line; what is left over goes into the free column, or the last one.
fn row(line: u64, text: &str, n_columns: usize, free: Option<usize>) -> Row {
    let free = free.filter(|it| *it < n_columns).unwrap_or(n_columns.saturating_sub(1));
    let mut cells: Vec<&str> = text.splitn(free + 1, ',').collect();
    let is_short = text.split(',').count() < n_columns;
    if !is_short && let Some(rest) = cells.pop() {
        let mut behind: Vec<&str> = rest.rsplitn(n_columns - free, ',').collect();
        behind.reverse();
        cells.extend(behind);
    }
    Row { line, cells: cells.into_iter().map(unquoted).collect(), is_short }
}

fn unquoted(cell: &str) -> String {
    cell.strip_prefix('"').map_or(cell, |it| it.strip_suffix('"').unwrap_or(it)).replace("\"\"", "\"")
}

impl Rows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The cell of the first of these columns that is there.
    pub fn text(&self, row: usize, names: &[&str]) -> Option<&str> {
        let column = self.column(names)?;
        self.rows.get(row)?.cells.get(column).map(String::as_str)
    }

    /// The whole text of a row that may go on with the one before: it has fewer cells than there are columns.
    pub fn continued(&self, row: usize) -> Option<String> {
        let row = self.rows.get(row).filter(|it| it.is_short)?;
        Some(row.cells.join(","))
    }

    fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.names.iter().position(|it| it == name))
    }

    /// The problem of a row.
    pub fn bad(&self, row: usize, names: &[&str], found: &str) -> BadInput {
        let column = self.column(names).map(|it| (it + 1, self.names.get(it).cloned().unwrap_or_default()));
        let line = self.rows.get(row).map_or(0, |it| it.line);
        BadInput {
            place: Some(Box::new(Place { rows_are: "line", line, column })),
            ..BadInput::of_file(
                &self.file,
                found,
                format!("name a column {}", names.first().copied().unwrap_or_default()),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_quotes_that_nobody_escaped_stay_in_the_last_column() {
        let rows = read("l.csv", b"a,Log\n1,\"{\"\"log\"\": \"\"x, \"y\", z\"\"}\"\n2,plain\n", &["Log"]).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows.text(0, &["Log"]), Some("{\"log\": \"x, \"y\", z\"}"));
        assert_eq!(rows.text(1, &["nothing", "a"]), Some("2"));
    }

    /// Guarantees: MUST 782 of docs/specs/diagnosis.md.
    #[test]
    fn text_in_the_middle_keeps_its_commas_and_its_lines() {
        let quoted = "t,message,level\n1,\"failed, at\n  line 7\",error\n2,fine,info\n";
        let bare = "t,message,level\n1,failed, at \"x\",error\n  line 7\n2,fine,info\n";
        let rows = read("l.csv", quoted.as_bytes(), &["message"]).unwrap();
        assert_eq!((rows.len(), rows.text(0, &["message"])), (2, Some("failed, at\n  line 7")));
        assert_eq!(rows.text(0, &["level"]), Some("error"));
        let rows = read("l.csv", bare.as_bytes(), &["message"]).unwrap();
        assert_eq!((rows.len(), rows.text(0, &["message"])), (3, Some("failed, at \"x\"")));
        assert_eq!((rows.text(0, &["level"]), rows.text(2, &["level"])), (Some("error"), Some("info")));
        assert_eq!(rows.continued(1).as_deref(), Some("  line 7"));
        assert_eq!(read("l.csv", b"t,message\n", &["message"]).unwrap().len(), 0);
    }
}
