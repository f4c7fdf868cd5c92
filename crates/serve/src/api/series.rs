//! Which series are there, how unusual are they, and what are their points?

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use signal::{
    Labels, Matcher, Point, Score, SeriesId, SeriesQuery, TimeRange, Timestamp, is_counter, is_derived, rates,
};

use crate::app::App;
use crate::error::Error;
use crate::parameters::{Ask, Page, given, range};

/// A chart without a range shows this much.
const DEFAULT_SPAN: Duration = Duration::from_secs(15 * 60);

/// A series with its newest verdict.
#[derive(Serialize)]
pub struct SeriesItem {
    /// Identity, 16 hex digits.
    pub id: SeriesId,
    /// The selector in the form `name{label="value"}`.
    pub name: String,
    /// All labels.
    pub labels: Labels,
    /// When it was scored last.
    pub time: Option<Timestamp>,
    /// The newest verdict; null if it is not scored.
    pub score: Option<Score>,
}

impl SeriesItem {
    fn new(labels: Labels, scored: Option<(Timestamp, Score)>) -> Self {
        let (time, score) = scored.unzip();
        Self { id: labels.id(), name: labels.to_string(), labels, time, score }
    }
}

/// Number of items.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HighestQuery {
    limit: Option<usize>,
}

/// `GET /sentinel/v1/anomalies`: the highest scores now.
pub async fn anomalies(
    State(app): State<Arc<App>>,
    Ask(query): Ask<HighestQuery>,
) -> Result<Json<Page<SeriesItem>>, Error> {
    app.ask(move |app| {
        let highest = app.ports.scores.highest(app.limit(query.limit)?);
        let items = highest.into_iter().map(|(labels, time, score)| SeriesItem::new(labels, Some((time, score))));
        Ok(Page::whole(items.collect()))
    })
    .await
    .map(Json)
}

/// Which series.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// A selector such as `cpu_usage{service="pay"}`, or words that occur in it.
    #[serde(rename = "match")]
    pub wanted: Option<String>,
    /// False: without what detection has written about others (`anomaly_score`, `yhat` and so on).
    pub derived: Option<bool>,
    /// Items at most.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// `GET /sentinel/v1/series`.
pub async fn list(State(app): State<Arc<App>>, Ask(query): Ask<ListQuery>) -> Result<Json<Page<SeriesItem>>, Error> {
    app.ask(move |app| find(app, &query)).await.map(Json)
}

/// One page of series, in order of labels.
pub fn find(app: &App, query: &ListQuery) -> Result<Page<SeriesItem>, Error> {
    let limit = app.limit(query.limit)?;
    let text = given(&query.wanted).unwrap_or("");
    let matchers = if text.contains('{') { selector(text)? } else { vec![] };
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let all = app.ports.history.series(&SeriesQuery { matchers: matchers.clone(), range: None, limit: 0 })?;
    let has_words = |it: &Labels| {
        let name = it.to_string().to_lowercase();
        words.iter().all(|word| name.contains(word))
    };
    let found = all.into_iter().filter(|it| query.derived.unwrap_or(true) || !is_derived(it));
    let found = found.filter(|it| !matchers.is_empty() || words.is_empty() || has_words(it));
    let page = Page::of(found, given(&query.cursor), limit)?;
    let items = page.items.into_iter().map(|it| {
        let scored = app.ports.scores.score(it.id());
        SeriesItem::new(it, scored)
    });
    Ok(Page { items: items.collect(), next_cursor: page.next_cursor })
}

fn selector(text: &str) -> Result<Vec<Matcher>, Error> {
    let labels: Labels = text.parse().map_err(|error| Error::Unusable(format!("match: {error}")))?;
    Ok(labels.iter().map(|(name, value)| Matcher::Equal(name.to_owned(), value.to_owned())).collect())
}

/// The id in a path.
pub fn id(text: &str) -> Result<SeriesId, Error> {
    text.parse().map_err(|_| Error::not_found(format!("series {text:?}")))
}

/// Which points.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointsQuery {
    from: Option<String>,
    to: Option<String>,
    step: Option<f64>,
}

/// A series for drawing.
#[derive(Serialize)]
pub struct Chart {
    id: SeriesId,
    name: String,
    labels: Labels,
    #[serde(flatten)]
    range: TimeRange,
    /// Seconds of one step; of each step the lowest and the highest point are kept.
    step_secs: f64,
    /// True for counters: values are rates per second.
    is_rate: bool,
    points: Vec<Point>,
    band: Vec<BandPoint>,
}

