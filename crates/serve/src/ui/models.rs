//! Are the models still right to be asked? A list, and a card of one model: what it takes, how much it is asked, how its
//! features drift over time, and how right it is.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Html;
use maud::{Markup, html};
use signal::Timestamp;

use super::heat::{Cell, Row, heatmap};
use super::layout::{Section, page as layout};
use super::{fan, model_card, text};
use crate::api::drift::between;
use crate::app::App;
use crate::error::Error;
use crate::model_drift::{DriftFeature, DriftRun, WatchedModel};
use crate::parameters::Ask;

/// So many comparisons are shown beside each other.
const MOST_RUNS: usize = 48;
/// A difference of this size is drawn darkest.
const LARGE: f64 = 1.0;
/// So many features are shown below each other.
const MOST_FEATURES: usize = 40;

/// `GET /model-watch`.
pub async fn page(State(app): State<Arc<App>>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let all = app.ports.drift.watched();
        let body = html! {
            div.title-row { h1 { "Models" } }
            p.muted { "Predictions of each watched model are compared with what it learned from. Series that are forecast have " a href="/forecasts" { "models of their own" } "." }
            div data-live id="models" { @if all.is_empty() { (nothing()) } @else { (list(&all)) } }
        };
        Ok(layout(app, "Models", Section::Models, &body))
    })
    .await
}

fn nothing() -> Markup {
    html! {
        div.empty {
            h2 { "No model is watched" }
            p { "Name a model whose predictions are logged in the configuration:" }
            pre { "model_watches:\n  - model: income\n    reference: {file: data/reference/reference_data.csv}\n    schedule: \"@hourly\"\n    alert: data_drift_score > 0.1" }
        }
    }
}

fn list(all: &[WatchedModel]) -> Markup {
    html! {
        table.stack {
            caption.hidden { "Watched models" }
            thead { tr { th scope="col" { "Model" } th scope="col" { "State" } th.num scope="col" { "Drift score" } th scope="col" { "Drifted" } th.num scope="col" { "Accuracy or error" } th scope="col" { "Compared" } } }
            tbody { @for it in all {
                tr data-key=(it.name) data-testid="model-row" {
                    td data-label="Model" { a.row-link href={ "/model-watch/" (text::encode(&it.name)) } { (text::plain(&it.model)) } @if let Some(version) = &it.version { " " span.muted.small { (text::plain(version)) } } }
                    td data-label="State" { (state(it)) }
                    td.num data-label="Drift score" { (measure(it.newest.as_ref(), "data_drift_score")) }
                    td data-label="Drifted" { (drifted(it.newest.as_ref())) }
                    td.num data-label="Accuracy or error" { @if has(it.newest.as_ref(), "mae") { (measure(it.newest.as_ref(), "mae")) } @else { (measure(it.newest.as_ref(), "accuracy")) } }
                    td data-label="Compared" { @match &it.newest { Some(run) => { (text::clock(run.time)) }, None => { span.muted { "never" } } } }
                }
            } }
        }
    }
}

fn state(it: &WatchedModel) -> Markup {
    let tone = match it.state.as_str() {
        "drift" | "error" => "bad",
        "ok" => "good",
        _ => "quiet",
    };
    html! { (text::badge(tone, &it.state)) @if let Some(trouble) = &it.trouble { p.small.muted { (text::plain(trouble)) } } }
}

fn has(run: Option<&DriftRun>, name: &str) -> bool {
    run.is_some_and(|it| it.measures.contains_key(name))
}

fn measure(run: Option<&DriftRun>, name: &str) -> Markup {
    let value = run.and_then(|it| it.measures.get(name));
    html! { @match value { Some(it) => { (text::number(*it)) }, None => { span.muted { "none yet" } } } }
}

fn drifted(run: Option<&DriftRun>) -> Markup {
    let names: Vec<String> =
        run.iter().flat_map(|it| &it.features).filter(|it| it.drifted).map(|it| text::plain(&it.name)).collect();
    html! { @if names.is_empty() { span.muted { "none" } } @else { (names.iter().take(6).cloned().collect::<Vec<_>>().join(", ")) @if names.len() > 6 { " and " (names.len() - 6) " more" } } }
}

/// `GET /model-watch/{model}`.
pub async fn one(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let model = app.ports.drift.one(&name)?;
        let mut runs = app.ports.drift.runs(&name)?;
        runs.truncate(MOST_RUNS);
        let title = text::plain(&model.name);
        let link = text::encode(&model.name);
        let body = html! {
            p.crumb { a href="/model-watch" { "Models" } " / " code { (title) } }
            div.title-row {
                h1 { (title) }
                form method="post" action={ "/sentinel/v1/drift/" (link) "/run" } data-done="Compared." {
                    input type="hidden" name="actor" value="web";
                    button data-testid="compare-now" { "Compare now" }
                }
            }
            div data-live id="model-card" {
                (summary(&model, app.now()))
                (model_card::live(&model))
                @if let Some(run) = &model.newest { (newest(run, &link)) }
                @if runs.len() > 1 { (over_time(&runs, &link)) (performance(&runs)) }
                (model_card::estimates(&runs))
                (model_card::versions(&model))
                (schema(&model))
                @if !runs.is_empty() { (history(&runs, &link)) }
            }
        };
        Ok(layout(app, &title, Section::Models, &body))
    })
    .await
}

