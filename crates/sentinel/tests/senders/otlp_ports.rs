//! What happens when a port for OpenTelemetry is taken? A standard one is passed over, another one ends the start.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::support::server::{Folder, QUIET, Server};

/// Guarantees: MUST 208 of docs/specs/ingest.md.
#[test]
fn a_standard_port_that_is_taken_is_logged_and_passed_over() {
    // Other programs of this machine may have a port, and may let go of it at any time. A server that does not say that one
    // is taken has it, and keeps it: at the latest the third one has none that it could take.
    let servers: Vec<Server> = (0..3).map(|it| Server::start(&format!("otlp-{it}"), QUIET)).collect();
    let passed_over = |server: &Server, address: &str| {
        server.log().lines().any(|it| it.contains("Another program has this port") && it.contains(address))
    };
    for address in ["127.0.0.1:4317", "127.0.0.1:4318"] {
        let n_told = servers.iter().filter(|it| passed_over(it, address)).count();
        assert!(n_told >= 2, "{address}: one of three can have it: {}", servers[2].log());
    }
    for server in servers {
        let answer = server.send("POST", "/v1/logs", &[("content-type", "application/json")], b"{}");
        assert_eq!(answer.status, 200, "the main address takes it all the same");
    }
}

/// Guarantees: MUST 208.
#[test]
fn another_address_that_is_taken_ends_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = Folder::new("otlp-taken");
    let config = folder.write("sentinel.yaml", &format!("{QUIET}otlp:\n  grpc: {address}\n  http: null\n"));
    let output = Command::new(env!("CARGO_BIN_EXE_sentinel"))
        .args(["run", "--listen", "127.0.0.1:0", "-c"])
        .arg(config)
        .arg("--data-dir")
        .arg(folder.path().join("data"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(complaint.contains(&format!("cannot listen on {address} (otlp.grpc)")), "{complaint}");
}
