//! From which score on does a point of a series count, by what people have said of its kind? Shared by all shards; a series
//! that nobody spoke of pays nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use signal::{Direction, Hours, Labels, LessonTarget};

/// Thresholds by kind of series.
#[derive(Debug, Default)]
pub struct Learned {
    /// By metric and service.
    thresholds: RwLock<BTreeMap<(String, String), Hushed>>,
    /// Grows with each change, so that shards see cheaply that there is one.
    version: AtomicU64,
    held: AtomicU64,
}

/// The scores from which points of a series count, on each side of what is expected and at each hour of the day.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hushed {
    above: [f32; 24],
    below: [f32; 24],
}

impl Hushed {
    pub(crate) fn at(&self, direction: Direction, hour: u8) -> f64 {
        let of = if direction == Direction::Above { &self.above } else { &self.below };
        of.get(usize::from(hour)).map_or(1.0, |it| f64::from(*it))
    }

    fn raise(&mut self, direction: Option<Direction>, hours: Option<Hours>, value: f64) {
        for (side, of) in [(Direction::Above, &mut self.above), (Direction::Below, &mut self.below)] {
            if direction.is_some_and(|it| it != side) {
                continue;
            }
            for (hour, it) in (0..).zip(of.iter_mut()) {
                if hours.is_none_or(|it| it.covers(hour)) {
                    *it = it.max(value as f32);
                }
            }
        }
    }
}

impl Learned {
    /// Takes over what counts now; what is not named is as usual.
    pub fn set(&self, all: &BTreeMap<LessonTarget, f64>) {
        let mut wanted = BTreeMap::new();
        for (target, value) in all {
            let LessonTarget::Threshold { metric, owner, direction, hours } = target else { continue };
            let usual = || Hushed { above: [1.0; 24], below: [1.0; 24] };
            let it = wanted.entry((metric.clone(), owner.clone())).or_insert_with(usual);
            it.raise(*direction, *hours, *value);
        }
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

    /// None if nobody spoke of the kind of series.
    pub(crate) fn of(&self, labels: &Labels) -> Option<Box<Hushed>> {
        let known = self.thresholds.read().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return None;
        }
        known.get(&(labels.name().to_owned(), labels.owner().to_owned())).cloned().map(Box::new)
    }

    pub(crate) fn note_held(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }
}
