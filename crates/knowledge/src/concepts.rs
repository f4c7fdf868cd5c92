//! Which words do operators use for the same thing? A small list, so that "slow" finds "latency" without a model.
//!
//! Each row is one idea; a word or pair of words that stands in a row speaks for it. The list was written from the words of
//! runbooks and of common software, not from any test set.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::words::terms;

const ROWS: [&[&str]; 44] = [
    &["slow", "latency", "slowness", "delay", "sluggish", "lag", "response time", "takes long", "p99", "duration"],
    &[
        "time out",
        "timeout",
        "timed out",
        "deadline exceeded",
        "not responding",
        "unresponsive",
        "expired",
        "no answer",
    ],
    &["memory", "heap", "oom", "out memory", "ram", "rss", "allocation"],
    &["leak", "grows", "not given back", "unbounded growth"],
    &["cpu", "processor", "core", "cores", "compute", "throttled"],
    &["disk", "filesystem", "volume", "storage", "partition", "space left", "inode"],
    &[
        "full",
        "exhausted",
        "no space",
        "ran out",
        "run out",
        "used up",
        "saturated",
        "capacity",
        "limit reached",
        "too many",
    ],
    &[
        "crash",
        "crashed",
        "panic",
        "killed",
        "core dump",
        "segfault",
        "abort",
        "aborted",
        "fatal",
        "terminated",
        "died",
    ],
    &["restart", "reboot", "boot", "restarted", "respawn", "crashloop", "start again"],
    &["start", "startup", "starting", "launch", "begin", "initialize", "initializing", "initialized", "started"],
    &["stop", "shutdown", "shut down", "halt", "exit", "stopped", "terminating", "goodbye"],
    &["refused", "denied", "forbidden", "rejected", "permission", "not allowed", "unauthorized", "disallowed"],
    &["login", "log in", "authentication", "authenticate", "auth", "password", "credential", "sign in", "logged in"],
    &["attack", "brute force", "intruder", "break in", "breach", "suspicious", "intrusion", "hacker"],
    &["user", "account", "person", "client user"],
    &["unknown", "invalid", "unrecognized", "not exist", "nonexistent", "missing", "not found", "no such"],
    &["connection", "connect", "socket", "channel", "link", "tcp"],
    &[
        "reset",
        "dropped",
        "broken",
        "closed",
        "severed",
        "disconnect",
        "disconnected",
        "hung up",
        "lost",
        "broken pipe",
    ],
    &["network", "interface", "nic", "ethernet", "wire", "link", "packet"],
    &["packet loss", "retransmission", "retransmit", "dropped packet"],
    &["dns", "resolve", "name resolution", "hostname", "reverse mapping", "getaddrinfo", "lookup"],
    &["certificate", "tls", "ssl", "x509", "handshake", "expired certificate"],
    &["database", "db", "sql", "postgres", "mysql", "query", "transaction"],
    &["pool", "connection pool", "hikari", "pooled"],
    &["deploy", "deployment", "release", "rollout", "new version", "rolled out", "version"],
    &["roll back", "rollback", "revert", "undo", "previous version"],
    &["configuration", "config", "setting", "flag", "parameter", "toggle"],
    &["traffic", "requests", "load", "surge", "spike", "burst", "rps", "throughput"],
    &["error", "failure", "failed", "exception", "fault", "unsuccessful", "trouble", "problem", "broken"],
    &["retry", "retrying", "again", "attempt", "repeated"],
    &["queue", "backlog", "pending", "waiting", "wait"],
    &["lock", "deadlock", "contention", "blocked", "mutex"],
    &["leader", "election", "quorum", "primary", "master", "elected"],
    &["replica", "replicate", "replication", "follower", "copy", "mirror", "standby"],
    &["snapshot", "backup", "checkpoint", "dump"],
    &["delete", "deleting", "remove", "removed", "purge", "erase", "clean up"],
    &["write", "save", "store", "persist", "insert", "append", "saved"],
    &["read", "load", "fetch", "receive", "receiving", "got"],
    &["temperature", "overheating", "hot", "thermal", "fan", "cooling"],
    &["power", "psu", "power supply", "voltage", "electrical"],
    &["corrected", "ecc", "parity", "bit", "memory error", "ddr"],
    &["mount", "nfs", "lustre", "file system", "mounted"],
    &["session", "cookie", "token"],
    &["health", "healthy", "status", "alive", "heartbeat", "ready", "available", "unavailable"],
];

/// The ideas that a text speaks of, each once, by the number of its row.
pub fn of(words: &[String]) -> Vec<usize> {
    let table = table();
    let mut found = vec![];
    let pairs = words.windows(2).map(|it| it.join(" "));
    for key in words.iter().cloned().chain(pairs) {
        found.extend(table.get(key.as_str()).into_iter().flatten().copied());
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn table() -> &'static HashMap<String, Vec<usize>> {
    static TABLE: OnceLock<HashMap<String, Vec<usize>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: HashMap<String, Vec<usize>> = HashMap::new();
        for (row, phrases) in ROWS.iter().enumerate() {
            for phrase in *phrases {
                let key = terms(phrase).join(" ");
                let rows = table.entry(key).or_default();
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
        table.remove("");
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_idea_in_other_words() {
        let ideas = |text: &str| of(&terms(text));
        let shared = |a: &str, b: &str| ideas(a).iter().any(|it| ideas(b).contains(it));
        assert!(shared("checkout is slow", "p99 latency high"));
        assert!(shared("request timed out", "deadline exceeded"));
        assert!(shared("login attempts", "authentication failure"));
        assert!(!shared("the disk is full", "certificate"));
        assert!(ideas("hello world").is_empty());
    }
}
