//! Are the models still right to be asked? A list, and a card of one model: what it takes, how much it is asked, how its
//! features drift over time, and how right it is.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Html;
use maud::{Markup, html};
use signal::{PortError, Timestamp};

use super::heat::{Cell, Row, heatmap};
use super::layout::{Section, page as layout};
use super::{fan, model_card, text};
use crate::api::drift::between;
use crate::app::App;
use crate::error::Error;
use crate::model_drift::{DriftFeature, DriftRun, WatchedModel};
use crate::parameters::Ask;
use crate::served::ServedModel;

/// So many comparisons are shown beside each other.
const MOST_RUNS: usize = 48;
/// A difference of this size is drawn darkest.
const LARGE: f64 = 1.0;
/// So many features are shown below each other.
const MOST_FEATURES: usize = 40;

/// `GET /model-watch`.
pub async fn page(State(app): State<Arc<App>>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let (watched, unwatched) = all(app);
        let body = html! {
            div.title-row { h1 { "Models" } }
            p.muted { "Predictions of each watched model are compared with what it learned from. Series that are forecast have " a href="/forecasts" { "models of their own" } "." }
            div.wide data-live id="models" {
                @if watched.is_empty() { (nothing()) } @else { (list(&watched, app.now())) }
                @if !unwatched.is_empty() { (served(&unwatched)) }
            }
        };
        Ok(layout(app, "Models", Section::Models, &body))
    })
    .await
}

/// Watched models, and those that are only served.
fn all(app: &App) -> (Vec<WatchedModel>, Vec<ServedModel>) {
    let watched = app.ports.drift.watched();
    let mut served = app.ports.served.served();
    served.retain(|it| !watched.iter().any(|other| other.model == it.name));
    (watched, served)
}

fn served(all: &[ServedModel]) -> Markup {
    html! {
        section aria-labelledby="h-served" {
            div.head { h2 id="h-served" { "Served, not watched" } span.muted { "they answer; whether their inputs drift is not known" } }
            table.stack {
                caption.hidden { "Models that are served and not watched" }
                thead { tr { th scope="col" { "Model" } th scope="col" { "Answers by version" } th.num scope="col" { "Versions" } } }
                tbody { @for it in all {
                    tr data-key={ "served-" (text::plain(&it.name)) } data-testid="served-row" {
                        td data-label="Model" { a.row-link href={ "/model-watch/" (text::encode(&it.name)) } { (text::plain(&it.name)) } }
                        td data-label="Answers by version" { (it.versions.iter().find(|it| it.role == "default").map_or_else(String::new, |it| text::plain(&it.version))) }
                        td.num data-label="Versions" { (it.versions.len()) }
                    }
                } }
            }
        }
    }
}

