//! Models that answer requests here: which version does, and who may say so?

use serde::Serialize;
use signal::PortError;

use crate::ModelVersion;

/// Models that are served.
pub trait ServedModels: Send + Sync {
    /// All of them, in the order of the configuration.
    fn served(&self) -> Vec<ServedModel>;
    /// Makes a version the one that answers, from the next request on. Durable and in the ledger when it returns.
    fn promote(&self, model: &str, version: &str, actor: &str) -> Result<Promoted, PortError>;
}

/// A model with its versions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServedModel {
    /// Its name.
    pub name: String,
    /// Its versions, each with what it is for now.
    pub versions: Vec<ModelVersion>,
}

/// Another version answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promoted {
    /// `promoted`.
    pub status: &'static str,
    /// The model.
    pub model: String,
    /// The version that answers now.
    pub version: String,
    /// The one that answered before; promoting it takes this back.
    pub before: String,
}
