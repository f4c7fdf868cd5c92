//! Which versions has a model, and what is each for? One answers, one may be asked in its shadow, one may answer a share
//! of the requests. Promoting a version makes it the one that answers, from the next request on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use signal::Metric;

use crate::config::{CanaryConfig, ModelConfig};
use crate::counts::Counts;
use crate::error::PredictError;
use crate::folder::{self, Loaded, OnnxLoader};

/// A model with its versions.
pub struct Served {
    /// Its name.
    pub name: Arc<str>,
    /// At least one.
    pub versions: Vec<Version>,
    /// What each is for; read by every request, written by a promotion.
    places: RwLock<Places>,
    promotions: AtomicU64,
}

/// A version that is loaded.
pub struct Version {
    /// Its name.
    pub name: Arc<str>,
    /// The model.
    pub loaded: Loaded,
    /// What it has done.
    pub counts: Counts,
}

/// What versions are for, by their places.
#[derive(Clone, Copy)]
struct Places {
    default: usize,
    shadow: Option<usize>,
    /// With its share in percent.
    canary: Option<(usize, f64)>,
}

/// What versions are for, by their names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Roles {
    /// The version that answers.
    pub default: String,
    /// The version that is asked the same, whose answers are only logged.
    pub shadow: Option<String>,
    /// The version that answers a share of the requests, in percent.
    pub canary: Option<(String, f64)>,
}

impl Roles {
    /// What they are once this version answers; its earlier role ends, the others stay.
    #[must_use]
    pub fn promoted(&self, version: &str) -> Self {
        Self {
            default: version.to_owned(),
            shadow: self.shadow.clone().filter(|it| it != version),
            canary: self.canary.clone().filter(|it| it.0 != version),
        }
    }

    /// What a version is for: `default`, `shadow`, `canary 10 %`, or nothing in particular.
    pub fn of(&self, version: &str) -> String {
        match &self.canary {
            _ if self.default == version => "default".to_owned(),
            Some((name, percent)) if name == version => format!("canary {percent} %"),
            _ if self.shadow.as_deref() == Some(version) => "shadow".to_owned(),
            _ => String::new(),
        }
    }
}

impl Served {
    pub(crate) fn load(config: &ModelConfig, onnx: Option<&OnnxLoader>) -> Result<Self, Vec<String>> {
        let (mut versions, mut problems) = (vec![], vec![]);
        for it in config.all_versions() {
            match folder::load(&it, onnx) {
                Ok(loaded) => {
                    let name = Arc::from(it.version.as_str());
                    versions.push(Version { name, loaded, counts: Counts::default() });
                }
                Err(problem) => problems.push(format!("version {}: {problem}", it.version)),
            }
        }
        if versions.is_empty() || !problems.is_empty() {
            return Err(problems);
        }
        let place = |name: &str| versions.iter().position(|it| &*it.name == name);
        let default = config.default_version.as_deref().and_then(place).unwrap_or(versions.len() - 1);
        let shadow = config.shadow.as_deref().and_then(place);
        let share = |it: &CanaryConfig| Some((place(&it.version)?, it.percent));
        let canary = config.canary.as_ref().and_then(share);
        let places = RwLock::new(Places { default, shadow, canary });
        Ok(Self { name: config.name.as_str().into(), versions, places, promotions: AtomicU64::new(0) })
    }

    /// The place of a version.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn place(&self, version: &str) -> Result<usize, PredictError> {
        self.versions.iter().position(|it| &*it.name == version).ok_or_else(|| {
            let known: Vec<&str> = self.versions.iter().map(|it| &*it.name).collect();
            let (name, known) = (&self.name, known.join(", "));
            PredictError::NotFound(format!("model {name:?} has no version {version:?}; it has {known}"))
        })
    }

    /// The version for a request that names none.
    pub(crate) fn usual(&self, key: &str) -> usize {
        let places = self.places();
        let place = || 100.0 * (xxhash_rust::xxh3::xxh3_64(key.as_bytes()) as f64 / u64::MAX as f64);
        match places.canary {
            Some((version, percent)) if place() < percent => version,
            _ => places.default,
        }
    }

    /// The version that answers if nothing else is said.
    pub fn default_version(&self) -> Option<&Version> {
        self.versions.get(self.places().default)
    }

    pub(crate) fn shadow(&self) -> Option<&Version> {
        self.places().shadow.and_then(|it| self.versions.get(it))
    }

    /// What the version at this place is for: `default`, `shadow`, `canary`, or nothing in particular.
    pub fn role(&self, version: usize) -> Option<&'static str> {
        let places = self.places();
        if places.default == version {
            Some("default")
        } else if places.shadow == Some(version) {
            Some("shadow")
        } else {
            places.canary.is_some_and(|it| it.0 == version).then_some("canary")
        }
    }

    /// What all versions are for.
    pub fn roles(&self) -> Roles {
        let places = self.places();
        let name = |it: usize| self.versions.get(it).map(|it| it.name.to_string());
        Roles {
            default: name(places.default).unwrap_or_default(),
            shadow: places.shadow.and_then(name),
            canary: places.canary.and_then(|it| Some((name(it.0)?, it.1))),
        }
    }

    /// Gives versions these roles, from the next request on.
    ///
    /// # Errors
    /// If one of them is not there; nothing changes then.
    pub fn set_roles(&self, roles: &Roles) -> Result<(), PredictError> {
        let places = Places {
            default: self.place(&roles.default)?,
            shadow: roles.shadow.as_deref().map(|it| self.place(it)).transpose()?,
            canary: match &roles.canary {
                Some((version, percent)) => Some((self.place(version)?, *percent)),
                None => None,
            },
        };
        *self.places.write().unwrap_or_else(PoisonError::into_inner) = places;
        Ok(())
    }

    /// A version was promoted.
    pub fn note_promotion(&self) {
        self.promotions.fetch_add(1, Ordering::Relaxed);
    }

    /// A plain value: what another thread left is whole.
    fn places(&self) -> Places {
        *self.places.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let help = "Versions of a model that were made the one that answers, since the start.";
        let n = self.promotions.load(Ordering::Relaxed);
        let mut metrics =
            vec![Metric::counter("sentinel_predict_promotions_total", help, n).label("model", &self.name)];
        for (place, it) in self.versions.iter().enumerate() {
            let is_default = f64::from(u8::from(self.places().default == place));
            let gauge =
                Metric::gauge("sentinel_predict_default_version", "1 for the version that answers.", is_default);
            metrics.push(gauge.label("model", &self.name).label("version", &it.name));
        }
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promoted_version_has_one_role_and_the_others_keep_theirs() {
        let roles =
            Roles { default: "1".to_owned(), shadow: Some("3".to_owned()), canary: Some(("2".to_owned(), 5.0)) };
        assert_eq!(["1", "2", "3", "4"].map(|it| roles.of(it)), ["default", "canary 5 %", "shadow", ""]);
        let after = roles.promoted("2");
        assert_eq!(["1", "2", "3", "4"].map(|it| after.of(it)), ["", "default", "shadow", ""]);
        assert_eq!(roles.promoted("3").of("2"), "canary 5 %");
        assert_eq!(roles.promoted("1"), roles);
    }
}
