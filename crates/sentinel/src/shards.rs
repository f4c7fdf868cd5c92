//! Who scores the samples? One detector per shard; a series always goes to the same shard.
//!
//! A batch is split by the series' hash. Each shard has a queue and a thread of its own, so that scoring waits for
//! nothing; the lock around a shard is only contended when a page reads scores.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use detect::{AlertBudgets, Rehearsal, Saving, Shard, Verdict};
use signal::{Anomaly, Clock, Labels, Meter, Metric, Score, Scores, SeriesId, SeriesPoints, TimeRange, Timestamp};
use tokio::sync::{mpsc, oneshot};

use crate::groups::Groups;
use crate::panics::Panics;

/// Batches that may wait for one shard; more makes the sender wait.
const QUEUE: usize = 256;

/// Series that are saved while a shard waits: a fraction of a millisecond.
const SERIES_PER_HOLD: usize = 64;
/// Points of the past that are learned while a shard waits: about a millisecond.
const POINTS_PER_HOLD: usize = 1000;
/// A piece of saved state has so many times as many: about a megabyte.
const HOLDS_PER_PIECE: usize = 12;

/// What a shard said of one point.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The series.
    pub labels: Labels,
    /// The shard's word.
    pub verdict: Verdict,
}

/// Told about anomalies, from the shards' threads.
pub type OnAnomalies = Arc<dyn Fn(Vec<Anomaly>) + Send + Sync>;

struct Job {
    /// Of all shards; each takes its own series.
    batch: Arc<Vec<SeriesPoints>>,
    reply: Reply,
    received: Instant,
}

/// What is told when a batch was judged.
enum Reply {
    /// That it was.
    Done(oneshot::Sender<()>),
    /// The verdicts.
    Verdicts(oneshot::Sender<Vec<Judged>>),
}

struct Lane {
    shard: Arc<Mutex<Shard>>,
    queue: mpsc::Sender<Job>,
}

/// All shards of this process.
pub struct Shards {
    lanes: Vec<Lane>,
    on_anomalies: OnAnomalies,
    timing: Arc<Timing>,
    panics: Arc<Panics>,
}

/// How long points wait for their verdict.
#[derive(Default)]
struct Timing {
    batches: AtomicU64,
    micros: AtomicU64,
}

