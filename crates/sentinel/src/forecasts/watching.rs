//! What does the task of a watch do? At each step it asks for what is new, gives it to the series, and trains what is due.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use forecast::Watch;
use signal::{Labels, Point, SeriesPoints, Timestamp};
use tokio::sync::watch;

use crate::forecasts::artifacts::folder_of;
use crate::forecasts::keep::Keep;
use crate::forecasts::series::Series;
use crate::forecasts::source::SourceError;
use crate::forecasts::{Forecasts, read, write};
use crate::run::until;

/// Values of a step are asked for this much later, so that they have come: a tenth of the step, at most so long.
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// While nothing is there yet, it is asked again this often.
const IMPATIENT: Duration = Duration::from_secs(2);
/// The longest wait after questions that failed.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A watch that runs.
pub struct Watching {
    /// What is watched.
    pub watch: Arc<Watch>,
    /// Its series, by labels.
    pub series: RwLock<BTreeMap<Labels, Arc<Series>>>,
    /// Series of the newest answer that were one too many.
    pub n_left_out: AtomicUsize,
    /// Questions that failed since the start.
    pub failures: AtomicU64,
    /// Why there are no values, and when there were some.
    pub said: Mutex<Said>,
}

/// What came of the newest question.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Why there are no values.
    pub error: Option<String>,
    /// When there were some.
    pub success: Option<Timestamp>,
    /// Questions that failed in a row.
    pub n_failed: u32,
}

impl Watching {
    /// Nothing known yet.
    pub fn new(watch: Watch) -> Self {
        if watch.is_rate {
            tracing::info!(watch = watch.name, expr = watch.expr, "A counter is watched as its rate per second.");
        }
        Self {
            watch: Arc::new(watch),
            series: RwLock::default(),
            n_left_out: AtomicUsize::new(0),
            failures: AtomicU64::new(0),
            said: Mutex::default(),
        }
    }

    /// What came of the newest question.
    pub fn said(&self) -> Said {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn say(&self, outcome: Result<(), String>, now: Timestamp) -> u32 {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => *said = Said { error: None, success: Some(now), n_failed: 0 },
            Err(error) => {
                if said.error.as_ref() != Some(&error) {
                    tracing::warn!(watch = self.watch.name, error, "A watch has no values.");
                }
                self.failures.fetch_add(1, Relaxed);
                (said.error, said.n_failed) = (Some(error), said.n_failed.saturating_add(1));
            }
        }
        said.n_failed
    }
}

impl Forecasts {
    /// Follows a watch until stopped.
    pub async fn follow(self: Arc<Self>, watching: Arc<Watching>, mut stopped: watch::Receiver<bool>) {
        loop {
            let wait = Arc::clone(&self).round(&watching);
            let wait = tokio::select! {
                wait = wait => wait,
                () = until(&mut stopped) => return,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake.notified() => {}
                () = until(&mut stopped) => return,
            }
        }
    }

    /// Asks once; how long to wait for the next time.
    async fn round(self: Arc<Self>, watching: &Arc<Watching>) -> Duration {
        let watch = &watching.watch;
        let now = self.clock.now();
        let delay = (watch.granularity / 10).min(LONGEST_DELAY);
        let newest = aligned(now.minus(delay), watch);
        let n_failed = match self.ask(watching, newest).await {
            Ok(answer) => {
                let (this, of_watch) = (Arc::clone(&self), Arc::clone(watching));
                let given = tokio::task::spawn_blocking(move || this.give(&of_watch, answer)).await;
                if let Err(error) = given {
                    tracing::error!(%error, "Values could not be given to their series.");
                }
                watching.say(Ok(()), now)
            }
            Err(error) => watching.say(Err(error), now),
        };
        self.reread(watching, newest).await;
        self.train_due(watching);
        let now = self.clock.now();
        let next = aligned(now.minus(delay), watch).plus(watch.granularity).plus(delay);
        let regular = next.since(now).max(Duration::from_millis(50));
        match n_failed {
            0 => regular.min(if self.is_waiting(watching) { IMPATIENT } else { regular }),
            many => regular.min(Duration::from_secs(1 << many.min(6)).min(LONGEST_WAIT)),
        }
    }

    /// A training runs, or the first values have yet to come: look again soon.
    fn is_waiting(&self, watching: &Watching) -> bool {
        let series = read(&watching.series);
        series.is_empty() || series.values().any(|it| !matches!(it.life().state(), forecast::State::Inferring))
    }

    /// What is new of all series; of those that were not known, all that is to be learned from.
    async fn ask(&self, watching: &Watching, newest: Timestamp) -> Result<Vec<SeriesPoints>, String> {
        let watch = &watching.watch;
        let oldest = oldest(watch, newest);
        let known = read(&watching.series).values().filter_map(|it| it.life().known_until()).min();
        let from = known.map_or(oldest, Timestamp::from_secs).max(oldest);
        if from > newest {
            return Ok(vec![]);
        }
        let range = |from| self.source.range(&watch.expr, from, newest, watch.granularity);
        let told = |error: SourceError| error.to_string();
        let mut answer = range(from).await.map_err(told)?;
        let is_new = |it: &SeriesPoints| !read(&watching.series).contains_key(&it.labels);
        if from > oldest && answer.iter().any(is_new) && read(&watching.series).len() < watch.max_series {
            answer = range(oldest).await.map_err(told)?;
        }
        if answer.is_empty() && read(&watching.series).is_empty() {
            return Err(self.why_empty(watch, oldest, newest).await);
        }
        Ok(answer)
    }

