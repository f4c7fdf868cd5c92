//! How does a model in an ONNX file answer rows of a schema? Columns become tensors, tensors become answers.
//!
//! Two forms are understood, which exporters of tabular models make: one input of the shape `[rows, columns]`, or one
//! input `[rows, 1]` for each column, by its name.

use std::error::Error as _;
use std::sync::Arc;

use onnx::{Kind, Model as File, OnnxError, Port, Tensor, Values};
use predict::{Answer, Column, ColumnKind, Fields, Model, PredictError, Predictions, Rows, Schema};
use signal::FeatureValue;

/// A file with the schema of its rows.
struct OnnxModel {
    file: File,
    /// The columns of each input, in its order.
    inputs: Vec<Vec<usize>>,
}

/// Reads a file and fits it to a schema; without one, the inputs of the file say what the columns are.
///
/// # Errors
/// In words for the user: what the file takes, and what does not fit.
pub fn load(bytes: &[u8], schema: Option<Schema>) -> Result<(Box<dyn Model>, Fields), String> {
    let file = File::parse(bytes).map_err(|it| told(&it))?;
    let schema = match schema {
        Some(it) => it,
        None => described(file.inputs())?,
    };
    let fields = Fields::new(demanding(schema, file.inputs())).map_err(|it| it.join("; "))?;
    let inputs = inputs_of(&file, &fields)?;
    let model = OnnxModel { file, inputs };
    model.try_out(&fields)?;
    Ok((Box::new(model), fields))
}

impl OnnxModel {
    /// One row of nothing special goes through, so that a file that can never answer is known at the start.
    fn try_out(&self, fields: &Fields) -> Result<(), String> {
        let value = |it: &Column| match it.kind {
            ColumnKind::Text => FeatureValue::from(it.categories.first().map_or("", |it| &**it)),
            _ => FeatureValue::from(it.seen.map_or(1.0, |it| it[0])),
        };
        let row: Vec<FeatureValue> = fields.schema.columns.iter().map(value).collect();
        let rows = Rows { fields, values: vec![&row] };
        self.predict(&rows).map(drop).map_err(|error| error.to_string())
    }
}

impl Model for OnnxModel {
    fn predict(&self, rows: &Rows<'_>) -> Result<Predictions, PredictError> {
        let failed = |it: OnnxError| PredictError::Model(told(&it));
        let ports = self.file.inputs().iter().zip(&self.inputs);
        let given: Result<Vec<Tensor>, _> = ports.map(|(port, columns)| tensor(port, columns, rows)).collect();
        let outputs = self.file.run(&given.map_err(failed)?, None).map_err(failed)?;
        answers(&outputs, rows).map_err(PredictError::Model)
    }

    fn platform(&self) -> &str {
        "onnx"
    }
}

/// Which columns go into which input.
fn inputs_of(file: &File, fields: &Fields) -> Result<Vec<Vec<usize>>, String> {
    let n = fields.schema.columns.len();
    if let [only] = file.inputs() {
        if !only.fits(&[1, n]) {
            return Err(format!("it takes {}, but its schema has {n} columns", only.text()));
        }
        return Ok(vec![(0..n).collect()]);
    }
    let mut all = vec![];
    for port in file.inputs() {
        let position = fields.position(&port.name);
        let position =
            position.ok_or_else(|| format!("no column of the schema is named as its input {:?}", port.name))?;
        if !port.fits(&[1, 1]) {
            return Err(format!("its input is {}; [rows, 1] is wanted where there are several", port.text()));
        }
        all.push(vec![position]);
    }
    if all.len() == n { Ok(all) } else { Err(format!("it has {} inputs, but its schema has {n} columns", all.len())) }
}

/// A schema from what the file says of its inputs.
fn described(inputs: &[Port]) -> Result<Schema, String> {
    let kind = |port: &Port| match port.kind {
        Some(Kind::Text) => ColumnKind::Text,
        Some(Kind::I64) => ColumnKind::Integer,
        Some(Kind::Bool) => ColumnKind::Flag,
        _ => ColumnKind::Number,
    };
    let columns = match inputs {
        [only] => match only.shape.as_deref() {
            Some([_, Some(n)]) => {
                (0..*n).map(|idx| Column { name: format!("f{idx}"), kind: kind(only), ..Column::default() }).collect()
            }
            _ => return Err(format!("its input is {}; give a schema.json that names the columns", only.text())),
        },
        many => many.iter().map(|it| Column { name: it.name.clone(), kind: kind(it), ..Column::default() }).collect(),
    };
    Ok(Schema { version: 1, columns, ..Schema::default() })
}

