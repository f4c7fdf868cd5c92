//! How is an incident called? By its most telling symptom, in one line.

use signal::{AnomalyKind, Direction, Role, Symptom};

/// `payments: http_request_duration_seconds 8.2 x above expected`.
pub(crate) fn title(symptoms: &[Symptom]) -> String {
    let best = symptoms.iter().min_by_key(|it| (rank(it), it.onset));
    best.map_or_else(String::new, |it| format!("{}: {}", it.labels.owner(), what(it)))
}

/// What is felt comes first, then what may be its cause.
fn rank(symptom: &Symptom) -> u8 {
    match (symptom.kind, Role::of(&symptom.labels)) {
        (AnomalyKind::Impossible, _) => 0,
        // Somebody has said that this count matters.
        (AnomalyKind::LogRule | AnomalyKind::Alert, _) => 1,
        // The model as a whole before its features.
        (AnomalyKind::Drift, _) => 1 + 3 * u8::from(symptom.labels.get("feature").is_some()),
        (kind, _) if kind.is_of_logs() => 4,
        (AnomalyKind::MissingData, _) => 2,
        (_, role) if role.is_symptom() => 1,
        (_, role) if role.is_resource() => 3,
        _ => 4,
    }
}

/// What is wrong with one series, without its owner.
pub(crate) fn what(symptom: &Symptom) -> String {
    let (name, y, yhat) = (symptom.labels.name(), symptom.peak.y, symptom.peak.yhat);
    match symptom.kind {
        AnomalyKind::MissingData if name.is_empty() => "no data".to_owned(),
        AnomalyKind::MissingData => format!("{name} has stopped"),
        AnomalyKind::Impossible => {
            let (lowest, highest) = (symptom.peak.yhat_lower, symptom.peak.yhat_upper);
            let limits = match lowest < highest {
                true => format!("outside the possible range {} to {}", number(lowest), number(highest)),
                false => format!("beyond the possible {}", number(lowest)),
            };
            format!("{name} is {}, {limits}", number(y))
        }
        AnomalyKind::NewTemplate => {
            format!("new {} lines{}", symptom.labels.get("level").unwrap_or("log"), said(symptom))
        }
        AnomalyKind::VanishedTemplate => format!("regular log lines have stopped{}", said(symptom)),
        AnomalyKind::LogRate => {
            let side = if symptom.direction == Direction::Above { "more" } else { "fewer" };
            format!("far {side} log lines than usual{}", said(symptom))
        }
        AnomalyKind::LogParameter => format!("unusual value in log lines{}", said(symptom)),
        AnomalyKind::LogSequence => format!("unusual order of log lines{}", said(symptom)),
        AnomalyKind::LogRule => {
            format!("{name}: {} log lines, more than {}", number(y), number(symptom.peak.yhat_upper))
        }
        AnomalyKind::Alert => format!("alert {name}"),
        AnomalyKind::Drift if !symptom.explanation.is_empty() => shortened(&symptom.explanation),
        AnomalyKind::Drift => format!("{name} is {}, above {}", number(y), number(symptom.peak.yhat_upper)),
        AnomalyKind::Peer => format!("{name} differs from its peers: {} instead of {}", number(y), number(yhat)),
        AnomalyKind::Joint => {
            format!("{name} does not fit its other signals: {} instead of {}", number(y), number(yhat))
        }
        AnomalyKind::Point | AnomalyKind::Novelty | AnomalyKind::LevelShift => {
            format!("{name} {}", deviation(symptom.direction, y, yhat))
        }
    }
}

/// The kind of line, as untrusted text is quoted: escaped.
fn said(symptom: &Symptom) -> String {
    symptom.labels.get("template").map_or_else(String::new, |it| format!(": {it:?}"))
}

