//! What sort of answer is wanted, and of which signal? Told by the words that people use for it.

use signal::Role;

use super::token::Token;

/// The sort of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Why did it happen: the cause.
    Why,
    /// What was changed, by people and in logs.
    Changed,
    /// How is it now.
    Healthy,
    /// Which is the worst.
    Worst,
    /// Log lines like these words.
    Logs,
    /// What to do about it.
    Fix,
    /// Was it there before.
    Before,
    /// Not understood.
    Unclear,
}

impl Shape {
    /// Name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Why => "why",
            Self::Changed => "what_changed",
            Self::Healthy => "is_it_healthy",
            Self::Worst => "which_is_worst",
            Self::Logs => "logs_like",
            Self::Fix => "how_to_fix",
            Self::Before => "seen_before",
            Self::Unclear => "unclear",
        }
    }
}

/// Phrases that tell the shape; the first row with one that occurs decides, so that "how do I fix what changed" is about
/// fixing. `_` stands for one or two other words.
const PHRASES: [(Shape, &[&str]); 7] = [
    (
        Shape::Before,
        &[
            "seen this",
            "seen it",
            "seen _ before",
            "happened before",
            "happen before",
            "similar incident",
            "similar incidents",
            "similar problems",
            "past incidents",
            "previous incidents",
            "earlier incidents",
            "ever seen",
            "ever happened",
            "occurred before",
            "had this before",
            "had _ before",
            "known issue",
            "known problem",
            "first time",
        ],
    ),
    (
        Shape::Fix,
        &[
            "fix",
            "resolve",
            "mitigate",
            "remediate",
            "recover from",
            "should i do",
            "should we do",
            "what to do",
            "can i do",
            "can we do",
            "do about",
            "runbook",
            "runbooks",
            "playbook",
            "how do i stop",
            "how do we stop",
            "how to stop",
            "workaround",
            "get rid",
        ],
    ),
    (
        Shape::Logs,
        &[
            "logs like",
            "logs about",
            "logs of",
            "logs for",
            "logs with",
            "logs from",
            "logs that",
            "logs mentioning",
            "log lines",
            "lines like",
            "lines about",
            "lines that",
            "messages like",
            "messages about",
            "show logs",
            "show me logs",
            "find logs",
            "search logs",
            "search the logs",
            "show the logs",
            "show me the logs",
            "error messages",
            "grep",
        ],
    ),
    (
        Shape::Changed,
        &[
            "what changed",
            "what has changed",
            "what have changed",
            "what's changed",
            "what was changed",
            "what is new",
            "what's new",
            "anything change",
            "anything changed",
            "something change",
            "any changes",
            "any change",
            "changes in",
            "changes to",
            "changes since",
            "list changes",
            "recent changes",
            "any deploy",
            "any deploys",
            "any deployments",
            "recent deploys",
            "recent deployments",
            "was deployed",
            "were deployed",
            "got deployed",
            "who deployed",
            "who changed",
            "did we deploy",
            "what did we change",
            "what is different",
            "what's different",
        ],
    ),
    (
        Shape::Worst,
        &[
            "worst",
            "most affected",
            "slowest",
            "unhealthiest",
            "most errors",
            "most alerts",
            "highest error",
            "highest latency",
            "most anomalous",
            "most unusual",
            "which services are",
            "which service is",
            "which service has",
            "which services have",
            "top services",
            "what service is",
            "which hosts are",
            "which host is",
        ],
    ),
    (
        Shape::Why,
        &[
            "why",
            "analyze",
            "analyse",
            "analysis",
            "what happened",
            "what's happening",
            "what is happening",
            "what happens",
            "what caused",
            "what causes",
            "what is causing",
            "what's causing",
            "root cause",
            "cause of",
            "explain",
            "investigate",
            "diagnose",
            "diagnosis",
            "wrong with",
            "what is wrong",
            "what's wrong",
            "what went wrong",
            "going on",
            "reason for",
            "look into",
            "debug",
            "troubleshoot",
            "who is to blame",
            "what broke",
            "tell me about",
            "responsible for",
            "behind the",
            "how come",
            "what's up with",
            "what is up with",
        ],
    ),
    (
        Shape::Healthy,
        &[
            "healthy",
            "health of",
            "status of",
            "status",
            "health",
            "is everything",
            "are there any incidents",
            "are there any problems",
            "any incidents",
            "any problems",
            "open incidents",
            "anything wrong",
            "doing",
            "is it up",
            "up and running",
            "ok",
            "okay",
            "fine",
            "alright",
            "all good",
            "how is",
            "how's",
            "how are",
            "is _ down",
            "is _ up",
            "are _ down",
            "are _ up",
            "is _ working",
            "are we good",
            "what is broken",
            "what's broken",
            "is it down",
        ],
    ),
];

