//! What does a query give? Values, annotations, or an error of the kinds that Prometheus' API knows.

use std::sync::Arc;

use signal::Labels;

use crate::histogram::Histogram;
use crate::series::{FloatPoint, HistogramPoint};

/// A float or a histogram.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

/// One series of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSample {
    /// Labels of the result.
    pub labels: Labels,
    /// Milliseconds since 1970.
    pub time: i64,
    /// The value.
    pub value: Sample,
}

/// One series of a matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MatrixSeries {
    /// Labels of the result.
    pub labels: Labels,
    /// Floats, ascending in time.
    pub floats: Vec<FloatPoint>,
    /// Histograms, ascending in time.
    pub histograms: Vec<HistogramPoint>,
}

/// The value of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Series with one sample each; the order means something after `sort` and `topk`.
    Vector(Vec<VectorSample>),
    /// Series with samples over time, in order of labels.
    Matrix(Vec<MatrixSeries>),
    /// A number at a time (ms).
    Scalar(i64, f64),
    /// Text at a time (ms).
    Text(i64, String),
}

/// A value with what is to be said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// Texts that begin with `PromQL warning: `: the result is likely wrong.
    pub warnings: Vec<String>,
    /// Texts that begin with `PromQL info: `: the query may be wrong.
    pub infos: Vec<String>,
    /// Samples that were read or computed, as counted against the limit.
    pub samples: usize,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The query cannot be understood or asks for what is not allowed.
    #[error("{0}")]
    BadData(String),
    /// It took longer than allowed.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// Whoever asked has gone.
    #[error("query was canceled in expression evaluation")]
    Canceled,
    /// The data do not allow it, or it takes more than is allowed.
    #[error("{0}")]
    Execution(String),
    /// The storage failed.
    #[error("{0}")]
    Internal(String),
}

impl QueryError {
    /// The `errorType` of Prometheus' API.
    pub const fn error_type(&self) -> &'static str {
        match self {
            Self::BadData(_) => "bad_data",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Execution(_) => "execution",
            Self::Internal(_) => "internal",
        }
    }
}