impl Shards {
    /// Starts `count` shards (0 means one per core).
    pub fn start(
        config: Arc<detect::Config>,
        budgets: &Arc<AlertBudgets>,
        count: usize,
        clock: Arc<dyn Clock>,
        on_anomalies: OnAnomalies,
        groups: Arc<Groups>,
    ) -> std::io::Result<Arc<Self>> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = if count == 0 { cores } else { count };
        let (timing, panics) = (Arc::new(Timing::default()), Arc::new(Panics::default()));
        let lane = |idx: usize| {
            let mut shard = Shard::with_budgets(Arc::clone(&config), Arc::clone(budgets));
            if config.groups.enabled {
                shard.keep_samples();
            }
            let shard = Arc::new(Mutex::new(shard));
            let (queue, jobs) = mpsc::channel(QUEUE);
            let worker = Worker {
                idx,
                n_lanes: count,
                shard: Arc::clone(&shard),
                clock: Arc::clone(&clock),
                on_anomalies: Arc::clone(&on_anomalies),
                groups: Arc::clone(&groups),
                timing: Arc::clone(&timing),
                panics: Arc::clone(&panics),
            };
            std::thread::Builder::new().name(format!("detect-{idx}")).spawn(move || worker.run(jobs))?;
            Ok(Lane { shard, queue })
        };
        let lanes = (0..count).map(lane).collect::<std::io::Result<Vec<_>>>()?;
        Ok(Arc::new(Self { lanes, on_anomalies, timing, panics }))
    }

    /// Queues a batch and waits until it was judged.
    pub async fn submit(&self, batch: Arc<Vec<SeriesPoints>>) {
        let mut answers = vec![];
        for lane in self.wanted(&batch) {
            let (reply, answer) = oneshot::channel();
            let job = Job { batch: Arc::clone(&batch), reply: Reply::Done(reply), received: Instant::now() };
            if lane.queue.send(job).await.is_ok() {
                answers.push(answer);
            }
        }
        for answer in answers {
            // The queue only closes when the process ends.
            let _ = answer.await;
        }
    }

    /// Queues a batch and waits for the verdict on the newest point of each series.
    pub async fn judge(&self, batch: Arc<Vec<SeriesPoints>>) -> Vec<Judged> {
        let mut answers = vec![];
        for lane in self.wanted(&batch) {
            let (reply, answer) = oneshot::channel();
            let job = Job { batch: Arc::clone(&batch), reply: Reply::Verdicts(reply), received: Instant::now() };
            if lane.queue.send(job).await.is_ok() {
                answers.push(answer);
            }
        }
        let mut judged = vec![];
        for answer in answers {
            judged.extend(answer.await.unwrap_or_default());
        }
        judged
    }

    /// From now on points are history, until [`Shards::end_rehearsal`].
    pub fn begin_rehearsal(&self) {
        self.lanes.iter().for_each(|it| lock(&it.shard).begin_rehearsal());
    }

    /// What history would have alerted.
    pub fn end_rehearsal(&self) -> Vec<Rehearsal> {
        self.lanes.iter().map(|it| lock(&it.shard).end_rehearsal()).collect()
    }

    /// Learns from stored points without telling anybody: what was anomalous then has been told then. Points that the
    /// restored state has already seen are late and change nothing.
    pub fn replay(&self, series: &SeriesPoints) {
        let Some(lane) = self.lane(series.labels.id()) else { return };
        let mut shard = lock(&lane.shard);
        let Some(slot) = shard.slot(&series.labels) else { return };
        let mut told = vec![];
        for point in &series.points {
            shard.observe_slot(slot, *point, point.time, &mut told);
            told.clear();
        }
        // One series after the other comes here, which cannot be compared.
        shard.take_samples();
    }

    /// Learns from points of the past without telling anybody; only what ends is told. Blocks.
    pub fn learn_past(&self, batch: &[SeriesPoints], now: Timestamp) {
        let mut ended = vec![];
        for series in batch {
            let Some(lane) = self.lane(series.labels.id()) else { continue };
            for points in series.points.chunks(POINTS_PER_HOLD) {
                let mut shard = lock(&lane.shard);
                for point in points {
                    shard.observe_past(&series.labels, *point, now, &mut ended);
                }
            }
        }
        ended.retain(|it| it.is_over);
        if !ended.is_empty() {
            (self.on_anomalies)(ended);
        }
    }

    /// Lets time pass: finds series that have stopped and episodes that are over.
    pub fn tick(&self, now: Timestamp) {
        for lane in &self.lanes {
            let mut anomalies = vec![];
            lock(&lane.shard).tick(now, &mut anomalies);
            if !anomalies.is_empty() {
                (self.on_anomalies)(anomalies);
            }
        }
    }

    /// State of shard `idx`, to be restored after a restart, in pieces. The shard judges between one and the next.
    pub fn save(&self, idx: usize) -> impl Iterator<Item = Vec<u8>> {
        let mut saving = self.lanes.get(idx).map(|lane| (lane, Saving::new()));
        std::iter::from_fn(move || {
            let (lane, mut state) = saving.take()?;
            let is_more = (0..HOLDS_PER_PIECE).all(|_| state.write(&lock(&lane.shard), SERIES_PER_HOLD));
            if !is_more {
                return Some(state.finish());
            }
            let piece = state.take();
            saving = Some((lane, state));
            Some(piece)
        })
    }

    /// Gives shard `idx` its state back and returns the number of its series; a message for the log if the state could not be used.
    pub fn restore(&self, idx: usize, state: &[u8]) -> Result<usize, String> {
        let Some(lane) = self.lanes.get(idx) else { return Err("there are fewer shards than before".to_owned()) };
        lock(&lane.shard).restore(state).map_err(|error| error.to_string())
    }

    /// Number of shards.
    pub fn len(&self) -> usize {
        self.lanes.len()
    }

    /// The series of each shard.
    pub fn parts(&self, series: Vec<Labels>) -> Vec<Vec<Labels>> {
        let mut parts: Vec<Vec<Labels>> = self.lanes.iter().map(|_| vec![]).collect();
        for labels in series {
            let idx = self.lane_idx(labels.id());
            idx.and_then(|it| parts.get_mut(it)).into_iter().for_each(|it| it.push(labels.clone()));
        }
        parts
    }

    fn lane_idx(&self, series: SeriesId) -> Option<usize> {
        idx_of(series, self.lanes.len())
    }

    fn lane(&self, series: SeriesId) -> Option<&Lane> {
        self.lanes.get(self.lane_idx(series)?)
    }

    /// The lanes that have a series in the batch.
    fn wanted(&self, batch: &[SeriesPoints]) -> Vec<&Lane> {
        let mut is_wanted = vec![false; self.lanes.len()];
        let mut n_wanted = 0;
        for series in batch {
            let place = self.lane_idx(series.labels.id()).and_then(|it| is_wanted.get_mut(it));
            n_wanted += place.map_or(0, |it| usize::from(!std::mem::replace(it, true)));
            if n_wanted == self.lanes.len() {
                break;
            }
        }
        self.lanes.iter().zip(is_wanted).filter(|it| it.1).map(|it| it.0).collect()
    }
}

