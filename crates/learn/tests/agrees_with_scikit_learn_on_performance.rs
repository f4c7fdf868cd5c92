//! Are realized performances those of scikit-learn? Values by `tests/performance/values.py`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use learn::performance::ClassesConfidence;
use learn::performance::realized::binary::{Confusion, average_precision, brier, log_loss, roc_auc};
use learn::performance::realized::calibration::{expected_error, reliability};
use learn::performance::realized::classes::{Classes, Quality};
use learn::performance::realized::ranking;
use learn::performance::realized::regression::Errors;
use serde_json::Value;

fn values() -> Value {
    serde_json::from_str(include_str!("performance/values.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect()
}

#[track_caller]
fn check(what: &str, ours: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!((ours - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{what}: {ours}, not {expected}");
}

#[test]
fn two_classes() {
    for set in values()["binary"].as_array().unwrap() {
        let scores = numbers(&set["score"]);
        let actual: Vec<bool> = set["actual"].as_array().unwrap().iter().map(|it| it.as_bool().unwrap()).collect();
        let found = Confusion::of(scores.iter().map(|it| *it > 0.5).zip(actual.iter().copied()));
        let counts = [found.true_negatives, found.false_positives, found.false_negatives, found.true_positives];
        assert_eq!(counts.map(|it| it as f64).to_vec(), numbers(&set["confusion"]));
        check("accuracy", found.accuracy(), &set["accuracy"]);
        check("precision", found.precision(), &set["precision"]);
        check("recall", found.recall(), &set["recall"]);
        check("specificity", found.specificity(), &set["specificity"]);
        check("f1", found.f1(), &set["f1"]);
        check("roc_auc", roc_auc(&scores, &actual), &set["roc_auc"]);
        check("average_precision", average_precision(&scores, &actual), &set["average_precision"]);
        check("log_loss", log_loss(&scores, &actual), &set["log_loss"]);
        check("brier", brier(&scores, &actual), &set["brier"]);
        check("ece", expected_error(&reliability(&scores, &actual, 10)), &set["ece"]);
    }
}

#[test]
fn many_classes() {
    let values = values();
    let set = &values["classes"];
    let mut table = Classes::default();
    for (predicted, actual) in texts(&set["predicted"]).into_iter().zip(texts(&set["actual"])) {
        table.add(predicted, actual);
    }
    let check_all = |what: &str, found: Quality| {
        let ours = [found.precision, found.recall, found.f1];
        ours.iter().zip(set[what].as_array().unwrap()).for_each(|(ours, expected)| check(what, *ours, expected));
    };
    check("accuracy", table.accuracy(), &set["accuracy"]);
    check_all("macro", table.macro_average());
    check_all("weighted", table.weighted_average());
    let accuracy = table.accuracy();
    check_all("micro", Quality { precision: accuracy, recall: accuracy, f1: accuracy, n: table.n() });
    let classes = table.classes();
    let cells = classes.iter().flat_map(|actual| classes.iter().map(|it| table.count(it, actual) as f64));
    assert_eq!(cells.collect::<Vec<_>>(), numbers(&set["matrix"]));
}

/// MUST 615: confidence-based estimation of many classes, by `tests/performance/classes.py`.
#[test]
fn many_classes_without_labels() {
    let set: Value = serde_json::from_str(include_str!("performance/classes.json")).unwrap();
    let rows = |key: &str| -> Vec<Vec<f64>> { set[key].as_array().unwrap().iter().map(numbers).collect() };
    let of_classes = |key: &str| -> Vec<usize> { numbers(&set[key]).iter().map(|it| *it as usize).collect() };
    let (reference, later) = (rows("reference"), rows("later"));
    fn joined(rows: &[Vec<f64>], classes: Vec<usize>) -> Vec<(&[f64], usize)> {
        rows.iter().map(Vec::as_slice).zip(classes).collect()
    }
    let confidence = ClassesConfidence::fit(3, &joined(&reference, of_classes("actual")));
    let estimate = confidence.estimate(&joined(&later, of_classes("said"))).unwrap();
    for (name, ours) in estimate.measures() {
        check(name, ours, &set["estimates"][name]);
    }
    let all: f64 = estimate.confusion.iter().flatten().sum();
    assert!((all - later.len() as f64).abs() < 1e-9);
    assert_eq!(confidence.estimate(&[(&[0.5, f64::NAN, 0.5], 0), (&[1.0], 0)]), None);
}

#[test]
fn regression() {
    let values = values();
    let set = &values["regression"];
    let pairs: Vec<_> = numbers(&set["predicted"]).into_iter().zip(numbers(&set["actual"])).collect();
    let found = Errors::of(&pairs);
    check("mae", found.mae, &set["mae"]);
    check("rmse", found.rmse, &set["rmse"]);
    check("mape", found.mape, &set["mape"]);
    check("smape", found.smape, &set["smape"]);
    check("r2", found.r2, &set["r2"]);
    check("bias", found.bias, &set["bias"]);
    check("msle", found.msle, &set["msle"]);
}

#[test]
fn lists() {
    for set in values()["ranking"].as_array().unwrap() {
        let (scores, relevance) = (numbers(&set["score"]), numbers(&set["relevance"]));
        check("ndcg", ranking::ndcg(&scores, &relevance, scores.len()), &set["ndcg"]);
        check("ndcg_5", ranking::ndcg(&scores, &relevance, 5), &set["ndcg_5"]);
        check("recall_5", ranking::recall_at(&scores, &relevance, 5), &set["recall_5"]);
        check("reciprocal_rank", ranking::reciprocal_rank(&scores, &relevance), &set["reciprocal_rank"]);
        check("average_precision", ranking::average_precision(&scores, &relevance), &set["average_precision"]);
    }
}
