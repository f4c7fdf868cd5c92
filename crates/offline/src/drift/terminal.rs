//! How is the verdict told in a terminal? The sentence, then the columns, the most drifted first.

use std::io::Write;

use drift::{ColumnReport, Report};

/// Lines at most; the files have the others.
const MAX_ROWS: usize = 60;
/// Findings on data quality at most.
const MAX_ISSUES: usize = 12;

/// Prints the report.
pub fn print(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let verdict = &report.verdict;
    let word = match (verdict.drift, verdict.compared) {
        (true, _) => "Drift",
        (false, 0) => "No verdict",
        (false, _) => "No drift",
    };
    writeln!(out, "{word}: {}.", clean(&verdict.summary))?;
    writeln!(
        out,
        "Reference {} ({} rows), current {} ({} rows).\n",
        clean(&report.reference.name),
        report.reference.rows,
        clean(&report.current.name),
        report.current.rows
    )?;
    let name_width = report.columns.iter().map(|it| clean(&it.name).chars().count()).max().unwrap_or(0).clamp(6, 40);
    writeln!(
        out,
        "{:name_width$}  {:8}  {:>8}  {:>10}  {:20}  verdict",
        "column", "type", "effect", "adjusted p", "test"
    )?;
    for column in report.columns.iter().take(MAX_ROWS) {
        row(column, name_width, out)?;
    }
    if report.columns.len() > MAX_ROWS {
        writeln!(out, "... and {} more", report.columns.len() - MAX_ROWS)?;
    }
    details(report, out)
}

fn row(column: &ColumnReport, name_width: usize, out: &mut dyn Write) -> std::io::Result<()> {
    let name: String = clean(&column.name).chars().take(40).collect();
    let kind = column.kind.as_str();
    let Some(finding) = &column.finding else {
        let reason = column.not_compared.as_deref().unwrap_or_default();
        return writeln!(
            out,
            "{name:name_width$}  {kind:8}  {:>8}  {:>10}  {:20}  not compared: {}",
            "-",
            "-",
            "-",
            clean(reason)
        );
    };
    let p_value = finding.adjusted_p.or(finding.p_value);
    let p_value =
        p_value.map_or("-".to_owned(), |it| if it < 1e-4 { "<0.0001".to_owned() } else { format!("{it:.4}") });
    let word = if finding.drifted { "DRIFTED" } else { "steady" };
    writeln!(out, "{name:name_width$}  {kind:8}  {:>8.3}  {p_value:>10}  {:20}  {word}", finding.effect, finding.method)
}

fn details(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    for it in &report.schema_changes {
        let kind = |it: Option<drift::Kind>| it.map_or("", drift::Kind::as_str);
        let text = match it.change {
            drift::Change::Missing => "is missing in the current data".to_owned(),
            drift::Change::New => "is new: the reference does not have it".to_owned(),
            drift::Change::Empty => "has no values any more".to_owned(),
            drift::Change::Type => format!("was {}, is {}", kind(it.reference), kind(it.current)),
        };
        writeln!(out, "schema: {} {text}", clean(&it.column))?;
    }
    for it in report.issues.iter().take(MAX_ISSUES) {
        writeln!(out, "quality: {}: {}", clean(it.column.as_deref().unwrap_or("all rows")), clean(&it.text))?;
    }
    if report.issues.len() > MAX_ISSUES {
        writeln!(out, "quality: ... and {} more", report.issues.len() - MAX_ISSUES)?;
    }
    for it in report.expectations.iter().filter(|it| it.status != drift::Status::Success) {
        let word = match it.status {
            drift::Status::Warning => "warning",
            drift::Status::Error => "error",
            drift::Status::Fail | drift::Status::Success => "failed",
        };
        writeln!(out, "expectation {word}: {}: {}", clean(&it.name), clean(&it.description))?;
    }
    for it in &report.notes {
        writeln!(out, "note: {}", clean(it))?;
    }
    Ok(())
}

/// What a file holds is data, not commands to the terminal.
fn clean(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).collect()
}
