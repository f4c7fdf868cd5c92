//! What may be done, on whom and how often? The `act` section of the configuration.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use signal::{FaultClass, Severity};

use crate::remedy::StepTemplate;

/// Guarded actions. Off until `enabled` is set and a playbook matches; dry run until `dry_run` is cleared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Propose and carry out plans. Default false: no plan is ever made.
    pub enabled: bool,
    /// Show and record the steps of an approved plan, but do not carry them out. Default true.
    pub dry_run: bool,
    /// How long a plan can be approved and carried out after it was made, in seconds. Default 3600.
    pub approval_ttl_secs: u64,
    /// How long a playbook leaves a target alone after it has acted on it, in seconds. Default 600.
    pub cool_down_secs: u64,
    /// How many plans may be carried out within one hour, dry runs included. Default 10.
    pub max_executions_per_hour: u32,
    /// Programs that command steps may start, as absolute paths. Shells are refused. Default none.
    pub allowed_commands: Vec<String>,
    /// How long a command may run before it is killed and counts as failed, in seconds. Default 60.
    pub command_timeout_secs: u64,
    /// Addresses that webhook steps may call: scheme, host, port and the beginning of the path, for example
    /// `https://deploy.example.com/hooks/`. Default none.
    pub allowed_webhook_prefixes: Vec<String>,
    /// Files that hold bearer tokens, by the allowed address below which webhooks carry them: the longest that fits
    /// counts. A token is read when it is sent and stands in no plan. Default none.
    pub webhook_token_files: BTreeMap<String, PathBuf>,
    /// How long a webhook may take before it counts as failed, in seconds. Default 10.
    pub webhook_timeout_secs: u64,
    /// Files of data that train steps may learn from, as absolute paths. Default none.
    pub train_data: Vec<String>,
    /// Folders at or below which train steps may write versions, as absolute paths. Default none.
    pub train_folders: Vec<String>,
    /// How long a training may take before it is ended and counts as failed, in seconds. Default 3600.
    pub train_timeout_secs: u64,
    /// How long a process has to end by itself after SIGTERM before it gets SIGKILL, in seconds. Default 5.
    pub terminate_grace_secs: u64,
    /// The name under which this machine's processes are reported; a process of another host is never ended.
    /// Default empty: the name that the kernel knows.
    pub host_name: String,
    /// What is proposed for which fault. Default none.
    pub playbooks: Vec<Playbook>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: false,
            dry_run: true,
            approval_ttl_secs: 3600,
            cool_down_secs: 600,
            max_executions_per_hour: 10,
            allowed_commands: vec![],
            command_timeout_secs: 60,
            allowed_webhook_prefixes: vec![],
            webhook_token_files: BTreeMap::new(),
            webhook_timeout_secs: 10,
            train_data: vec![],
            train_folders: vec![],
            train_timeout_secs: 3600,
            terminate_grace_secs: 5,
            host_name: String::new(),
            playbooks: vec![],
        }
    }
}

/// What is proposed when a diagnosis matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    /// A name for people and for the ledger; no two playbooks share one. Required.
    pub name: String,
    /// When it applies. Required.
    pub when: Match,
    /// What is done, in order. Required, at least one.
    pub steps: Vec<StepConfig>,
    /// Who says yes: `required` (a person) or `automatic` (only if every step has an undo). Default required.
    #[serde(default)]
    pub approval: ApprovalMode,
    /// When the plan counts as a success.
    #[serde(default)]
    pub verify: Verify,
}

/// Facts of a diagnosis that a playbook asks for; all must hold for the top-ranked cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// Kinds of fault, at least one, for example `cpu_hog`. Required.
    pub fault: Vec<FaultClass>,
    /// Services or hosts, with `*` and `?`. Default all.
    #[serde(default)]
    pub services: Vec<String>,
    /// The least confidence of the cause, 0 to 1. Default 0.6.
    #[serde(default = "default_min_confidence")]
    pub min_confidence: f64,
    /// The least severity of the incident: `warning` or `critical`. Default warning.
    #[serde(default = "default_min_severity")]
    pub min_severity: Severity,
}

const fn default_min_confidence() -> f64 {
    0.6
}

const fn default_min_severity() -> Severity {
    Severity::Warning
}

/// One step and what takes it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// What is done. Required.
    pub action: StepTemplate,
    /// What takes it back; it must also be harmless when the action has done nothing. Default none: irreversible.
    #[serde(default)]
    pub undo: Option<StepTemplate>,
}

/// Who approves a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalMode {
    /// A person, by command line, API or page.
    #[default]
    Required,
    /// The playbook itself; refused where a step has no undo.
    Automatic,
}

/// When a plan counts as a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verify {
    /// How long the signal must stay inside its band, in seconds; at least two points must fall into it. Default 30.
    pub hold_secs: u64,
    /// When to give up and undo, in seconds after the last step. Default 300.
    pub timeout_secs: u64,
}

impl Default for Verify {
    fn default() -> Self {
        Self { hold_secs: 30, timeout_secs: 300 }
    }
}

