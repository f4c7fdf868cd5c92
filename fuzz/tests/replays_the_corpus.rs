//! Does every decoder still read the saved inputs as it must? Without libFuzzer, so with every `cargo test`.

use std::fs;
use std::path::Path;

use fuzz::TARGETS;

/// Guarantees: each input that once broke a decoder, and each that reaches a place of its own, is read again; and the
/// folder has neither inputs of a target that is gone nor a target without inputs.
#[test]
fn every_saved_input_is_read() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut folders: Vec<String> =
        fs::read_dir(&corpus).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    assert_eq!(folders, TARGETS.map(|it| it.0.to_owned()));
    let mut n_bytes = 0;
    for (name, target) in TARGETS {
        let mut paths: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|it| it.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "{name} has no inputs");
        for path in paths {
            // A failure prints the output of the test: the last path is the one to blame.
            println!("{}", path.display());
            let bytes = fs::read(&path).unwrap();
            n_bytes += bytes.len();
            target(&bytes);
        }
    }
    assert!(n_bytes < 1_000_000, "{n_bytes} bytes: the corpus is to be small");
}
