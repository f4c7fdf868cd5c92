//! Are messages of real syslog senders stored with their host, program, level and text, over UDP and TCP? Python's
//! `SysLogHandler` writes almost no header, `logger` of util-linux the whole of RFC 5424.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::server::{QUIET, Server};
use crate::support::services::{free_port, is_there};
use crate::support::wait_for;

const PYTHON: &str = r#"
import logging, logging.handlers, socket, sys
for kind, port in ((socket.SOCK_DGRAM, int(sys.argv[1])), (socket.SOCK_STREAM, int(sys.argv[1]))):
    handler = logging.handlers.SysLogHandler(("127.0.0.1", port), socktype=kind)
    handler.ident = "shop-py: "
    log = logging.getLogger(str(kind))
    log.addHandler(handler)
    log.error("payment %d refused by %s", 7, kind.name)
    log.warning("caf\u00e9 is slow %s", kind.name)
    handler.close()
"#;

fn server() -> (Server, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = format!("{QUIET}syslog:\n  udp: {address}\n  tcp: {address}\n  labels:\n    environment: test\n");
    (Server::start("syslog", &config), address)
}

fn lines(server: &Server, query: &str, count: usize) -> Vec<Value> {
    wait_for(Duration::from_secs(120), &format!("{count} lines of {query}"), || {
        Some(server.list(&format!("/sentinel/v1/logs?limit=1000&from=-1h&{query}"))).filter(|it| it.len() == count)
    })
}

/// Guarantees: MUST 130, 131 and 132 of docs/specs/ingest.md.
#[test]
fn python_writes_over_udp_and_tcp() {
    if !is_there("python3", "syslog by Python's SysLogHandler") {
        return;
    }
    let (server, address) = server();
    let run = Command::new("python3").args(["-c", PYTHON, &address.port().to_string()]).status().unwrap();
    assert!(run.success());
    let found = lines(&server, "service=shop-py", 4);
    for kind in ["SOCK_DGRAM", "SOCK_STREAM"] {
        let line =
            |text: &str| found.iter().find(|it| it["line"] == text).unwrap_or_else(|| panic!("{text} {found:#?}"));
        let error = line(&format!("payment 7 refused by {kind}"));
        assert_eq!((&error["labels"]["level"], &error["labels"]["host"]), (&"error".into(), &"127.0.0.1".into()));
        assert_eq!(error["labels"]["environment"], "test");
        assert_eq!(line(&format!("caf\u{e9} is slow {kind}"))["labels"]["level"], "warn");
    }
    assert_eq!(server.metric("sentinel_ingest_signals_received_total", &["\"syslog\""]), 4.0);
}

/// Guarantees: MUST 130, 131 and 133: `logger` with both ways of framing.
#[test]
fn logger_writes_rfc_5424_and_3164() {
    if !is_there("logger", "syslog by logger of util-linux") {
        return;
    }
    let (server, address) = server();
    let port = address.port().to_string();
    for (way, arguments) in [
        ("udp", &["--udp", "--rfc5424"][..]),
        ("lines", &["--tcp", "--rfc5424"]),
        ("octets", &["--tcp", "--rfc5424", "--octet-count"]),
        ("old", &["--udp", "--rfc3164"]),
    ] {
        let message = format!("disk of {way} is full");
        let mut logger = Command::new("logger");
        logger.args(["-n", "127.0.0.1", "-P", &port, "-p", "daemon.crit", "-t", "backup", "--id=4711"]);
        if way != "old" {
            logger.args(["--msgid", "FULL", "--sd-id", "disk@32473", "--sd-param", "path=\"/var\""]);
        }
        assert!(logger.args(arguments).arg(&message).status().unwrap().success(), "{way}");
    }
    let host = String::from_utf8(Command::new("hostname").output().unwrap().stdout).unwrap().trim().to_owned();
    let found = lines(&server, "service=backup", 4);
    for way in ["udp", "lines", "octets", "old"] {
        let text = format!("disk of {way} is full");
        let it = found.iter().find(|it| it["line"] == text.as_str()).unwrap_or_else(|| panic!("{text} {found:#?}"));
        assert_eq!((&it["labels"]["level"], &it["labels"]["host"]), (&"fatal".into(), &host.as_str().into()), "{it}");
    }
}

/// Guarantees: MUST 133, 134 and 135: what is too long is cut, what has no text is counted, all else is kept.
#[test]
fn hostile_bytes_stay_bounded() {
    let (server, address) = server();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"<11>flood: ").unwrap();
    for _ in 0..64 {
        stream.write_all(&[b'x'; 16 << 10]).unwrap();
    }
    stream.write_all(b"\n<14>\n99999999 <11>flood: counted but never whole").unwrap();
    drop(stream);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"<11>flood: \xff\xfe after\n<11>flood: last without end").unwrap();
    drop(stream);
    let found = lines(&server, "service=flood", 4);
    let longest = found.iter().map(|it| it["line"].as_str().unwrap().len()).max().unwrap();
    assert_eq!(longest, 65_536);
    for text in ["\u{fffd}\u{fffd} after", "last without end", "counted but never whole"] {
        assert!(found.iter().any(|it| it["line"] == text), "{text}");
    }
    let dropped = server.metric("sentinel_ingest_signals_dropped_total", &["\"syslog\"", "\"malformed\""]);
    let repaired = server.metric("sentinel_ingest_lines_altered_total", &["\"syslog\"", "\"invalid_utf8\""]);
    assert_eq!((dropped, repaired), (1.0, 1.0));
    assert!(server.metric("sentinel_ingest_lines_altered_total", &["\"syslog\"", "\"cut\""]) >= 2.0);
}
