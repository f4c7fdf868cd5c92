//! Ends the process that the diagnosis blames: SIGTERM, then after a grace period SIGKILL.
//!
//! A pid alone is not an identity, since the kernel uses it again. The process is held by a pidfd first, then its start
//! time and command line are compared, then the signal goes to the pidfd: no other process can be hit. Never ended are
//! pid 1, Sentinel itself, its parent, and a few programs without which the machine cannot be reached.

#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use serde::{Deserialize, Serialize};

use signal::StepKind;

use crate::config::Config;
use crate::identity;
use crate::placeholder::Facts;
use crate::refusal::{Refusal, RefusalReason};
use crate::remedy::{Acting, Effect, Remedy, Template, Tools};

/// The longest command line that a plan shows, in characters.
const MAX_COMMAND_CHARS: usize = 200;

/// A terminate_process step of a playbook. It has no parameters: process and start time come from the evidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminateProcess {}

impl Template for TerminateProcess {
    fn validate(&self, _config: &Config) -> Vec<String> {
        vec![]
    }

    fn plan(&self, facts: &Facts, config: &Config) -> Result<StepKind, Refusal> {
        let process = facts.process.as_ref().ok_or_else(|| {
            Refusal::new(RefusalReason::MissingFact, format!("the cause of {} cites no process", facts.incident))
        })?;
        if !identity::is_this_host(&process.host, config) {
            let text = format!("process {} runs on host {:?}, which is not this machine", process.pid, process.host);
            return Err(Refusal::new(RefusalReason::WrongProcess, text));
        }
        let command: String = process.command.chars().take(MAX_COMMAND_CHARS).collect();
        let termination = Termination { pid: process.pid, start_time: process.start_time, command };
        termination.permit(config)?;
        let Termination { pid, start_time, command } = termination;
        Ok(StepKind::TerminateProcess { pid, start_time, command })
    }
}

/// A process that is to be ended.
#[derive(Clone)]
pub struct Termination {
    pid: u32,
    start_time: i64,
    command: String,
}

impl Termination {
    /// From the parts of a typed step.
    pub fn new(pid: u32, start_time: i64, command: &str) -> Self {
        Self { pid, start_time, command: command.to_owned() }
    }
}

impl Remedy for Termination {
    fn permit(&self, _config: &Config) -> Result<(), Refusal> {
        let is_ours = self.pid == std::process::id() || self.pid == std::os::unix::process::parent_id();
        if self.pid <= 1 || is_ours {
            let text = format!("process {} must never be ended: it is init, Sentinel or its parent", self.pid);
            return Err(Refusal::new(RefusalReason::WrongProcess, text));
        }
        Ok(())
    }

    fn describe(&self) -> String {
        format!("end process {} (started at {} s): {:?}", self.pid, self.start_time, self.command)
    }

    fn carry_out<'a>(&'a self, tools: &'a Tools<'a>) -> Acting<'a> {
        Box::pin(async {
            // Asked again here: the step may have waited long for its approval.
            if let Err(refusal) = self.permit(tools.config) {
                return Effect::failed(refusal.text);
            }
            let (termination, grace_secs) = (self.clone(), tools.config.terminate_grace_secs);
            let ending = tokio::task::spawn_blocking(move || end(&termination, grace_secs));
            ending.await.unwrap_or_else(|error| Effect::failed(format!("the task ended abnormally: {error}")))
        })
    }
}

#[cfg(not(target_os = "linux"))]
fn end(_termination: &Termination, _grace_secs: u64) -> Effect {
    Effect::failed("ending a process needs Linux, where a process can be held by a pidfd")
}

/// Blocks until the process has ended or has survived SIGKILL for five seconds.
#[cfg(target_os = "linux")]
fn end(termination: &Termination, grace_secs: u64) -> Effect {
    let Termination { pid, start_time, command } = termination;
    let Some(raw) = i32::try_from(*pid).ok().and_then(Pid::from_raw) else {
        return Effect::failed(format!("{pid} is no process id"));
    };
    let handle = match pidfd_open(raw, PidfdFlags::empty()) {
        Ok(it) => it,
        Err(error) => return Effect::failed(format!("process {pid} cannot be held: {error}")),
    };
    if let Err(refusal) = identity::check(*pid, *start_time, command) {
        return Effect::failed(refusal.text);
    }
    for (signal, name, wait_secs) in [(Signal::TERM, "SIGTERM", grace_secs), (Signal::KILL, "SIGKILL", 5)] {
        if let Err(error) = pidfd_send_signal(&handle, signal) {
            return Effect::failed(format!("{name} to process {pid} failed: {error}"));
        }
        if has_ended(&handle, Duration::from_secs(wait_secs)) {
            return Effect::ok(format!("process {pid} ended after {name}"));
        }
    }
    Effect::failed(format!("process {pid} has not ended after SIGTERM and SIGKILL"))
}

