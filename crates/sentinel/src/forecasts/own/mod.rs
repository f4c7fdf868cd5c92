//! How does a model of the user's own live? It waits for values, its programs train and answer, and it recovers.
//!
//! Each model has a folder `own-models/NAME` in the data directory: `vN/model` is what `retrain` of that version wrote (a
//! file or a folder), `versions.json` the list, `work` where its programs run, `snapshot` what they are given.

mod program;
mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use forecast::{
    Cron, Fallback, Manifest, OwnModelConfig, OwnScore, Policy, Registry, State, Status, Version, VersionError,
};
use signal::{Clock, History, Labels, Metric, PortError, SeriesQuery, TimeRange, Timestamp};
use tokio::sync::{Notify, Semaphore, watch};

use crate::forecasts::artifacts::{Artifacts as _, Folder};
use crate::run::until;
use program::Program;

/// How often it is looked whether enough values are there.
const LOOK: Duration = Duration::from_secs(10);
/// The first wait after a training failed, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Values of a snapshot.
const MOST_ROWS: usize = 5_000_000;
/// The list of versions.
const LIST: &str = "versions.json";

/// A model whose programs are the user's.
pub struct OwnModel {
    /// Its keys.
    pub config: OwnModelConfig,
    manifest: Manifest,
    folder: PathBuf,
    kept: Folder,
    history: Arc<dyn History>,
    clock: Arc<dyn Clock>,
    schedule: Cron,
    max_versions: usize,
    state: Mutex<Life>,
    wake: Notify,
}

struct Life {
    state: State,
    registry: Registry,
    progress: f64,
    scores: Vec<OwnScore>,
    failures: u32,
    error: Option<String>,
    retry_at: Option<Timestamp>,
    next_training: Option<Timestamp>,
    is_wanted: bool,
}

/// What people see of it.
pub struct OwnStatus {
    /// What it does.
    pub state: State,
    /// Its versions.
    pub registry: Registry,
    /// Share of what it waits for.
    pub progress: f64,
    /// What it told last.
    pub scores: Vec<OwnScore>,
    /// Failures in a row.
    pub failures: u32,
    /// Why.
    pub error: Option<String>,
    /// When it is trained again after a failure.
    pub retry_at: Option<Timestamp>,
    /// When the schedule trains it.
    pub next_training: Option<Timestamp>,
}

