//! Which words of a claim need support? Numbers, times, names, where something went, what broke, and why.

/// A number with what follows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number<'a> {
    /// Its value.
    pub value: f64,
    /// Half of its last digit.
    pub rounding: f64,
    /// Its unit, if one is written to it.
    pub unit: &'a str,
}

/// Words of a text without the punctuation around them.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    fn is_around(it: char) -> bool {
        matches!(
            it,
            ',' | ';'
                | '!'
                | '?'
                | '('
                | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | '"'
                | '\''
                | '`'
                | '='
                | '<'
                | '>'
                | '\u{201c}'
                | '\u{201d}'
                | '\u{2018}'
                | '\u{2019}'
                | '*'
                | '~'
        )
    }
    text.split(|it: char| it.is_whitespace() || is_around(it)).filter_map(|it| {
        let it = it.trim_matches(|it: char| matches!(it, '.' | ':')).trim_end_matches("'s");
        Some(it).filter(|it| !it.is_empty())
    })
}

/// Reads `8.2`, `1,200`, `82%`, `250ms`, `-3e5`; none for anything else, such as `web-1` or `10.0.0.1`.
pub fn number(piece: &str) -> Option<Number<'_>> {
    let end = piece
        .char_indices()
        .find(|(at, it)| {
            let is_sign = matches!(it, '-' | '+') && (*at == 0 || ends_in_exponent(piece, *at));
            let is_exponent = matches!(it, 'e' | 'E') && exponent_follows(piece, *at);
            !(it.is_ascii_digit() || matches!(it, '.' | ',') || is_sign || is_exponent)
        })
        .map_or(piece.len(), |(at, _)| at);
    let (digits, unit) = piece.split_at(end);
    let plain = digits.replace(',', "");
    let value: f64 = plain.parse().ok().filter(|it: &f64| it.is_finite())?;
    let is_unit = unit.chars().all(|it| it.is_alphabetic() || it == '%' || it == '/') && unit.len() <= 8;
    let mantissa = plain.split(['e', 'E']).next().unwrap_or("");
    let decimals = mantissa.split_once('.').map_or(0, |it| it.1.len());
    let exponent: i32 = plain.split_once(['e', 'E']).and_then(|it| it.1.parse().ok()).unwrap_or(0);
    let rounding = 0.5 * 10f64.powi(exponent - i32::try_from(decimals).unwrap_or(0));
    (is_unit && plain.bytes().any(|it| it.is_ascii_digit())).then_some(Number { value, rounding, unit })
}

fn exponent_follows(piece: &str, at: usize) -> bool {
    let mut after = piece.get(at + 1..).unwrap_or("").chars();
    let first = after.next();
    let is_digit = |it: Option<char>| it.is_some_and(|it| it.is_ascii_digit());
    at > 0 && (is_digit(first) || matches!(first, Some('-' | '+')) && is_digit(after.next()))
}

fn ends_in_exponent(piece: &str, at: usize) -> bool {
    piece.get(..at).is_some_and(|it| it.ends_with(['e', 'E']) && it.bytes().any(|it| it.is_ascii_digit()))
}

/// Small numbers in words.
pub fn number_word(word: &str) -> Option<f64> {
    let words = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    words.iter().position(|it| *it == word).map(|it| it as f64 + 2.0)
}

/// What a number of a unit may be in the units of the facts.
pub fn scales(unit: &str) -> &'static [f64] {
    match unit.to_ascii_lowercase().as_str() {
        "%" | "percent" => &[1.0, 0.01],
        "ms" | "milliseconds" => &[1.0, 1e-3],
        "us" => &[1.0, 1e-6],
        "s" | "sec" | "secs" | "second" | "seconds" => &[1.0, 1e3],
        "min" | "minute" | "minutes" => &[1.0, 60.0],
        "h" | "hour" | "hours" => &[1.0, 3600.0],
        "k" => &[1e3],
        "kb" | "kib" => &[1e3, 1024.0],
        "m" | "million" => &[1.0, 1e6],
        "mb" | "mib" => &[1.0, 1e6, 1_048_576.0],
        "g" | "billion" => &[1.0, 1e9],
        "gb" | "gib" => &[1.0, 1e9, 1_073_741_824.0],
        "tb" | "tib" => &[1e12, 1_099_511_627_776.0],
        _ => &[1.0],
    }
}

