//! Is there a prediction with the id of a label? Labels that have none wait for it; what waits too long is unknown.
//!
//! A label may come before its prediction is written, or before an event with it arrives. It is kept in any case and
//! joins whenever the prediction comes; here is only counted what it looks like now.
//! Ids are remembered in filters that take two bytes for each: about one label in two hundred is taken for joined
//! although its id is unknown, and never the other way around among the newest two million predictions.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use signal::{Inference, Label, Metric, TimeRange, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use super::codec::decode_inferences;
use super::segment::Segments;

/// Ids of a filter, and filters that are kept.
const FILTER_IDS: usize = 250_000;
const FILTERS: usize = 8;
/// Bits for each id, and how many of them it sets.
const BITS: usize = 16;
const PROBES: u64 = 8;

/// What became of labels when they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Their prediction is there.
    pub joined: u64,
    /// They wait for it.
    pub pending: u64,
}

/// Ids of predictions, and labels that wait for one.
pub struct Ids {
    state: Mutex<State>,
    most_pending: usize,
    patience: Duration,
}

#[derive(Default)]
struct State {
    /// The newest first.
    filters: VecDeque<Filter>,
    /// Since when each waits.
    pending: HashMap<u64, Timestamp>,
    order: VecDeque<(u64, Timestamp)>,
    /// The ids of before the start are read.
    is_loaded: bool,
    joined: u64,
    unknown: u64,
    without_room: u64,
}

struct Filter {
    words: Vec<u64>,
    n: usize,
}

impl Filter {
    fn new() -> Self {
        Self { words: vec![0; FILTER_IDS * BITS / 64], n: 0 }
    }

    /// Words and bits of an id.
    fn places(&self, key: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let n_bits = (self.words.len() * 64) as u64;
        let step = key.rotate_left(32) | 1;
        (0..PROBES)
            .map(move |it| key.wrapping_add(it.wrapping_mul(step)) % n_bits)
            .map(|it| ((it / 64) as usize, it % 64))
    }

    fn add(&mut self, key: u64) {
        self.n += 1;
        for (word, bit) in self.places(key) {
            if let Some(word) = self.words.get_mut(word) {
                *word |= 1 << bit;
            }
        }
    }

    fn has(&self, key: u64) -> bool {
        self.places(key).all(|(word, bit)| self.words.get(word).is_some_and(|it| it >> bit & 1 == 1))
    }
}

impl State {
    fn add(&mut self, key: u64) {
        if self.filters.front().is_none_or(|it| it.n >= FILTER_IDS) {
            self.filters.push_front(Filter::new());
            self.filters.truncate(FILTERS);
        }
        if let Some(newest) = self.filters.front_mut() {
            newest.add(key);
        }
        self.joined += u64::from(!self.pending.is_empty() && self.pending.remove(&key).is_some());
    }

    fn expire(&mut self, oldest: Timestamp) {
        while let Some((key, since)) = self.order.front().copied().filter(|it| it.1 < oldest) {
            self.order.pop_front();
            self.unknown += u64::from(self.is_waiting(key, since));
        }
    }

    /// True, and no longer, if it waits since then and did not come again later.
    fn is_waiting(&mut self, key: u64, since: Timestamp) -> bool {
        let is_it = self.pending.get(&key) == Some(&since);
        if is_it {
            self.pending.remove(&key);
        }
        is_it
    }
}

impl Ids {
    /// Room for so many labels that wait, each for so long.
    pub fn new(most_pending: usize, patience: Duration) -> Self {
        Self { state: Mutex::default(), most_pending, patience }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the ids of the newest predictions of the log. Until it is done no label is unknown.
    ///
    /// # Errors
    /// Of the disk.
    pub fn load(&self, log: &Segments) -> io::Result<()> {
        let after = log.end().saturating_sub((FILTER_IDS * FILTERS) as u64);
        let read = log.read(TimeRange::ALL, after, |_, head, body| {
            self.predicted(&decode_inferences(head, body).unwrap_or_default());
            true
        });
        self.state().is_loaded = true;
        read
    }

    /// There are predictions.
    pub fn predicted(&self, rows: &[Inference]) {
        let keys: Vec<u64> = rows.iter().map(|it| xxh3_64(it.id.as_bytes())).collect();
        let mut state = self.state();
        keys.into_iter().for_each(|it| state.add(it));
    }

    /// Labels have come.
    pub fn labeled(&self, labels: &[Label], now: Timestamp) -> Joined {
        let mut state = self.state();
        let mut told = Joined::default();
        for label in labels {
            let key = xxh3_64(label.id.as_bytes());
            if state.filters.iter().any(|it| it.has(key)) {
                told.joined += 1;
                continue;
            }
            told.pending += 1;
            if state.pending.insert(key, now).is_none_or(|it| it != now) {
                state.order.push_back((key, now));
            }
            while state.pending.len() > self.most_pending
                && let Some((oldest, since)) = state.order.pop_front()
            {
                let is_given_up = state.is_waiting(oldest, since);
                state.without_room += u64::from(is_given_up);
            }
        }
        state.joined += told.joined;
        told
    }

    /// All numbers; what has waited for too long is unknown from now on.
    pub fn metrics(&self, now: Timestamp) -> [Metric; 4] {
        let mut state = self.state();
        if state.is_loaded {
            state.expire(now.minus(self.patience));
        }
        let help = "Labels whose id no prediction had, by reason: it did not come in time, or too many labels waited.";
        let unknown =
            |reason, n| Metric::counter("sentinel_predict_labels_unknown_total", help, n).label("reason", reason);
        let waiting = "Labels that wait for their prediction.";
        [
            Metric::counter(
                "sentinel_predict_labels_joined_total",
                "Labels with a prediction of their id.",
                state.joined,
            ),
            unknown("expired", state.unknown),
            unknown("no_room", state.without_room),
            Metric::gauge("sentinel_predict_labels_pending", waiting, state.pending.len() as f64),
        ]
    }
}

#[cfg(test)]
mod tests {
    use signal::FeatureValue;

