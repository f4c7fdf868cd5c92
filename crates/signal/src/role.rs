//! What does a metric tell of: traffic, errors, latency, a resource? Read from its name and labels.
//!
//! The words are those of the Prometheus naming guide, the OpenTelemetry semantic conventions and common exporters.
//! Policies (`detect`) and fault classes (`diagnose`) rest on it, so that neither needs configuration to begin with.

use serde::{Deserialize, Serialize};

use crate::Labels;

/// What a metric tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Requests, messages, bytes that come and go: alone no fault.
    Traffic,
    /// Failures: a symptom.
    Errors,
    /// Time that something takes: a symptom.
    Latency,
    /// Processor use.
    Cpu,
    /// Memory use.
    Memory,
    /// Disk space.
    Disk,
    /// A limited pool: connections, threads, handles.
    Pool,
    /// Work that waits.
    Queue,
    /// Is it there at all.
    Availability,
    /// One process of a host: evidence, never scored.
    Process,
    /// A constant that describes (build information, limits): never scored.
    Description,
    /// Anything else.
    Other,
}

/// Words of a name, and the role they speak for; the first row that matches decides.
const WORDS: [(Role, &[&str]); 9] = [
    (Role::Errors, &["error", "errors", "failed", "failures", "failure", "exceptions", "timeouts", "5xx", "rejected"]),
    (Role::Latency, &["duration", "latency", "wait", "pause", "rtt", "lag_seconds", "response"]),
    (Role::Queue, &["queue", "backlog", "lag", "pending", "waiting"]),
    (Role::Pool, &["pool", "connections", "threads", "fds", "handles", "sockets"]),
    (Role::Disk, &["disk", "filesystem", "volume", "storage"]),
    (Role::Memory, &["memory", "mem", "heap", "rss", "swap"]),
    (
        Role::Traffic,
        &["requests", "request", "queries", "messages", "received", "sent", "rps", "throughput", "orders", "calls"],
    ),
    (Role::Cpu, &["cpu", "load", "load1", "load5", "load15", "pressure"]),
    (Role::Availability, &["up", "alive", "healthy", "ready"]),
];

/// What detection itself writes about other series.
const DERIVED: [&str; 5] = ["y", "yhat", "yhat_lower", "yhat_upper", "anomaly_score"];

impl Role {
    /// The role of a series.
    pub fn of(labels: &Labels) -> Self {
        let name = labels.name().to_ascii_lowercase();
        if is_derived(labels) {
            return Self::Description;
        }
        if name.starts_with("host_process_") {
            return Self::Process;
        }
        if ["_info", "_created", "_max", "_limit", "_capacity", "_total_bytes", "_bucket"]
            .iter()
            .any(|it| name.ends_with(it))
        {
            return Self::Description;
        }
        let is_failure = |it: &str| it.starts_with('5') && it.len() == 3 || it.eq_ignore_ascii_case("error");
        if ["status", "code", "status_code", "outcome"].iter().filter_map(|it| labels.get(it)).any(is_failure) {
            return Self::Errors;
        }
        if name.contains("disk") && name.contains("bytes_per_second") {
            return Self::Traffic;
        }
        let words: Vec<&str> = name.split(['_', ':', '.', '-']).collect();
        let found = WORDS.iter().find(|(_, wanted)| words.iter().any(|it| wanted.contains(it)));
        found.map_or(Self::Other, |(role, _)| *role)
    }

    /// True if a deviation is felt by users, so that it may open an incident by itself.
    pub const fn is_symptom(self) -> bool {
        matches!(self, Self::Errors | Self::Latency | Self::Availability)
    }

    /// True if it is a resource that can run short.
    pub const fn is_resource(self) -> bool {
        matches!(self, Self::Cpu | Self::Memory | Self::Disk | Self::Pool | Self::Queue)
    }

    /// True if its series are scored at all.
    pub const fn is_scored(self) -> bool {
        !matches!(self, Self::Process | Self::Description)
    }
}

/// True if detection itself has written it, about another series.
pub fn is_derived(labels: &Labels) -> bool {
    DERIVED.iter().any(|it| labels.name().eq_ignore_ascii_case(it))
}

/// True if a series only grows and is judged by its rate (Prometheus counters by their naming rule). A count per window
/// (it has a label `window`) begins anew with each window and is none.
pub fn is_counter(labels: &Labels) -> bool {
    labels.get("window").is_none()
        && ["_total", "_count", "_sum", "_bucket"].iter().any(|it| labels.name().ends_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_usual_names() {
        let role = |text: &str| Role::of(&text.parse().unwrap());
        assert_eq!(role("http_requests_total"), Role::Traffic);
        assert_eq!(role(r#"http_requests_total{status="503"}"#), Role::Errors);
        assert_eq!(role("http_request_duration_seconds"), Role::Latency);
        assert_eq!(role("client_errors_total"), Role::Errors);
        assert_eq!(role("cpu_usage"), Role::Cpu);
        assert_eq!(role("host_cpu_core_percent"), Role::Cpu);
        assert_eq!(role("host_process_cpu_percent"), Role::Process);
        assert_eq!(role("db_pool_connections_in_use"), Role::Pool);
        assert_eq!(role("db_pool_connections_max"), Role::Description);
        assert_eq!(role("db_pool_wait_seconds"), Role::Latency);
        assert_eq!(role("host_disk_used_percent"), Role::Disk);
        assert_eq!(role("host_disk_written_bytes_per_second"), Role::Traffic);
        assert_eq!(role("memory"), Role::Memory);
        assert_eq!(role(r#"yhat_upper{for="latency",service="pay"}"#), Role::Description);
        assert_eq!(role("up"), Role::Availability);
        assert_eq!(role("temperature"), Role::Other);
    }

    #[test]
    fn counters_by_name_but_not_counts_of_a_window() {
        let is_counter = |text: &str| is_counter(&text.parse().unwrap());
        assert!(is_counter("http_requests_total") && is_counter("latency_count"));
        assert!(!is_counter(r#"orders_count{window="60s"}"#) && !is_counter("cpu_usage"));
    }
}
