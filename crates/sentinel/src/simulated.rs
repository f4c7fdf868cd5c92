//! How does the system run in simulated time? Second by second on one thread, the same stages as a running server.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use anyhow::Context as _;
use ingest::{Sink as _, Source};
use signal::{Change, Clock, LogRecord, SeriesPoints, Span, Timestamp};

use crate::assemble::System;
use crate::config::Config;
use crate::roles::Roles;

/// A clock that is set by whoever drives the simulation.
#[derive(Debug, Default)]
pub struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    /// Now is this instant; never goes back.
    pub fn set(&self, now: Timestamp) {
        self.0.fetch_max(now.millis(), Ordering::AcqRel);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Acquire))
    }
}

/// What comes in at one simulated instant.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    /// Points.
    pub samples: Vec<SeriesPoints>,
    /// Log lines.
    pub logs: Vec<LogRecord>,
    /// Spans.
    pub spans: Vec<Span>,
    /// Changes.
    pub changes: Vec<Change>,
}

/// A system of its own over a directory of its own, both gone when this is dropped.
pub struct Simulation {
    /// The system.
    pub system: Arc<System>,
    /// Its clock.
    pub clock: Arc<SimulatedClock>,
    /// Where signals are stored and judged, if not in the system itself.
    roles: Option<Roles>,
    directory: PathBuf,
}

impl Simulation {
    /// Builds the system at a simulated instant.
    pub fn start(config: Config, now: Timestamp) -> anyhow::Result<Self> {
        Self::build(config, now, |config, directory, clock| Ok((None, System::assemble(config, directory, clock)?)))
    }

    /// The same, spread over a gateway, workers and a responder.
    pub fn start_roles(config: Config, now: Timestamp) -> anyhow::Result<Self> {
        Self::build(config, now, |config, directory, clock| {
            let (roles, system) = Roles::start(&config, directory.to_owned(), clock)?;
            Ok((Some(roles), system))
        })
    }

    fn build(
        config: Config,
        now: Timestamp,
        build: impl FnOnce(Config, &Path, Arc<dyn Clock>) -> anyhow::Result<(Option<Roles>, System)>,
    ) -> anyhow::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("sentinel-simulation-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let clock = Arc::new(SimulatedClock::default());
        clock.set(now);
        let (roles, system) = build(config, &directory, Arc::clone(&clock) as _)?;
        Ok(Self { system: Arc::new(system), clock, roles, directory })
    }

    /// One second's signals go the whole way in: durable and scored when this returns.
    pub async fn feed(&self, now: Timestamp, signals: Incoming) -> anyhow::Result<()> {
        self.clock.set(now);
        let rules = &self.system.front.preprocessor;
        let signals = Incoming {
            samples: rules.samples(signals.samples),
            logs: rules.logs(signals.logs),
            spans: rules.spans(signals.spans),
            changes: signals.changes,
        };
        if let Some(roles) = &self.roles {
            return roles.feed(&self.system, signals).await;
        }
        let Incoming { samples, logs, spans, changes } = signals;
        let intake = &self.system.intake;
        let refused = |it: ingest::Refused| anyhow::anyhow!("the system refused simulated signals: {it:?}");
        if !changes.is_empty() {
            intake.changes(changes).await.map_err(refused)?;
        }
        if !spans.is_empty() {
            intake.spans(Source::Api, spans).await.map_err(refused)?;
        }
        // Both at once, so that they share one write to the disk.
        let logs = async {
            if logs.is_empty() { Ok(ingest::Accepted::default()) } else { intake.logs(Source::Api, logs).await }
        };
        let samples =
            async { if samples.is_empty() { Ok(ingest::Accepted::default()) } else { intake.settled(samples).await } };
        let (logs, samples) = tokio::join!(logs, samples);
        logs.and(samples).map_err(refused)?;
        Ok(())
    }

    /// The second is over: what waits for time to pass happens now.
    pub async fn advance(&self) -> anyhow::Result<()> {
        if let Some(roles) = &self.roles {
            roles.advance(&self.system, self.clock.now())?;
        }
        let system = Arc::clone(&self.system);
        tokio::task::spawn_blocking(move || system.tick()).await.context("a stage panicked")
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // Left-overs in the system's temporary directory are harmless.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