impl OwnModel {
    /// Reads its manifest and what was kept of it.
    pub fn open(
        config: &OwnModelConfig,
        data_dir: &Path,
        history: Arc<dyn History>,
        clock: Arc<dyn Clock>,
        max_versions: usize,
    ) -> anyhow::Result<Self> {
        let programs = std::fs::canonicalize(&config.path)
            .with_context(|| format!("models: {}: path: cannot open {:?}", config.name, config.path))?;
        let file = programs.join("manifest.yaml");
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut manifest: Manifest =
            serde_saphyr::from_str(&text).with_context(|| format!("cannot understand {}", file.display()))?;
        let problems = manifest.validate();
        if !problems.is_empty() {
            bail!("{}: {}", file.display(), problems.join("; "));
        }
        for (command, name) in [(&mut manifest.commands.retrain, "retrain"), (&mut manifest.commands.infer, "infer")] {
            if command.is_empty() {
                *command = usual_command(&programs, name)?;
            }
            // They are run elsewhere, so files of the model are named by their whole path.
            for word in command.iter_mut().filter(|it| programs.join(it).is_file()) {
                *word = programs.join(&word).display().to_string();
            }
        }
        let data_dir = std::path::absolute(data_dir).context("the data directory has no path")?;
        let folder = data_dir.join("own-models").join(&config.name);
        let kept = Folder::open(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let registry = match kept.get(LIST)? {
            Some(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{}/{LIST}", folder.display()))?,
            None => Registry::new(&config.name),
        };
        let schedule = Cron::parse(&config.retrain.schedule).map_err(anyhow::Error::msg)?;
        let state = if registry.active().is_some() { State::Inferring } else { State::Waiting };
        let life = Life {
            state,
            registry,
            progress: 0.0,
            scores: vec![],
            failures: 0,
            error: None,
            retry_at: None,
            next_training: schedule.next_after(clock.now()),
            is_wanted: false,
        };
        Ok(Self {
            config: config.clone(),
            manifest,
            folder,
            kept,
            history,
            clock,
            schedule,
            max_versions,
            state: Mutex::new(life),
            wake: Notify::new(),
        })
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What people see of it.
    pub fn status(&self) -> OwnStatus {
        let life = self.life();
        OwnStatus {
            state: life.state,
            registry: life.registry.clone(),
            progress: life.progress,
            scores: life.scores.clone(),
            failures: life.failures,
            error: life.error.clone(),
            retry_at: life.retry_at,
            next_training: life.next_training,
        }
    }

    /// Trains soon; the version that it will make.
    pub fn retrain(&self) -> String {
        let mut life = self.life();
        life.is_wanted = true;
        let id = life.registry.next_id();
        drop(life);
        self.wake.notify_one();
        id
    }

    /// Lets another version serve; its id, the one before, and where it is. Durable when it returns.
    pub fn switch(
        &self,
        wanted: Option<&str>,
        is_rollback: bool,
        why: &str,
    ) -> Result<(String, Option<String>, String), PortError> {
        let mut life = self.life();
        let refused = |error: VersionError| match error {
            VersionError::Unknown(id, kept) => PortError::NotFound(format!("version {id:?} (kept are {kept})")),
            error => PortError::Refused(error.to_string()),
        };
        let before = life.registry.active().map(|it| it.version_id.clone());
        let id = life.registry.earlier(wanted).map_err(refused)?.version_id.clone();
        let mut registry = life.registry.clone();
        let status = if is_rollback { Status::RolledBack } else { Status::Retired };
        registry.activate(&id, status, why).map_err(refused)?;
        let failed =
            |source: std::io::Error| PortError::Failed { operation: "keep the versions", source: source.into() };
        self.save(&registry).map_err(failed)?;
        life.registry = registry;
        (life.state, life.failures, life.error, life.retry_at) = (State::Inferring, 0, None, None);
        drop(life);
        self.wake.notify_one();
        Ok((id.clone(), before, self.model_path(&id).display().to_string()))
    }

    fn save(&self, registry: &Registry) -> std::io::Result<()> {
        self.kept.put(LIST, &serde_json::to_vec_pretty(registry).map_err(std::io::Error::other)?)
    }

    fn model_path(&self, version: &str) -> PathBuf {
        self.folder.join(version).join("model")
    }

    /// Lives until stopped; trainings wait for their turn.
    pub async fn run(self: Arc<Self>, turns: Arc<Semaphore>, mut stopped: watch::Receiver<bool>) {
        loop {
            let wait = tokio::select! {
                wait = self.round(&turns) => wait,
                () = until(&mut stopped) => return,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake.notified() => {}
                () = until(&mut stopped) => return,
            }
        }
    }

    async fn round(&self, turns: &Semaphore) -> Duration {
        if self.is_training_due().await {
            // Closed only when the process ends.
            if let Ok(_turn) = turns.acquire().await {
                let before = std::mem::replace(&mut self.life().state, State::Training);
                if before == State::Inferring {
                    self.life().state = State::Retraining;
                }
                let outcome = self.train().await;
                self.trained(outcome);
            }
        }
        if self.life().registry.active().is_none() {
            return LOOK;
        }
        let outcome = self.infer().await;
        self.answered(outcome);
        Duration::from_secs(self.config.inference.interval_seconds)
    }

    async fn is_training_due(&self) -> bool {
        let now = self.clock.now();
        let (rows, hours) = self.amount().await;
        let mut life = self.life();
        life.progress = self.config.wait.progress(rows, hours);
        if life.is_wanted {
            return true;
        }
        if life.retry_at.is_some_and(|it| now < it) {
            return false;
        }
        if life.registry.active().is_none() {
            return life.progress >= 1.0;
        }
        let is_scheduled = life.next_training.is_some_and(|it| it <= now) && rows >= self.config.retrain.min_rows;
        is_scheduled || life.state == State::Error
    }

    /// Values of its metrics, and over how many hours.
    async fn amount(&self) -> (u64, f64) {
        let all = self.values().await;
        let rows = all.iter().map(|it| it.1.len() as u64).sum();
        let oldest = all.iter().filter_map(|it| it.1.first()).map(|it| it.time).min();
        (rows, oldest.map_or(0.0, |it| self.clock.now().since(it).as_secs_f64() / 3600.0))
    }

    async fn values(&self) -> Vec<(Labels, Vec<signal::Point>)> {
        let history = Arc::clone(&self.history);
        let metrics = self.manifest.requires.metrics.clone();
        let hours = self.config.inference.window_hours.max(self.config.wait.time_hours * 1.1);
        let range = TimeRange::ending_at(self.clock.now(), Duration::from_secs_f64(hours * 3600.0));
        let read = move || -> Result<_, PortError> {
            let (mut found, mut rows) = (vec![], 0);
            for metric in &metrics {
                let matchers = vec![signal::Matcher::name(metric)];
                for labels in history.series(&SeriesQuery { matchers, range: Some(range), limit: 0 })? {
                    let points = history.points(labels.id(), range)?;
                    rows += points.len();
                    if rows > MOST_ROWS {
                        return Ok(found);
                    }
                    found.push((labels, points));
                }
            }
            Ok(found)
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(model = self.config.name, %error, "Values of an own model cannot be read.");
                vec![]
            }
            Err(error) => {
                tracing::error!(model = self.config.name, %error, "Reading values of an own model crashed.");
                vec![]
            }
        }
    }

    /// A file per metric with the columns timestamp (seconds since 1970), value and labels (JSON).
    async fn snapshot(&self) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join("snapshot");
        let values = self.values().await;
        let to = folder.clone();
        tokio::task::spawn_blocking(move || snapshot::write(&to, &values)).await??;
        Ok(folder)
    }

    fn program(&self, command: &[String], timeout_secs: u64, further: &[(&str, String)]) -> anyhow::Result<Program> {
        let work = self.folder.join("work");
        std::fs::create_dir_all(&work)?;
        let mut environment: Vec<(String, String)> =
            self.config.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        environment.push(("SENTINEL_SERVICE_NAME".to_owned(), self.config.name.clone()));
        environment.extend(further.iter().map(|it| (it.0.to_owned(), it.1.clone())));
        Ok(Program {
            command: command.to_vec(),
            folder: work,
            environment,
            timeout: Duration::from_secs(timeout_secs),
            memory_bytes: self.config.retrain.memory_megabytes << 20,
            output_bytes: self.config.inference.max_output_bytes,
        })
    }

    /// The version that was trained. A folder that nobody names may be left behind by a crash, and is written over.
    async fn train(&self) -> anyhow::Result<Version> {
        let snapshot = self.snapshot().await?;
        let mut next = self.life().registry.clone();
        let id = next.take_id();
        let model = self.model_path(&id);
        let folder = model.parent().context("it has a folder")?.to_owned();
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        let variables = [
            ("SNAPSHOT_PATH", snapshot.display().to_string()),
            ("MODEL_OUTPUT_PATH", model.display().to_string()),
            ("SENTINEL_RUN_ID", id.clone()),
        ];
        let timeout = self.config.retrain.timeout_seconds;
        let trained = self.program(&self.manifest.commands.retrain, timeout, &variables)?.run().await;
        if let Err(error) = trained {
            let _ = std::fs::remove_dir_all(&folder);
            return Err(error.into());
        }
        if !model.exists() {
            bail!("retrain wrote nothing to MODEL_OUTPUT_PATH");
        }
        // An answer that cannot be understood is worse than an old model.
        self.ask(&id).await.context("the new version was refused")?;
        Ok(Version {
            version_id: id.clone(),
            metric_key: self.config.name.clone(),
            model_class: "own".to_owned(),
            trained_at: self.clock.now(),
            training_policy: Policy::FullRetrain,
            drift_score_at_trigger: None,
            mae: None,
            mape: None,
            mase: None,
            n_samples: 0,
            status: Status::Active,
            reason: String::new(),
            artifact_sha256: id,
            extra: serde_json::Map::new(),
        })
    }

    fn trained(&self, outcome: anyhow::Result<Version>) {
        let now = self.clock.now();
        let mut life = self.life();
        life.is_wanted = false;
        life.next_training = self.schedule.next_after(now);
        let kept = outcome.and_then(|version| {
            let mut registry = life.registry.clone();
            registry.take_id();
            registry.add(version);
            let removed = registry.prune(self.max_versions);
            self.save(&registry).context("the new version cannot be kept")?;
            for it in removed {
                let _ = std::fs::remove_dir_all(self.folder.join(it));
            }
            Ok(registry)
        });
        match kept {
            Ok(registry) => {
                tracing::info!(
                    model = self.config.name,
                    version = registry.active().map(|it| it.version_id.as_str()),
                    "A new version serves."
                );
                life.registry = registry;
                (life.state, life.failures, life.error, life.retry_at) = (State::Inferring, 0, None, None);
            }
            Err(error) => {
                tracing::warn!(model = self.config.name, error = format!("{error:#}"), "Training failed.");
                life.failures = life.failures.saturating_add(1);
                let doublings = (life.failures - 1).min(10);
                life.retry_at = Some(now.plus(FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT)));
                (life.state, life.error) = (State::Error, Some(format!("{error:#}")));
            }
        }
    }

