//! Does `sentinel check` tell every mistake of a file in one run, each with its key, the value and what is valid?
//!
//! Each file of `testdata/config` has comments `# says: ...` with what must be said.

use std::path::Path;
use std::process::Command;

use crate::support::server::Folder;

/// Guarantees: MUST 400 of docs/specs/forecast.md.
#[test]
fn every_mistake_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/config");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 12, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let wanted: Vec<&str> = text.lines().filter_map(|it| it.strip_prefix("# says: ")).collect();
        let run = Command::new(env!("CARGO_BIN_EXE_sentinel")).arg("check").arg("-c").arg(&file).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert_eq!(run.status.code(), Some(64), "{}: {said}", file.display());
        assert!(!wanted.is_empty(), "{} says nothing", file.display());
        for it in wanted {
            assert!(said.contains(it), "{}: {it:?} is missing in\n{said}", file.display());
        }
    }
}

/// A file may come later, so that it is no mistake that it is not there; but it is said.
#[test]
fn a_reference_that_is_not_there_is_told() {
    let folder = Folder::new("check-reference");
    let config = folder.write("sentinel.yaml", "model_watches: [{model: income, reference: {file: not-there.csv}}]\n");
    let run = Command::new(env!("CARGO_BIN_EXE_sentinel")).arg("check").arg("-c").arg(&config).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}");
    let wanted = "note: model_watches[0].reference.file: not-there.csv: No such file or directory";
    assert!(said.contains(wanted), "{said}");
}
