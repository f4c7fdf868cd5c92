//! What is usual for a service, when its spans lie in many partitions? What they tell of comes in here, each from its own
//! partition and some later than others; a window is told when all of them are past it.

use std::collections::BTreeMap;

use cluster::{Heard, Mark, TaskDone, Work};
use detect::{SpanConfig, SpanCounts, SpanTally};
use serde::{Deserialize, Serialize};
use signal::{Metric, SeriesPoints, Timestamp};

use crate::roles::work;

/// Counts what spans tell of the services of a partition.
pub struct Tally {
    counts: SpanTally,
    heard: Heard,
    window_millis: i64,
    /// By the end of the window, in windows since 1970.
    open: BTreeMap<i64, Vec<TaskDone>>,
    /// Windows up to this one are told.
    told: Option<i64>,
}

/// What another worker is told.
#[derive(Serialize, Deserialize)]
struct Saved {
    counts: SpanCounts,
    heard: Heard,
    open: BTreeMap<i64, Vec<TaskDone>>,
    told: Option<i64>,
}

impl Tally {
    /// Nothing was heard yet.
    pub fn new(config: SpanConfig) -> Self {
        let window_millis = i64::from(config.window_secs.max(1)) * 1000;
        let counts = SpanTally::new(config);
        Self { counts, heard: Heard::default(), window_millis, open: BTreeMap::new(), told: None }
    }

    /// Takes in what the spans of a record tell of, which a gateway took at `received`.
    pub fn take(&mut self, all: &[Work], received: Timestamp) {
        for it in all {
            let is_repeat = self.heard.is_repeat(it.from, it.mark, received);
            if is_repeat || matches!(it.mark, Mark::Until(_)) {
                continue;
            }
            // What comes when its window is told already belongs to the next one.
            let window = (received.millis().div_euclid(self.window_millis) + 1).max(self.told.unwrap_or(i64::MIN) + 1);
            self.open.entry(window).or_default().extend(it.tasks.iter().cloned());
        }
    }

    /// The series of all windows that are complete.
    pub fn tick(&mut self, now: Timestamp) -> Vec<SeriesPoints> {
        let complete = self.heard.complete(now).millis().div_euclid(self.window_millis);
        let first = self.told.map(|it| it + 1).or(self.open.keys().next().copied());
        let Some(first) = first.filter(|it| *it <= complete) else { return vec![] };
        let mut told = vec![];
        // After a pause there is one window and not many empty ones.
        let windows: Vec<i64> = self.open.range(first..=complete).map(|it| *it.0).chain([complete]).collect();
        for window in windows {
            if self.told.is_some_and(|it| window <= it) {
                continue;
            }
            let tasks = self.open.remove(&window).unwrap_or_default();
            tasks.iter().flat_map(work::done).for_each(|it| self.counts.add(it));
            told.extend(self.counts.close(Timestamp::from_millis(window * self.window_millis)));
            self.told = Some(window);
        }
        told
    }

    /// All of it, to be restored by another worker.
    pub fn save(&self) -> Vec<u8> {
        let Self { counts, heard, open, told, .. } = self;
        let saved = Saved { counts: counts.save(), heard: heard.clone(), open: open.clone(), told: *told };
        serde_json::to_vec(&saved).expect("texts and numbers are JSON")
    }

    /// Takes back what `save` wrote.
    ///
    /// # Errors
    /// It is damaged or of another release.
    pub fn restore(&mut self, state: &[u8]) -> Result<(), serde_json::Error> {
        let Saved { counts, heard, open, told } = serde_json::from_slice(state)?;
        self.counts.restore(counts);
        (self.heard, self.open, self.told) = (heard, open, told);
        Ok(())
    }

    /// What it counts.
    pub fn metrics(&self) -> Vec<Metric> {
        signal::Meter::metrics(&self.counts)
    }
}

#[cfg(test)]
mod tests {
    use cluster::What;

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + secs)
    }

    fn call(from: u32, offset: i64) -> Work {
        let what = What::Call("pay".to_owned());
        let task = TaskDone { owner: "shop".to_owned(), what, good: vec![0.25], failed: vec![] };
        Work { from, mark: Mark::Seen(offset), tasks: vec![task] }
    }

    fn until(from: u32, secs: i64) -> Work {
        Work { from, mark: Mark::Until(at(secs)), tasks: vec![] }
    }

    /// Time and value of the counter of calls.
    fn calls(told: &[SeriesPoints]) -> Vec<(i64, f64)> {
        let counters = told.iter().filter(|it| it.labels.name() == "traces_service_graph_request_total");
        counters.map(|it| (it.points[0].time.since(at(0)).as_secs() as i64, it.points[0].value)).collect()
    }

    /// Scenario: two partitions tell a call a second each; one of them loses its owner from 12 s to 33 s, and its new owner
    /// says again what came before.
    #[test]
    fn a_partition_that_changes_its_owner_is_no_dip() {
        let mut tally = Tally::new(SpanConfig::default());
        let mut told = vec![];
        for secs in 0..60 {
            tally.take(&[call(0, secs)], at(secs));
            let again = if secs == 33 { 5..=33 } else { secs..=secs };
            if !(12..33).contains(&secs) {
                for it in again {
                    tally.take(&[call(1, it)], at(it));
                    tally.take(&[until(1, it)], at(secs));
                }
            }
            tally.take(&[until(0, secs)], at(secs));
            if secs == 20 {
                let state = tally.save();
                tally = Tally::new(SpanConfig::default());
                tally.restore(&state).unwrap();
            }
            told.extend(calls(&tally.tick(at(secs))));
        }
        assert_eq!(told, [(10, 20.0), (20, 40.0), (30, 60.0), (40, 80.0), (50, 100.0)]);
    }

    #[test]
    fn nobody_is_waited_for_for_ever_and_a_pause_is_one_window() {
        let mut tally = Tally::new(SpanConfig::default());
        for secs in 0..200 {
            tally.take(&[call(0, secs), until(0, secs)], at(secs));
            if secs < 5 {
                tally.take(&[call(1, secs), until(1, secs)], at(secs));
            }
            let told = calls(&tally.tick(at(secs)));
            let is_due = secs == 94 || secs > 94 && secs % 10 == 0;
            assert_eq!(told.is_empty(), !is_due, "{secs}: {told:?}");
        }
        let after: Vec<i64> = calls(&tally.tick(at(900))).into_iter().map(|it| it.0).collect();
        assert_eq!(after, [200, 900], "what had come, and the pause");
    }
}
