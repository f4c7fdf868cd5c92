//! Does the compatible mode reproduce Evidently's, NannyML's and River's results on the published corpus?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use learn::drift::evidently::{Answer, Numbers, Test, run, run_typed};
use learn::drift::{DriftError, Sample, number_name};
use learn::evaluate::drift::{self, Input, Tallies};

/// The corpus, if `SENTINEL_TEST_DATA` has it.
fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("SENTINEL_TEST_DATA")?).join("drift");
    let has_it = folder.join("golden_inputs.jsonl").is_file();
    assert!(has_it || std::env::var_os("CI").is_none(), "{} has no golden_inputs.jsonl", folder.display());
    has_it.then_some(folder)
}

fn lines<T: serde::de::DeserializeOwned>(path: PathBuf) -> Vec<T> {
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}

fn assert_passed(tallies: &Tallies, total: usize) {
    let failures: Vec<&String> = tallies.values().flat_map(|it| &it.failures).collect();
    assert!(failures.is_empty(), "{} failures\n{failures:#?}", failures.len());
    assert_eq!(tallies.values().map(|it| it.total + it.random).sum::<usize>(), total);
}

/// MUST 455, 456, 457.
#[test]
fn every_case_agrees() {
    let Some(folder) = folder() else {
        eprintln!("SKIPPED: SENTINEL_TEST_DATA has no folder drift");
        return;
    };
    let inputs: BTreeMap<String, Input> =
        lines(folder.join("golden_inputs.jsonl")).into_iter().map(|it: Input| (it.id.clone(), it)).collect();
    let evidently = drift::evidently(&inputs, &lines(folder.join("golden_expected.jsonl")));
    assert_eq!(evidently.values().map(|it| it.errors).sum::<usize>(), 49);
    assert_passed(&evidently, 921 + 86);
    assert_passed(&drift::nannyml(&inputs, &lines(folder.join("golden_nannyml.jsonl"))), 344);
    assert_passed(&drift::river(&lines(folder.join("golden_online.jsonl"))), 60);
}

/// `count` numbers from `start` on.
fn row(count: u32, step: f64, start: f64) -> Vec<f64> {
    (0..count).map(|it| f64::from(it) * step + start).collect()
}

fn ask(test: Test, reference: &[f64], current: &[f64]) -> Result<Answer, DriftError> {
    run(test, &Sample::Numbers(reference), &Sample::Numbers(current), None)
}

fn assert_score(found: f64, expected: f64, of: &str) {
    let is_same = (found.is_nan() && expected.is_nan()) || (found - expected).abs() <= 1e-9 * expected.abs() + 5e-15;
    assert!(is_same, "{of}: {found}, expected {expected}");
}

/// Results of Evidently 0.7.23 with SciPy 1.17 on samples unlike those of the corpus, of few values or of very many.
///
/// Guarantees: MUST 455, MUST 830.
#[test]
fn small_and_large_samples_have_evidently_s_scores() {
    let many_ties = |zeros: usize, rest: u32, step: f64| [vec![0.0; zeros], row(rest, step, step)].concat();
    let (large, smaller) = (row(30_000, 1.0, 0.0), row(20_000, 1.0, 0.0));
    let cases = [
        // Counted by numpy in half precision, and in single.
        (Test::CramerVonMises, row(8, 1.0, 0.0), row(8, 1.5, 0.5), 0.346_435_546_875),
        (Test::CramerVonMises, row(7, 1.0, 0.0), row(7, 1.0, 2.5), 0.107_788_085_937_5),
        (Test::CramerVonMises, row(10, 1.0, 0.0), row(5, 1.0, 3.5), 0.562_988_281_25),
        (Test::CramerVonMises, row(20, 1.0, 0.0), row(18, 1.0, 4.5), 0.149_059_906_601_905_82),
        // A series of thousands of terms.
        (Test::CramerVonMises, many_ties(2800, 1200, 1.0), many_ties(14, 6, 100.0), 1.504_940_596_475_101_7e-6),
        (Test::EppsSingleton, row(4, 1.0, 0.0), row(9, 1.0, 0.0), f64::NAN),
        (Test::TTest, vec![7.0], row(4, 1.0, 0.0), 0.031_776_980_572_396_25),
        (Test::TTest, vec![7.0], vec![8.0], f64::NAN),
        (Test::Anderson, large.clone(), row(20, 900.5, 6000.0), 0.123_524_543_666_541_74),
        (Test::Anderson, large, row(20, 700.5, 9000.0), 0.034_970_268_279_613_64),
        // Beyond 10,000 values a side.
        (Test::Ks, smaller.clone(), row(100, 180.5, 0.0), 0.192_436_473_218_154_52),
        (Test::Ks, smaller.clone(), row(100, 100.5, 0.0), 6.843_075_301_703_159e-24),
        (Test::Ks, smaller.clone(), row(100, 199.5, 3000.0), 0.019_839_242_125_643_017),
        (Test::Ks, smaller.clone(), row(20, 500.5, 0.0), 1.188_660_663_214_288_8e-5),
        (Test::Ks, smaller, row(5, 4000.5, 900.0), 0.998_076_156_642_513_4),
        // All but equal: what is left is rounding, in the order of Evidently's operations.
        (Test::Hellinger, row(40, 0.1, 0.0), row(40, 0.1, 0.0), 1.490_116_119_384_765_6e-8),
        (Test::Hellinger, row(13, 0.7, 0.0), row(13, 0.7, 0.0), 1.053_671_212_772_350_9e-8),
        (Test::Hellinger, row(12, 0.37, 0.0), row(12, 0.37, 0.0), 0.0),
    ];
    for (test, reference, current, expected) in cases {
        let of = format!("{test} {} {}", reference.len(), current.len());
        assert_score(ask(test, &reference, &current).unwrap().score, expected, &of);
    }
}

