//! Which versions of a model are there, and which one serves? A list that only ever counts up.
//!
//! At most one version is active. What is retired can come back by `rollback` or `promote`; the oldest of what is retired
//! or refused goes when there are too many.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use signal::Timestamp;

/// How a version came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Learned anew.
    FullRetrain,
    /// Learned a little more.
    Finetune,
}

/// What a version does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It serves.
    Active,
    /// It served.
    Retired,
    /// It served and was taken back.
    RolledBack,
    /// It never served: it was worse than the one that did, or not usable.
    Refused,
}

/// One version of the model of one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// `v1`, `v2` ..; never given twice.
    pub version_id: String,
    /// The series.
    pub metric_key: String,
    /// The kind of model.
    pub model_class: String,
    /// When its training ended.
    pub trained_at: Timestamp,
    /// How it came about.
    pub training_policy: Policy,
    /// Drift that led to it, in the scale of the watch; none if a schedule, a person or a cold start did.
    pub drift_score_at_trigger: Option<f64>,
    /// Mean absolute error on the newest values, which it had not seen.
    pub mae: Option<f64>,
    /// Mean absolute percentage error on the same; none if a value is 0.
    pub mape: Option<f64>,
    /// `mae` over the mean absolute step of the values it learned from; below 1 is better than "as the last".
    pub mase: Option<f64>,
    /// Values it learned from.
    pub n_samples: usize,
    /// What it does.
    pub status: Status,
    /// Why it was refused or taken back.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// SHA-256 of its artifact; empty if there is none.
    #[serde(default)]
    pub artifact_sha256: String,
    /// Granularity, horizon, look-back.
    #[serde(default)]
    pub extra: Map<String, Value>,
}

/// The versions of one series, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    /// The series.
    pub metric_key: String,
    /// The number of the next version.
    next: u64,
    versions: Vec<Version>,
}

/// Why a version cannot serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// No such version; the text lists those there are.
    #[error("there is no version {0:?}; there are {1}")]
    Unknown(String, String),
    /// Nothing to go back to.
    #[error("there is no retired version to go back to")]
    NothingRetired,
    /// It serves already.
    #[error("version {0} serves already")]
    Active(String),
    /// It has no artifact.
    #[error("version {0} was refused in training and kept no model")]
    NoArtifact(String),
}

impl Registry {
    /// No version yet.
    pub fn new(metric_key: &str) -> Self {
        Self { metric_key: metric_key.to_owned(), next: 1, versions: vec![] }
    }

    /// The id that the next version gets; ids are never given twice, also when the version is refused.
    pub fn take_id(&mut self) -> String {
        let id = self.next_id();
        self.next += 1;
        id
    }

    /// The id that the next version will get.
    pub fn next_id(&self) -> String {
        format!("v{}", self.next)
    }

    /// All versions, oldest first.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The one that serves.
    pub fn active(&self) -> Option<&Version> {
        self.versions.iter().find(|it| it.status == Status::Active)
    }

    /// Adds a version; if it is active, the one before retires.
    pub fn add(&mut self, version: Version) {
        if version.status == Status::Active {
            self.change_active(Status::Retired, "");
        }
        self.versions.push(version);
    }

    fn change_active(&mut self, status: Status, reason: &str) {
        for it in self.versions.iter_mut().filter(|it| it.status == Status::Active) {
            it.status = status;
            reason.clone_into(&mut it.reason);
        }
    }

    /// The version that serves is of no use any more.
    pub fn lose_active(&mut self, reason: &str) {
        self.change_active(Status::RolledBack, reason);
    }

    /// The version that `rollback` would go to: the newest retired one, or the one that is named.
    pub fn earlier(&self, wanted: Option<&str>) -> Result<&Version, VersionError> {
        match wanted {
            Some(id) => self.servable(id),
            None => {
                let retired = |it: &&Version| it.status == Status::Retired && !it.artifact_sha256.is_empty();
                self.versions.iter().rev().find(retired).ok_or(VersionError::NothingRetired)
            }
        }
    }

    /// A version that could serve.
    pub fn servable(&self, id: &str) -> Result<&Version, VersionError> {
        let found = self.versions.iter().find(|it| it.version_id == id);
        match found {
            None => {
                let ids: Vec<&str> = self.versions.iter().map(|it| it.version_id.as_str()).collect();
                let ids = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
                Err(VersionError::Unknown(id.to_owned(), ids))
            }
            Some(it) if it.status == Status::Active => Err(VersionError::Active(id.to_owned())),
            Some(it) if it.artifact_sha256.is_empty() => Err(VersionError::NoArtifact(id.to_owned())),
            Some(it) => Ok(it),
        }
    }

