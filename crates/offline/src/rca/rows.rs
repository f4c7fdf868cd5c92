//! How are tables read whose rows hold free text? Line by line, and what is left over goes into the last column.
//!
//! Log tables in the wild hold quotes and commas that nobody escaped (Nezha's do): a reader that follows RFC 4180 gives
//! up or, worse, swallows lines.

use crate::bad_input::{BadInput, Place};

/// Rows with named columns.
pub struct Rows {
    file: String,
    names: Vec<String>,
    rows: Vec<(u64, Vec<String>)>,
}

/// Reads a whole file; its first line has the names of the columns.
///
/// # Errors
/// If it has no rows, or is not UTF-8.
pub fn read(file: &str, bytes: &[u8]) -> Result<Rows, BadInput> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        BadInput::of_file(file, format!("it is not UTF-8 after byte {}", error.valid_up_to()), "save it as UTF-8")
    })?;
    let mut lines = (1..).zip(text.lines());
    let heading = lines.next().map(|it| it.1).unwrap_or_default();
    let names: Vec<String> = heading.split(',').map(|it| it.trim().trim_matches('"').to_owned()).collect();
    let rows: Vec<(u64, Vec<String>)> = lines
        .filter(|(_, line)| !line.is_empty() && *line != heading)
        .map(|(number, line)| (number, cells(line, names.len())))
        .collect();
    if rows.is_empty() {
        return Err(BadInput::of_file(file, "it has no rows", "give a heading and at least one row"));
    }
    Ok(Rows { file: file.to_owned(), names, rows })
}

fn cells(line: &str, n_columns: usize) -> Vec<String> {
    let cells = line.splitn(n_columns, ',');
    cells
        .map(|it| it.strip_prefix('"').map_or(it, |it| it.strip_suffix('"').unwrap_or(it)).replace("\"\"", "\""))
        .collect()
}

impl Rows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The cell of the first of these columns that is there.
    pub fn text(&self, row: usize, names: &[&str]) -> Option<&str> {
        let column = self.column(names)?;
        self.rows.get(row)?.1.get(column).map(String::as_str)
    }

    fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.names.iter().position(|it| it == name))
    }

    /// The problem of a row.
    pub fn bad(&self, row: usize, names: &[&str], found: &str) -> BadInput {
        let column = self.column(names).map(|it| (it + 1, self.names.get(it).cloned().unwrap_or_default()));
        let line = self.rows.get(row).map_or(0, |it| it.0);
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
        let rows = read("l.csv", b"a,Log\n1,\"{\"\"log\"\": \"\"x, \"y\", z\"\"}\"\n2,plain\n").unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows.text(0, &["Log"]), Some("{\"log\": \"x, \"y\", z\"}"));
        assert_eq!(rows.text(1, &["nothing", "a"]), Some("2"));
    }
}
