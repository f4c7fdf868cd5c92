//! Do the docs build? The API docs by rustdoc and the book by MkDocs, warnings are errors.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::command::{program, run as run_command};
use crate::test::workspace_wide;
use crate::workspace;

/// Builds both. The features are those of all other checks, or what was built for them would be built again. Private
/// items are among it, because a crate such as `sentinel` has nothing else, and links in their comments shall hold.
pub fn run(is_ci: bool) -> Result<()> {
    let mut doc = workspace_wide("doc", is_ci);
    run_command(doc.env("RUSTDOCFLAGS", "-D warnings").args(["--no-deps", "--document-private-items", "--quiet"]))?;
    book()
}

/// Builds the book into `book` in the target folder.
fn book() -> Result<()> {
    let python = environment()?;
    let site = workspace::target().join("book");
    let mut mkdocs = program(&python.to_string_lossy());
    mkdocs.args(["-m", "mkdocs", "--quiet", "build", "--strict", "--config-file", "docs/mkdocs.yml", "--site-dir"]);
    run_command(mkdocs.arg(&site))?;
    println!("the book is in {}", site.display());
    Ok(())
}

/// A Python with exactly the packages of `docs/requirements.txt`; made anew when that file has changed.
fn environment() -> Result<PathBuf> {
    let wanted = fs::read_to_string(workspace::root().join("docs/requirements.txt"))
        .context("cannot read docs/requirements.txt")?;
    let folder = workspace::target().join("docs-python");
    let marker = folder.join("installed.txt");
    let python = folder.join("bin/python3");
    if fs::read_to_string(&marker).is_ok_and(|it| it == wanted) {
        return Ok(python);
    }
    run_command(program("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = program(&python.to_string_lossy());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "docs/requirements.txt"]);
    run_command(&mut pip)?;
    fs::write(&marker, wanted).context("cannot mark the docs environment as complete")?;
    Ok(python)
}
