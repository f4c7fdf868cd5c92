//! What stands in for the clock, the ledger and the plan store in tests?

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signal::{Clock, Ledger, LedgerEntry, Plan, PlanId, PlanStore, PortError, Timestamp};

/// A clock that stands still until it is told.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl FakeClock {
    /// A clock that shows this.
    pub const fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.millis()))
    }

    /// Sets it.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.millis(), Ordering::SeqCst);
    }

    /// Moves it on.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().plus(duration));
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Plans in memory, in order of their id.
#[derive(Debug, Default)]
pub struct MemoryPlans(Mutex<BTreeMap<PlanId, Plan>>);

impl PlanStore for MemoryPlans {
    fn save_plan(&self, plan: &Plan) -> Result<(), PortError> {
        lock(&self.0).insert(plan.id, plan.clone());
        Ok(())
    }

    fn load_plans(&self) -> Result<Vec<Plan>, PortError> {
        Ok(lock(&self.0).values().cloned().collect())
    }
}

/// A ledger in memory. Its hash is the standard library's, so it finds slips but not forgery.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    entries: Mutex<Vec<LedgerEntry>>,
    time: AtomicI64,
}

impl MemoryLedger {
    /// The time that the next entries carry.
    pub fn set_time(&self, now: Timestamp) {
        self.time.store(now.millis(), Ordering::SeqCst);
    }

    /// The actions so far, in order: the quickest way to say what should have happened.
    pub fn actions(&self) -> Vec<String> {
        lock(&self.entries).iter().map(|it| it.action.clone()).collect()
    }
}

impl Ledger for MemoryLedger {
    fn append(&self, actor: &str, action: &str, subject: &str, detail: &str) -> Result<LedgerEntry, PortError> {
        let mut entries = lock(&self.entries);
        let previous_hash = entries.last().map_or_else(|| "0".repeat(64), |it| it.hash.clone());
        let mut entry = LedgerEntry {
            sequence: entries.len() as u64 + 1,
            time: Timestamp::from_millis(self.time.load(Ordering::SeqCst)),
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
            previous_hash,
            hash: String::new(),
        };
        entry.hash = hash(&entry);
        entries.push(entry.clone());
        Ok(entry)
    }

    fn entries(&self, after: u64, limit: usize) -> Result<Vec<LedgerEntry>, PortError> {
        let limit = if limit == 0 { usize::MAX } else { limit };
        Ok(lock(&self.entries).iter().filter(|it| it.sequence > after).take(limit).cloned().collect())
    }

    fn verify(&self) -> Result<u64, PortError> {
        let entries = lock(&self.entries);
        let mut previous = "0".repeat(64);
        for entry in entries.iter() {
            if entry.previous_hash != previous || entry.hash != hash(entry) {
                return Err(PortError::Refused(format!("entry {} does not fit the chain", entry.sequence)));
            }
            previous.clone_from(&entry.hash);
        }
        Ok(entries.len() as u64)
    }
}

fn hash(entry: &LedgerEntry) -> String {
    let mut hasher = DefaultHasher::new();
    (entry.sequence, entry.time, &entry.actor, &entry.action).hash(&mut hasher);
    (&entry.subject, &entry.detail, &entry.previous_hash).hash(&mut hasher);
    format!("{:064x}", hasher.finish())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_only_when_told() {
        let clock = FakeClock::new(Timestamp::from_secs(5));
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now(), Timestamp::from_millis(6500));
    }

    #[test]
    fn the_ledger_finds_a_changed_entry() {
        let ledger = MemoryLedger::default();
        for action in ["incident.opened", "plan.approved", "step.started"] {
            ledger.append("sentinel", action, "PLAN-1", "{}").unwrap();
        }
        assert_eq!(ledger.verify().unwrap(), 3);
        assert_eq!(ledger.entries(1, 1).unwrap()[0].action, "plan.approved");
        lock(&ledger.entries)[1].detail = "{\"forged\":true}".to_owned();
        assert_eq!(ledger.verify().unwrap_err().to_string(), "entry 2 does not fit the chain");
    }
}
