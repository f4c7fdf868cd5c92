//! What else does the page tell? Changes of the schema, findings on quality, expectations, time, segments, correlations.

use maud::{Markup, html as markup};

use super::chart;
use super::words::{number, p_value, shown, thousands};
use crate::report::{Change, Part, Report, Status};

/// Lines of a list; the JSON form has the others.
const MAX_LINES: usize = 100;

/// Columns that are missing, new, or hold something else.
pub fn schema(report: &Report) -> Markup {
    let changes = &report.schema_changes;
    markup! {
        @if !changes.is_empty() {
            section aria-labelledby="schema" {
                h2 id="schema" { "Schema" }
                ul.plain {
                    @for it in changes.iter().take(MAX_LINES) {
                        li {
                            code { (shown(&it.column)) } " "
                            @let kind = |it: Option<crate::Kind>| it.map_or("", crate::Kind::as_str);
                            @match it.change {
                                Change::Missing => span.badge.drifted { "missing in the current data" }
                                Change::New => span.badge.none { "new: not in the reference" }
                                Change::Empty => span.badge.drifted { "has no values any more" }
                                Change::Type => span.badge.drifted { "was " (kind(it.reference)) ", is " (kind(it.current)) }
                            }
                        }
                    }
                }
                (more(changes.len()))
            }
        }
    }
}

/// What is wrong with the current data.
pub fn issues(report: &Report) -> Markup {
    markup! {
        @if !report.issues.is_empty() {
            section aria-labelledby="quality" {
                h2 id="quality" { "Data quality" }
                table {
                    thead { tr { th scope="col" { "Column" } th scope="col" { "Finding" } } }
                    tbody {
                        @for it in report.issues.iter().take(MAX_LINES) {
                            tr { td { @match &it.column { Some(it) => code { (shown(it)) }, None => "all rows" } } td { (shown(&it.text)) } }
                        }
                    }
                }
                (more(report.issues.len()))
            }
        }
    }
}

/// The user's own tests.
pub fn expectations(report: &Report) -> Markup {
    markup! {
        @if !report.expectations.is_empty() {
            section aria-labelledby="expectations" {
                h2 id="expectations" { "Expectations" }
                table {
                    thead { tr { th scope="col" { "Expectation" } th scope="col" { "Status" } th scope="col" { "Measured" } } }
                    tbody {
                        @for it in report.expectations.iter().take(MAX_LINES) {
                            @let (class, word) = match it.status {
                                Status::Success => ("steady", "holds"),
                                Status::Fail => ("drifted", "failed"),
                                Status::Warning => ("none", "warning"),
                                Status::Error => ("drifted", "error"),
                            };
                            tr { td { (shown(&it.name)) } td { span class=(format!("badge {class}")) { (word) } } td { (shown(&it.description)) } }
                        }
                    }
                }
                (more(report.expectations.len()))
            }
        }
    }
}

/// Drift by spans of time.
pub fn over_time(report: &Report) -> Markup {
    markup! {
        @if !report.over_time.is_empty() {
            section aria-labelledby="time" {
                h2 id="time" { "Over time" }
                p.muted { "Share of drifted columns in each span. Pointing at a span tells more." }
                (chart::time(&report.over_time, |it| it.drifted as f64 / it.compared.max(1) as f64))
            }
        }
    }
}

/// Drift by segments.
pub fn segments(report: &Report) -> Markup {
    markup! {
        @if !report.segments.is_empty() {
            section aria-labelledby="segments" {
                h2 id="segments" { "Segments" }
                (parts(&report.segments, "Segment"))
            }
        }
    }
}

/// A table of parts.
pub fn parts(parts: &[Part], name: &str) -> Markup {
    markup! {
        table {
            thead { tr { th scope="col" { (name) } th scope="col" { "Reference rows" } th scope="col" { "Rows" } th scope="col" { "Largest effect" } th scope="col" { "Drifted" } } }
            tbody {
                @for it in parts.iter().take(MAX_LINES) {
                    tr {
                        td { (shown(&it.name)) } td { (thousands(it.reference_rows)) } td { (thousands(it.rows)) } td { (number(it.effect)) }
                        td { span.badge.drifted[it.drifted > 0].steady[it.drifted == 0] { (it.drifted) " of " (it.compared) } }
                    }
                }
            }
        }
        (more(parts.len()))
    }
}

/// Pairs of columns whose correlation changed.
pub fn correlations(report: &Report) -> Markup {
    markup! {
        @if !report.correlations.is_empty() {
            section aria-labelledby="correlations" {
                h2 id="correlations" { "Correlations that changed" }
                table {
                    thead { tr { th scope="col" { "Columns" } th scope="col" { "Reference" } th scope="col" { "Current" } th scope="col" { "Adjusted p" } } }
                    tbody {
                        @for it in report.correlations.iter().take(MAX_LINES) {
                            tr { td { code { (shown(&it.one)) } " and " code { (shown(&it.other)) } } td { (number(it.reference)) } td { (number(it.current)) } td { (p_value(it.adjusted_p)) } }
                        }
                    }
                }
            }
        }
    }
}

/// How to read the page, and what was estimated.
pub fn notes(report: &Report) -> Markup {
    markup! {
        section aria-labelledby="notes" {
            h2 id="notes" { "How to read this" }
            @match report.mode {
                crate::Mode::Calibrated => p { "A column drifted if the difference is both sure and large: the p-value of a two-sample test, adjusted for the number of columns (Benjamini and Hochberg), is at most the stated rate of false alarms, and the effect, in standard deviations of the reference, is at least the stated size. Without drift the chance that even one column is named is at most that rate." }
                crate::Mode::Evidently => p { "Tests and limits are chosen as Evidently does, from the kind of column and the number of reference rows. These limits are not calibrated: the rate of false alarms depends on the number of rows and of categories." }
            }
            @if !report.notes.is_empty() { ul { @for it in &report.notes { li { (shown(it)) } } } }
        }
    }
}

fn more(count: usize) -> Markup {
    markup! { @if count > MAX_LINES { p.muted { (count - MAX_LINES) " more are in the JSON form." } } }
}