    async fn infer(&self) -> anyhow::Result<Vec<OwnScore>> {
        self.snapshot().await?;
        let version = self.life().registry.active().map(|it| it.version_id.clone()).unwrap_or_default();
        self.ask(&version).await
    }

    async fn ask(&self, version: &str) -> anyhow::Result<Vec<OwnScore>> {
        let variables = [
            ("SNAPSHOT_PATH", self.folder.join("snapshot").display().to_string()),
            ("MODEL_PATH", self.model_path(version).display().to_string()),
        ];
        let timeout = self.config.inference.timeout_seconds;
        let printed = self.program(&self.manifest.commands.infer, timeout, &variables)?.run().await?;
        forecast::scores(&printed).map_err(anyhow::Error::msg)
    }

    fn answered(&self, outcome: anyhow::Result<Vec<OwnScore>>) {
        let mut life = self.life();
        match outcome {
            Ok(scores) => {
                life.scores = scores;
                if life.state != State::Error || life.retry_at.is_none() {
                    (life.state, life.failures, life.error) = (State::Inferring, 0, None);
                }
            }
            Err(error) => {
                tracing::warn!(model = self.config.name, error = format!("{error:#}"), "An own model gave no answer.");
                life.failures = life.failures.saturating_add(1);
                life.error = Some(format!("{error:#}"));
                match self.config.inference.fallback {
                    Fallback::ContinueOld => {}
                    Fallback::EmitZero => life.scores.iter_mut().for_each(|it| it.score = 0.0),
                    Fallback::Drop => life.scores.clear(),
                }
                if life.failures >= self.config.inference.max_consecutive_errors {
                    life.state = State::Error;
                }
            }
        }
    }