/// The verdict on one point.
#[derive(Serialize)]
struct BandPoint {
    time: Timestamp,
    #[serde(flatten)]
    score: Score,
}

/// `GET /sentinel/v1/series/{id}/points`.
pub async fn points(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    Ask(query): Ask<PointsQuery>,
) -> Result<Json<Chart>, Error> {
    let id = id(&text)?;
    app.ask(move |app| {
        let range = range(&query.from, &query.to, app.now(), DEFAULT_SPAN)?;
        let step_ms = step_ms(query.step, range, app.config.max_chart_points)?;
        let labels = app.labels(id)?;
        let is_rate = is_counter(&labels);
        let stored = app.ports.history.points(id, range)?;
        let stored = if is_rate { rates(&stored) } else { stored };
        let points = thin(stored, range.from, step_ms);
        let band = worst_of_steps(app.ports.scores.band(id, range), range.from, step_ms);
        Ok(Chart {
            id,
            name: labels.to_string(),
            labels,
            range,
            step_secs: step_ms as f64 / 1000.0,
            is_rate,
            points,
            band,
        })
    })
    .await
    .map(Json)
}

fn step_ms(wanted_secs: Option<f64>, range: TimeRange, max_points: usize) -> Result<i64, Error> {
    let span_ms = i64::try_from(range.to.since(range.from).as_millis()).unwrap_or(i64::MAX);
    let smallest = span_ms / i64::try_from(max_points).unwrap_or(i64::MAX).max(1) + 1;
    match wanted_secs {
        None => Ok(smallest),
        Some(secs) if secs.is_finite() && secs > 0.0 => Ok(((secs * 1000.0) as i64).max(smallest)),
        Some(_) => Err(Error::Unusable("step: must be a positive number of seconds".to_owned())),
    }
}

/// The lowest and the highest point of each step, so that no peak is lost.
fn thin(points: Vec<Point>, from: Timestamp, step_ms: i64) -> Vec<Point> {
    let mut kept = vec![];
    for step in points.chunk_by(|a, b| step_of(a.time, from, step_ms) == step_of(b.time, from, step_ms)) {
        let lowest = step.iter().min_by(|a, b| a.value.total_cmp(&b.value));
        let highest = step.iter().max_by(|a, b| a.value.total_cmp(&b.value));
        let mut two: Vec<Point> = lowest.into_iter().chain(highest).copied().collect();
        two.sort_by_key(|it| it.time);
        two.dedup_by_key(|it| it.time);
        kept.extend(two);
    }
    kept
}

fn worst_of_steps(band: Vec<(Timestamp, Score)>, from: Timestamp, step_ms: i64) -> Vec<BandPoint> {
    let steps = band.chunk_by(|a, b| step_of(a.0, from, step_ms) == step_of(b.0, from, step_ms));
    let worst = steps.filter_map(|it| it.iter().max_by(|a, b| a.1.value.total_cmp(&b.1.value)));
    worst.map(|(time, score)| BandPoint { time: *time, score: score.clone() }).collect()
}

fn step_of(time: Timestamp, from: Timestamp, step_ms: i64) -> i64 {
    time.millis().saturating_sub(from.millis()) / step_ms.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f64]) -> Vec<Point> {
        let times = (0..).map(Timestamp::from_secs);
        times.zip(values).map(|(time, value)| Point { time, value: *value }).collect()
    }

    #[test]
    fn thinning_keeps_every_peak() {
        let kept = thin(points(&[1.0, 9.0, 2.0, 3.0, -4.0, 2.5]), Timestamp::from_secs(0), 3000);
        assert_eq!(kept.iter().map(|it| it.value).collect::<Vec<_>>(), [1.0, 9.0, 3.0, -4.0]);
    }

    #[test]
    fn rates_survive_a_reset() {
        let found: Vec<f64> = rates(&points(&[10.0, 14.0, 3.0])).iter().map(|it| it.value).collect();
        assert_eq!(found, [4.0, 3.0]);
    }

    #[test]
    fn a_step_is_never_finer_than_the_chart_allows() {
        let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(6000));
        assert_eq!(step_ms(None, range, 600).unwrap(), 10_001);
        assert_eq!(step_ms(Some(1.0), range, 600).unwrap(), 10_001);
        assert_eq!(step_ms(Some(60.0), range, 600).unwrap(), 60_000);
        assert!(step_ms(Some(f64::NAN), range, 600).is_err());
        assert!(step_ms(Some(-1.0), range, 600).is_err());
    }
}
