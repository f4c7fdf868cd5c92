//! What will a series be, and can its model be trusted? A list with small pictures, and a page with the fan of one.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Html;
use maud::{Markup, html};
use serde_json::Value;
use signal::Timestamp;

use super::layout::{Section, page as layout};
use super::{fan, text};
use crate::api::forecasts::{ListQuery, find};
use crate::app::App;
use crate::error::Error;
use crate::forecasts::{ForecastChart, ModelStatus, WatchStatus};
use crate::parameters::{Ask, given};

/// `GET /forecasts`.
pub async fn page(State(app): State<Arc<App>>, Ask(query): Ask<ListQuery>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let found = find(app, &query)?;
        let watches = app.ports.forecasts.watches();
        let wanted = given(&query.wanted).unwrap_or("");
        let body = html! {
            div.title-row { h1 { "Forecasts" } }
            p.muted { "Each series of a watch has a model of its own. A new version serves only if it was not worse on values that it had not seen." }
            form.search method="get" action="/forecasts" role="search" {
                input type="search" name="match" value=(wanted) placeholder="Metric, label or watch" aria-label="Words in the key";
                button { "Search" }
            }
            div data-live id="forecasts" {
                @for it in watches.iter().filter(|it| it.error.is_some() || it.n_left_out > 0) { (complaint(it)) }
                @if found.items.is_empty() { (nothing(&watches, wanted)) } @else { (list(&found.items)) }
                @if let Some(cursor) = &found.next_cursor {
                    p.more { a.button href={ "/forecasts?match=" (text::encode(wanted)) "&cursor=" (text::encode(cursor)) } { "More forecasts" } }
                }
            }
        };
        Ok(layout(app, "Forecasts", Section::Forecasts, &body))
    })
    .await
}

fn complaint(watch: &WatchStatus) -> Markup {
    html! {
        p.notice.bad data-testid="watch-error" {
            strong { (text::plain(&watch.name)) } ": "
            @match &watch.error {
                Some(error) => { (text::plain(error)) },
                None => { (watch.n_left_out) " series are one too many; raise " code { "max_series" } " of the watch or narrow its labels." },
            }
        }
    }
}

fn nothing(watches: &[WatchStatus], wanted: &str) -> Markup {
    html! {
        div.empty {
            h2 { "No forecasts here" }
            @if watches.is_empty() {
                p { "Name a series in the configuration:" }
                pre { "watches:\n  - metric: host_cpu_percent\n    granularity: 10s\n    horizon: 2m\n    lookback: 30m" }
            } @else if wanted.is_empty() { p { "The watches have no values yet." } }
            @else { p { "All words must occur in the key. " a href="/forecasts" { "Show all" } } }
        }
    }
}

fn list(models: &[ModelStatus]) -> Markup {
    html! {
        table.stack {
            caption.hidden { "Models of the watched series" }
            thead { tr { th scope="col" { "Series" } th scope="col" { "Lately and next" } th scope="col" { "State" } th scope="col" { "Version" } th.num scope="col" { "Error" } th.num scope="col" { "Inside interval" } } }
            tbody { @for it in models {
                tr data-key=(it.id) data-testid="forecast-row" {
                    td data-label="Series" { a.row-link href={ "/forecasts/" (it.id) } { (text::series(&named(it))) } @for cross in &it.crosses { (crossing(cross)) } }
                    td data-label="Lately and next" { (fan::spark(&it.recent, it.n_actual)) }
                    td data-label="State" { (state(&it.state)) @if let Some(error) = &it.error { p.small.bad { (text::plain(error)) } } }
                    td data-label="Version" { @match &it.active_version { Some(version) => { (text::plain(version)) " " span.muted.small { (text::plain(&it.model_class)) } }, None => { span.muted { "none" } } } }
                    td.num data-label="Error" { (optional(it.drift_mae.or(it.active_version_mae))) }
                    td.num data-label="Inside interval" { (coverage(it)) }
                }
            } }
        }
    }
}

/// The labels with the name under which people know the series.
fn named(model: &ModelStatus) -> signal::Labels {
    let name = model.metric_key.split('{').next().unwrap_or("");
    model.labels.with("__name__", name)
}

fn crossing(cross: &crate::forecasts::CrossStatus) -> Markup {
    let tone = if cross.probability >= 0.5 { "warn" } else { "quiet" };
    html! { p.small { (text::badge(tone, &format!("{:.0} %", 100.0 * cross.probability))) " " (text::plain(&cross.limit)) } }
}

fn state(word: &str) -> Markup {
    let tone = match word {
        "inferring" => "good",
        "error" => "bad",
        "training" | "retraining" => "accent",
        _ => "quiet",
    };
    text::badge(tone, word)
}

fn optional(value: Option<f64>) -> Markup {
    html! { @match value { Some(it) => { (text::number(it)) }, None => { span.muted { "none yet" } } } }
}

fn coverage(model: &ModelStatus) -> Markup {
    html! {
        @match (model.coverage, model.level) {
            (Some(share), Some(level)) => { (format!("{:.0} % of {:.0} %", 100.0 * share, 100.0 * level)) },
            _ => { span.muted { "none yet" } },
        }
    }
}

