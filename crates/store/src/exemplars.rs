//! Which requests stand behind measured values? The newest few exemplars of each series, bounded in total.
//!
//! They are in memory and saved every minute and at the end: a crash loses those that came since. An exemplar
//! points to a trace, and a trace of which the pointer is lost is still found by its service and time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signal::{Exemplar, Labels, Metric, Point, SeriesId, TimeRange, Timestamp};

use crate::Config;
use crate::bytes::{Reader, put_labels, put_signed, put_varint};

/// The layout of what is saved.
const LAYOUT: u8 = 1;
/// Bytes that are saved at once.
const PIECE_BYTES: usize = 256 * 1024;

/// All exemplars that are kept.
#[derive(Debug)]
pub struct Exemplars {
    /// Of all series together, and of one.
    max: usize,
    max_of_series: usize,
    future: Duration,
    state: Mutex<State>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct State {
    series: HashMap<SeriesId, Series>,
    /// Whose exemplar came when: the first is the first to go.
    arrivals: BTreeMap<u64, SeriesId>,
    next: u64,
    is_saved: bool,
}

#[derive(Debug)]
struct Series {
    labels: Labels,
    /// In order of time.
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    arrival: u64,
    labels: Labels,
    point: Point,
}

#[derive(Debug, Default)]
struct Counts {
    stored: AtomicU64,
    duplicate: AtomicU64,
    too_old: AtomicU64,
    future: AtomicU64,
    displaced: AtomicU64,
}

impl Exemplars {
    /// Nothing is kept yet.
    pub fn new(config: &Config) -> Self {
        Self {
            max: config.max_exemplars,
            max_of_series: config.max_exemplars_per_series,
            future: Duration::from_secs(config.future_window_secs),
            state: Mutex::new(State { is_saved: true, ..State::default() }),
            counts: Counts::default(),
        }
    }

    /// Keeps exemplars and says how many; `now` is the time against which future ones are judged.
    pub fn add(&self, batch: Vec<Exemplar>, now: Timestamp) -> u64 {
        let newest = now.plus(self.future);
        let mut state = self.lock();
        let mut n_stored = 0;
        for exemplar in batch {
            let counter = if exemplar.point.time > newest {
                &self.counts.future
            } else {
                match state.put(exemplar, self.max_of_series.min(self.max)) {
                    Put::Stored(displaced) => {
                        n_stored += 1;
                        self.counts.displaced.fetch_add(displaced + state.shrink(self.max), Relaxed);
                        &self.counts.stored
                    }
                    Put::Duplicate => &self.counts.duplicate,
                    Put::TooOld => &self.counts.too_old,
                }
            };
            counter.fetch_add(1, Relaxed);
        }
        n_stored
    }

    /// Exemplars of series that fit, in order of series, then of time.
    pub fn find(&self, fits: &dyn Fn(&Labels) -> bool, range: TimeRange) -> Vec<Exemplar> {
        let state = self.lock();
        let mut found: Vec<&Series> = state.series.values().filter(|it| fits(&it.labels)).collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        let of = |series: &Series, it: &Kept| Exemplar {
            series: series.labels.clone(),
            labels: it.labels.clone(),
            point: it.point,
        };
        let within = |it: &&Kept| range.contains(it.point.time);
        found.into_iter().flat_map(|it| it.kept.iter().filter(within).map(move |kept| of(it, kept))).collect()
    }

    /// What is to be saved, in pieces; none if nothing has changed since.
    pub fn save(&self) -> Option<Vec<Vec<u8>>> {
        let mut state = self.lock();
        if std::mem::replace(&mut state.is_saved, true) {
            return None;
        }
        let mut bytes = vec![LAYOUT];
        for (arrival, id) in &state.arrivals {
            let Some(series) = state.series.get(id) else { continue };
            let Some(kept) = series.kept.iter().find(|it| it.arrival == *arrival) else { continue };
            put_labels(&mut bytes, &series.labels);
            put_labels(&mut bytes, &kept.labels);
            put_signed(&mut bytes, kept.point.time.millis());
            put_varint(&mut bytes, kept.point.value.to_bits());
        }
        Some(bytes.chunks(PIECE_BYTES).map(<[u8]>::to_vec).collect())
    }

    /// Takes back what was saved; false if some of it cannot be read.
    pub fn restore(&self, bytes: &[u8]) -> bool {
        let mut reader = Reader::new(bytes);
        if reader.byte() != Some(LAYOUT) {
            return false;
        }
        let mut state = self.lock();
        while !reader.rest().is_empty() {
            let Some(exemplar) = read(&mut reader) else { return false };
            state.put(exemplar, self.max_of_series.min(self.max));
            state.shrink(self.max);
        }
        state.is_saved = true;
        true
    }

