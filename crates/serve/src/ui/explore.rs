//! What is the value of an expression? A field for PromQL, a graph and a table, for those who have no Grafana at hand.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use promql::{MatrixSeries, Value};
use serde::Deserialize;
use signal::{Labels, PortError};

use super::layout::{Section, page as layout};
use super::text;
use crate::api::prometheus::fault::Fault;
use crate::api::prometheus::federate::selector;
use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, duration, given};
use crate::queries::Asked;

const RANGES: [&str; 6] = ["15m", "1h", "6h", "24h", "7d", "30d"];
/// Points of a line: one for each few pixels.
const POINTS: u64 = 240;
/// Lines of a graph; more cannot be told apart.
const MOST_LINES: usize = 12;
/// Rows of the table.
const MOST_ROWS: usize = 200;
/// Of the drawing, in its own units.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 24.0;
/// Can be told apart on light and on dark ground.
const COLORS: [&str; 12] = [
    "#3b82c4", "#d97706", "#2f9e6e", "#c2476b", "#7c5cc4", "#8a7a1f", "#1f9aa6", "#b3541e", "#5b8c2a", "#a64ca6",
    "#6b7a8f", "#c98a9b",
];

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExploreQuery {
    expr: Option<String>,
    range: Option<String>,
}

/// `GET /explore`.
pub async fn page(State(app): State<Arc<App>>, Ask(query): Ask<ExploreQuery>) -> Result<Html<String>, Error> {
    let queries = Arc::clone(&app.ports.queries);
    let outcome = queries.work(move || Ok(render(&app, &query).map(Markup::into_string))).await;
    let busy = |fault: Fault| Error::Port(PortError::Busy(fault.text));
    outcome.map_err(busy)?.map_err(busy)?.map(Html)
}

/// The address of the page with the series of these labels.
pub fn url(labels: &Labels) -> String {
    format!("/explore?expr={}", text::encode(&selector(labels)))
}

fn render(app: &App, query: &ExploreQuery) -> Result<Markup, Error> {
    let expression = given(&query.expr).unwrap_or("");
    let range = given(&query.range).unwrap_or("1h");
    let span = duration(range).filter(|it| *it >= Duration::from_secs(1));
    let span = span.ok_or_else(|| Error::Unusable(format!("range: {range:?} is not a duration such as 1h")))?;
    let body = html! {
        div.title-row { h1 { "Explore" } }
        form.search role="search" method="get" action="/explore" {
            label.hidden for="expr" { "PromQL expression" }
            input type="search" id="expr" name="expr" value=(expression) placeholder="PromQL, such as sum by (service) (rate(http_requests_total[5m]))" autocomplete="off" spellcheck="false";
            label.hidden for="range" { "Range" }
            select id="range" name="range" {
                @for it in RANGES { option value=(it) selected[it == range] { (it) } }
            }
            button.primary { "Run" }
        }
        @if expression.is_empty() { (help()) } @else { (answer(app, expression, span)) }
    };
    Ok(layout(app, "Explore", Section::Explore, &body))
}

fn help() -> Markup {
    html! {
        div.empty {
            h2 { "Ask in PromQL" }
            p { "For example " a href="/explore?expr=up" { code { "up" } } " or " a href="/explore?expr=topk(5%2C+count+by+(__name__)+(%7B__name__%3D~%22.%2B%22%7D))" { code { "topk(5, count by (__name__) ({__name__=~\".+\"}))" } } "." }
            p.muted { "Grafana asks the same: add this address as a datasource of type Prometheus." }
        }
    }
}

fn answer(app: &App, expression: &str, span: Duration) -> Markup {
    let end = app.now();
    let step = (span / POINTS as u32).max(Duration::from_secs(1));
    let step_millis = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    let asked = Asked { end, step_millis, ..Asked::at(expression, end.minus(span)) };
    let answer = match app.ports.queries.ask(&asked) {
        Ok(it) => it,
        Err(error) => {
            return html! { p.notice.bad role="alert" data-testid="explore-error" { (text::plain(&error.to_string())) } };
        }
    };
    let notes = answer.warnings.iter().chain(&answer.infos);
    html! {
        @for note in notes { p.notice { (text::plain(note)) } }
        @match &answer.value {
            Value::Matrix(all) if all.is_empty() => { div.empty { h2 { "No values in this range" } } },
            Value::Matrix(all) => { (graph(all, (asked.start.millis(), end.millis()))) (table(all)) },
            Value::Vector(_) => {},
            Value::Scalar(_, value) => { p { strong { (text::number(*value)) } } },
            Value::Text(_, it) => { p { strong { (text::plain(it)) } } },
        }
    }
}

