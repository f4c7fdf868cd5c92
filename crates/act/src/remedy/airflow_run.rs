//! Starts a run of an Airflow DAG, for example a retraining.
//!
//! The id of the run is chosen here and stands in the plan: Airflow refuses a second run of the same id, so that a step
//! that is carried out twice starts one run. Version 2 of the API (Airflow 3) gets a bearer token, version 1 (Airflow 2)
//! a user and password, both from a file of `act.webhook_token_files`. A run goes on in Airflow by itself; `airflow_stop`
//! is its undo.
//! Source: Airflow's OpenAPI description, `POST /api/v2/dags/{dag_id}/dagRuns`.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use signal::StepKind;

use crate::config::Config;
use crate::placeholder::{self, Facts, Template as Text};
use crate::refusal::{Refusal, RefusalReason};
use crate::remedy::airflow::{Api, Dag, State};
use crate::remedy::webhook::{fill_body, problem_of_body};
use crate::remedy::{Acting, Effect, Remedy, Template, Tools};

/// How often a run is asked about.
const POLL: Duration = Duration::from_secs(2);
/// The longest wait for a run, in seconds.
const MAX_WAIT_SECS: u64 = 86_400;

/// An airflow_run step of a playbook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AirflowRun {
    /// Where Airflow answers, for example `https://airflow.example.com`; its API must be below an address of
    /// `act.allowed_webhook_prefixes`. Required.
    pub url: String,
    /// `v2` (Airflow 3) or `v1` (Airflow 2). Default v2.
    #[serde(default)]
    pub api: Api,
    /// The DAG. Required.
    pub dag: String,
    /// The id of the run; placeholders may stand in it. Default `sentinel-{incident}`.
    #[serde(default = "default_run_id")]
    pub run_id: String,
    /// What the DAG is given, as JSON; placeholders may stand in strings. Default nothing.
    #[serde(default)]
    pub conf: Value,
    /// How long to wait for the run to succeed, in seconds; 0: it is enough that Airflow has taken it. Default 0.
    #[serde(default)]
    pub wait_secs: u64,
}

pub(super) fn default_run_id() -> String {
    "sentinel-{incident}".to_owned()
}

impl Template for AirflowRun {
    fn validate(&self, config: &Config) -> Vec<String> {
        let mut problems = problems_of_run(&self.url, self.api, &self.dag, &self.run_id, config);
        if !matches!(self.conf, Value::Null | Value::Object(_)) {
            problems.push("conf: must be an object".to_owned());
        }
        problems.extend(problem_of_body(&self.conf).map(|it| format!("conf: {it}")));
        if self.wait_secs > MAX_WAIT_SECS {
            problems.push(format!("wait_secs: must be at most {MAX_WAIT_SECS}"));
        }
        problems
    }

    fn plan(&self, facts: &Facts, config: &Config) -> Result<StepKind, Refusal> {
        let conf = match &self.conf {
            Value::Null => "{}".to_owned(),
            conf => fill_body(conf, facts)?.to_string(),
        };
        let run_id = placeholder::fill(&self.run_id, facts)?;
        let dag = Dag { url: self.url.clone(), api: self.api, dag: self.dag.clone(), run_id };
        let run = Run { dag, conf, wait_secs: self.wait_secs };
        run.permit(config)?;
        let Run { dag: Dag { url, api, dag, run_id }, conf, wait_secs } = run;
        Ok(StepKind::AirflowRun { url, api: api.name().to_owned(), dag, run_id, conf, wait_secs })
    }
}

/// Problems of the parts that name a run.
pub(super) fn problems_of_run(url: &str, api: Api, dag: &str, run_id: &str, config: &Config) -> Vec<String> {
    let mut problems = vec![];
    if !placeholder::is_safe(dag) {
        problems.push(format!("dag: {dag:?} is no plain name"));
    }
    match Text::parse(run_id) {
        Err(problem) => problems.push(format!("run_id: {problem}")),
        Ok(text) if !placeholder::is_safe(&text.with_dummies("x")) => {
            problems.push("run_id: must be made of letters, digits and . _ : - +".to_owned());
        }
        Ok(_) => {}
    }
    let named = Dag { url: url.to_owned(), api, dag: dag.to_owned(), run_id: "x".to_owned() };
    if problems.is_empty() {
        problems.extend(named.permit(config).err().map(|it| format!("url: {}", it.text)));
    }
    problems
}

