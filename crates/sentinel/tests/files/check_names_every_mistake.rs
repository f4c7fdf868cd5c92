//! Does `sentinel check` tell every mistake of a file in one run, each with its key, the value and what is valid?
//!
//! Each file of `testdata/config` has comments `# says: ...` with what must be said.

use std::path::Path;
use std::process::Command;

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
