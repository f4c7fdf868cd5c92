//! How do versions outlive the process? The registry of each series as JSON beside its artifacts.

use std::io;
use std::sync::Arc;

use forecast::{ModelChoice, Registry, Trained};

use crate::forecasts::artifacts::Artifacts;

/// What is kept of one series.
#[derive(Clone)]
pub struct Keep {
    artifacts: Arc<dyn Artifacts>,
    folder: String,
}

impl Keep {
    /// Of the series with this folder.
    pub fn new(artifacts: &Arc<dyn Artifacts>, folder: String) -> Self {
        Self { artifacts: Arc::clone(artifacts), folder }
    }

    /// Where the artifact of a version is.
    pub fn path_of(&self, version: &str) -> String {
        format!("{}/{version}/model.bin", self.folder)
    }

    fn registry_path(&self) -> String {
        format!("{}/versions.json", self.folder)
    }

    /// The versions; none if nothing was ever kept. What cannot be understood is an error.
    pub fn registry(&self) -> io::Result<Option<Registry>> {
        let Some(bytes) = self.artifacts.get(&self.registry_path())? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other)
    }

    /// Keeps the list; durable when it returns.
    pub fn save(&self, registry: &Registry) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(registry).map_err(io::Error::other)?;
        self.artifacts.put(&self.registry_path(), &bytes)
    }

    /// Keeps a new version: first its artifact, then the list that names it, then what goes is removed. A crash between
    /// them leaves a file that nobody names, never a name without a file.
    pub fn commit(&self, plan: &forecast::Plan) -> io::Result<()> {
        if let Some((version, bytes)) = &plan.artifact {
            self.artifacts.put(&self.path_of(version), bytes)?;
        }
        self.save(&plan.registry)?;
        for version in &plan.removed {
            if let Err(error) = self.artifacts.remove(&self.path_of(version)) {
                tracing::warn!(version, folder = self.folder, %error, "An old model is not removed.");
            }
        }
        Ok(())
    }

    /// Reads a version of a watch's model back.
    pub fn load(&self, version: &str, checksum: &str, choice: &ModelChoice) -> io::Result<Trained> {
        let bytes = self.artifacts.get(&self.path_of(version))?;
        let bytes = bytes.ok_or_else(|| io::Error::other(format!("{} is not there", self.path_of(version))))?;
        forecast::unpack(&bytes, checksum, choice).map_err(io::Error::other)
    }
}
