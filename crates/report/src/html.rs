//! The report as one page that needs nothing else: no script, no font, no picture from outside.
//!
//! `maud` escapes every text; `words::shown` shortens untrusted text and takes out control characters.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use signal::{Cause, Diagnosis, Incident, Plan, PlannedStep};

use crate::IncidentReport;
use crate::chart;
use crate::way;
use crate::words::{self, MAX_ROWS, shown};

/// Charts on a page at most, so that a page stays below 300 KB.
const MAX_CHARTS: usize = 6;
/// Plans on a page, and steps of a plan, at most.
const MAX_PLANS: usize = 8;
/// Causes on a page at most; those below are not likely.
const MAX_CAUSES: usize = 5;

/// The report as an HTML page, light or dark as the reader's system is set, fit for printing.
pub fn html(report: &IncidentReport) -> String {
    let incident = &report.incident;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (incident.id) ": " (shown(&incident.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (incident.id) ": " (shown(&incident.title)) }
                    (summary(report))
                    (impact(incident))
                    (timeline(incident))
                    (causes(incident.diagnosis.as_ref()))
                    (charts(report))
                    (plans(&report.plans))
                    (ledger(report))
                    (feedback(incident))
                }
                footer { "Made by Sentinel " (shown(&report.version)) " at " (report.generated_at) "." }
            }
        }
    };
    page.into_string()
}

fn summary(report: &IncidentReport) -> Markup {
    let incident = &report.incident;
    let cause = incident.diagnosis.as_ref().and_then(|it| it.causes.first());
    html! {
        section aria-labelledby="summary" {
            h2 id="summary" { "Summary" }
            p.lead {
                @match cause {
                    Some(it) => { (shown(&it.summary)) " (" (it.fault.as_str()) ", " (words::percent(it.confidence)) ")" }
                    None => "No cause was found."
                }
            }
            dl {
                dt { "Status" } dd { (words::status(incident.status)) }
                dt { "Severity" } dd { span class=(words::severity(incident.severity)) { (words::severity(incident.severity)) } }
                dt { "Started" } dd { (incident.started_at) }
                dt { "Detected" } dd { (incident.detected_at) }
                dt { "Ended" } dd { @match incident.ended_at { Some(it) => (it), None => "not yet" } }
                dt { "Lasted" } dd { (words::length(incident, report.generated_at)) }
            }
        }
    }
}

fn impact(incident: &Incident) -> Markup {
    html! {
        section aria-labelledby="impact" {
            h2 id="impact" { "Impact" }
            p { "Services: " (shown(&incident.services.join(", "))) }
            div.scroll { table {
                thead { tr { th scope="col" { "Series" } th scope="col" { "What" } th scope="col" { "From" } th scope="col" { "Until" } } }
                tbody {
                    @for it in incident.symptoms.iter().take(MAX_ROWS) {
                        tr {
                            td { code { (shown(&it.labels.to_string())) } }
                            td { (words::symptom(it)) }
                            td { (it.onset) }
                            td { @match it.ended_at { Some(it) => (it), None => "goes on" } }
                        }
                    }
                }
            } }
            (more(incident.symptoms.len(), MAX_ROWS))
        }
    }
}

fn timeline(incident: &Incident) -> Markup {
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { "Timeline" }
            ol.plain {
                @for it in incident.timeline.iter().take(MAX_ROWS) { li { time { (it.time) } " " (shown(&it.text)) } }
            }
            (more(incident.timeline.len(), MAX_ROWS))
        }
    }
}

