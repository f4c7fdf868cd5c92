//! What do bodies of model servers say? Rows of features from requests and predictions from answers, in the shapes of the
//! Open Inference Protocol, MLflow, TensorFlow Serving and KServe v1, Seldon and BentoML, told apart by their keys.

use std::sync::Arc;

use serde_json::{Map, Value};
use signal::FeatureValue;

/// Rows of a body at most; the rest is not logged, and counted.
pub const MOST_ROWS: usize = 10_000;
/// Features of a row at most.
const MOST_FEATURES: usize = 4096;

/// Named values of a row.
pub type Features = Vec<(Arc<str>, FeatureValue)>;

/// A prediction of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// A number or a class.
    pub prediction: FeatureValue,
    /// Of class 1 of two, or of the predicted class.
    pub probability: Option<f64>,
    /// Of each class, of more than two.
    pub probabilities: Vec<f64>,
}

/// The rows of a request; none if it has none of the known shapes.
pub fn rows(body: &Value) -> Option<Vec<Features>> {
    if let Value::Array(list) = body {
        return of_list(list, &[]);
    }
    let get = |key: &str| body.get(key);
    if let Some(split) = get("dataframe_split") {
        return of_list(split.get("data")?.as_array()?, &names(split.get("columns")));
    }
    if let Some(data) = get("data").and_then(Value::as_object) {
        let names = names(data.get("names"));
        let tensor = || matrix(data.get("tensor")?.get("shape"), data.get("tensor")?.get("values")?);
        let rows = data.get("ndarray").and_then(Value::as_array).cloned().or_else(tensor)?;
        return of_list(&rows, &names);
    }
    if let Some(inputs) = get("inputs") {
        return of_inputs(inputs);
    }
    let lists = ["dataframe_records", "instances", "input_data", "data", "rows"];
    if let Some(list) = lists.iter().find_map(|key| get(key)?.as_array()) {
        return of_list(list, &names(get("columns")));
    }
    // BentoML names its one argument as the program does.
    match body.as_object() {
        Some(object) if object.len() == 1 => of_list(object.values().next()?.as_array()?, &[]),
        Some(object) if object.values().all(|it| !it.is_array() && !it.is_object()) => Some(vec![of_object(object)]),
        _ => None,
    }
}

/// Tensors of the Open Inference Protocol, or columns by name (MLflow, TensorFlow Serving), or rows.
fn of_inputs(inputs: &Value) -> Option<Vec<Features>> {
    match inputs {
        Value::Array(list) if list.iter().all(|it| it.get("data").is_some() && it.get("name").is_some()) => {
            let mut columns = Map::new();
            for tensor in list {
                let rows = matrix(tensor.get("shape"), tensor.get("data")?)?;
                columns.insert(tensor.get("name")?.as_str()?.to_owned(), Value::Array(rows));
            }
            by_column(&columns)
        }
        Value::Array(list) => of_list(list, &[]),
        Value::Object(columns) => by_column(columns),
        _ => None,
    }
}

fn by_column(columns: &Map<String, Value>) -> Option<Vec<Features>> {
    let n = columns.values().map(|it| it.as_array().map_or(0, Vec::len)).max()?.min(MOST_ROWS);
    let mut rows = vec![Features::new(); n];
    for (name, values) in columns {
        for (row, value) in rows.iter_mut().zip(values.as_array()?) {
            match value {
                Value::Array(cells) if cells.len() == 1 => push(row, name, cells.first()?),
                Value::Array(cells) if columns.len() == 1 => positions(row, cells, &[]),
                Value::Array(cells) => {
                    cells.iter().enumerate().for_each(|(idx, it)| push(row, &format!("{name}_{idx}"), it));
                }
                value => push(row, name, value),
            }
        }
    }
    Some(rows)
}

fn of_list(list: &[Value], names: &[Arc<str>]) -> Option<Vec<Features>> {
    let row = |it: &Value| match it {
        Value::Object(object) => Some(of_object(object)),
        Value::Array(cells) => {
            let mut row = Features::new();
            positions(&mut row, cells, names);
            Some(row)
        }
        _ => None,
    };
    if !list.is_empty() && list.iter().all(|it| !it.is_array() && !it.is_object()) {
        // One row that is not in a list of rows.
        let mut row = Features::new();
        positions(&mut row, list, names);
        return Some(vec![row]);
    }
    list.iter().take(MOST_ROWS).map(row).collect()
}

fn of_object(object: &Map<String, Value>) -> Features {
    let mut row = Features::new();
    object.iter().for_each(|(name, value)| push(&mut row, name, value));
    row
}

