//! How is a server started, killed and started again? On a folder of its own and a free loopback port.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Answer, send};
use super::services::free_port;
use super::wait_for;

/// How long a start may take; generous because the machine may be busy.
const START: Duration = Duration::from_secs(120);

/// No collector of the machine's own metrics, so that only the test's signals are there.
pub const QUIET: &str = "host:\n  enabled: false\n";

/// A folder that is removed when the test passes and kept for a look when it fails.
pub struct Folder(PathBuf);

impl Folder {
    /// A new empty folder.
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the target folder can be written");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("the test's folder can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for a look: {}", self.0.display());
        } else if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// A running (or killed) `sentinel run`.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    folder: Folder,
    config: Option<PathBuf>,
    launch: Launch,
}

/// How a process is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Its role.
    pub role: &'static str,
    /// What stands before the binary, for example `ip netns exec gateway`.
    pub before: Vec<String>,
    /// Further environment.
    pub environment: Vec<(String, String)>,
    /// The address without port.
    pub host: String,
}

impl Launch {
    /// A process of a role on loopback.
    pub fn role(role: &'static str) -> Self {
        let (before, environment) = (vec![], vec![]);
        Self { role, before, environment, host: "127.0.0.1".to_owned() }
    }
}

impl Server {
    /// Starts a server with a configuration on a free port and waits until it is ready.
    pub fn start(name: &str, config: &str) -> Self {
        let folder = Folder::new(name);
        let config = folder.write("sentinel.yaml", config);
        Self::ready(folder, Some(config), vec![])
    }

    /// The same in a folder of the test's, with environment variables.
    pub fn start_in(folder: Folder, config: &str, environment: Vec<(String, String)>) -> Self {
        let config = folder.write("sentinel.yaml", config);
        Self::ready(folder, Some(config), environment)
    }

    /// Starts a process of a role; does not wait until it is ready.
    pub fn start_role(role: &'static str, name: &str, config: &str) -> Self {
        Self::launch(Launch::role(role), name, config)
    }

    /// Starts a process as it is said; does not wait until it is ready.
    pub fn launch(launch: Launch, name: &str, config: &str) -> Self {
        let folder = Folder::new(name);
        let config = folder.write("sentinel.yaml", config);
        let (child, address) = spawn(&folder, Some(&config), &format!("{}:{}", launch.host, free_port()), &launch);
        Self { child, address, folder, config: Some(config), launch }
    }

    /// Starts a server without any configuration.
    pub fn start_unconfigured(name: &str) -> Self {
        Self::ready(Folder::new(name), None, vec![])
    }

    fn ready(folder: Folder, config: Option<PathBuf>, environment: Vec<(String, String)>) -> Self {
        let launch = Launch { environment, ..Launch::role("all") };
        // A port that is still its own when it was killed and is started again.
        let listen = format!("127.0.0.1:{}", free_port());
        let (child, address) = spawn(&folder, config.as_deref(), &listen, &launch);
        let server = Self { child, address, folder, config, launch };
        server.wait_until_ready();
        server
    }

    /// Waits until it takes signals.
    pub fn wait_until_ready(&self) {
        wait_for(START, "the server is ready", || {
            send(self.address, "GET", "/readyz", &[], b"").ok().filter(|it| it.status == 200)
        });
    }

    /// `kill -9`: nothing is flushed, nobody is told.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server was running");
        self.child.wait().expect("a killed process can be waited for");
    }

    /// Asks it to stop, as a service manager does, and waits until it has saved what it knows.
    pub fn stop(&mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        assert!(asked.is_ok_and(|it| it.success()), "the server can be asked to stop");
        self.child.wait().expect("a stopped process can be waited for");
    }

    /// Starts a killed server again on the same folder and port; does not wait until it is ready.
    pub fn restart(&mut self) {
        let address = self.address.to_string();
        (self.child, self.address) = spawn(&self.folder, self.config.as_deref(), &address, &self.launch);
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its data are.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr.log")).unwrap_or_default()
    }

    /// Sends a request that must be answered.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        send(self.address, method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// A page or file.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[("accept", "*/*")], b"")
    }

    /// JSON that must be there.
    pub fn get_json(&self, path: &str) -> Value {
        let answer = self.send("GET", path, &[("accept", "application/json")], b"");
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.json()
    }

    /// The `items` of a list.
    pub fn list(&self, path: &str) -> Vec<Value> {
        self.get_json(path)["items"].as_array().unwrap_or_else(|| panic!("GET {path} has no items")).clone()
    }

    /// Sends JSON.
    pub fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// The sum of a metric of ours over its labels that contain all `parts`.
    pub fn metric(&self, name: &str, parts: &[&str]) -> f64 {
        let text = self.get("/metrics").text();
        let lines = text.lines().filter(|it| it.starts_with(name) && parts.iter().all(|part| it.contains(part)));
        let is_whole = |it: &&str| it[name.len()..].starts_with(['{', ' ']);
        lines.filter(is_whole).filter_map(|it| it.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already.
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}

/// Starts the binary and reads the address from the line `listening on http://...`.
fn spawn(folder: &Folder, config: Option<&Path>, listen: &str, launch: &Launch) -> (Child, SocketAddr) {
    let log = fs::File::options().create(true).append(true).open(folder.path().join("stderr.log"));
    let mut words = launch.before.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_sentinel")]);
    let mut command = Command::new(words.next().expect("the binary at least"));
    command.args(words);
    command.args(["run", "--role", launch.role, "--listen", listen, "--data-dir"]).arg(folder.path().join("data"));
    if let Some(path) = config {
        command.arg("-c").arg(path);
    }
    // What the test's own environment says must not configure the server.
    for (name, _) in std::env::vars().filter(|it| it.0.starts_with("SENTINEL_")) {
        command.env_remove(name);
    }
    command.envs(launch.environment.iter().cloned());
    command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(log.expect("the test's folder can be written"));
    let start = Instant::now();
    let mut child = command.spawn().expect("the binary was built");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let address = loop {
        let Some(Ok(line)) = lines.next() else {
            let log = fs::read_to_string(folder.path().join("stderr.log")).unwrap_or_default();
            panic!("the server ended after {:?}:\n{log}", start.elapsed());
        };
        if let Some(address) = line.split("listening on http://").nth(1) {
            break address.trim().parse().expect("it prints its address");
        }
    };
    // What else it prints is read and thrown away, so that it never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    (child, address)
}