fn summary(model: &WatchedModel, now: Timestamp) -> Markup {
    let newest = model.newest.as_ref();
    html! {
        dl.stats.words data-testid="model-facts" {
            div.stat { dt { "State" } dd { (state(model)) } }
            div.stat { dt { "Reference" } dd { (text::plain(&model.reference)) } }
            div.stat { dt { "Predictions read" } dd { (model.predictions) } }
            @if let Some(run) = newest {
                div.stat { dt { "Versions" } dd { @for (version, n) in &run.versions { (text::plain(if version.is_empty() { "none told" } else { version })) " " span.muted.small { (n) " rows" } " " } } }
                @if let Some((half, most)) = run.latency_ms { div.stat { dt { "Latency" } dd { (text::number(half)) " ms, 99 % within " (text::number(most)) " ms" } } }
                div.stat { dt { "Compared" } dd { (text::ago(run.time, now)) ", by " (run.reason) } }
            }
            @if let Some(next) = model.next { div.stat { dt { "Next" } dd { (text::clock(next)) } } }
        }
        ul.alarms { @for (rule, since) in &model.alarms {
            li { code { (text::plain(rule)) } " " @match since { Some(it) => { (text::badge("bad", "holds")) " since " (text::clock(*it)) }, None => { (text::badge("good", "quiet")) } } }
        } }
    }
}

fn newest(run: &DriftRun, link: &str) -> Markup {
    html! {
        section.card {
            h2 { "Newest comparison" }
            p { (text::plain(&run.summary)) ". " (run.rows) " predictions, compared with " (text::plain(&run.reference)) "." }
            p { a.button href={ "/sentinel/v1/drift/" (link) "/" (run.id) "?format=html" } data-testid="report" { "Open the report" } }
            @for it in &run.schema_changes { p.notice { (text::plain(it)) } }
            @if !run.drifted_segments.is_empty() { p data-testid="drifted-segments" { "Drifted in groups: " (text::plain(&run.drifted_segments.join(", "))) "." } }
            (features(run.prediction.iter().chain(&run.features)))
        }
    }
}

fn features<'a>(all: impl Iterator<Item = &'a DriftFeature>) -> Markup {
    html! {
        table.stack {
            caption.hidden { "Columns of the newest comparison" }
            thead { tr { th scope="col" { "Column" } th scope="col" { "Verdict" } th.num scope="col" { "Size" } th.num scope="col" { "Adjusted p" } th scope="col" { "Change" } th scope="col" { "Most in" } th scope="col" { "Since" } th.num scope="col" { "Missing" } } }
            tbody { @for it in all.take(MOST_FEATURES + 1) {
                tr data-testid="feature-row" {
                    td data-label="Column" { (text::plain(&it.name)) " " span.muted.small { (text::plain(&it.method)) } }
                    td data-label="Verdict" { @if it.drifted { (text::badge("bad", "drifted")) } @else { (text::badge("good", "same")) } }
                    td.num data-label="Size" { (text::number(it.effect)) }
                    td.num data-label="Adjusted p" { @match it.adjusted_p { Some(p) => { (text::number(p)) }, None => { span.muted { "none" } } } }
                    td data-label="Change" { (text::plain(&it.said)) }
                    td data-label="Most in" { @if let Some(segment) = &it.segment { (text::plain(segment)) } }
                    td data-label="Since" { @if let Some(since) = it.since { (text::clock(since)) } }
                    td.num data-label="Missing" { (format!("{:.1} %", it.missing * 100.0)) }
                }
            } }
        }
    }
}

/// The size of the drift of each feature in each comparison, as a share of what is drift.
fn over_time(runs: &[DriftRun], link: &str) -> Markup {
    let names = runs.first().into_iter().flat_map(|it| &it.features).take(MOST_FEATURES).map(|it| it.name.clone());
    let rows: Vec<Row> = names
        .map(|name| Row {
            cells: runs.iter().rev().map(|run| cell(run, &name, link)).collect(),
            name: text::plain(&name),
        })
        .collect();
    html! {
        section.card {
            h2 { "Drift over time" }
            p.muted.small { "One column per comparison, the newest at the right. The darker, the larger the difference from the reference; a frame says that it is drift." }
            (heatmap(&rows))
        }
    }
}

