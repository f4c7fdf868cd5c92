//! What would have alerted? A form, the series with its band, a lane of alerts for each choice, and the alerts in a table.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use signal::{BackTest, BackTestAlert, BackTestOutcome, Labels, PortError, Role, TimeRange, Timestamp};

use super::layout::{Section, page as layout};
use super::{chart, text};
use crate::api::backtest::Question;
use crate::api::series::{ListQuery, SeriesItem, find};
use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, given};

const RANGES: [(&str, &str); 6] = [
    ("15m", "Last 15 min"),
    ("1h", "Last hour"),
    ("6h", "Last 6 h"),
    ("24h", "Last day"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
];
const PERIODS: [&str; 3] = ["hour", "day", "week"];
/// Series that the field suggests before anything is typed.
const SUGGESTED: usize = 200;
/// Alerts of one choice, and series to choose from, that the page lists.
const LISTED: usize = 50;
/// Width of a lane in its own units.
const LANE: f64 = 1000.0;

/// What the form sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    #[serde(rename = "match")]
    wanted: Option<String>,
    range: Option<String>,
    alerts: Option<String>,
    per: Option<String>,
    configured: Option<String>,
    sigma25: Option<String>,
    sigma3: Option<String>,
    share5: Option<String>,
    share10: Option<String>,
}

impl PageQuery {
    fn range(&self) -> &str {
        given(&self.range).unwrap_or("24h")
    }

    fn alerts(&self) -> &str {
        given(&self.alerts).unwrap_or("3")
    }

    fn per(&self) -> &str {
        given(&self.per).unwrap_or("day")
    }

    fn question(&self, selector: &str) -> Result<Question, Error> {
        let budget = format!("{} per {}", self.alerts(), self.per());
        let budget = budget.parse().map_err(|error| Error::Unusable(format!("budget: {error}")))?;
        let chosen = |it: &Option<String>, value: f64| it.as_ref().map(|_| value);
        Ok(Question {
            selector: selector.to_owned(),
            from: Some(format!("-{}", self.range())),
            to: None,
            configured: Some(self.configured.is_some()),
            budgets: vec![budget],
            sigma: chosen(&self.sigma25, 2.5).into_iter().chain(chosen(&self.sigma3, 3.0)).collect(),
            contamination: chosen(&self.share5, 0.05).into_iter().chain(chosen(&self.share10, 0.1)).collect(),
            threshold: vec![],
        })
    }

    /// The boxes of the form: name, words, and whether it is ticked. Before the first question the usual ones are.
    fn boxes(&self) -> [(&'static str, &'static str, bool); 5] {
        let is_first = given(&self.wanted).is_none();
        let is_on = |it: &Option<String>| it.is_some();
        [
            ("configured", "as configured", is_first || is_on(&self.configured)),
            ("sigma3", "sigma 3", is_first || is_on(&self.sigma3)),
            ("sigma25", "sigma 2.5", is_on(&self.sigma25)),
            ("share5", "contamination 0.05", is_on(&self.share5)),
            ("share10", "contamination 0.1", is_on(&self.share10)),
        ]
    }
}

/// The page's address for a series, with the usual choices.
pub fn url(labels: &Labels, range: &str) -> String {
    let selector = text::encode(&labels.to_string());
    format!("/backtest?match={selector}&range={range}&alerts=3&per=day&configured=on&sigma3=on")
}

/// `GET /backtest`.
pub async fn page(State(app): State<Arc<App>>, Ask(query): Ask<PageQuery>) -> Result<Html<String>, Error> {
    app.page(move |app| {
        let wanted = given(&query.wanted).unwrap_or("");
        let (found, problem) = match (!wanted.is_empty()).then(|| ask(app, &query, wanted)) {
            None => (None, None),
            Some(Ok(found)) => (Some(found), None),
            Some(Err(Error::Port(PortError::Failed { operation, source }))) => {
                return Err(Error::Port(PortError::Failed { operation, source }));
            }
            Some(Err(error)) => (None, Some(error.to_string())),
        };
        let words = if wanted.contains('{') { None } else { Some(wanted.to_owned()) };
        let known = find(app, &ListQuery { wanted: words, derived: Some(false), limit: Some(SUGGESTED.min(app.config.max_page_size)), cursor: None });
        let known: Vec<SeriesItem> = known.map(|it| it.items).unwrap_or_default();
        // Descriptions, and what Sentinel itself wrote about other series, are not judged.
        let known: Vec<SeriesItem> = known.into_iter().filter(|it| Role::of(&it.labels).is_scored()).collect();
        let body = html! {
            div.title-row { h1 { "Back-test" } }
            p.muted { "Replays stored points through a fresh detector, and shows side by side what would have alerted under each threshold. Nothing is changed by it." }
            (form(&query, wanted, &known))
            @if let Some(problem) = problem {
                p.notice.bad role="alert" { (text::plain(&problem)) }
                (candidates(&known, query.range()))
            }
            @match &found {
                Some(found) => (result(found, app.now())),
                None if wanted.is_empty() => (candidates(&known, query.range())),
                None => {}
            }
        };
        Ok(layout(app, "Back-test", Section::BackTest, &body))
    })
    .await
}

