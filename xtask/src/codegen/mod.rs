//! Which configuration keys are there? The reference page, made from the `Config` structs and the binary's defaults.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, output, program};
use crate::workspace;
use declarations::Declarations;

mod declarations;
mod page;

const PAGE: &str = "docs/book/src/reference/config.md";

/// Writes the page.
pub fn write(sentinel: Command) -> Result<()> {
    let path = workspace::root().join(PAGE);
    let folder = path.parent().context("the page has a folder")?;
    fs::create_dir_all(folder).context("cannot make the page's folder")?;
    fs::write(&path, generate(sentinel)?).with_context(|| format!("cannot write {PAGE}"))?;
    println!("wrote {PAGE}");
    Ok(())
}

/// The binary as cargo builds it for this.
pub fn by_cargo() -> Command {
    let mut sentinel = cargo();
    sentinel.args(["run", "--quiet", "--package", "sentinel", "--"]);
    sentinel
}

/// The binary that was built for the tests.
pub fn built() -> Command {
    program(&workspace::target().join("debug/sentinel").to_string_lossy())
}

/// Fails if the page is stale.
pub fn check(sentinel: Command) -> Result<()> {
    let stored = fs::read_to_string(workspace::root().join(PAGE)).unwrap_or_default();
    let wanted = generate(sentinel)?;
    if stored == wanted {
        println!("{PAGE} is up to date");
        return Ok(());
    }
    let differing = wanted.lines().zip(stored.lines().chain(std::iter::repeat(""))).find(|(new, old)| new != old);
    let line = differing.map_or("", |it| it.0);
    bail!("{PAGE} is stale; run `cargo xtask codegen`; the first line that differs should be: {line}")
}

fn generate(mut sentinel: Command) -> Result<String> {
    let declarations = read_declarations()?;
    sentinel.arg("config");
    // The page shows what the binary does without a file, so the environment must not reach it.
    for (name, _) in std::env::vars().filter(|it| it.0.starts_with("SENTINEL_")) {
        sentinel.env_remove(name);
    }
    let yaml = output(&mut sentinel)?;
    let defaults = serde_saphyr::from_str(&yaml).context("`sentinel config` did not print YAML")?;
    page::print(&declarations, &defaults)
}

/// All public structs and enums of the crates.
fn read_declarations() -> Result<Declarations> {
    let mut declarations = Declarations::default();
    for path in workspace::files()? {
        let parts: Vec<&str> = path.split('/').collect();
        if let ["crates", name, "src", ..] = parts.as_slice()
            && path.ends_with(".rs")
        {
            let text =
                fs::read_to_string(workspace::root().join(&path)).with_context(|| format!("cannot read {path}"))?;
            declarations.read(name, &text);
        }
    }
    Ok(declarations)
}