/// The card of a model that is served and not watched.
fn served_card(app: &App, model: &ServedModel) -> Markup {
    let title = text::plain(&model.name);
    let body = html! {
        p.crumb { a href="/model-watch" { "Models" } " / " code { (title) } }
        div.title-row { h1 { (title) } }
        div.wide data-live id="model-card" {
            section.card data-testid="model-versions" { h2 { "Model" } (model_card::versions(&model.versions, &model.name)) }
            div.empty {
                h2 { "Nobody watches it" }
                p { "Name it in the configuration, and its predictions are compared with what it learned from:" }
                pre { "model_watches:\n  - model: " (title) "\n    schedule: \"@hourly\"" }
            }
        }
    };
    layout(app, &title, Section::Models, &body)
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

fn list(all: &[WatchedModel], now: Timestamp) -> Markup {
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
                    td data-label="Compared" { @match &it.newest { Some(run) => { (text::clock_of_day(run.time, now)) }, None => { span.muted { "never" } } } }
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
        let only_served = || app.ports.served.served().into_iter().find(|it| it.name == name);
        let model = match app.ports.drift.one(&name) {
            Err(PortError::NotFound(what)) => {
                return only_served().map(|it| served_card(app, &it)).ok_or_else(|| PortError::NotFound(what).into());
            }
            other => other?,
        };
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
            div.wide data-live id="model-card" {
                (summary(&model, app.now()))
                (model_card::live(&model, app.now()))
                @if let Some(run) = &model.newest { (newest(run, &link, app.now())) }
                @if runs.len() > 1 { (over_time(&runs, &link)) (performance(&runs)) }
                (model_card::estimates(&runs))
                (model_card::about(&model))
                (schema(&model))
                @if !runs.is_empty() { (history(&runs, &link, app.now())) }
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
            div.stat { dt { "Predictions read" } dd { (text::grouped(model.predictions)) } }
            @if let Some(run) = newest {
                div.stat { dt { "Versions" } dd { @for (version, n) in &run.versions { (text::plain(if version.is_empty() { "none told" } else { version })) " " span.muted.small { (text::counted(*n, "row")) } " " } } }
                @if let Some((half, most)) = run.latency_ms { div.stat { dt { "Latency" } dd { (text::number(half)) " ms, 99 % within " (text::number(most)) " ms" } } }
                div.stat { dt { "Compared" } dd { (text::ago(run.time, now)) ", by " (run.reason) } }
            }
            @if let Some(next) = model.next { div.stat { dt { "Next" } dd { (text::ago(next, now)) } } }
        }
        ul.alarms { @for (rule, since) in &model.alarms {
            li { code { (text::plain(rule)) } " " @match since { Some(it) => { (text::badge("bad", "holds")) " since " (text::clock_of_day(*it, now)) }, None => { (text::badge("good", "quiet")) } } }
        } }
    }
}

fn newest(run: &DriftRun, link: &str, now: Timestamp) -> Markup {
    let report = format!("/sentinel/v1/drift/{link}/{}?format=html", run.id);
    html! {
        section.card {
            h2 { "Newest comparison" }
            p { (text::plain(&run.summary)) ". " (text::counted(run.rows, "prediction")) " from " (text::moment(run.from)) " to " (text::moment(run.to)) ", compared with " (text::plain(&run.reference)) "." }
            p { a.button href=(report) data-testid="report" { "Open the report" } " " span.muted.small { "both distributions of each column, data quality, segments, correlations" } }
            @for it in &run.schema_changes { p.notice { (text::plain(it)) } }
            @if !run.drifted_segments.is_empty() { p data-testid="drifted-segments" { "Drifted in groups: " (text::plain(&run.drifted_segments.join(", "))) "." } }
            (features(run.prediction.iter().chain(&run.features), &report, now))
            @if run.features.len() > MOST_FEATURES { p.muted.small { (run.features.len() - MOST_FEATURES) " more are in the report." } }
        }
    }
}