fn ask(app: &App, query: &PageQuery, wanted: &str) -> Result<BackTest, Error> {
    Ok(app.ports.back_tester.back_test(&query.question(wanted)?.checked(app)?)?)
}

fn form(query: &PageQuery, wanted: &str, known: &[SeriesItem]) -> Markup {
    let is_listed = RANGES.iter().any(|(value, _)| *value == query.range());
    html! {
        form.card.choices method="get" action="/backtest" data-testid="backtest-form" {
            div.search {
                label.hidden for="match" { "Series" }
                input type="search" id="match" name="match" value=(wanted) list="known" data-suggest="known" required placeholder="A series, such as cpu_usage{service=\"pay\"}" autocomplete="off" spellcheck="false";
                datalist id="known" { @for it in known { option value=(text::plain(&it.name)) {} } }
                label.hidden for="range" { "Span" }
                select id="range" name="range" {
                    @if !is_listed { option value=(query.range()) selected { "Chosen span" } }
                    @for (value, name) in RANGES { option value=(value) selected[value == query.range()] { (name) } }
                }
                button.primary { "Back-test" }
            }
            div.actions {
                label.check for="alerts" { "Budget" }
                input type="range" id="alerts" name="alerts" min="1" max="20" value=(query.alerts()) data-output="alerts-shown";
                output id="alerts-shown" for="alerts" { (text::plain(query.alerts())) }
                label.check { "per "
                    select name="per" { @for it in PERIODS { option value=(it) selected[it == query.per()] { (it) } } }
                }
                span.muted { "compared with" }
                @for (name, words, is_on) in query.boxes() {
                    label.check { input type="checkbox" name=(name) checked[is_on]; " " (words) }
                }
            }
        }
    }
}

fn candidates(known: &[SeriesItem], range: &str) -> Markup {
    html! {
        @if known.is_empty() { div.empty { h2 { "No series found" } p { "Words must occur in the name or the labels of a stored series." } } }
        @else {
            section aria-labelledby="h-known" {
                div.head { h2 id="h-known" { "Choose a series" } a href="/series" { "All series" } }
                table.stack {
                    caption.hidden { "Stored series" }
                    thead { tr { th scope="col" { "Series" } th scope="col" { "Last 15 min" } } }
                    tbody { @for it in known.iter().take(LISTED) { tr data-key=(it.id) {
                        td data-label="Series" { a.row-link href=(url(&it.labels, range)) { (text::series(&it.labels)) } }
                        td data-label="Last 15 min" { (chart::spark(&it.labels)) }
                    } } }
                }
            }
        }
    }
}

fn result(found: &BackTest, now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="h-result" data-testid="backtest-result" {
            div.head {
                h2 id="h-result" { @if let Some(first) = found.series.first() { a href=(text::series_url(first)) { (text::series(first)) } }
                    @if found.series.len() > 1 { " and " (found.series.len() - 1) " more" } }
                span.muted { (found.points) " points in " (text::span(Duration::from_secs_f64((found.days * 86_400.0).max(0.0)))) ", " (found.points_before) " before them to learn from" }
            }
            figure.card {
                (chart::legend())
                @if let Some(first) = found.series.first() { (picture(first, found)) }
                @for outcome in &found.outcomes { (lane(outcome, found.range)) }
            }
        }
        section aria-labelledby="h-choices" {
            div.head { h2 id="h-choices" { "Thresholds compared" } }
            table.stack data-testid="backtest-choices" {
                caption.hidden { "What each threshold leads to" }
                thead { tr { th scope="col" { "Threshold" } th.num scope="col" { "Alerts" } th.num scope="col" { "Per day" } th.num scope="col" { "Held back" } th.num scope="col" { "Score from which a point counts" } } }
                tbody { @for it in &found.outcomes { tr {
                    td data-label="Threshold" { strong { (it.name) } }
                    td.num data-label="Alerts" { (it.alerts.len() + it.alerts_left_out) }
                    td.num data-label="Per day" { @if let Some(it) = it.alerts_per_day { (text::number(it)) } @else { span.muted { "too short to say" } } }
                    td.num data-label="Held back" { (it.held) }
                    td.num data-label="Counts from" { (text::number(it.threshold)) @if it.threshold_max > it.threshold { span.muted { " (up to " (text::number(it.threshold_max)) ")" } } }
                } } }
            }
        }
        @for outcome in &found.outcomes { (alerts(outcome, now)) }
    }
}

