//! What happens when a program that a test needs is missing? A visible skip, or a failure where nothing may be skipped.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Ports below those that a kernel gives to whoever asks for any, so that no connection of another program has them.
const PORTS: Range<u16> = 16_000..32_000;

/// True if the program can be started. If not, the skip is printed, or the test fails in CI.
pub fn is_there(program: &str, purpose: &str) -> bool {
    let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    // Some programs know no `--version` and answer with an error: they are there.
    let is_there = status.is_ok();
    if !is_there {
        skip(&format!("{program} is not installed; not tested: {purpose}"));
    }
    is_there
}

/// Prints why something is not tested; a failure if `SENTINEL_TEST_SERVICES` is `required`.
pub fn skip(reason: &str) {
    assert!(std::env::var("SENTINEL_TEST_SERVICES").as_deref() != Ok("required"), "must not be skipped: {reason}");
    eprintln!("SKIPPED: {reason}");
}

/// A loopback port that nothing listens on, and that no other test is given while this process lives: for programs that
/// cannot take port 0, and for those that shall come back on the port they had.
pub fn free_port() -> u16 {
    // A port is even, and whoever has the UDP socket of the odd one after it may use it: the kernel takes that back when
    // the process ends, however it ends.
    static HELD: Mutex<Vec<UdpSocket>> = Mutex::new(vec![]);
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let n_ports = u32::from(PORTS.end - PORTS.start) / 2;
    // Processes begin at different places, which is quicker than to ask for all that others have.
    let begin = std::process::id() * 61 % n_ports;
    for idx in held.len() as u32..n_ports {
        let port = PORTS.start + 2 * ((begin + idx) % n_ports) as u16;
        let Ok(lock) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1)) else { continue };
        // What is not free is kept as well, so that nobody looks at it again.
        held.push(lock);
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        if tcp.is_ok() && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("all of the ports {PORTS:?} are taken")
}

/// A Python with the given packages, kept in the target folder between runs; None (and a skip) if it cannot be made.
pub fn python_with(name: &str, packages: &[&str]) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = folder.join("bin/python3");
    let marker = folder.join("installed.txt");
    let wanted = packages.join("\n");
    // Tests run side by side, and only one of them may make the folder. The lock is let go of when it is dropped.
    let lock = std::fs::File::create(folder.with_extension("lock")).expect("the target folder can be written");
    lock.lock().expect("a file can be locked");
    if std::fs::read_to_string(&marker).is_ok_and(|it| it == wanted) {
        return Some(python);
    }
    let has_succeeded = |command: &mut Command| command.status().is_ok_and(|it| it.success());
    let is_made = has_succeeded(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
        && has_succeeded(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(packages),
        );
    if !is_made {
        skip(&format!("cannot install the Python packages {packages:?}"));
        return None;
    }
    std::fs::write(&marker, wanted).expect("the environment was just made");
    Some(python)
}
