//! How are values written for people? Foreign text made harmless, times, durations, numbers, labels.

use std::time::Duration;

use maud::{Markup, html};
use serde_json::Value;
use signal::{
    AnomalyKind, ChangeKind, Direction, FaultClass, IncidentStatus, Labels, Opinion, PlanState, Severity, Timestamp,
};

/// Foreign text without terminal escapes; other control characters and those that reorder text become visible.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(it) = rest.next() {
        match it {
            '\u{1b}' => skip_escape(&mut rest),
            '\n' | '\t' => plain.push(it),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{e0000}'..='\u{e007f}' => {
                plain.push('\u{fffd}');
            }
            _ if it.is_control() => plain.push('\u{fffd}'),
            _ => plain.push(it),
        }
    }
    plain
}

/// Skips what follows ESC: a control sequence up to its final byte, an operating system command up to its end, or one
/// character (ECMA-48).
fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.next() {
        Some('[') => {
            while rest.next_if(|it| ('\u{20}'..='\u{3f}').contains(it)).is_some() {}
            rest.next_if(|it| ('\u{40}'..='\u{7e}').contains(it));
        }
        Some(']') => {
            while let Some(it) = rest.next_if(|it| *it != '\n') {
                if it == '\u{7}' || (it == '\u{1b}' && rest.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        _ => {}
    }
}

/// `2026-01-31 12:00:05`, UTC.
pub fn instant(time: Timestamp) -> String {
    let text = time.to_string();
    match text.get(..19) {
        Some(it) if time.is_plausible() => it.replace('T', " "),
        _ => text,
    }
}

/// An instant; the script shows it in the reader's zone if that is wanted.
pub fn moment(time: Timestamp) -> Markup {
    let whole = instant(time);
    html! { time.nowrap datetime=(time) title={ (whole) " UTC" } { (whole) } }
}

/// A time of day with the whole instant behind it.
pub fn clock(time: Timestamp) -> Markup {
    let whole = instant(time);
    let short = whole.split(' ').nth(1).unwrap_or(&whole);
    html! { time datetime=(time) title={ (whole) " UTC" } { (short) } }
}

/// A time of day, with the date if it is not the day of `now`, and with the year if it is of another one.
pub fn clock_of_day(time: Timestamp, now: Timestamp) -> Markup {
    let (whole, today) = (instant(time), instant(now));
    if whole.get(..10) == today.get(..10) {
        return clock(time);
    }
    if whole.get(..4) != today.get(..4) {
        return moment(time);
    }
    html! { time datetime=(time) title={ (whole) " UTC" } { (whole.get(5..).unwrap_or(&whole)) } }
}

/// How long ago.
pub fn ago(time: Timestamp, now: Timestamp) -> Markup {
    let words =
        if time > now { format!("in {}", span(time.since(now))) } else { format!("{} ago", span(now.since(time))) };
    html! { time datetime=(time) title={ (instant(time)) " UTC" } { (words) } }
}

/// `5 s`, `12 min`, `3 h 20 min`, `2 d 4 h`.
pub fn span(duration: Duration) -> String {
    let secs = duration.as_secs();
    match secs {
        0..=99 => format!("{secs} s"),
        100..=5999 => format!("{} min", secs / 60),
        6000..=172_799 => format!("{} h {} min", secs / 3600, secs % 3600 / 60),
        _ => format!("{} d {} h", secs / 86_400, secs % 86_400 / 3600),
    }
}

/// Four significant digits (three below 1), with k, M, G, T for large ones.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "not a number".to_owned() } else { value.to_string() };
    }
    // The sum of no floats is -0.
    let value = value + 0.0;
    let (scaled, unit) = match value.abs() {
        it if it >= 1e15 => return format!("{value:.3e}"),
        it if it >= 1e12 => (value / 1e12, "T"),
        it if it >= 1e9 => (value / 1e9, "G"),
        it if it >= 1e6 => (value / 1e6, "M"),
        it if it >= 1e4 => (value / 1e3, "k"),
        it if it > 0.0 && it < 1e-4 => return format!("{value:.2e}"),
        _ => (value, ""),
    };
    let whole_digits = scaled.abs().max(1e-9).log10().floor() as i32 + 1;
    let decimals = if whole_digits > 0 { 4 - whole_digits } else { 3 - whole_digits };
    let text = format!("{scaled:.*}", usize::try_from(decimals).unwrap_or(0));
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// A number that may not be known yet, such as the rate of a counter with one point.
pub fn value(value: f64) -> Markup {
    html! { @if value.is_nan() { span.muted { "none yet" } } @else { (number(value)) } }
}

/// `850 us` (with the sign of micro), `12.3 ms`, `2.4 s`.
pub fn seconds(secs: f64) -> String {
    match secs {
        it if it >= 1.0 => format!("{} s", number(it)),
        it if it >= 1e-3 => format!("{} ms", number(it * 1e3)),
        it => format!("{} \u{b5}s", number(it * 1e6)),
    }
}

/// Name and label chips of a series.
pub fn series(labels: &Labels) -> Markup {
    let rest = labels.iter().filter(|(name, _)| *name != "__name__");
    html! {
        span.series {
            span.metric { (plain(if labels.name().is_empty() { "all series" } else { labels.name() })) }
            @for (name, value) in rest {
                @let value = plain(value);
                " " span.chip title=[(value.chars().count() > LONG).then_some(&value)] { span.key { (plain(name)) } "=" (shortened(&value)) }
            }
        }
    }
}

/// Name and owner of a series, where space is short.
pub fn series_in_short(labels: &Labels) -> Markup {
    html! { span.series { span.metric { (shortened(&plain(labels.name()))) } " " span.chip { (shortened(&plain(labels.owner()))) } } }
}

/// Characters of a label that a list shows.
const LONG: usize = 64;

fn shortened(text: &str) -> String {
    let mut shortened: String = text.chars().take(LONG).collect();
    if shortened.len() < text.len() {
        shortened.push('\u{2026}');
    }
    shortened
}

/// An object of JSON as its names and values; any other text as it is.
pub fn object(text: &str) -> Markup {
    let Ok(object @ Value::Object(_)) = serde_json::from_str(text) else {
        return html! { @if !text.is_empty() { code { (plain(text)) } } };
    };
    let mut found = vec![];
    flatten("", &object, &mut found);
    html! { @for (name, value) in &found { span.chip { span.key { (plain(name)) } "=" (plain(value)) } " " } }
}

/// Names lead to values by dots, as in `steps.0.action`; what is not there is left out.
fn flatten(name: &str, value: &Value, found: &mut Vec<(String, String)>) {
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(key, it)| flatten(&below(key), it, found)),
        Value::Array(items) if items.iter().any(|it| it.is_object() || it.is_array()) => {
            items.iter().enumerate().for_each(|(idx, it)| flatten(&below(&idx.to_string()), it, found));
        }
        Value::Array(items) => found.push((name.to_owned(), items.iter().map(scalar).collect::<Vec<_>>().join(", "))),
        other => found.push((name.to_owned(), scalar(other))),
    }
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `1 row`, `2 rows`; the word is given for one.
pub fn counted(count: u64, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{} {word}s", grouped(count)) }
}

