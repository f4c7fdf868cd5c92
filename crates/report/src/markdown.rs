//! The report as CommonMark, for chat, tickets and files.
//!
//! Untrusted text goes through `plain` (every character that could begin markup is escaped, so that no link, image,
//! HTML or heading can come from a log line) or `code` (a fence longer than any run of backticks inside).

use std::fmt::Write as _;

use signal::{Cause, Diagnosis, Incident, Plan};

use crate::words::{self, MAX_ROWS};
use crate::{Chart, IncidentReport};

/// The report as CommonMark text. Charts become a table of their extremes.
pub fn markdown(report: &IncidentReport) -> String {
    let incident = &report.incident;
    let mut text = String::new();
    let mut part = |it: String| text.push_str(&it);
    part(summary(report));
    part(timeline(incident));
    part(incident.diagnosis.as_ref().map_or_else(|| "\n## Causes\n\nNot diagnosed yet.\n".to_owned(), causes));
    part(charts(&report.charts));
    part(plans(&report.plans));
    part(ledger(report));
    part(format!(
        "\n## Feedback\n\n{}Tell Sentinel whether this was right: `{}`.\n\nMade by Sentinel {} at {}.\n",
        incident.feedback.map(|it| format!("A person said: {}.\n", words::opinion(it))).unwrap_or_default(),
        words::feedback_command(incident),
        plain(&report.version),
        report.generated_at
    ));
    text
}

fn summary(report: &IncidentReport) -> String {
    let incident = &report.incident;
    let services: Vec<String> = incident.services.iter().map(|it| plain(it)).collect();
    let cause = incident.diagnosis.as_ref().and_then(|it| it.causes.first());
    let cause = cause.map_or_else(
        || "No cause was found.".to_owned(),
        |it| format!("{} ({}, {})", plain(&it.summary), it.fault.as_str(), words::percent(it.confidence)),
    );
    let mut text = format!("# {}: {}\n\n| | |\n|---|---|\n", incident.id, plain(&incident.title));
    for (name, value) in [
        ("Status", words::status(incident.status).to_owned()),
        ("Severity", words::severity(incident.severity).to_owned()),
        ("Services", services.join(", ")),
        ("Started", incident.started_at.to_string()),
        ("Detected", incident.detected_at.to_string()),
        ("Ended", incident.ended_at.map_or_else(|| "not yet".to_owned(), |it| it.to_string())),
        ("Lasted", words::length(incident, report.generated_at)),
        ("Most likely cause", cause),
    ] {
        line(&mut text, format_args!("| {name} | {value} |"));
    }
    text.push_str("\n## Symptoms\n\n");
    for it in incident.symptoms.iter().take(MAX_ROWS) {
        let name = code(&it.labels.to_string());
        line(&mut text, format_args!("- {name}: {}, from {}", plain(&words::symptom(it)), it.onset));
    }
    text
}

fn timeline(incident: &Incident) -> String {
    let mut text = "\n## Timeline\n\n".to_owned();
    for it in incident.timeline.iter().take(MAX_ROWS) {
        line(&mut text, format_args!("- {}: {}", it.time, plain(&it.text)));
    }
    text
}

fn causes(diagnosis: &Diagnosis) -> String {
    let mut text = "\n## Causes\n\n".to_owned();
    for (idx, it) in diagnosis.causes.iter().enumerate() {
        line(&mut text, format_args!("{}. {}", idx + 1, cause(it)));
    }
    line(&mut text, format_args!("\nNone of these: {}.", words::percent(diagnosis.no_cause_confidence)));
    if !diagnosis.graph.nodes.is_empty() {
        line(&mut text, format_args!("\nHow it spread: {}.", plain(&diagnosis.graph.story())));
    }
    text.push_str("\n## Evidence\n\n");
    for it in diagnosis.evidence.iter().take(MAX_ROWS) {
        line(&mut text, format_args!("- **{}**: {}", plain(&it.id.0), plain(&it.text)));
        line(&mut text, format_args!("  {}", code(&words::source(&it.source))));
    }
    text
}

fn cause(cause: &Cause) -> String {
    let cited: Vec<String> = cause.evidence.iter().map(|it| plain(&it.0)).collect();
    format!(
        "**{}**, {}, {}: {} Indicator {}. Evidence: {}.",
        plain(&cause.service),
        cause.fault.as_str(),
        words::percent(cause.confidence),
        plain(&cause.summary),
        code(&cause.indicator),
        cited.join(", ")
    )
}

fn charts(charts: &[Chart]) -> String {
    let mut text = "\n## Signals\n\n| series | points | lowest | highest |\n|---|---|---|---|\n".to_owned();
    for it in charts {
        let values = || it.points.iter().map(|point| point.value).filter(|value| value.is_finite());
        let (lowest, highest) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        let (name, n_points) = (code(&it.labels.to_string()).replace('|', "\\|"), it.points.len());
        line(
            &mut text,
            format_args!("| {name} | {n_points} | {} | {} |", words::number(lowest), words::number(highest)),
        );
    }
    text
}