/// A run that is ready to be started.
pub struct Run {
    dag: Dag,
    /// JSON.
    conf: String,
    wait_secs: u64,
}

impl Run {
    /// From the parts of a typed step.
    pub fn new(dag: Dag, conf: &str, wait_secs: u64) -> Self {
        Self { dag, conf: conf.to_owned(), wait_secs }
    }

    async fn start(&self, tools: &Tools<'_>) -> Effect {
        let Ok(conf) = serde_json::from_str::<Value>(&self.conf) else {
            return Effect::failed("the conf of the step is no JSON");
        };
        let mut body = json!({
            "dag_run_id": self.dag.run_id, "conf": conf, "note": "Started by Sentinel; the plan is in its ledger.",
        });
        if self.dag.api == Api::V2
            && let Some(fields) = body.as_object_mut()
        {
            // It must be there, and without one the run is of no interval of its schedule.
            fields.insert("logical_date".to_owned(), Value::Null);
        }
        let answer = match self.dag.send(Method::POST, &self.dag.runs(), Some(&body), tools).await {
            Ok(it) => it,
            Err(problem) => return Effect::failed(problem),
        };
        let begun = match answer.status {
            200..=299 => format!("HTTP {}: the run {} is {}", answer.status, self.dag.run_id, answer.state().word()),
            409 => match self.found(&conf, tools).await {
                Ok(text) => text,
                Err(problem) => return Effect::failed(problem),
            },
            _ => return Effect::failed(answer.told()),
        };
        if self.wait_secs == 0 { Effect::ok(begun) } else { self.wait(tools).await }
    }

    /// The run of this id that is there already; an error if it is another one, or has failed.
    async fn found(&self, conf: &Value, tools: &Tools<'_>) -> Result<String, String> {
        let answer = self.dag.send(Method::GET, &self.dag.run(), None, tools).await?;
        if answer.status != 200 {
            return Err(answer.told());
        }
        if answer.body.get("conf").unwrap_or(&Value::Null) != conf {
            return Err(format!("there is a run {} with another conf", self.dag.run_id));
        }
        match answer.state() {
            State::Failed => Err(format!("the run {} has failed before; clear it in Airflow", self.dag.run_id)),
            state => Ok(format!("the run {} was there already and is {}", self.dag.run_id, state.word())),
        }
    }

    async fn wait(&self, tools: &Tools<'_>) -> Effect {
        let begin = Instant::now();
        let limit = Duration::from_secs(self.wait_secs);
        let mut last = "unknown".to_owned();
        loop {
            match self.dag.send(Method::GET, &self.dag.run(), None, tools).await {
                Ok(answer) if answer.status == 200 => match answer.state() {
                    State::Success => return Effect::ok(format!("the run {} has succeeded", self.dag.run_id)),
                    State::Failed => return Effect::failed(format!("the run {} has failed", self.dag.run_id)),
                    state => state.word().clone_into(&mut last),
                },
                // An Airflow that restarts is asked again.
                Ok(answer) => last = answer.told(),
                Err(problem) => last = problem,
            }
            if begin.elapsed() >= limit {
                return Effect::failed(format!(
                    "the run {} has not succeeded within {} s; it is {last}",
                    self.dag.run_id, self.wait_secs
                ));
            }
            tokio::time::sleep(POLL.min(limit / 4)).await;
        }
    }
}

impl Remedy for Run {
    fn permit(&self, config: &Config) -> Result<(), Refusal> {
        if self.wait_secs > MAX_WAIT_SECS {
            let text = format!("a run is waited for {MAX_WAIT_SECS} s at most");
            return Err(Refusal::new(RefusalReason::NotAllowed, text));
        }
        self.dag.permit(config)
    }

    fn describe(&self) -> String {
        format!("start the run {} of the DAG {} at {} with {}", self.dag.run_id, self.dag.dag, self.dag.url, self.conf)
    }

    fn carry_out<'a>(&'a self, tools: &'a Tools<'a>) -> Acting<'a> {
        Box::pin(self.start(tools))
    }
}