/// Only inputs of floating point can be told that a value is missing: columns of the others are required or have a default.
fn demanding(mut schema: Schema, inputs: &[Port]) -> Schema {
    let is_float = |it: &Port| matches!(it.kind, Some(Kind::F32 | Kind::F64) | None);
    for column in &mut schema.columns {
        let port = if let [only] = inputs { Some(only) } else { inputs.iter().find(|it| it.name == column.name) };
        column.required |= column.default.is_none() && port.is_some_and(|it| !is_float(it));
    }
    schema
}

/// The values of some columns, row by row.
fn tensor(port: &Port, columns: &[usize], rows: &Rows<'_>) -> Result<Tensor, OnnxError> {
    let shape = vec![rows.values.len(), columns.len()];
    let cells = rows.values.iter().flat_map(|row| columns.iter().map(|idx| row.get(*idx)));
    let number = |it: Option<&FeatureValue>| it.and_then(FeatureValue::as_number).unwrap_or(f64::NAN);
    let values = match port.kind {
        Some(Kind::Text) => Values::Text(cells.map(|it| it.map_or_else(String::new, ToString::to_string)).collect()),
        Some(Kind::I64) => Values::I64(cells.map(|it| number(it) as i64).collect()),
        Some(Kind::Bool) => Values::Bool(cells.map(|it| number(it) != 0.0).collect()),
        Some(Kind::F64) => Values::F64(cells.map(number).collect()),
        _ => Values::F32(cells.map(|it| number(it) as f32).collect()),
    };
    Tensor::new(shape, values)
}

/// Of a classifier: labels and, behind them, scores of the classes; of a regression: numbers.
fn answers(outputs: &[Tensor], rows: &Rows<'_>) -> Result<Predictions, String> {
    let n = rows.values.len();
    let Some((first, rest)) = outputs.split_first() else { return Err("it has no output".to_owned()) };
    let scores = rest.iter().find_map(|it| scores(it, n));
    let classes = &rows.fields.schema.target.classes;
    match first.values() {
        Values::Text(names) if names.len() == n => {
            let named = names.iter().map(|name| {
                let name: Arc<str> = Arc::from(name.as_str());
                let prediction = FeatureValue::Text(Arc::clone(&name));
                Answer { prediction, label: Some(name), ..Answer::default() }
            });
            Ok(with_scores(named.collect(), scores, None))
        }
        Values::I64(numbers) if numbers.len() == n => {
            let numbered = numbers.iter().map(|it| {
                let label = usize::try_from(*it).ok().and_then(|it| classes.get(it)).cloned();
                Answer { prediction: (*it as f64).into(), label, ..Answer::default() }
            });
            Ok(with_scores(numbered.collect(), scores, Some(numbers)))
        }
        _ => numbers(first, n, classes),
    }
}

/// The rows of a tensor of scores.
fn scores(tensor: &Tensor, n: usize) -> Option<Vec<Vec<f64>>> {
    let all = tensor.values().numbers()?;
    let width = all.len().checked_div(n).filter(|it| *it > 0 && it * n == all.len())?;
    Some(all.chunks(width).map(<[f64]>::to_vec).collect())
}

fn with_scores(mut answers: Predictions, scores: Option<Vec<Vec<f64>>>, numbers: Option<&Vec<i64>>) -> Predictions {
    for (idx, (answer, scores)) in answers.iter_mut().zip(scores.into_iter().flatten()).enumerate() {
        let said = numbers.and_then(|it| usize::try_from(*it.get(idx)?).ok());
        match scores.as_slice() {
            [_, of_one] => answer.probability = Some(*of_one),
            [of_one] => answer.probability = Some(*of_one),
            many => {
                let highest = many.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                answer.probability = said.and_then(|it| many.get(it).copied()).or(Some(highest));
                answer.probabilities = scores;
            }
        }
    }
    answers
}

/// Numbers; or scores of classes without labels, as networks tell them.
fn numbers(first: &Tensor, n: usize, classes: &[Arc<str>]) -> Result<Predictions, String> {
    let rows =
        scores(first, n).ok_or_else(|| format!("its first output has the shape {:?} for {n} rows", first.shape()))?;
    let answer = |row: Vec<f64>| match row.as_slice() {
        [number] => Answer { prediction: (*number).into(), ..Answer::default() },
        _ => {
            let (best, highest) = row
                .iter()
                .copied()
                .enumerate()
                .fold((0, f64::NEG_INFINITY), |best, it| if it.1 > best.1 { it } else { best });
            let of_one = if let [_, it] = row.as_slice() { *it } else { highest };
            let probabilities = if row.len() > 2 { row } else { vec![] };
            let label = classes.get(best).cloned();
            Answer { prediction: (best as f64).into(), label, probability: Some(of_one), probabilities }
        }
    };
    Ok(rows.into_iter().map(answer).collect())
}

fn told(error: &OnnxError) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
