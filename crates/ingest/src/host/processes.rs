//! Which processes use most? The top few by processor time and by memory, as evidence for a diagnosis.

use std::ffi::OsString;

use sysinfo::{Process, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use super::Batch;
use crate::limits::shortened;

/// Below this share of one core a process is not worth a series.
const MIN_CPU_PERCENT: f32 = 5.0;
/// Below this share of the host's memory a process is not worth a series.
const MIN_MEMORY_SHARE: f64 = 0.05;
/// Longest command line, in bytes.
const MAX_COMMAND_BYTES: usize = 200;

/// Chooses and reports the top processes.
pub(super) struct TopProcesses {
    n_top: usize,
}

impl TopProcesses {
    pub(super) const fn new(n_top: usize) -> Self {
        Self { n_top }
    }

    pub(super) fn sample(&self, system: &mut System, has_previous: bool, batch: &mut Batch<'_>) {
        // Threads are left out, and command lines are not read here: both would cost more than all the rest.
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        batch.add("host_processes", &[], system.processes().len() as f64);
        let (by_cpu, by_memory) = self.top(system, has_previous);
        let mut wanted: Vec<sysinfo::Pid> = by_cpu.iter().chain(&by_memory).copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let kind = ProcessRefreshKind::nothing().with_cmd(UpdateKind::OnlyIfNotSet).without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&wanted), false, kind);
        for (name, pids) in [("host_process_cpu_percent", by_cpu), ("host_process_memory_bytes", by_memory)] {
            let is_cpu = name == "host_process_cpu_percent";
            for process in pids.iter().filter_map(|it| system.process(*it)) {
                let value = if is_cpu { f64::from(process.cpu_usage()) } else { process.memory() as f64 };
                report(name, process, value, batch);
            }
        }
    }

    fn top(&self, system: &System, has_previous: bool) -> (Vec<sysinfo::Pid>, Vec<sysinfo::Pid>) {
        let min_memory = system.total_memory() as f64 * MIN_MEMORY_SHARE;
        let is_busy = |it: &&Process| has_previous && it.cpu_usage() >= MIN_CPU_PERCENT;
        let mut by_cpu: Vec<&Process> = system.processes().values().filter(is_busy).collect();
        by_cpu.sort_by(|a, b| b.cpu_usage().total_cmp(&a.cpu_usage()).then(a.pid().cmp(&b.pid())));
        let mut by_memory: Vec<&Process> =
            system.processes().values().filter(|it| it.memory() as f64 >= min_memory).collect();
        by_memory.sort_by(|a, b| b.memory().cmp(&a.memory()).then(a.pid().cmp(&b.pid())));
        let pids = |all: Vec<&Process>| all.into_iter().take(self.n_top).map(Process::pid).collect();
        (pids(by_cpu), pids(by_memory))
    }
}

fn report(name: &str, process: &Process, value: f64, batch: &mut Batch<'_>) {
    let pid = process.pid().to_string();
    let start_time = process.start_time().to_string();
    let command = command(process.cmd(), &process.name().to_string_lossy());
    batch.add(name, &[("pid", &pid), ("start_time", &start_time), ("command", &command)], value);
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
