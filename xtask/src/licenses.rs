//! May we ship what we depend on? Licenses against a list, crates that are in the binary twice, and crates that take long
//! to compile and do little for us.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::command::{cargo, output};
use crate::workspace;

/// Licenses that ask for no more than a notice, each with what it asks.
const ALLOWED: [(&str, &str); 14] = [
    ("MIT", "keep the notice"),
    ("Apache-2.0", "keep the notice, name changes"),
    ("Apache-2.0 WITH LLVM-exception", "as Apache-2.0, binaries are free"),
    ("BSD-2-Clause", "keep the notice"),
    ("BSD-3-Clause", "keep the notice, do not advertise with the authors"),
    ("BSL-1.0", "keep the notice in source"),
    ("CC0-1.0", "nothing"),
    ("CDLA-Permissive-2.0", "data (root certificates): pass the text on"),
    ("ISC", "keep the notice"),
    ("NCSA", "libFuzzer, which is in no binary of ours: keep the notice, do not advertise with the authors"),
    ("Unicode-3.0", "data tables: keep the notice"),
    ("Unlicense", "nothing"),
    ("Zlib", "do not claim to have written it"),
    ("0BSD", "nothing"),
];

/// Crates that may be in the binary in two versions, each with the reason.
const TWICE: [(&str, &str); 5] = [
    ("base64", "serde-saphyr still needs 0.22"),
    ("getrandom", "ring still needs 0.2"),
    ("rustls-webpki", "rumqttc names the error type of 0.102; certificates are checked by the one of rustls"),
    ("syn", "a build-time parser; the derive macros move to 3 one by one"),
    ("tower-http", "reqwest still needs 0.6"),
];

/// Crates that were compiled once and shall not come back unnoticed, each with what is done about it.
const HEAVY: [(&str, &str); 3] = [
    (
        "icu_provider",
        "`cargo update --package idna_adapter --precise 1.1.0` takes a lighter table of letters for names of hosts",
    ),
    ("regex-automata", "regex-lite does what we need, and nothing else may need more"),
    ("utoipa-gen", "crates/serve/src/swagger.rs serves Swagger UI without it"),
];

/// Checks all and lists every problem.
pub fn run() -> Result<()> {
    let metadata = workspace::metadata(&["--locked"])?;
    let packages = metadata.get("packages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut problems: Vec<String> = packages.iter().filter_map(problem_of).collect();
    problems.extend(unlisted_duplicates(&tree(&["--edges=normal", "--duplicates", "--depth=0"])?));
    problems.extend(heavy(&tree(&["--edges=normal,build"])?));
    if problems.is_empty() {
        println!("{} packages, all with a license of the list", packages.len());
        return Ok(());
    }
    bail!("{}", problems.join("\n"))
}

/// What `cargo tree` tells of the binary without features, a line for each crate.
fn tree(arguments: &[&str]) -> Result<String> {
    output(cargo().args(["tree", "--locked", "--package=sentinel", "--prefix=none"]).args(arguments))
}

fn problem_of(package: &Value) -> Option<String> {
    let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
    let (name, license) = (text("name"), text("license"));
    if is_allowed(license) {
        return None;
    }
    Some(format!("{name} {}: license {license:?} is not on the list in xtask/src/licenses.rs", text("version")))
}

/// True if an SPDX expression can be fulfilled with licenses of the list. `/` is the old way to write OR.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (is_true, rest) = any_of(&words);
    is_true && rest.is_empty()
}

fn any_of<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    let (mut is_true, mut rest) = all_of(words);
    while let Some(("OR", after)) = rest.split_first().map(|(first, after)| (*first, after)) {
        let (other, left) = all_of(after);
        is_true = is_true || other;
        rest = left;
    }
    (is_true, rest)
}

fn all_of<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    let (mut is_true, mut rest) = one_of(words);
    while let Some(("AND", after)) = rest.split_first().map(|(first, after)| (*first, after)) {
        let (other, left) = one_of(after);
        is_true = is_true && other;
        rest = left;
    }
    (is_true, rest)
}

fn one_of<'a>(words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    match words {
        ["(", after @ ..] => match any_of(after) {
            (is_true, [")", rest @ ..]) => (is_true, rest),
            (_, rest) => (false, rest),
        },
        [name, "WITH", exception, rest @ ..] => (is_listed(&format!("{name} WITH {exception}")), rest),
        [name, rest @ ..] => (is_listed(name), rest),
        [] => (false, words),
    }
}

fn is_listed(name: &str) -> bool {
    ALLOWED.iter().any(|it| it.0 == name)
}

/// Crates with more than one version in the listing of `cargo tree --duplicates` that are not in the table.
fn unlisted_duplicates(tree: &str) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in tree.lines() {
        if let Some((name, version)) = line.split_once(" v") {
            versions.entry(name).or_default().insert(version.split(' ').next().unwrap_or(version));
        }
    }
    versions.retain(|name, found| found.len() > 1 && !TWICE.iter().any(|it| it.0 == *name));
    let text = |(name, found): (&str, BTreeSet<&str>)| {
        let found = found.into_iter().collect::<Vec<_>>().join(" and ");
        format!("{name} is in the binary as {found}; use one version or list it in xtask/src/licenses.rs")
    };
    versions.into_iter().map(text).collect()
}

/// Crates of the listing that are in the table of heavy ones.
fn heavy(tree: &str) -> Vec<String> {
    let is_there = |name: &str| tree.lines().any(|it| it.split(' ').next() == Some(name));
    let found = HEAVY.iter().filter(|it| is_there(it.0));
    found.map(|(name, advice)| format!("{name} is compiled again, which takes long: {advice}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_understood() {
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("MIT AND GPL-3.0-only", false),
            ("Apache-2.0/MIT", true),
            ("(MIT OR GPL-2.0) AND Unicode-3.0", true),
            ("(GPL-2.0 OR GPL-3.0) AND MIT", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true),
            ("", false),
            ("(MIT", false),
        ] {
            assert_eq!(is_allowed(expression), expected, "{expression:?}");
        }
    }

    #[test]
    fn duplicates_are_named_unless_listed() {
        let tree = "syn v2.0.1\n\nsyn v3.0.0\n\nanyhow v1.0.1\n\nanyhow v1.0.1\n\nrand v0.8.1\nrand v0.9.0 (*)\n";
        let problems = unlisted_duplicates(tree);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("rand is in the binary as 0.8.1 and 0.9.0"));
    }

    /// Guarantees: MUST 891 of docs/specs/build.md.
    #[test]
    fn what_takes_long_to_compile_is_named() {
        let problems = heavy("serve v0.1.0\nutoipa-gen v6.0.1 (proc-macro)\nregex-automata-x v1.0.0\n");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("utoipa-gen is compiled again") && problems[0].contains("swagger.rs"));
    }
}
