//! What does the responder do with what it hears? Each finding goes where it would come from in one process, and nothing is
//! heard twice.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cluster::{Counts, Finding, Presence, Repeats};
use detect::GroupSample;
use serde::{Deserialize, Serialize};
use signal::{Labels, SeriesId};
use store::Store;

use crate::assemble::System;

/// Where it is written down how far was heard.
const NAME: &str = "cluster-heard";
/// Places that are remembered, as many as the map learns.
const MOST_PLACES: usize = 100_000;

/// What was heard so far.
#[derive(Default)]
pub struct Hearing {
    heard: Mutex<Heard>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heard {
    /// All records below this offset are heard.
    position: i64,
    repeats: Repeats,
    /// What the map has learned: it is told once.
    places: Vec<Labels>,
    #[serde(skip)]
    known_places: std::collections::HashSet<SeriesId>,
}

impl Hearing {
    /// Takes up where an earlier process stopped.
    pub fn resume(system: &System) -> anyhow::Result<Self> {
        let mut heard: Heard = match system.store.get_state(NAME)? {
            Some(bytes) => serde_json::from_slice(&bytes)?,
            None => Heard::default(),
        };
        heard.known_places = heard.places.iter().map(Labels::id).collect();
        heard.places.iter().for_each(|it| system.map.learn(it));
        Ok(Self { heard: Mutex::new(heard) })
    }

    /// The offset of the first record that was not heard.
    pub fn position(&self) -> i64 {
        self.lock().position
    }

    /// Hears a finding; returns a worker that said that it is there.
    pub fn hear(&self, system: &System, finding: Finding, counts: &Counts) -> Option<Presence> {
        match finding {
            Finding::Anomalies(mut anomalies) => {
                let mut heard = self.lock();
                anomalies.retain(|it| {
                    let is_repeat = heard.repeats.is_repeat(it);
                    counts.heard(is_repeat);
                    !is_repeat
                });
                drop(heard);
                system.responder.anomalies(anomalies);
            }
            Finding::Samples(samples) => system.groups.offer(samples.into_iter().map(sample).collect()),
            Finding::Places(places) => self.learn(system, places),
            Finding::Changes(changes) => {
                if let Err(error) = system.store.add_changes(&changes) {
                    tracing::error!(%error, "Changes not stored.");
                }
            }
            Finding::Presence(presence) => return Some(presence),
        }
        None
    }

    /// Everything below this offset was heard.
    pub fn reach(&self, position: i64) {
        self.lock().position = position;
    }

    /// Writes down how far was heard; what was heard must be worked on before.
    pub fn keep(&self, store: &Store) -> anyhow::Result<()> {
        let bytes = serde_json::to_vec(&*self.lock())?;
        Ok(store.put_state(NAME, &bytes)?)
    }

    fn learn(&self, system: &System, places: Vec<Labels>) {
        let mut heard = self.lock();
        for place in places {
            if heard.places.len() < MOST_PLACES && heard.known_places.insert(place.id()) {
                system.map.learn(&place);
                heard.places.push(place);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sample(it: cluster::Sample) -> GroupSample {
    GroupSample { labels: it.labels, time: it.time, y: it.y, interval_secs: it.interval_secs as f32 }
}
