//! Which processes use most? The top few by processor time and by memory, as evidence for a diagnosis.

use std::collections::HashMap;
use std::ffi::OsString;

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use super::Batch;
use crate::limits::shortened;

/// Below this share of one core a process is not worth a series.
const MIN_CPU_PERCENT: f64 = 5.0;
/// Below this share of the host's memory a process is not worth a series.
const MIN_MEMORY_SHARE: f64 = 0.05;
/// Longest command line, in bytes.
const MAX_COMMAND_BYTES: usize = 200;

/// Chooses and reports the top processes.
pub(super) struct TopProcesses {
    n_top: usize,
    /// Processor milliseconds of each process at the measurement before. sysinfo's own percentage is not used: it
    /// leaves out a process that had used nothing before, which is just what a new hog looks like.
    cpu_millis: HashMap<Pid, u64>,
}

impl TopProcesses {
    pub(super) fn new(n_top: usize) -> Self {
        Self { n_top, cpu_millis: HashMap::new() }
    }

    pub(super) fn sample(&mut self, system: &mut System, elapsed_secs: Option<f64>, batch: &mut Batch<'_>) {
        // Threads are left out, and command lines are not read here: both would cost more than all the rest.
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        batch.add("host_processes", &[], system.processes().len() as f64);
        let by_cpu = self.top_by_cpu(system, elapsed_secs);
        let by_memory = self.top_by_memory(system);
        let wanted: Vec<Pid> = by_cpu.iter().chain(&by_memory).map(|(pid, _)| *pid).collect();
        let kind = ProcessRefreshKind::nothing().with_cmd(UpdateKind::OnlyIfNotSet).without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&wanted), false, kind);
        for (pid, percent) in by_cpu {
            describe(system, pid, |labels| batch.add_percent("host_process_cpu_percent", labels, percent));
        }
        for (pid, bytes) in by_memory {
            describe(system, pid, |labels| batch.add("host_process_memory_bytes", labels, bytes));
        }
    }

    /// Percent of one core since the measurement before.
    fn top_by_cpu(&mut self, system: &System, elapsed_secs: Option<f64>) -> Vec<(Pid, f64)> {
        let now: HashMap<Pid, u64> =
            system.processes().iter().map(|(pid, it)| (*pid, it.accumulated_cpu_time())).collect();
        let before = std::mem::replace(&mut self.cpu_millis, now);
        let Some(elapsed_secs) = elapsed_secs else { return vec![] };
        let percent = |(pid, process): (&Pid, &Process)| {
            // A process that has just begun has used all its time since the measurement before.
            let is_new = process.run_time() as f64 <= elapsed_secs + 1.0;
            let used_before = before.get(pid).copied().or_else(|| is_new.then_some(0))?;
            let used_millis = process.accumulated_cpu_time().saturating_sub(used_before);
            let percent = used_millis as f64 / 10.0 / elapsed_secs;
            (percent >= MIN_CPU_PERCENT).then_some((*pid, percent))
        };
        self.top(system.processes().iter().filter_map(percent).collect())
    }

    fn top_by_memory(&self, system: &System) -> Vec<(Pid, f64)> {
        let min_bytes = system.total_memory() as f64 * MIN_MEMORY_SHARE;
        let bytes = system.processes().iter().map(|(pid, it)| (*pid, it.memory() as f64));
        self.top(bytes.filter(|(_, bytes)| *bytes >= min_bytes).collect())
    }

    fn top(&self, mut all: Vec<(Pid, f64)>) -> Vec<(Pid, f64)> {
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(self.n_top);
        all
    }
}

/// Gives the labels of a process to `add`, unless it has just ended.
fn describe(system: &System, pid: Pid, add: impl FnOnce(&[(&str, &str)])) {
    let Some(process) = system.process(pid) else { return };
    let pid = pid.to_string();
    let start_time = process.start_time().to_string();
    let command = command(process.cmd(), &process.name().to_string_lossy());
    add(&[("pid", &pid), ("start_time", &start_time), ("command", &command)]);
}

/// The command line; kernel threads have none, so their name stands in brackets as `ps` prints it.
fn command(arguments: &[OsString], name: &str) -> String {
    let words: Vec<_> = arguments.iter().map(|it| it.to_string_lossy()).collect();
    let line = if words.is_empty() { format!("[{name}]") } else { words.join(" ") };
    shortened(&line, MAX_COMMAND_BYTES).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_short_and_never_empty() {
        assert_eq!(
            command(&["sh".into(), "-c".into(), "while :; do :; done".into()], "sh"),
            "sh -c while :; do :; done"
        );
        assert_eq!(command(&[], "kworker/0:1"), "[kworker/0:1]");
        assert_eq!(command(&["x".repeat(500).into()], "x").len(), 200);
    }
}
