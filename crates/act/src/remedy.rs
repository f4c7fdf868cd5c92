//! What can a step do? One file per remedy; `catalog` is the table.

mod airflow;
mod airflow_run;
mod airflow_stop;
mod catalog;
mod command;
#[cfg(test)]
mod fuzzed;
mod terminate_process;
mod train;
mod webhook;

use std::pin::Pin;

use signal::StepKind;

pub use airflow_run::AirflowRun;
pub use airflow_stop::AirflowStop;
pub use catalog::{StepTemplate, remedy};
pub use command::Command;
pub use terminate_process::TerminateProcess;
pub use train::Train;
pub use webhook::Webhook;

use crate::config::Config;
use crate::placeholder::Facts;
use crate::refusal::Refusal;

/// A step as a playbook writes it.
pub trait Template {
    /// All problems, each naming its key below the step.
    fn validate(&self, config: &Config) -> Vec<String>;
    /// The step for these facts.
    fn plan(&self, facts: &Facts, config: &Config) -> Result<StepKind, Refusal>;
}

/// A typed step that can be carried out.
pub trait Remedy: Send + Sync {
    /// Is it allowed by the configuration as it is now? Asked when it is planned and again just before it is done.
    fn permit(&self, config: &Config) -> Result<(), Refusal>;
    /// One line for people: what will be done.
    fn describe(&self) -> String;
    /// True if its own outcome is the proof that it did what it should, so that no signal has to recover.
    fn proves_itself(&self) -> bool {
        false
    }
    /// Does it. Never panics, always ends: every wait inside has a limit.
    fn carry_out<'a>(&'a self, tools: &'a Tools<'a>) -> Acting<'a>;
}

/// A remedy at work.
pub type Acting<'a> = Pin<Box<dyn Future<Output = Effect> + Send + 'a>>;

/// What remedies work with.
pub struct Tools<'a> {
    /// Limits and allow-lists.
    pub config: &'a Config,
    /// For webhooks: no redirects, no proxy, with a time limit.
    pub client: &'a reqwest::Client,
    /// The same for the same step of the same plan, so that a receiver can drop a repetition.
    pub idempotency_key: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// True if it did what it should.
    pub is_ok: bool,
    /// For people: status, exit code, first bytes of the output (untrusted), or the error.
    pub detail: String,
}

impl Effect {
    fn ok(detail: impl Into<String>) -> Self {
        Self { is_ok: true, detail: detail.into() }
    }

    fn failed(detail: impl Into<String>) -> Self {
        Self { is_ok: false, detail: detail.into() }
    }
}

/// Problems of the allow-lists themselves.
pub fn validate_allow_lists(config: &Config) -> Vec<String> {
    let commands = config.allowed_commands.iter().enumerate().filter_map(|(idx, it)| {
        let problem = command::problem_of_program(it)?;
        Some(format!("act.allowed_commands[{idx}]: {it:?} {problem}"))
    });
    let prefixes = config.allowed_webhook_prefixes.iter().enumerate().filter_map(|(idx, it)| {
        let problem = webhook::problem_of_prefix(it)?;
        Some(format!("act.allowed_webhook_prefixes[{idx}]: {it:?} {problem}"))
    });
    let tokens = config.webhook_token_files.keys().filter_map(|it| {
        let is_allowed = config.allowed_webhook_prefixes.contains(it);
        (!is_allowed).then(|| format!("act.webhook_token_files: {it:?} is no address of act.allowed_webhook_prefixes"))
    });
    let paths = [("train_data", &config.train_data), ("train_folders", &config.train_folders)];
    let paths = paths.into_iter().flat_map(|(key, all)| {
        let problem = move |(idx, it): (usize, &String)| {
            Some(format!("act.{key}[{idx}]: {it:?} {}", train::problem_of_path(it)?))
        };
        all.iter().enumerate().filter_map(problem)
    });
    commands.chain(prefixes).chain(tokens).chain(paths).collect()
}

/// The first bytes of foreign output, printable, for a step's outcome.
fn excerpt(bytes: &[u8]) -> String {
    const MAX_CHARS: usize = 500;
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    let mut shown: String = text.chars().take(MAX_CHARS).map(|it| if it.is_control() { ' ' } else { it }).collect();
    if text.chars().count() > MAX_CHARS {
        shown.push_str("...");
    }
    shown
}
