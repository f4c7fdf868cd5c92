//! Within which functions is a selector read? `histogram_count` and the like make resets known.
//!
//! Prometheus reads count and sum alone for them, and on the way finds out where counters were reset. Later
//! operations see that, so we find it out too.

use std::sync::Arc;

use super::Evaluator;
use crate::histogram::{Histogram, ResetHint};
use crate::series::{HistogramPoint, is_stale};

/// How many functions around a selector want to know resets, and how many forbid it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Depth {
    wants: u32,
    forbids: u32,
}

/// Ends with what it stands for.
pub(super) struct Scope<'s> {
    depth: &'s std::cell::Cell<Depth>,
    before: Depth,
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        self.depth.set(self.before);
    }
}

impl Evaluator<'_> {
    /// Goes into a function or, under the name `[:]`, into a subquery.
    pub(super) fn enter(&self, name: &str) -> Scope<'_> {
        let before = self.depth.get();
        let mut depth = before;
        match name {
            "histogram_count" | "histogram_sum" | "histogram_avg" => depth.wants += 1,
            "histogram_quantile" | "histogram_fraction" | "[:]" => depth.forbids += 1,
            _ => {}
        }
        self.depth.set(depth);
        Scope { depth: &self.depth, before }
    }

    /// Says of each histogram whether it was reset, where that is wanted.
    pub(super) fn find_resets(&self, points: &mut [HistogramPoint]) {
        let depth = self.depth.get();
        if depth.wants == 0 || depth.forbids > 0 {
            return;
        }
        let mut before: Option<Arc<Histogram>> = None;
        for point in points.iter_mut().filter(|it| !is_stale(it.value.sum)) {
            let original = Arc::clone(&point.value);
            if let (ResetHint::Unknown, Some(before)) = (original.hint, &before) {
                let is_reset = original.is_reset_since(before);
                let hint = if is_reset { ResetHint::Reset } else { ResetHint::NotReset };
                point.value = Arc::new(Histogram { hint, ..(*original).clone() });
            }
            before = Some(original);
        }
    }
}
