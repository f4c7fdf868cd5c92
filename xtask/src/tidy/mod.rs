//! Does the repository keep its own rules? Those of them that a machine can check, each with its reason.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::workspace;
use exceptions::Exceptions;
use source::Source;

mod exceptions;
mod layers;
mod map;
mod rules;
mod source;

/// A rule that was broken.
#[derive(Debug, PartialEq)]
struct Finding {
    /// The rule.
    rule: &'static str,
    /// The file, from the root.
    path: String,
    /// What is wrong, where and what to do.
    text: String,
}

/// Checks everything and lists every finding.
pub fn run() -> Result<()> {
    let files = workspace::files()?;
    let mut findings = layers::check(&workspace::metadata(&["--no-deps"])?);
    let mut sources = Vec::new();
    for path in &files {
        let bytes = fs::read(workspace::root().join(path)).with_context(|| format!("cannot read {path}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            sources.push(Source::new(path, &text));
        }
    }
    findings.extend(sources.iter().flat_map(rules::check));
    findings.extend(rules::check_signal(&sources));
    findings.extend(map::check(&files, &sources));
    let exceptions = Exceptions::read(&workspace::root().join("xtask/tidy.toml"))?;
    let problems = exceptions.apply(findings);
    if problems.is_empty() {
        println!("{} files keep the rules", sources.len());
        return Ok(());
    }
    let broken: BTreeSet<&str> = problems.iter().map(|it| it.rule).collect();
    let reasons = broken.iter().filter_map(|it| Some(format!("  {it}: {}", rules::reason(it)?)));
    let lines = problems.iter().map(|it| format!("{}: {} [{}]", it.path, it.text, it.rule));
    let text = lines.chain(["why:".to_owned()]).chain(reasons).collect::<Vec<_>>().join("\n");
    bail!("{} findings\n{text}", problems.len())
}
