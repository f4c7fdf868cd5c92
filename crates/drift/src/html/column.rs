//! How is one column told? A line with its verdict that opens to both distributions and all numbers.

use maud::{Markup, html as markup};

use super::chart;
use super::sections;
use super::words::{number, p_value, percent, shown, thousands};
use crate::kind::Kind;
use crate::report::{ColumnReport, Finding, Role, Summary};
use crate::texts::Descriptor;

/// Longer words are cut in tables.
const LONGEST_WORD: usize = 40;
/// Differences of this many standard deviations fill the bar of the effect.
const FULL: f64 = 1.0;

/// The line and what it opens to.
pub fn row(column: &ColumnReport, idx: usize, has_chart: bool) -> Markup {
    let finding = column.finding.as_ref();
    let (class, word) = verdict(column);
    let sortable = |it: Option<f64>| it.map_or("-1".to_owned(), |it| format!("{it:.6e}"));
    let has_chart = has_chart && is_drawn(column);
    let shape = column.shape.as_ref().filter(|_| has_chart);
    markup! {
        details.row data-name=(shown(&column.name).to_lowercase()) data-kind=(column.kind.as_str())
            data-verdict=(class) data-issues=(column.issues.len())
            data-effect=(sortable(finding.map(|it| it.effect))) data-p=(sortable(finding.and_then(p_of))) {
            summary {
                span.arrow aria-hidden="true" {}
                span.name { (shown(&column.name)) (role(column.role)) }
                span.kind { (column.kind.as_str()) }
                span.spark { @if let Some(it) = shape { (chart::spark(it)) } }
                span.effect { @if let Some(it) = finding { (effect(it)) } }
                span.p { @match finding.and_then(p_of) { Some(it) => (p_value(it)), None => span.muted { "-" } } }
                span.method { @if let Some(it) = finding { (shown(&it.method).replace('_', " ")) } }
                span.verdict { span class=(format!("badge {class}")) { (word) }
                    @if !column.issues.is_empty() { span.dot title="findings on data quality" { (column.issues.len()) } }
                }
            }
            // Inside, so that a browser opens the line when an address ends in it.
            div.inside id={ "column-" (shown(&column.name)) } { (inside(column, idx, has_chart)) }
        }
    }
}

/// Of texts that hardly repeat, bars would be a long list of ones.
const fn is_drawn(column: &ColumnReport) -> bool {
    !matches!(column.kind, Kind::Text)
}

fn verdict(column: &ColumnReport) -> (&'static str, &'static str) {
    match &column.finding {
        Some(it) if it.drifted => ("drifted", "drifted"),
        Some(_) => ("steady", "steady"),
        None => ("none", "not compared"),
    }
}

fn role(role: Role) -> Markup {
    markup! {
        @match role {
            Role::Feature => {}
            Role::Prediction => span.role { "prediction" }
            Role::Target => span.role { "target" }
        }
    }
}

const fn p_of(finding: &Finding) -> Option<f64> {
    if finding.adjusted_p.is_some() { finding.adjusted_p } else { finding.p_value }
}

fn effect(finding: &Finding) -> Markup {
    let filled = (finding.effect / FULL * 100.0).clamp(0.0, 100.0).round();
    markup! {
        span.number { (number((finding.effect * 1e3).round() / 1e3)) }
        span.meter aria-hidden="true" { span.drifted[finding.drifted] style=(format!("width:{filled}%")) {} }
    }
}

fn inside(column: &ColumnReport, idx: usize, has_chart: bool) -> Markup {
    markup! {
        p.why { (why(column)) }
        @if !column.issues.is_empty() {
            ul.issues { @for it in &column.issues { li { (shown(&it.text)) } } }
        }
        div.halves {
            @if let Some(it) = column.shape.as_ref().filter(|_| has_chart) { (chart::large(it, idx)) }
            (numbers(&column.reference, &column.current))
        }
        @if !column.texts.is_empty() {
            h3 { "What describes the texts" }
            (texts(&column.texts))
        }
        @if !column.over_time.is_empty() {
            h3 { "Over time" }
            (chart::time(&column.over_time, |it| it.effect))
        }
        @if !column.segments.is_empty() {
            h3 { "By segment" }
            (sections::parts(&column.segments, "Segment"))
        }
    }
}

