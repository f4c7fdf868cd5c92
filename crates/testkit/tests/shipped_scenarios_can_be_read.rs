//! Can every scenario that is shipped be read, and does each fault and decoy have one?

use std::path::{Path, PathBuf};

use testkit::scn;
use testkit::shop::FAULT_NAMES;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.filter_map(Result::ok).map(|it| it.path());
    paths.filter(|it| it.extension().is_some_and(|it| it == "scn")).collect()
}

#[test]
fn every_scenario_can_be_read() {
    let all: Vec<PathBuf> = ["scenarios", "examples"].iter().flat_map(|it| files(it)).collect();
    assert!(all.len() > 15, "only {} scenarios", all.len());
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(errors) = scn::parse(&path.display().to_string(), &text) {
            panic!("{}", errors.iter().map(|it| format!("{it}\n")).collect::<String>());
        }
    }
}

#[test]
fn every_fault_has_a_scenario_of_its_name() {
    let names: Vec<String> =
        files("scenarios").iter().map(|it| it.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    for fault in FAULT_NAMES {
        assert!(names.iter().any(|it| it == fault), "there is no scenarios/{fault}.scn");
    }
}