fn positions(row: &mut Features, cells: &[Value], names: &[Arc<str>]) {
    for (idx, cell) in cells.iter().enumerate() {
        match names.get(idx) {
            Some(name) => push(row, name, cell),
            None => push(row, &format!("f{idx}"), cell),
        }
    }
}

fn push(row: &mut Features, name: &str, value: &Value) {
    if row.len() < MOST_FEATURES {
        row.push((name.into(), scalar(value)));
    }
}

/// A single value; lists and objects within a row are kept as their JSON.
pub fn scalar(value: &Value) -> FeatureValue {
    match value {
        Value::Null => FeatureValue::Missing,
        Value::Bool(it) => FeatureValue::Flag(*it),
        Value::Number(it) => it.as_f64().map_or(FeatureValue::Missing, FeatureValue::Number),
        Value::String(it) => it.as_str().into(),
        other => other.to_string().chars().take(1000).collect::<String>().as_str().into(),
    }
}

fn names(value: Option<&Value>) -> Vec<Arc<str>> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(|it| Some(it.as_str()?.into())).collect()
}

/// A tensor, flat or nested, as a list of its first dimension; what lies deeper is a row.
fn matrix(shape: Option<&Value>, data: &Value) -> Option<Vec<Value>> {
    let list = data.as_array()?;
    let shape: Vec<usize> =
        shape.and_then(Value::as_array).into_iter().flatten().filter_map(|it| Some(it.as_u64()? as usize)).collect();
    let is_flat = list.first().is_none_or(|it| !it.is_array());
    match shape.as_slice() {
        [n, rest @ ..] if is_flat && !rest.is_empty() => {
            let width = rest.iter().try_fold(1_usize, |all, it| all.checked_mul(*it))?;
            if width == 0 || n.checked_mul(width)? != list.len() {
                return None;
            }
            Some(list.chunks(width).map(|it| Value::Array(it.to_vec())).collect())
        }
        _ => Some(list.clone()),
    }
}

/// The predictions of an answer; none if it has none of the known shapes.
pub fn told(body: &Value) -> Option<Vec<Told>> {
    if let Some(outputs) = body.get("outputs") {
        return match outputs {
            Value::Array(list) if list.iter().all(|it| it.get("data").is_some()) => of_outputs(list),
            Value::Array(list) => Some(list.iter().map(one).collect()),
            Value::Object(columns) => Some(columns.values().next()?.as_array()?.iter().map(one).collect()),
            _ => None,
        };
    }
    if let Some(data) = body.get("data").and_then(Value::as_object) {
        let tensor = || matrix(data.get("tensor")?.get("shape"), data.get("tensor")?.get("values")?);
        let rows = data.get("ndarray").and_then(Value::as_array).cloned().or_else(tensor)?;
        return Some(rows.iter().map(one).collect());
    }
    let list = body.get("predictions").or(Some(body)).and_then(Value::as_array);
    match list {
        Some(list) => Some(list.iter().take(MOST_ROWS).map(one).collect()),
        None if body.get("prediction").is_some() => Some(vec![one(body)]),
        None => None,
    }
}

/// Tensors of the Open Inference Protocol: the first is the prediction; one of numbers with `prob` in its name, and one
/// that is a row of numbers, are probabilities.
fn of_outputs(list: &[Value]) -> Option<Vec<Told>> {
    let is_of_probabilities =
        |it: &&Value| it.get("name").and_then(Value::as_str).is_some_and(|it| it.to_lowercase().contains("prob"));
    let rows = |it: &Value| matrix(it.get("shape"), it.get("data")?);
    let first = list.iter().find(|it| !is_of_probabilities(it)).or(list.first())?;
    let mut all: Vec<Told> = rows(first)?.iter().take(MOST_ROWS).map(one).collect();
    if let Some(other) = list.iter().find(is_of_probabilities).filter(|it| !std::ptr::eq(*it, first)) {
        for (told, row) in all.iter_mut().zip(rows(other)?) {
            let Told { probability, probabilities, .. } = one(&row);
            told.probabilities = probabilities;
            told.probability = probability.or_else(|| row.as_f64().or_else(|| row.as_array()?.last()?.as_f64()));
        }
    }
    Some(all)
}

