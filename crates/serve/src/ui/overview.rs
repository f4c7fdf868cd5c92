//! How are things? Open incidents, what is watched, the highest scores, what happens, what was changed.

use std::collections::BTreeSet;

use maud::{Markup, html};
use signal::{Change, Event, Incident, IncidentFilter, Labels, PlanState, Role, Score, SeriesQuery, Timestamp};

use super::layout::{Section, page};
use super::{budgets, chart, incidents, text};
use crate::app::App;
use crate::error::Error;

/// The overview.
pub fn render(app: &App) -> Result<Markup, Error> {
    let incidents = app.ports.incidents.incidents(&IncidentFilter { limit: 200, ..IncidentFilter::default() })?;
    let open: Vec<&Incident> = incidents.iter().filter(|it| it.is_open()).collect();
    let series = app.ports.history.series(&SeriesQuery::default())?;
    let highest = app.ports.scores.highest(8);
    let changes = app.recent_changes()?;
    let budget = app.ports.budgets.budgets();
    let now = app.now();
    let body = html! {
        div data-live id="stats" { (stats(app, &open, &series, &highest)?) }
        div.columns {
            div.wide {
                section aria-labelledby="h-open" data-live id="open" {
                    div.head { h2 id="h-open" { "Open incidents" } a href="/incidents" { "All incidents" } }
                    @if open.is_empty() { (all_quiet(&series, incidents.first(), now)) }
                    div.cards { @for it in &open { (incidents::card(it, now)) } }
                }
                section aria-labelledby="h-scores" data-live id="scores" {
                    div.head { h2 id="h-scores" { "Highest scores now" } a href="/series" { "All series" } }
                    (scores(&highest, now))
                }
            }
            div.side {
                @if !budget.is_empty() {
                    section aria-labelledby="h-budgets" data-live id="budgets" {
                        div.head { h2 id="h-budgets" { "Alert budgets" } a href="/backtest" { "Back-test" } }
                        (budgets::meters(&budget))
                    }
                }
                section aria-labelledby="h-feed" data-live id="feed" {
                    div.head { h2 id="h-feed" { "Live events" } }
                    (feed(app, now))
                }
                section aria-labelledby="h-changes" data-live id="changes" {
                    div.head { h2 id="h-changes" { "Recent changes" } }
                    (recent_changes(&changes, now))
                }
            }
        }
    };
    let h1 = html! { h1.hidden { "Overview" } (body) };
    Ok(page(app, "Overview", Section::Overview, &h1))
}

fn stats(
    app: &App,
    open: &[&Incident],
    series: &[Labels],
    highest: &[(Labels, Timestamp, Score)],
) -> Result<Markup, Error> {
    let owners: BTreeSet<&str> = series.iter().filter_map(Labels::service).collect();
    let hosts: BTreeSet<&str> = series.iter().filter_map(Labels::host).collect();
    // What Sentinel itself wrote about other series, and descriptions, are not watched.
    let watched = series.iter().filter(|it| Role::of(it).is_scored()).count();
    let waiting = app.ports.plans.plans(None)?.iter().filter(|it| it.state == PlanState::Proposed).count();
    let anomalous = highest.iter().filter(|(_, _, it)| it.is_ready && it.value > 1.0).count();
    let anomalous =
        if anomalous == highest.len() && anomalous > 0 { format!("{anomalous}+") } else { anomalous.to_string() };
    let stat = |testid: &str, tone: &str, value: &str, name: &str| {
        html! { div class={ "stat " (tone) } data-testid=(testid) { dd { (value) } dt { (name) } } }
    };
    let tone = |is_bad: bool, tone: &'static str| if is_bad { tone } else { "" };
    Ok(html! {
        dl.stats {
            (stat("stat-open", tone(!open.is_empty(), "bad"), &open.len().to_string(), if open.len() == 1 { "open incident" } else { "open incidents" }))
            (stat("stat-plans", tone(waiting > 0, "accent"), &waiting.to_string(), if waiting == 1 { "plan waits for approval" } else { "plans wait for approval" }))
            (stat("stat-anomalous", tone(anomalous != "0", "warn"), &anomalous, "anomalous series now"))
            (stat("stat-series", "", &text::grouped(watched as u64), "series watched"))
            (stat("stat-services", "", &text::grouped(owners.len() as u64), if owners.len() == 1 { "service" } else { "services" }))
            (stat("stat-hosts", "", &text::grouped(hosts.len() as u64), if hosts.len() == 1 { "host" } else { "hosts" }))
        }
    })
}

