//! What is a number about, judged by its name, and which way is bad?

use signal::FaultClass;

/// What a number measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Processor time that is used.
    Cpu,
    /// Memory that is used.
    Memory,
    /// Reading from and writing to disks, and how full they are.
    Disk,
    /// Packets that do not arrive.
    Loss,
    /// Bytes and connections of the network.
    Network,
    /// How long something takes.
    Latency,
    /// How much of it fails.
    Error,
    /// How much of it succeeds.
    Success,
    /// Something waits for its turn: queues, pools, throttling.
    Saturation,
    /// Something was killed or started again.
    Restart,
    /// How often a cache had the answer.
    Hit,
    /// A bound that people configure.
    Limit,
    /// How much is asked for.
    Workload,
    /// Anything else.
    Other,
}

/// Which way a number goes when there is trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More is worse.
    Up,
    /// Less is worse.
    Down,
    /// Either may be.
    Both,
}

/// Words of names and what they tell, the most telling first: `cpu_throttled_seconds` is about waiting.
const WORDS: &[(Kind, &[&str])] = &[
    (Kind::Restart, &["oom", "oomkilled", "restart", "restarts", "killed", "evicted", "crash", "crashes"]),
    (Kind::Limit, &["limit", "limits", "quota", "capacity", "max", "spec"]),
    (Kind::Success, &["availability", "success", "successes", "successrate", "uptime", "healthy", "up", "apdex"]),
    (
        Kind::Error,
        &[
            "error",
            "errors",
            "err",
            "fail",
            "failed",
            "failure",
            "failures",
            "fault",
            "faults",
            "exception",
            "exceptions",
            "rejected",
            "unauthorized",
            "timeouts",
            "failcnt",
            "aborted",
            "5xx",
            "4xx",
            "500",
            "503",
            "401",
            "pressure",
        ],
    ),
    (
        Kind::Saturation,
        &[
            "throttled",
            "throttle",
            "throttling",
            "throttles",
            "queue",
            "queued",
            "pool",
            "backlog",
            "pending",
            "wait",
            "waiting",
            "lag",
            "inflight",
            "saturation",
            "blocked",
            "threads",
            "conns",
            "connections",
            "socket",
            "sockets",
            "descriptors",
            "iowait",
        ],
    ),
    (Kind::Loss, &["loss", "lost", "retrans", "retransmits", "retransmit", "drop", "drops", "dropped", "corrupt"]),
    (Kind::Hit, &["hit", "hits"]),
    (
        Kind::Latency,
        &[
            "lat",
            "latency",
            "duration",
            "latencyp90",
            "latencyp95",
            "latencyp99",
            "rt",
            "mrt",
            "rtt",
            "delay",
            "elapsed",
            "slowness",
            "ttfb",
            "percentile",
            "p50",
            "p75",
            "p90",
            "p95",
            "p99",
            "p999",
        ],
    ),
    (Kind::Cpu, &["cpu", "cpus", "cpuusage", "cpuusagerate", "cpuutil", "processor", "cores", "millicores"]),
    (
        Kind::Memory,
        &[
            "mem",
            "memory",
            "memoryusage",
            "memoryusagerate",
            "memutil",
            "rss",
            "heap",
            "swap",
            "jvm",
            "gc",
            "pgfault",
            "pgmajfault",
            "workingset",
        ],
    ),
    (
        Kind::Disk,
        &[
            "disk",
            "diskio",
            "fs",
            "io",
            "iops",
            "inodes",
            "inode",
            "filesystem",
            "blkio",
            "syscallread",
            "syscallwrite",
            "storage",
        ],
    ),
    (
        Kind::Network,
        &[
            "net",
            "network",
            "tcp",
            "bandwidth",
            "bytes",
            "receive",
            "transmit",
            "packets",
            "networkreceivebytes",
            "networktransmitbytes",
        ],
    ),
    (
        Kind::Workload,
        &[
            "load",
            "lod",
            "workload",
            "requests",
            "request",
            "rps",
            "qps",
            "tps",
            "ops",
            "traffic",
            "queries",
            "rate",
            "calls",
            "throughput",
            "hits",
        ],
    ),
];

