//! Which series did a tenant send lately? Sets of identities in two generations: at each turn the older one is
//! forgotten, and what comes again goes over to the newer one.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use signal::{Labels, SeriesId};

use super::census::{Census, LabelUse, MetricUse};

/// Sets with a lock of their own, so that batches seldom wait for each other.
const LANES: usize = 16;

/// The series (or streams) of one tenant, at most `most`.
pub(super) struct Population {
    most: usize,
    lanes: [Mutex<Generations<HashSet<SeriesId>>>; LANES],
    /// In all lanes, of both generations.
    count: AtomicUsize,
    census: Mutex<Generations<Census>>,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Generations<T> {
    newer: T,
    older: T,
}

impl Population {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            lanes: Default::default(),
            count: AtomicUsize::new(0),
            census: Mutex::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// True if the series is one of the population, or becomes one now.
    pub(super) fn admits(&self, labels: &Labels) -> bool {
        let id = labels.id();
        {
            let mut lane = self.lane(id);
            if lane.newer.contains(&id) {
                return true;
            }
            // What moves to the newer generation counts in the newer census, too.
            let is_known = lane.older.remove(&id);
            if !is_known && !self.takes_place() {
                return false;
            }
            lane.newer.insert(id);
        }
        self.census().newer.note(labels);
        true
    }

    /// Counts signals of a series that was not admitted.
    pub(super) fn refuse(&self, count: u64) {
        self.refused.fetch_add(count, Relaxed);
    }

    /// What has not come since the last turn ceases to count.
    pub(super) fn turn(&self) {
        for lane in &self.lanes {
            let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
            let gone = std::mem::take(&mut lane.older);
            lane.older = std::mem::take(&mut lane.newer);
            self.count.fetch_sub(gone.len(), Relaxed);
        }
        let mut census = self.census();
        census.older = std::mem::take(&mut census.newer);
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Relaxed) as u64
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Labels with most values, the most first.
    pub(super) fn labels(&self, most: usize) -> Vec<LabelUse> {
        let census = self.census();
        census.newer.joined(&census.older).labels(most)
    }

    /// Metrics with most series, the most first. Just after a turn a series may be seen twice, so a count is at most
    /// twice too high for a moment.
    pub(super) fn metrics(&self, most: usize) -> Vec<MetricUse> {
        let census = self.census();
        let fuller = if census.newer.len() * 2 > census.older.len() { &census.newer } else { &census.older };
        fuller.metrics(most)
    }

    fn takes_place(&self) -> bool {
        let is_room = |count: usize| (count < self.most).then_some(count + 1);
        self.count.fetch_update(Relaxed, Relaxed, is_room).is_ok()
    }

    fn lane(&self, id: SeriesId) -> MutexGuard<'_, Generations<HashSet<SeriesId>>> {
        let idx = (id.hash() >> 60) as usize;
        // Four bits are always a lane.
        let lane = self.lanes.get(idx).unwrap_or(&self.lanes[0]);
        lane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn census(&self) -> MutexGuard<'_, Generations<Census>> {
        self.census.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(user: usize) -> Labels {
        Labels::metric("logins_total", &[("service", "shop"), ("user_id", &user.to_string())])
    }

    /// Guarantees: MUST 171 of docs/specs/ingest.md.
    #[test]
    fn known_series_go_on_when_no_new_one_is_taken() {
        let population = Population::new(100);
        let admitted = (0..150).filter(|user| population.admits(&series(*user))).count();
        assert_eq!((admitted, population.count()), (100, 100));
        assert!((0..100).all(|user| population.admits(&series(user))));
        assert!(!population.admits(&series(149)));
        let top = &population.labels(1)[0];
        assert_eq!(top.name, "user_id");
        assert!((90..=110).contains(&top.values), "{top:?}");
        assert_eq!(population.metrics(5), [MetricUse { name: "logins_total".to_owned(), series: 100 }]);
    }

    /// Guarantees: MUST 172 of docs/specs/ingest.md.
    #[test]
    fn series_that_are_gone_make_room() {
        let population = Population::new(100);
        assert!((0..100).all(|user| population.admits(&series(user))));
        population.turn();
        // Half of them go on.
        assert!((0..50).all(|user| population.admits(&series(user))));
        assert!(!population.admits(&series(200)), "all may still come again");
        population.turn();
        assert_eq!(population.count(), 50);
        assert!((200..250).all(|user| population.admits(&series(user))));
        assert!(!population.admits(&series(300)));
        assert!((0..50).all(|user| population.admits(&series(user))));
        assert_eq!(population.metrics(1)[0].series, 100);
    }

    #[test]
    fn threads_that_race_do_not_go_over_the_limit() {
        let population = Population::new(1000);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let population = &population;
                scope.spawn(move || {
                    (0..1000).for_each(|idx| _ = population.admits(&series(thread * 500 + idx)));
                });
            }
        });
        assert_eq!(population.count(), 1000);
    }
}
