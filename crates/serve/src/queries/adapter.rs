//! How does the evaluator see stored series? Matchers become tests of labels, and points become its samples.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use promql::histogram::{Bucket, Histogram, ResetHint};
use promql::{FloatPoint, HistogramPoint, MatchOp, Matcher, QueryError, Series, Stop, Storage, StorageError};
use signal::{History, LabelTest, Labels, NativeHistogram, PortError, TimeRange, Timestamp, is_histogram_mark};

/// Stored series for one query.
pub struct Stored<'a> {
    history: &'a dyn History,
    max_samples: usize,
    stop: &'a (dyn Fn() -> Option<Stop> + Sync),
    why: Mutex<Option<QueryError>>,
}

impl<'a> Stored<'a> {
    /// Reads at most so many samples at once, and ends when `stop` says so.
    pub fn new(history: &'a dyn History, max_samples: usize, stop: &'a (dyn Fn() -> Option<Stop> + Sync)) -> Self {
        Self { history, max_samples, stop, why: Mutex::new(None) }
    }

    /// Why reading ended before its end, if it did.
    pub fn why(&self) -> Option<QueryError> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn ended(&self, why: QueryError) -> StorageError {
        let text = why.to_string();
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        StorageError(text)
    }
}

impl Storage for Stored<'_> {
    fn select(&self, matchers: &[Matcher], start: Timestamp, end: Timestamp) -> Result<Vec<Series>, StorageError> {
        let failed = |error: PortError| {
            // The cause is for the log, as elsewhere.
            if let PortError::Failed { operation, source } = &error {
                tracing::error!(operation, error = %source, "A query could not be answered.");
            }
            StorageError(error.to_string())
        };
        let range = TimeRange::new(start, end);
        let found = select(self.history, matchers, None).map_err(failed)?;
        let n_read = AtomicUsize::new(0);
        let is_within = |n: usize| {
            let before = n_read.fetch_add(n, Relaxed);
            before.saturating_add(n) <= self.max_samples && (self.stop)().is_none()
        };
        let points = self.history.read(&found, range, &is_within).map_err(failed)?;
        if n_read.load(Relaxed) > self.max_samples {
            let text = "query processing would load too many samples into memory in query execution";
            return Err(self.ended(QueryError::Execution(text.to_owned())));
        }
        match (self.stop)() {
            Some(Stop::Timeout) => return Err(self.ended(QueryError::Timeout)),
            Some(Stop::Canceled) => return Err(self.ended(QueryError::Canceled)),
            None => {}
        }
        let with_points = found.into_iter().zip(points).filter(|(_, points)| !points.is_empty());
        let mut marked = vec![];
        let series = with_points.map(|(labels, points)| {
            if points.iter().any(|it| is_histogram_mark(it.value)) {
                marked.push(labels.clone());
            }
            let floats = points.into_iter().filter(|it| !is_histogram_mark(it.value));
            let floats = floats.map(|it| FloatPoint { time: it.time.millis(), value: it.value }).collect();
            Series { labels, floats, ..Series::default() }
        });
        let mut series: Vec<Series> = series.collect();
        if !marked.is_empty() {
            let histograms = self.history.histograms(&marked, range).map_err(failed)?;
            let mut found: HashMap<Labels, _> = marked.into_iter().zip(histograms).collect();
            for one in &mut series {
                let of_series = found.remove(&one.labels).unwrap_or_default();
                let point = |(time, it): (Timestamp, Arc<NativeHistogram>)| HistogramPoint {
                    time: time.millis(),
                    value: Arc::new(evaluated(&it)),
                };
                one.histograms = of_series.into_iter().map(point).collect();
                // At a time there is one sample.
                one.floats.retain(|it| one.histograms.binary_search_by_key(&it.time, |it| it.time).is_err());
            }
            series.retain(|it| !it.floats.is_empty() || !it.histograms.is_empty());
        }
        Ok(series)
    }
}

/// A stored histogram as the evaluator has it.
fn evaluated(stored: &NativeHistogram) -> Histogram {
    let buckets = |of: &[(i32, f64)]| of.iter().map(|(index, count)| Bucket { index: *index, count: *count }).collect();
    Histogram {
        schema: stored.schema,
        hint: match stored.hint {
            signal::ResetHint::Unknown => ResetHint::Unknown,
            signal::ResetHint::Reset => ResetHint::Reset,
            signal::ResetHint::NotReset => ResetHint::NotReset,
            signal::ResetHint::Gauge => ResetHint::Gauge,
        },
        zero_threshold: stored.zero_threshold,
        zero_count: stored.zero_count,
        count: stored.count,
        sum: stored.sum,
        positive: buckets(&stored.positive),
        negative: buckets(&stored.negative),
        custom_bounds: stored.bounds.as_slice().into(),
    }
}

/// Series that fit all matchers, in any order; with a range those that may have points there.
pub fn select(history: &dyn History, matchers: &[Matcher], range: Option<TimeRange>) -> Result<Vec<Labels>, PortError> {
    let holds: Vec<_> = matchers.iter().map(|it| |value: &str| it.matches(value)).collect();
    let alternatives: Vec<Option<Vec<String>>> = matchers.iter().map(alternatives).collect();
    let tests = matchers.iter().zip(&holds).zip(&alternatives);
    let tests: Vec<LabelTest<'_>> = tests
        .map(|((matcher, holds), values)| LabelTest { label: &matcher.name, values: values.as_deref(), holds })
        .collect();
    history.select(&tests, range)
}

/// The values that can fit, where the matcher names them: `=` and patterns such as `a|b|c`.
fn alternatives(matcher: &Matcher) -> Option<Vec<String>> {
    match matcher.op {
        MatchOp::Equal => Some(vec![matcher.value.clone()]),
        MatchOp::Regex => {
            let inner = matcher.value.strip_prefix('(').and_then(|it| it.strip_suffix(')')).unwrap_or(&matcher.value);
            let is_plain =
                |it: char| it.is_alphanumeric() || matches!(it, '|' | '_' | '-' | ':' | '/' | ' ' | '=' | ',');
            inner.chars().all(is_plain).then(|| inner.split('|').map(str::to_owned).collect())
        }
        MatchOp::NotEqual | MatchOp::NotRegex => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_values_are_known() {
        let values = |op, text: &str| alternatives(&Matcher::new("a", op, text).unwrap());
        let texts = |all: &[&str]| Some(all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(values(MatchOp::Equal, "x.y"), texts(&["x.y"]));
        assert_eq!(values(MatchOp::Regex, "a|b-1"), texts(&["a", "b-1"]));
        assert_eq!(values(MatchOp::Regex, "(a|b)"), texts(&["a", "b"]));
        for pattern in ["a.*", "a|b+", "(a)|(b)", "[ab]", "x.y", "(?i)a"] {
            assert_eq!(values(MatchOp::Regex, pattern), None, "{pattern}");
        }
        assert_eq!(values(MatchOp::NotRegex, "a|b"), None);
    }
}