    /// Its numbers on /metrics.
    pub fn metrics(&self) -> Vec<Metric> {
        let status = self.status();
        let gauge = |name, help, value| Metric::gauge(name, help, value).label("model", &self.config.name);
        let help = "0 waiting, 1 training, 2 inferring, 3 retraining, 4 error.";
        let mut metrics = vec![
            gauge("predictivex_model_state", help, f64::from(status.state as u8)),
            gauge(
                "predictivex_model_consecutive_errors",
                "Trainings or forecasts that failed in a row.",
                f64::from(status.failures),
            ),
            gauge("predictivex_cardinality_current", "Series of forecasts of a model.", status.scores.len() as f64),
        ];
        if status.state == State::Waiting {
            let help = "Share of the values that a first training needs.";
            metrics.push(gauge("predictivex_model_warmup_progress", help, status.progress));
        }
        for it in status.scores {
            let help = "Probability that a limit is crossed within the horizon.";
            let value = (it.score * 1e4).round() / 1e4;
            let mut metric = gauge("predictivex_failure_probability", help, value)
                .label("service", &it.service)
                .label("namespace", "default")
                .label("cluster", "local")
                .label("metric", &it.metric)
                .label("horizon", &format!("{}s", it.horizon_seconds));
            for (name, value) in it.metadata {
                let is_new = metric.labels.iter().all(|it| it.0 != name);
                if is_new && forecast::is_label_name(&name) {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    metric.labels.push((name.into(), text));
                }
            }
            metrics.push(metric);
        }
        metrics
    }
}

/// `NAME` if it can be executed, else `NAME.py` by python3.
fn usual_command(programs: &Path, name: &str) -> anyhow::Result<Vec<String>> {
    let (plain, python) = (programs.join(name), programs.join(format!("{name}.py")));
    if plain.is_file() {
        return Ok(vec![plain.display().to_string()]);
    }
    if python.is_file() {
        return Ok(vec!["python3".to_owned(), python.display().to_string()]);
    }
    bail!("{} has neither {name} nor {name}.py, and the manifest names no command for it", programs.display())
}