impl Config {
    /// All problems, each naming its key; empty if there is none.
    pub fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        for (key, value) in [
            ("approval_ttl_secs", self.approval_ttl_secs),
            ("command_timeout_secs", self.command_timeout_secs),
            ("webhook_timeout_secs", self.webhook_timeout_secs),
            ("train_timeout_secs", self.train_timeout_secs),
            ("max_executions_per_hour", u64::from(self.max_executions_per_hour)),
        ] {
            if value == 0 {
                problems.push(format!("act.{key}: must be at least 1"));
            }
        }
        problems.extend(crate::remedy::validate_allow_lists(self));
        let mut names = HashSet::new();
        for (idx, playbook) in self.playbooks.iter().enumerate() {
            if !names.insert(&playbook.name) {
                problems.push(format!("act.playbooks[{idx}].name: {:?} is used twice", playbook.name));
            }
            let of_playbook = playbook.validate(self).into_iter();
            problems.extend(of_playbook.map(|it| format!("act.playbooks[{idx}].{it}")));
        }
        problems
    }

    /// The playbook of this name.
    pub(crate) fn playbook(&self, name: &str) -> Option<&Playbook> {
        self.playbooks.iter().find(|it| it.name == name)
    }
}

impl Playbook {
    fn validate(&self, config: &Config) -> Vec<String> {
        let mut problems = vec![];
        if self.name.is_empty() || self.name.len() > 128 || self.name.chars().any(char::is_control) {
            problems.push("name: must have 1 to 128 printable characters".to_owned());
        }
        if self.when.fault.is_empty() {
            problems.push("when.fault: name at least one kind of fault".to_owned());
        }
        if !(0.0..=1.0).contains(&self.when.min_confidence) {
            problems.push("when.min_confidence: must lie between 0 and 1".to_owned());
        }
        if self.steps.is_empty() {
            problems.push("steps: name at least one step".to_owned());
        }
        if self.verify.hold_secs == 0 || self.verify.timeout_secs <= self.verify.hold_secs {
            problems.push("verify: hold_secs must be at least 1 and timeout_secs longer than it".to_owned());
        }
        for (idx, step) in self.steps.iter().enumerate() {
            let of_action = step.action.template().validate(config).into_iter();
            problems.extend(of_action.map(|it| format!("steps[{idx}].action.{it}")));
            let of_undo = step.undo.iter().flat_map(|it| it.template().validate(config));
            problems.extend(of_undo.map(|it| format!("steps[{idx}].undo.{it}")));
            if self.approval == ApprovalMode::Automatic && step.undo.is_none() {
                problems.push(format!(
                    "steps[{idx}].undo: is missing, so a person must approve; give an undo or set approval: required"
                ));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_does_nothing_and_is_valid() {
        let config = Config::default();
        assert!(!config.enabled && config.dry_run);
        assert_eq!(config.validate(), Vec::<String>::new());
    }

    #[test]
    fn every_problem_names_its_key() {
        let config: Config = serde_json::from_str(
            r#"{"approval_ttl_secs":0,"allowed_commands":["/bin/sh","kubectl"],
                "allowed_webhook_prefixes":["ftp://x/","http://u:p@x/"],
                "playbooks":[
                {"name":"a","when":{"fault":[],"min_confidence":2},"steps":[],"verify":{"hold_secs":9,"timeout_secs":9}},
                {"name":"a","when":{"fault":["cpu_hog"]},"approval":"automatic","steps":[
                  {"action":{"type":"command","argv":["/bin/{service}","{log}"]}},
                  {"action":{"type":"webhook","url":"http://{host}:1/a?b={service}"}}]}]}"#,
        )
        .unwrap();
        expect_test::expect![[r#"
            act.approval_ttl_secs: must be at least 1
            act.allowed_commands[0]: "/bin/sh" would run any text it is given; name the program itself
            act.allowed_commands[1]: "kubectl" must be an absolute path without ..
            act.allowed_webhook_prefixes[0]: "ftp://x/" must begin with http:// or https://
            act.allowed_webhook_prefixes[1]: "http://u:p@x/" must not hold a user or password
            act.playbooks[0].when.fault: name at least one kind of fault
            act.playbooks[0].when.min_confidence: must lie between 0 and 1
            act.playbooks[0].steps: name at least one step
            act.playbooks[0].verify: hold_secs must be at least 1 and timeout_secs longer than it
            act.playbooks[1].name: "a" is used twice
            act.playbooks[1].steps[0].action.argv[0]: "/bin/{service}" is not in act.allowed_commands
            act.playbooks[1].steps[0].action.argv[0]: a program cannot have placeholders
            act.playbooks[1].steps[0].action.argv[1]: "{log}" is no placeholder; there are {incident}, {service}, {host}, {pid}, {start_time}, {version} (write {{ for a brace)
            act.playbooks[1].steps[0].undo: is missing, so a person must approve; give an undo or set approval: required
            act.playbooks[1].steps[1].action.url: placeholders may only stand in the path
            act.playbooks[1].steps[1].undo: is missing, so a person must approve; give an undo or set approval: required"#]]
        .assert_eq(&config.validate().join("\n"));
    }

    #[test]
    fn unknown_keys_are_errors() {
        for text in [
            r#"{"dryrun":false}"#,
            r#"{"playbooks":[{"name":"a","when":{"fault":["cpu_hog"],"x":1},"steps":[]}]}"#,
            r#"{"playbooks":[{"name":"a","when":{"fault":["cpu_hog"]},"steps":[
                {"action":{"type":"command","argv":[],"shell":true}}]}]}"#,
        ] {
            assert!(serde_json::from_str::<Config>(text).is_err(), "{text}");
        }
    }
}
