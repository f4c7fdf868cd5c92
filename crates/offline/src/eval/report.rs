//! How is the result of a benchmark told? One table with ours beside the peers', further tables, and JSON of the same.

use std::fmt;

use serde_json::{Map, Value, json};

/// The result of a benchmark.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The benchmark's name, as on the command line.
    pub name: &'static str,
    /// What was measured, in one line.
    pub title: String,
    /// The columns of the main table.
    pub figures: Vec<Figure>,
    /// Our values; the first row is the one that `ours` has in JSON, others stand beside it under their label.
    pub ours: Vec<Row>,
    /// What others reach.
    pub peers: Vec<Row>,
    /// Further tables about ours.
    pub breakdowns: Vec<Breakdown>,
    /// What a reader has to know to read the tables right.
    pub notes: Vec<String>,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Its name in JSON.
    pub key: &'static str,
    /// Its heading for people.
    pub heading: &'static str,
    /// Digits after the point.
    pub n_decimals: usize,
}

impl Figure {
    /// A column.
    pub const fn new(key: &'static str, heading: &'static str, n_decimals: usize) -> Self {
        Self { key, heading, n_decimals }
    }
}

/// A row: one value per column, `None` where it is not known.
#[derive(Clone, Debug)]
pub struct Row {
    /// Whose values these are.
    pub label: String,
    /// The values.
    pub values: Vec<Option<f64>>,
}

impl Row {
    /// A row.
    pub fn new(label: impl Into<String>, values: Vec<Option<f64>>) -> Self {
        Self { label: label.into(), values }
    }
}

/// A further table about ours, for example one row per part of the data.
#[derive(Clone, Debug)]
pub struct Breakdown {
    /// Its name in JSON, under `ours`.
    pub key: &'static str,
    /// What it shows.
    pub title: String,
    /// What its rows are.
    pub rows_are: &'static str,
    /// Its columns.
    pub figures: Vec<Figure>,
    /// Its rows.
    pub rows: Vec<Row>,
}

impl Report {
    /// `{"name", "ours": {...}, "peers": {...}}`.
    pub fn to_json(&self) -> Value {
        let mut rows = self.ours.iter();
        let mut ours = rows.next().map(|it| object(&self.figures, it)).unwrap_or_default();
        ours.extend(rows.map(|it| (it.label.clone(), Value::Object(object(&self.figures, it)))));
        let tables =
            self.breakdowns.iter().map(|it| (it.key.to_owned(), Value::Object(objects(&it.figures, &it.rows))));
        ours.extend(tables);
        json!({ "name": self.name, "ours": ours, "peers": objects(&self.figures, &self.peers), "notes": self.notes })
    }
}

fn objects(figures: &[Figure], rows: &[Row]) -> Map<String, Value> {
    rows.iter().map(|it| (it.label.clone(), Value::Object(object(figures, it)))).collect()
}

fn object(figures: &[Figure], row: &Row) -> Map<String, Value> {
    let known = figures.iter().zip(&row.values).filter_map(|(figure, value)| Some((figure.key, (*value)?)));
    known.map(|(key, value)| (key.to_owned(), json!(value))).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.title)?;
        let rows: Vec<&Row> = self.ours.iter().chain(&self.peers).collect();
        write_table(f, "", &self.figures, &rows)?;
        for breakdown in &self.breakdowns {
            writeln!(f, "\n{}\n", breakdown.title)?;
            write_table(f, breakdown.rows_are, &breakdown.figures, &breakdown.rows.iter().collect::<Vec<_>>())?;
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        self.notes.iter().try_for_each(|it| writeln!(f, "{it}"))
    }
}

/// Labels to the left, numbers to the right, a dash for what is not known.
fn write_table(f: &mut fmt::Formatter<'_>, rows_are: &str, figures: &[Figure], rows: &[&Row]) -> fmt::Result {
    let label_width = rows.iter().map(|it| it.label.chars().count()).chain([rows_are.len()]).max().unwrap_or(0);
    let cells: Vec<Vec<String>> = rows.iter().map(|it| cells(figures, it)).collect();
    let widths: Vec<usize> = figures
        .iter()
        .enumerate()
        .map(|(idx, figure)| {
            let longest = cells.iter().filter_map(|it| it.get(idx)).map(String::len).max().unwrap_or(0);
            longest.max(figure.heading.len())
        })
        .collect();
    write!(f, "{rows_are:<label_width$}")?;
    figures.iter().zip(&widths).try_for_each(|(figure, width)| write!(f, "  {:>width$}", figure.heading))?;
    writeln!(f)?;
    for (row, cells) in rows.iter().zip(&cells) {
        write!(f, "{:<label_width$}", row.label)?;
        cells.iter().zip(&widths).try_for_each(|(cell, width)| write!(f, "  {cell:>width$}"))?;
        writeln!(f)?;
    }
    Ok(())
}

fn cells(figures: &[Figure], row: &Row) -> Vec<String> {
    let text = |(figure, value): (&Figure, &Option<f64>)| match value {
        Some(value) => format!("{value:.*}", figure.n_decimals),
        None => "-".to_owned(),
    };
    figures.iter().zip(&row.values).map(text).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn report() -> Report {
        const FIGURES: [Figure; 2] = [Figure::new("auc", "AUC", 2), Figure::new("n_hits", "hits", 0)];
        Report {
            name: "x",
            title: "X".to_owned(),
            figures: FIGURES.to_vec(),
            ours: vec![Row::new("sentinel", vec![Some(0.915), Some(10.0)]), Row::new("frozen", vec![Some(0.9), None])],
            peers: vec![Row::new("other", vec![None, Some(7.0)])],
            breakdowns: vec![Breakdown {
                key: "parts",
                title: "By part".to_owned(),
                rows_are: "part",
                figures: FIGURES[..1].to_vec(),
                rows: vec![Row::new("a", vec![Some(1.0)])],
            }],
            notes: vec!["One note.".to_owned()],
        }
    }

    #[test]
    fn people_get_aligned_tables() {
        expect![[r#"
            X

                       AUC  hits
            sentinel  0.92    10
            frozen    0.90     -
            other        -     7

            By part

            part   AUC
            a     1.00

            One note.
        "#]]
        .assert_eq(&report().to_string());
    }

    #[test]
    fn programs_get_the_promised_shape() {
        expect![[r#"{"name":"x","notes":["One note."],"ours":{"auc":0.915,"frozen":{"auc":0.9},"n_hits":10.0,"parts":{"a":{"auc":1.0}}},"peers":{"other":{"n_hits":7.0}}}"#]]
            .assert_eq(&report().to_json().to_string());
    }
}
