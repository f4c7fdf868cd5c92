//! What must pass before a change is good? All checks, the cheap ones first and the tests last.

use std::env;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::command::{cargo, is_installed, run as run_command, run_and_read};
use crate::{codegen, docs, fuzz, licenses, services, tidy};

/// Tests that measure, fill memory or watch this very machine: the target they are in, and how all their names begin.
const UNDISTURBED: (&str, &str) = ("undisturbed", "undisturbed::");

/// Tests of one binary that run at the same time. More than small machines have cores, because what the long ones do is
/// wait: for timers, disks and other programs.
const TESTS_AT_A_TIME: &str = "3";

/// What released binaries have and a first build does without; see docs/adr/008-librdkafka.md and 014-onnx.md.
const RELEASED: &str = "--features=sentinel/kafka-tls,sentinel/onnx";

/// The crate that only such builds need; its runtime takes minutes to compile.
const HEAVY: &str = "--exclude=onnx";

/// Runs everything. The tests come last, so that the end of the output is the test runner's own summary.
pub fn run(is_ci: bool) -> Result<()> {
    let mut checks = Checks::default();
    checks.check("services", || services::install(is_ci));
    // On a developer's machine `cargo xtask fuzz` is run when a decoder was changed.
    let lane = if is_ci { Some(fuzz::Lane::begin()?) } else { None };
    checks.check("format", || run_command(cargo().args(["fmt", "--all", "--check"])));
    checks.check("tidy", tidy::run);
    checks.check("licenses", licenses::run);
    checks.check("deny", deny);
    checks.check("clippy", || {
        let mut clippy = workspace_wide("clippy", is_ci);
        run_command(clippy.args(["--all-targets", "--", "-D", "warnings"]))
    });
    // The tests need the binary anyway; one that cargo builds for itself would have other features and so be another one.
    checks.check("build", || run_command(workspace_wide("test", is_ci).args(["--quiet", "--no-run"])));
    checks.check("codegen", || codegen::check(codegen::built()));
    checks.check("docs", || docs::run(is_ci));
    checks.print();
    println!("\n== test");
    let (start, mut tally) = (Instant::now(), Tally::default());
    let tests = run_tests(is_ci, &["--", "--skip", UNDISTURBED.1], &mut tally);
    println!("\n== tests so far: {:.1} s", start.elapsed().as_secs_f64());
    if let Some(lane) = lane {
        checks.check("fuzz", || lane.end());
    }
    println!("\n== test, on a machine that does nothing else");
    let tests = tests.and(run_tests(is_ci, &["--test", UNDISTURBED.0], &mut tally));
    // The runner prints a summary per test binary; this is their sum.
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    match (checks.failed().as_slice(), tests) {
        ([], Ok(())) => Ok(()),
        ([], Err(error)) => Err(error),
        (failed, Ok(())) => bail!("tests passed, but these checks failed: {}", failed.join(", ")),
        (failed, Err(error)) => bail!("{error:#}; these checks failed too: {}", failed.join(", ")),
    }
}

/// A command of cargo over all crates, on the build server with the features of released binaries. The same each time,
/// or features and so builds would differ.
pub fn workspace_wide(command: &str, is_ci: bool) -> Command {
    let mut cargo = cargo();
    cargo.args([command, "--workspace", if is_ci { RELEASED } else { HEAVY }]);
    cargo
}

/// Runs the tests that the arguments choose.
fn run_tests(is_ci: bool, arguments: &[&str], tally: &mut Tally) -> Result<()> {
    let services = if is_ci { "required" } else { "optional" };
    let mut tests = workspace_wide("test", is_ci);
    tests.env("SENTINEL_TEST_SERVICES", services).args(["--no-fail-fast", "--quiet"]);
    if env::var_os("RUST_TEST_THREADS").is_none() {
        tests.env("RUST_TEST_THREADS", TESTS_AT_A_TIME);
    }
    run_and_read(tests.args(arguments), |line| tally.add(line))
}

/// Tests of all test binaries.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 0 ignored; ...`.
    fn add(&mut self, line: &str) {
        let Some(summary) = line.strip_prefix("test result: ") else { return };
        for part in summary.split([';', '.']) {
            match part.trim().split_once(' ') {
                Some((count, "passed")) => self.passed += count.parse().unwrap_or(0),
                Some((count, "failed")) => self.failed += count.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

/// cargo-deny also knows security advisories, but it takes minutes to build: it is used where it is installed.
fn deny() -> Result<()> {
    if !is_installed("cargo-deny") {
        println!("SKIPPED: cargo-deny is not installed; the check `licenses` covers licenses and duplicates");
        return Ok(());
    }
    run_command(cargo().args(["deny", "check"]))
}

/// What was checked, how it ended and how long it took.
#[derive(Default)]
struct Checks {
    done: Vec<(&'static str, f64, Option<String>)>,
}

impl Checks {
    fn check(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        println!("\n== {name}");
        let start = Instant::now();
        let error = work().err().map(|it| format!("{it:#}"));
        if let Some(text) = &error {
            println!("FAILED: {text}");
        }
        self.done.push((name, start.elapsed().as_secs_f64(), error));
    }

    fn print(&self) {
        println!("\n== checks so far");
        for (name, secs, error) in &self.done {
            let end = error.as_deref().map_or("ok", |_| "FAILED");
            println!("{name:<10} {secs:>7.1} s  {end}");
        }
    }

    fn failed(&self) -> Vec<&'static str> {
        self.done.iter().filter(|it| it.2.is_some()).map(|it| it.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tally_sums_all_summaries() {
        let mut tally = Tally::default();
        tally.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        tally.add("running 5 tests");
        tally.add("test result: FAILED. 5 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.27s");
        assert_eq!(tally, Tally { passed: 8, failed: 1 });
    }
}
