//! How does a table of shades look? Drawn on the server, so that it needs no script.

use maud::{Markup, html};

/// One row.
pub struct Row {
    /// Its name.
    pub name: String,
    /// From left to right.
    pub cells: Vec<Cell>,
}

/// One cell.
pub struct Cell {
    /// How dark, 0 to 1; none if there is nothing.
    pub share: Option<f64>,
    /// Whether it has a frame.
    pub is_marked: bool,
    /// What it says when it is pointed at.
    pub title: String,
    /// Where it leads.
    pub link: String,
}

/// Width and height of a cell, in the picture's own units.
const SIZE: f64 = 16.0;
/// Room for names.
const LEFT: f64 = 190.0;

/// The table.
pub fn heatmap(rows: &[Row]) -> Markup {
    let n_columns = rows.iter().map(|it| it.cells.len()).max().unwrap_or(0);
    let (width, height) = (LEFT + n_columns as f64 * SIZE + 4.0, rows.len() as f64 * SIZE + 4.0);
    html! {
        svg.heat viewBox={ "0 0 " (width) " " (height) } width=(width * 1.5) role="img" aria-label="Drift of features over comparisons" data-testid="heatmap" {
            @for (row_idx, row) in rows.iter().enumerate() {
                text x=(LEFT - 6.0) y=(row_idx as f64 * SIZE + 13.0) text-anchor="end" { (shortened(&row.name)) }
                @for (idx, cell) in row.cells.iter().enumerate() {
                    a href=(cell.link) {
                        rect class={ "heat-cell" @if cell.is_marked { " marked" } @if cell.share.is_none() { " none" } }
                            x=(LEFT + idx as f64 * SIZE + 1.0) y=(row_idx as f64 * SIZE + 1.0) width=(SIZE - 2.0) height=(SIZE - 2.0)
                            fill-opacity=(format!("{:.2}", cell.share.unwrap_or(0.0).clamp(0.04, 1.0))) { title { (cell.title) } }
                    }
                }
            }
        }
    }
}

fn shortened(name: &str) -> String {
    const MOST: usize = 26;
    match name.char_indices().nth(MOST) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}...", name.get(..end).unwrap_or_default()),
    }
}
