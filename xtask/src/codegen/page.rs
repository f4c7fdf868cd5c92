//! What does the reference page look like? One table per section of the file, in the order of the structs.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::declarations::{Declaration, Declarations, Member};

const HEAD: &str = "\
# Configuration reference

This page is made by `cargo xtask codegen` from the code; do not edit it.
One YAML file holds the whole configuration; every key has a default, and an empty file is a good one.
`sentinel config` prints the file with all defaults, `sentinel check -c FILE` prints every problem of a file.
An environment variable goes over a key of the file: `SENTINEL_STORE__RETENTION_DAYS` stands for `store.retention_days`.
A default of - means that the key is a part of a list: what is missing there is said in the text.
";

/// One table, and where it hangs.
struct Section<'a> {
    path: String,
    crate_name: String,
    declaration: &'a Declaration,
}

/// Prints the page for the struct `Config` of the crate `sentinel`.
pub fn print(declarations: &Declarations, defaults: &Value) -> Result<String> {
    let root = declarations.get("sentinel", "Config").context("crates/sentinel has no `pub struct Config`")?;
    let mut page = HEAD.to_owned();
    let mut open = vec![Section { path: String::new(), crate_name: "sentinel".to_owned(), declaration: root }];
    let mut problems = Vec::new();
    while let Some(section) = open.pop() {
        let below = print_section(&mut page, &section, declarations, defaults, &mut problems);
        open.extend(below.into_iter().rev());
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    Ok(page)
}

/// Prints one table and returns the sections below it.
fn print_section<'a>(
    page: &mut String,
    section: &Section<'a>,
    declarations: &'a Declarations,
    defaults: &Value,
    problems: &mut Vec<String>,
) -> Vec<Section<'a>> {
    let mut below = Vec::new();
    let mut rows = String::new();
    for member in &section.declaration.members {
        let path =
            if section.path.is_empty() { member.name.clone() } else { format!("{}.{}", section.path, member.name) };
        if member.doc.is_empty() {
            problems.push(format!("{path} has no doc comment"));
        }
        match declared(declarations, &section.crate_name, &member.kind) {
            Some((_, it)) if it.is_enum => push_row(&mut rows, &path, member, defaults, &choices(it)),
            Some((crate_name, declaration)) => {
                let path = if member.is_flat { section.path.clone() } else { path };
                let list = if member.kind.starts_with("Vec<") { "[]" } else { "" };
                below.push(Section { path: format!("{path}{list}"), crate_name, declaration });
            }
            None => push_row(&mut rows, &path, member, defaults, ""),
        }
    }
    let title = if section.path.is_empty() { "Top level".to_owned() } else { format!("`{}`", section.path) };
    let doc = &section.declaration.doc;
    // Writing to a string cannot fail.
    let _ = write!(page, "\n## {title}\n\n{doc}\n");
    if !rows.is_empty() {
        let _ = write!(page, "\n| key | default | what |\n|---|---|---|\n{rows}");
    }
    below
}

fn push_row(rows: &mut String, path: &str, member: &Member, defaults: &Value, more: &str) {
    let default = default_of(defaults, path).map_or_else(|| "-".to_owned(), |it| format!("`{it}`"));
    let text = format!("{}{more}", member.doc).replace('\n', " ").replace('|', "\\|");
    let _ = writeln!(rows, "| `{path}` | {default} | {text} |");
}

/// The variants of an enum as text.
fn choices(declaration: &Declaration) -> String {
    let one = |it: &Member| format!("`{}` ({})", it.name, it.doc.trim_end_matches('.').replace('\n', " "));
    format!(" One of: {}.", declaration.members.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// The struct or enum that a field's type names, and its crate.
fn declared<'a>(declarations: &'a Declarations, crate_name: &str, kind: &str) -> Option<(String, &'a Declaration)> {
    let inner = ["Vec<", "Option<", "BTreeMap<String, ", "Box<", "Arc<"]
        .iter()
        .fold(kind, |it, wrapper| it.strip_prefix(wrapper).unwrap_or(it))
        .trim_end_matches('>');
    let mut parts = inner.rsplit("::");
    let name = parts.next()?;
    let other = parts.next().filter(|it| *it != "crate" && *it != "super").unwrap_or(crate_name);
    // A type of `signal` is imported by its bare name.
    [other, crate_name, "signal", "learn"]
        .iter()
        .find_map(|it| declarations.get(it, name).map(|found| ((*it).to_owned(), found)))
}

fn default_of(defaults: &Value, path: &str) -> Option<String> {
    let value = path.split('.').try_fold(defaults, |value, key| value.get(key))?;
    Some(match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declarations() -> Declarations {
        let mut all = Declarations::default();
        all.read(
            "sentinel",
            "/// Whole.\npub struct Config {\n    /// Where.\n    pub listen: String,\n    /// Store.\n    \
             pub store: store::Config,\n    /// Files.\n    pub tail: Vec<ingest::Tail>,\n}\n",
        );
        all.read(
            "store",
            "/// Kept.\npub struct Config {\n    /// Days | weeks.\n    pub days: u32,\n    /// Mode.\n    pub mode: Mode,\n}\n\
             pub enum Mode {\n    /// Quick.\n    Fast,\n}\n",
        );
        all.read("ingest", "/// One file.\npub struct Tail {\n    /// Its path.\n    pub path: String,\n}\n");
        all
    }

    #[test]
    fn sections_follow_the_structs() {
        let defaults = json!({"listen": "a:1", "store": {"days": 3, "mode": "fast"}, "tail": []});
        let page = print(&declarations(), &defaults).unwrap();
        let tables = page.strip_prefix(HEAD).unwrap();
        expect(
            tables,
            &[
                "## Top level",
                "| `listen` | `a:1` | Where. |",
                "## `store`",
                "| `store.days` | `3` | Days \\| weeks. |",
                "| `store.mode` | `fast` | Mode. One of: `fast` (Quick). |",
                "## `tail[]`",
                "| `tail[].path` | - | Its path. |",
            ],
        );
    }

    #[test]
    fn a_key_without_comment_is_an_error() {
        let mut all = declarations();
        all.read("ingest", "pub struct Tail {\n    pub path: String,\n}\n");
        let error = print(&all, &json!({})).unwrap_err().to_string();
        assert_eq!(error, "tail[].path has no doc comment");
    }

    /// The parts occur in this order.
    fn expect(text: &str, parts: &[&str]) {
        let mut rest = text;
        for part in parts {
            rest = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is missing or out of order in {text}")).1;
        }
    }
}
