//! What does a worker do with one partition? The stages between a record of signals and what is told of it: a store, a
//! detector and watches of log lines and spans of its own.
//!
//! Nothing here knows Kafka. Time comes with the records, so that whoever works on a partition says the same.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use cluster::{Batch, Finding, Mark, Sample, Signals, Work};
use detect::{AlertBudgets, GroupSample, LogWatch, Saving, Shard, SpanJoin};
use signal::{Anomaly, Labels, LessonTarget, Metric, SeriesId, SeriesPoints, Timestamp};
use store::{Store, Write};

use crate::config::Config;
use crate::panics::Panics;
use crate::roles::tally::Tally;
use crate::roles::work;

/// The layout of saved state.
const LAYOUT: u8 = 3;
/// Series that are saved while the detector waits.
const SERIES_PER_HOLD: usize = 256;
/// Places that are told; more add nothing, as in the map that they are told to.
const MOST_PLACES: usize = 100_000;
/// A partition without spans for so long is not waited for by others.
const SPANS_MATTER: Duration = Duration::from_secs(3600);
/// How often in a window it is said how far a partition is.
const SAID_PER_WINDOW: u32 = 2;

/// One partition of the signals.
pub struct Partition {
    /// Its number.
    pub number: u32,
    /// Its part of the signals.
    pub store: Arc<Store>,
    budgets: Arc<AlertBudgets>,
    shard: Mutex<Shard>,
    log_watch: LogWatch,
    /// Looks at the spans that lie here.
    join: Mutex<Spans>,
    /// Counts what spans, wherever they lie, tell of services of this partition.
    tally: Mutex<Tally>,
    places: Mutex<HashSet<SeriesId>>,
    panics: Panics,
}

struct Spans {
    join: SpanJoin,
    window: Duration,
    /// The newest came then.
    newest: Option<Timestamp>,
    /// It was said how far this partition is when it was here.
    said: Option<Timestamp>,
}

/// What a partition has to say.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// To the responder.
    pub findings: Vec<Finding>,
    /// To the partitions of the services that spans have told of.
    pub work: Vec<Work>,
}

