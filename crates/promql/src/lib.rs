//! What does a PromQL query answer? A parser and an evaluator over any storage of series, conforming to Prometheus 3.
//!
//! ```
//! use promql::{Engine, FloatPoint, Limits, Matcher, Series, Storage, StorageError};
//! use signal::{Labels, Timestamp};
//!
//! struct One;
//! impl Storage for One {
//!     fn select(&self, _: &[Matcher], _: Timestamp, _: Timestamp) -> Result<Vec<Series>, StorageError> {
//!         let floats = vec![FloatPoint { time: 60_000, value: 2.0 }];
//!         Ok(vec![Series { labels: Labels::metric("up", &[]), floats, ..Series::default() }])
//!     }
//! }
//!
//! let answer = Engine::new(Limits::default()).instant(&One, "up * 3", Timestamp::from_secs(60)).unwrap();
//! let promql::Value::Vector(vector) = answer.value else { panic!("is a vector") };
//! assert_eq!(vector[0].value, promql::Sample::Float(6.0));
//! ```
//!
//! It is pure: no clock, no I/O. Who asks hands in the storage and a check that says when to stop.

mod annotation;
mod answer;
pub mod ast;
mod engine;
mod eval;
pub mod functions;
pub mod histogram;
mod length;
mod matcher;
mod parse;
mod pattern;
mod print;
pub mod script;
mod series;

pub use answer::{Answer, MatrixSeries, QueryError, Sample, Value, VectorSample};
pub use engine::{Engine, Limits, Query, Stop};
pub use histogram::Histogram;
pub use matcher::{MatchOp, Matcher};
pub use parse::{ParseError, parse, position};
pub use series::{FloatPoint, HistogramPoint, STALE_NAN_BITS, Series, Storage, StorageError, is_stale};
