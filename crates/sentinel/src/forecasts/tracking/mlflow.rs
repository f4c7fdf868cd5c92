//! How is MLflow told? A run for each training, with its model as an artifact and the serving one as the alias
//! `champion` of a registered model.
//!
//! REST API 2.0: <https://mlflow.org/docs/latest/rest-api.html>.

use forecast::MlflowConfig;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::{TrackError, Training, answered, asked, secret};

/// Longest value of a parameter, in characters.
const MOST_VALUE: usize = 500;
/// The error code of what is not there, and of what is there already.
const MISSING: &str = "RESOURCE_DOES_NOT_EXIST";
const EXISTS: &str = "RESOURCE_ALREADY_EXISTS";

/// A tracking server.
pub struct Mlflow {
    config: MlflowConfig,
    client: Client,
}

impl Mlflow {
    /// As configured.
    pub fn new(config: &MlflowConfig, client: &Client) -> Self {
        Self { config: config.clone(), client: client.clone() }
    }

    /// Writes one run.
    pub async fn tell(&self, training: &Training) -> Result<(), TrackError> {
        let experiment = self.experiment().await?;
        let run = json!({
            "experiment_id": experiment,
            "run_name": training.name(),
            "start_time": training.millis.0,
            "tags": [{"key": "mlflow.source.name", "value": "sentinel"}, {"key": "mlflow.source.type", "value": "JOB"}],
        });
        let run = self.post("runs/create", run).await?;
        let id = text_of(&run, "/run/info/run_id")?;
        self.post("runs/log-batch", batch(training, &id)).await?;
        if let Some(artifact) = &training.artifact {
            self.keep(training, &id, &text_of(&run, "/run/info/artifact_uri")?, artifact).await?;
        }
        let end = json!({"run_id": id, "status": "FINISHED", "end_time": training.millis.1});
        self.post("runs/update", end).await.map(drop)
    }

    /// The id of the experiment, which is made if it is not there.
    async fn experiment(&self) -> Result<String, TrackError> {
        let name = &self.config.experiment;
        let found = self.request(Method::GET, "experiments/get-by-name", &[("experiment_name", name.as_str())])?;
        match answered(found, "experiments/get-by-name").await {
            Ok(text) => {
                let answer: Value =
                    serde_json::from_str(&text).map_err(|error| TrackError::Refused(format!("not JSON: {error}")))?;
                text_of(&answer, "/experiment/experiment_id")
            }
            Err(TrackError::Refused(why)) if why.contains(MISSING) => {
                text_of(&self.post("experiments/create", json!({"name": name})).await?, "/experiment_id")
            }
            Err(error) => Err(error),
        }
    }

    /// Uploads the model where the server keeps artifacts itself, and registers it if it serves.
    async fn keep(&self, training: &Training, run: &str, uri: &str, artifact: &[u8]) -> Result<(), TrackError> {
        // Other stores are reached with their own programs, not through the tracking server.
        let Some(path) = uri.strip_prefix("mlflow-artifacts:").map(|it| it.trim_start_matches('/')) else {
            return Ok(());
        };
        let address = format!("{}/api/2.0/mlflow-artifacts/artifacts/{path}/model/model.bin", self.base());
        let request = self.authorized(self.client.put(address))?.body(artifact.to_vec());
        answered(request, "upload of the model").await?;
        if training.is_active() { self.register(training, run, &format!("{uri}/model")).await } else { Ok(()) }
    }

    async fn register(&self, training: &Training, run: &str, source: &str) -> Result<(), TrackError> {
        let name = registered_name(&training.version.metric_key);
        match self.post("registered-models/create", json!({"name": name})).await {
            Ok(_) => {}
            Err(TrackError::Refused(why)) if why.contains(EXISTS) => {}
            Err(error) => return Err(error),
        }
        let version = json!({"name": name, "source": source, "run_id": run, "description": training.name()});
        let version = self.post("model-versions/create", version).await?;
        let number = text_of(&version, "/model_version/version")?;
        let alias = json!({"name": name, "alias": "champion", "version": number});
        self.post("registered-models/alias", alias).await.map(drop)
    }

    fn base(&self) -> &str {
        self.config.tracking_uri.trim_end_matches('/')
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, TrackError> {
        asked(self.request(Method::POST, path, &[])?, path, &body).await
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, &str)]) -> Result<RequestBuilder, TrackError> {
        let address = format!("{}/api/2.0/mlflow/{path}", self.base());
        let mut address = reqwest::Url::parse(&address).map_err(|error| TrackError::Refused(error.to_string()))?;
        if !query.is_empty() {
            address.query_pairs_mut().extend_pairs(query);
        }
        self.authorized(self.client.request(method, address))
    }

    fn authorized(&self, request: RequestBuilder) -> Result<RequestBuilder, TrackError> {
        match &self.config.token_file {
            None => Ok(request),
            Some(path) => Ok(request.header("authorization", format!("Bearer {}", secret(path)?))),
        }
    }
}

/// Parameters and metrics of a run.
fn batch(training: &Training, run: &str) -> Value {
    let time = training.millis.1;
    let metric = |(key, value)| json!({"key": key, "value": value, "timestamp": time, "step": 0});
    let parameter = |(key, value): (String, String)| json!({"key": key, "value": value.chars().take(MOST_VALUE).collect::<String>()});
    let version = &training.version;
    json!({
        "run_id": run,
        "metrics": training.metrics().into_iter().map(metric).collect::<Vec<_>>(),
        "params": training.parameters().into_iter().map(parameter).collect::<Vec<_>>(),
        "tags": [
            {"key": "sentinel.version", "value": version.version_id},
            {"key": "sentinel.status", "value": training.status()},
            {"key": "sentinel.reason", "value": version.reason},
        ],
    })
}

/// Names of registered models have no slash and no colon.
fn registered_name(key: &str) -> String {
    key.replace(['/', ':'], "_")
}

/// The text at a place such as `/run/info/run_id`.
fn text_of(value: &Value, place: &str) -> Result<String, TrackError> {
    let found = value.pointer(place).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| TrackError::Refused(format!("the answer has no {place}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_names_are_allowed() {
        assert_eq!(registered_name("job:up:rate{path=\"/a\"}"), "job_up_rate{path=\"_a\"}");
    }
}
