//! What becomes of incidents and of entries of the ledger while the disk refuses them? They are shown from memory, and
//! written as soon as it takes them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal::{Incident, IncidentFilter, IncidentId, Ledger, Meter, Metric, PortError};
use store::Store;

use crate::clean::CleanLedger;

/// Incidents that may wait; of more the oldest are given up.
const MOST_INCIDENTS: usize = 1000;
/// Entries of the ledger that may wait.
const MOST_ENTRIES: usize = 10_000;

/// Incidents and entries, on disk or on their way to it.
pub struct Backlog {
    store: Arc<Store>,
    ledger: CleanLedger,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// As they are now.
    incidents: BTreeMap<IncidentId, Incident>,
    /// In their order, which is the order of the chain.
    entries: VecDeque<Entry>,
    given_up: u64,
}

struct Entry {
    action: String,
    subject: String,
    detail: String,
}

impl Backlog {
    /// Nothing waits.
    pub fn new(store: Arc<Store>) -> Self {
        Self { ledger: CleanLedger(Arc::clone(&store)), store, waiting: Mutex::default() }
    }

    /// Saves an incident.
    ///
    /// # Errors
    /// The disk refuses; the incident waits for it.
    pub fn save(&self, incident: &Incident) -> Result<(), PortError> {
        let mut waiting = self.lock();
        let saved = self.store.save_incident(incident).map_err(not_saved);
        if saved.is_ok() {
            waiting.incidents.remove(&incident.id);
            return saved;
        }
        waiting.incidents.insert(incident.id, incident.clone());
        if waiting.incidents.len() > MOST_INCIDENTS && waiting.incidents.pop_first().is_some() {
            waiting.given_up += 1;
        }
        saved
    }

    /// Adds an entry to the ledger, behind those that wait.
    ///
    /// # Errors
    /// The disk refuses; the entry waits for it.
    pub fn append(&self, action: &str, subject: &str, detail: String) -> Result<(), PortError> {
        let mut waiting = self.lock();
        if waiting.entries.len() >= MOST_ENTRIES {
            waiting.given_up += 1;
            return Err(PortError::Refused("too many entries of the ledger wait for the disk".to_owned()));
        }
        waiting.entries.push_back(Entry { action: action.to_owned(), subject: subject.to_owned(), detail });
        self.write_entries(&mut waiting)
    }

    /// Tries again what waits, until the disk refuses; returns how much was written.
    pub fn retry(&self) -> usize {
        let mut waiting = self.lock();
        let before = waiting.len();
        if before == 0 || self.write_entries(&mut waiting).is_err() {
            return before - waiting.len();
        }
        while let Some((id, incident)) = waiting.incidents.pop_first() {
            if self.store.save_incident(&incident).is_err() {
                waiting.incidents.insert(id, incident);
                break;
            }
        }
        before - waiting.len()
    }

    /// One incident, as it is now.
    pub fn incident(&self, id: IncidentId) -> Result<Incident, PortError> {
        let waiting = self.lock().incidents.get(&id).cloned();
        waiting.map_or_else(|| self.store.incident(id), Ok)
    }

    /// Incidents, newest first, as they are now.
    pub fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, PortError> {
        let mut found = self.store.incidents(filter)?;
        let waiting = self.lock();
        if waiting.incidents.is_empty() {
            return Ok(found);
        }
        found.retain(|it| !waiting.incidents.contains_key(&it.id));
        found.extend(waiting.incidents.values().filter(|it| fits(filter, it)).cloned());
        found.sort_by_key(|it| std::cmp::Reverse(it.id));
        if filter.limit > 0 {
            found.truncate(filter.limit);
        }
        Ok(found)
    }

    fn write_entries(&self, waiting: &mut Waiting) -> Result<(), PortError> {
        while let Some(entry) = waiting.entries.front() {
            self.ledger.append("sentinel", &entry.action, &entry.subject, &entry.detail)?;
            waiting.entries.pop_front();
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn len(&self) -> usize {
        self.incidents.len() + self.entries.len()
    }
}

fn fits(filter: &IncidentFilter, incident: &Incident) -> bool {
    filter.status.is_none_or(|it| it == incident.status)
        && filter.service.as_ref().is_none_or(|it| incident.services.contains(it))
        && filter.before.is_none_or(|it| incident.id < it)
}

fn not_saved(error: store::Error) -> PortError {
    PortError::Failed { operation: "save the incident", source: error.into() }
}

impl Meter for Backlog {
    fn metrics(&self) -> Vec<Metric> {
        let waiting = self.lock();
        let gauge = |kind: &'static str, count: usize| {
            let help = "Incidents and entries of the ledger that wait for the disk.";
            Metric::gauge("sentinel_store_backlog", help, count as f64).label("kind", kind)
        };
        vec![
            gauge("incidents", waiting.incidents.len()),
            gauge("entries", waiting.entries.len()),
            Metric::counter(
                "sentinel_store_backlog_given_up_total",
                "Incidents and entries that were too many to wait.",
                waiting.given_up,
            ),
        ]
    }
}
