//! How is a program of the user's run so that it can do no harm to the server? With an environment of its own, a folder of
//! its own, and limits of time, memory and output; at the end its whole process group is gone.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

/// Where programs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Bytes of what it says on standard error that are kept: the last ones.
const MOST_COMPLAINTS: usize = 2048;

/// What is to be run.
pub struct Program {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where it is run.
    pub folder: PathBuf,
    /// Its whole environment, with `PATH`.
    pub environment: Vec<(String, String)>,
    /// How long it may run.
    pub timeout: Duration,
    /// How much address space it may have.
    pub memory_bytes: u64,
    /// How much it may print.
    pub output_bytes: usize,
}

/// Why it did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It cannot be started.
    #[error("cannot start {0:?}: {1}")]
    NotStarted(String, std::io::Error),
    /// It took too long and was ended.
    #[error("{0:?} took longer than {1:?} and was ended")]
    TooLong(String, Duration),
    /// It printed too much and was ended.
    #[error("{0:?} printed more than {1} bytes and was ended")]
    TooMuch(String, usize),
    /// It failed.
    #[error("{0:?} ended with {1}; it said {2:?}")]
    Failed(String, std::process::ExitStatus, String),
    /// What it prints cannot be read.
    #[error("cannot read what {0:?} prints: {1}")]
    Unreadable(String, std::io::Error),
}

impl Program {
    /// Runs it to its end; what it printed.
    pub async fn run(&self) -> Result<Vec<u8>, ProgramError> {
        let name = self.command.join(" ");
        let mut child = self.start().map_err(|error| ProgramError::NotStarted(name.clone(), error))?;
        let group = child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            self.limit(group);
        }
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = async {
            let printed = async {
                let printed = printed(stdout, self.output_bytes).await;
                let printed = printed.map_err(|error| ProgramError::Unreadable(name.clone(), error))?;
                printed.ok_or_else(|| ProgramError::TooMuch(name.clone(), self.output_bytes))
            };
            let complaints = async { Ok(last_of(stderr).await) };
            // When it has printed too much nobody reads on, and it is ended.
            let (printed, complaints) = tokio::try_join!(printed, complaints)?;
            match child.wait().await {
                Ok(status) if status.success() => Ok(printed),
                Ok(status) => Err(ProgramError::Failed(name.clone(), status, complaints)),
                Err(error) => Err(ProgramError::Unreadable(name.clone(), error)),
            }
        };
        let outcome = tokio::time::timeout(self.timeout, ended).await;
        // Also what it left behind.
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let _ = child.kill().await;
        outcome.unwrap_or(Err(ProgramError::TooLong(name, self.timeout)))
    }

    fn start(&self) -> std::io::Result<Child> {
        let (program, arguments) =
            self.command.split_first().ok_or_else(|| std::io::Error::other("there is no command"))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).env_clear().env("PATH", PATH);
        command.envs(self.environment.iter().map(|it| (&it.0, &it.1)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true).spawn()
    }

    /// Set from outside right after the start: nothing unsafe has to run between fork and exec.
    fn limit(&self, process: Pid) {
        let limits = [
            (Resource::As, self.memory_bytes),
            (Resource::Core, 0),
            (Resource::Fsize, self.memory_bytes),
            (Resource::Cpu, self.timeout.as_secs().saturating_mul(4).max(1)),
        ];
        for (resource, most) in limits {
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            if let Err(error) = rustix::process::prlimit(Some(process), resource, limit) {
                // It may have ended already.
                tracing::debug!(?resource, %error, "A limit was not set.");
            }
        }
    }
}

/// All that comes, up to a limit; none if there is more.
async fn printed(pipe: Option<impl AsyncRead + Unpin>, most: usize) -> std::io::Result<Option<Vec<u8>>> {
    let Some(pipe) = pipe else { return Ok(Some(vec![])) };
    let mut bytes = vec![];
    pipe.take(most as u64 + 1).read_to_end(&mut bytes).await?;
    Ok((bytes.len() <= most).then_some(bytes))
}

/// The end of what comes.
async fn last_of(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let (mut kept, mut piece) = (vec![], [0; 4096]);
    while let Ok(n) = pipe.read(&mut piece).await {
        if n == 0 {
            break;
        }
        kept.extend_from_slice(piece.get(..n).unwrap_or(&[]));
        let n_over = kept.len().saturating_sub(MOST_COMPLAINTS);
        kept.drain(..n_over);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(script: &str, change: impl FnOnce(&mut Program)) -> Result<String, String> {
        let mut program = Program {
            command: vec!["python3".to_owned(), "-c".to_owned(), script.to_owned()],
            folder: std::env::temp_dir(),
            environment: vec![("SNAPSHOT_PATH".to_owned(), "/somewhere".to_owned())],
            timeout: Duration::from_secs(120),
            memory_bytes: 1 << 30,
            output_bytes: 1000,
        };
        change(&mut program);
        let printed = program.run().await.map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    #[tokio::test]
    async fn it_has_its_own_environment_only() {
        let printed = run("import os; print(sorted(os.environ))", |_| ()).await.unwrap();
        assert!(printed.contains("'PATH', 'SNAPSHOT_PATH'") && !printed.contains("HOME"), "{printed}");
    }

    #[tokio::test]
    async fn what_hangs_floods_hoards_or_fails_is_contained() {
        let error =
            run("import time; time.sleep(600)", |it| it.timeout = Duration::from_millis(300)).await.unwrap_err();
        assert!(error.contains("took longer"), "{error}");
        let error = run("while True: print('x' * 999)", |_| ()).await.unwrap_err();
        assert!(error.contains("printed more than 1000 bytes"), "{error}");
        let error = run("import sys; sys.exit('no such column')", |_| ()).await.unwrap_err();
        assert!(error.contains("no such column"), "{error}");
        let hoard = "import time\ntime.sleep(0.5)\nkept = bytearray(1 << 29)\nprint(len(kept))";
        let error = run(hoard, |it| it.memory_bytes = 300 << 20).await.unwrap_err();
        assert!(error.contains("MemoryError"), "{error}");
        let error = run("", |it| it.command = vec!["no-such-program".to_owned()]).await.unwrap_err();
        assert!(error.contains("cannot start"), "{error}");
    }

    #[tokio::test]
    async fn children_that_it_leaves_behind_are_ended() {
        let script = "import subprocess, sys\nit = subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\nprint(it.pid)";
        let pid: i32 = run(script, |_| ()).await.unwrap().trim().parse().unwrap();
        let is_gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z")
        };
        for _ in 0..3000 {
            if is_gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("process {pid} is still there");
    }
}
