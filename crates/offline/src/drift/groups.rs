//! To which segment and to which span of time does a row belong?

use std::collections::HashMap;

use jiff::Timestamp;

/// Segments that are told apart; rows of further ones are compared together.
const MAX_SEGMENTS: usize = 50;
/// Spans of time at most; a shorter span than that is a mistake.
const MAX_SPANS: usize = 2_000;
/// The segment of rows beyond the limit.
const OTHERS: &str = "(all others)";
/// The segment of rows without a value.
const MISSING: &str = "(missing)";

/// Where a row belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub segment: Option<usize>,
    pub span: Option<usize>,
}

/// Names of groups in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    pub names: Vec<String>,
    ids: HashMap<String, usize>,
}

impl Segments {
    /// The group of a value.
    pub fn of(&mut self, value: Option<&str>) -> usize {
        let value = value.unwrap_or(MISSING);
        if let Some(id) = self.ids.get(value) {
            return *id;
        }
        let name = if self.names.len() < MAX_SEGMENTS { value } else { OTHERS };
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = self.names.len();
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        id
    }
}

/// Spans of time of one length, from the epoch on.
#[derive(Clone, Debug)]
pub struct Spans {
    millis: i64,
    /// Number of the span since the epoch.
    pub numbers: Vec<i64>,
    ids: HashMap<i64, usize>,
    /// Rows without a time, or beyond the limit.
    pub left_out: u64,
}

impl Spans {
    pub fn new(millis: i64) -> Self {
        Self { millis: millis.max(1), numbers: Vec::new(), ids: HashMap::new(), left_out: 0 }
    }

    /// The span of an instant in milliseconds since the epoch.
    pub fn of(&mut self, millis: Option<i64>) -> Option<usize> {
        let number = millis.map(|it| it.div_euclid(self.millis));
        let known = number.and_then(|it| self.ids.get(&it).copied());
        if known.is_some() {
            return known;
        }
        let Some(number) = number.filter(|_| self.numbers.len() < MAX_SPANS) else {
            self.left_out += 1;
            return None;
        };
        let id = self.numbers.len();
        self.numbers.push(number);
        self.ids.insert(number, id);
        Some(id)
    }

    /// Ids in the order of time, with the begin of each.
    pub fn in_order(&self) -> Vec<(usize, String)> {
        let mut all: Vec<(usize, i64)> = self.numbers.iter().copied().enumerate().collect();
        all.sort_unstable_by_key(|it| it.1);
        let name = |number: i64| {
            let begin = Timestamp::from_millisecond(number.saturating_mul(self.millis));
            begin.map_or_else(|_| number.to_string(), |it| it.to_string())
        };
        all.into_iter().map(|(id, number)| (id, name(number))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beyond_the_limit_are_one_segment() {
        let mut segments = Segments::default();
        assert_eq!((segments.of(Some("a")), segments.of(None), segments.of(Some("a"))), (0, 1, 0));
        let ids: Vec<usize> = (0..100).map(|it| segments.of(Some(&it.to_string()))).collect();
        assert_eq!(ids.last(), Some(&MAX_SEGMENTS));
        assert_eq!(segments.names.last().map(String::as_str), Some(OTHERS));
    }

    #[test]
    fn spans_are_in_the_order_of_time() {
        let mut spans = Spans::new(1_000);
        assert_eq!((spans.of(Some(5_500)), spans.of(Some(-1)), spans.of(Some(5_999))), (Some(0), Some(1), Some(0)));
        assert_eq!(spans.of(None), None);
        let names: Vec<String> = spans.in_order().into_iter().map(|it| it.1).collect();
        assert_eq!(names, ["1969-12-31T23:59:59Z", "1970-01-01T00:00:05Z"]);
        assert_eq!(spans.left_out, 1);
    }
}