    /// Lets another version serve; the one that did is taken back or retires.
    pub fn activate(&mut self, id: &str, before: Status, reason: &str) -> Result<(), VersionError> {
        self.servable(id)?;
        self.change_active(before, reason);
        for it in self.versions.iter_mut().filter(|it| it.version_id == id) {
            it.status = Status::Active;
            it.reason.clear();
        }
        Ok(())
    }

    /// Removes versions until at most `most` are left, and names them: the oldest that was refused, then the oldest that is
    /// retired. What serves or was taken back stays, and so does the newest, whatever became of it.
    pub fn prune(&mut self, most: usize) -> Vec<String> {
        let mut removed = vec![];
        while self.versions.len() > most.max(1) {
            let n_old = self.versions.len() - 1;
            let oldest = |status| self.versions.iter().take(n_old).position(|it| it.status == status);
            let Some(idx) = oldest(Status::Refused).or_else(|| oldest(Status::Retired)) else { break };
            removed.push(self.versions.remove(idx).version_id);
        }
        // What was taken back stays for people to look at, but not for ever.
        while self.versions.len() > most.max(1).saturating_mul(2) {
            let Some(idx) = self.versions.iter().position(|it| it.status == Status::RolledBack) else { break };
            removed.push(self.versions.remove(idx).version_id);
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(registry: &mut Registry, status: Status) -> Version {
        Version {
            version_id: registry.take_id(),
            metric_key: registry.metric_key.clone(),
            model_class: "linear_trend".to_owned(),
            trained_at: Timestamp::from_secs(1),
            training_policy: Policy::FullRetrain,
            drift_score_at_trigger: None,
            mae: Some(1.0),
            mape: None,
            mase: None,
            n_samples: 30,
            status,
            reason: String::new(),
            artifact_sha256: if status == Status::Refused { String::new() } else { "00".to_owned() },
            extra: Map::new(),
        }
    }

    fn list(registry: &Registry) -> String {
        let one = |it: &Version| format!("{}:{:?}", it.version_id, it.status);
        registry.versions().iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn with(statuses: &[Status]) -> Registry {
        let mut registry = Registry::new("m");
        for status in statuses {
            let it = version(&mut registry, *status);
            registry.add(it);
        }
        registry
    }

    #[test]
    fn ids_are_unique_and_one_is_active_after_many_trainings() {
        let mut registry = with(&[Status::Active; 12]);
        assert_eq!(registry.prune(5).len(), 7);
        assert_eq!(list(&registry), "v8:Retired v9:Retired v10:Retired v11:Retired v12:Active");
        // Also over a save.
        let mut registry: Registry = serde_json::from_slice(&serde_json::to_vec(&registry).unwrap()).unwrap();
        assert_eq!(registry.take_id(), "v13");
    }

    #[test]
    fn rollback_goes_to_the_newest_retired_one_and_promote_to_any() {
        let mut registry = with(&[Status::Active, Status::Active, Status::Refused, Status::Active]);
        let earlier = registry.earlier(None).unwrap().version_id.clone();
        assert_eq!(earlier, "v2");
        registry.activate(&earlier, Status::RolledBack, "by hand").unwrap();
        assert_eq!(list(&registry), "v1:Retired v2:Active v3:Refused v4:RolledBack");
        registry.activate("v4", Status::Retired, "").unwrap();
        assert_eq!(list(&registry), "v1:Retired v2:Retired v3:Refused v4:Active");
        assert_eq!(registry.activate("v4", Status::Retired, ""), Err(VersionError::Active("v4".to_owned())));
        assert_eq!(registry.activate("v3", Status::Retired, ""), Err(VersionError::NoArtifact("v3".to_owned())));
        let error = registry.activate("v9", Status::Retired, "").unwrap_err().to_string();
        assert_eq!(error, "there is no version \"v9\"; there are v1, v2, v3, v4");
        assert_eq!(with(&[Status::Active]).earlier(None), Err(VersionError::NothingRetired));
    }

    #[test]
    fn what_was_refused_goes_before_what_one_can_go_back_to() {
        let mut registry = with(&[Status::Active, Status::Refused, Status::Refused, Status::Refused, Status::Active]);
        assert_eq!(registry.prune(3), ["v2", "v3"]);
        assert_eq!(list(&registry), "v1:Retired v4:Refused v5:Active");
    }

    #[test]
    fn what_serves_or_was_taken_back_outlives_what_is_retired() {
        let mut registry = with(&[Status::RolledBack, Status::Active, Status::Refused, Status::Refused]);
        assert_eq!(registry.prune(2), ["v3"]);
        assert_eq!(registry.prune(2), Vec::<String>::new());
        assert_eq!(list(&registry), "v1:RolledBack v2:Active v4:Refused");
    }
}
