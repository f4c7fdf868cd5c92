//! How are all scenario files run? A few at a time, and in memory where there is some to write to: what is tried is what
//! is found and told, not what is durable.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Scenarios that are run at the same time.
const N_LANES: usize = 4;
/// Memory in place of a disk.
const MEMORY: &str = "/dev/shm";

/// The scenario files of folders of the repository.
pub fn files(folders: &[&str]) -> Vec<PathBuf> {
    let in_folder = |folder: &&str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.map(|it| it.expect("a folder entry").path())
    };
    let files: Vec<PathBuf> =
        folders.iter().flat_map(in_folder).filter(|it| it.extension().is_some_and(|it| it == "scn")).collect();
    assert!(files.len() >= 16, "only {} scenarios found", files.len());
    files
}

/// Runs `sentinel test` on each file; `prepare` adds to the command. Panics with what the failed ones say.
pub fn run_all(files: &[PathBuf], prepare: impl Fn(&mut Command) + Sync) {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..N_LANES)
            .map(|lane| {
                let mine = files.iter().skip(lane).step_by(N_LANES);
                scope.spawn(|| mine.filter_map(|it| failure(it, &prepare)).collect::<Vec<_>>())
            })
            .collect();
        lanes.into_iter().flat_map(|it| it.join().expect("a lane")).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn failure(file: &Path, prepare: impl Fn(&mut Command)) -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel"));
    command.arg("test");
    if Path::new(MEMORY).is_dir() {
        command.env("TMPDIR", MEMORY);
    }
    prepare(&mut command);
    let output = command.arg(file).output().expect("the binary can be started");
    let text = || [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).into_owned());
    (!output.status.success()).then(|| text().concat())
}