fn graph(all: &[MatrixSeries], (start, end): (i64, i64)) -> Markup {
    let shown = || all.iter().take(MOST_LINES);
    let values = || shown().flat_map(|it| &it.floats).map(|it| it.value).filter(|it| it.is_finite());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        return html! { p.muted { "There is no finite value to draw." } };
    }
    // A line that stays where it is lies in the middle.
    let (low, high) = if low == high { (low - 1.0, high + 1.0) } else { (low, high) };
    let x = |time: i64| LEFT + (time - start) as f64 / (end - start).max(1) as f64 * (WIDTH - LEFT - 8.0);
    let y = |value: f64| 8.0 + (high - value) / (high - low) * (HEIGHT - BOTTOM - 8.0);
    let times = [0, 1, 2, 3, 4].map(|it| start + (end - start) / 4 * it);
    let levels = [0.0, 0.25, 0.5, 0.75, 1.0].map(|it| low + (high - low) * it);
    html! {
        figure.card data-testid="explore-graph" {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width="100%" role="img" aria-label="Values over time" {
                @for level in levels {
                    line x1=(LEFT) x2=(WIDTH) y1=(y(level)) y2=(y(level)) stroke="currentColor" stroke-opacity="0.15" {}
                    text x=(LEFT - 6.0) y=(y(level) + 4.0) text-anchor="end" font-size="11" fill="currentColor" fill-opacity="0.7" { (text::number(level)) }
                }
                @for time in times {
                    text x=(x(time)) y=(HEIGHT - 6.0) text-anchor="middle" font-size="11" fill="currentColor" fill-opacity="0.7" { (clock(time, end - start)) }
                }
                @for (series, color) in shown().zip(COLORS) {
                    @for part in lines(series, (end - start) / POINTS as i64) {
                        polyline fill="none" stroke=(color) stroke-width="1.6" points=(part.iter().map(|(time, value)| format!("{:.1},{:.1}", x(*time), y(*value))).collect::<Vec<_>>().join(" ")) {}
                    }
                }
            }
            @if all.len() > MOST_LINES { p.muted { "The first " (MOST_LINES) " of " (all.len()) " series are drawn." } }
        }
    }
}

/// A line for each stretch without a gap.
fn lines(series: &MatrixSeries, step: i64) -> Vec<Vec<(i64, f64)>> {
    let finite: Vec<(i64, f64)> =
        series.floats.iter().filter(|it| it.value.is_finite()).map(|it| (it.time, it.value)).collect();
    finite.chunk_by(|a, b| b.0 - a.0 <= step.max(1000) * 2).map(<[_]>::to_vec).collect()
}

/// The hour, or the day where the graph spans several.
fn clock(millis: i64, span: i64) -> String {
    let text = signal::Timestamp::from_millis(millis).to_string();
    let range = if span > 2 * 86_400_000 { 5..10 } else { 11..16 };
    text.get(range).unwrap_or("").to_owned()
}

fn table(all: &[MatrixSeries]) -> Markup {
    html! {
        table.stack data-testid="explore-table" {
            caption.hidden { "Newest values" }
            thead { tr { th scope="col" { "Series" } th.num scope="col" { "Newest value" } th.num scope="col" { "Points" } } }
            tbody {
                @for (idx, series) in all.iter().take(MOST_ROWS).enumerate() {
                    tr {
                        td data-label="Series" {
                            @if let Some(color) = COLORS.get(idx) {
                                svg width="10" height="10" aria-hidden="true" { rect width="10" height="10" rx="2" fill=(color) {} } " "
                            }
                            (text::series(&series.labels))
                        }
                        td.num data-label="Newest value" { @match series.floats.last() { Some(it) => { (text::number(it.value)) }, None => { span.muted { "histogram" } } } }
                        td.num data-label="Points" { (series.floats.len() + series.histograms.len()) }
                    }
                }
            }
        }
        @if all.len() > MOST_ROWS { p.muted { "The first " (MOST_ROWS) " of " (all.len()) " series are listed." } }
    }
}