fn plans(plans: &[Plan]) -> String {
    let mut text = "\n## What was done\n\n".to_owned();
    if plans.is_empty() {
        text.push_str("No playbook was used.\n");
    }
    for plan in plans {
        let (state, playbook) = (words::state(plan), plain(&plan.playbook));
        line(&mut text, format_args!("### {}: {playbook} on {}: {state}\n", plan.id, plain(&plan.target)));
        line(&mut text, format_args!("{}\n", plain(&plan.reason)));
        if let Some(approval) = &plan.approval {
            line(&mut text, format_args!("Approved by {} at {}.\n", plain(&approval.actor), approval.time));
        }
        for (idx, step) in plan.steps.iter().enumerate() {
            line(&mut text, format_args!("{}. {}", idx + 1, code(&words::step(&step.action))));
            let undo = step.undo.as_ref().map_or_else(|| "none".to_owned(), |it| code(&words::step(it)));
            line(&mut text, format_args!("   - Undo: {undo}"));
            if let Some(outcome) = &step.outcome {
                let word = if outcome.is_ok { "ok" } else { "failed" };
                line(&mut text, format_args!("   - {word} at {}: {}", outcome.time, code(&outcome.detail)));
            }
        }
        line(&mut text, format_args!("\nVerified by: {}.\n", code(&words::verification(plan))));
    }
    text
}

fn ledger(report: &IncidentReport) -> String {
    let mut text = "\n## Ledger\n\n".to_owned();
    for it in report.ledger.iter().take(MAX_ROWS) {
        let (actor, action, subject) = (plain(&it.actor), plain(&it.action), plain(&it.subject));
        let hash: String = it.hash.chars().take(12).collect();
        line(&mut text, format_args!("- {} {}: {actor} {action} {subject} ({})", it.sequence, it.time, plain(&hash)));
    }
    text
}

fn line(text: &mut String, it: std::fmt::Arguments<'_>) {
    writeln!(text, "{it}").expect("writing to a string cannot fail");
}

/// Untrusted text as words: on one line, without control characters, with nothing that Markdown would read.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for it in words::shown(text).chars() {
        match it {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Without its colon no renderer makes a link of a bare address.
            ':' if ends_with_scheme(&escaped) => escaped.push_str("&#58;"),
            // The same for addresses without a scheme, and for e-mail.
            '.' if ends_with(&escaped, "www") => escaped.push_str("&#46;"),
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' | '$' => {
                escaped.extend(['\\', it]);
            }
            _ => escaped.push(it),
        }
    }
    escaped
}

fn ends_with_scheme(text: &str) -> bool {
    ["http", "https", "ftp", "mailto", "xmpp"].iter().any(|it| ends_with(text, it))
}

fn ends_with(text: &str, word: &str) -> bool {
    let idx = text.len().checked_sub(word.len());
    idx.and_then(|it| text.get(it..)).is_some_and(|it| it.eq_ignore_ascii_case(word))
}

/// Untrusted text as code: a fence longer than any run of backticks inside.
fn code(text: &str) -> String {
    let text = words::shown(text);
    let longest = text.split(|it| it != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_report_of_a_small_incident() {
        sample::expected_markdown().assert_eq(&markdown(&sample::report()));
    }

    #[test]
    fn untrusted_text_cannot_become_markup() {
        for (text, expected) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert\\(1\\)&lt;/script&gt;"),
            ("[x](javascript:alert)", "\\[x\\]\\(javascript:alert\\)"),
            ("![x](http://evil.example/a.png)", "\\!\\[x\\]\\(http&#58;//evil.example/a.png\\)"),
            ("HTTPS://evil", "HTTPS&#58;//evil"),
            ("www.evil.example a@b.example", "www&#46;evil.example a&#64;b.example"),
            ("a\n# b\u{1b}[31mred", "a \\# b \\[31mred"),
            ("`code` *bold* | cell", "\\`code\\` \\*bold\\* \\| cell"),
            ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
            ("a\u{202e}b", "a b"),
        ] {
            assert_eq!(plain(text), expected);
        }
        for (text, expected) in [("a", "`a`"), ("a`b", "``a`b``"), ("```\n# x", "```` ``` # x ````"), ("", "`  `")] {
            assert_eq!(code(text), expected);
        }
    }

    #[test]
    fn hostile_text_does_not_get_through() {
        let text = markdown(&sample::hostile());
        let outside_code = sample::without_code(&text);
        for forbidden in ["<script", "](", "\u{1b}", "\u{202e}", "<img", "\n# owned", "https://evil"] {
            assert!(!outside_code.contains(forbidden), "{forbidden:?} in {outside_code}");
        }
        assert!(!text.contains('\u{1b}') && !text.contains("\n# owned"), "not even inside code");
    }
}
