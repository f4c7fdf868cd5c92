//! How is a query asked? The engine with its limits, and the way from text to answer.

use signal::Timestamp;

use crate::annotation::Annotations;
use crate::answer::{Answer, QueryError};
use crate::eval::Evaluator;
use crate::parse::parse;
use crate::series::Storage;

/// What a query may use, and how it looks back.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Samples that a query may hold at once. As Prometheus counts them, a histogram is several.
    pub max_samples: usize,
    /// Bytes that the samples of a query may take.
    pub max_bytes: usize,
    /// Steps of a range query.
    pub max_steps: usize,
    /// How long a sample is valid, in milliseconds.
    pub lookback_millis: i64,
    /// Step of a subquery that does not say one, in milliseconds.
    pub subquery_step_millis: i64,
    /// Remove metric names at the end rather than in each operation, as Prometheus does with the feature
    /// `promql-delayed-name-removal`.
    pub delays_name_removal: bool,
    /// Tell counters by the label `__type__`, as Prometheus does with the feature `type-and-unit-labels`.
    pub reads_type_labels: bool,
    /// Look at when counters began, where the storage tells it, as Prometheus does with the feature
    /// `use-start-timestamps`.
    pub reads_start_times: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_samples: 50_000_000,
            max_bytes: 2 << 30,
            max_steps: 11_000,
            lookback_millis: 300_000,
            subquery_step_millis: 60_000,
            delays_name_removal: false,
            reads_type_labels: false,
            reads_start_times: false,
        }
    }
}

/// Why a query shall stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Its time is over.
    Timeout,
    /// Whoever asked has gone.
    Canceled,
}

/// A query with all that it depends on.
pub struct Query<'a> {
    /// The expression.
    pub text: &'a str,
    /// First time.
    pub start: Timestamp,
    /// Last time; the same as the first in an instant query.
    pub end: Timestamp,
    /// Milliseconds between times; 0 in an instant query.
    pub step_millis: i64,
    /// Another look-back than that of the engine, in milliseconds.
    pub lookback_millis: Option<i64>,
    /// Asked now and then; an answer ends the query.
    pub stop: &'a (dyn Fn() -> Option<Stop> + 'a),
}

/// Evaluates queries.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    limits: Limits,
}

impl Engine {
    /// With limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The value at one time.
    pub fn instant(&self, storage: &dyn Storage, text: &str, time: Timestamp) -> Result<Answer, QueryError> {
        self.run(
            storage,
            &Query { text, start: time, end: time, step_millis: 0, lookback_millis: None, stop: &|| None },
        )
    }

    /// The values from `start` to `end`, every `step_millis`.
    pub fn range(
        &self,
        storage: &dyn Storage,
        text: &str,
        start: Timestamp,
        end: Timestamp,
        step_millis: i64,
    ) -> Result<Answer, QueryError> {
        if step_millis <= 0 {
            return Err(QueryError::BadData("zero or negative query resolution step widths are not accepted".into()));
        }
        self.run(storage, &Query { text, start, end, step_millis, lookback_millis: None, stop: &|| None })
    }

    /// Any query: an instant one if its step is 0.
    pub fn run(&self, storage: &dyn Storage, query: &Query<'_>) -> Result<Answer, QueryError> {
        let expr = parse(query.text).map_err(|error| QueryError::BadData(error.describe(query.text)))?;
        if query.step_millis < 0 {
            return Err(QueryError::BadData("zero or negative query resolution step widths are not accepted".into()));
        }
        if query.end < query.start {
            return Err(QueryError::BadData("end timestamp must not be before start time".into()));
        }
        let annotations = Annotations::new(query.text);
        let evaluator = Evaluator::new(storage, &self.limits, query, &annotations);
        let (value, samples) = evaluator.answer(&expr)?;
        let (warnings, infos) = annotations.into_texts();
        Ok(Answer { value, warnings, infos, samples })
    }
}
