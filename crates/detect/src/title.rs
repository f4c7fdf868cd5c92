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
        AnomalyKind::Impossible => format!("{name} is impossible: {}", number(y)),
        AnomalyKind::Point | AnomalyKind::LevelShift => {
            let (ratio, side) = match symptom.direction {
                Direction::Above => (y / yhat, "above"),
                Direction::Below => (1.0 - y / yhat, "below"),
            };
            match symptom.direction {
                Direction::Above if yhat > 0.0 && (2.0..1000.0).contains(&ratio) => {
                    format!("{name} {ratio:.1} x above expected")
                }
                Direction::Above if yhat > 0.0 && (1.0..2.0).contains(&ratio) => {
                    format!("{name} {:.0} % above expected", (ratio - 1.0) * 100.0)
                }
                Direction::Below if yhat > 0.0 && (0.0..=1.0).contains(&ratio) => {
                    format!("{name} {:.0} % below expected", ratio * 100.0)
                }
                _ => format!("{name} {side} expected: {} instead of {}", number(y), number(yhat)),
            }
        }
    }
}

/// Three significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        magnitude if (0.001..1e6).contains(&magnitude) => {
            let digits = (2 - magnitude.log10().floor() as i32).clamp(0, 6) as usize;
            let text = format!("{value:.digits$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        }
        _ => format!("{value:.2e}"),
    }
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
            peak: Score { yhat, ..Score::warming_up(y) },
            severity: Severity::Warning,
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
            ("cpu_usage", AnomalyKind::Impossible, 900.0, 400.0, "cpu_usage is impossible: 900"),
            ("m", AnomalyKind::Point, 145.0, 100.0, "m 45 % above expected"),
            ("m", AnomalyKind::Point, 10.0, 100.0, "m 90 % below expected"),
            ("m", AnomalyKind::LevelShift, 0.25, 0.0, "m above expected: 0.25 instead of 0"),
            ("m", AnomalyKind::MissingData, 0.0, 0.0, "m has stopped"),
            (r#"{service="a"}"#, AnomalyKind::MissingData, 0.0, 0.0, "no data"),
        ] {
            assert_eq!(what(&symptom(labels, kind, y, yhat)), expected);
        }
    }
}
