//! Which process is the miner? A real child of ours that only waits, under a miner's name.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

/// Clock ticks a second in /proc; fixed at 100 on Linux for programs.
const TICKS_PER_SECOND: i64 = 100;

/// A running miner; ended when dropped.
pub struct Miner {
    child: Child,
    /// Start in seconds since the epoch.
    pub start_time: i64,
}

impl Miner {
    /// Starts the child. It ends by itself when this process ends, because its standard input closes then.
    pub fn start() -> anyhow::Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .arg0("minerd")
            .args(["demo-process", "--", "--algo", "cryptonight", "--url", "stratum+tcp://pool.invalid:3333"])
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot start the demo's process")?;
        let start_time = start_time(child.id())?;
        Ok(Self { child, start_time })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// True once somebody has ended it.
    pub fn is_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|it| it.is_some())
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        // It may have been ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Seconds since the epoch at which a process was started.
fn start_time(pid: u32) -> anyhow::Result<i64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("unexpected /proc/<pid>/stat")?.1;
    let ticks: i64 = after_name.split_whitespace().nth(19).context("no start time in /proc/<pid>/stat")?.parse()?;
    let system = std::fs::read_to_string("/proc/stat")?;
    let boot = system.lines().find_map(|it| it.strip_prefix("btime ")).context("no btime in /proc/stat")?;
    Ok(boot.trim().parse::<i64>()? + ticks / TICKS_PER_SECOND)
}

/// What the child does: it waits until its parent has gone.
pub fn wait_for_parent() -> anyhow::Result<()> {
    let mut nothing = vec![];
    std::io::stdin().read_to_end(&mut nothing)?;
    Ok(())
}