/// Which of so many shards a series belongs to.
fn idx_of(series: SeriesId, n_lanes: usize) -> Option<usize> {
    usize::try_from(series.hash().checked_rem(u64::try_from(n_lanes).ok()?)?).ok()
}

struct Worker {
    idx: usize,
    n_lanes: usize,
    shard: Arc<Mutex<Shard>>,
    clock: Arc<dyn Clock>,
    on_anomalies: OnAnomalies,
    groups: Arc<Groups>,
    timing: Arc<Timing>,
    panics: Arc<Panics>,
}

impl Worker {
    fn run(self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            let wants_verdicts = matches!(job.reply, Reply::Verdicts(_));
            let judged = self.observe(&job.batch, wants_verdicts);
            let micros = u64::try_from(job.received.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.timing.batches.fetch_add(1, Ordering::Relaxed);
            self.timing.micros.fetch_add(micros, Ordering::Relaxed);
            // Whoever asked may have gone; the points are scored all the same.
            match job.reply {
                Reply::Done(reply) => _ = reply.send(()),
                Reply::Verdicts(reply) => _ = reply.send(judged),
            }
        }
    }

    fn observe(&self, batch: &[SeriesPoints], wants_verdicts: bool) -> Vec<Judged> {
        let now = self.clock.now();
        let mut anomalies = vec![];
        let mut judged = Vec::with_capacity(if wants_verdicts { batch.len() } else { 0 });
        let mut shard = lock(&self.shard);
        for series in batch.iter().filter(|it| idx_of(it.labels.id(), self.n_lanes) == Some(self.idx)) {
            let observe = || {
                let verdicts = series.points.iter().map(|it| shard.observe(&series.labels, *it, now, &mut anomalies));
                verdicts.last()
            };
            let newest = self.panics.caught(|| series.labels.to_string(), observe).flatten();
            if let Some(verdict) = newest.filter(|_| wants_verdicts) {
                judged.push(Judged { labels: series.labels.clone(), verdict });
            }
        }
        let samples = shard.take_samples();
        drop(shard);
        self.groups.offer(samples);
        if !anomalies.is_empty() {
            let count = anomalies.len();
            self.panics.caught(|| format!("{count} anomalies"), || (self.on_anomalies)(anomalies));
        }
        judged
    }
}

