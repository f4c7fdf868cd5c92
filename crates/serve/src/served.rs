//! Models that answer requests here: which version does, and who may say so?

use serde::Serialize;
use signal::PortError;

/// Models that are served.
pub trait ServedModels: Send + Sync {
    /// Makes a version the one that answers, from the next request on. Durable and in the ledger when it returns.
    fn promote(&self, model: &str, version: &str, actor: &str) -> Result<Promoted, PortError>;
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