fn features<'a>(all: impl Iterator<Item = &'a DriftFeature>, report: &str, now: Timestamp) -> Markup {
    html! {
        table.stack.features {
            caption.hidden { "Columns of the newest comparison" }
            thead { tr { th scope="col" { "Column" } th scope="col" { "Verdict" } th.num scope="col" { "Size" } th.num scope="col" { "Adjusted p" } th scope="col" { "Change" } th scope="col" { "Most in" } th scope="col" { "Since" } th.num scope="col" { "Missing" } } }
            tbody { @for it in all.take(MOST_FEATURES + 1) {
                tr data-testid="feature-row" {
                    td data-label="Column" { a href={ (report) "#column-" (text::encode(&it.name)) } title="Both distributions" data-testid="drill-down" { (text::plain(&it.name)) } " " span.muted.small { (text::plain(&it.method).replace('_', " ")) } }
                    td data-label="Verdict" { @if it.drifted { (text::badge("bad", "drifted")) } @else { (text::badge("good", "same")) } }
                    td.num data-label="Size" { (text::number(it.effect)) }
                    td.num data-label="Adjusted p" { @match it.adjusted_p { Some(p) => { (text::number(p)) }, None => { span.muted { "none" } } } }
                    td data-label="Change" { (text::plain(&it.said)) }
                    td data-label="Most in" { @if let Some(segment) = &it.segment { (text::plain(segment)) } }
                    td data-label="Since" { @if let Some(since) = it.since { (text::clock_of_day(since, now)) } }
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
            p.muted.small { "One column per comparison"
                @if let (Some(newest), Some(oldest)) = (runs.first(), runs.last()) { ", from " (text::moment(oldest.time)) " at the left to " (text::moment(newest.time)) " at the right" }
                ". The darker, the larger the difference from the reference; a frame says that it is drift." }
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
                table.stack data-testid="performance" { caption.hidden { "Measures over comparisons" } thead { tr { th scope="col" { "Measure" } th scope="col" { "Over comparisons" } th.num scope="col" { "Newest" } } } tbody { @for (name, values) in &lines {
                    tr { th scope="row" { (name.replace('_', " ")) } td data-label="Over comparisons" { (fan::spark(values, values.len())) } td.num data-label="Newest" { (text::number(values.last().copied().unwrap_or(f64::NAN))) } }
                } } }
            }
        }
    }
}

fn schema(model: &WatchedModel) -> Markup {
    html! {
        @if !model.schema.is_empty() {
            details.card { summary { "Schema: " (text::counted(model.schema.len() as u64, "column")) }
                table { caption.hidden { "Columns with what they hold" } tbody { @for it in &model.schema { tr { th scope="row" { (text::plain(&it.name)) } td { (it.kind) } } } } }
            }
        }
    }
}

fn history(runs: &[DriftRun], link: &str, now: Timestamp) -> Markup {
    html! {
        section.card {
            h2 { "Comparisons" }
            form method="get" action={ "/model-watch/" (link) "/compare" } {
                table.stack {
                    caption.hidden { "Comparisons, newest first" }
                    thead { tr { th scope="col" { "Time" } th scope="col" { "By" } th.num scope="col" { "Rows" } th.num scope="col" { "Score" } th scope="col" { "Verdict" } th scope="col" { "Before" } th scope="col" { "After" } } }
                    tbody { @for (idx, it) in runs.iter().enumerate() {
                        tr data-key=(it.id) data-testid="run-row" {
                            td data-label="Time" { a href={ "/sentinel/v1/drift/" (link) "/" (it.id) "?format=html" } { (text::clock_of_day(it.time, now)) } }
                            td data-label="By" { (it.reason) }
                            td.num data-label="Rows" { (text::grouped(it.rows)) }
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

/// By how much a number went up or down.
fn change(before: Option<f64>, after: Option<f64>) -> String {
    let (Some(before), Some(after)) = (before, after) else { return String::new() };
    let sign = if after > before { "+" } else { "" };
    format!("{sign}{}", text::number(after - before))
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
            h1 { (text::moment(found.before.time)) " and " (text::moment(found.after.time)) }
            table.stack data-testid="difference" {
                caption.hidden { "Measures and features of both" }
                thead { tr { th scope="col" { "What" } th scope="col" { "Before" } th scope="col" { "After" } th.num scope="col" { "Change" } } }
                tbody {
                    @for (name, before, after) in &found.measures { tr { th scope="row" { (name.replace('_', " ")) } td data-label="Before" { (value(*before)) } td data-label="After" { (value(*after)) } td.num data-label="Change" { (change(*before, *after)) } } }
                    @for (name, before, after) in &found.features { tr { th scope="row" { (text::plain(name)) } td data-label="Before" { (feature(before)) } td data-label="After" { (feature(after)) } td.num data-label="Change" { (change(before.as_ref().map(|it| it.effect), after.as_ref().map(|it| it.effect))) } } }
                }
            }
        };
        Ok(layout(app, "Two comparisons", Section::Models, &body))
    })
    .await
}