fn all_quiet(series: &[Labels], last: Option<&Incident>, now: Timestamp) -> Markup {
    html! {
        div.empty data-testid="all-quiet" {
            @if series.is_empty() {
                h3 { "Nothing is watched yet" }
                p { "Send a first sample:" }
                pre { "curl -s http://127.0.0.1:8080/monitor -H 'content-type: application/json' \\\n  -d '{\"timestamp\":\"10:00\",\"service_name\":\"PaymentGateway\",\"cpu_usage\":42}'" }
                p { "Or point Prometheus " code { "remote_write" } " at " code { "/api/v1/write" } ", Promtail at " code { "/loki/api/v1/push" } "." }
            } @else {
                h3 { span.tick aria-hidden="true" { "\u{2713}" } " All quiet" }
                p { "No incident is open. "
                    @if let Some(last) = last { "The last one, " a href={ "/incidents/" (last.id) } { (last.id) } ", began " (text::ago(last.started_at, now)) "." }
                    @else { "A series is judged after its first 16 points." }
                }
            }
        }
    }
}

fn scores(highest: &[(Labels, Timestamp, Score)], now: Timestamp) -> Markup {
    html! {
        @if highest.is_empty() {
            div.empty { p { "No series is scored yet. A series is judged after its first 16 points." } }
        } @else {
            table.stack {
                caption.hidden { "Series with the highest anomaly scores; above 1 is anomalous" }
                thead { tr { th scope="col" { "Series" } th scope="col" { "Last 15 min" } th.num scope="col" { "Value" } th.num scope="col" { "Expected" } th.num scope="col" { "Score" } } }
                tbody {
                    @for (labels, time, score) in highest {
                        tr data-key=(labels.id()) {
                            td data-label="Series" { a.row-link href=(text::series_url(labels)) { (text::series(labels)) } }
                            td data-label="Last 15 min" { (chart::spark(labels)) }
                            td.num data-label="Value" { (text::value(score.y)) }
                            td.num data-label="Expected" { (text::number(score.yhat_lower)) " to " (text::number(score.yhat_upper)) }
                            td.num data-label="Score" title={ "scored " (text::span(now.since(*time))) " ago" } { (score_word(score)) }
                        }
                    }
                }
            }
        }
    }
}

/// The score as a word with its color.
pub fn score_word(score: &Score) -> Markup {
    html! {
        @if !score.is_ready { span.muted { "warming up" } }
        @else { span class={ "score " (if score.value > 1.0 { "bad" } else { "" }) } { (text::number(score.value)) } }
    }
}

fn feed(app: &App, now: Timestamp) -> Markup {
    let recent = app.live.recent();
    html! {
        @if recent.is_empty() { div.empty { p { "Events appear here as they happen." } } }
        ol.feed data-testid="feed" aria-live="polite" aria-relevant="additions" {
            @for event in recent.iter().take(12) { (feed_item(event, now)) }
        }
    }
}

fn feed_item(event: &Event, now: Timestamp) -> Markup {
    match event {
        Event::Anomaly(it) => html! {
            li data-key={ "a" (it.labels.id()) (it.onset.millis()) } {
                span class={ "pip " (if it.is_over { "good" } else { "warn" }) } aria-hidden="true" {}
                div {
                    a href=(text::series_url(&it.labels)) { (text::series_in_short(&it.labels)) }
                    p.muted { (if it.is_over { "recovered" } else { text::anomaly(it.kind, it.direction) }) " \u{b7} " (text::ago(it.time, now)) }
                }
            }
        },
        Event::Incident(it) => html! {
            li data-key=(it.id) {
                span class={ "pip " (if it.is_open() { "bad" } else { "good" }) } aria-hidden="true" {}
                div {
                    a href={ "/incidents/" (it.id) } { (it.id) } " " (text::plain(&it.title))
                    @let last = it.timeline.last();
                    p.muted { (last.map_or_else(String::new, |it| text::plain(&it.text))) " \u{b7} " (text::ago(last.map_or(it.detected_at, |it| it.time), now)) }
                }
            }
        },
        Event::Plan(it) => html! {
            li data-key=(it.id) {
                span.pip.accent aria-hidden="true" {}
                div {
                    a href={ "/incidents/" (it.incident) } { (it.id) } " " (text::plain(&it.playbook)) " on " (text::plain(&it.target))
                    p { (text::plan_state(it.state)) }
                }
            }
        },
        Event::Investigation(it) => html! {
            li data-key={ "i" (it.incident) } {
                span.pip.accent aria-hidden="true" {}
                div {
                    a href={ "/incidents/" (it.incident) "#investigation" } { (it.incident) } " was investigated"
                    p.muted { (text::counted(it.claims.len() as u64, "claim")) " with evidence, " (text::counted(it.steps.len() as u64, "question")) }
                }
            }
        },
    }
}

fn recent_changes(changes: &[Change], now: Timestamp) -> Markup {
    html! {
        @if changes.is_empty() {
            div.empty { p { "None in the last day. Tell of deploys with " code { "POST /sentinel/v1/changes" } ": they are weighed as causes." } }
        }
        ol.feed {
            @for it in changes.iter().rev().take(6) {
                li {
                    span.pip aria-hidden="true" {}
                    div {
                        (text::plain(&it.title)) @if let Some(version) = &it.version { " " span.chip { (text::plain(version)) } }
                        p.muted { (text::change(it.kind)) " of " (text::plain(&it.service)) " \u{b7} " (text::ago(it.time, now)) }
                    }
                }
            }
        }
    }
}
