//! Options of the commands that ask a running server about models.

use std::path::PathBuf;

use clap::Args;

use super::RemoteArgs;

/// Options of `models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Only models in whose key all these words occur.
    pub words: Vec<String>,
    /// Lists every version that is kept.
    #[arg(long)]
    pub versions: bool,
    /// Lists models whose predictions are compared with a reference instead.
    #[arg(long, conflicts_with = "versions")]
    pub watched: bool,
    /// Writes a served model into a new folder, with its schema and card: another server serves it from there.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["versions", "watched"])]
    pub export: Option<PathBuf>,
    /// The version to export; the default one if left out.
    #[arg(long, value_name = "VERSION", requires = "export")]
    pub version: Option<String>,
    /// Lets this version of a served model answer, from the next request on and over restarts.
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["versions", "watched", "export"])]
    pub promote: Option<String>,
    /// The server.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Which forecast model.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// The metric, the name of the watch, the key or the id of the model, as `sentinel models` lists them.
    pub metric: String,
    /// Labels of the series, as NAME=VALUE, where the metric has several.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    /// The server.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Options of `rollback` and `promote`.
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// The version, such as v3; must be given to `promote`, and may be to `rollback`.
    #[arg(long, alias = "run-id")]
    pub version: Option<String>,
}