/// `12 345`, with narrow spaces that do not break; four digits are read without.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::new();
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Address of a series' page; of the list of its series for a service or host as a whole.
pub fn series_url(labels: &Labels) -> String {
    if labels.name().is_empty() {
        return format!("/series?match={}", encode(labels.owner()));
    }
    format!("/series/{}", labels.id())
}

/// One parameter of an address.
pub fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A word in a colored frame; the word alone carries the meaning.
pub fn badge(tone: &str, word: &str) -> Markup {
    html! { span class={ "badge " (tone) } { (word) } }
}

/// The status of an incident.
pub fn status(status: IncidentStatus) -> Markup {
    let (tone, word) = match status {
        IncidentStatus::Open => ("bad", "Open"),
        IncidentStatus::Acknowledged => ("warn", "Acknowledged"),
        IncidentStatus::Resolved => ("good", "Resolved"),
    };
    badge(tone, word)
}

/// How urgent.
pub fn severity(severity: Severity) -> Markup {
    match severity {
        Severity::Critical => badge("bad solid", "Critical"),
        Severity::Warning => badge("warn", "Warning"),
    }
}

/// The state of a plan.
pub fn plan_state(state: PlanState) -> Markup {
    let (tone, word) = match state {
        PlanState::Proposed => ("accent", "Waits for approval"),
        PlanState::Approved => ("accent", "Approved"),
        PlanState::Executing => ("accent", "Executing"),
        PlanState::Verifying => ("accent", "Verifying"),
        PlanState::Succeeded => ("good", "Verified"),
        PlanState::Undone => ("warn", "Undone"),
        PlanState::Failed => ("bad", "Failed"),
        PlanState::Rejected => ("quiet", "Rejected"),
        PlanState::Expired => ("quiet", "Expired"),
    };
    badge(tone, word)
}

/// What sort of fault.
pub fn fault(fault: FaultClass) -> &'static str {
    match fault {
        FaultClass::CpuHog => "CPU hog",
        FaultClass::CpuSaturation => "CPU saturation",
        FaultClass::MemoryLeak => "Memory leak",
        FaultClass::PoolExhaustion => "Pool exhaustion",
        FaultClass::BadDeploy => "Bad deploy",
        FaultClass::DiskFilling => "Disk filling",
        FaultClass::DependencyTimeout => "Dependency time-out",
        FaultClass::TrafficSurge => "Traffic surge",
        FaultClass::Network => "Network",
        FaultClass::MissingData => "Missing data",
        FaultClass::ErrorBurst => "Error burst",
        FaultClass::DataDrift => "Data drift",
        FaultClass::PredictionDrift => "Prediction drift",
        FaultClass::ConceptDrift => "Concept drift",
        FaultClass::SchemaDrift => "Schema drift",
        FaultClass::Unknown => "Unknown fault",
    }
}

