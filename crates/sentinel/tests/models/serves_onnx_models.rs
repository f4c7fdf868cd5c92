//! Does the server answer with models in ONNX files as scikit-learn did, which made them?
#![cfg(feature = "onnx")]

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::support::server::{QUIET, Server};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx/tests/models")
}

/// What the original was given and what it answered.
fn told(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap()).unwrap()
}

/// The rows of the original's inputs, in the words of the API.
fn rows(told: &Value) -> Vec<Value> {
    let inputs = told["inputs"].as_object().unwrap();
    let n = inputs.values().next().unwrap()["shape"][0].as_u64().unwrap() as usize;
    let row = |idx: usize| {
        let mut row = Map::new();
        for (name, input) in inputs {
            let width = input["shape"][1].as_u64().unwrap() as usize;
            for column in 0..width {
                let name = if width == 1 { name.clone() } else { format!("f{column}") };
                row.insert(name, input["values"][idx * width + column].clone());
            }
        }
        Value::Object(row)
    };
    (0..n).map(row).collect()
}

fn close(answer: &Value, expected: &Value) -> bool {
    (answer.as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 1e-5 * expected.as_f64().unwrap().abs().max(1.0)
}

/// MUST 500: a model is served as its maker left it; here columns of text and numbers, classes with names, numbers.
#[test]
fn models_of_scikit_learn_are_served() {
    let models: Vec<String> = ["columns_logistic", "forest_text_labels", "forest_regressor"]
        .iter()
        .map(|it| format!("{{name: {it}, path: {:?}}}", folder().join(format!("{it}.onnx"))))
        .collect();
    let server = Server::start("onnx-models", &format!("{QUIET}\npredict:\n  models: [{}]\n", models.join(", ")));
    for name in ["columns_logistic", "forest_text_labels", "forest_regressor"] {
        let told = told(name);
        for (idx, row) in rows(&told).iter().enumerate() {
            let answer = server.post_json(&format!("/models/{name}/predict"), row).json();
            let scores = told["scores"][idx].as_array().unwrap();
            match scores.as_slice() {
                [number] => assert!(close(&answer["prediction"], number), "{name} {idx}: {answer}"),
                [_, of_one] => {
                    assert_eq!(answer["prediction"], told["labels"][idx], "{name} {idx}: {answer}");
                    assert!(close(&answer["probability"], of_one), "{name} {idx}: {answer}");
                }
                many => {
                    assert_eq!(answer["prediction"], told["labels"][idx], "{name} {idx}: {answer}");
                    let all = answer["probabilities"].as_array().unwrap();
                    assert!(all.iter().zip(many).all(|(a, b)| close(a, b)), "{name} {idx}: {answer}");
                }
            }
        }
    }
    // A whole number cannot be told as missing to this model: nothing is made up for it.
    let answer =
        server.post_json("/models/columns_logistic/predict", &json!({"plan": "pro", "region": "north"})).json();
    assert_eq!(answer["status"], 422, "{answer}");
    assert!(answer.to_string().contains("calls"), "{answer}");
}