impl From<Vec<Finding>> for Told {
    fn from(findings: Vec<Finding>) -> Self {
        Self { findings, work: vec![] }
    }
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
        let window = Duration::from_secs(u64::from(detect.spans.window_secs));
        let join = SpanJoin::new(detect.spans.clone());
        let join = Mutex::new(Spans { join, window, newest: None, said: None });
        let tally = Mutex::new(Tally::new(detect.spans.clone()));
        let log_watch = LogWatch::new(config.templates.clone(), detect);
        let (shard, places, panics) = (Mutex::new(shard), Mutex::default(), Panics::default());
        Ok(Self { number, store, budgets, shard, log_watch, join, tally, places, panics })
    }

    /// Judges the record at an offset, and says what was found. Nothing is stored.
    pub fn judge(&self, batch: &Batch, offset: i64) -> Told {
        let about = || format!("record {offset} of partition {}", self.number);
        self.panics.caught(about, || self.judge_signals(batch, offset)).unwrap_or_default()
    }

    fn judge_signals(&self, batch: &Batch, offset: i64) -> Told {
        match &batch.signals {
            Signals::Samples(series) => self.judge_samples(series, batch.received).into(),
            Signals::Past(series) => self.learn_past(series, batch.received).into(),
            Signals::Logs(lines) => {
                lines.iter().for_each(|it| self.log_watch.observe(it));
                Told::default()
            }
            Signals::Spans(spans) => {
                let mut here = lock(&self.join);
                here.newest = here.newest.max(Some(batch.received));
                let done = here.join.observe(spans, offset, batch.received);
                drop(here);
                let seen = work::of(self.number, Mark::Seen(offset), done);
                Told { findings: vec![], work: seen.into_iter().chain(self.expired(batch.received)).collect() }
            }
            Signals::Beat(_) => Told::default(),
            Signals::Work(all) => {
                lock(&self.tally).take(all, batch.received);
                Told::default()
            }
        }
    }

    /// What is to be stored of a record.
    pub fn write_of(batch: Batch) -> Write {
        match batch.signals {
            Signals::Samples(it) | Signals::Past(it) => Write::samples(it),
            Signals::Logs(it) => Write::Logs(it),
            Signals::Spans(it) => Write::Spans(it),
            Signals::Work(_) | Signals::Beat(_) => Write::samples(vec![]),
        }
    }

    /// Lets time pass: series that have stopped, lines that did not come, windows that have ended.
    pub fn tick(&self, now: Timestamp) -> Told {
        let about = || format!("a tick of partition {}", self.number);
        self.panics.caught(about, || self.pass_time(now)).unwrap_or_default()
    }

    fn pass_time(&self, now: Timestamp) -> Told {
        let news = self.log_watch.tick(now);
        let mut findings = vec![Finding::Anomalies(news.anomalies)];
        let mut samples = news.samples;
        samples.extend(lock(&self.tally).tick(now));
        if !samples.is_empty() {
            findings.extend(self.judge_samples(&samples, now));
            // They are made from lines and spans, which are there again if this process ends before they are stored.
            if let Err(error) = self.store.append_and_wait(&Write::samples(samples), now) {
                tracing::warn!(partition = self.number, %error, "Samples of windows not stored.");
            }
        }
        let mut anomalies = vec![];
        self.shard().tick(now, &mut anomalies);
        findings.push(Finding::Anomalies(anomalies));
        self.budgets.tick(now);
        Told { findings, work: self.expired(now).into_iter().chain(self.until(now)).collect() }
    }

    /// Says how far this partition is, every window for as long as there are spans.
    fn until(&self, now: Timestamp) -> Option<Work> {
        let mut here = lock(&self.join);
        let is_in_use = here.newest.is_some_and(|it| now.since(it) < SPANS_MATTER);
        let is_due = here.said.is_none_or(|it| now.since(it) >= here.window / SAID_PER_WINDOW);
        (is_in_use && is_due).then(|| {
            here.said = Some(now);
            Work { from: self.number, mark: Mark::Until(now), tasks: vec![] }
        })
    }

    /// Calls whose other side does not come any more, one work for each record that brought the one side.
    fn expired(&self, now: Timestamp) -> Vec<Work> {
        let mut expired = lock(&self.join).join.expire(now).into_iter().peekable();
        let mut all = vec![];
        while let Some((offset, first)) = expired.next() {
            let same = std::iter::from_fn(|| expired.next_if(|it| it.0 == offset)).map(|it| it.1);
            let done = std::iter::once(first).chain(same).collect();
            all.extend(work::of(self.number, Mark::Expired(offset), done));
        }
        all
    }

    /// As in one process: what is of the past opens nothing, and may end something.
    fn learn_past(&self, batch: &[SeriesPoints], now: Timestamp) -> Vec<Finding> {
        let mut ended: Vec<Anomaly> = vec![];
        let mut shard = self.shard();
        for series in batch {
            for point in &series.points {
                shard.observe_past(&series.labels, *point, now, &mut ended);
            }
        }
        // Points of the past are compared with nobody.
        drop(shard.take_samples());
        drop(shard);
        ended.retain(|it| it.is_over);
        vec![Finding::Places(self.new_places(batch)), Finding::Anomalies(ended)]
    }

    fn judge_samples(&self, batch: &[SeriesPoints], now: Timestamp) -> Vec<Finding> {
        let mut anomalies: Vec<Anomaly> = vec![];
        let mut shard = self.shard();
        for series in batch {
            let observe = || {
                for point in &series.points {
                    shard.observe(&series.labels, *point, now, &mut anomalies);
                }
            };
            self.panics.caught(|| series.labels.to_string(), observe);
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

    /// Judges by the thresholds that follow from what people have said.
    pub fn heed(&self, all: &[(LessonTarget, f64)]) {
        self.budgets.learned().set(all.iter().map(|(target, value)| (target, value)));
    }

    /// Everything that was learned, piece by piece. The log watch is as it is now; the detector goes on judging between
    /// the pieces, and what a series has seen already it passes over when it comes again.
    pub fn save(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let mut head = vec![LAYOUT];
        let logs = [self.log_watch.save_templates(), self.log_watch.save(), self.log_watch.save_habits()];
        let spans = [lock(&self.join).join.save(), lock(&self.tally).save()];
        let learned = serde_json::to_vec(&self.budgets.learned().all()).unwrap_or_default();
        for section in logs.into_iter().chain([self.budgets.save()]).chain(spans).chain([learned]) {
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
        let (join, tally, learned) = (section()?, section()?, section()?);
        let restored = self.shard().restore(rest)?;
        self.log_watch.restore_templates(templates).map_err(anyhow::Error::msg)?;
        self.log_watch.restore(seen);
        self.log_watch.restore_habits(habits).map_err(anyhow::Error::msg)?;
        self.budgets.restore(budgets)?;
        self.heed(&serde_json::from_slice::<Vec<(LessonTarget, f64)>>(learned)?);
        lock(&self.join).join.restore(join)?;
        lock(&self.tally).restore(tally)?;
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
        metrics.extend(signal::Meter::metrics(&lock(&self.join).join));
        metrics.extend(lock(&self.tally).metrics());
        metrics.extend(signal::Meter::metrics(&*self.store));
        metrics.push(self.panics.metric());
        // A worker tells sums over its partitions, which thresholds have not.
        let budgets = signal::Meter::metrics(&*self.budgets).into_iter();
        metrics.extend(budgets.filter(|it| it.name.ends_with("_total")));
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
