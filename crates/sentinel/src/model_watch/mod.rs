//! Are the models that answer still right to be asked? Each watched model is compared with its reference, on schedule or
//! after so many predictions; what drifts is told like any other anomaly.
//!
//! `watched` holds one model, `reading` reads its log on and says when a comparison is due, `window` reads what is
//! compared, `basis` is what it is compared with, `comparison` makes a run of both, `runs` keeps them on disk,
//! `concluding` hears the alarms, `telling` makes anomalies of them. `online` is the live stream between comparisons,
//! `following` follows it, `keeping` saves where it is, `sighting` says what its alarms look like. `gauges` are numbers,
//! `card` knows the versions of a model, `desk` answers people.

mod basis;
pub mod card;
mod comparison;
mod concluding;
mod desk;
mod following;
mod gauges;
mod keeping;
mod no_run;
mod online;
mod reading;
mod run;
mod runs;
mod saved;
mod sighting;
mod telling;
#[cfg(test)]
mod tests;
mod watched;
mod window;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use drift::watch::WatchConfig;
use predict::Desk;
use serve::ModelVersion;
use signal::{Clock, InferenceLog, Ledger, Timestamp};
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::responder::Responder;
use crate::run::until;
use watched::Watched;

/// How often the log is asked for new predictions.
const STEP: Duration = Duration::from_secs(1);
/// How often what goes on is told again, and written into the store as series.
const TELL_AGAIN: Duration = Duration::from_secs(15);

/// All watched models.
pub struct ModelWatches {
    watches: Vec<Arc<Watched>>,
    store: Arc<Store>,
    responder: Arc<Responder>,
    clock: Arc<dyn Clock>,
    told: Mutex<Option<Timestamp>>,
    /// Versions of each watched model, in the order of the watches, as they were loaded.
    versions: Vec<Vec<ModelVersion>>,
    /// Says what each version is for now.
    served: Arc<Desk>,
}

/// All problems of `model_watches`, each with its key.
pub fn problems(watches: &[WatchConfig]) -> Vec<String> {
    let mut problems = vec![];
    for (idx, it) in watches.iter().enumerate() {
        let key = format!("model_watches[{idx}]");
        problems.extend(it.problems().into_iter().map(|problem| format!("{key}.{problem}")));
        if !it.schedule.is_empty() {
            problems.extend(forecast::Cron::parse(&it.schedule).err().map(|error| format!("{key}.schedule: {error}")));
        }
        if watches.iter().take(idx).any(|other| other.model == it.model && other.version == it.version) {
            problems.push(format!("{key}.model: {:?} is watched twice; give each a version", it.model));
        }
    }
    problems
}

/// References that cannot be read now, each with its key. That is no mistake: a file may come later.
pub fn unreadable(watches: &[WatchConfig]) -> Vec<String> {
    let of = |(idx, it): (usize, &WatchConfig)| {
        let path = it.reference.file.as_ref()?;
        let error = std::fs::File::open(path).err()?;
        Some(format!("model_watches[{idx}].reference.file: {path}: {error}; nothing is compared until it can be read"))
    };
    watches.iter().enumerate().filter_map(of).collect()
}

impl ModelWatches {
    /// As configured, where an earlier process left them; nothing runs yet.
    pub fn open(
        watches: &[WatchConfig],
        models: &[predict::ModelConfig],
        data_dir: &Path,
        served: &Arc<Desk>,
        store: &Arc<Store>,
        responder: &Arc<Responder>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Arc<Self>> {
        unreadable(watches).iter().for_each(|it| tracing::warn!("{it}"));
        let log: Arc<dyn InferenceLog> = Arc::clone(&served.log) as _;
        let open = |it: &WatchConfig| {
            let mut watched = Watched::open(it.clone(), data_dir, Arc::clone(&log), Arc::clone(store))
                .with_context(|| format!("cannot watch the model {}", it.model))?;
            watched.classes = served.classes(&it.model);
            if watches.iter().filter(|other| other.model == it.model).count() > 1 {
                watched.name = format!("{}@{}", it.model, it.version.as_deref().unwrap_or("all"));
            }
            Ok(Arc::new(watched))
        };
        Ok(Arc::new(Self {
            watches: watches.iter().map(open).collect::<anyhow::Result<_>>()?,
            store: Arc::clone(store),
            responder: Arc::clone(responder),
            clock,
            told: Mutex::default(),
            versions: watches.iter().map(|it| card::versions(models, &it.model)).collect(),
            served: Arc::clone(served),
        }))
    }

    /// Follows every model until stopped; each in its own task, on a thread that may block.
    pub fn run(self: &Arc<Self>, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) {
        for watched in &self.watches {
            tasks.spawn(Arc::clone(self).follow(Arc::clone(watched), stopped.clone()));
        }
    }

    async fn follow(self: Arc<Self>, watched: Arc<Watched>, mut stopped: watch::Receiver<bool>) {
        loop {
            let (this, it) = (Arc::clone(&self), Arc::clone(&watched));
            let step = tokio::task::spawn_blocking(move || this.step(&it)).await;
            if let Err(error) = step {
                tracing::error!(model = watched.config.model, %error, "A comparison panicked.");
            }
            tokio::select! {
                () = tokio::time::sleep(STEP) => {}
                () = until(&mut stopped) => return,
            }
        }
    }

    /// Reads what is new, compares if it is due, tells what has changed. Blocks.
    fn step(&self, watched: &Watched) {
        let now = self.clock.now();
        let mut anomalies = watched.step(now);
        anomalies.extend(watched.step_online(now));
        if !anomalies.is_empty() {
            self.record(watched);
            self.responder.anomalies(anomalies);
        }
    }

    /// A step of every model, for whoever drives time.
    pub fn step_all(&self) {
        self.watches.iter().for_each(|it| self.step(it));
    }

    /// Lets time pass: what goes on is told again, so that its incident knows.
    pub fn tick(&self, now: Timestamp) {
        {
            let mut told = lock(&self.told);
            if told.is_some_and(|it| now.since(it) < TELL_AGAIN) {
                return;
            }
            *told = Some(now);
        }
        for it in &self.watches {
            self.record(it);
            let mut anomalies = it.firing(now);
            anomalies.extend(it.firing_online(now));
            if !anomalies.is_empty() {
                self.responder.anomalies(anomalies);
            }
        }
    }

    fn by_name(&self, name: &str) -> Result<&Arc<Watched>, signal::PortError> {
        self.watches.iter().find(|it| it.name == name).ok_or_else(|| {
            let of_model = self.watches.iter().filter(|it| it.config.model == name).map(|it| it.name.as_str());
            let known = match of_model.collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => String::new(),
                some => format!(" (its versions are watched as {some})"),
            };
            signal::PortError::NotFound(format!("the watched model {name:?}{known}"))
        })
    }

    fn ledger(&self) -> &dyn Ledger {
        &*self.store
    }
}

/// A panic elsewhere leaves the state as it was after the last complete step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
