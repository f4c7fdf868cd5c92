//! Who owns the incidents? Whoever has the only partition of the findings: it builds the whole system over its own store,
//! hears everything once, and ends when it loses the partition.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cluster::{Counts, Finding, Progress, Tenant};
use signal::Clock;
use tokio::sync::watch;

use crate::assemble::System;
use crate::config::Config;
use crate::roles::copy::BookCopy;
use crate::roles::elsewhere::Asker;
use crate::roles::hearing::{Hearing, Hearsay};
use crate::roles::workers::Workers;

/// Anomalies that wait for the next tick; at more the brokers keep what comes.
const MOST_WAITING: usize = 50_000;

/// The owner of the findings, or one who waits to be.
pub struct Owner {
    config: Arc<Config>,
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
    copy: BookCopy,
    workers: Arc<Workers>,
    counts: Arc<Counts>,
    office: OnceLock<Office>,
    /// Told the system when it is there, and that it is over.
    events: Mutex<watch::Sender<Turn>>,
}

/// What an owner has.
struct Office {
    system: Arc<System>,
    hearing: Hearing,
}

/// What the process shall do.
#[derive(Clone)]
pub enum Turn {
    /// Somebody else owns the incidents.
    Wait,
    /// Serve this system.
    Serve(Arc<System>),
    /// End.
    End(String),
}

impl Owner {
    /// Waits for the partition.
    pub fn new(
        config: Arc<Config>,
        workers: Arc<Workers>,
        counts: Arc<Counts>,
        clock: Arc<dyn Clock>,
        copy: BookCopy,
    ) -> (Arc<Self>, watch::Receiver<Turn>) {
        let (events, turns) = watch::channel(Turn::Wait);
        let data_dir = config.data_dir.clone();
        let events = Mutex::new(events);
        (Arc::new(Self { config, data_dir, clock, copy, workers, counts, office: OnceLock::new(), events }), turns)
    }

    fn open(&self) -> anyhow::Result<Office> {
        self.copy.restore(&self.config, &self.data_dir)?;
        let asker = Arc::clone(&self.workers) as Arc<dyn Asker>;
        let config = Config::clone(&self.config);
        let system = System::assemble_with(config, &self.data_dir, Arc::clone(&self.clock), Some(asker))?;
        self.copy.begin(&system.store)?;
        let hearing = Hearing::resume(&system)?;
        Ok(Office { system: Arc::new(system), hearing })
    }

    fn turn(&self, turn: Turn) {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody listens any more when the process ends.
        let _ = events.send(turn);
    }
}

impl Tenant for Owner {
    fn take_over(&self, partition: u32, committed: Option<Progress>) -> Option<i64> {
        let office = match self.open() {
            Ok(office) => self.office.get_or_init(|| office),
            Err(error) => {
                self.turn(Turn::End(format!("{error:#}")));
                return committed.map(|it| it.position);
            }
        };
        self.turn(Turn::Serve(Arc::clone(&office.system)));
        // What was heard is written down beside the incidents; the commit is for those who look at lag.
        let own = Some(office.hearing.position()).filter(|it| *it > 0);
        let position = own.or(committed.map(|it| it.position));
        self.counts.position(partition, position.unwrap_or(0));
        position
    }

    fn record(&self, partition: u32, offset: i64, bytes: &[u8]) -> bool {
        let Some(Office { system, hearing }) = self.office.get() else { return true };
        if system.responder.waiting() > MOST_WAITING {
            return false;
        }
        match Finding::decode(bytes) {
            Ok(finding) => match hearing.hear(system, finding, &self.counts) {
                Hearsay::Worked => {}
                Hearsay::Worker(presence) => self.workers.heard(presence),
                Hearsay::Again => return false,
                Hearsay::Alerted => {
                    // An alert that has ended would begin anew if it was heard of again.
                    hearing.reach(offset + 1);
                    let _ = self.progress(partition);
                }
            },
            Err(error) => {
                self.counts.unreadable();
                tracing::warn!(offset, %error, "A finding is passed over.");
            }
        }
        hearing.reach(offset + 1);
        true
    }

    fn caught_up(&self, _partition: u32) {}

    fn progress(&self, partition: u32) -> Option<Progress> {
        let Office { system, hearing } = self.office.get()?;
        let position = hearing.position();
        // What was heard becomes incidents before it is said that it was heard.
        system.responder.tick(system.clock.now());
        if let Err(error) = hearing.keep(&system.store) {
            tracing::error!(%error, "Not written down how far was heard.");
            return None;
        }
        if let Err(error) = self.copy.send(&system.store) {
            tracing::warn!(error = format!("{error:#}"), "The copy of the incidents is behind.");
            return None;
        }
        self.counts.position(partition, position);
        Some(Progress { position, note: String::new() })
    }

    fn let_go(&self, partition: u32, is_orderly: bool) -> Option<Progress> {
        let last = self.progress(partition).filter(|_| is_orderly);
        self.turn(Turn::End("another responder owns the incidents now".to_owned()));
        last
    }
}
