//! What is measured? A list to search in, and the chart of one series.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Html;
use maud::{Markup, html};
use serde::Deserialize;
use signal::{Labels, TimeRange};

use super::layout::{Section, page as layout};
use super::overview::score_word;
use super::{backtest, chart, exemplars, explore, text};
use crate::api::series::{ListQuery, SeriesItem, find, id};
use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, duration, given, time};

const RANGES: [&str; 6] = ["5m", "15m", "1h", "6h", "24h", "7d"];

/// `GET /series`.
pub async fn page(State(app): State<Arc<App>>, Ask(mut query): Ask<ListQuery>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        // Nobody looks for scores first; who searches may mean them.
        let derived = *query.derived.get_or_insert(given(&query.wanted).is_some());
        let wanted = given(&query.wanted).unwrap_or("");
        let (found, problem) = match find(app, &query) {
            Ok(page) => (Some(page), None),
            Err(Error::Unusable(problem)) => (None, Some(problem)),
            Err(error) => return Err(error),
        };
        let body = html! {
            div.title-row { h1 { "Series" } }
            form.search role="search" method="get" action="/series" {
                label.hidden for="match" { "Words or selector" }
                input type="search" id="match" name="match" value=(wanted) placeholder="Words, or a selector such as cpu_usage{service=\"pay\"}" autocomplete="off" spellcheck="false";
                button.primary { "Search" }
            }
            @if let Some(problem) = problem { p.notice.bad role="alert" { (text::plain(&problem)) } }
            @if let Some(found) = found {
                div data-live id="list" {
                    (list(&found.items, wanted))
                    @if let Some(cursor) = &found.next_cursor {
                        p.more { a.button href={ "/series?match=" (text::encode(wanted)) "&derived=" (derived) "&cursor=" (text::encode(cursor)) } { "More series" } }
                    }
                    @if !derived { p.muted { "Without scores and bands of these series. " a href={ "/series?match=" (text::encode(wanted)) "&derived=true" } { "Show them, too" } } }
                }
            }
        };
        Ok(layout(app, "Series", Section::Series, &body))
    })
    .await
}

fn list(items: &[SeriesItem], wanted: &str) -> Markup {
    html! {
        @if items.is_empty() {
            div.empty {
                h2 { "No series found" }
                @if wanted.is_empty() { p { "Send samples to " code { "/monitor" } " or by Prometheus remote write to " code { "/api/v1/write" } "; see " a href="/docs" { "the API" } "." } }
                @else { p { "All words must occur in the name or the labels. " a href="/series" { "Show all" } } }
            }
        } @else {
            table.stack {
                caption.hidden { "Stored series" }
                thead { tr { th scope="col" { "Series" } th scope="col" { "Last 15 min" } th.num scope="col" { "Value" } th.num scope="col" { "Score" } } }
                tbody { @for it in items {
                    tr data-key=(it.id) data-testid="series-row" {
                        td data-label="Series" { a.row-link href=(text::series_url(&it.labels)) { (text::series(&it.labels)) } }
                        td data-label="Last 15 min" { (chart::spark(&it.labels)) }
                        td.num data-label="Value" { @if let Some(score) = &it.score { (text::value(score.y)) } @else { span.muted { "not scored" } } }
                        td.num data-label="Score" { @if let Some(score) = &it.score { (score_word(score)) } }
                    }
                } }
            }
        }
    }
}

/// Which part of a series.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneQuery {
    range: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// `GET /series/{id}`.
pub async fn one(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    Ask(query): Ask<OneQuery>,
) -> Result<Html<String>, Error> {
    let id = id(&text)?;
    app.page(move |app| {
        let labels = app.labels(id)?;
        let (from, to, chosen) = shown(&query, app)?;
        let score = app.ports.scores.score(id);
        let range = TimeRange::new(time("from", &from, app.now())?, time("to", &to, app.now())?);
        let body = html! {
            p.crumb { a href="/series" { "Series" } " / " code { (id) } }
            div.title-row {
                h1.series-title { (text::series(&labels)) }
                nav.tabs aria-label="Range" {
                    @for it in RANGES { a href={ (text::series_url(&labels)) "?range=" (it) } aria-current=[(it == chosen).then_some("true")] { (it) } }
                }
            }
            div data-live id="verdict" { p.muted {
                @match score {
                    Some((at, score)) => { "Score " (score_word(&score)) " \u{b7} value " strong { (text::value(score.y)) } @if score.is_ready { ", expected " (text::number(score.yhat_lower)) " to " (text::number(score.yhat_upper)) } " \u{b7} " (text::ago(at, app.now())) @if score.is_provisional { " \u{b7} provisional: the band still narrows" } },
                    None => { "Not scored: a description, a process, or too few points." },
                }
            } }
            figure.card {
                div.head { (chart::legend()) label.check { input type="checkbox" id="band" checked; " Expected band" } }
                (chart::chart(&labels, &from, &to, &[], true))
                (exemplars::list(app, &labels, range))
            }
            (related(&labels, &chosen))
        };
        Ok(layout(app, labels.name(), Section::Series, &body))
    })
    .await
}

/// The ends of the chart, and the range button that is on.
fn shown(query: &OneQuery, app: &App) -> Result<(String, String, String), Error> {
    if let Some(from) = given(&query.from) {
        let to = given(&query.to).unwrap_or("now");
        time("from", from, app.now())?;
        time("to", to, app.now())?;
        return Ok((from.to_owned(), to.to_owned(), String::new()));
    }
    let range = given(&query.range).unwrap_or("15m");
    let known =
        duration(range).ok_or_else(|| Error::Unusable(format!("range: {range:?} is not a duration such as 15m")));
    known.map(|_| (format!("-{range}"), "now".to_owned(), range.to_owned()))
}

fn related(labels: &Labels, range: &str) -> Markup {
    // A quarter of an hour is too short to say how many alerts there are a day.
    let range = if range.is_empty() || range.ends_with('m') { "24h" } else { range };
    html! {
        p {
            a.button href=(explore::url(labels)) data-testid="explore-link" { "Explore" } " "
            a.button href=(backtest::url(labels, range)) data-testid="backtest-link" { "Back-test this series" } " "
            @if let Some(service) = labels.service() {
                a.button href={ "/series?match=" (text::encode(service)) } { "Other series of " (text::plain(service)) } " "
                a.button href={ "/logs?service=" (text::encode(service)) } { "Logs of " (text::plain(service)) }
            } @else if let Some(host) = labels.host() {
                a.button href={ "/series?match=" (text::encode(host)) } { "Other series of " (text::plain(host)) }
            }
        }
    }
}
