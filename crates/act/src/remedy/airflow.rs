//! How is Airflow spoken to? Addresses, credentials and answers of both versions of its API.

use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;
use crate::placeholder;
use crate::refusal::{Refusal, RefusalReason};
use crate::remedy::webhook::{causes, permit_url, token};
use crate::remedy::{Tools, excerpt};

/// The most of an answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 65_536;

/// Versions of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// Of Airflow 3, with a bearer token.
    #[default]
    V2,
    /// Of Airflow 2, with a user and password.
    V1,
}

impl Api {
    /// Its name in paths.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V1 => "v1",
        }
    }

    /// By its name; an unknown one is the newer.
    pub fn of(name: &str) -> Self {
        if name == "v1" { Self::V1 } else { Self::V2 }
    }
}

/// A run of a DAG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dag {
    /// Where Airflow answers.
    pub url: String,
    /// By which API.
    pub api: Api,
    /// The DAG.
    pub dag: String,
    /// The run.
    pub run_id: String,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It has ended well.
    Success,
    /// It has ended badly.
    Failed,
    /// Anything else, in Airflow's words.
    Other(String),
}

impl State {
    /// Airflow's word.
    pub fn word(&self) -> &str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Other(word) => word,
        }
    }
}

/// What Airflow answers.
pub struct Answer {
    /// Status of HTTP.
    pub status: u16,
    /// JSON; null if it is none.
    pub body: Value,
    text: String,
}

impl Answer {
    /// The state of the run that it tells of.
    pub fn state(&self) -> State {
        match self.body.get("state").and_then(Value::as_str) {
            Some("success") => State::Success,
            Some("failed") => State::Failed,
            Some(word) => State::Other(excerpt(word.as_bytes())),
            None => State::Other("unknown".to_owned()),
        }
    }

    /// For people.
    pub fn told(&self) -> String {
        format!("HTTP {}: {}", self.status, self.text)
    }
}

impl Dag {
    /// The address of all runs.
    pub fn runs(&self) -> String {
        format!("{}/api/{}/dags/{}/dagRuns", self.url.trim_end_matches('/'), self.api.name(), self.dag)
    }

    /// The address of this run. A checked id has no character that a path would have to escape.
    pub fn run(&self) -> String {
        format!("{}/{}", self.runs(), self.run_id)
    }

    /// Whether its address is allowed, and its names are plain.
    pub fn permit(&self, config: &Config) -> Result<(), Refusal> {
        if let Some(name) = [&self.dag, &self.run_id].into_iter().find(|it| !placeholder::is_safe(it)) {
            return Err(Refusal::new(RefusalReason::NotAllowed, format!("{name:?} is no plain name")));
        }
        permit_url(&self.runs(), config)?;
        permit_url(&self.run(), config)
    }

    /// Asks; an error if there is no answer.
    pub async fn send(
        &self,
        method: Method,
        address: &str,
        body: Option<&Value>,
        tools: &Tools<'_>,
    ) -> Result<Answer, String> {
        let url = Url::parse(address).map_err(|error| format!("{address:?} is no address: {error}"))?;
        let secret = token(&url, tools.config)?;
        let mut request = tools.client.request(method, url).header("accept", "application/json");
        request = match (self.api, secret) {
            (_, None) => request,
            (Api::V2, Some(token)) => request.bearer_auth(token),
            (Api::V1, Some(secret)) => match secret.split_once(':') {
                Some((user, password)) => request.basic_auth(user, Some(password)),
                None => return Err("the file of act.webhook_token_files must hold USER:PASSWORD for api v1".to_owned()),
            },
        };
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let mut answer = request.send().await.map_err(|error| format!("no answer: {}", causes(&error)))?;
        let status = answer.status().as_u16();
        let mut bytes = vec![];
        while let (true, Ok(Some(chunk))) = (bytes.len() < MAX_ANSWER_BYTES, answer.chunk().await) {
            bytes.extend_from_slice(&chunk);
        }
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, body, text: excerpt(&bytes) })
    }
}
