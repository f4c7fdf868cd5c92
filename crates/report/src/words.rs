//! How do facts read as words? Shared by all forms of a report, so that they tell the same story.

use signal::{
    AnomalyKind, ChangeKind, Direction, EvidenceSource, Incident, IncidentStatus, Opinion, Plan, PlanState,
    RequestMeasure, Severity, StepKind, Symptom, Timestamp,
};

/// Lines of evidence, timeline and ledger that a report shows at most; the JSON form holds all of them.
pub const MAX_ROWS: usize = 40;
/// The longest foreign text that is shown, in bytes after escaping for HTML.
const MAX_BYTES: usize = 300;

/// True for characters that change how others are shown: controls (newlines, ANSI escapes), direction and zero-width
/// marks.
fn is_invisible(it: char) -> bool {
    it.is_control()
        || matches!(it, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}' | '\u{180e}' | '\u{e0000}'..='\u{e007f}')
}

/// Foreign text on one line, without invisible characters, shortened. It still has to be escaped.
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut bytes = 0;
    for it in text.chars() {
        bytes += match it {
            '<' | '>' => 4,
            '&' => 5,
            '"' => 6,
            _ => it.len_utf8(),
        };
        if bytes > MAX_BYTES {
            shown.push_str("...");
            break;
        }
        shown.push(if is_invisible(it) { ' ' } else { it });
    }
    shown.trim().to_owned()
}

/// `1 h 2 min 3 s`, without the parts that are zero.
pub fn duration(secs: u64) -> String {
    let parts = [(secs / 3600, "h"), (secs / 60 % 60, "min"), (secs % 60, "s")];
    let shown: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

/// How long the incident has lasted until its end, or until now.
pub fn length(incident: &Incident, now: Timestamp) -> String {
    match incident.ended_at {
        Some(end) => duration(end.since(incident.started_at).as_secs()),
        None => format!("{} so far", duration(now.since(incident.started_at).as_secs())),
    }
}

/// 0.873 as `87 %`; what is no number, as `unknown`.
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.0} %", (share * 100.0).clamp(0.0, 100.0)) } else { "unknown".to_owned() }
}

/// A value with about four significant digits.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "none".to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let digits = if magnitude >= 1000.0 {
        0
    } else if magnitude >= 10.0 {
        1
    } else {
        3
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The status for people.
pub fn status(status: IncidentStatus) -> &'static str {
    match status {
        IncidentStatus::Open => "open",
        IncidentStatus::Acknowledged => "acknowledged",
        IncidentStatus::Resolved => "resolved",
    }
}

/// The severity for people.
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// What the symptom did, without its name: `above the expected 5 to 20, peak 95`.
pub fn symptom(symptom: &Symptom) -> String {
    let side = match symptom.direction {
        Direction::Above => "above",
        Direction::Below => "below",
    };
    let peak = &symptom.peak;
    let band = format!("{} to {}", number(peak.yhat_lower), number(peak.yhat_upper));
    match symptom.kind {
        AnomalyKind::MissingData => "no data".to_owned(),
        AnomalyKind::Impossible => format!("impossible value {}", number(peak.y)),
        AnomalyKind::LevelShift => format!("level moved {side} the expected {band}, peak {}", number(peak.y)),
        AnomalyKind::Peer | AnomalyKind::Joint => {
            format!("{side} {band}, peak {}. {}", number(peak.y), symptom.explanation)
        }
        AnomalyKind::Novelty => format!("as never before, {side} the expected {band}, peak {}", number(peak.y)),
        kind if !kind.has_series() => symptom.explanation.clone(),
        _ => format!("{side} the expected {band}, peak {}", number(peak.y)),
    }
}