    use super::*;

    fn label(id: &str) -> Label {
        Label { id: id.into(), label: FeatureValue::Flag(true), time: Timestamp::from_secs(0) }
    }

    fn row(id: &str) -> Inference {
        Inference {
            id: id.into(),
            time: Timestamp::from_secs(0),
            model: "m".into(),
            version: "1".into(),
            features: vec![],
            prediction: FeatureValue::Missing,
            probability: None,
            probabilities: vec![],
            latency_ms: 0.0,
            is_shadow: false,
        }
    }

    /// Joined, expired, without room, pending.
    fn numbers(ids: &Ids, secs: i64) -> [f64; 4] {
        ids.metrics(Timestamp::from_secs(secs)).map(|it| it.value)
    }

    fn loaded(most_pending: usize) -> Ids {
        let ids = Ids::new(most_pending, Duration::from_secs(600));
        ids.state().is_loaded = true;
        ids
    }

    /// MUST 614.
    #[test]
    fn labels_wait_for_their_prediction_and_are_unknown_in_the_end() {
        let ids = loaded(10);
        let at = Timestamp::from_secs;
        ids.predicted(&[row("a")]);
        let told = ids.labeled(&[label("a"), label("early"), label("wrong")], at(0));
        assert_eq!(told, Joined { joined: 1, pending: 2 });
        assert_eq!(numbers(&ids, 5), [1.0, 0.0, 0.0, 2.0]);
        ids.predicted(&[row("early")]);
        assert_eq!(numbers(&ids, 600), [2.0, 0.0, 0.0, 1.0]);
        assert_eq!(numbers(&ids, 601), [2.0, 1.0, 0.0, 0.0]);
        assert_eq!(ids.labeled(&[label("early")], at(700)), Joined { joined: 1, pending: 0 });
    }

    #[test]
    fn a_label_that_is_sent_again_waits_anew_and_the_oldest_make_room() {
        let ids = loaded(3);
        let at = Timestamp::from_secs;
        ids.labeled(&[label("a")], at(0));
        ids.labeled(&[label("a")], at(500));
        assert_eq!(numbers(&ids, 700), [0.0, 0.0, 0.0, 1.0]);
        ids.labeled(&["b", "c", "d", "e"].map(label), at(700));
        assert_eq!(numbers(&ids, 700), [0.0, 0.0, 2.0, 3.0]);
    }

    #[test]
    fn nothing_is_unknown_before_the_log_was_read() {
        let ids = Ids::new(3, Duration::from_secs(1));
        ids.labeled(&[label("a")], Timestamp::from_secs(0));
        assert_eq!(numbers(&ids, 100), [0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn of_unknown_ids_few_are_taken_for_known() {
        let ids = loaded(1_000_000);
        for part in 0..20 {
            let rows: Vec<Inference> = (0..25_000).map(|it| row(&format!("row {part} {it}"))).collect();
            ids.predicted(&rows);
        }
        let known: Vec<Label> = (0..1000).map(|it| label(&format!("row 3 {it}"))).collect();
        assert_eq!(ids.labeled(&known, Timestamp::from_secs(0)).pending, 0);
        let unknown: Vec<Label> = (0..20_000).map(|it| label(&format!("other {it}"))).collect();
        let told = ids.labeled(&unknown, Timestamp::from_secs(0));
        assert!(told.joined < 100, "{told:?}");
    }
}
