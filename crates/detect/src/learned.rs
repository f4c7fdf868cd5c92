//! From which score on does a point of a series count, by what people have said of its kind? Shared by all shards; a series
//! that nobody spoke of pays nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use signal::{Direction, Hours, Labels, LessonTarget};

/// Thresholds by kind of series.
#[derive(Debug, Default)]
pub struct Learned {
    known: RwLock<Known>,
    /// Grows with each change, so that shards see cheaply that there is one.
    version: AtomicU64,
    held: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    /// As it was said.
    all: Vec<(LessonTarget, f64)>,
    /// By metric and service.
    thresholds: BTreeMap<(String, String), Hushed>,
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
    pub fn set<'a>(&self, all: impl IntoIterator<Item = (&'a LessonTarget, &'a f64)>) {
        let is_threshold = |it: &(&LessonTarget, &f64)| matches!(it.0, LessonTarget::Threshold { .. });
        let all: Vec<_> =
            all.into_iter().filter(is_threshold).map(|(target, value)| (target.clone(), *value)).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.all == all {
            return;
        }
        let mut thresholds = BTreeMap::new();
        for (target, value) in &all {
            let LessonTarget::Threshold { metric, owner, direction, hours } = target else { continue };
            let usual = || Hushed { above: [1.0; 24], below: [1.0; 24] };
            let it = thresholds.entry((metric.clone(), owner.clone())).or_insert_with(usual);
            it.raise(*direction, *hours, *value);
        }
        *known = Known { all, thresholds };
        self.version.fetch_add(1, Ordering::Release);
    }

    /// What `set` took over, for others who judge.
    pub fn all(&self) -> Vec<(LessonTarget, f64)> {
        self.read().all.clone()
    }

    /// Points that would have counted without it.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Kinds of series that are judged otherwise.
    pub fn count(&self) -> usize {
        self.read().thresholds.len()
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// None if nobody spoke of the kind of series.
    pub(crate) fn of(&self, labels: &Labels) -> Option<Box<Hushed>> {
        let known = self.read();
        if known.thresholds.is_empty() {
            return None;
        }
        known.thresholds.get(&(labels.name().to_owned(), labels.owner().to_owned())).cloned().map(Box::new)
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_held(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }
}