fn causes(diagnosis: Option<&Diagnosis>) -> Markup {
    html! {
        section aria-labelledby="causes" {
            h2 id="causes" { "Causes" }
            @match diagnosis {
                None => p { "Not diagnosed yet." }
                Some(diagnosis) => {
                    ol { @for it in diagnosis.causes.iter().take(MAX_CAUSES) { li { (cause(it)) } } }
                    (more(diagnosis.causes.len(), MAX_CAUSES))
                    p { "None of these: " (words::percent(diagnosis.no_cause_confidence)) "." }
                    @if let Some(picture) = way::picture(&diagnosis.graph) {
                        h3 { "How it spread" }
                        figure { (picture) }
                        p.muted { (shown(&diagnosis.graph.story())) }
                    }
                    h3 { "Evidence" }
                    dl.evidence {
                        @for it in diagnosis.evidence.iter().take(MAX_ROWS) {
                            dt id=(anchor(&it.id.0)) { (shown(&it.id.0)) }
                            dd { (shown(&it.text)) br; code { (shown(&words::source(&it.source))) } }
                        }
                    }
                    (more(diagnosis.evidence.len(), MAX_ROWS))
                }
            }
        }
    }
}

fn cause(cause: &Cause) -> Markup {
    html! {
        strong { (shown(&cause.service)) } ", " (cause.fault.as_str()) ", " (words::percent(cause.confidence)) ": "
        (shown(&cause.summary)) br;
        code { (shown(&cause.indicator)) } " Evidence: "
        @for (idx, it) in cause.evidence.iter().take(MAX_ROWS).enumerate() {
            @if idx > 0 { ", " }
            a href=(format!("#{}", anchor(&it.0))) { (shown(&it.0)) }
        }
    }
}

/// An id for a link inside the page; nothing but letters and digits of the evidence's id enters it.
fn anchor(evidence: &str) -> String {
    let safe: String = evidence.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    format!("evidence-{safe}")
}

fn charts(report: &IncidentReport) -> Markup {
    html! {
        section aria-labelledby="signals" {
            h2 id="signals" { "Signals" }
            @if !report.charts.is_empty() {
                p.muted { "Line: measured. Gray: expected. Shaded: anomalous. Times are UTC." }
            }
            @for (idx, it) in report.charts.iter().take(MAX_CHARTS).enumerate() {
                figure {
                    figcaption { code { (shown(&it.labels.to_string())) } }
                    (chart::svg(it, idx))
                }
            }
            (more(report.charts.len(), MAX_CHARTS))
        }
    }
}

fn plans(plans: &[Plan]) -> Markup {
    html! {
        section aria-labelledby="plans" {
            h2 id="plans" { "What was done" }
            @if plans.is_empty() { p { "No playbook was used." } }
            @for plan in plans.iter().take(MAX_PLANS) {
                h3 { (plan.id) ": " (shown(&plan.playbook)) " on " (shown(&plan.target)) ": " (words::state(plan)) }
                p { (shown(&plan.reason)) }
                @if let Some(it) = &plan.approval { p { "Approved by " (shown(&it.actor)) " at " (it.time) "." } }
                ol { @for it in plan.steps.iter().take(MAX_PLANS) { li { (step(it)) } } }
                p { "Verified by: " (shown(&words::verification(plan))) "." }
            }
            (more(plans.len(), MAX_PLANS))
        }
    }
}

fn step(step: &PlannedStep) -> Markup {
    html! {
        code { (shown(&words::step(&step.action))) } br;
        "Undo: "
        @match &step.undo { Some(it) => code { (shown(&words::step(it))) }, None => "none" }
        @if let Some(it) = &step.outcome {
            br;
            strong { @if it.is_ok { "ok" } @else { "failed" } } " at " (it.time) ": " code { (shown(&it.detail)) }
        }
    }
}

fn ledger(report: &IncidentReport) -> Markup {
    html! {
        section aria-labelledby="ledger" {
            h2 id="ledger" { "Ledger" }
            div.scroll { table {
                thead { tr {
                    th scope="col" { "No." } th scope="col" { "Time" } th scope="col" { "Who" }
                    th scope="col" { "What" } th scope="col" { "On" } th scope="col" { "Hash" }
                } }
                tbody {
                    @for it in report.ledger.iter().take(MAX_ROWS) {
                        tr {
                            td { (it.sequence) } td { (it.time) } td { (shown(&it.actor)) }
                            td { (shown(&it.action)) } td { (shown(&it.subject)) }
                            td { code { (shown(&it.hash).chars().take(12).collect::<String>()) } }
                        }
                    }
                }
            } }
            (more(report.ledger.len(), MAX_ROWS))
            p.muted { "Check the whole chain with " code { "sentinel audit verify" } "." }
        }
    }
}

