//! How much may all bodies take together? Every request takes a share of a budget of bytes before memory is taken, and
//! gives it back when it is answered; nobody gets so much that others find nothing.
//!
//! Who sends from one source for one tenant may hold at most twice what is still free: the dynamic threshold of Choudhury
//! and Hahne (1998) with alpha = 2. One alone gets two thirds; of n that want more each gets 2/(1+2n), and a newcomer
//! always finds 1/(1+2n) free.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use signal::{Meter, Metric};

use crate::{Refused, Source};

/// Times what is free that one may hold.
const ALPHA: u64 = 2;
/// What a request takes besides its body.
const REQUEST_BYTES: u64 = 4096;
/// By then most of what is in the way has been stored.
const RETRY_AFTER_SECS: u64 = 1;

/// Who takes a share: one source, for one tenant.
type Holder = (Source, Option<Box<str>>);

/// Memory that requests hold, in bytes, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Now.
    pub now: u64,
    /// The most since the start.
    pub most_so_far: u64,
    /// The most that is allowed.
    pub limit: u64,
    /// Requests that were asked to come later since the start.
    pub turned_away: u64,
}

/// The budget of bytes in flight.
#[derive(Debug)]
pub struct Admission {
    most_bytes: u64,
    held: Mutex<Held>,
    turned_away: [AtomicU64; Source::ALL.len()],
}

#[derive(Debug, Default)]
struct Held {
    total: u64,
    most_so_far: u64,
    /// Only of those that hold something.
    by_holder: HashMap<Holder, u64>,
}

impl Admission {
    /// Nothing is in flight yet.
    pub fn new(most_bytes: usize) -> Arc<Self> {
        Arc::new(Self { most_bytes: most_bytes as u64, held: Mutex::default(), turned_away: Default::default() })
    }

    /// How much is held.
    pub fn in_flight(&self) -> InFlight {
        let turned_away = self.turned_away.iter().map(|it| it.load(Relaxed)).sum();
        let held = self.held();
        InFlight { now: held.total, most_so_far: held.most_so_far, limit: self.most_bytes, turned_away }
    }

    /// Lets a request in.
    pub(crate) fn enter(self: &Arc<Self>, source: Source, tenant: Option<Box<str>>) -> Result<Share, Refused> {
        let mut share = Share { admission: Arc::clone(self), holder: (source, tenant), bytes: 0 };
        share.grow(REQUEST_BYTES)?;
        Ok(share)
    }

    /// A lock is held for some additions only, so one for all is enough.
    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one alone may hold at most: more would be told to come later for ever.
    const fn can_ever_hold(&self, bytes: u64) -> bool {
        bytes <= self.most_bytes / (1 + ALPHA) * ALPHA
    }

    fn too_much(&self) -> String {
        format!(
            "the signals of one request need more than two thirds of {} bytes; send smaller batches or raise \
             ingest.max_in_flight_bytes",
            self.most_bytes
        )
    }

    fn has_room(&self, held: &Held, holder: &Holder, bytes: u64) -> bool {
        let own = held.by_holder.get(holder).copied().unwrap_or(0).saturating_add(bytes);
        let free = self.most_bytes.saturating_sub(held.total.saturating_add(bytes));
        own <= free.saturating_mul(ALPHA)
    }
}

/// What one request holds until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    admission: Arc<Admission>,
    holder: Holder,
    bytes: u64,
}