/// A panic while scoring poisons nothing: the shard's state stays usable.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scores for Shards {
    fn score(&self, series: SeriesId) -> Option<(Timestamp, Score)> {
        lock(&self.lane(series)?.shard).score(series)
    }

    fn band(&self, series: SeriesId, range: TimeRange) -> Vec<(Timestamp, Score)> {
        self.lane(series).map_or_else(Vec::new, |it| lock(&it.shard).band(series, range))
    }

    fn highest(&self, limit: usize) -> Vec<(Labels, Timestamp, Score)> {
        let mut all: Vec<_> = self.lanes.iter().flat_map(|it| lock(&it.shard).highest(limit)).collect();
        all.sort_by(|a, b| b.2.value.total_cmp(&a.2.value));
        all.truncate(limit);
        all
    }
}

impl Meter for Shards {
    fn metrics(&self) -> Vec<Metric> {
        let mut sums: Vec<Metric> = vec![];
        for metric in self.lanes.iter().flat_map(|it| lock(&it.shard).metrics()) {
            match sums.iter_mut().find(|it| it.name == metric.name && it.labels == metric.labels) {
                Some(sum) => sum.value += metric.value,
                None => sums.push(metric),
            }
        }
        let waiting: usize = self.lanes.iter().map(|it| it.queue.max_capacity() - it.queue.capacity()).sum();
        let batches = self.timing.batches.load(Ordering::Relaxed);
        let seconds = self.timing.micros.load(Ordering::Relaxed) as f64 / 1e6;
        let mut verdict_seconds = Metric::counter(
            "sentinel_detect_verdict_seconds_total",
            "Time from the queue to the verdict, summed over batches.",
            0,
        );
        verdict_seconds.value = seconds;
        sums.extend([
            Metric::gauge("sentinel_detect_queue_batches", "Batches that wait for a shard.", waiting as f64),
            Metric::counter("sentinel_detect_batches_total", "Batches scored.", batches),
            verdict_seconds,
            self.panics.metric(),
        ]);
        sums
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use signal::{Point, SystemClock};

    use super::*;

    /// A shard whose listener panics when it first hears of an anomaly, and the series that it hears of.
    fn shards() -> (Arc<Shards>, Arc<Mutex<Vec<Anomaly>>>) {
        let config = Arc::new(detect::Config::default());
        let (heard, is_first) = (Arc::new(Mutex::new(vec![])), AtomicBool::new(true));
        let listener = Arc::clone(&heard);
        let on_anomalies = Arc::new(move |anomalies: Vec<Anomaly>| {
            assert!(!is_first.swap(false, Ordering::SeqCst), "the fault");
            listener.lock().unwrap().extend(anomalies);
        });
        let (budgets, groups) = (Arc::new(AlertBudgets::new(&config)), Groups::new(Arc::clone(&config)));
        (Shards::start(config, &budgets, 1, Arc::new(SystemClock), on_anomalies, groups).unwrap(), heard)
    }

    /// Ten minutes of a steady value, and then ten times as much.
    fn with_a_jump(name: &str) -> Vec<SeriesPoints> {
        let begin = SystemClock.now().minus(Duration::from_secs(630));
        let value = |second: u64| if second < 600 { 10.0 + (second % 3) as f64 } else { 100.0 };
        let point = |it: u64| Point { time: begin.plus(Duration::from_secs(it)), value: value(it) };
        vec![SeriesPoints { labels: Labels::metric(name, &[]), points: (0..630).map(point).collect() }]
    }

    /// Guarantees: MUST 870 of docs/specs/ingest.md.
    #[tokio::test]
    async fn what_panics_is_counted_and_the_shard_judges_on() {
        let (shards, heard) = shards();
        let count = || shards.metrics().iter().find(|it| it.name == "sentinel_detect_panics_total").unwrap().value;
        shards.submit(Arc::new(with_a_jump("first"))).await;
        assert_eq!((count(), heard.lock().unwrap().len()), (1.0, 0));
        let judged = shards.judge(Arc::new(with_a_jump("second"))).await;
        assert_eq!(judged.len(), 1);
        assert_eq!(count(), 1.0);
        assert!(heard.lock().unwrap().iter().all(|it| it.labels.name() == "second"));
        assert!(!heard.lock().unwrap().is_empty());
    }
}