    /// Counters.
    pub fn metrics(&self) -> Vec<Metric> {
        const DROPPED: &str = "Exemplars refused or absorbed.";
        let of = |name, help, value: &AtomicU64| Metric::counter(name, help, value.load(Relaxed));
        let dropped =
            |reason, value| of("sentinel_store_exemplars_dropped_total", DROPPED, value).label("reason", reason);
        let Counts { stored, duplicate, too_old, future, displaced } = &self.counts;
        let count = self.lock().arrivals.len();
        vec![
            of("sentinel_store_exemplars_stored_total", "Exemplars stored.", stored),
            dropped("duplicate", duplicate),
            dropped("too_old", too_old),
            dropped("future", future),
            of("sentinel_store_exemplars_displaced_total", "Exemplars that newer ones took the place of.", displaced),
            Metric::gauge("sentinel_store_exemplars_count", "Exemplars in memory.", count as f64),
        ]
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of an exemplar.
enum Put {
    /// It is kept; so many others had to go.
    Stored(u64),
    /// It is there already.
    Duplicate,
    /// All that are kept of its series are newer.
    TooOld,
}

impl State {
    fn put(&mut self, exemplar: Exemplar, max_of_series: usize) -> Put {
        let Exemplar { series: labels, labels: told, point } = exemplar;
        let id = labels.id();
        let kept = self.series.get(&id).map(|it| &it.kept);
        if kept.is_some_and(|it| it.iter().any(|it| is_same(it, &told, point))) {
            return Put::Duplicate;
        }
        let is_older = |it: &VecDeque<Kept>| it.front().is_some_and(|it| point.time < it.point.time);
        if max_of_series == 0 || kept.is_some_and(|it| it.len() >= max_of_series && is_older(it)) {
            return Put::TooOld;
        }
        let series = self.series.entry(id).or_insert_with(|| Series { labels, kept: VecDeque::new() });
        let place = series.kept.partition_point(|it| it.point.time <= point.time);
        series.kept.insert(place, Kept { arrival: self.next, labels: told, point });
        let oldest = if series.kept.len() > max_of_series { series.kept.pop_front() } else { None };
        if let Some(oldest) = &oldest {
            self.arrivals.remove(&oldest.arrival);
        }
        self.arrivals.insert(self.next, id);
        self.next += 1;
        self.is_saved = false;
        Put::Stored(u64::from(oldest.is_some()))
    }

    /// Lets go of those that came first until at most `max` are left; how many went.
    fn shrink(&mut self, max: usize) -> u64 {
        let mut n_gone = 0;
        while self.arrivals.len() > max {
            let Some((arrival, id)) = self.arrivals.pop_first() else { break };
            n_gone += 1;
            if let Some(series) = self.series.get_mut(&id) {
                series.kept.retain(|it| it.arrival != arrival);
                if series.kept.is_empty() {
                    self.series.remove(&id);
                }
            }
        }
        n_gone
    }
}

/// True if it is the same event told again: a target that is scraped tells its newest exemplar each time, and one
/// without a time of its own gets that of the scrape.
fn is_same(kept: &Kept, labels: &Labels, point: Point) -> bool {
    let is_named = !labels.is_empty();
    kept.labels == *labels
        && kept.point.value.to_bits() == point.value.to_bits()
        && (is_named || kept.point.time == point.time)
}

fn read(reader: &mut Reader<'_>) -> Option<Exemplar> {
    let (series, labels) = (reader.labels()?, reader.labels()?);
    let time = Timestamp::from_millis(reader.signed()?);
    Some(Exemplar { series, labels, point: Point { time, value: f64::from_bits(reader.varint()?) } })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(max: usize, max_of_series: usize) -> Exemplars {
        Exemplars::new(&Config { max_exemplars: max, max_exemplars_per_series: max_of_series, ..Config::default() })
    }

    fn exemplar(series: &str, trace: &str, secs: i64) -> Exemplar {
        let pairs = if trace.is_empty() { vec![] } else { vec![("trace_id", trace)] };
        let point = Point { time: Timestamp::from_secs(secs), value: 0.5 };
        Exemplar { series: Labels::metric(series, &[]), labels: Labels::new(pairs), point }
    }

    fn found(exemplars: &Exemplars) -> Vec<String> {
        let text = |it: Exemplar| {
            format!("{} {} {}", it.series, it.labels.get("trace_id").unwrap_or("-"), it.point.time.millis() / 1000)
        };
        exemplars.find(&|_| true, TimeRange::ALL).into_iter().map(text).collect()
    }

    #[test]
    fn the_newest_of_each_series_are_kept() {
        let all = kept(100, 2);
        let now = Timestamp::from_secs(100);
        let batch = [("a", "x", 3), ("a", "y", 1), ("b", "z", 2), ("a", "w", 2), ("a", "v", 0)];
        assert_eq!(all.add(batch.map(|it| exemplar(it.0, it.1, it.2)).to_vec(), now), 4);
        assert_eq!(found(&all), ["a w 2", "a x 3", "b z 2"]);
        let only = all.find(&|it| it.name() == "a", TimeRange::new(Timestamp::from_secs(3), now));
        assert_eq!(only.len(), 1);
        assert_eq!(all.add(vec![exemplar("a", "f", 5000)], now), 0, "the future");
        let count = |name: &str| all.metrics().iter().filter(|it| it.name == name).map(|it| it.value).sum::<f64>();
        assert_eq!(count("sentinel_store_exemplars_stored_total"), 4.0);
        assert_eq!(count("sentinel_store_exemplars_dropped_total"), 2.0);
        assert_eq!(count("sentinel_store_exemplars_displaced_total"), 1.0);
        assert_eq!(count("sentinel_store_exemplars_count"), 3.0);
    }

    #[test]
    fn what_is_told_again_is_kept_once() {
        let all = kept(100, 5);
        let now = Timestamp::from_secs(100);
        // The second has the time of another scrape; without labels, only the time tells events apart.
        let batch = [("a", "x", 1), ("a", "x", 2), ("a", "", 1), ("a", "", 1), ("a", "", 2)];
        assert_eq!(all.add(batch.map(|it| exemplar(it.0, it.1, it.2)).to_vec(), now), 3);
        assert_eq!(found(&all), ["a x 1", "a - 1", "a - 2"]);
    }

    #[test]
    fn in_total_the_first_that_came_go_first() {
        let all = kept(3, 10);
        let now = Timestamp::from_secs(100);
        let batch = [("a", "1", 9), ("b", "2", 1), ("c", "3", 1), ("d", "4", 1), ("d", "5", 2)];
        all.add(batch.map(|it| exemplar(it.0, it.1, it.2)).to_vec(), now);
        assert_eq!(found(&all), ["c 3 1", "d 4 1", "d 5 2"]);
        let off = kept(0, 10);
        assert_eq!(off.add(vec![exemplar("a", "1", 9)], now), 0);
        assert!(found(&off).is_empty());
    }

    #[test]
    fn what_was_saved_comes_back_and_damage_is_told() {
        let all = kept(100, 5);
        assert_eq!(all.save(), None, "there is nothing to save");
        all.add(vec![exemplar("a", "x", 1), exemplar("b", "y", 2)], Timestamp::from_secs(9));
        let saved = all.save().unwrap().concat();
        assert_eq!(all.save(), None, "it is saved");
        let again = kept(100, 5);
        assert!(again.restore(&saved));
        assert_eq!(found(&again), found(&all));
        assert!(!kept(100, 5).restore(&saved[..saved.len() - 1]));
        assert!(!kept(100, 5).restore(b"\x07") && !kept(100, 5).restore(b""));
        let small = kept(1, 5);
        assert!(small.restore(&saved));
        assert_eq!(found(&small), ["b y 2"], "a smaller limit holds for what was saved, too");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            kept(10, 2).restore(&[&[LAYOUT][..], &bytes].concat());
        }

        #[test]
        fn the_limits_hold(batch in prop::collection::vec((0_u8..6, 0_u8..40, 0_i64..50), 0..200)) {
            let all = kept(10, 3);
            for (series, trace, secs) in batch {
                all.add(vec![exemplar(&series.to_string(), &trace.to_string(), secs)], Timestamp::from_secs(100));
            }
            let state = all.lock();
            let lengths: Vec<usize> = state.series.values().map(|it| it.kept.len()).collect();
            prop_assert_eq!(lengths.iter().sum::<usize>(), state.arrivals.len());
            prop_assert!(state.arrivals.len() <= 10 && lengths.iter().all(|it| (1..=3).contains(it)));
            prop_assert!(state.series.values().all(|it| it.kept.iter().is_sorted_by_key(|it| it.point.time)));
        }
    }
}
