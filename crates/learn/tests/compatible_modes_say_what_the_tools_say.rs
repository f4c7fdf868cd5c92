//! Does the compatible mode reproduce Evidently's, NannyML's and River's results on the published corpus?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeMap;
use std::path::PathBuf;

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
