//! Which files may break which rule? The list `xtask/tidy.toml`, every entry with a reason.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Finding;

/// The list.
pub struct Exceptions {
    /// Rule and path.
    entries: Vec<(String, String)>,
}

impl Exceptions {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut rule = "";
        let mut entries = Vec::new();
        for line in text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
                rule = name;
                continue;
            }
            match line.split('"').collect::<Vec<_>>().as_slice() {
                ["", path, between, reason, ""] if between.trim() == "=" && !reason.trim().is_empty() => {
                    entries.push((rule.to_owned(), (*path).to_owned()));
                }
                _ => bail!("xtask/tidy.toml: {line:?} is not of the form \"path\" = \"reason\""),
            }
        }
        Ok(Self { entries })
    }

    /// The findings that are not excepted, and one for each entry that excepts nothing.
    pub fn apply(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let fits = |entry: &(String, String), it: &Finding| entry.0 == it.rule && entry.1 == it.path;
        let stale: Vec<Finding> = self
            .entries
            .iter()
            .filter(|entry| !findings.iter().any(|it| fits(entry, it)))
            .map(|(rule, path)| Finding {
                rule: "stale-exception",
                path: "xtask/tidy.toml".to_owned(),
                text: format!("{path} no longer breaks {rule}; take the entry out"),
            })
            .collect();
        let kept = findings.into_iter().filter(|it| !self.entries.iter().any(|entry| fits(entry, it)));
        kept.chain(stale).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(rule: &'static str, path: &str) -> Finding {
        Finding { rule, path: path.to_owned(), text: String::new() }
    }

    #[test]
    fn entries_silence_their_rule_only() {
        let list = Exceptions::parse("# why\n[ascii]\n\"a.rs\" = \"quotes a name\"\n").unwrap();
        let left = list.apply(vec![finding("ascii", "a.rs"), finding("todo", "a.rs"), finding("ascii", "b.rs")]);
        assert_eq!(left, [finding("todo", "a.rs"), finding("ascii", "b.rs")]);
    }

    #[test]
    fn entries_without_use_or_reason_are_refused() {
        let list = Exceptions::parse("[ascii]\n\"a.rs\" = \"quotes a name\"\n").unwrap();
        assert_eq!(list.apply(vec![]).first().map(|it| it.rule), Some("stale-exception"));
        assert!(Exceptions::parse("[ascii]\n\"a.rs\" = \"\"\n").is_err());
        assert!(Exceptions::parse("[ascii]\na.rs\n").is_err());
    }
}
