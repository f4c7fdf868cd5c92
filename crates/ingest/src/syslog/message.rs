//! What does one syslog message say? RFC 5424, and what is left of RFC 3164 in the wild.
//!
//! <https://www.rfc-editor.org/rfc/rfc5424>, <https://www.rfc-editor.org/rfc/rfc3164>. Nothing that has a text is
//! refused: what is not of either form is a line with the arrival as its time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use signal::{Labels, LogLevel, LogRecord, Timestamp};

use crate::limits::{cut_line, line_metadata, shortened};
use crate::{Config, Problems, Reason};

/// `user.notice`: what a message without a priority gets (RFC 3164, 4.3.3).
const USUAL_PRIORITY: u8 = 13;
/// Names of hosts and programs are shorter than this (RFC 5424, 6): what is longer is text.
const LONGEST_NAME: usize = 255;
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
const LEVELS: [LogLevel; 8] = [
    LogLevel::Fatal,
    LogLevel::Fatal,
    LogLevel::Fatal,
    LogLevel::Error,
    LogLevel::Warn,
    LogLevel::Info,
    LogLevel::Info,
    LogLevel::Debug,
];

/// What is known of a message besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// When it came.
    pub time: Timestamp,
    /// Who sent it: the host of a message that names none.
    pub peer: &'a str,
}

/// A message as a log line; none for one without any text, which is counted.
pub fn decode(
    message: &[u8],
    arrival: Arrival<'_>,
    further: &BTreeMap<String, String>,
    config: &Config,
    problems: &mut Problems,
) -> Option<LogRecord> {
    let text = String::from_utf8_lossy(message);
    problems.lines_repaired += u64::from(matches!(text, Cow::Owned(_)));
    let text = text.trim_end_matches(['\n', '\r', '\0']);
    let (priority, rest) = priority(text);
    let parts = rest.strip_prefix("1 ").and_then(rfc5424).unwrap_or_else(|| rfc3164(rest));
    if parts.text.is_empty() {
        problems.add(Reason::Malformed, 1, || "a message without text".to_owned());
        return None;
    }
    let usize_of = |it: u8| usize::from(it);
    let level = LEVELS.get(usize_of(priority % 8)).map_or("info", |it| it.as_str());
    let facility = FACILITIES.get(usize_of(priority / 8)).copied().unwrap_or("user");
    let host = parts.host.unwrap_or(arrival.peer);
    let own = [("job", "syslog"), ("host", host), ("service", parts.app.unwrap_or("")), ("level", level)];
    let further = further.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let pairs =
        own.into_iter().chain(further).map(|(name, value)| (name, shortened(value, config.max_label_value_bytes)));
    let own = [("facility", facility), ("procid", parts.process.unwrap_or("")), ("msgid", parts.kind.unwrap_or(""))];
    let metadata = own.into_iter().chain(parts.data.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let metadata = line_metadata(metadata.filter(|it| !it.1.is_empty()), config, problems);
    Some(LogRecord {
        time: parts.time.filter(|it| it.is_plausible()).unwrap_or(arrival.time),
        labels: Labels::new(pairs),
        line: cut_line(parts.text.to_owned(), config, problems),
        metadata,
    })
}

#[derive(Debug, Default)]
struct Parts<'a> {
    time: Option<Timestamp>,
    host: Option<&'a str>,
    app: Option<&'a str>,
    process: Option<&'a str>,
    kind: Option<&'a str>,
    /// Structured data: `ID.NAME` and value.
    data: Vec<(String, String)>,
    text: &'a str,
}

/// `<0>` to `<191>`; without one the whole text is the message.
fn priority(text: &str) -> (u8, &str) {
    let parsed = text.strip_prefix('<').and_then(|it| it.split_once('>'));
    let number = parsed.and_then(|(digits, rest)| Some((digits.parse::<u8>().ok()?, rest)));
    number.filter(|it| it.0 < 192).unwrap_or((USUAL_PRIORITY, text))
}

/// `TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]`, each `-` if it is missing.
fn rfc5424(rest: &str) -> Option<Parts<'_>> {
    let (time, rest) = word(rest)?;
    let (host, rest) = word(rest)?;
    let (app, rest) = word(rest)?;
    let (process, rest) = word(rest)?;
    let (kind, rest) = word(rest)?;
    let time = match time {
        None => None,
        Some(text) => Some(text.parse().ok()?),
    };
    let mut data = vec![];
    let after = match rest.strip_prefix('-') {
        Some(after) => after,
        // Some leave out what should at least be a `-`; the time shows that it is a header all the same.
        None => match structured(rest, &mut data) {
            Some(after) => after,
            None if time.is_some() && !rest.starts_with('[') => rest,
            None => return None,
        },
    };
    let text = after.strip_prefix(' ').unwrap_or(after);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A message may say all it has to say in its data.
    let text = if text.is_empty() { rest.trim_start_matches('-') } else { text };
    Some(Parts { time, host, app, process, kind, data, text })
}