/// `GET /forecasts/{id}`.
pub async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let chart = app.ports.forecasts.chart(&id)?;
        let model = &chart.model;
        let labels = named(model);
        let body = html! {
            p.crumb { a href="/forecasts" { "Forecasts" } " / " code { (text::plain(&model.id)) } }
            div.title-row {
                h1.series-title { (text::series(&labels)) }
                form method="post" action={ "/manage/retrain/" (model.id) } data-done="A training was asked for." {
                    input type="hidden" name="actor" value="web";
                    button data-testid="retrain" { "Train now" }
                }
            }
            div data-live id="model" {
                (summary(model, app.now()))
                figure.card { (legend(&chart)) (fan::chart(&chart)) }
                (versions(model, app.now()))
            }
        };
        Ok(layout(app, labels.name(), Section::Forecasts, &body))
    })
    .await
}

fn legend(chart: &ForecastChart) -> Markup {
    html! {
        p.legend {
            span { span.key-line aria-hidden="true" {} "measured" }
            @if !chart.recorded.is_empty() { span { span.key-line.recorded aria-hidden="true" {} "forecast a horizon before" } }
            @if !chart.forecast.is_empty() { span { span.key-line.ahead aria-hidden="true" {} "forecast" } span { span.key-band aria-hidden="true" {} "intervals" } }
        }
    }
}

fn summary(model: &ModelStatus, now: Timestamp) -> Markup {
    html! {
        p { (state(&model.state)) " "
            @match &model.active_version {
                Some(version) => { strong { (text::plain(version)) } " (" (text::plain(&model.model_class)) ") serves" },
                None => { "no version serves; " (format!("{:.0} %", 100.0 * model.buffer_fill)) " of the look-back is filled" },
            }
            @if let Some(next) = model.next_training { " \u{b7} trained again " (text::ago(next, now)) }
        }
        @if let Some(error) = &model.error {
            p.notice.bad data-testid="model-error" { (text::plain(error)) @if let Some(at) = model.retry_at { " Tried again " (text::ago(at, now)) "." } }
        }
        dl.stats {
            div.stat { dt { "Error of late" } dd { (optional(model.drift_mae)) } }
            div.stat { dt { "Error in its trial" } dd { (optional(model.active_version_mae)) } }
            div.stat { dt { "Drift" } dd { (format!("{:.0} %", 100.0 * model.drift_relative)) } }
            div.stat { dt { "Inside interval" } dd { (coverage(model)) } }
        }
        @for cross in &model.crosses { (crossing(cross)) }
    }
}

fn versions(model: &ModelStatus, now: Timestamp) -> Markup {
    html! {
        h2 { "Versions" }
        @if model.versions.is_empty() { p.muted { "None yet." } } @else {
            table.stack {
                caption.hidden { "Versions, the newest first" }
                thead { tr { th scope="col" { "Version" } th scope="col" { "Status" } th scope="col" { "Trained" } th scope="col" { "How" } th.num scope="col" { "Error" } th.num scope="col" { "MASE" } th scope="col" { "" } } }
                tbody { @for it in model.versions.iter().rev() { (version(it, model, now)) } }
            }
        }
    }
}

fn version(it: &Value, model: &ModelStatus, now: Timestamp) -> Markup {
    let word = |key: &str| it.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let number = |key: &str| it.get(key).and_then(Value::as_f64);
    let (id, status) = (word("version_id"), word("status"));
    let tone = match status.as_str() {
        "active" => "good",
        "refused" => "warn",
        _ => "quiet",
    };
    let can_serve = status != "active" && !word("artifact_sha256").is_empty();
    html! {
        tr data-key=(id) data-testid="version-row" data-version=(id) data-status=(status) {
            td data-label="Version" { strong { (text::plain(&id)) } }
            td data-label="Status" { (text::badge(tone, &status.replace('_', " "))) @if !word("reason").is_empty() { p.small.muted { (text::plain(&word("reason"))) } } }
            td data-label="Trained" { @if let Ok(at) = word("trained_at").parse::<Timestamp>() { (text::ago(at, now)) } }
            td data-label="How" { (word("training_policy").replace('_', " ")) @if let Some(drift) = number("drift_score_at_trigger") { " (drift " (text::number(drift)) ")" } }
            td.num data-label="Error" { (optional(number("mae"))) }
            td.num data-label="MASE" { (optional(number("mase"))) }
            td { @if can_serve { (serve_button(&id, model)) } @else if status == "active" { (rollback_button(model)) } }
        }
    }
}

fn serve_button(version: &str, model: &ModelStatus) -> Markup {
    html! {
        form method="post" action={ "/manage/promote/" (model.id) } data-confirm={ "Let " (version) " serve?" } data-detail=(text::plain(&model.metric_key)) data-yes="Let it serve" data-done="It serves." {
            input type="hidden" name="version" value=(version);
            input type="hidden" name="actor" value="web";
            button data-testid="promote" { "Let serve" }
        }
    }
}

fn rollback_button(model: &ModelStatus) -> Markup {
    html! {
        form method="post" action={ "/manage/rollback/" (model.id) } data-confirm="Take the serving version back? The one before it serves." data-detail=(text::plain(&model.metric_key)) data-yes="Take back" data-done="Taken back." {
            input type="hidden" name="actor" value="web";
            button data-testid="rollback" { "Take back" }
        }
    }
}
