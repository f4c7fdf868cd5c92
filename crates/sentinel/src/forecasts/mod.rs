//! How do watches run? Each has a task that asks for values, lets its series learn, and hands forecasts on.
//!
//! `source` answers expressions, `watching` is the task of a watch, `series` one series with its life, `keep` and
//! `artifacts` what outlives the process, `desk` what people ask for, `tracking` who else hears of new versions.

mod alarms;
mod artifacts;
mod counters;
mod desk;
mod keep;
mod network_file;
mod outlet;
mod overlay;
mod own;
mod recorder;
mod s3;
mod series;
mod source;
mod tracking;
mod watching;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use signal::{Clock, History, Ledger, Point, PortError, SeriesId};
use store::Store;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::alert_desk::AlertDesk;
use crate::config::Config;
pub use artifacts::Artifacts;
use artifacts::Folder;
use counters::Counters;
use outlet::Outlet;
pub use overlay::Overlay;
use own::OwnModel;
use recorder::Recorder;
use s3::ObjectStore;
use series::Series;
use source::Source;
use tracking::Trackers;
use watching::Watching;

/// All watches.
pub struct Forecasts {
    config: forecast::Config,
    watches: Vec<Arc<Watching>>,
    own: Vec<Arc<OwnModel>>,
    clock: Arc<dyn Clock>,
    source: Arc<Source>,
    artifacts: Arc<dyn Artifacts>,
    recorder: Recorder,
    outlets: Vec<Arc<Outlet>>,
    trackers: Arc<Trackers>,
    /// Told of limits that will be crossed.
    alerts: Arc<AlertDesk>,
    /// Which series a recorded forecast is of.
    recorded: RwLock<HashMap<SeriesId, Arc<Series>>>,
    /// So many trainings at the same time.
    training: Arc<Semaphore>,
    ledger: Arc<dyn Ledger>,
    /// A person wants something now.
    wake: Arc<tokio::sync::Notify>,
    counters: Counters,
}

impl Forecasts {
    /// As configured; nothing runs yet.
    pub fn new(
        config: &Config,
        data_dir: &std::path::Path,
        store: &Arc<Store>,
        history: Arc<dyn History>,
        alerts: Arc<AlertDesk>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Arc<Self>> {
        // The configuration was checked when it was read.
        let told = |problems: Vec<String>| anyhow::anyhow!(problems.join("; "));
        let mut watches = forecast::watches(&config.watches).map_err(told)?;
        network_file::attach(&mut watches).map_err(told)?;
        let artifacts = artifacts_of(config, data_dir)?;
        let open = |it| {
            let (history, clock) = (Arc::clone(&history), Arc::clone(&clock));
            let model = OwnModel::open(it, data_dir, history, clock, config.forecast.max_versions_per_metric)?;
            Ok(Arc::new(model))
        };
        let own = config.models.iter().map(open).collect::<anyhow::Result<Vec<_>>>()?;
        let outlets = config.forecast.remote_write.iter().map(|it| Ok(Arc::new(Outlet::new(it)?)));
        let outlets = outlets.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Arc::new(Self {
            own,
            watches: watches.into_iter().map(|it| Arc::new(Watching::new(it))).collect(),
            clock,
            source: Arc::new(Source::new(&config.forecast, history)?),
            artifacts,
            recorder: Recorder::new(Arc::clone(store), outlets.clone()),
            outlets,
            trackers: Arc::new(Trackers::new(&config.forecast.tracking)?),
            alerts,
            recorded: RwLock::default(),
            training: Arc::new(Semaphore::new(config.forecast.training_threads)),
            ledger: Arc::clone(store) as _,
            wake: Arc::default(),
            counters: Counters::default(),
            config: config.forecast.clone(),
        }))
    }

    /// Runs every watch until stopped.
    pub fn run(self: &Arc<Self>, stopped: &watch::Receiver<bool>, tasks: &mut JoinSet<()>) {
        for it in &self.watches {
            tasks.spawn(Arc::clone(self).follow(Arc::clone(it), stopped.clone()));
        }
        for it in &self.own {
            tasks.spawn(Arc::clone(it).run(Arc::clone(&self.training), stopped.clone()));
        }
        for it in &self.outlets {
            tasks.spawn(Arc::clone(it).run(Arc::clone(&self.clock), stopped.clone()));
        }
        if self.config.tracking.is_any() {
            tasks.spawn(Arc::clone(&self.trackers).run(stopped.clone()));
        }
    }

    /// All series, in the order of their watches and keys.
    fn all(&self) -> Vec<(Arc<Watching>, Arc<Series>)> {
        let of_watch = |watching: &Arc<Watching>| {
            let series = read(&watching.series).values().cloned().collect::<Vec<_>>();
            series.into_iter().map(|it| (Arc::clone(watching), it)).collect::<Vec<_>>()
        };
        self.watches.iter().flat_map(of_watch).collect()
    }

    /// The newest forecast, or one of its bounds, if that is what the labels of the id say.
    pub fn newest(&self, id: SeriesId) -> Option<Vec<Point>> {
        let series = read(&self.recorded).get(&id).cloned()?;
        let life = series.life();
        let forecast = life.forecast(self.clock.now())?;
        forecast::samples(&life, forecast).into_iter().find(|it| it.labels.id() == id).map(|it| it.points)
    }

    /// The series that a person names: by id, by key, or all of a watch.
    fn named(&self, name: &str) -> Result<Vec<Arc<Series>>, PortError> {
        let fits = |watching: &Watching, series: &Series| {
            series.id.to_string() == name || watching.watch.name == name || series.life().registry().metric_key == name
        };
        let found: Vec<Arc<Series>> =
            self.all().into_iter().filter(|(watching, it)| fits(watching, it)).map(|it| it.1).collect();
        if found.is_empty() { Err(PortError::NotFound(format!("model {name:?}"))) } else { Ok(found) }
    }
}

/// Where models are kept.
fn artifacts_of(config: &Config, data_dir: &std::path::Path) -> anyhow::Result<Arc<dyn Artifacts>> {
    let usual = data_dir.join("models");
    let place = config.forecast.artifact_store.as_deref().map_or(usual.to_string_lossy(), Into::into);
    files_at(&place, &config.forecast)
}

/// Files in a folder, or in a bucket (`s3://bucket/prefix`); must be called within a runtime.
pub fn files_at(place: &str, section: &forecast::Config) -> anyhow::Result<Arc<dyn Artifacts>> {
    if place.starts_with("s3://") {
        return Ok(Arc::new(ObjectStore::open(place, &section.object_store)?));
    }
    let opened = Folder::open(std::path::Path::new(place));
    Ok(Arc::new(opened.with_context(|| format!("cannot make the folder {place}"))?))
}

/// Models in files that cannot be read or do not fit their watch. Watches that are wrong in themselves are told elsewhere.
pub fn model_file_problems(configs: &[forecast::WatchConfig]) -> Vec<String> {
    match forecast::watches(configs) {
        Ok(mut watches) => network_file::attach(&mut watches).err().unwrap_or_default(),
        Err(_) => vec![],
    }
}

/// Expressions that are no PromQL, each with the place of the mistake.
pub fn expression_problems(watches: &[forecast::WatchConfig]) -> Vec<String> {
    let problem = |(idx, watch): (usize, &forecast::WatchConfig)| {
        let error = promql::parse(&watch.expr).err().filter(|_| !watch.expr.is_empty())?;
        Some(format!("watches[{idx}].expr: {:?}: {}", watch.expr, error.describe(&watch.expr)))
    };
    watches.iter().enumerate().filter_map(problem).collect()
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
