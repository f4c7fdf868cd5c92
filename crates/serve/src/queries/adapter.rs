//! How does the evaluator see stored series? Matchers become tests of labels, and points become its samples.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use promql::{FloatPoint, MatchOp, Matcher, QueryError, Series, Stop, Storage, StorageError};
use signal::{History, LabelTest, Labels, PortError, TimeRange, Timestamp};

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
        let series = with_points.map(|(labels, points)| {
            let floats = points.into_iter().map(|it| FloatPoint { time: it.time.millis(), value: it.value }).collect();
            Series { labels, floats, ..Series::default() }
        });
        Ok(series.collect())
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
