//! What turned out to be true of a prediction? The newest labels by id, in memory, read from their log at the start.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use signal::{FeatureValue, Label, TimeRange, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use super::codec::decode_labels;
use super::segment::Segments;

/// Labels by the hash of their id; the oldest make room for new ones.
pub struct Labels {
    state: Mutex<State>,
    most: usize,
}

#[derive(Default)]
struct State {
    by_id: HashMap<u64, (FeatureValue, Timestamp)>,
    order: VecDeque<u64>,
}

impl Labels {
    /// Room for so many.
    pub fn new(most: usize) -> Self {
        Self { state: Mutex::default(), most }
    }

    /// Takes what the log has.
    pub fn load(&self, log: &Segments) -> io::Result<()> {
        log.read(TimeRange::ALL, 0, |_, head, body| {
            self.add(&decode_labels(head, body).unwrap_or_default());
            true
        })
    }

    /// Takes labels; a later one replaces an earlier one.
    pub fn add(&self, labels: &[Label]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for label in labels {
            let key = xxh3_64(label.id.as_bytes());
            if state.by_id.insert(key, (label.label.clone(), label.time)).is_none() {
                state.order.push_back(key);
            }
            if state.order.len() > self.most
                && let Some(oldest) = state.order.pop_front()
            {
                state.by_id.remove(&oldest);
            }
        }
    }

    /// The label of a prediction.
    pub fn of(&self, id: &Arc<str>) -> Option<Label> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (label, time) = state.by_id.get(&xxh3_64(id.as_bytes()))?;
        Some(Label { id: Arc::clone(id), label: label.clone(), time: *time })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).order.len()
    }
}