/// A prediction: a value, an object with one, or a row of probabilities.
fn one(value: &Value) -> Told {
    match value {
        Value::Array(list) if list.len() == 1 => list.first().map(one).unwrap_or_default(),
        Value::Array(list) => {
            let numbers: Vec<f64> = list.iter().filter_map(Value::as_f64).collect();
            let is_share = |it: &f64| (0.0..=1.0).contains(it);
            if numbers.len() != list.len()
                || !numbers.iter().all(is_share)
                || (numbers.iter().sum::<f64>() - 1.0).abs() > 1e-3
            {
                return Told { prediction: scalar(value), ..Told::default() };
            }
            let best = numbers
                .iter()
                .enumerate()
                .fold((0, f64::NEG_INFINITY), |best, (idx, it)| if *it > best.1 { (idx, *it) } else { best });
            let is_of_two = numbers.len() == 2;
            Told {
                prediction: (best.0 as f64).into(),
                probability: if is_of_two { numbers.last().copied() } else { Some(best.1) },
                probabilities: if is_of_two { vec![] } else { numbers },
            }
        }
        Value::Object(object) => {
            let value =
                ["prediction", "predictions", "predict", "class", "label"].iter().find_map(|it| object.get(*it));
            Told {
                prediction: value.map(scalar).unwrap_or_default(),
                probability: ["probability", "score"].iter().find_map(|it| object.get(*it)?.as_f64()),
                probabilities: vec![],
            }
        }
        value => Told { prediction: scalar(value), ..Told::default() },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Vec<Vec<(String, String)>> {
        let rows = rows(&body).unwrap_or_else(|| panic!("{body}"));
        rows.iter().map(|row| row.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()).collect()
    }

    #[test]
    fn rows_of_every_shape_are_the_same() {
        let named = [
            json!({"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [2, null]]}}),
            json!({"dataframe_records": [{"a": 1, "b": "x"}, {"a": 2, "b": null}]}),
            json!({"instances": [{"a": 1, "b": "x"}, {"a": 2, "b": null}]}),
            json!({"inputs": {"a": [1, 2], "b": ["x", null]}}),
            json!({"inputs": [
                {"name": "a", "shape": [2, 1], "datatype": "FP64", "data": [1, 2]},
                {"name": "b", "shape": [2], "datatype": "BYTES", "data": ["x", null]},
            ]}),
            json!({"data": {"names": ["a", "b"], "ndarray": [[1, "x"], [2, null]]}}),
            json!([{"a": 1, "b": "x"}, {"a": 2, "b": null}]),
        ];
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for body in named {
            assert_eq!(read(body), [[pair("a", "1"), pair("b", "x")], [pair("a", "2"), pair("b", "")]]);
        }
        let unnamed = [
            json!({"instances": [[1, 2], [3, 4]]}),
            json!({"inputs": [{"name": "input", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}]}),
            json!({"data": {"tensor": {"shape": [2, 2], "values": [1, 2, 3, 4]}}}),
            json!({"input_data": [[1, 2], [3, 4]]}),
            json!({"input_series": [[1, 2], [3, 4]]}),
        ];
        for body in unnamed {
            assert_eq!(read(body), [[pair("f0", "1"), pair("f1", "2")], [pair("f0", "3"), pair("f1", "4")]]);
        }
        assert_eq!(read(json!({"a": 1, "b": "x"})), [[pair("a", "1"), pair("b", "x")]]);
        for nothing in [json!("text"), json!({"x": {"y": 1}}), json!({"inputs": 3}), json!(null)] {
            assert_eq!(rows(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn predictions_of_every_shape_are_read() {
        let of = |body: Value| told(&body).unwrap_or_else(|| panic!("{body}"));
        let plain = |it: f64| Told { prediction: it.into(), ..Told::default() };
        assert_eq!(of(json!({"predictions": [1, 0]})), [plain(1.0), plain(0.0)]);
        assert_eq!(of(json!({"predictions": [[12.5], [3.0]]})), [plain(12.5), plain(3.0)]);
        let two = Told { prediction: 1.0.into(), probability: Some(0.75), probabilities: vec![] };
        assert_eq!(of(json!({"predictions": [[0.25, 0.75]]})), std::slice::from_ref(&two));
        assert_eq!(
            of(json!({"data": {"names": ["t:0", "t:1"], "ndarray": [[0.25, 0.75]]}})),
            std::slice::from_ref(&two)
        );
        let outputs = json!({"outputs": [
            {"name": "predict", "shape": [1], "datatype": "INT64", "data": [1]},
            {"name": "predict_proba", "shape": [1, 2], "datatype": "FP64", "data": [0.25, 0.75]},
        ]});
        assert_eq!(of(outputs), [two]);
        let three = of(json!({"predictions": [[0.2, 0.7, 0.1]]}));
        assert_eq!((three[0].probability, three[0].probabilities.len()), (Some(0.7), 3));
        assert_eq!(told(&json!({"error": "no"})), None);
    }
}
