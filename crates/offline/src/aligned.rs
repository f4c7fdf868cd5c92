//! How are rows printed for people? Columns as wide as their widest cell.

/// Prints a heading and rows.
pub fn print(heading: &[String], rows: &[Vec<String>]) {
    let width = |idx: usize| {
        let cells = rows
            .iter()
            .chain(std::iter::once(&heading.to_vec()))
            .filter_map(|it| it.get(idx))
            .map(|it| it.chars().count())
            .max();
        cells.unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    for row in std::iter::once(heading).chain(rows.iter().map(Vec::as_slice)) {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("{}", cells.join("  ").trim_end());
    }
}
