//! What does the responder do with what it hears? Each finding goes where it would come from in one process, and nothing is
//! heard twice.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cluster::{Counts, Finding, Presence, Repeats};
use detect::GroupSample;
use serde::{Deserialize, Serialize};
use signal::{Labels, SeriesId};
use store::Store;

use crate::alert_desk::AlertError;
use crate::assemble::System;

/// Where it is written down what was heard.
const NAME: &str = "cluster-heard";
/// And how far, which changes far more often.
pub const POSITION: &str = "cluster-position";
/// Places that are remembered, as many as the map learns.
const MOST_PLACES: usize = 100_000;

/// What was heard so far.
#[derive(Default)]
pub struct Hearing {
    heard: Mutex<Heard>,
}

/// What became of a finding.
#[derive(Debug, PartialEq)]
pub enum Hearsay {
    /// It went where it belongs.
    Worked,
    /// Alerts began or ended, which is written down already: so must be how far was heard.
    Alerted,
    /// It could not be kept and shall be told again.
    Again,
    /// A worker said that it is there.
    Worker(Presence),
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heard {
    /// All records below this offset are heard.
    position: i64,
    repeats: Repeats,
    /// What the map has learned: it is told once.
    places: Vec<Labels>,
    /// Something was heard since it was written down.
    #[serde(skip)]
    is_new: bool,
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
        if let Some(position) = system.store.get_state(POSITION)?.and_then(|it| position_of(&it)) {
            heard.position = position;
        }
        heard.known_places = heard.places.iter().map(Labels::id).collect();
        heard.places.iter().for_each(|it| system.map.learn(it));
        Ok(Self { heard: Mutex::new(heard) })
    }

    /// The offset of the first record that was not heard.
    pub fn position(&self) -> i64 {
        self.lock().position
    }

    /// Hears a finding. Blocks while alerts are written.
    pub fn hear(&self, system: &System, finding: Finding, counts: &Counts) -> Hearsay {
        match finding {
            Finding::Anomalies(mut anomalies) => {
                let mut heard = self.lock();
                heard.is_new |= !anomalies.is_empty();
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
            Finding::Presence(presence) => return Hearsay::Worker(presence),
            Finding::Alerts(alerts) => return take(system, alerts, counts),
        }
        Hearsay::Worked
    }

    /// Everything below this offset was heard.
    pub fn reach(&self, position: i64) {
        self.lock().position = position;
    }

    /// Writes down how far was heard; what was heard must be worked on before.
    pub fn keep(&self, store: &Store) -> anyhow::Result<()> {
        let (position, heard) = {
            let mut heard = self.lock();
            let is_new = std::mem::take(&mut heard.is_new);
            (heard.position, is_new.then(|| serde_json::to_vec(&*heard)).transpose()?)
        };
        // What was heard goes first: told again from the position before, it is known.
        if let Some(heard) = heard
            && let Err(error) = store.put_state(NAME, &heard)
        {
            self.lock().is_new = true;
            return Err(error.into());
        }
        Ok(store.put_state(POSITION, &serde_json::to_vec(&position)?)?)
    }

    fn learn(&self, system: &System, places: Vec<Labels>) {
        let mut heard = self.lock();
        for place in places {
            if heard.places.len() < MOST_PLACES && heard.known_places.insert(place.id()) {
                system.map.learn(&place);
                heard.places.push(place);
                heard.is_new = true;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far was heard, by what `keep` has written.
pub fn position_of(bytes: &[u8]) -> Option<i64> {
    serde_json::from_slice(bytes).ok()
}

/// Alerts go to the desk as they were when the gateway took them.
fn take(system: &System, alerts: Vec<cluster::Alert>, counts: &Counts) -> Hearsay {
    let Some(received) = alerts.iter().map(|it| it.received).max() else { return Hearsay::Worked };
    let count = alerts.len() as u64;
    let taken = alerts.into_iter().map(|it| {
        let cluster::Alert { labels, summary, starts_at, ends_at, .. } = it;
        ingest::Alert { labels, summary, starts_at, ends_at }
    });
    match system.alert_desk.take(taken.collect(), received) {
        Ok(()) => Hearsay::Alerted,
        Err(error @ AlertError::Full) => {
            counts.dropped_alerts(count);
            tracing::error!(%error, count, "Alerts dropped.");
            Hearsay::Worked
        }
        Err(error) => {
            tracing::error!(%error, "Alerts not kept; trying again.");
            Hearsay::Again
        }
    }
}

fn sample(it: cluster::Sample) -> GroupSample {
    GroupSample { labels: it.labels, time: it.time, y: it.y, interval_secs: it.interval_secs as f32 }
}