/// A word and what is behind the space after it; a `-` is none.
fn word(rest: &str) -> Option<(Option<&str>, &str)> {
    let (word, rest) = rest.split_once(' ')?;
    (!word.is_empty() && word.len() <= LONGEST_NAME).then_some(((word != "-").then_some(word), rest))
}

/// `[ID NAME="VALUE" ..]` once or more; what is behind it.
fn structured<'a>(mut rest: &'a str, data: &mut Vec<(String, String)>) -> Option<&'a str> {
    loop {
        rest = rest.strip_prefix('[')?;
        let end = rest.find([' ', ']'])?;
        let (id, mut inner) = rest.split_at(end);
        while let Some(pair) = inner.strip_prefix(' ') {
            let (name, quoted) = pair.split_once("=\"")?;
            let (value, after) = unquoted(quoted)?;
            data.push((format!("{id}.{}", name.trim_start()), value));
            inner = after;
        }
        rest = inner.strip_prefix(']')?;
        if !rest.starts_with('[') {
            return Some(rest);
        }
    }
}

/// A value up to its closing quote, and what is behind that.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((idx, it)) = chars.next() {
        match it {
            '"' => return Some((value, quoted.get(idx + 1..)?)),
            '\\' => match chars.next()?.1 {
                it @ ('"' | '\\' | ']') => value.push(it),
                it => value.extend(['\\', it]),
            },
            it => value.push(it),
        }
    }
    None
}

/// `[TIMESTAMP HOSTNAME] [TAG[PID]:] TEXT`. A timestamp without year and zone is not believed: the arrival is used.
/// Routers of Cisco count their messages: `NUMBER: [HOSTNAME:] TIMESTAMP: %FACILITY-SEVERITY-MNEMONIC: TEXT`; some count
/// twice, and some have a colon in place of the number.
fn rfc3164(rest: &str) -> Parts<'_> {
    let mut parts = Parts { text: rest.trim_start(), ..Parts::default() };
    let after_colon = parts.text.strip_prefix(": ").filter(|it| stamp(it).is_some());
    parts.text = after_colon.unwrap_or(parts.text);
    while let Some((number, after)) = parts.text.split_once(": ").filter(|it| is_number(it.0)) {
        // The last is that of the router, one before it that of what sends for it.
        parts.data = vec![("sequence".to_owned(), number.to_owned())];
        parts.text = after.trim_start();
    }
    if !parts.data.is_empty()
        && let Some((host, after)) = parts.text.split_once(": ").filter(|it| is_name(it.0) && stamp(it.1).is_some())
    {
        (parts.host, parts.text) = (Some(host), after);
    }
    if let Some((time, after)) = stamp(parts.text) {
        (parts.time, parts.text) = (time, after.trim_start());
        host(&mut parts);
    }
    tag(&mut parts);
    parts
}

/// The word behind a timestamp. `logger` on its own host leaves the host out: then the word is the tag.
fn host<'a>(parts: &mut Parts<'a>) {
    let Some((word, text)) = parts.text.split_once(' ') else { return };
    let text = text.trim_start();
    // `asa1 : %ASA-6-302013: ..` and `router1: %SYS-5-CONFIG_I: ..`
    let (name, text) = match word.strip_suffix(':') {
        Some(name) if text.starts_with('%') => (name, text),
        _ => (word, text.strip_prefix(": ").unwrap_or(text)),
    };
    if !name.ends_with(':') && !name.starts_with('%') && is_name(name) {
        (parts.host, parts.text) = (Some(name), text);
    }
}

