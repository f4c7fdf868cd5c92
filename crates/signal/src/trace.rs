//! How are traces asked for? By their id, or by what one of their spans did.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{PortError, Span, TimeRange, Timestamp, TraceId};

/// A search for traces: all conditions must hold for one span.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SpanQuery {
    /// The service that made it.
    pub service: Option<String>,
    /// Its whole name.
    pub name: Option<String>,
    /// It took at least this long.
    pub min_duration: Duration,
    /// It failed.
    pub only_errors: bool,
    /// Attributes of it, or of its resource, have these values.
    pub attributes: Vec<(String, String)>,
    /// It began within this time.
    pub range: TimeRange,
    /// At most so many traces, the newest.
    pub limit: usize,
}

/// What a list shows of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceSummary {
    /// The trace.
    pub trace: TraceId,
    /// The service of its first span.
    pub service: String,
    /// The name of its first span.
    pub name: String,
    /// When it began.
    pub start: Timestamp,
    /// From the first beginning to the last end, in seconds.
    pub seconds: f64,
    /// How many spans are stored.
    pub spans: usize,
    /// How many of them failed.
    pub errors: usize,
    /// Who took part.
    pub services: BTreeSet<String>,
    /// True if its root has not come (yet): the first span names a parent that is not there.
    pub is_partial: bool,
}

/// Stored spans.
pub trait TraceSearch: Send + Sync {
    /// The spans of a trace that lie within the range, in order of their beginning; none if it is not known. Of a trace with
    /// very many the first ones: `trace_size` tells.
    fn trace(&self, id: TraceId, range: TimeRange) -> Result<Vec<Span>, PortError>;
    /// How many spans of a trace lie within the range, whether `trace` gives them or not.
    fn trace_size(&self, id: TraceId, range: TimeRange) -> Result<u64, PortError> {
        Ok(self.trace(id, range)?.len() as u64)
    }
    /// The newest traces in which a span matches.
    fn traces(&self, query: &SpanQuery) -> Result<Vec<TraceSummary>, PortError>;
}
