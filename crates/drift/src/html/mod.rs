//! The report as one page that needs nothing else: verdict first, then the columns, the most drifted first.
//!
//! Everything is readable without the script and on paper; the script adds hovering, sorting and filtering. `maud`
//! escapes every text, and the page allows no other script than ours, by its hash.

mod chart;
mod column;
mod sections;
pub(crate) mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use crate::report::Report;
use words::{percent, plural, shown, thousands};

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");
/// The script's SHA-256 in base64; a test compares.
const SCRIPT_HASH: &str = "sha256-psyZju6QaaBbS7/NEYbL5huxLma7R9QOxEHCovs5hwY=";
/// Columns whose distributions are drawn: beyond it only the numbers are told, so that the page stays small.
const MAX_CHARTS: usize = 60;
/// Columns that are told at all; the JSON form has the others.
const MAX_COLUMNS: usize = 300;

/// The report as a page.
pub fn html(report: &Report) -> String {
    let policy = format!("default-src 'none'; style-src 'unsafe-inline'; script-src '{SCRIPT_HASH}'");
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(policy);
                title { "Drift: " (shown(&report.current.name)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(report))
                    (sections::schema(report))
                    (columns(report))
                    (sections::issues(report))
                    (sections::expectations(report))
                    (sections::over_time(report))
                    (sections::segments(report))
                    (sections::correlations(report))
                    (sections::notes(report))
                }
                footer {
                    "Made by Sentinel " (shown(&report.version))
                    @if !report.generated_at.is_empty() { " at " (shown(&report.generated_at)) }
                    ". The JSON form of this report has every number."
                }
                div #tip role="status" aria-live="polite" hidden {}
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn head(report: &Report) -> Markup {
    let verdict = &report.verdict;
    let (class, word) = match (verdict.drift, verdict.failed_expectations) {
        (true, _) => ("bad", "Drift"),
        (false, 1..) => ("bad", "Expectations failed"),
        (false, 0) if verdict.drifted > 0 => ("warn", "Some columns drifted"),
        (false, 0) if verdict.compared == 0 => ("warn", "Nothing to compare"),
        (false, 0) => ("good", "No drift"),
    };
    markup! {
        header class=(class) {
            p.kicker { "Drift report" }
            h1 { (word) }
            p.lead { (sentence(&shown(&verdict.summary))) }
            @for (class, word, facts) in [("reference", "Reference", &report.reference), ("current", "Current", &report.current)] {
                p.side {
                    span class=(format!("key {class}")) {} (word) " "
                    b { (shown(&facts.name)) } ", " (thousands(facts.rows)) " rows"
                    @if facts.is_profile { ", from a stored profile" }
                }
            }
        }
        (cards(report))
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn cards(report: &Report) -> Markup {
    let verdict = &report.verdict;
    let changed = report.schema_changes.len();
    let card = |name: &str, value: String, is_bad: bool, more: String| {
        markup! { div.card.bad[is_bad] { span.name { (name) } span.value { (value) } span.more { (more) } } }
    };
    let rule = if verdict.drift_share > 0.0 {
        format!("data set drifts from {} on", percent(verdict.drift_share))
    } else {
        "one is enough, false alarms are counted in".to_owned()
    };
    let failed = verdict.failed_expectations;
    markup! {
        section.cards aria-label="In short" {
            (card("Columns drifted", format!("{} of {}", verdict.drifted, verdict.compared), verdict.dataset_drift, rule))
            @if let Some(drifted) = verdict.prediction_drift {
                (card("Prediction", if drifted { "drifted" } else { "steady" }.to_owned(), drifted, "what the model answers".to_owned()))
            }
            (card("Schema", if changed == 0 { "same".to_owned() } else { plural(changed, "change") }, verdict.schema_drift, "columns missing, new, of another type".to_owned()))
            (card("Data quality", if report.issues.is_empty() { "good".to_owned() } else { plural(report.issues.len(), "finding") }, false, "gaps, ranges, unseen words".to_owned()))
            @if !report.expectations.is_empty() {
                (card("Expectations", if failed == 0 { "all hold".to_owned() } else { format!("{failed} failed") }, failed > 0, format!("of {}", report.expectations.len())))
            }
        }
    }
}

fn columns(report: &Report) -> Markup {
    let sort = |key: &str, name: &str| markup! { button type="button" data-sort=(key) { (name) } };
    markup! {
        section aria-labelledby="columns" {
            div.bar {
                h2 id="columns" { "Columns" }
                label.needs-script { "Find " input #find type="search" placeholder="name" autocomplete="off"; }
                label.needs-script { "Show "
                    select #show {
                        option value="" { "all" }
                        option value="drifted" { "drifted" }
                        option value="issues" { "with findings" }
                        option value="steady" { "steady" }
                    }
                }
                button #unfold.needs-script type="button" { "Open all" }
                span #shown.muted role="status" {}
            }
            div.heads aria-hidden="true" {
                span {} (sort("name", "Column")) (sort("kind", "Type"))
                span.spark { "Reference and current" } (sort("effect", "Effect")) (sort("p", "Adjusted p")) span { "Test" } (sort("verdict", "Verdict"))
            }
            div #rows {
                @for (idx, it) in report.columns.iter().take(MAX_COLUMNS).enumerate() {
                    (column::row(it, idx, idx < MAX_CHARTS))
                }
            }
            @if report.columns.len() > MAX_COLUMNS {
                p.muted { (report.columns.len() - MAX_COLUMNS) " more columns, all less drifted than these, are in the JSON form." }
            }
        }
    }
}