/// True for a unit that may stand apart from its number.
pub fn is_unit(word: &str) -> bool {
    const UNITS: [&str; 19] = [
        "%",
        "percent",
        "k",
        "kb",
        "kib",
        "m",
        "million",
        "mb",
        "mib",
        "g",
        "billion",
        "gb",
        "gib",
        "tb",
        "tib",
        "bytes",
        "x",
        "per-second",
        "per-minute",
    ];
    is_time_unit(word) || UNITS.contains(&word)
}

/// True for a unit of time.
pub fn is_time_unit(word: &str) -> bool {
    const UNITS: [&str; 16] = [
        "ms",
        "milliseconds",
        "us",
        "s",
        "sec",
        "secs",
        "second",
        "seconds",
        "min",
        "minute",
        "minutes",
        "h",
        "hour",
        "hours",
        "day",
        "days",
    ];
    UNITS.contains(&word)
}

/// True for what looks like a name of something: it has digits among letters, inner capitals, or `_ - / : . @` inside.
pub fn is_name_like(word: &str) -> bool {
    let has_letter = word.chars().any(char::is_alphabetic);
    let has_digit = word.chars().any(|it| it.is_ascii_digit());
    let inner = word.trim_matches(|it: char| !it.is_alphanumeric());
    let has_joint =
        inner.chars().any(|it| matches!(it, '_' | '-' | '/' | ':' | '.' | '@' | '\\' | '$' | '#' | '|' | '&'));
    let has_inner_capital = word.chars().skip(1).any(char::is_uppercase) && word.chars().any(char::is_lowercase);
    let is_foreign = !word.is_ascii();
    is_foreign || has_letter && (has_digit || has_joint || has_inner_capital)
}

/// Compounds of plain English.
pub const COMPOUNDS: [&str; 16] = [
    "time-out",
    "time-outs",
    "read-only",
    "long-running",
    "out-of-memory",
    "start-up",
    "roll-back",
    "end-to-end",
    "per-minute",
    "per-second",
    "real-time",
    "and/or",
    "i.e",
    "e.g",
    "99th-percentile",
    "garbage-collection",
];

/// Short forms that everybody knows.
pub const ACRONYMS: [&str; 23] = [
    "cpu", "gc", "http", "https", "db", "sql", "api", "utc", "jvm", "oom", "io", "i/o", "ram", "tcp", "dns", "tls",
    "rpc", "grpc", "p99", "p95", "p50", "vm", "os",
];

/// Words beside which the name of a thing stands.
pub const THINGS: [&str; 22] = [
    "service",
    "services",
    "host",
    "hosts",
    "pod",
    "pods",
    "process",
    "processes",
    "deployment",
    "database",
    "container",
    "node",
    "server",
    "machine",
    "cluster",
    "namespace",
    "table",
    "topic",
    "queue",
    "model",
    "user",
    "team",
];

/// Words beside those that name nothing.
pub const PLAIN: [&str; 70] = [
    "the", "a", "an", "this", "that", "its", "their", "same", "other", "another", "each", "every", "all", "both",
    "one", "blamed", "affected", "first", "last", "new", "old", "calling", "called", "which", "whose", "of", "in",
    "on", "by", "to", "for", "from", "with", "is", "was", "are", "were", "has", "had", "have", "and", "or", "while",
    "when", "as", "at", "after", "before", "since", "began", "rose", "fell", "itself", "shows", "showed", "per",
    "than", "more", "most", "many", "these", "those", "it", "between", "until", "during", "then", "also", "some",
    "used",
];

/// Something went up.
pub const UP: [&str; 28] = [
    "tripled",
    "quadrupled",
    "up",
    "surges",
    "rose",
    "rise",
    "rises",
    "risen",
    "rising",
    "increase",
    "increased",
    "increases",
    "increasing",
    "grew",
    "grow",
    "grows",
    "grown",
    "growing",
    "surge",
    "surged",
    "surging",
    "spike",
    "spiked",
    "jump",
    "jumped",
    "climbed",
    "climbing",
    "doubled",
];

/// Something went down.
pub const DOWN: [&str; 19] = [
    "down",
    "fell",
    "fall",
    "falls",
    "fallen",
    "falling",
    "drop",
    "dropped",
    "drops",
    "dropping",
    "decrease",
    "decreased",
    "decreasing",
    "decline",
    "declined",
    "declining",
    "shrank",
    "sank",
    "halved",
];

/// They turn a sentence into its contrary; facts say what is.
pub const NOT: [&str; 12] =
    ["not", "never", "no", "none", "without", "neither", "nor", "nobody", "nothing", "cannot", "unrelated", "except"];