/// A pidfd becomes readable when its process ends.
#[cfg(target_os = "linux")]
fn has_ended(handle: &OwnedFd, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], left.as_ref()) {
            // A signal to Sentinel itself interrupts the wait.
            Err(Errno::INTR) => {}
            answer => return answer.is_ok_and(|n_ready| n_ready > 0),
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    use crate::placeholder::Process;

    fn start(argv: &[&str]) -> Child {
        Command::new(argv[0]).args(&argv[1..]).stdin(Stdio::null()).spawn().unwrap()
    }

    async fn terminate(pid: u32, start_time: i64, command: &str) -> Effect {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = Config { terminate_grace_secs: 1, ..Config::default() };
        let tools = Tools { config: &config, client: &reqwest::Client::new(), idempotency_key: String::new() };
        Termination::new(pid, start_time, command).carry_out(&tools).await
    }

    #[tokio::test]
    async fn the_right_process_is_ended() {
        let mut child = start(&["/bin/sleep", "1000"]);
        let start_time = identity::start_time(child.id()).unwrap();
        let effect = terminate(child.id(), start_time, "/bin/sleep 1000").await;
        assert_eq!(effect, Effect::ok(format!("process {} ended after SIGTERM", child.id())));
        assert!(!child.wait().unwrap().success());
    }

    #[tokio::test]
    async fn a_process_that_ignores_sigterm_is_killed() {
        let script = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
        let mut child =
            Command::new("/bin/sh").args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        // The shell says when its trap is set.
        let mut ready = [0; 5];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let effect = terminate(child.id(), identity::start_time(child.id()).unwrap(), "").await;
        assert_eq!(effect, Effect::ok(format!("process {} ended after SIGKILL", child.id())));
        assert!(!child.wait().unwrap().success());
    }

    #[tokio::test]
    async fn another_process_is_left_alone() {
        let mut child = start(&["/bin/sleep", "1000"]);
        let start_time = identity::start_time(child.id()).unwrap();
        for (start_time, command) in
            [(start_time - 100, "/bin/sleep 1000"), (start_time + 2, ""), (start_time, "/usr/bin/python3 x.py")]
        {
            let effect = terminate(child.id(), start_time, command).await;
            assert!(!effect.is_ok && effect.detail.contains("another process"), "{effect:?}");
        }
        assert_eq!(child.try_wait().unwrap(), None, "still there");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!terminate(child.id(), start_time, "").await.is_ok, "already gone");
    }

    #[tokio::test]
    async fn init_and_ourselves_are_never_ended() {
        for pid in [0, 1, std::process::id(), std::os::unix::process::parent_id()] {
            let start_time = identity::start_time(pid.max(1)).unwrap();
            let effect = terminate(pid, start_time, "").await;
            assert!(!effect.is_ok && effect.detail.contains("must never be ended"), "{effect:?}");
        }
        assert!(!terminate(u32::MAX, 0, "").await.is_ok);
    }

    #[test]
    fn a_process_of_another_host_is_refused() {
        let config = Config { host_name: "web-1.example.com".to_owned(), ..Config::default() };
        let facts = |host: &str| Facts {
            incident: signal::IncidentId(1),
            service: "web-1".to_owned(),
            host: None,
            process: Some(Process { host: host.to_owned(), pid: 4_000_000, start_time: 5, command: "x".to_owned() }),
            version: None,
        };
        assert!(TerminateProcess {}.plan(&facts("WEB-1"), &config).is_ok());
        let refusal = TerminateProcess {}.plan(&facts("web-2"), &config).unwrap_err();
        assert_eq!(refusal.reason, RefusalReason::WrongProcess);
    }
}
