//! Which findings in log lines may open an incident, and how long is a service learned first?

use serde::{Deserialize, Serialize};
use signal::{Anomaly, AnomalyKind, Direction, LogLevel};

use crate::policy::Usage;

/// From which level on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromLevel {
    /// All lines.
    Debug,
    /// Information and worse, and lines without a level.
    Info,
    /// Warnings and worse.
    Warn,
    /// Errors and worse.
    Error,
    /// Only fatal ones.
    Fatal,
    /// Not at all.
    Never,
}

impl FromLevel {
    /// True if a line of this level counts.
    pub fn has(self, level: LogLevel) -> bool {
        let least = match self {
            Self::Debug => LogLevel::Debug,
            Self::Info => LogLevel::Info,
            Self::Warn => LogLevel::Warn,
            Self::Error => LogLevel::Error,
            Self::Fatal => LogLevel::Fatal,
            Self::Never => return false,
        };
        level >= least
    }
}

/// Anomalies in log lines. Everything works without any of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// False looks for nothing in log lines but the configured `log_rules` and `windows`. Default: true.
    pub enabled: bool,
    /// So many seconds of a service's log are learned before a kind of line can be new. Default: 900.
    pub learn_secs: u32,
    /// An anomaly of log lines is over when it was not confirmed for so many seconds. Default: 45.
    pub quiet_secs: u32,
    /// Lines of lower levels are not even kept as evidence: debug, info, warn, error, fatal or never. Default: info.
    pub evidence_from: FromLevel,
    /// From which level on which finding may open an incident by itself.
    pub symptom_from: SymptomFrom,
    /// At most so many anomalies of log lines at once; further ones are dropped and counted. Default: 500.
    pub max_open: usize,
    /// At most so many variables of a kind of line are watched. Default: 8.
    pub max_parameters: usize,
    /// At most so many kinds of line whose successors are watched. Default: 8192.
    pub max_sequences: usize,
}

/// From which level on a finding may open an incident: debug, info, warn, error, fatal or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SymptomFrom {
    /// Lines of a kind that was never seen. Default: error.
    pub new_template: FromLevel,
    /// Lines that came like clockwork and have stopped while the service goes on. Default: info.
    pub vanished_template: FromLevel,
    /// Far more lines of a kind than usual. Default: error.
    pub surge: FromLevel,
    /// Far fewer lines of a kind than usual. Default: never.
    pub drop: FromLevel,
    /// A number far from the usual ones, or a new word where only a few ever stood. Default: warn.
    pub parameter: FromLevel,
    /// What always followed a line does not follow. Default: warn.
    pub sequence: FromLevel,
}

impl Default for SymptomFrom {
    fn default() -> Self {
        Self {
            new_template: FromLevel::Error,
            vanished_template: FromLevel::Info,
            surge: FromLevel::Error,
            drop: FromLevel::Never,
            parameter: FromLevel::Warn,
            sequence: FromLevel::Warn,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            learn_secs: 900,
            quiet_secs: 45,
            evidence_from: FromLevel::Info,
            symptom_from: SymptomFrom::default(),
            max_open: 500,
            max_parameters: 8,
            max_sequences: 8192,
        }
    }
}

impl LogConfig {
    /// What an anomaly of log lines may do.
    pub(crate) fn usage(&self, anomaly: &Anomaly) -> Usage {
        let from = &self.symptom_from;
        let from = match (anomaly.kind, anomaly.direction) {
            (AnomalyKind::LogRule, _) => return Usage::Symptom,
            (AnomalyKind::NewTemplate, _) => from.new_template,
            (AnomalyKind::VanishedTemplate, _) => from.vanished_template,
            (AnomalyKind::LogRate, Direction::Above) => from.surge,
            (AnomalyKind::LogRate, Direction::Below) => from.drop,
            (AnomalyKind::LogParameter, _) => from.parameter,
            (AnomalyKind::LogSequence, _) => from.sequence,
            _ => return Usage::Evidence,
        };
        let level = anomaly.labels.get("level").and_then(LogLevel::parse).unwrap_or(LogLevel::Info);
        if from.has(level) { Usage::Symptom } else { Usage::Evidence }
    }

    pub(crate) fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        if self.learn_secs < 60 {
            problems.push("learn_secs: must be at least 60".to_owned());
        }
        if !(5..=3600).contains(&self.quiet_secs) {
            problems.push("quiet_secs: must lie between 5 and 3600".to_owned());
        }
        if self.max_open == 0 {
            problems.push("max_open: must be at least 1".to_owned());
        }
        if self.max_parameters > 64 {
            problems.push("max_parameters: must be at most 64".to_owned());
        }
        problems
    }
}
