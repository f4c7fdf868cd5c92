//! Does spreading the work change what is found? Every scenario again, through a gateway, three partitions that lose their
//! owner every few minutes, and a responder: what they tell each other is written and read as it goes over Kafka.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Memory in place of a disk, where there is one: what is tried here is what is told, not what is durable.
const MEMORY: &str = "/dev/shm";

#[test]
fn every_scenario_holds_over_roles() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files: Vec<PathBuf> = entries
        .map(|it| it.expect("a folder entry").path())
        .filter(|it| it.extension().is_some_and(|it| it == "scn"))
        .collect();
    assert!(files.len() >= 16, "only {} scenarios found", files.len());
    let failures: Vec<String> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..4)
            .map(|lane| {
                let mine: Vec<&PathBuf> = files.iter().skip(lane).step_by(4).collect();
                scope.spawn(move || mine.into_iter().filter_map(|it| failure(it)).collect::<Vec<_>>())
            })
            .collect();
        lanes.into_iter().flat_map(|it| it.join().expect("a lane")).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn failure(file: &Path) -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel"));
    command.args(["test", "--roles"]).arg(file);
    if Path::new(MEMORY).is_dir() {
        command.env("TMPDIR", MEMORY);
    }
    let output = command.output().expect("the binary can be started");
    let text = || [output.stdout.clone(), output.stderr.clone()].map(|it| String::from_utf8_lossy(&it).into_owned());
    (!output.status.success()).then(|| text().concat())
}
