//! What must pass before a change is good? All checks, the cheap ones first and the tests last.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::command::{cargo, is_installed, run as run_command};
use crate::{codegen, docs, licenses, services, tidy};

/// Runs everything. The tests come last, so that the end of the output is the test runner's own summary.
pub fn run(is_ci: bool) -> Result<()> {
    let mut checks = Checks::default();
    checks.check("services", || services::install(is_ci));
    checks.check("format", || run_command(cargo().args(["fmt", "--all", "--check"])));
    checks.check("tidy", tidy::run);
    checks.check("licenses", licenses::run);
    checks.check("deny", deny);
    checks.check("clippy", || {
        run_command(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    });
    checks.check("codegen", codegen::check);
    checks.check("docs", docs::run);
    checks.print();
    println!("\n== test");
    let services = if is_ci { "required" } else { "optional" };
    let tests = run_command(cargo().env("SENTINEL_TEST_SERVICES", services).args([
        "test",
        "--workspace",
        "--no-fail-fast",
        "--quiet",
    ]));
    match (checks.failed().as_slice(), tests) {
        ([], Ok(())) => Ok(()),
        ([], Err(error)) => Err(error),
        (failed, Ok(())) => bail!("tests passed, but these checks failed: {}", failed.join(", ")),
        (failed, Err(error)) => bail!("{error:#}; these checks failed too: {}", failed.join(", ")),
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