/// What stands in names before what is measured, because of where the number is from.
const PREFIXES: &[&str] = &["container", "istio", "http", "grpc", "envoy", "process", "kube", "cadvisor"];
/// How names of machines begin, and of what is measured there.
const MACHINES: &[&str] = &["node", "host", "machine", "system", "instance", "vm"];
/// The load of a machine over so many minutes.
const LOADS: &[&str] = &["load1", "load5", "load15"];

impl Kind {
    /// The kind of a metric's name.
    pub fn of(indicator: &str) -> Self {
        let words: Vec<String> = words(indicator).collect();
        let has = |known: &[&str]| words.iter().any(|it| known.contains(&it.as_str()) || is_joined(it, known));
        let kind = WORDS.iter().find(|(_, known)| has(known)).map_or(Self::Other, |(kind, _)| *kind);
        let is_about = |other: Self| WORDS.iter().any(|(it, known)| *it == other && has(known));
        match kind {
            // Page faults and the like: what fails is no request.
            Self::Error if is_about(Self::Memory) => Self::Memory,
            Self::Error if is_about(Self::Network) && !has(&["request", "requests"]) => Self::Loss,
            // The largest use of something is no bound.
            Self::Limit if has(&["usage", "used"]) && is_about(Self::Memory) => Self::Memory,
            // How many took so long is a number of requests.
            Self::Latency if words.last().is_some_and(|it| it == "count" || it == "bucket") => Self::Workload,
            // `load1` of a machine is how many want its processor.
            Self::Workload if has(LOADS) => Self::Cpu,
            Self::Other if has(&["response", "resp", "processing"]) && has(&["time", "seconds", "ms"]) => Self::Latency,
            Self::Other if has(&["responsetime", "resptime", "millis", "milliseconds"]) => Self::Latency,
            Self::Other if has(&["start"]) && has(&["time"]) => Self::Restart,
            kind => kind,
        }
    }

    /// Whether a word of a name tells what is measured.
    pub(crate) fn knows(word: &str) -> bool {
        words(word).next().is_some_and(|it| is_known(&it))
    }

    /// Whether a name begins with what is measured, or with what measures it.
    pub(crate) fn begins(name: &str) -> bool {
        words(name).find(|it| !PREFIXES.contains(&it.as_str())).is_some_and(|it| is_known(&it))
    }

    /// Which way is bad.
    pub const fn direction(self) -> Direction {
        match self {
            Self::Success | Self::Hit | Self::Limit => Direction::Down,
            Self::Other | Self::Workload | Self::Network => Direction::Both,
            _ => Direction::Up,
        }
    }

    /// Whether it is what a service does to its callers, and not what happens inside of it.
    pub const fn is_symptom(self) -> bool {
        matches!(self, Self::Latency | Self::Error | Self::Success)
    }

    /// The fault that a deviation of this kind speaks for.
    pub const fn fault(self) -> Fault {
        match self {
            Self::Cpu => Fault::Cpu,
            Self::Memory | Self::Restart => Fault::Memory,
            Self::Disk => Fault::Disk,
            Self::Loss => Fault::Loss,
            Self::Network => Fault::Network,
            Self::Latency => Fault::Latency,
            Self::Error | Self::Success => Fault::Error,
            Self::Saturation => Fault::Saturation,
            Self::Hit | Self::Limit => Fault::Config,
            Self::Workload => Fault::Traffic,
            Self::Other => Fault::Unknown,
        }
    }
}

/// Whether a name begins as those of machines and their numbers do: `node_cpu`, `NodeMemory`, `host-3`, `system.disk.io`.
pub(crate) fn is_of_machine(name: &str) -> bool {
    let first = words(name).next().unwrap_or_default();
    MACHINES.contains(&first.trim_end_matches(|it: char| it.is_ascii_digit()))
}

/// Words of a name in small letters: `PodServerLatencyP90(s)` has `pod`, `server`, `latencyp90` and `s`.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::with_capacity(name.len() + 8);
    let mut was_small = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && was_small {
            spaced.push(' ');
        }
        was_small = letter.is_ascii_lowercase();
        spaced.push(letter.to_ascii_lowercase());
    }
    let words: Vec<String> =
        spaced.split(|it: char| !it.is_ascii_alphanumeric()).filter(|it| !it.is_empty()).map(str::to_owned).collect();
    words.into_iter()
}