fn texts(all: &[Descriptor]) -> Markup {
    markup! {
        table.numbers {
            thead { tr { td {} th scope="col" { span.key.reference {} "Reference, mean" } th scope="col" { span.key.current {} "Current, mean" } th scope="col" { "Effect" } th scope="col" { "p" } } }
            tbody {
                @for it in all {
                    tr {
                        th scope="row" { (shown(&it.name).replace('_', " ")) }
                        td { (it.reference.map(number).unwrap_or_default()) }
                        td { (number(it.current)) }
                        td { (number((it.effect * 1e3).round() / 1e3)) }
                        td { (it.p_value.map(p_value).unwrap_or_default()) }
                    }
                }
            }
        }
    }
}

fn why(column: &ColumnReport) -> String {
    let Some(finding) = &column.finding else {
        let reason = column.not_compared.as_deref().map(shown);
        return format!("Not compared: {}.", reason.unwrap_or_else(|| "there is no verdict".to_owned()));
    };
    let mut text = format!("{}: score {}", finding.method.replace('_', " "), number(finding.score));
    if let Some(it) = finding.threshold {
        text += &format!(" (limit {})", number(it));
    }
    if let Some(it) = finding.p_value {
        text += &format!(", p {}", p_value(it));
    }
    if let Some(it) = finding.adjusted_p {
        text += &format!(", adjusted for all columns {}", p_value(it));
    }
    text += &format!(", effect {} standard deviations", number(finding.effect));
    if let Some(it) = finding.effect_threshold {
        text += &format!(" (large enough from {} on)", number(it));
    }
    text + "."
}

/// A word in a cell of a table.
fn frequent(word: &str) -> String {
    let mut text: String = shown(word).chars().take(LONGEST_WORD).collect();
    if word.chars().nth(LONGEST_WORD).is_some() {
        text.push_str("..");
    }
    text
}

fn numbers(reference: &Summary, current: &Summary) -> Markup {
    let share =
        |it: &Summary, count: u64| format!("{} ({})", thousands(count), percent(count as f64 / it.rows.max(1) as f64));
    let line = |name: &str, of: &dyn Fn(&Summary) -> Option<String>| {
        let (before, now) = (of(reference), of(current));
        markup! {
            @if before.is_some() || now.is_some() {
                tr { th scope="row" { (name) } td { (before.unwrap_or_default()) } td { (now.unwrap_or_default()) } }
            }
        }
    };
    let counted = |it: u64, of: &Summary| (it > 0).then(|| share(of, it));
    let about = |it: &Summary| if it.is_exact { "" } else { "about " };
    let moment = |idx: usize| move |it: &Summary| it.moments.and_then(|it| it.get(idx).copied()).map(number);
    let quantile = |idx: usize| move |it: &Summary| it.quantiles.and_then(|it| it.get(idx).copied()).map(number);
    markup! {
        table.numbers {
            thead { tr { td {} th scope="col" { span.key.reference {} "Reference" } th scope="col" { span.key.current {} "Current" } } }
            tbody {
                (line("Rows", &|it| Some(thousands(it.rows))))
                (line("Missing", &|it| Some(share(it, it.missing))))
                (line("Infinite", &|it| counted(it.infinite, it)))
                (line("Words among numbers", &|it| counted(it.mixed, it)))
                (line("Different values", &|it| Some(format!("{}{}", about(it), thousands(it.distinct as u64)))))
                (line("Mean", &moment(0)))
                (line("Standard deviation", &moment(1)))
                (line("Skewness", &moment(2)))
                (line("Least", &quantile(0)))
                (line("5 %", &quantile(1)))
                (line("25 %", &quantile(2)))
                (line("Median", &quantile(3)))
                (line("75 %", &quantile(4)))
                (line("95 %", &quantile(5)))
                (line("Greatest", &quantile(6)))
                (line("Zeros", &|it| it.zeros.map(|count| share(it, count))))
                (line("Most frequent", &|it| it.top.first().map(|top| format!("{}: {}", frequent(&top.0), share(it, top.1)))))
            }
        }
    }
}
