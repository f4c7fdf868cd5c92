//! A program from the allow-list, started with an array of arguments; never through a shell.
//!
//! It gets no standard input and only PATH, HOME, LANG, TZ and KUBECONFIG of the environment, so that no secret of
//! Sentinel reaches it. It is killed at the time limit. Exit code 0 is success.

use std::path::{Component, Path};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use signal::StepKind;

use crate::config::Config;
use crate::placeholder::{self, Facts, Template as Text};
use crate::refusal::{Refusal, RefusalReason};
use crate::remedy::{Acting, Effect, Remedy, Template, Tools, excerpt};

/// Programs that run whatever text they are given; with them an allow-list would mean nothing.
const SHELLS: [&str; 14] =
    ["sh", "bash", "dash", "zsh", "ksh", "fish", "csh", "tcsh", "ash", "busybox", "env", "xargs", "nohup", "pwsh"];
/// What a command may see of the environment.
const PASSED_VARIABLES: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "KUBECONFIG"];
/// The most of an output that is kept, in bytes.
const MAX_OUTPUT_BYTES: usize = 4096;

/// A command step of a playbook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Program (absolute path, from the allow-list) and arguments; placeholders may stand in arguments. Required.
    pub argv: Vec<String>,
}

impl Template for Command {
    fn validate(&self, config: &Config) -> Vec<String> {
        let mut problems = vec![];
        for (idx, argument) in self.argv.iter().enumerate() {
            match Text::parse(argument) {
                Err(problem) => problems.push(format!("argv[{idx}]: {problem}")),
                Ok(text) if idx == 0 && text.has_placeholders() => {
                    problems.push("argv[0]: a program cannot have placeholders".to_owned());
                }
                Ok(_) => {}
            }
        }
        problems.extend(permit(&self.argv, config).err().map(|it| format!("argv[0]: {}", it.text)));
        // In order of the arguments, whatever the order of checks.
        problems.sort();
        problems
    }

    fn plan(&self, facts: &Facts, config: &Config) -> Result<StepKind, Refusal> {
        let (program, arguments) = self.argv.split_first().ok_or_else(no_program)?;
        let arguments = arguments.iter().map(|it| placeholder::fill(it, facts));
        let argv = std::iter::once(Ok(program.clone())).chain(arguments).collect::<Result<Vec<_>, _>>()?;
        permit(&argv, config)?;
        Ok(StepKind::Command { argv })
    }
}

/// A command that is ready to be started.
pub struct Invocation(Vec<String>);

impl Invocation {
    /// From the parts of a typed step.
    pub fn new(argv: &[String]) -> Self {
        Self(argv.to_vec())
    }

    async fn run(&self, tools: &Tools<'_>) -> Effect {
        let Some((program, arguments)) = self.0.split_first() else { return Effect::failed("no program is named") };
        run_program(program, arguments, Duration::from_secs(tools.config.command_timeout_secs)).await
    }
}

/// Runs a program that was allowed, without a shell, in an empty environment, and ends it at the limit.
pub(super) async fn run_program(program: &str, arguments: &[String], limit: Duration) -> Effect {
    let passed = PASSED_VARIABLES.iter().filter_map(|it| Some((it, std::env::var_os(it)?)));
    let started = tokio::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(passed)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match started {
        Ok(it) => it,
        Err(error) => return Effect::failed(format!("cannot start {program}: {error}")),
    };
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let work = async { tokio::join!(child.wait(), first_bytes(output), first_bytes(errors)) };
    match tokio::time::timeout(limit, work).await {
        // The child is killed when it is dropped.
        Err(_) => Effect::failed(format!("killed after {} s without an end", limit.as_secs())),
        Ok((Err(error), _, _)) => Effect::failed(format!("cannot wait for {program}: {error}")),
        Ok((Ok(status), output, errors)) => {
            let shown = excerpt(if status.success() || errors.is_empty() { &output } else { &errors });
            Effect { is_ok: status.success(), detail: format!("{status}: {shown}") }
        }
    }
}

impl Remedy for Invocation {
    fn permit(&self, config: &Config) -> Result<(), Refusal> {
        permit(&self.0, config)
    }

    fn describe(&self) -> String {
        format!("run {:?}", self.0)
    }

