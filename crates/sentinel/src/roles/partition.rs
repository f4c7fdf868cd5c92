//! What does a worker do with one partition? The stages between a record of signals and what is told of it: a store, a
//! detector and a log watch of its own.
//!
//! Nothing here knows Kafka. Time comes with the records, so that whoever works on a partition says the same.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use cluster::{Batch, Finding, Sample, Signals};
use detect::{AlertBudgets, GroupSample, LogWatch, Saving, Shard};
use signal::{Anomaly, Labels, Metric, SeriesId, SeriesPoints, Timestamp};
use store::{Store, Write};

use crate::config::Config;

/// The layout of saved state.
const LAYOUT: u8 = 1;
/// Series that are saved while the detector waits.
const SERIES_PER_HOLD: usize = 256;
/// Places that are told; more add nothing, as in the map that they are told to.
const MOST_PLACES: usize = 100_000;

/// One partition of the signals.
pub struct Partition {
    /// Its number.
    pub number: u32,
    /// Its part of the signals.
    pub store: Arc<Store>,
    budgets: Arc<AlertBudgets>,
    shard: Mutex<Shard>,
    log_watch: LogWatch,
    places: Mutex<HashSet<SeriesId>>,
}

impl Partition {
    /// Opens the store in a directory; the detector knows nothing yet.
    pub fn open(number: u32, dir: &Path, config: &Config) -> anyhow::Result<Self> {
        let mut kept = config.store.clone();
        // What is read again after a change of owner is late, and is sorted in.
        kept.late_window_secs = kept.late_window_secs.max(config.cluster.window_secs + 600);
        let (store, recovery) =
            Store::open(dir, kept).with_context(|| format!("cannot open the store in {}", dir.display()))?;
        tracing::debug!(partition = number, %recovery, "Store opened.");
        let detect = Arc::new(config.detect.clone());
        let budgets = Arc::new(AlertBudgets::new(&detect));
        let mut shard = Shard::with_budgets(Arc::clone(&detect), Arc::clone(&budgets));
        if detect.groups.enabled {
            shard.keep_samples();
        }
        let log_watch = LogWatch::new(config.templates.clone(), detect);
        Ok(Self { number, store, budgets, shard: Mutex::new(shard), log_watch, places: Mutex::default() })
    }

    /// Judges what a gateway took, and says what was found. Nothing is stored.
    pub fn judge(&self, batch: &Batch) -> Vec<Finding> {
        match &batch.signals {
            Signals::Samples(series) => self.judge_samples(series, batch.received),
            Signals::Logs(lines) => {
                lines.iter().for_each(|it| self.log_watch.observe(it));
                vec![]
            }
        }
    }

    /// What is to be stored of a record.
    pub fn write_of(batch: Batch) -> Write {
        match batch.signals {
            Signals::Samples(it) => Write::Samples(it),
            Signals::Logs(it) => Write::Logs(it),
        }
    }

    /// Lets time pass: series that have stopped, lines that did not come, windows that have ended.
    pub fn tick(&self, now: Timestamp) -> Vec<Finding> {
        let news = self.log_watch.tick(now);
        let mut findings = vec![Finding::Anomalies(news.anomalies)];
        if !news.samples.is_empty() {
            findings.extend(self.judge_samples(&news.samples, now));
            // They are made from lines, which are there again if this process ends before they are stored.
            if let Err(error) = self.store.append_and_wait(&Write::Samples(news.samples), now) {
                tracing::warn!(partition = self.number, %error, "Samples of windows not stored.");
            }
        }
        let mut anomalies = vec![];
        self.shard().tick(now, &mut anomalies);
        findings.push(Finding::Anomalies(anomalies));
        self.budgets.tick(now);
        findings
    }

    fn judge_samples(&self, batch: &[SeriesPoints], now: Timestamp) -> Vec<Finding> {
        let mut anomalies: Vec<Anomaly> = vec![];
        let mut shard = self.shard();
        for series in batch {
            for point in &series.points {
                shard.observe(&series.labels, *point, now, &mut anomalies);
            }
        }
        let samples = shard.take_samples().into_iter().map(sample).collect();
        drop(shard);
        // What is near what comes before what is wrong there.
        vec![Finding::Places(self.new_places(batch)), Finding::Samples(samples), Finding::Anomalies(anomalies)]
    }

    fn new_places(&self, batch: &[SeriesPoints]) -> Vec<Labels> {
        let mut known = lock(&self.places);
        let mut is_new = |it: &Labels| known.len() < MOST_PLACES && known.insert(it.id());
        batch.iter().filter_map(|it| detect::place_of(&it.labels)).filter(|it| is_new(it)).collect()
    }

    /// Everything that was learned, piece by piece. The log watch is as it is now; the detector goes on judging between
    /// the pieces, and what a series has seen already it passes over when it comes again.
    pub fn save(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let mut head = vec![LAYOUT];
        let logs = [self.log_watch.save_templates(), self.log_watch.save(), self.log_watch.save_habits()];
        for section in logs.into_iter().chain([self.budgets.save()]) {
            head.extend((section.len() as u64).to_le_bytes());
            head.extend(section);
        }
        let mut saving = Some(Saving::new());
        let pieces = std::iter::from_fn(move || {
            let mut state = saving.take()?;
            if !state.write(&self.shard(), SERIES_PER_HOLD) {
                return Some(state.finish());
            }
            let piece = state.take();
            saving = Some(state);
            Some(piece)
        });
        std::iter::once(head).chain(pieces)
    }

    /// Takes back what `save` wrote; returns the number of series. Called before the first record.
    ///
    /// # Errors
    /// The state is damaged or of another release; what was taken from it before stays.
    pub fn restore(&self, state: &[u8]) -> anyhow::Result<usize> {
        let (layout, mut rest) = state.split_first().context("the state is empty")?;
        anyhow::ensure!(*layout == LAYOUT, "the state has layout {layout}, this release reads layout {LAYOUT}");
        let mut section = || {
            let (length, after) = rest.split_first_chunk().context("the state ends early")?;
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let (section, after) = after.split_at_checked(length).context("the state ends early")?;
            rest = after;
            anyhow::Ok(section)
        };
        let (templates, seen, habits, budgets) = (section()?, section()?, section()?, section()?);
        let restored = self.shard().restore(rest)?;
        self.log_watch.restore_templates(templates).map_err(anyhow::Error::msg)?;
        self.log_watch.restore(seen);
        self.log_watch.restore_habits(habits).map_err(anyhow::Error::msg)?;
        self.budgets.restore(budgets)?;
        Ok(restored)
    }

    /// The templates of its lines.
    pub fn templates(&self) -> &LogWatch {
        &self.log_watch
    }

    /// The detector. Whoever holds it keeps records waiting.
    pub fn shard(&self) -> MutexGuard<'_, Shard> {
        lock(&self.shard)
    }

    /// What its stages count.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut metrics = self.shard().metrics();
        metrics.extend(signal::Meter::metrics(&self.log_watch));
        metrics.extend(signal::Meter::metrics(&*self.store));
        metrics
    }
}

fn sample(it: GroupSample) -> Sample {
    Sample { labels: it.labels, time: it.time, y: it.y, interval_secs: f64::from(it.interval_secs) }
}

/// A panic elsewhere leaves the state as it was after the last complete step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
