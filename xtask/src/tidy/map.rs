//! Do the maps tell the truth? Paths in ARCHITECTURE.md and links between Markdown files exist.

use super::Finding;
use super::source::Source;

/// Checks the map against the files of the repository, and the relative links of every Markdown file.
pub fn check(files: &[String], sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|it| it.path.ends_with(".md")) {
        let folder = source.path.rsplit_once('/').map_or("", |it| it.0);
        for target in links(&source.text) {
            if !exists(files, &joined(folder, target)) {
                findings.push(finding("link", source, format!("the link to {target} leads nowhere")));
            }
        }
        if source.path == "ARCHITECTURE.md" {
            for path in code_spans(&source.text).filter(|it| is_path(it)) {
                if !exists(files, path.trim_end_matches('/')) {
                    findings.push(finding("map", source, format!("names {path}, which does not exist")));
                }
            }
        }
    }
    findings
}

fn finding(rule: &'static str, source: &Source, text: String) -> Finding {
    Finding { rule, path: source.path.clone(), text }
}

/// Text in single back quotes, outside of fenced blocks.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    let outside = text.split("```").step_by(2);
    outside.flat_map(|it| it.split('`').skip(1).step_by(2))
}

/// Targets of `](...)` that are files of ours, without the anchor.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let outside = text.split("```").step_by(2);
    let targets = outside.flat_map(|it| it.split("](").skip(1)).filter_map(|it| it.split(')').next());
    let paths = targets.map(|it| it.split('#').next().unwrap_or(it));
    paths.filter(|it| !it.is_empty() && !it.contains("://") && !it.contains(' ') && !it.starts_with("mailto:"))
}

/// True for what looks like a path from the root: `crates/signal/`, `Cargo.toml`, `scenarios/*.scn`.
fn is_path(span: &str) -> bool {
    const ENDINGS: [&str; 6] = [".rs", ".md", ".toml", ".scn", ".yml", ".service"];
    let is_plain = span.chars().all(|it| it.is_ascii_alphanumeric() || "./_-*".contains(it));
    let is_media_type = ["application/", "text/"].iter().any(|it| span.starts_with(it));
    let looks_like_one = span.contains('/') || ENDINGS.iter().any(|it| span.ends_with(it));
    is_plain && !is_media_type && !span.starts_with(['/', '-']) && looks_like_one
}

/// `folder` and `target` as one path from the root.
fn joined(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|it| !it.is_empty()).collect();
    for part in target.split('/').filter(|it| !it.is_empty() && *it != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// True if the path is a file, a folder with files, or has one `*` and fits a file.
fn exists(files: &[String], path: &str) -> bool {
    if let Some((start, end)) = path.split_once('*') {
        return files.iter().any(|it| it.starts_with(start) && it.ends_with(end));
    }
    let folder = format!("{path}/");
    path.is_empty() || files.iter().any(|it| it == path || it.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &str, text: &str) -> Vec<String> {
        let files = ["ARCHITECTURE.md", "crates/signal/src/lib.rs", "docs/book/src/ui.md"].map(str::to_owned);
        check(&files, &[Source::new(path, text)]).into_iter().map(|it| it.text).collect()
    }

    #[test]
    fn paths_of_the_map_exist() {
        let text = "See `crates/signal/`, `crates/*.rs`, `POST /monitor`, `/docs` and `text/html`, or `crates/gone`.";
        assert_eq!(texts("ARCHITECTURE.md", text), ["names crates/gone, which does not exist"]);
        assert!(texts("ARCHITECTURE.md", "```\n`crates/gone`\n```").is_empty());
    }

    #[test]
    fn relative_links_lead_somewhere() {
        let text = "[a](ui.md#top) [b](../../../ARCHITECTURE.md) [c](https://example.org/x) [d](gone.md)";
        assert_eq!(texts("docs/book/src/quick.md", text), ["the link to gone.md leads nowhere"]);
    }
}