fn is_known(word: &str) -> bool {
    WORDS.iter().any(|(_, known)| known.contains(&word) || is_joined(word, known))
}

/// `latency50` and `p99latency` are written as one word with a number.
fn is_joined(word: &str, known: &[&str]) -> bool {
    let bare = word.trim_matches(|it: char| it.is_ascii_digit());
    bare.len() >= 3 && bare.len() < word.len() && known.contains(&bare)
}

/// What went wrong, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Processor time is short.
    Cpu,
    /// Memory grows or is short.
    Memory,
    /// A disk is slow or full.
    Disk,
    /// Packets are lost or late.
    Loss,
    /// Traffic of the network is not as it was.
    Network,
    /// It takes longer, and nothing tells why.
    Latency,
    /// It fails, and nothing tells why.
    Error,
    /// Something waits for its turn.
    Saturation,
    /// The program does something else than before.
    Code,
    /// Something outside that is called does not work.
    Dependency,
    /// A bound or a setting is not as it was.
    Config,
    /// A new version brought it.
    Deploy,
    /// More is asked for.
    Traffic,
    /// Somebody else on the same machine takes what is needed.
    Neighbor,
    /// It is not there any more, or not all the time.
    Crash,
    /// Nothing fits.
    Unknown,
}

impl Fault {
    /// Name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Loss => "loss",
            Self::Network => "network",
            Self::Latency => "latency",
            Self::Error => "error",
            Self::Saturation => "saturation",
            Self::Code => "code",
            Self::Dependency => "dependency",
            Self::Config => "config",
            Self::Deploy => "deploy",
            Self::Traffic => "traffic",
            Self::Neighbor => "noisy_neighbor",
            Self::Crash => "crash",
            Self::Unknown => "unknown",
        }
    }

    /// The class that playbooks know it under.
    pub const fn class(self) -> FaultClass {
        match self {
            Self::Cpu => FaultClass::CpuHog,
            Self::Neighbor => FaultClass::CpuSaturation,
            Self::Memory => FaultClass::MemoryLeak,
            Self::Disk => FaultClass::DiskFilling,
            Self::Loss | Self::Network => FaultClass::Network,
            Self::Error | Self::Code | Self::Crash => FaultClass::ErrorBurst,
            Self::Saturation => FaultClass::PoolExhaustion,
            Self::Dependency => FaultClass::DependencyTimeout,
            Self::Config | Self::Deploy => FaultClass::BadDeploy,
            Self::Traffic => FaultClass::TrafficSurge,
            Self::Latency | Self::Unknown => FaultClass::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_tools_tell_their_kind() {
        for (name, kind) in [
            ("cpu", Kind::Cpu),
            ("lat_50", Kind::Latency),
            ("latency-90", Kind::Latency),
            ("CpuUsageRate(%)", Kind::Cpu),
            ("PodServerLatencyP90(s)", Kind::Latency),
            ("PodSuccessRate(%)", Kind::Success),
            ("container_cpu_cfs_throttled_seconds", Kind::Saturation),
            ("http_401_unauthorized_ratio", Kind::Error),
            ("availability/Average", Kind::Success),
            ("container_memory_limit_mb", Kind::Limit),
            ("container_oom_killed_total", Kind::Restart),
            ("cache_hit_ratio", Kind::Hit),
            ("requests/Sum", Kind::Workload),
            ("diskio", Kind::Disk),
            ("NetworkReceiveBytes", Kind::Network),
            ("container-memory-failures-total", Kind::Memory),
            ("container-memory-max-usage-bytes", Kind::Memory),
            ("container-spec-memory-limit-bytes", Kind::Limit),
            ("container-network-receive-errors-total", Kind::Loss),
            ("container-cpu-usage-seconds-total", Kind::Cpu),
            ("istio-error-total", Kind::Error),
            ("istio-request-total", Kind::Workload),
            ("istio-latency-90", Kind::Latency),
            ("response_time_ms", Kind::Latency),
            ("http_request_duration_seconds_count", Kind::Workload),
            ("node_load1", Kind::Cpu),
            ("load", Kind::Workload),
            ("socket", Kind::Saturation),
            ("colour", Kind::Other),
        ] {
            assert_eq!(Kind::of(name), kind, "{name}");
        }
    }
}
