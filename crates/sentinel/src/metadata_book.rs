//! What is known of metrics besides their numbers? What senders said last, kept over restarts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ingest::MetricMetadata;
use serde::{Deserialize, Serialize};
use serve::MetricBook;
use signal::{Meter, Metric};
use store::Store;

/// Where it is kept.
const KEPT_AS: &str = "metric-metadata";
/// Metrics that are known at most; a name of each is in memory.
const MOST: usize = 50_000;

/// Type, help and unit by name of metric.
pub struct MetadataBook {
    store: Arc<Store>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    metrics: BTreeMap<String, Known>,
    is_changed: bool,
    left_out: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    kind: String,
    help: String,
    unit: String,
}

impl MetadataBook {
    /// Takes up what an earlier process knew.
    pub fn open(store: Arc<Store>) -> Result<Self, store::Error> {
        let kept = store.get_state(KEPT_AS)?.unwrap_or_default();
        // Senders say it again: what cannot be read is no loss.
        let metrics = serde_json::from_slice(&kept).unwrap_or_default();
        Ok(Self { store, state: Mutex::new(State { metrics, ..State::default() }) })
    }

    /// Hears what is said.
    pub fn hear(&self, batch: Vec<MetricMetadata>) {
        let mut state = self.lock();
        let State { metrics, is_changed, left_out } = &mut *state;
        for told in batch {
            let known = Known { kind: told.kind.to_owned(), help: told.help, unit: told.unit };
            let is_full = metrics.len() >= MOST;
            match metrics.get_mut(&told.metric) {
                Some(it) if *it == known => continue,
                Some(it) => *it = known,
                None if is_full => {
                    *left_out += 1;
                    continue;
                }
                None => _ = metrics.insert(told.metric, known),
            }
            *is_changed = true;
        }
    }

    /// Keeps it, if there is something new.
    pub fn save(&self) -> Result<(), store::Error> {
        let bytes = {
            let mut state = self.lock();
            if !std::mem::take(&mut state.is_changed) {
                return Ok(());
            }
            serde_json::to_vec(&state.metrics).expect("texts are JSON")
        };
        let saved = self.store.put_state(KEPT_AS, &bytes);
        if saved.is_err() {
            self.lock().is_changed = true;
        }
        saved
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MetricBook for MetadataBook {
    fn metadata(&self, metric: Option<&str>) -> BTreeMap<String, Vec<serve::MetricMetadata>> {
        let told = |(name, it): (&String, &Known)| {
            let Known { kind, help, unit } = it.clone();
            (name.clone(), vec![serve::MetricMetadata { kind, help, unit }])
        };
        let state = self.lock();
        match metric {
            None => state.metrics.iter().map(told).collect(),
            Some(name) => state.metrics.get_key_value(name).map(told).into_iter().collect(),
        }
    }
}

impl Meter for MetadataBook {
    fn metrics(&self) -> Vec<Metric> {
        let state = self.lock();
        vec![
            Metric::gauge("sentinel_query_metadata_count", "Metrics whose type is known.", state.metrics.len() as f64),
            Metric::counter(
                "sentinel_query_metadata_dropped_total",
                "Descriptions of metrics that found no room.",
                state.left_out,
            ),
        ]
    }
}