/// Facts give no advice; people and playbooks decide.
pub const ADVICE: [&str; 27] = [
    "approve",
    "approved",
    "please",
    "should",
    "must",
    "recommend",
    "recommended",
    "execute",
    "run",
    "delete",
    "disable",
    "ignore",
    "click",
    "visit",
    "scale",
    "kill",
    "rollback",
    "revert",
    "reboot",
    "urgent",
    "immediately",
    "instruction",
    "instructions",
    "admin",
    "escalate",
    "contact",
    "download",
];

/// They say why.
pub const WHY: [&str; 14] = [
    "because",
    "cause",
    "causes",
    "caused",
    "causing",
    "due",
    "led",
    "leads",
    "leading",
    "root",
    "result",
    "resulted",
    "triggered",
    "explains",
];

/// What breaks: a word of the first list needs one of the second in the facts.
pub const SUBJECTS: [(&[&str], &[&str]); 22] = [
    (&["leak", "leaks", "leaking", "leaked"], &["leak"]),
    (&["memory", "heap", "ram"], &["memory", "heap", "rss", "oom", "_bytes"]),
    (&["cpu", "processor"], &["cpu"]),
    (&["disk", "filesystem", "storage"], &["disk", "filesystem", "volume"]),
    (&["network", "packet", "packets", "bandwidth"], &["network", "packet", "net_"]),
    (
        &["deploy", "deploys", "deployed", "rollout", "release", "released", "version", "upgrade", "upgraded"],
        &["deploy", "version"],
    ),
    (&["configuration", "config", "flag", "setting", "settings"], &["config", "flag", "setting"]),
    (&["pool", "connections", "connection"], &["pool", "connection"]),
    (&["database", "sql", "query", "queries"], &["database", "sql", "query", "db"]),
    (&["certificate", "tls", "ssl"], &["cert", "tls", "ssl"]),
    (&["dns"], &["dns"]),
    (&["cache"], &["cache"]),
    (&["queue", "backlog"], &["queue", "backlog", "waiting"]),
    (&["thread", "threads", "lock", "deadlock"], &["thread", "lock"]),
    (&["gc", "garbage"], &["gc", "garbage"]),
    (
        &["crash", "crashed", "crashes", "restart", "restarted", "restarts", "oom"],
        &["crash", "restart", "oom", "killed", "up{"],
    ),
    (&["timeout", "timeouts", "time-out", "time-outs"], &["timeout", "timed out", "time-out", "deadline"]),
    (
        &["error", "errors", "failure", "failures", "failed", "fail", "fails", "exception", "exceptions"],
        &["error", "fail", "exception", "fatal", "5xx"],
    ),
    (
        &["latency", "slow", "slower", "slowed", "duration"],
        &["latency", "duration", "seconds", "_ms", " took ", "slow", "percentile"],
    ),
    (&["traffic", "requests", "load"], &["request", "traffic", "load", "calls", "per second"]),
    // Nothing that is measured here shows them; foreign text may say so.
    (&["attack", "attacker", "attackers", "hacked", "breach", "malware", "virus", "intrusion", "exploit"], &[]),
    (
        &["hardware", "kernel", "driver", "firmware", "power", "outage"],
        &["hardware", "kernel", "driver", "firmware", "power", "outage"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_rounding() {
        let read = |text| number(text).map(|it| (it.value, it.rounding, it.unit));
        assert_eq!(read("8.25"), Some((8.25, 0.005, "")));
        assert_eq!(read("1,200"), Some((1200.0, 0.5, "")));
        assert_eq!(read("82%"), Some((82.0, 0.5, "%")));
        assert_eq!(read("-3e2ms"), Some((-300.0, 50.0, "ms")));
        for name in ["web-1", "10.0.0.1", "v1.2", "1.2.3", "2026-01-01", "x", "-", ".", "1-2"] {
            assert_eq!(read(name), None, "{name}");
        }
    }

    #[test]
    fn names_are_told_from_words() {
        for name in ["web-1", "http_errors", "PaymentGateway", "/etc/passwd", "PLAN-3", "a.b", "\u{43e}k"] {
            assert!(is_name_like(name), "{name}");
        }
        for word in ["latency", "The", "CPU", "8.2"] {
            assert!(!is_name_like(word), "{word}");
        }
    }

    #[test]
    fn punctuation_is_no_part_of_a_word() {
        let all: Vec<&str> = pieces("The `pay` service's p99 (at 10:00:05) was \"8.2\".").collect();
        assert_eq!(all, ["The", "pay", "service", "s", "p99", "at", "10:00:05", "was", "8.2"]);
    }
}
