//! Which trackers of experiments are told of trainings?

use serde::{Deserialize, Serialize};

/// Trackers of experiments, which get a run for each training.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrackingConfig {
    /// An MLflow tracking server. Default: none.
    pub mlflow: Option<MlflowConfig>,
    /// A project of Weights & Biases. Default: none.
    pub wandb: Option<WandbConfig>,
    /// Time after which a request to a tracker has failed, in seconds, 1 to 300. Default: 30.
    pub timeout_secs: u64,
}

impl Default for TrackingConfig {
    fn default() -> Self {
        Self { mlflow: None, wandb: None, timeout_secs: 30 }
    }
}

/// An MLflow tracking server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MlflowConfig {
    /// Its address, such as http://localhost:5000. Must be given.
    pub tracking_uri: String,
    /// Name of the experiment; it is made if it is not there. Default: sentinel.
    pub experiment: String,
    /// File with a bearer token. Default: none.
    pub token_file: Option<String>,
}

impl Default for MlflowConfig {
    fn default() -> Self {
        Self { tracking_uri: String::new(), experiment: "sentinel".to_owned(), token_file: None }
    }
}

/// A project of Weights & Biases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WandbConfig {
    /// Address of the server. Default: <https://api.wandb.ai>.
    pub base_url: String,
    /// Account or team. Default: none; the account of the key.
    pub entity: Option<String>,
    /// Name of the project. Default: sentinel.
    pub project: String,
    /// File with the key of the account. Must be given.
    pub api_key_file: String,
}

impl Default for WandbConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.wandb.ai".to_owned(),
            entity: None,
            project: "sentinel".to_owned(),
            api_key_file: String::new(),
        }
    }
}

impl TrackingConfig {
    /// True if there is a tracker.
    pub const fn is_any(&self) -> bool {
        self.mlflow.is_some() || self.wandb.is_some()
    }

    /// All problems, each naming its key, the value and what is valid.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let mut address = |key: &str, value: &str| {
            if !value.starts_with("http://") && !value.starts_with("https://") {
                problems.push(format!("tracking.{key}: {value:?} is not an http:// or https:// address"));
            }
        };
        if let Some(it) = &self.mlflow {
            address("mlflow.tracking_uri", &it.tracking_uri);
        }
        if let Some(it) = &self.wandb {
            address("wandb.base_url", &it.base_url);
        }
        let names = [
            ("mlflow.experiment", self.mlflow.as_ref().map(|it| &it.experiment)),
            ("wandb.project", self.wandb.as_ref().map(|it| &it.project)),
            ("wandb.api_key_file", self.wandb.as_ref().map(|it| &it.api_key_file)),
        ];
        let empty = names.iter().filter(|it| it.1.is_some_and(|it| it.trim().is_empty()));
        problems.extend(empty.map(|it| format!("tracking.{}: \"\" is no name", it.0)));
        if !(1..=300).contains(&self.timeout_secs) {
            problems.push(format!("tracking.timeout_secs: {} is not in 1..300 (seconds)", self.timeout_secs));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_with_its_key() {
        assert_eq!(TrackingConfig::default().validate(), [""; 0]);
        let config: TrackingConfig = serde_json::from_str(
            r#"{"mlflow": {"tracking_uri": "mlflow:5000", "experiment": ""}, "wandb": {}, "timeout_secs": 0}"#,
        )
        .unwrap();
        assert_eq!(
            config.validate(),
            [
                "tracking.mlflow.tracking_uri: \"mlflow:5000\" is not an http:// or https:// address",
                "tracking.mlflow.experiment: \"\" is no name",
                "tracking.wandb.api_key_file: \"\" is no name",
                "tracking.timeout_secs: 0 is not in 1..300 (seconds)",
            ]
        );
    }
}
