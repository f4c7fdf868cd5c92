//! Do the tests of drift give SciPy's statistics and p-values? `scipy_reference.py` made them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeMap;

use learn::drift::{DriftError, Method, Options, Sample, compare};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    numbers: Vec<Numbers>,
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Numbers {
    n: usize,
    m: usize,
    shift: u64,
    modulus: u64,
    #[serde(flatten)]
    expected: BTreeMap<Method, (f64, Option<f64>)>,
}

#[derive(Deserialize)]
struct Table {
    table: [Vec<u64>; 2],
    #[serde(flatten)]
    expected: BTreeMap<Method, (f64, Option<f64>)>,
}

/// The same numbers as the script's.
fn sample(n: usize, seed: u64, shift: u64, modulus: u64) -> Vec<f64> {
    let mut state = seed;
    let mut values: Vec<f64> = (0..n)
        .map(|_| {
            state = (state * 1_103_515_245 + 12_345) % (1 << 31);
            (state / 65_536 % modulus + state / 256 % modulus + shift) as f64 / 64.0
        })
        .collect();
    values.sort_by(f64::total_cmp);
    values
}

fn differs(found: f64, expected: f64, rounding: f64) -> bool {
    (found - expected).abs() > 1e-9 * expected.abs() + rounding
}

fn check(method: Method, samples: [&Sample<'_>; 2], expected: (f64, Option<f64>), of: &str) {
    let finding = compare(method, samples[0], samples[1], &Options::default()).unwrap();
    // SciPy's p-value of Cramer and von Mises is one minus a number near one.
    let rounding = if method == Method::CramerVonMises { 5e-15 } else { 1e-300 };
    let p_differs = expected.1.is_some_and(|it| differs(finding.p_value.unwrap(), it, rounding));
    assert!(!p_differs && !differs(finding.statistic, expected.0, 1e-12), "{of} {method}: {finding:?}, {expected:?}");
}

/// MUST 450.
#[test]
fn tests_of_numbers_agree() {
    let reference: Reference = serde_json::from_str(include_str!("scipy_reference.json")).unwrap();
    for case in &reference.numbers {
        let (left, right) = (sample(case.n, 1, 0, case.modulus), sample(case.m, 2, case.shift, case.modulus));
        assert_eq!(case.expected.len(), 9);
        for (method, expected) in &case.expected {
            let samples = [&Sample::Numbers(&left), &Sample::Numbers(&right)];
            check(*method, samples, *expected, &format!("{} {}", case.n, case.m));
        }
    }
}

/// MUST 440, 450.
#[test]
fn tests_of_counts_agree() {
    let reference: Reference = serde_json::from_str(include_str!("scipy_reference.json")).unwrap();
    for case in &reference.tables {
        let names: Vec<String> = (0..case.table[0].len()).map(|it| it.to_string()).collect();
        let side =
            |row: &[u64]| -> Vec<(&str, u64)> { names.iter().map(String::as_str).zip(row.iter().copied()).collect() };
        let (left, right) = (side(&case.table[0]), side(&case.table[1]));
        for (method, expected) in &case.expected {
            let samples = [&Sample::Categories(&left), &Sample::Categories(&right)];
            check(*method, samples, *expected, &format!("{:?}", case.table));
        }
    }
}

/// MUST 440, 444: the same values in another form, and asked twice.
#[test]
fn counts_of_numbers_say_what_the_numbers_say() {
    let (left, right) = (sample(400, 1, 0, 12), sample(300, 2, 1, 12));
    let counted = |values: &[f64]| -> (Vec<f64>, Vec<u64>) {
        values.chunk_by(|a, b| a == b).map(|it| (it[0], it.len() as u64)).unzip()
    };
    let ((left_values, left_counts), (right_values, right_counts)) = (counted(&left), counted(&right));
    let counts = [
        Sample::Counted { values: &left_values, counts: &left_counts },
        Sample::Counted { values: &right_values, counts: &right_counts },
    ];
    let options = Options::default();
    for method in Method::ALL {
        let numbers = compare(*method, &Sample::Numbers(&left), &Sample::Numbers(&right), &options);
        assert_eq!(numbers, compare(*method, &counts[0], &counts[1], &options), "{method}");
        assert_eq!(numbers, compare(*method, &Sample::Numbers(&left), &Sample::Numbers(&right), &options), "{method}");
    }
}

/// MUST 441.
#[test]
fn odd_samples_are_refused_and_never_panic() {
    let options = Options::default();
    let samples = [
        Sample::Numbers(&[]),
        Sample::Numbers(&[1.0]),
        Sample::Numbers(&[1.0, 1.0, 1.0]),
        Sample::Numbers(&[2.0, 1.0]),
        Sample::Numbers(&[f64::NAN]),
        Sample::Numbers(&[-1e308, 1e308]),
        Sample::Counted { values: &[1.0, 2.0], counts: &[0, u64::MAX] },
        Sample::Counted { values: &[1.0, 2.0], counts: &[3, 1 << 50] },
        Sample::Categories(&[]),
        Sample::Categories(&[("a", 3)]),
        Sample::Categories(&[("a", 3), ("b", 2), ("c", 1)]),
    ];
    for method in Method::ALL {
        for reference in &samples {
            for current in &samples {
                match compare(*method, reference, current, &options) {
                    Ok(finding) => assert!(finding.p_value.is_none_or(|it| (0.0..=1.0).contains(&it)), "{finding:?}"),
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
    }
    let error = compare(Method::ChiSquare, &samples[1], &samples[9], &options).unwrap_err();
    assert_eq!(error, DriftError::OtherKind);
}
