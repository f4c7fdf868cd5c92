//! Does `sentinel eval retrieval` show that words and vectors together find no less than each alone?

use std::path::PathBuf;

use serde_json::Value;

use crate::support::offline::{sentinel, stderr, stdout};
use crate::support::services::skip;

/// Guarantees: MUST 656 of docs/specs/knowledge.md.
#[test]
fn both_together_are_no_worse_than_each_alone_on_published_templates() {
    let Some(folder) = std::env::var_os("SENTINEL_TEST_DATA") else {
        skip("SENTINEL_TEST_DATA is not set");
        return;
    };
    let folder = PathBuf::from(folder).join("templates");
    let output = sentinel(&["eval", "retrieval", folder.to_str().unwrap(), "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    println!("{json:#}");
    let ours = &json["ours"];
    let whole = |key: &str, way: &str| ours[way].get(key).or_else(|| ours.get(key)).unwrap().as_f64().unwrap();
    for key in ["hit_at_5", "mrr"] {
        let hybrid = ours[key].as_f64().unwrap();
        let best = whole(key, "words (BM25)").max(whole(key, "vectors"));
        assert!(hybrid >= best - 1e-9, "{key}: {hybrid} and {best}: {json:#}");
    }
    assert!(ours["hit_at_5"].as_f64().unwrap() > 0.5, "{json:#}");
}

#[test]
fn a_folder_without_sets_is_refused() {
    let output = sentinel(&["eval", "retrieval", "no-such-folder"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