/// A time at the beginning, and what is behind it.
fn stamp(rest: &str) -> Option<(Option<Timestamp>, &str)> {
    if let Some((first, after)) = rest.split_once(' ')
        && let Ok(time) = first.parse::<Timestamp>()
    {
        return Some((Some(time), after));
    }
    // `Nov 14 22:13:20 `; routers mark a clock that is not set, and some tell the year and parts of seconds.
    let rest = rest.strip_prefix(['*', '.']).unwrap_or(rest);
    let after = like(like(rest, "0000 ").unwrap_or(rest), "aaa 00 ")?;
    let after = like(like(after, "0000 ").unwrap_or(after), "00:00:00")?;
    let after = after.strip_prefix('.').map_or(after, |it| it.trim_start_matches(|it: char| it.is_ascii_digit()));
    // Theirs ends with a colon, before which a zone may stand.
    let is_zone = |it: &str| it.len() <= 5 && it.bytes().all(|it| it.is_ascii_uppercase());
    let zoned = after.strip_prefix(' ').and_then(|it| it.split_once(": %")).filter(|it| is_zone(it.0));
    let after = zoned.and_then(|it| after.get(it.0.len() + 2..)).unwrap_or(after);
    let after = after.strip_prefix(':').unwrap_or(after);
    after.starts_with(' ').then_some((None, after))
}

/// What is behind a beginning of this form: `a` is a letter, `0` a digit or the space in place of one.
fn like<'a>(rest: &'a str, form: &str) -> Option<&'a str> {
    let (begin, after) = rest.split_at_checked(form.len())?;
    let is_like = |it: (char, char)| match it.1 {
        'a' => it.0.is_ascii_alphabetic(),
        '0' => it.0.is_ascii_digit() || it.0 == ' ',
        other => it.0 == other,
    };
    (begin.len() == begin.chars().count() && begin.chars().zip(form.chars()).all(is_like)).then_some(after)
}

