//! What do files that are no models, and inputs that do not fit, come to? An error that says what is wrong.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use onnx::{Limits, Model, OnnxError, Tensor, Values};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

fn network() -> Model {
    Model::read(&path("network.onnx"), &Limits::default()).unwrap()
}

fn error(given: Vec<Tensor>) -> String {
    network().run(&given, None).unwrap_err().to_string()
}

fn tensor(shape: &[usize], value: f32) -> Tensor {
    Tensor::new(shape.to_vec(), Values::F32(vec![value; shape.iter().product()])).unwrap()
}

/// MUST 436: inputs that do not fit are told by name, with what is wanted.
#[test]
fn inputs_that_do_not_fit_are_told() {
    assert_eq!(error(vec![]), "0 inputs were given, the model wants 1: x");
    assert_eq!(error(vec![tensor(&[2, 5], 1.0)]), "the shape [2, 5] does not fit the input x float32 [any, 6]");
    assert_eq!(error(vec![tensor(&[6], 1.0)]), "the shape [6] does not fit the input x float32 [any, 6]");
    let text = Tensor::new(vec![1, 6], Values::Text(vec!["a".to_owned(); 6])).unwrap();
    assert_eq!(error(vec![text]), "input x: it is text, the model wants numbers");
    let short = Tensor::new(vec![2, 6], Values::F64(vec![0.0; 11])).unwrap_err().to_string();
    assert_eq!(short, "11 values do not fill the shape [2, 6]");
}

#[test]
fn numbers_of_another_type_are_cast() {
    let ints = Tensor::new(vec![1, 6], Values::I64(vec![1; 6])).unwrap();
    assert_eq!(network().run(&[ints], None).unwrap(), network().run(&[tensor(&[1, 6], 1.0)], None).unwrap());
}

/// MUST 437: files that are no models are refused; none of them makes the process stop.
#[test]
fn broken_files_are_refused() {
    assert!(matches!(Model::parse(b"not a model"), Err(OnnxError::Malformed(_))));
    assert!(matches!(Model::parse(b""), Err(OnnxError::Malformed(_))));
    let missing = Model::read(&path("nothing.onnx"), &Limits::default()).unwrap_err();
    assert!(matches!(missing, OnnxError::File { .. }));
    let too_large = Model::read(&path("network.onnx"), &Limits { max_bytes: 100 }).unwrap_err();
    assert!(matches!(too_large, OnnxError::TooLarge { limit: 100, .. }), "{too_large}");
    // Every file cut short, and with single bytes changed: read or refused, and run if read.
    for name in ["network.onnx", "columns_logistic.onnx", "decision_tree.onnx"] {
        let whole = std::fs::read(path(name)).unwrap();
        let (mut n_read, mut n_refused) = (0, 0);
        for at in (0..whole.len()).step_by(41) {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            for bytes in [&whole[..at], &changed[..]] {
                match Model::parse(bytes) {
                    Ok(_) => n_read += 1,
                    Err(_) => n_refused += 1,
                }
            }
        }
        assert!(n_read > 0 && n_refused > 0, "{name}: {n_read} read, {n_refused} refused");
    }
}

/// MUST 438: after the deadline the answer is that it took too long.
#[test]
fn the_deadline_ends_a_run() {
    let over = Instant::now().checked_sub(Duration::from_millis(1)).unwrap();
    assert!(matches!(network().run(&[tensor(&[1, 6], 1.0)], Some(over)), Err(OnnxError::TooLong)));
    let later = Instant::now() + Duration::from_secs(60);
    assert!(network().run(&[tensor(&[1, 6], 1.0)], Some(later)).is_ok());
}