/// What sort of anomaly, in a few words.
pub fn anomaly(kind: AnomalyKind, direction: Direction) -> &'static str {
    match (kind, direction) {
        (AnomalyKind::Point, Direction::Above) => "above expected",
        (AnomalyKind::Point, Direction::Below) => "below expected",
        (AnomalyKind::Novelty, Direction::Above) => "as never before, above expected",
        (AnomalyKind::Novelty, Direction::Below) => "as never before, below expected",
        (AnomalyKind::LevelShift, Direction::Above) => "level moved up",
        (AnomalyKind::LevelShift, Direction::Below) => "level moved down",
        (AnomalyKind::Peer, Direction::Above) => "above its peers",
        (AnomalyKind::Peer, Direction::Below) => "below its peers",
        (AnomalyKind::Joint, Direction::Above) => "above what its other signals imply",
        (AnomalyKind::Joint, Direction::Below) => "below what its other signals imply",
        (AnomalyKind::NewTemplate, _) => "new log lines",
        (AnomalyKind::VanishedTemplate, _) => "log lines have stopped",
        (AnomalyKind::LogRate, Direction::Above) => "more log lines than usual",
        (AnomalyKind::LogRate, Direction::Below) => "fewer log lines than usual",
        (AnomalyKind::LogParameter, _) => "unusual value in log lines",
        (AnomalyKind::LogSequence, _) => "unusual order of log lines",
        (AnomalyKind::LogRule, _) => "count of log lines exceeded",
        (AnomalyKind::Alert, _) => "alert of another system",
        (AnomalyKind::Drift, _) => "drift of a model",
        (AnomalyKind::Impossible, _) => "impossible value",
        (AnomalyKind::MissingData, _) => "stopped coming",
    }
}

/// What sort of change.
pub fn change(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Deploy => "Deploy",
        ChangeKind::Config => "Configuration",
        ChangeKind::Flag => "Flag",
        ChangeKind::Other => "Change",
    }
}

/// What a person said.
pub fn opinion(opinion: Opinion) -> (&'static str, &'static str) {
    match opinion {
        Opinion::Right => ("right", "Cause is right"),
        Opinion::Wrong => ("wrong", "Cause is wrong"),
        Opinion::Noise => ("noise", "Not a fault"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_vanish_and_tricks_become_visible() {
        assert_eq!(plain("\u{1b}[31;1mred\u{1b}[0m"), "red");
        assert_eq!(plain("\u{1b}]0;title\u{7}x\u{1b}]8;;http://e\u{1b}\\link"), "xlink");
        assert_eq!(plain("a\u{202e}b\u{0}c\td"), "a\u{fffd}b\u{fffd}c\td");
        assert_eq!(plain("\u{1b}"), "");
        assert_eq!(plain("\u{1b}[31"), "");
    }

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (0.12345, "0.123"),
            (0.004_123, "0.00412"),
            (8.0, "8"),
            (99.96, "99.96"),
            (1234.0, "1234"),
            (12_345.0, "12.35k"),
            (2.5e9, "2.5G"),
            (-3.0e6, "-3M"),
            (0.000012, "1.20e-5"),
            (1e300, "1.000e300"),
            (f64::NAN, "not a number"),
            (100.0, "100"),
            (9000.0, "9000"),
        ];
        for (value, wanted) in cases {
            assert_eq!(number(value), wanted);
        }
    }

    #[test]
    fn objects_are_told_by_name_and_all_else_as_it_is() {
        let nested = r#"{"match":"up","step":15,"none":null,"steps":[{"argv":["/bin/true","a"]}],"tags":{"a":"<b>"}}"#;
        let drawn = object(nested).into_string();
        assert!(drawn.contains("steps.0.argv</span>=/bin/true, a") && drawn.contains("tags.a"), "{drawn}");
        assert!(drawn.contains("match</span>=up") && drawn.contains("step</span>=15"), "{drawn}");
        assert!(drawn.contains("&lt;b&gt;") && !drawn.contains("{") && !drawn.contains("none"), "{drawn}");
        assert_eq!(object("[1]").into_string(), "<code>[1]</code>");
        assert_eq!(object("").into_string(), "");
    }

    #[test]
    fn large_counts_are_grouped() {
        let cases =
            [(0, "0 lines"), (1, "1 line"), (9999, "9999 lines"), (12_345_678, "12\u{202f}345\u{202f}678 lines")];
        for (count, wanted) in cases {
            assert_eq!(counted(count, "line"), wanted);
        }
    }

    #[test]
    fn spans_are_rounded_down() {
        let cases = [(5, "5 s"), (130, "2 min"), (7300, "2 h 1 min"), (200_000, "2 d 7 h")];
        for (secs, wanted) in cases {
            assert_eq!(span(Duration::from_secs(secs)), wanted);
        }
    }
}