impl Share {
    /// Takes more.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Refused> {
        if !self.admission.can_ever_hold(self.bytes.saturating_add(bytes)) {
            return Err(Refused::Invalid(self.admission.too_much()));
        }
        let mut held = self.admission.held();
        if !self.admission.has_room(&held, &self.holder, bytes) {
            drop(held);
            return Err(self.turned_away());
        }
        held.total = held.total.saturating_add(bytes);
        held.most_so_far = held.most_so_far.max(held.total);
        if let Some(own) = held.by_holder.get_mut(&self.holder) {
            *own += bytes;
        } else {
            held.by_holder.insert(self.holder.clone(), bytes);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Would there be room for so much more? It is not taken.
    pub(crate) fn ask(&self, bytes: u64) -> Result<(), Refused> {
        let has_room = self.admission.has_room(&self.admission.held(), &self.holder, bytes);
        if has_room { Ok(()) } else { Err(self.turned_away()) }
    }

    fn turned_away(&self) -> Refused {
        if let Some(it) = self.admission.turned_away.get(self.holder.0 as usize) {
            it.fetch_add(1, Relaxed);
        }
        Refused::Busy { retry_after_secs: RETRY_AFTER_SECS }
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        self.holder.1.as_deref()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.admission.held();
        held.total = held.total.saturating_sub(self.bytes);
        if let Some(own) = held.by_holder.get_mut(&self.holder) {
            *own = own.saturating_sub(self.bytes);
            if *own == 0 {
                held.by_holder.remove(&self.holder);
            }
        }
    }
}

impl Meter for Admission {
    fn metrics(&self) -> Vec<Metric> {
        const TURNED_AWAY: &str = "Requests answered with 503, because others held the memory for bodies.";
        let held = self.held();
        let gauge = |name, help, value: u64| Metric::gauge(name, help, value as f64);
        let mut metrics = vec![
            gauge("sentinel_ingest_in_flight_bytes", "Memory that requests hold now.", held.total),
            gauge("sentinel_ingest_in_flight_bytes_max", "The most since the start.", held.most_so_far),
            gauge("sentinel_ingest_in_flight_bytes_limit", "The most that is allowed.", self.most_bytes),
        ];
        metrics.extend(Source::ALL.iter().zip(&self.turned_away).map(|(source, count)| {
            Metric::counter("sentinel_ingest_turned_away_total", TURNED_AWAY, count.load(Relaxed))
                .label("source", source.as_str())
        }));
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn fill(admission: &Arc<Admission>, tenant: &str) -> Vec<Share> {
        let enter = || {
            admission.enter(Source::RemoteWrite, Some(tenant.into())).and_then(|mut share| {
                share.grow(MIB)?;
                Ok(share)
            })
        };
        std::iter::from_fn(|| enter().ok()).collect()
    }

    /// Guarantees: MUST 175 of docs/specs/ingest.md.
    #[test]
    fn nobody_takes_so_much_that_a_newcomer_finds_nothing() {
        let admission = Admission::new(300 << 20);
        let greedy = fill(&admission, "greedy");
        assert!((190..=200).contains(&greedy.len()), "two thirds: {}", greedy.len());
        let second = fill(&admission, "second");
        assert!(second.len() >= 60, "{}", second.len());
        drop(greedy);
        let again = fill(&admission, "greedy");
        let total = again.len() + second.len();
        assert!(total <= 300 && again.len() > second.len(), "{} and {}", again.len(), second.len());
        drop((again, second));
        assert_eq!(admission.held().total, 0);
        assert!(admission.held().by_holder.is_empty());
    }

    /// Guarantees: MUST 174 of docs/specs/ingest.md.
    #[test]
    fn the_budget_is_never_exceeded() {
        let admission = Admission::new(64 << 20);
        let mut shares = vec![];
        for idx in 0..1000 {
            shares.extend(fill(&admission, &idx.to_string()).into_iter().take(3));
            assert!(admission.held().total <= 64 << 20);
        }
        let refused = admission.enter(Source::Loki, None).unwrap().grow(40 << 20);
        assert_eq!(refused, Err(Refused::Busy { retry_after_secs: 1 }));
        drop(shares);
        assert_eq!(admission.enter(Source::Loki, None).unwrap().grow(40 << 20), Ok(()));
        let refused = admission.enter(Source::Loki, None).unwrap().grow(64 << 20);
        assert!(matches!(refused, Err(Refused::Invalid(_))), "it would never be taken: {refused:?}");
    }
}
