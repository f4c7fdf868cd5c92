//! Do models that were exported from scikit-learn answer as scikit-learn did? The files and what the originals answered are
//! made by `models/make.py`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::path::{Path, PathBuf};

use onnx::{Kind, Limits, Model, Tensor, Values};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

fn read(name: &str) -> (Model, Value) {
    let model = Model::read(&folder().join(format!("{name}.onnx")), &Limits::default());
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    (model.unwrap_or_else(|error| panic!("{name}: {error}")), serde_json::from_str(&text).unwrap())
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|it| it.as_f64().unwrap_or(f64::NAN)).collect()
}

fn tensor(told: &Value) -> Tensor {
    let shape = told["shape"].as_array().unwrap().iter().map(|it| it.as_u64().unwrap() as usize).collect();
    let values = match told["type"].as_str().unwrap() {
        "float32" => Values::F32(floats(&told["values"]).into_iter().map(|it| it as f32).collect()),
        "float64" => Values::F64(floats(&told["values"])),
        "int64" => Values::I64(told["values"].as_array().unwrap().iter().map(|it| it.as_i64().unwrap()).collect()),
        _ => {
            Values::Text(told["values"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect())
        }
    };
    Tensor::new(shape, values).unwrap()
}

fn inputs(model: &Model, told: &Value) -> Vec<Tensor> {
    model.inputs().iter().map(|port| tensor(&told["inputs"][&port.name])).collect()
}

/// Largest difference of scores; labels are compared here.
fn difference(name: &str, told: &Value, outputs: &[Tensor]) -> f64 {
    let expected: Vec<f64> = told["scores"].as_array().unwrap().iter().flat_map(floats).collect();
    if let Some(labels) = told.get("labels") {
        match outputs[0].values() {
            Values::Text(are) => {
                let are: Vec<Value> = are.iter().cloned().map(Value::from).collect();
                assert_eq!(&are, labels.as_array().unwrap(), "{name}");
            }
            Values::I64(are) => {
                let are: Vec<Value> = are.iter().copied().map(Value::from).collect();
                assert_eq!(&are, labels.as_array().unwrap(), "{name}");
            }
            other => panic!("{name}: labels are {other:?}"),
        }
    }
    let are = outputs.last().unwrap().values().numbers().unwrap();
    assert_eq!(are.len(), expected.len(), "{name}");
    are.iter().zip(&expected).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f64::max)
}

/// MUST 433: predictions equal those of the exported model; scores are 32-bit numbers in the format.
#[test]
fn answers_as_the_original() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|it| it.unwrap().file_name().to_str()?.strip_suffix(".onnx").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 20, "{names:?}");
    let mut failed = vec![];
    for name in &names {
        let (model, told) = read(name);
        match model.run(&inputs(&model, &told), None) {
            Ok(outputs) => {
                let apart = difference(name, &told, &outputs);
                println!("{name}: {apart:e}");
                if apart.is_nan() || apart > 2e-5 {
                    failed.push(format!("{name}: apart by {apart}"));
                }
            }
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// MUST 434: a row alone is answered as it is among others, so that the number of rows does not matter.
#[test]
fn a_row_is_answered_alone_as_among_others() {
    for name in ["forest_binary", "columns_logistic", "network"] {
        let (model, told) = read(name);
        let all = inputs(&model, &told);
        let whole = model.run(&all, None).unwrap().last().unwrap().values().numbers().unwrap();
        let n = all[0].shape()[0];
        for row in 0..n {
            let one: Vec<Tensor> = all.iter().map(|it| part(it, row)).collect();
            let alone = model.run(&one, None).unwrap().last().unwrap().values().numbers().unwrap();
            assert_eq!(alone, whole[row * alone.len()..(row + 1) * alone.len()], "{name} {row}");
        }
    }
}

fn part(tensor: &Tensor, row: usize) -> Tensor {
    let width: usize = tensor.shape()[1..].iter().product();
    let range = row * width..(row + 1) * width;
    let values = match tensor.values() {
        Values::F32(of) => Values::F32(of[range].to_vec()),
        Values::F64(of) => Values::F64(of[range].to_vec()),
        Values::I64(of) => Values::I64(of[range].to_vec()),
        Values::Bool(of) => Values::Bool(of[range].to_vec()),
        Values::Text(of) => Values::Text(of[range].to_vec()),
    };
    Tensor::new([&[1], &tensor.shape()[1..]].concat(), values).unwrap()
}

/// MUST 435: several threads run one model at once.
#[test]
fn threads_run_one_model_at_once() {
    let (model, told) = read("columns_forest");
    let given = inputs(&model, &told);
    let expected = model.run(&given, None).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(model.run(&given, None).unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn inputs_and_outputs_are_described() {
    let (model, _) = read("columns_forest");
    let texts: Vec<String> = model.inputs().iter().map(onnx::Port::text).collect();
    assert_eq!(texts, ["plan text [any, 1]", "age float32 [any, 1]", "calls int64 [any, 1]", "region text [any, 1]"]);
    let (network, _) = read("network");
    assert_eq!(network.outputs()[0].text(), "y float32 [any, 3]");
    assert_eq!(network.outputs()[0].kind, Some(Kind::F32));
}
