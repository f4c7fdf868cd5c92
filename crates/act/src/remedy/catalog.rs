//! Which remedies are there? The table: one variant per remedy in each of the two functions.

use serde::{Deserialize, Serialize};

use signal::StepKind;

use crate::remedy::command::{self, Command};
use crate::remedy::terminate_process::{self, TerminateProcess};
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
    /// Ends the process that the diagnosis blames.
    TerminateProcess(TerminateProcess),
}

impl StepTemplate {
    /// The template of any remedy.
    pub fn template(&self) -> &dyn Template {
        match self {
            Self::Webhook(it) => it,
            Self::Command(it) => it,
            Self::TerminateProcess(it) => it,
        }
    }
}

/// The remedy that carries out a typed step.
pub fn remedy(step: &StepKind) -> Box<dyn Remedy> {
    match step {
        StepKind::Webhook { method, url, body } => Box::new(webhook::Request::new(method, url, body)),
        StepKind::Command { argv } => Box::new(command::Invocation::new(argv)),
        StepKind::TerminateProcess { pid, start_time, command } => {
            Box::new(terminate_process::Termination::new(*pid, *start_time, command))
        }
    }
}
