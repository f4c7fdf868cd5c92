//! Does `sentinel eval promql` count what has the expected outcome, and tell what has not?

use serde_json::Value;

use crate::support::offline::{Folder, sentinel, stderr, stdout};

#[test]
fn failures_are_counted_and_told_with_their_lines() {
    let folder = Folder::new("promql-counted");
    let script = "load 1m\n  m 1 2\n\neval instant at 1m m\n  m 2\n\neval instant at 1m m + 1\n  {} 4\n";
    folder.write("a.test", script.as_bytes());
    let output = sentinel(&["eval", "promql", &folder.path(""), "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(json["name"], "promql");
    assert_eq!(json["ours"]["passed"], 1.0);
    assert_eq!(json["ours"]["total"], 2.0);
    assert_eq!(json["ours"]["files"]["a.test"]["share"], 50.0);
    assert_eq!(json["peers"]["engines with Prometheus' code"]["share"], 100.0);
    assert_eq!(json["notes"][0], "a.test:7: m + 1: {}: expected 4, got 3");
}

#[test]
fn what_is_no_script_is_told_with_its_line() {
    let folder = Folder::new("promql-bad");
    folder.write("a.test", b"clear\nbogus\n");
    let output = sentinel(&["eval", "promql", &folder.path("")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("a.test, line 2: unknown command \"bogus\""), "{}", stderr(&output));
    let output = sentinel(&["eval", "promql", &folder.path("missing")]);
    assert_eq!(output.status.code(), Some(2));
}