fn cell(run: &DriftRun, name: &str, link: &str) -> Cell {
    let found = run.features.iter().find(|it| it.name == name);
    let share = found.map(shade);
    let said = found.map_or_else(|| "not compared".to_owned(), |it| it.said.clone());
    Cell {
        share,
        is_marked: found.is_some_and(|it| it.drifted),
        title: format!("{} at {}: {}", text::plain(name), text::instant(run.time), text::plain(&said)),
        link: format!("/sentinel/v1/drift/{link}/{}?format=html", run.id),
    }
}

/// What did not drift stays pale, however large chance made it look.
fn shade(it: &DriftFeature) -> f64 {
    let size = (it.effect / LARGE).clamp(0.0, 1.0);
    if it.drifted { 0.4 + 0.6 * size } else { 0.25 * size }
}

fn performance(runs: &[DriftRun]) -> Markup {
    let shown = ["data_drift_score", "accuracy", "f1", "roc_auc", "brier", "mae", "rmse", "r2"];
    let values = |name: &str| runs.iter().rev().filter_map(|it| it.measures.get(name).copied()).collect::<Vec<f64>>();
    let lines: Vec<(&str, Vec<f64>)> = shown.iter().map(|it| (*it, values(it))).filter(|it| it.1.len() > 1).collect();
    html! {
        @if !lines.is_empty() {
            section.card {
                h2 { "Performance over time" }
                table.stack data-testid="performance" { caption.hidden { "Measures over comparisons" } tbody { @for (name, values) in &lines {
                    tr { th scope="row" { (name) } td { (fan::spark(values, values.len())) } td.num { (text::number(values.last().copied().unwrap_or(f64::NAN))) } }
                } } }
            }
        }
    }
}

fn schema(model: &WatchedModel) -> Markup {
    html! {
        @if !model.schema.is_empty() {
            details.card { summary { "Schema: " (model.schema.len()) " columns" }
                table { tbody { @for it in &model.schema { tr { th scope="row" { (text::plain(&it.name)) } td { (it.kind) } } } } }
            }
        }
    }
}

fn history(runs: &[DriftRun], link: &str) -> Markup {
    html! {
        section.card {
            h2 { "Comparisons" }
            form method="get" action={ "/model-watch/" (link) "/compare" } {
                table.stack {
                    caption.hidden { "Comparisons, newest first" }
                    thead { tr { th scope="col" { "Time" } th scope="col" { "By" } th.num scope="col" { "Rows" } th.num scope="col" { "Score" } th scope="col" { "Verdict" } th scope="col" { "Before" } th scope="col" { "After" } } }
                    tbody { @for (idx, it) in runs.iter().enumerate() {
                        tr data-key=(it.id) data-testid="run-row" {
                            td data-label="Time" { a href={ "/sentinel/v1/drift/" (link) "/" (it.id) "?format=html" } { (text::clock(it.time)) } }
                            td data-label="By" { (it.reason) }
                            td.num data-label="Rows" { (it.rows) }
                            td.num data-label="Score" { (measure(Some(it), "data_drift_score")) }
                            td data-label="Verdict" { (text::plain(&it.summary)) }
                            td data-label="Before" { input type="radio" name="before" value=(it.id) checked[idx + 1 == runs.len().min(2)] aria-label={ "Before: " (it.id) }; }
                            td data-label="After" { input type="radio" name="after" value=(it.id) checked[idx == 0] aria-label={ "After: " (it.id) }; }
                        }
                    } }
                }
                @if runs.len() > 1 { button data-testid="compare-runs" { "Compare two" } }
            }
        }
    }
}

/// Which two.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Two {
    before: String,
    after: String,
}

/// `GET /model-watch/{model}/compare`.
pub async fn compare(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Ask(two): Ask<Two>,
) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let found = between(app, &name, &two.before, &two.after)?;
        let value = |it: Option<f64>| html! { @match it { Some(it) => { (text::number(it)) }, None => { span.muted { "none" } } } };
        let feature = |it: &Option<DriftFeature>| html! { @match it { Some(it) => { (text::number(it.effect)) " " @if it.drifted { (text::badge("bad", "drifted")) } p.small.muted { (text::plain(&it.said)) } }, None => { span.muted { "not compared" } } } };
        let body = html! {
            p.crumb { a href="/model-watch" { "Models" } " / " a href={ "/model-watch/" (text::encode(&name)) } { (text::plain(&name)) } " / two comparisons" }
            h1 { (text::instant(found.before.time)) " and " (text::instant(found.after.time)) }
            table.stack data-testid="difference" {
                caption.hidden { "Measures and features of both" }
                thead { tr { th scope="col" { "What" } th scope="col" { "Before" } th scope="col" { "After" } } }
                tbody {
                    @for (name, before, after) in &found.measures { tr { th scope="row" { (name) } td { (value(*before)) } td { (value(*after)) } } }
                    @for (name, before, after) in &found.features { tr { th scope="row" { (text::plain(name)) } td { (feature(before)) } td { (feature(after)) } } }
                }
            }
        };
        Ok(layout(app, "Two comparisons", Section::Models, &body))
    })
    .await
}