/// Guarantees: MUST 455, MUST 830.
#[test]
fn where_evidently_fails_the_reason_is_told() {
    let one = |test, n, m| ask(test, &row(n, 1.0, 0.0), &row(m, 1.0, 0.5)).unwrap_err().to_string();
    assert_eq!(one(Test::CramerVonMises, 1, 4), "cramer_von_mises takes two values or more a side");
    assert!(one(Test::CramerVonMises, 12, 3).contains("exact test fails"), "{}", one(Test::CramerVonMises, 12, 3));
    assert_eq!(one(Test::Anderson, 1, 1), "the current sample has 1 values, the method needs 2");
    let words = Sample::Categories(&[("a", 3), ("b", 4)]);
    assert_eq!(run(Test::Ks, &words, &words, None).unwrap_err().to_string(), "kolmogorov_smirnov takes numbers");
    assert_eq!(Test::ChiSquare.check_kind(true).unwrap_err().to_string(), "chi_square takes categories");
    assert_eq!((Test::Ks.check_kind(true), Test::Psi.check_kind(false)), (Ok(()), Ok(())));
}

/// Guarantees: MUST 455.
#[test]
fn categories_have_evidently_s_scores() {
    // Codes are in the order of their numbers, so that 2 is the first and not 10.
    let names = [2.0, 7.0, 10.0].map(number_name);
    let side = |counts: [u64; 3]| names.iter().map(String::as_str).zip(counts).collect::<Vec<(&str, u64)>>();
    let (left, right) = (side([10, 30, 20]), side([20, 15, 5]));
    let score = |test, left: &[(&str, u64)], right: &[(&str, u64)]| {
        run(test, &Sample::Categories(left), &Sample::Categories(right), None).unwrap().score
    };
    assert_score(score(Test::Z, &left, &right), 0.000_365_966_091_478_098_2, "z of codes");
    // Of one category only rounding is left of what is expected.
    assert_score(score(Test::ChiSquare, &[("a", 7)], &[("a", 29)]), 0.0, "one category, rounded");
    assert_score(score(Test::ChiSquare, &[("a", 901)], &[("a", 900)]), f64::NAN, "one category");
}

/// numpy makes no bins narrower than one for integers, however many there are.
///
/// Guarantees: MUST 830.
#[test]
fn a_million_integers_have_evidently_s_bins() {
    let n: u64 = 1 << 20;
    let values = row(21, 1.0, 0.0);
    let count = |of: fn(u64) -> u64| {
        (0..n).fold(vec![0_u64; 21], |mut all, it| {
            all[usize::try_from(of(it)).unwrap()] += 1;
            all
        })
    };
    let (left, right) = (count(|it| it % 21), count(|it| it * it % 21));
    let squares: Vec<(f64, u64)> = values.iter().copied().zip(right).filter(|it| it.1 > 0).collect();
    let (others, right): (Vec<f64>, Vec<u64>) = squares.into_iter().unzip();
    let (reference, current) =
        (Sample::Counted { values: &values, counts: &left }, Sample::Counted { values: &others, counts: &right });
    let score = run_typed(Test::Psi, &reference, &current, None, Numbers::Integers).unwrap().score;
    assert_score(score, 4.601_629_575_757_308, "psi");
}
