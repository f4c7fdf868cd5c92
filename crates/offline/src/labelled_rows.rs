//! Which rows of a reference file say how right the model was? Those with its answer beside the truth.

use std::path::Path;

use drift::Profile;
use drift::watch::EstimateRow;
use signal::FeatureValue;

use super::bad_input::BadInput;
use super::table::{Column, Table, Values};

/// Columns of answers, named as in the log of predictions.
const PREDICTION: &str = "prediction";
const PROBABILITY: &str = "probability";

/// Rows with an answer and the truth, which is in the column `target`; none if the file has no answers.
///
/// # Errors
/// If the file cannot be read.
pub fn labelled_rows(path: &Path, profile: &Profile, target: &str) -> Result<Vec<EstimateRow>, BadInput> {
    if !profile.columns.iter().any(|it| it.name == PREDICTION) {
        return Ok(vec![]);
    }
    // A stored profile has columns and no rows.
    let Ok(table) = Table::read(path) else { return Ok(vec![]) };
    let find = |name: &str| table.columns.iter().find(|it| it.name == name);
    let (Some(answers), Some(truth)) = (find(PREDICTION), find(target)) else { return Ok(vec![]) };
    let probabilities = find(PROBABILITY);
    let is_input = |it: &&Column| profile.columns.iter().any(|own| own.name == it.name) && !drift::is_answer(&it.name);
    let inputs: Vec<&Column> = table.columns.iter().filter(is_input).collect();
    let row = |idx: usize| {
        let probability = probabilities.and_then(|it| value(it, idx).as_number());
        let features = if probability.is_some() { vec![] } else { features(&inputs, idx) };
        let (prediction, label) = (value(answers, idx), Some(value(truth, idx)));
        EstimateRow { prediction, probability, probabilities: vec![], label, features }
    };
    Ok((0..table.n_rows()).map(row).collect())
}

fn features(inputs: &[&Column], row: usize) -> Vec<(std::sync::Arc<str>, FeatureValue)> {
    inputs.iter().map(|it| (it.name.as_str().into(), value(it, row))).collect()
}

fn value(column: &Column, row: usize) -> FeatureValue {
    match &column.values {
        Values::Numbers(all) => all.get(row).copied().unwrap_or(f64::NAN).into(),
        Values::Text(cells) => {
            let cell = cells.get(row).trim();
            if drift::is_missing(cell) {
                return FeatureValue::Missing;
            }
            cell.parse::<f64>().map_or_else(|_| cell.into(), FeatureValue::Number)
        }
    }
}
