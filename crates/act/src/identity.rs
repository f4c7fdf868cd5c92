//! Is this still the process that was meant? Its start time, command line and host, read from the kernel.

use std::fs;
use std::io;

use crate::config::Config;
use crate::refusal::{Refusal, RefusalReason};

/// How far two readings of a start time may differ, in seconds: one of them is rounded.
const TOLERANCE_SECS: i64 = 1;
/// Programs without which the machine cannot be reached or its containers fall: by the kernel's name.
const PROTECTED: [&str; 8] =
    ["init", "systemd", "systemd-journal", "sshd", "dbus-daemon", "dockerd", "containerd", "kubelet"];

/// Compares a process with what the evidence says of it. An empty `command` is not compared; a longer actual command
/// line fits if it begins with `command`, because evidence is shortened.
pub fn check(pid: u32, start_time: i64, command: &str) -> Result<(), Refusal> {
    let wrong = |text: String| Refusal::new(RefusalReason::WrongProcess, text);
    let actual = self::start_time(pid).map_err(|error| wrong(format!("process {pid} cannot be read: {error}")))?;
    if actual.abs_diff(start_time) > TOLERANCE_SECS.unsigned_abs() {
        return Err(wrong(format!("{pid} is another process now: it started at {actual} s, not at {start_time} s")));
    }
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if PROTECTED.contains(&name.trim()) {
        return Err(wrong(format!("process {pid} is {:?}, which is never ended", name.trim())));
    }
    let line = command_line(pid);
    let is_same = command.is_empty() || line.is_empty() || words(&line).starts_with(&words(command));
    if is_same {
        return Ok(());
    }
    Err(wrong(format!("{pid} is another process now: its command line has changed")))
}

/// When a process began, in seconds since the epoch: the boot time plus field 22 of its `stat`.
pub fn start_time(pid: u32) -> io::Result<i64> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer has another form");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold anything, so fields are counted after the last bracket; the first there is 3.
    let fields = stat.rsplit_once(')').map(|(_, it)| it).ok_or_else(invalid)?;
    let ticks: i64 = fields.split_whitespace().nth(19).and_then(|it| it.parse().ok()).ok_or_else(invalid)?;
    let boot = fs::read_to_string("/proc/stat")?;
    let boot = boot.lines().find_map(|it| it.strip_prefix("btime ")).and_then(|it| it.trim().parse::<i64>().ok());
    Ok(boot.ok_or_else(invalid)?.saturating_add(ticks / ticks_per_second().max(1)))
}

#[cfg(target_os = "linux")]
fn ticks_per_second() -> i64 {
    i64::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100)
}

#[cfg(not(target_os = "linux"))]
fn ticks_per_second() -> i64 {
    100
}

/// True if this machine goes by the name. A full name and its first part are the same machine.
pub fn is_this_host(name: &str, config: &Config) -> bool {
    let own = match config.host_name.as_str() {
        "" => fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default(),
        configured => configured.to_owned(),
    };
    let (own, name) = (own.trim().to_lowercase(), name.to_lowercase());
    let short = |it: &str| it.split('.').next().unwrap_or("").to_owned();
    let is_one_short = !own.contains('.') || !name.contains('.');
    !name.is_empty() && (own == name || is_one_short && short(&own) == short(&name))
}

fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// The command line without the differences that joining and shortening make.
fn words(line: &str) -> String {
    let line = line.trim_end_matches('\u{2026}').trim_end_matches("...");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn our_own_start_lies_in_the_past() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let started = u64::try_from(start_time(std::process::id()).unwrap()).unwrap();
        assert!(started <= now + 1 && started + 3600 > now, "{started} and {now}");
    }

    #[test]
    fn names_of_hosts() {
        let config = |name: &str| Config { host_name: name.to_owned(), ..Config::default() };
        for (own, name, expected) in [
            ("web-1", "web-1", true),
            ("web-1", "WEB-1.example.com", true),
            ("web-1.a.com", "web-1", true),
            ("web-1.a.com", "web-1.b.com", false),
            ("web-1", "web-10", false),
            ("web-1", "", false),
        ] {
            assert_eq!(is_this_host(name, &config(own)), expected, "{own} and {name}");
        }
    }
}
