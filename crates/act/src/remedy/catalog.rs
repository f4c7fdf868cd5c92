//! Which remedies are there? The table: one variant per remedy in each of the two functions.

use serde::{Deserialize, Serialize};

use signal::StepKind;

use crate::remedy::airflow::{Api, Dag};
use crate::remedy::airflow_run::{self, AirflowRun};
use crate::remedy::airflow_stop::{self, AirflowStop};
use crate::remedy::command::{self, Command};
use crate::remedy::terminate_process::{self, TerminateProcess};
use crate::remedy::train::{self, Train};
use crate::remedy::webhook::{self, Webhook};
use crate::remedy::{Remedy, Template};

/// What a step of a playbook does, by its `type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StepTemplate {
    /// An HTTP request to an allowed address.
    Webhook(Webhook),
    /// A program from the allow-list.
    Command(Command),
    /// A run of an Airflow DAG.
    AirflowRun(AirflowRun),
    /// Ends a run of an Airflow DAG.
    AirflowStop(AirflowStop),
    /// Trains a model into a new version.
    Train(Train),
    /// Ends the process that the diagnosis blames.
    TerminateProcess(TerminateProcess),
}

impl StepTemplate {
    /// The template of any remedy.
    pub fn template(&self) -> &dyn Template {
        match self {
            Self::Webhook(it) => it,
            Self::Command(it) => it,
            Self::AirflowRun(it) => it,
            Self::AirflowStop(it) => it,
            Self::Train(it) => it,
            Self::TerminateProcess(it) => it,
        }
    }
}

/// The remedy that carries out a typed step.
pub fn remedy(step: &StepKind) -> Box<dyn Remedy> {
    match step {
        StepKind::Webhook { method, url, body } => Box::new(webhook::Request::new(method, url, body)),
        StepKind::Command { argv } => Box::new(command::Invocation::new(argv)),
        StepKind::AirflowRun { url, api, dag, run_id, conf, wait_secs } => {
            Box::new(airflow_run::Run::new(dag_of(url, api, dag, run_id), conf, *wait_secs))
        }
        StepKind::AirflowStop { url, api, dag, run_id } => Box::new(airflow_stop::Stop(dag_of(url, api, dag, run_id))),
        StepKind::Train { data, target, name, out, trees, ignore } => Box::new(train::Training {
            data: data.clone(),
            target: target.clone(),
            name: name.clone(),
            out: out.clone(),
            trees: *trees,
            ignore: ignore.clone(),
        }),
        StepKind::TerminateProcess { pid, start_time, command } => {
            Box::new(terminate_process::Termination::new(*pid, *start_time, command))
        }
    }
}

fn dag_of(url: &str, api: &str, dag: &str, run_id: &str) -> Dag {
    Dag { url: url.to_owned(), api: Api::of(api), dag: dag.to_owned(), run_id: run_id.to_owned() }
}
