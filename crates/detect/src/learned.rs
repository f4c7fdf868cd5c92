//! From which score on does a point of a series count, by what people have said of its kind? Shared by all shards; a series
//! that nobody spoke of pays nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use signal::{Labels, LessonTarget};

use crate::lessons::family;

/// Thresholds by kind of series.
#[derive(Debug, Default)]
pub struct Learned {
    thresholds: RwLock<BTreeMap<LessonTarget, f64>>,
    /// Grows with each change, so that shards see cheaply that there is one.
    version: AtomicU64,
    held: AtomicU64,
}

impl Learned {
    /// Takes over what counts now; what is not named is as usual.
    pub fn set(&self, all: &BTreeMap<LessonTarget, f64>) {
        let wanted = all.iter().filter(|(it, _)| matches!(it, LessonTarget::Threshold { .. }));
        let wanted: BTreeMap<LessonTarget, f64> = wanted.map(|(target, value)| (target.clone(), *value)).collect();
        let mut known = self.thresholds.write().unwrap_or_else(PoisonError::into_inner);
        if *known != wanted {
            *known = wanted;
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    /// Points that would have counted without it.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Kinds of series that are judged otherwise.
    pub fn count(&self) -> usize {
        self.thresholds.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn threshold(&self, labels: &Labels) -> f64 {
        let known = self.thresholds.read().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() { 1.0 } else { known.get(&family(labels)).copied().unwrap_or(1.0) }
    }

    pub(crate) fn note_held(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }
}