/// Where a piece of evidence comes from, with the values that code can read again. Untrusted text inside.
pub fn source(source: &EvidenceSource) -> String {
    match source {
        EvidenceSource::SeriesWindow { labels, range, before, during, deviation, onset } => format!(
            "series {labels}, {} to {}: median before {}, most extreme {}, {} robust deviations, onset {onset}",
            range.from,
            range.to,
            number(*before),
            number(*during),
            number(*deviation)
        ),
        EvidenceSource::LogLines { service, template, before_per_minute, during_per_minute, example, .. } => format!(
            "log template {template} of {service}: {} lines per minute before, {} during; for example: {example}",
            number(*before_per_minute),
            number(*during_per_minute)
        ),
        EvidenceSource::Process { host, pid, start_time, command, value, .. } => {
            format!("process {pid} on {host}, started at {start_time} s, highest value {}: {command}", number(*value))
        }
        EvidenceSource::Requests { service, operation, caller, measure, before, during, traces, .. } => {
            let measure = match measure {
                RequestMeasure::SelfTime => "own time in ms",
                RequestMeasure::EdgeGap => "time on the way in ms",
                RequestMeasure::Errors => "share that fails",
                RequestMeasure::FirstErrors => "share that fails first",
            };
            let caller = if caller.is_empty() { "anybody" } else { caller };
            let traces: Vec<String> = traces.iter().map(ToString::to_string).collect();
            format!(
                "requests of {caller} to {service} {operation}: {measure} {} before, {} during; traces {}",
                number(*before),
                number(*during),
                traces.join(", ")
            )
        }
        EvidenceSource::Answer { tool, fact, .. } => format!("answer of {tool}: {fact}"),
        EvidenceSource::Change { change, lead_secs } => {
            let kind = match change.kind {
                ChangeKind::Deploy => "deploy",
                ChangeKind::Config => "configuration change",
                ChangeKind::Flag => "flag",
                ChangeKind::Other => "change",
            };
            let version = change.version.as_deref().map(|it| format!(" to version {it}")).unwrap_or_default();
            let service = &change.service;
            format!("{kind} of {service}{version}, {} s before the first symptom: {}", number(*lead_secs), change.title)
        }
    }
}

/// What a step does. Untrusted text inside.
pub fn step(step: &StepKind) -> String {
    match step {
        StepKind::Webhook { method, url, body } => format!("{method} {url} {body}").trim_end().to_owned(),
        StepKind::Command { argv } => format!("run {argv:?}"),
        StepKind::AirflowRun { url, dag, run_id, conf, .. } => {
            format!("start the run {run_id} of the DAG {dag} at {url} with {conf}")
        }
        StepKind::AirflowStop { url, dag, run_id, .. } => format!("end the run {run_id} of the DAG {dag} at {url}"),
        StepKind::Train { data, target, name, out, .. } => {
            format!("train {name} to tell {target} from {data} into {out}, which does not serve yet")
        }
        StepKind::TerminateProcess { pid, start_time, command } => {
            format!("end process {pid}, started at {start_time} s: {command}")
        }
    }
}

/// Where a plan stands.
pub fn state(plan: &Plan) -> &'static str {
    match plan.state {
        PlanState::Proposed => "proposed",
        PlanState::Approved => "approved",
        PlanState::Executing => "executing",
        PlanState::Verifying => "verifying",
        PlanState::Succeeded if plan.is_dry_run => "shown (dry run)",
        PlanState::Succeeded => "succeeded",
        PlanState::Undone => "undone",
        PlanState::Failed => "failed",
        PlanState::Rejected => "rejected",
        PlanState::Expired => "expired",
    }
}

/// What must be true after a plan.
pub fn verification(plan: &Plan) -> String {
    let it = &plan.verification;
    let side = match it.direction {
        Direction::Above => "at most",
        Direction::Below => "at least",
    };
    let bound = if it.threshold <= f64::MIN {
        "has values again".to_owned()
    } else {
        format!("is {side} {}", number(it.threshold))
    };
    format!("{} {bound} for {} s within {} s", it.labels, it.hold_secs, it.timeout_secs)
}

/// What a person said.
pub fn opinion(opinion: Opinion) -> &'static str {
    match opinion {
        Opinion::Right => "a real fault, and the cause is right",
        Opinion::Wrong => "a real fault, but the cause is wrong",
        Opinion::Noise => "no fault",
    }
}

/// How to tell Sentinel whether it was right.
pub fn feedback_command(incident: &Incident) -> String {
    format!("sentinel feedback {} right|wrong|noise", incident.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations() {
        for (value, expected) in [
            (0.0, "0"),
            (0.25, "0.25"),
            (95.04, "95"),
            (12.34, "12.3"),
            (1234.5, "1234"),
            (1e9, "1.000e9"),
            (-0.00001, "-1.000e-5"),
            (100.0, "100"),
            (f64::NAN, "none"),
        ] {
            assert_eq!(number(value), expected);
        }
        assert_eq!((duration(0), duration(3723), duration(60)), ("0 s".into(), "1 h 2 min 3 s".into(), "1 min".into()));
        assert_eq!(
            (percent(0.876), percent(7.0), percent(f64::NAN)),
            ("88 %".into(), "100 %".into(), "unknown".into())
        );
    }
}
