//! How is an answer written down? As Markdown in which text from outside stays text.

use std::fmt::Write as _;

use serve::{Answer, KnowledgePassage};

/// More of a passage is read where it is from.
const MAX_CHARS: usize = 500;

/// The whole answer.
pub fn written(answer: &Answer) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = write_all(answer, &mut text);
    text
}

// Long because an answer has many parts, each a few lines.
fn write_all(answer: &Answer, out: &mut String) -> std::fmt::Result {
    writeln!(out, "# {}\n\n*Understood: {}*\n", plain(&answer.question), plain(&answer.understood.text))?;
    writeln!(out, "{}", plain(&answer.summary))?;
    if !answer.causes.is_empty() {
        writeln!(out, "\n## Causes\n")?;
        for (idx, it) in answer.causes.iter().enumerate() {
            let cited = it.evidence.join(", ");
            writeln!(
                out,
                "{}. **{}** in **{}** ({:.0} %): {} [{cited}]",
                idx + 1,
                it.fault.replace('_', " "),
                plain(&it.service),
                it.confidence * 100.0,
                plain(&it.summary)
            )?;
        }
    }
    if let Some(it) = &answer.action {
        writeln!(out, "\n## Proposed action\n\n{}", plain(&it.text))?;
        if let Some(command) = &it.command {
            writeln!(out, "\n    {}", one_line(command))?;
        }
    }
    list(out, "Facts", answer.facts.iter().map(|it| plain(it)))?;
    list(out, "Evidence", answer.evidence.iter().map(|it| format!("**{}** {}", it.id.0, plain(&it.text))))?;
    let line = |it: &signal::LogHit| {
        format!("{} {}: {}", it.record.time, plain(it.record.labels.owner()), plain(&it.record.line))
    };
    list(out, "Log lines", answer.lines.iter().map(line))?;
    list(out, "Runbooks", answer.runbooks.iter().map(passage))?;
    list(out, "Similar incidents", answer.similar.iter().map(passage))?;
    list(out, "Not looked at", answer.problems.iter().map(|it| plain(it)))?;
    list(out, "You can ask", answer.examples.iter().map(|it| plain(it)))
}

fn list(out: &mut String, heading: &str, items: impl Iterator<Item = String>) -> std::fmt::Result {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "\n## {heading}\n")?;
    items.try_for_each(|it| writeln!(out, "- {it}"))
}

fn passage(it: &KnowledgePassage) -> String {
    let warning = if it.warning.is_empty() { String::new() } else { format!(" **({})**", it.warning) };
    format!("{} ({}){warning}: {}", plain(&it.title), plain(&it.source), plain(&it.text))
}

/// One line in which nothing is a mark of Markdown or HTML.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for it in one_line(text).chars() {
        if matches!(it, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '~') {
            plain.push('\\');
        }
        plain.push(it);
    }
    plain
}

fn one_line(text: &str) -> String {
    let is_hidden = |it: char| {
        it.is_control() && !it.is_whitespace()
            || matches!(it, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let shown: String = text.chars().filter(|it| !is_hidden(*it)).take(MAX_CHARS).collect();
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().nth(MAX_CHARS).is_some() { format!("{line}...") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 669 of docs/specs/knowledge.md.
    #[test]
    fn text_from_outside_stays_text() {
        let answer = Answer {
            question: "why\n# Heading\u{202e}".to_owned(),
            summary: "<script>alert(1)</script> [click](http://evil) `rm -rf`".to_owned(),
            ..Answer::default()
        };
        let text = written(&answer);
        assert!(text.contains("# why \\# Heading\n"), "{text}");
        assert!(text.contains(r"\<script\>alert(1)\</script\> \[click\](http://evil) \`rm -rf\`"), "{text}");
    }
}
