//! What can a model learn from the columns of a table? Types, ranges, categories and defaults, from the training rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use learn::trees::forest;
use predict::{Column, ColumnKind, Fields, Schema};
use signal::FeatureValue;

use crate::bad_input::BadInput;
use crate::table::Table;

/// Categories of a column at most; a column with more is a name or an identity.
const MOST_CATEGORIES: usize = 10_000;

/// What stands for "missing" in text files.
fn is_missing(cell: &str) -> bool {
    matches!(cell.trim(), "" | "?" | "NA" | "N/A" | "NaN" | "nan" | "null" | "None")
}

/// The schema of these columns, as the training rows have them.
pub fn schema(table: &Table, features: &[usize], train: &[usize]) -> Result<Schema, BadInput> {
    let columns = features.iter().map(|it| column(table, *it, train)).collect::<Result<_, _>>()?;
    Ok(Schema { version: predict::VERSION, columns, ..Schema::default() })
}

fn column(table: &Table, idx: usize, train: &[usize]) -> Result<Column, BadInput> {
    let name = table.columns.get(idx).map_or_else(String::new, |it| it.name.clone());
    let cells: Vec<String> = train.iter().map(|row| table.cell(*row, idx).trim().to_owned()).collect();
    let given: Vec<&str> = cells.iter().map(String::as_str).filter(|it| !is_missing(it)).collect();
    let numbers: Option<Vec<f64>> = given.iter().map(|it| finite(it)).collect();
    match numbers.filter(|it| !it.is_empty()) {
        Some(numbers) => Ok(of_numbers(name, numbers)),
        None => of_text(table, name, &given),
    }
}

fn finite(cell: &str) -> Option<f64> {
    cell.parse::<f64>().ok().filter(|it| it.is_finite())
}

fn of_numbers(name: String, mut numbers: Vec<f64>) -> Column {
    numbers.sort_by(f64::total_cmp);
    let median = numbers.get(numbers.len() / 2).copied();
    let is_whole = numbers.iter().all(|it| it.fract() == 0.0);
    Column {
        name,
        kind: if is_whole { ColumnKind::Integer } else { ColumnKind::Number },
        default: median.map(FeatureValue::Number),
        seen: numbers.first().copied().zip(numbers.last().copied()).map(|(low, high)| [low, high]),
        ..Column::default()
    }
}

fn of_text(table: &Table, name: String, given: &[&str]) -> Result<Column, BadInput> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for cell in given {
        *counts.entry(cell).or_default() += 1;
    }
    if counts.len() > MOST_CATEGORIES {
        let found = format!("column {name:?} has {} different texts", counts.len());
        return Err(BadInput::of_file(&table.file, found, format!("leave it out with --ignore {name:?}")));
    }
    // The first of the most frequent, so that the order of rows does not matter.
    let most = counts.iter().fold(None, |best: Option<(&str, usize)>, (text, count)| match best {
        Some((_, most)) if most >= *count => best,
        _ => Some((text, *count)),
    });
    Ok(Column {
        name,
        kind: ColumnKind::Text,
        default: most.map(|it| FeatureValue::Text(it.0.into())),
        categories: counts.keys().map(|it| Arc::from(*it)).collect(),
        ..Column::default()
    })
}

/// The cells of some rows as values.
pub fn values(table: &Table, schema: &Schema, features: &[usize], rows: &[usize]) -> Vec<Vec<FeatureValue>> {
    let value = |row: usize, idx: usize, column: &Column| {
        let cell = table.cell(row, idx);
        let cell = cell.trim();
        match column.kind {
            _ if is_missing(cell) => FeatureValue::Missing,
            ColumnKind::Text => FeatureValue::Text(cell.into()),
            _ => finite(cell).map_or(FeatureValue::Missing, FeatureValue::Number),
        }
    };
    let of_row = |row: &usize| features.iter().zip(&schema.columns).map(|(idx, it)| value(*row, *idx, it)).collect();
    rows.iter().map(of_row).collect()
}

/// The same by column, for the forest.
pub fn for_forest(fields: &Fields, rows: &[Vec<FeatureValue>]) -> Vec<forest::Column> {
    let column = |(idx, column): (usize, &Column)| {
        let values = rows.iter().map(|row| row.get(idx).unwrap_or(&FeatureValue::Missing));
        if column.kind == ColumnKind::Text {
            let code = |value: &FeatureValue| match value {
                FeatureValue::Text(it) => fields.category(idx, it),
                _ => None,
            };
            return forest::Column::Categories(values.map(code).collect(), column.categories.len() as u32);
        }
        forest::Column::Numbers(values.map(|it| it.as_number().unwrap_or(f64::NAN)).collect())
    };
    fields.schema.columns.iter().enumerate().map(column).collect()
}
