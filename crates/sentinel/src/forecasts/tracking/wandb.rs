//! How is Weights & Biases told? A run for each training, with its parameters and, as its summary, how good it is.
//!
//! The two requests of its public client: the mutation `upsertBucket` of the GraphQL API makes the run, the file stream
//! of the run takes history and summary and ends it (<https://github.com/wandb/wandb>).

use forecast::WandbConfig;
use reqwest::Client;
use serde_json::{Map, Value, json};

use super::{TrackError, Training, asked, secret};

const MUTATION: &str = "mutation UpsertBucket($name: String, $project: String, $entity: String, $displayName: String, \
    $config: JSONString, $tags: [String!]) { upsertBucket(input: {name: $name, modelName: $project, entityName: $entity, \
    displayName: $displayName, config: $config, tags: $tags}) { bucket { id name project { name entity { name } } } } }";

/// A project of an account.
pub struct Wandb {
    config: WandbConfig,
    client: Client,
}

impl Wandb {
    /// As configured.
    pub fn new(config: &WandbConfig, client: &Client) -> Self {
        Self { config: config.clone(), client: client.clone() }
    }

    /// Writes one run.
    pub async fn tell(&self, training: &Training) -> Result<(), TrackError> {
        let base = self.config.base_url.trim_end_matches('/');
        let key = secret(&self.config.api_key_file)?;
        let request = || self.client.post(format!("{base}/graphql")).basic_auth("api", Some(&key));
        let config: Map<String, Value> =
            training.parameters().into_iter().map(|(key, value)| (key, json!({"value": value}))).collect();
        let variables = json!({
            "name": run_id(training),
            "project": self.config.project,
            "entity": self.config.entity,
            "displayName": training.name(),
            "config": Value::Object(config).to_string(),
            "tags": ["sentinel", training.status()],
        });
        let answer = asked(request(), "upsertBucket", &json!({"query": MUTATION, "variables": variables})).await?;
        let of_bucket = |place: &str| answer.pointer(&format!("/data/upsertBucket/bucket{place}"))?.as_str();
        let (Some(name), Some(project), Some(entity)) =
            (of_bucket("/name"), of_bucket("/project/name"), of_bucket("/project/entity/name"))
        else {
            let errors = answer.get("errors").map(Value::to_string).unwrap_or_default();
            return Err(TrackError::Refused(format!("upsertBucket: {errors}")));
        };
        let stream = self.client.post(format!("{base}/files/{entity}/{project}/{name}/file_stream"));
        asked(stream.basic_auth("api", Some(&key)), "file_stream", &stream_of(training)).await.map(drop)
    }
}

/// History of one step, the summary, and the end.
fn stream_of(training: &Training) -> Value {
    let mut numbers: Map<String, Value> =
        training.metrics().into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
    let summary = Value::Object(numbers.clone()).to_string();
    numbers.insert("_step".to_owned(), json!(0));
    numbers.insert("_timestamp".to_owned(), json!(training.millis.1 as f64 / 1000.0));
    json!({
        "files": {
            "wandb-history.jsonl": {"offset": 0, "content": [Value::Object(numbers).to_string()]},
            "wandb-summary.json": {"offset": 0, "content": [summary]},
        },
        "complete": true,
        "exitcode": 0,
    })
}

/// The same for the same version, so that a try after a lost answer makes no second run.
fn run_id(training: &Training) -> String {
    let labels = signal::Labels::new([("key", training.version.metric_key.as_str())]);
    format!("{}-{}", labels.id(), training.version.version_id)
}