/// `TAG:` or `TAG[PID]:` before the text.
fn tag<'a>(parts: &mut Parts<'a>) {
    let text = parts.text;
    let Some((head, after)) = text.split_once(':') else { return };
    let (name, process) = match head.strip_suffix(']').and_then(|it| it.split_once('[')) {
        Some((name, process)) => (name, Some(process)),
        None => (head, None),
    };
    // A router's `%SYS-5-CONFIG_I:` says of which kind the message is.
    if let Some(kind) = head.strip_prefix('%').filter(|it| is_name(it)) {
        parts.kind = Some(kind);
        return;
    }
    // `error: disk full` names a level, `17: ..` counts, and `http://..` is no name.
    if !is_name(name)
        || is_number(name)
        || LogLevel::parse(name).is_some()
        || !(after.is_empty() || after.starts_with(' '))
    {
        return;
    }
    (parts.app, parts.process, parts.text) = (Some(name), process, after.trim_start());
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|it| it.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    let is_part = |it: char| it.is_ascii_alphanumeric() || "-_./:@%".contains(it);
    !text.is_empty() && text.len() <= LONGEST_NAME && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str) -> String {
        let mut problems = Problems::default();
        let arrival = Arrival { time: Timestamp::from_secs(1_700_000_000), peer: "10.0.0.9" };
        let record = decode(message.as_bytes(), arrival, &BTreeMap::new(), &Config::default(), &mut problems);
        let Some(it) = record else { return format!("{:?}", problems.first_mistake()) };
        format!("{} {} {:?} {}", it.time.millis() - 1_700_000_000_000, it.labels, it.line, it.metadata)
    }

    #[test]
    fn rfc_5424() {
        for (message, expected) in [
            (
                "<34>1 2023-11-14T22:13:21.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed",
                r#"1003 {host="mymachine.example.com",job="syslog",level="fatal",service="su"} "'su root' failed" {facility="auth",msgid="ID47"}"#,
            ),
            (
                r#"<165>1 2023-11-14T23:13:20+01:00 host shop 8710 - [exampleSDID@32473 iut="3" eventSource="Appl\"ication\]"][origin ip="10.1.2.3"] An event"#,
                r#"0 {host="host",job="syslog",level="info",service="shop"} "An event" {exampleSDID@32473.eventSource="Appl\"ication]",exampleSDID@32473.iut="3",facility="local4",origin.ip="10.1.2.3",procid="8710"}"#,
            ),
            (
                "<11>1 - - - - - -  two spaces",
                r#"0 {host="10.0.0.9",job="syslog",level="error"} " two spaces" {facility="user"}"#,
            ),
            (
                r#"<14>1 - h a - - [x@1 y="z"]"#,
                r#"0 {host="h",job="syslog",level="info",service="a"} "[x@1 y=\"z\"]" {facility="user",x@1.y="z"}"#,
            ),
        ] {
            assert_eq!(read(message), expected, "{message}");
        }
    }

    /// Guarantees: MUST 130, 131 and 851 of docs/specs/ingest.md.
    #[test]
    fn rfc_3164_and_worse() {
        for (message, expected) in [
            (
                "<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed",
                r#"0 {host="mymachine",job="syslog",level="fatal",service="su"} "'su root' failed" {facility="auth",procid="230"}"#,
            ),
            (
                "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
                r#"0 {host="10.0.0.99",job="syslog",level="info"} "Use the BFG!" {facility="user"}"#,
            ),
            (
                "<12>2023-11-14T23:13:21+01:00 web-1 nginx: GET / 500",
                r#"1000 {host="web-1",job="syslog",level="warn",service="nginx"} "GET / 500" {facility="user"}"#,
            ),
            (
                "<15>Nov 14 22:13:20 shop: no host",
                r#"0 {host="10.0.0.9",job="syslog",level="debug",service="shop"} "no host" {facility="user"}"#,
            ),
            (
                "<11>shop[7]: only a tag\0",
                r#"0 {host="10.0.0.9",job="syslog",level="error",service="shop"} "only a tag" {facility="user",procid="7"}"#,
            ),
            (
                "<11>error: disk full",
                r#"0 {host="10.0.0.9",job="syslog",level="error"} "error: disk full" {facility="user"}"#,
            ),
            ("<11>see http://x", r#"0 {host="10.0.0.9",job="syslog",level="error"} "see http://x" {facility="user"}"#),
            (
                "no priority at all",
                r#"0 {host="10.0.0.9",job="syslog",level="info"} "no priority at all" {facility="user"}"#,
            ),
            (
                "<189>123: *Nov 27 02:54:42.123: %LINK-3-UPDOWN: Interface Gi0/1, changed state to up",
                r#"0 {host="10.0.0.9",job="syslog",level="info"} "%LINK-3-UPDOWN: Interface Gi0/1, changed state to up" {facility="local7",msgid="LINK-3-UPDOWN",sequence="123"}"#,
            ),
            (
                "<189>124: router1: Nov 27 02:54:42.123 UTC: %SYS-5-CONFIG_I: Configured",
                r#"0 {host="router1",job="syslog",level="info"} "%SYS-5-CONFIG_I: Configured" {facility="local7",msgid="SYS-5-CONFIG_I",sequence="124"}"#,
            ),
            (
                "<166>Nov 27 2023 02:54:42 asa1 : %ASA-6-302013: Built outbound TCP connection",
                r#"0 {host="asa1",job="syslog",level="info"} "%ASA-6-302013: Built outbound TCP connection" {facility="local4",msgid="ASA-6-302013"}"#,
            ),
            (
                "<189>Nov 27 02:54:42 router2: %SYS-5-RESTART: System restarted",
                r#"0 {host="router2",job="syslog",level="info"} "%SYS-5-RESTART: System restarted" {facility="local7",msgid="SYS-5-RESTART"}"#,
            ),
            (
                "<189>45: 000124: router1: *Nov 27 02:54:42.123: %SYS-5-CONFIG_I: Configured",
                r#"0 {host="router1",job="syslog",level="info"} "%SYS-5-CONFIG_I: Configured" {facility="local7",msgid="SYS-5-CONFIG_I",sequence="000124"}"#,
            ),
            (
                "<189>: 2026 Nov 27 02:54:42 UTC: %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up",
                r#"0 {host="10.0.0.9",job="syslog",level="info"} "%ETHPORT-5-IF_UP: Interface Ethernet1/1 is up" {facility="local7",msgid="ETHPORT-5-IF_UP"}"#,
            ),
            (
                "<14>1 2023-11-14T22:13:21Z web-1 shop 8710 - no structured data here",
                r#"1000 {host="web-1",job="syslog",level="info",service="shop"} "no structured data here" {facility="user",procid="8710"}"#,
            ),
            (
                "<13>42: the answer",
                r#"0 {host="10.0.0.9",job="syslog",level="info"} "the answer" {facility="user",sequence="42"}"#,
            ),
            ("<999>x", r#"0 {host="10.0.0.9",job="syslog",level="info"} "<999>x" {facility="user"}"#),
            (
                "<34>1 broken header",
                r#"0 {host="10.0.0.9",job="syslog",level="fatal"} "1 broken header" {facility="auth"}"#,
            ),
            ("<34>", r#"Some("a message without text")"#),
            ("\n", r#"Some("a message without text")"#),
        ] {
            assert_eq!(read(message), expected, "{message}");
        }
    }
}