    fn carry_out<'a>(&'a self, tools: &'a Tools<'a>) -> Acting<'a> {
        Box::pin(self.run(tools))
    }
}

/// What is wrong with a program of the allow-list.
pub fn problem_of_program(program: &str) -> Option<&'static str> {
    let path = Path::new(program);
    let is_plain = path.components().all(|it| matches!(it, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !is_plain || program.chars().any(char::is_control) {
        return Some("must be an absolute path without ..");
    }
    let name = path.file_name().and_then(|it| it.to_str()).unwrap_or("");
    SHELLS.contains(&name).then_some("would run any text it is given; name the program itself")
}

fn permit(argv: &[String], config: &Config) -> Result<(), Refusal> {
    let (program, arguments) = argv.split_first().ok_or_else(no_program)?;
    let not_allowed = |text| Err(Refusal::new(RefusalReason::NotAllowed, text));
    if !config.allowed_commands.contains(program) {
        return not_allowed(format!("{program:?} is not in act.allowed_commands"));
    }
    if let Some(problem) = problem_of_program(program) {
        return not_allowed(format!("{program:?} {problem}"));
    }
    match arguments.iter().find(|it| it.chars().any(char::is_control)) {
        Some(argument) => not_allowed(format!("the argument {argument:?} holds a control character")),
        None => Ok(()),
    }
}

fn no_program() -> Refusal {
    Refusal::new(RefusalReason::NotAllowed, "a command names no program")
}

/// Keeps the beginning and reads the rest away, so that the program never blocks on a full pipe.
async fn first_bytes(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = vec![];
    let Some(mut stream) = stream else { return kept };
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let room = MAX_OUTPUT_BYTES.saturating_sub(kept.len());
        kept.extend(buffer.iter().take(length.min(room)));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(programs: &[&str]) -> Config {
        let allowed_commands = programs.iter().map(|it| (*it).to_owned()).collect();
        Config { allowed_commands, command_timeout_secs: 1, ..Config::default() }
    }

    fn invocation(argv: &[&str]) -> Invocation {
        Invocation(argv.iter().map(|it| (*it).to_owned()).collect())
    }

    async fn run(argv: &[&str]) -> Effect {
        let config = config(&[]);
        let client = reqwest::Client::new;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tools = Tools { config: &config, client: &client(), idempotency_key: String::new() };
        invocation(argv).carry_out(&tools).await
    }

    #[test]
    fn only_listed_programs_are_allowed() {
        let config = config(&["/bin/true", "/bin/sh"]);
        assert_eq!(invocation(&["/bin/true", "a b", "$(id)"]).permit(&config), Ok(()));
        for argv in [
            &[][..],
            &["/bin/false"],
            &["true"],
            &["/bin/../bin/true"],
            &["/bin/sh", "-c", "id"],
            &["/bin/true", "a\nb"],
        ] {
            assert_eq!(invocation(argv).permit(&config).unwrap_err().reason, RefusalReason::NotAllowed, "{argv:?}");
        }
    }

    #[tokio::test]
    async fn arguments_reach_the_program_as_they_are() {
        let effect = run(&["/bin/echo", "$(id)", ";", "a  b", "`id`", "*"]).await;
        assert_eq!(effect, Effect::ok("exit status: 0: $(id) ; a  b `id` *"));
    }

    #[tokio::test]
    async fn exit_codes_and_output_are_told() {
        assert!(!run(&["/bin/false"]).await.is_ok);
        let effect = run(&["/bin/ls", "/nonexistent-folder"]).await;
        assert!(!effect.is_ok && effect.detail.contains("/nonexistent-folder"), "{effect:?}");
        assert!(!run(&["/nonexistent-program"]).await.is_ok);
    }

    #[tokio::test]
    async fn a_program_that_does_not_end_is_killed() {
        assert_eq!(run(&["/bin/sleep", "1000"]).await, Effect::failed("killed after 1 s without an end"));
    }

    #[tokio::test]
    async fn the_environment_of_sentinel_is_not_passed_on() {
        // Cargo sets many variables for tests; none of them may be seen.
        let effect = run(&["/usr/bin/env"]).await;
        assert!(effect.is_ok && !effect.detail.contains("CARGO"), "{effect:?}");
    }
}