    /// Before a model learns anew, its look-back is asked for anew; without an answer it learns from what is known.
    async fn reread(&self, watching: &Watching, newest: Timestamp) {
        let (watch, now) = (&watching.watch, self.clock.now());
        let is_due = |it: &Series| it.life().is_retraining_due(now);
        if !read(&watching.series).values().any(|it| is_due(it)) {
            return;
        }
        let answer = self.source.range(&watch.expr, oldest(watch, newest), newest, watch.granularity).await;
        for SeriesPoints { labels, points } in answer.unwrap_or_default() {
            let series = read(&watching.series).get(&labels).filter(|it| is_due(it)).cloned();
            series.into_iter().for_each(|it| it.life().revise(&in_secs(&points)));
        }
    }

    /// A histogram's name has no series of its own; its parts have.
    async fn why_empty(&self, watch: &Watch, oldest: Timestamp, newest: Timestamp) -> String {
        if watch.is_expression || watch.is_rate {
            return format!("{} has no series", watch.expr);
        }
        let buckets = format!("{}_bucket", watch.metric);
        let step = newest.since(oldest).max(watch.granularity);
        let found = self.source.range(&format!("count({buckets})"), oldest, newest, step).await;
        if found.is_ok_and(|it| !it.is_empty()) {
            let metric = &watch.metric;
            return format!(
                "{metric} is a histogram and has no series of its own; watch a quantile in its place: \
                 expr: histogram_quantile(0.99, sum by (le) (rate({buckets}[5m]))), name: {metric}_p99"
            );
        }
        format!("{} has no series", watch.expr)
    }

    /// Gives values to their series; blocks, for a series that is new reads what was kept of it.
    fn give(&self, watching: &Watching, answer: Vec<SeriesPoints>) {
        let watch = &watching.watch;
        let mut left_out = 0;
        for SeriesPoints { labels, points } in answer {
            let points = in_secs(&points);
            let known = read(&watching.series).get(&labels).cloned();
            let series = match known {
                Some(series) => {
                    series.life().take(&points);
                    series
                }
                None if read(&watching.series).len() >= watch.max_series => {
                    left_out += 1;
                    continue;
                }
                None => {
                    let key = forecast::key_of(watch, &labels);
                    let keep = Keep::new(&self.artifacts, folder_of(&watch.name, &key, &labels));
                    let series = Arc::new(Series::open(watch, labels.clone(), keep, &points, self.clock.now()));
                    write(&watching.series).insert(labels, Arc::clone(&series));
                    self.announce(&series);
                    series
                }
            };
            self.recorder.record(&series, self.clock.now());
            self.tell_alarms(&series);
        }
        watching.n_left_out.store(left_out, Relaxed);
        self.forget(watching);
    }

    /// Its recorded forecasts are known as its.
    fn announce(&self, series: &Arc<Series>) {
        let life = series.life();
        let ids = ["", "_lower", "_upper"].map(|it| forecast::forecast_labels(&life, it).id());
        drop(life);
        write(&self.recorded).extend(ids.map(|it| (it, Arc::clone(series))));
    }

    /// Series without values in the whole look-back are forgotten; what is kept of them stays.
    fn forget(&self, watching: &Watching) {
        let oldest = self.clock.now().minus(watching.watch.lookback + watching.watch.granularity);
        let is_gone = |it: &Series| it.life().known_until().is_some_and(|it| Timestamp::from_secs(it) < oldest);
        let gone: Vec<_> = read(&watching.series).values().filter(|it| is_gone(it)).map(|it| it.id).collect();
        if !gone.is_empty() {
            write(&watching.series).retain(|_, it| !gone.contains(&it.id));
            write(&self.recorded).retain(|_, it| !gone.contains(&it.id));
        }
    }

    /// Begins every training that is due; each waits for its turn on a thread of its own.
    pub fn train_due(self: &Arc<Self>, watching: &Watching) {
        let all: Vec<Arc<Series>> = read(&watching.series).values().cloned().collect();
        for series in all {
            let Some((reason, job)) = series.life().job(self.clock.now()) else { continue };
            let this = Arc::clone(self);
            tokio::spawn(async move {
                // Closed only when the process ends.
                let Ok(_turn) = Arc::clone(&this.training).acquire_owned().await else { return };
                let of_training = Arc::clone(&this);
                let trained = Arc::clone(&series);
                let work = move || {
                    let now = || of_training.clock.now();
                    let told = trained.train(reason, &job, of_training.config.max_versions_per_metric, now);
                    told.into_iter().for_each(|it| of_training.trackers.tell(it));
                    of_training.recorder.record(&trained, now());
                };
                this.counters.training(reason);
                if let Err(error) = tokio::task::spawn_blocking(work).await {
                    tracing::error!(%error, "A training crashed.");
                    series.life().failed("the training crashed; the log has the details".to_owned(), this.clock.now());
                }
            });
        }
    }
}

/// The first instant of the look-back.
fn oldest(watch: &Watch, newest: Timestamp) -> Timestamp {
    newest.minus(watch.granularity * u32::try_from(watch.n_lookback - 1).unwrap_or(u32::MAX))
}

fn in_secs(points: &[Point]) -> Vec<(i64, f64)> {
    points.iter().map(|it| (it.time.millis() / 1000, it.value)).collect()
}

/// The newest instant of the watch's grid that is not after `time`.
fn aligned(time: Timestamp, watch: &Watch) -> Timestamp {
    let step = watch.step_secs() * 1000;
    Timestamp::from_millis(time.millis().div_euclid(step) * step)
}
