//! Ends a run of an Airflow DAG: the undo of `airflow_run`.
//!
//! A run that has not ended is marked as failed, which ends its tasks; what they did already stays. Without such a run, or
//! when it has ended, nothing is done.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use signal::StepKind;

use crate::config::Config;
use crate::placeholder::{self, Facts};
use crate::refusal::Refusal;
use crate::remedy::airflow::{Api, Dag, State};
use crate::remedy::airflow_run::{default_run_id, problems_of_run};
use crate::remedy::{Acting, Effect, Remedy, Template, Tools};

/// An airflow_stop step of a playbook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AirflowStop {
    /// Where Airflow answers, as in the step that is undone. Required.
    pub url: String,
    /// `v2` (Airflow 3) or `v1` (Airflow 2). Default v2.
    #[serde(default)]
    pub api: Api,
    /// The DAG. Required.
    pub dag: String,
    /// The id of the run, as in the step that is undone. Default `sentinel-{incident}`.
    #[serde(default = "default_run_id")]
    pub run_id: String,
}

impl Template for AirflowStop {
    fn validate(&self, config: &Config) -> Vec<String> {
        problems_of_run(&self.url, self.api, &self.dag, &self.run_id, config)
    }

    fn plan(&self, facts: &Facts, config: &Config) -> Result<StepKind, Refusal> {
        let run_id = placeholder::fill(&self.run_id, facts)?;
        let stop = Stop(Dag { url: self.url.clone(), api: self.api, dag: self.dag.clone(), run_id });
        stop.permit(config)?;
        let Dag { url, api, dag, run_id } = stop.0;
        Ok(StepKind::AirflowStop { url, api: api.name().to_owned(), dag, run_id })
    }
}

/// A run that is to end.
pub struct Stop(pub Dag);

impl Stop {
    async fn stop(&self, tools: &Tools<'_>) -> Effect {
        let answer = match self.0.send(Method::GET, &self.0.run(), None, tools).await {
            Ok(it) => it,
            Err(problem) => return Effect::failed(problem),
        };
        match (answer.status, answer.state()) {
            (404, _) => return Effect::ok(format!("there is no run {}", self.0.run_id)),
            (200, state @ (State::Success | State::Failed)) => {
                return Effect::ok(format!("the run {} has ended: {}", self.0.run_id, state.word()));
            }
            (200, _) => {}
            _ => return Effect::failed(answer.told()),
        }
        match self.0.send(Method::PATCH, &self.0.run(), Some(&json!({"state": "failed"})), tools).await {
            Ok(answer) if (200..300).contains(&answer.status) => {
                Effect::ok(format!("the run {} was ended", self.0.run_id))
            }
            Ok(answer) => Effect::failed(answer.told()),
            Err(problem) => Effect::failed(problem),
        }
    }
}

impl Remedy for Stop {
    fn permit(&self, config: &Config) -> Result<(), Refusal> {
        self.0.permit(config)
    }

    fn describe(&self) -> String {
        format!("end the run {} of the DAG {} at {}", self.0.run_id, self.0.dag, self.0.url)
    }

    fn carry_out<'a>(&'a self, tools: &'a Tools<'a>) -> Acting<'a> {
        Box::pin(self.stop(tools))
    }
}