/// An explanation as a title, without the full stop at its end.
fn shortened(text: &str) -> String {
    const MOST: usize = 120;
    let text = text.trim_end_matches('.');
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

/// How far from what was expected: as a factor or a share if that makes sense, else both numbers.
fn deviation(direction: Direction, y: f64, yhat: f64) -> String {
    // What is tiny against the value is nothing to people.
    let yhat = if yhat.abs() < 0.001 * y.abs() { 0.0 } else { yhat };
    let ratio = y / yhat;
    match direction {
        Direction::Above if yhat > 0.0 && ratio >= 10.0 => format!("{ratio:.0} x above expected"),
        Direction::Above if yhat > 0.0 && ratio >= 2.0 => format!("{ratio:.1} x above expected"),
        Direction::Above if yhat > 0.0 && ratio >= 1.0 => format!("{:.0} % above expected", (ratio - 1.0) * 100.0),
        Direction::Below if yhat > 0.0 && (0.0..=1.0).contains(&ratio) => {
            format!("{:.0} % below expected", (1.0 - ratio) * 100.0)
        }
        Direction::Above => format!("above expected: {} instead of {}", number(y), number(yhat)),
        Direction::Below => format!("below expected: {} instead of {}", number(y), number(yhat)),
    }
}

/// Three significant digits, with `k`, `M`, `G`, `T` for thousands and more.
pub(crate) fn number(value: f64) -> String {
    /// From this magnitude on, divided by, written behind.
    const UNITS: [(f64, f64, &str); 5] =
        [(1e12, 1e12, " T"), (1e9, 1e9, " G"), (1e6, 1e6, " M"), (1e4, 1e3, " k"), (0.001, 1.0, "")];
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs();
    let unit = UNITS.iter().find(|(least, ..)| (*least..1e15).contains(&magnitude));
    let Some((_, divisor, unit)) = unit else { return format!("{value:.2e}") };
    let value = value / divisor;
    let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use signal::{Score, Severity, Timestamp};

    use super::*;

    fn symptom(labels: &str, kind: AnomalyKind, y: f64, yhat: f64) -> Symptom {
        Symptom {
            labels: labels.parse().unwrap(),
            kind,
            direction: if y < yhat { Direction::Below } else { Direction::Above },
            onset: Timestamp::MIN,
            last_seen: Timestamp::MIN,
            ended_at: None,
            peak: Score { yhat, yhat_lower: 0.0, yhat_upper: 800.0, ..Score::warming_up(y) },
            severity: Severity::Warning,
            explanation: String::new(),
        }
    }

    #[test]
    fn symptoms_are_named_before_resources() {
        let cpu = symptom(r#"cpu_usage{service="db"}"#, AnomalyKind::Point, 90.0, 10.0);
        let latency = symptom(r#"latency{service="pay"}"#, AnomalyKind::Point, 0.82, 0.1);
        assert_eq!(title(&[cpu.clone(), latency]), "pay: latency 8.2 x above expected");
        assert_eq!(title(&[cpu]), "db: cpu_usage 9.0 x above expected");
        assert_eq!(title(&[]), "");
    }

    #[test]
    fn every_sort_has_its_words() {
        for (labels, kind, y, yhat, expected) in [
            (
                "cpu_usage",
                AnomalyKind::Impossible,
                900.0,
                400.0,
                "cpu_usage is 900, outside the possible range 0 to 800",
            ),
            ("m", AnomalyKind::Point, 13.0, 7.37e-10, "m above expected: 13 instead of 0"),
            ("m", AnomalyKind::Point, 0.25, -2e-9, "m above expected: 0.25 instead of 0"),
            ("m", AnomalyKind::Point, 17.4, 1.0, "m 17 x above expected"),
            ("m", AnomalyKind::Point, 1.2345e9, 0.0, "m above expected: 1.23 G instead of 0"),
            ("m", AnomalyKind::Point, 12_345.0, 0.0, "m above expected: 12.3 k instead of 0"),
            ("m", AnomalyKind::Point, -5e6, 0.0, "m below expected: -5 M instead of 0"),
            ("m", AnomalyKind::Point, 145.0, 100.0, "m 45 % above expected"),
            ("m", AnomalyKind::Point, 10.0, 100.0, "m 90 % below expected"),
            ("m", AnomalyKind::LevelShift, 0.25, 0.0, "m above expected: 0.25 instead of 0"),
            ("m", AnomalyKind::Peer, 0.5, 0.2, "m differs from its peers: 0.5 instead of 0.2"),
            ("m", AnomalyKind::Joint, 3.0, 80.0, "m does not fit its other signals: 3 instead of 80"),
            ("TooSlow", AnomalyKind::Alert, 1.0, 1.0, "alert TooSlow"),
            ("data_drift_score", AnomalyKind::Drift, 0.143, 0.0, "data_drift_score is 0.143, above 800"),
            ("m", AnomalyKind::MissingData, 0.0, 0.0, "m has stopped"),
            (r#"{service="a"}"#, AnomalyKind::MissingData, 0.0, 0.0, "no data"),
        ] {
            assert_eq!(what(&symptom(labels, kind, y, yhat)), expected);
        }
    }
}
