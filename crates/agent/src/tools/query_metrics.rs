//! How did a metric go? PromQL over a range, each series in one line of numbers that code can read again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use signal::{Point, TimeRange, Timestamp};

use super::finding;
use crate::arguments::{Arguments, RANGE, schema, wrong};
use crate::frame::{MOST_SENTENCE, shortened, visible};
use crate::sources::{MetricSeries, Sources, blocking};
use crate::{Finding, Tool, ToolError, ToolSpec};

const NAME: &str = "query_metrics";
const MOST_SERIES: usize = 12;
/// Points of each series that are shown one by one.
const MOST_POINTS: usize = 12;
/// Points that are read of each series.
const MOST_STEPS: u64 = 1200;
const DEFAULT_RANGE: Duration = Duration::from_secs(900);
const MOST_RANGE: Duration = Duration::from_secs(7 * 86_400);

/// `query_metrics`.
pub struct QueryMetrics(pub Sources);

impl Tool for QueryMetrics {
    fn spec(&self) -> ToolSpec {
        let rows = [
            ("query", "string", true, "A PromQL expression, such as rate(http_requests_total{service=\"pay\"}[1m])."),
            RANGE[0],
            RANGE[1],
            ("step_secs", "integer", false, "Seconds between points; chosen by the range if it is left out."),
        ];
        ToolSpec {
            name: NAME.to_owned(),
            description: "Evaluates a PromQL expression over a time range (the last 15 minutes by default). Answers \
                          the first, last, lowest and highest value of each series and some points between."
                .to_owned(),
            parameters: schema(&rows),
        }
    }

    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>> {
        Box::pin(async move {
            let asked = Arguments::read(arguments, &["query", "from", "to", "step_secs"])?;
            let query = asked.text("query")?.to_owned();
            let range = asked.range(self.0.clock.now(), DEFAULT_RANGE, MOST_RANGE)?;
            let usual = (range.to.since(range.from).as_secs() / 120).max(1);
            let step = asked.count("step_secs", usize::try_from(usual).unwrap_or(60), 86_400)? as u64;
            if range.to.since(range.from).as_secs() / step > MOST_STEPS {
                return Err(wrong(format!("step_secs: at most {MOST_STEPS} points are read; choose a larger step")));
            }
            let metrics = Arc::clone(&self.0.metrics);
            let expression = query.clone();
            let series = blocking(move || metrics.query(&expression, range, Duration::from_secs(step))).await?;
            // Absolute times, so that the same is read when it is asked again.
            let again = json!({ "query": query, "from": range.from, "to": range.to, "step_secs": step });
            Ok(answer(&query, range, &series, &again))
        })
    }
}

fn answer(query: &str, range: TimeRange, series: &[MetricSeries], again: &Value) -> Finding {
    let mut with_points: Vec<&MetricSeries> = series.iter().filter(|it| !it.points.is_empty()).collect();
    let total = with_points.len();
    // What moved most is what is looked for.
    with_points.sort_by(|a, b| movement(&b.points).total_cmp(&movement(&a.points)));
    with_points.truncate(MOST_SERIES);
    let shown = shortened(query, MOST_SENTENCE);
    let facts = with_points.iter().map(|it| fact(shown, it)).collect();
    let head = format!(
        "{total} series between {} and {}{}.",
        range.from,
        range.to,
        if total > MOST_SERIES { format!("; the {MOST_SERIES} that moved most") } else { String::new() }
    );
    let mut finding = finding(head, NAME, again, facts);
    for it in with_points {
        finding.text.push_str(&format!("\npoints {}: {}", labels(it), points(&it.points)));
    }
    finding
}

fn labels(series: &MetricSeries) -> String {
    visible(shortened(&series.labels.to_string(), MOST_SENTENCE))
}

/// How far the values lie apart, for their level.
fn movement(points: &[Point]) -> f64 {
    let (low, high) = ends(points);
    let level = points.iter().map(|it| it.value.abs()).sum::<f64>() / points.len().max(1) as f64;
    if level > 0.0 { (high.value - low.value) / level } else { 0.0 }
}

fn ends(points: &[Point]) -> (Point, Point) {
    let first = points.first().copied().unwrap_or(Point { time: Timestamp::MIN, value: f64::NAN });
    points.iter().fold((first, first), |(low, high), it| {
        (if it.value < low.value { *it } else { low }, if it.value > high.value { *it } else { high })
    })
}

fn fact(query: &str, series: &MetricSeries) -> String {
    let points = &series.points;
    let (low, high) = ends(points);
    let at = |it: Option<&Point>| it.map_or(String::new(), |it| format!("{} at {}", number(it.value), it.time));
    format!(
        "{} of {}: {} points, first {}, last {}, lowest {}, highest {}, {}.",
        labels(series),
        visible(query),
        points.len(),
        at(points.first()),
        at(points.last()),
        at(Some(&low)),
        at(Some(&high)),
        course(points.first().map_or(0.0, |it| it.value), low.value, high.value),
    )
}

/// Where it went from its first value: to the side where it went further, if that is a tenth of its level.
fn course(first: f64, low: f64, high: f64) -> &'static str {
    let (up, down) = (high - first, first - low);
    if up.max(down) <= 0.1 * first.abs() {
        "it is level"
    } else if up >= down {
        "it rose"
    } else {
        "it fell"
    }
}

fn points(points: &[Point]) -> String {
    let every = points.len().div_ceil(MOST_POINTS).max(1);
    let some = points.iter().step_by(every).map(|it| format!("{}={}", it.time, number(it.value)));
    some.collect::<Vec<_>>().join(" ")
}

/// Five significant digits.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = 4 - value.abs().log10().floor() as i32;
    let text = format!("{value:.*}", usize::try_from(digits.clamp(0, 12)).unwrap_or(0));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_five_digits() {
        let all = [0.0, 1.0, 0.123_456, 12_345.678, 1e9, -0.000_012_345_6].map(number);
        assert_eq!(all, ["0", "1", "0.12346", "12346", "1000000000", "-0.000012346"]);
    }
}
