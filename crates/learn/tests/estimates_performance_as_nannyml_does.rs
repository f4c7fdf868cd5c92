//! Are estimates without labels those of NannyML on its car-loan set?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use learn::performance::Confidence;
use serde::Deserialize;

/// Rows by how often they came: score, label or predicted class, count.
type Counts = Vec<(f64, u8, usize)>;

#[derive(Deserialize)]
struct CarLoan {
    reference: Counts,
    chunks: Vec<Counts>,
}

#[derive(Deserialize)]
struct Expected {
    est: Vec<f64>,
}

fn rows(counts: &Counts) -> Vec<(f64, bool)> {
    counts.iter().flat_map(|(score, class, n)| std::iter::repeat_n((*score, *class == 1), *n)).collect()
}

/// MUST 471.
#[test]
fn estimates_of_the_car_loan_set_agree() {
    let Some(folder) = std::env::var_os("SENTINEL_TEST_DATA").map(|it| PathBuf::from(it).join("drift")) else {
        eprintln!("SKIPPED: SENTINEL_TEST_DATA is not set");
        return;
    };
    let expected = std::fs::read_to_string(folder.join("nml_cbpe_carloan.json")).unwrap();
    let expected: BTreeMap<String, Expected> = serde_json::from_str(&expected).unwrap();
    let set: CarLoan = serde_json::from_str(include_str!("car_loan/counts.json")).unwrap();
    let confidence = Confidence::fit(&rows(&set.reference));
    let mut worst: BTreeMap<&str, f64> = BTreeMap::new();
    for (idx, chunk) in set.chunks.iter().enumerate() {
        for (name, found) in confidence.estimate(&rows(chunk)).unwrap().measures() {
            let difference = (found - expected[name].est[idx]).abs();
            let worst = worst.entry(name).or_default();
            *worst = worst.max(difference);
        }
    }
    assert_eq!(worst.len(), 7);
    assert!(worst.values().all(|it| *it <= 1e-4), "calibrated: {}, {worst:?}", confidence.is_calibrated());
}
