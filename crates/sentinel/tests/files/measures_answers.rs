//! Are the answers in a file measured, and estimated where labels are missing? `sentinel performance`, with the real binary.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::offline::{Folder, sentinel, stderr, stdout};

fn json(arguments: &[&str]) -> Value {
    let output = sentinel(arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// Rows of a classifier whose probability is right; the later ones are surer.
fn answers(n: u32, sureness: f64, has_labels: bool) -> String {
    let mut random = fastrand::Rng::with_seed(u64::from(n));
    let mut text = String::from("p,prediction,churned\n");
    for _ in 0..n {
        let centered = random.f64() - 0.5;
        let p = 0.5 + sureness * centered;
        let label = if has_labels { u8::from(random.f64() < p).to_string() } else { String::new() };
        writeln!(text, "{p:.4},{},{label}", u8::from(p > 0.5)).unwrap();
    }
    text
}

/// MUST 471: an estimate without labels is near what labels say later.
#[test]
fn answers_are_estimated_before_labels_come() {
    let folder = Folder::new("answers");
    let reference = folder.write("reference.csv", answers(8000, 0.6, true).as_bytes());
    let later = folder.write("later.csv", answers(8001, 0.9, false).as_bytes());
    let known = folder.write("known.csv", answers(8001, 0.9, true).as_bytes());
    let columns = ["--target", "churned", "--probability", "p", "--json"];
    let told = json(&[&["performance", &later, "--reference", &reference], columns.as_slice()].concat());
    assert!(told.get("measured").is_none(), "nothing is known: {told}");
    let truth = json(&[&["performance", &known], columns.as_slice()].concat());
    for name in ["accuracy", "roc_auc", "f1"] {
        let (estimated, measured) =
            (told["estimated"][name].as_f64().unwrap(), truth["measured"][name].as_f64().unwrap());
        assert!((estimated - measured).abs() < 0.025, "{name}: {estimated} {measured}");
        let before = told["reference"][name].as_f64().unwrap();
        assert!(measured > before + 0.03, "{name}: it did become better: {before} {measured}");
    }
}

#[test]
fn lists_are_judged_one_by_one() {
    let folder = Folder::new("lists");
    let file = folder.write("lists.csv", b"query,prediction,target\na,3,0\na,2,1\na,1,0\nb,9,1\nb,8,1\nc,1,0\n");
    let told = json(&["performance", &file, "--query", "query", "--k", "1", "--json"]);
    let of = |name: &str| told["measured"][name].as_f64().unwrap();
    assert_eq!((of("lists"), of("lists without anything relevant")), (3.0, 1.0));
    // Lists a and b: nothing and everything at the first place; of c only the reciprocal rank and precision are told.
    assert_eq!((of("ndcg@1"), of("recall@1"), of("map")), (0.5, 0.25, 0.75));
    assert_eq!((of("mrr"), of("precision@1")), (0.5, 1.0 / 3.0));
}

#[test]
fn what_is_missing_is_said() {
    let folder = Folder::new("bad");
    let file = folder.write("rows.csv", b"prediction,target,p\nyes,no,0.5\nno,no,1.5\n");
    let told = |arguments: &[&str]| {
        let output = sentinel(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        stderr(&output)
    };
    assert!(told(&["performance", &file, "--probability", "p"]).contains("line 3, column 3 (p): found 1.5"));
    assert!(told(&["performance", &file, "--prediction", "said"]).contains("there is no column"));
    let unlabeled = folder.write("later.csv", b"prediction,p\n1,0.5\n0,0.2\n");
    assert!(told(&["performance", &unlabeled]).contains("there is no reference"));
}