/// Words for signals; the first row with one that occurs decides.
const SIGNALS: [(Role, &[&str]); 9] = [
    (
        Role::Errors,
        &[
            "error",
            "errors",
            "5xx",
            "500s",
            "500",
            "502",
            "503",
            "504",
            "exception",
            "exceptions",
            "failures",
            "failing",
            "fails",
            "failed",
            "error-rate",
        ],
    ),
    (
        Role::Latency,
        &[
            "latency",
            "latencies",
            "slow",
            "slower",
            "slowness",
            "slowest",
            "slowdown",
            "p99",
            "p95",
            "p90",
            "p50",
            "response-time",
            "durations",
            "timeouts",
            "timeout",
            "sluggish",
            "lagging",
            "delay",
            "delays",
        ],
    ),
    (Role::Queue, &["queue", "queues", "backlog", "lag"]),
    (Role::Pool, &["pool", "pools", "connections", "threads"]),
    (Role::Memory, &["memory", "oom", "heap", "leak", "leaking", "ram", "swap", "rss", "oomkilled"]),
    (Role::Disk, &["disk", "disks", "filesystem", "volume", "storage"]),
    (Role::Cpu, &["cpu", "cpus", "load", "processor"]),
    (Role::Traffic, &["traffic", "requests", "throughput", "rps", "qps", "orders"]),
    (Role::Availability, &["down", "outage", "unavailable", "unreachable", "crash", "crashed", "crashing", "restarts"]),
];

/// Words for something unusual: a question that has one with a subject asks why.
const EVENTS: [&str; 19] = [
    "spike",
    "spikes",
    "spiked",
    "drop",
    "drops",
    "dropped",
    "jump",
    "jumped",
    "surge",
    "dip",
    "anomaly",
    "anomalies",
    "incident",
    "outage",
    "degradation",
    "degraded",
    "problem",
    "issue",
    "alert",
];

/// Words that only ask, of every shape.
const ASKING: [&str; 70] = [
    "a",
    "about",
    "after",
    "all",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "been",
    "before",
    "by",
    "can",
    "did",
    "do",
    "does",
    "ever",
    "find",
    "for",
    "from",
    "get",
    "give",
    "had",
    "has",
    "have",
    "how",
    "i",
    "in",
    "into",
    "is",
    "it",
    "like",
    "line",
    "lines",
    "log",
    "logs",
    "look",
    "me",
    "mentioning",
    "messages",
    "my",
    "of",
    "on",
    "our",
    "please",
    "search",
    "seen",
    "should",
    "show",
    "similar",
    "that",
    "the",
    "there",
    "these",
    "this",
    "those",
    "to",
    "us",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "why",
    "with",
];

/// What sort of question it is. `has_subject`: it names a service, an endpoint, a signal or an incident.
pub fn shape(tokens: &[Token], has_subject: bool) -> Shape {
    let words: Vec<&str> = tokens.iter().map(|it| it.lower.trim_matches(|it: char| !it.is_alphanumeric())).collect();
    let occurs = |phrase: &&str| has_phrase(&words, phrase);
    if let Some((shape, _)) = PHRASES.iter().find(|(_, phrases)| phrases.iter().any(&occurs)) {
        return *shape;
    }
    let is_event = words.iter().any(|it| EVENTS.contains(it));
    match has_subject {
        // "errors in pay", "latency of checkout at 14:32", "INC-17".
        true => Shape::Why,
        false if is_event => Shape::Why,
        false => Shape::Unclear,
    }
}

fn has_phrase(words: &[&str], phrase: &str) -> bool {
    let parts: Vec<&str> = phrase.split(' ').collect();
    (0..words.len()).any(|from| fits(words.get(from..).unwrap_or_default(), &parts))
}

fn fits(words: &[&str], parts: &[&str]) -> bool {
    match (parts.split_first(), words.split_first()) {
        (None, _) => true,
        (Some((&"_", rest)), Some((_, after))) => {
            fits(after, rest) || after.split_first().is_some_and(|(_, after)| fits(after, rest))
        }
        (Some((part, rest)), Some((word, after))) => part == word && fits(after, rest),
        (Some(_), None) => false,
    }
}

/// The signal that is spoken of.
pub fn signal(tokens: &[Token]) -> Option<Role> {
    let free = || tokens.iter().filter(|it| !it.is_taken).map(|it| it.lower.as_str());
    let pairs =
        tokens.windows(2).any(|it| matches!(it, [a, b] if a.lower == "response" && b.lower.starts_with("time")));
    if pairs {
        return Some(Role::Latency);
    }
    SIGNALS.iter().find(|(_, words)| free().any(|it| words.contains(&it))).map(|it| it.0)
}

/// True for words that are not what is asked about.
pub fn only_asks(word: &str, shape: Shape) -> bool {
    let of_shape = match shape {
        Shape::Fix => ["fix", "resolve", "mitigate", "remediate", "runbook", "runbooks", "stop"].contains(&word),
        Shape::Before => ["happened", "happen", "incidents", "incident", "past", "previous"].contains(&word),
        _ => false,
    };
    of_shape || ASKING.contains(&word)
}
