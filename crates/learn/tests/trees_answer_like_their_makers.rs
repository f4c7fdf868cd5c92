//! Do trees of XGBoost and LightGBM say here what they say there? Reference values by `trees/make.py`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use learn::trees::ensemble::Said;
use learn::trees::foreign::Foreign;
use learn::trees::{lightgbm, saved, xgboost};
use serde_json::Value;

fn file(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/trees/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The largest difference from the reference, relative above 1.
fn check(name: &str, model: &Foreign, tolerance: f64) {
    let reference: Value = serde_json::from_slice(&file(&format!("{name}.rows.json"))).unwrap();
    let rows = reference["rows"].as_array().unwrap();
    let wanted = reference["wanted"].as_array().unwrap();
    assert!(rows.len() == wanted.len() && rows.len() > 40);
    for (idx, (row, wanted)) in rows.iter().zip(wanted).enumerate() {
        let row: Vec<f64> = row.as_array().unwrap().iter().map(|it| it.as_f64().unwrap_or(f64::NAN)).collect();
        let told = match model.ensemble.predict(&row) {
            Said::Number(it) | Said::OfTwo(it) => vec![it],
            Said::OfMany(all) => all,
        };
        let wanted = match wanted {
            Value::Array(all) => all.iter().map(|it| it.as_f64().unwrap()).collect(),
            one => vec![one.as_f64().unwrap()],
        };
        assert_eq!(told.len(), wanted.len());
        for (told, wanted) in told.iter().zip(&wanted) {
            let difference = (told - wanted).abs() / wanted.abs().max(1.0);
            assert!(difference <= tolerance, "{name}, row {idx} {row:?}: {told} instead of {wanted}");
        }
    }
    assert_eq!(model.names, ["a", "b", "c", "d"], "{name}");
    let bytes = saved::to_bytes(&model.ensemble);
    assert_eq!(saved::from_bytes(&bytes).unwrap(), model.ensemble, "{name} survives our own file");
}

#[test]
fn xgboost_models() {
    for name in ["binary", "categories", "onehot", "multiclass", "regression", "poisson", "dart", "forest", "linear"] {
        let name = format!("xgboost_{name}");
        let model = xgboost::parse(&file(&format!("{name}.json"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        check(&name, &model, 1e-6);
    }
}

/// MUST 610 of docs/specs/predict.md.
#[test]
fn xgboost_models_in_ubjson() {
    for name in ["xgboost_ubj", "xgboost_ubj_many", "xgboost_linear_many"] {
        let bytes = file(&format!("{name}.ubj"));
        let model = xgboost::parse_ubjson(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        check(name, &model, 1e-6);
        for cut in (0..bytes.len()).step_by(41) {
            assert!(xgboost::parse_ubjson(&bytes[..cut]).is_err(), "{name} cut at {cut}");
        }
    }
}

#[test]
fn lightgbm_models() {
    for name in [
        "binary",
        "categories",
        "multiclass",
        "ova",
        "regression",
        "sqrt",
        "poisson",
        "zero",
        "forest",
        "linear",
        "linear_many",
    ] {
        let name = format!("lightgbm_{name}");
        let text = String::from_utf8(file(&format!("{name}.txt"))).unwrap();
        let model = lightgbm::parse_text(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        check(&name, &model, 1e-12);
    }
    for name in ["lightgbm_json", "lightgbm_linear_json"] {
        check(name, &lightgbm::parse_json(&file(&format!("{name}.json"))).unwrap(), 1e-12);
    }
}

#[test]
fn damaged_files_are_refused_and_break_nothing() {
    let xgboost = file("xgboost_categories.json");
    let text = String::from_utf8(file("lightgbm_categories.txt")).unwrap();
    let own = saved::to_bytes(&xgboost::parse(&xgboost).unwrap().ensemble);
    for cut in (0..xgboost.len()).step_by(97) {
        assert!(xgboost::parse(&xgboost[..cut]).is_err());
    }
    for cut in (0..text.len()).step_by(61) {
        // A text that is cut may be a smaller model; whatever is taken must be sound.
        if let Ok(model) = lightgbm::parse_text(&text[..cut]) {
            assert_eq!(model.ensemble.problem(), None);
        }
    }
    for idx in 0..own.len() {
        let mut changed = own.clone();
        changed[idx] ^= 0x55;
        if let Ok(ensemble) = saved::from_bytes(&changed) {
            ensemble.predict(&[0.0, 1.0, f64::NAN, 3.0]);
        }
        assert!(saved::from_bytes(&own[..idx]).is_err());
    }
    let broken = String::from_utf8(xgboost).unwrap().replace("binary:logistic", "my:own");
    let error = xgboost::parse(broken.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "it uses objective my:own, which is not known here; export it to ONNX");
}
