//! How is a network between processes of one machine cut? The test runs itself again in a network namespace of its own;
//! each process that shall be cut off lives in a further one, with one cable to clients and one to Kafka.

use std::process::{Command, Output, Stdio};

use super::services::is_there;

/// Says that this is the inner run.
const INSIDE: &str = "TEST_INSIDE_A_NAMESPACE";
/// All that is needed of the kernel, and gone again when the shell ends.
const TRY: &str =
    "mount -t tmpfs tmpfs /run && ip netns add try && ip link add try0 type veth peer name try1 netns try";
/// The address of the hub, which every namespace reaches over its second cable only.
pub const HUB: &str = "10.77.0.1";

/// Runs a test of this binary, given with its module, in a namespace of its own; true if this is the inner run already.
/// Elsewhere the test is over when this returns: it has passed there, or is skipped because there are no namespaces.
pub fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]);
        run("ip", &["address", "add", &format!("{HUB}/32"), "dev", "lo"]);
        // Names of namespaces are files there; ours are seen by nobody else.
        run("mount", &["-t", "tmpfs", "tmpfs", "/run"]);
        return true;
    }
    if !is_there("unshare", "a network that is cut") || !is_there("ip", "a network that is cut") {
        return false;
    }
    let tried = output("unshare", &["--net", "--mount", "sh", "-c", TRY]);
    if !tried.status.success() {
        let reason = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
        // Not a matter of what is installed: nothing that a build server could put right.
        eprintln!("SKIPPED: the kernel gives no namespaces, so that no network can be cut: {reason}");
        return false;
    }
    let binary = std::env::current_exe().expect("a test knows where it is");
    let mut inner = Command::new("unshare");
    inner.args(["--net", "--mount", "--"]).arg(binary).args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let done = inner.stderr(Stdio::inherit()).output().expect("it was there a moment ago");
    let said = String::from_utf8_lossy(&done.stdout);
    // A name that is no test's would pass, too.
    assert!(done.status.success() && said.contains("1 passed"), "the test has failed in its namespace:\n{said}");
    false
}

/// A namespace with two cables to the hub.
pub struct Namespace {
    name: &'static str,
    number: u8,
}

impl Namespace {
    /// Makes it; the number, from 1 to 9, is a part of its addresses.
    pub fn new(name: &'static str, number: u8) -> Self {
        let it = Self { name, number };
        run("ip", &["netns", "add", name]);
        run("ip", &["-n", name, "link", "set", "lo", "up"]);
        for (cable, place) in [("clients", 1), ("kafka", 2)] {
            let outer = it.cable(cable);
            let subnet = format!("10.77.{number}{place}");
            run("ip", &["link", "add", &outer, "type", "veth", "peer", "name", cable, "netns", name]);
            run("ip", &["address", "add", &format!("{subnet}.1/30"), "dev", &outer]);
            run("ip", &["link", "set", &outer, "up"]);
            run("ip", &["-n", name, "address", "add", &format!("{subnet}.2/30"), "dev", cable]);
            run("ip", &["-n", name, "link", "set", cable, "up"]);
        }
        it.connect();
        it
    }

    /// Its address on the cable to clients.
    pub fn host(&self) -> String {
        format!("10.77.{}1.2", self.number)
    }

    /// What stands before a program that shall run in it.
    pub fn before(&self) -> Vec<String> {
        ["ip", "netns", "exec", self.name].map(str::to_owned).to_vec()
    }

    /// Takes the cable to Kafka away: nothing goes through, and nobody is told.
    pub fn cut(&self) {
        run("ip", &["link", "set", &self.cable("kafka"), "down"]);
    }

    /// Puts it back.
    pub fn connect(&self) {
        run("ip", &["link", "set", &self.cable("kafka"), "up"]);
        let hub = format!("{HUB}/32");
        let via = format!("10.77.{}2.1", self.number);
        run("ip", &["-n", self.name, "route", "replace", &hub, "via", &via]);
    }

    fn cable(&self, what: &str) -> String {
        format!("{what}{}", self.number)
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = output(program, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {error}", arguments.join(" "));
}

fn output(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}