/// The chart of the first series; the script draws the band that comes with it.
fn picture(first: &Labels, found: &BackTest) -> Markup {
    let band = found.band.iter().map(|it| {
        let score = &it.score;
        json!([it.time.millis(), score.yhat_lower, score.yhat_upper, score.y, score.value])
    });
    let band = json!(band.collect::<Vec<_>>()).to_string();
    let marks: Vec<String> =
        found.outcomes.first().into_iter().flat_map(|it| &it.alerts).map(|it| format!("onset@{}", it.onset)).collect();
    html! {
        div.chart.backtest data-chart=(first.id()) data-from=(found.range.from) data-to=(found.range.to) data-band=(band)
            data-marks=(marks.join("|")) data-testid="chart" {
            p.muted.chart-wait { "The chart is drawn by the page's script." }
        }
    }
}

/// The alerts of one choice along the time of the chart.
fn lane(outcome: &BackTestOutcome, range: TimeRange) -> Markup {
    let whole = range.to.secs_since(range.from).max(1.0);
    let place = |it: Timestamp| (it.secs_since(range.from) / whole * LANE).clamp(0.0, LANE);
    html! {
        div.lane data-testid="lane" {
            span.lane-name { (outcome.name) " \u{b7} " (count(outcome)) }
            svg viewBox={ "0 0 " (LANE) " 10" } preserveAspectRatio="none" aria-hidden="true" {
                rect.track width=(LANE) height="10" {}
                @for it in &outcome.alerts {
                    @let (from, to) = (place(it.onset), place(it.end.unwrap_or(range.to)));
                    rect.lane-alert x={ (format!("{from:.1}")) } width={ (format!("{:.1}", (to - from).max(3.0))) } height="10" {}
                }
            }
        }
    }
}

fn count(outcome: &BackTestOutcome) -> String {
    match outcome.alerts.len() + outcome.alerts_left_out {
        0 => "no alert".to_owned(),
        1 => "1 alert".to_owned(),
        it => format!("{it} alerts"),
    }
}

fn alerts(outcome: &BackTestOutcome, now: Timestamp) -> Markup {
    let n_more = outcome.alerts_left_out + outcome.alerts.len().saturating_sub(LISTED);
    html! {
        @if !outcome.alerts.is_empty() {
            section {
                div.head { h2 { (count(outcome)) " under " (outcome.name) } @if n_more > 0 { span.muted { "the first " (LISTED) " are listed" } } }
                table.stack data-testid="backtest-alerts" {
                    caption.hidden { "Alerts under " (outcome.name) }
                    thead { tr { th scope="col" { "Onset" } th scope="col" { "Lasted" } th.num scope="col" { "Peak score" } th.num scope="col" { "Value" } th.num scope="col" { "Expected" } th scope="col" { "Why" } } }
                    tbody { @for it in outcome.alerts.iter().take(LISTED) { (alert(it, now)) } }
                }
            }
        }
    }
}

fn alert(it: &BackTestAlert, now: Timestamp) -> Markup {
    html! {
        tr {
            td.nowrap data-label="Onset" { (text::clock_of_day(it.onset, now)) }
            td.nowrap data-label="Lasted" { @if let Some(end) = it.end { (text::span(end.since(it.onset))) } @else { "goes on" } }
            td.num data-label="Peak score" { span.score.bad { (text::number(it.peak_score)) } }
            td.num data-label="Value" { (text::number(it.value)) }
            td.num data-label="Expected" { (text::number(it.expected_lower)) " to " (text::number(it.expected_upper)) }
            td data-label="Why" { (text::plain(&it.why)) }
        }
    }
}
