//! One series that is forecast: its life behind a lock, and what changes its versions, one thing at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use forecast::{Job, Life, Outcome, Reason, Watch};
use signal::{Labels, PortError, SeriesId, Timestamp};

use crate::forecasts::keep::Keep;
use crate::forecasts::tracking::Training;

/// A series of a watch.
pub struct Series {
    /// Its identity: of its labels and the watch.
    pub id: SeriesId,
    /// What is kept of it.
    pub keep: Keep,
    life: Mutex<Life>,
    /// Held while versions change, so that a training that ends and a person do not undo each other.
    changing: Mutex<()>,
    /// Everything up to here was recorded, in seconds.
    recorded: Mutex<i64>,
    /// Which limits the desk of alerts was told of.
    told: Mutex<Vec<bool>>,
}

impl Series {
    /// Takes up what an earlier process kept; a version that cannot be read is told and trained anew.
    pub fn open(watch: &Arc<Watch>, labels: Labels, keep: Keep, points: &[(i64, f64)], now: Timestamp) -> Self {
        let id = labels.with("sentinel_watch", &watch.name).id();
        let registry = keep.registry().unwrap_or_else(|error| {
            tracing::error!(series = %labels, %error, "The versions of a model cannot be read; it begins anew.");
            None
        });
        let mut life = Life::new(Arc::clone(watch), labels, registry, now);
        life.take(points);
        let active = life.registry().active().map(|it| (it.version_id.clone(), it.artifact_sha256.clone()));
        if let Some((version, checksum)) = active {
            match keep.load(&version, &checksum, &watch.model) {
                Ok(trained) => life.restore(&version, trained),
                Err(error) => {
                    tracing::error!(series = %life.labels(), version, %error, "A model cannot be read; it is trained anew.");
                    life.lose(&format!("its artifact cannot be read: {error}"));
                }
            }
        }
        Self {
            id,
            keep,
            life: Mutex::new(life),
            changing: Mutex::new(()),
            recorded: Mutex::new(0),
            told: Mutex::default(),
        }
    }

    /// The life, for as long as the guard is held.
    pub fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to which time forecasts were recorded.
    pub fn recorded(&self) -> MutexGuard<'_, i64> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which limits the desk of alerts was told of.
    pub fn told(&self) -> MutexGuard<'_, Vec<bool>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Trains and, if the new version is good and could be kept, lets it serve. What came of it, if it was kept. Blocks
    /// for long.
    pub fn train(
        &self,
        reason: Reason,
        job: &Job,
        most_versions: usize,
        now: impl Fn() -> Timestamp,
    ) -> Option<Training> {
        let begin = now();
        let outcome = forecast::train(job);
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let key = self.life().registry().metric_key.clone();
        if let Outcome::Refused(_, why) = &outcome {
            tracing::info!(model = key, why, "A new version was refused.");
        }
        let plan = self.life().plan(outcome, now(), most_versions);
        let kept = plan.and_then(|plan| match self.keep.commit(&plan) {
            Ok(()) => Ok(plan),
            Err(error) => Err(format!("the new version cannot be kept: {error}")),
        });
        match kept {
            Ok(plan) => {
                let artifact = plan.artifact.clone();
                let version = plan.registry.versions().last().cloned();
                self.life().commit(plan, now());
                if let Some((version, _)) = &artifact {
                    tracing::info!(model = key, version, ?reason, "A new version serves.");
                }
                let (millis, artifact) = ((begin.millis(), now().millis()), artifact.map(|it| it.1));
                version.map(|version| Training { version, artifact, millis })
            }
            Err(error) => {
                tracing::warn!(model = key, error, "Training failed.");
                self.life().failed(error, now());
                None
            }
        }
    }

    /// Lets another version serve; its id and that of the one before. Durable when it returns.
    pub fn switch(
        &self,
        wanted: Option<&str>,
        is_rollback: bool,
        why: &str,
    ) -> Result<(String, Option<String>), PortError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let life = self.life();
        let before = life.registry().active().map(|it| it.version_id.clone());
        let refused = |error: forecast::VersionError| match error {
            forecast::VersionError::Unknown(id, kept) => {
                PortError::NotFound(format!("version {id:?} (kept are {kept})"))
            }
            error => PortError::Refused(error.to_string()),
        };
        let (registry, version) = life.switched(wanted, is_rollback, why).map_err(refused)?;
        let choice = life.watch().model.clone();
        drop(life);
        let checksum = registry.active().map(|it| it.artifact_sha256.clone()).unwrap_or_default();
        let failed = |operation| move |source: std::io::Error| PortError::Failed { operation, source: source.into() };
        let trained = self.keep.load(&version, &checksum, &choice).map_err(failed("read the version"))?;
        self.keep.save(&registry).map_err(failed("keep the list of versions"))?;
        self.life().switch(registry, version.clone(), trained);
        Ok((version, before))
    }
}
