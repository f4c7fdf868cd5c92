//! How is a finding in log lines told? As an anomaly with labels that name the kind of line, and a sentence.

use signal::{Anomaly, AnomalyKind, Direction, Labels, LogLevel, Score, Severity, Timestamp};

use crate::log_episodes::Subject;
use crate::log_finder::Line;
use crate::log_text::{EXAMPLE_BYTES, TEMPLATE_BYTES, shortened};

/// What a finding about a line is about.
pub(crate) fn subject(kind: AnomalyKind, line: &Line<'_>, place: u8) -> Subject {
    Subject { kind, service: line.service, template: line.template.0, place }
}

/// A score above the threshold, with what was seen and expected.
pub(crate) fn score(value: f64, y: f64, yhat: f64, band: (f64, f64)) -> Score {
    let value = value.clamp(1.01, 1000.0);
    let (yhat_lower, yhat_upper) = (band.0.max(-1e300), band.1.min(1e300));
    Score { value, is_ready: true, is_provisional: false, y, yhat, yhat_lower, yhat_upper }
}

/// Builds an anomaly step by step.
pub(crate) trait Describe {
    fn with(self, score: Score) -> Self;
    fn explained(self, text: &str, example: &str) -> Self;
}

impl Describe for Anomaly {
    fn with(self, score: Score) -> Self {
        Self { score, ..self }
    }

    /// The line is untrusted: it is shortened and quoted, with everything that is not printable escaped.
    fn explained(self, text: &str, example: &str) -> Self {
        let template = self.labels.get("template").unwrap_or("");
        let example = shortened(example, EXAMPLE_BYTES);
        Self { explanation: format!("Lines like {template:?}: {text}. For example {example:?}."), ..self }
    }
}

/// An anomaly without its score and explanation.
pub(crate) fn describe(
    subject: Subject,
    labels: &Labels,
    level: LogLevel,
    template: &str,
    onset_millis: i64,
    millis: i64,
) -> Anomaly {
    let (name, direction) = match (subject.kind, subject.place) {
        (AnomalyKind::NewTemplate, _) => ("log_new_lines", Direction::Above),
        (AnomalyKind::VanishedTemplate, _) => ("log_missing_lines", Direction::Below),
        (AnomalyKind::LogRate, 0) => ("log_fewer_lines", Direction::Below),
        (AnomalyKind::LogRate, _) => ("log_more_lines", Direction::Above),
        (AnomalyKind::LogSequence, _) => ("log_sequence", Direction::Above),
        _ => ("log_parameter", Direction::Above),
    };
    let id = format!("{:016x}", subject.template);
    let owner = [("service", labels.service()), ("host", labels.host())];
    let owner = owner.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    let template = shortened(template, TEMPLATE_BYTES);
    let pairs = [("__name__", name), ("level", level.as_str()), ("template_id", &id), ("template", template)];
    Anomaly {
        labels: Labels::new(pairs.into_iter().chain(owner)),
        kind: subject.kind,
        direction,
        onset: Timestamp::from_millis(onset_millis),
        time: Timestamp::from_millis(millis),
        score: Score::warming_up(0.0),
        severity: if level >= LogLevel::Fatal { Severity::Critical } else { Severity::Warning },
        is_over: false,
        explanation: String::new(),
    }
}