fn feedback(incident: &Incident) -> Markup {
    html! {
        section aria-labelledby="feedback" {
            h2 id="feedback" { "Feedback" }
            @if let Some(it) = incident.feedback { p { "A person said: " (words::opinion(it)) "." } }
            p { "Tell Sentinel whether this was right: " code { (words::feedback_command(incident)) } }
        }
    }
}

fn more(n_rows: usize, max_rows: usize) -> Markup {
    html! {
        @if n_rows > max_rows { p.muted { (n_rows - max_rows) " more are in the JSON form of this report." } }
    }
}

const STYLE: &str = "
:root{color-scheme:light dark;--text:#1a1d21;--muted:#5a6169;--ground:#fff;--rule:#d5d9de;--line:#1f5fbf;--band:#8a929b40;
--bad:#c4262e;--shade:#c4262e22;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--text:#e6e8eb;--muted:#a0a7b0;--ground:#14171a;--rule:#343a41;--line:#7fb2ff;
--band:#a0a7b033;--bad:#ff7b81;--shade:#ff7b8133;--warn:#f0b94d}}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main,footer{max-width:50rem;margin:0 auto;padding:0 1rem}
footer{color:var(--muted);padding-bottom:2rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;border-bottom:1px solid var(--rule);margin-top:2rem}h3{font-size:1rem}
code{font:0.85em ui-monospace,monospace}
.lead{font-size:1.1rem}.muted{color:var(--muted)}.critical{color:var(--bad);font-weight:600}.warning{color:var(--warn);font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}dt{color:var(--muted)}dd{margin:0;min-width:0}
.evidence dt:target{color:var(--bad);font-weight:600}
.plain{list-style:none;padding:0}
.scroll,figure{overflow-x:auto}.scroll td{overflow-wrap:normal;min-width:7rem}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.25rem .5rem;border-bottom:1px solid var(--rule)}
figure{margin:1rem 0}svg{width:100%;min-width:30rem;height:auto}svg.way{width:auto;max-width:100%;min-width:0}a{color:var(--line)}
.line{fill:none;stroke:var(--line);stroke-width:1.5}.band{fill:var(--band)}.anomalous{fill:var(--shade)}
.grid{stroke:var(--rule);stroke-width:.5}.label{fill:var(--muted);font:11px system-ui,sans-serif}
@media print{:root{--text:#000;--ground:#fff}section,figure{break-inside:avoid-page}h2{break-after:avoid}}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_page_shows_every_part() {
        let page = html(&sample::report());
        for part in [
            "<h1>INC-7: pay: CPU above expected</h1>",
            "Process 41 takes the CPU. (cpu_hog, 91 %)",
            "<a href=\"#evidence-E1\">E1</a>",
            "<dt id=\"evidence-E1\">E1</dt>",
            "<svg class=\"way\"",
            "<p class=\"muted\">latency up of pay &lt;- cpu hog of pay</p>",
            "<polygon class=\"band\"",
            "<rect class=\"anomalous\"",
            "<desc id=\"chart-0-text\">60 points from",
            "PLAN-3: stop-hog on pay: succeeded",
            "process 41 ended after SIGTERM",
            "plan.approved",
            "sentinel feedback INC-7 right|wrong|noise",
        ] {
            assert!(page.contains(part), "{part:?} is missing in {page}");
        }
        for outside in ["<script", "http://", "https://", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn hostile_text_does_not_get_through() {
        let page = html(&sample::hostile());
        for forbidden in ["<script", "<img", "<b>", "\u{1b}", "\u{202e}", "href=\"javascript", "href=\"http"] {
            assert!(!page.contains(forbidden), "{forbidden:?} in {page}");
        }
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn a_large_incident_stays_below_300_kb() {
        let page = html(&sample::large());
        assert!(page.len() < 300_000, "{} bytes", page.len());
        assert!(page.contains("more are in the JSON form"));
    }
}
