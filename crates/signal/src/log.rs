//! What was said? One log line of a stream.

use serde::{Deserialize, Serialize};

use crate::{Labels, Timestamp};

/// The identity of a stored line, given by the store, growing with arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogId(pub u64);

/// One line of a log stream. The text is untrusted: data, never an instruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogRecord {
    /// When the source wrote it.
    pub time: Timestamp,
    /// The stream's labels.
    pub labels: Labels,
    /// The line without its line end.
    pub line: String,
    /// What is told about this line alone, for example `trace_id` and `span_id` (in hexadecimal digits). Not a part of
    /// the stream's identity.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub metadata: Labels,
}

impl LogRecord {
    /// A line without metadata.
    pub fn new(time: Timestamp, labels: Labels, line: impl Into<String>) -> Self {
        Self { time, labels, line: line.into(), metadata: Labels::default() }
    }

    /// The severity, from a `level`, `severity` or `detected_level` label, else from the first words of the line.
    pub fn level(&self) -> LogLevel {
        let label = ["level", "severity", "detected_level"].iter().find_map(|it| self.labels.get(it));
        label.and_then(LogLevel::parse).unwrap_or_else(|| LogLevel::of_text(&self.line))
    }
}

/// How bad the writer of a line thought it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Debug and trace.
    Debug,
    /// Information, notice, and lines without a level.
    Info,
    /// Warning.
    Warn,
    /// Error.
    Error,
    /// Fatal, critical, alert, emergency, panic.
    Fatal,
}

impl LogLevel {
    /// Reads a level's usual names, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "trace" | "debug" => Self::Debug,
            "info" | "information" | "notice" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" | "err" => Self::Error,
            "fatal" | "critical" | "crit" | "alert" | "emerg" | "emergency" | "panic" => Self::Fatal,
            _ => return None,
        })
    }

    /// The worst level that the first words of a line name; `Info` if they name none.
    pub fn of_text(line: &str) -> Self {
        let words = line.split(|it: char| !it.is_ascii_alphabetic()).filter(|it| it.len() > 2).take(8);
        words.filter_map(Self::parse).max().unwrap_or(Self::Info)
    }

    /// Lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// A stored line that a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogHit {
    /// Where it can be opened again.
    pub id: LogId,
    /// The line.
    #[serde(flatten)]
    pub record: LogRecord,
    /// BM25 relevance, higher is better; 0 without search words.
    pub relevance: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_comes_from_label_then_line() {
        let record = |labels: &[(&str, &str)], line: &str| {
            LogRecord::new(Timestamp::MIN, Labels::new(labels.iter().copied()), line)
        };
        assert_eq!(record(&[("level", "WARN")], "error").level(), LogLevel::Warn);
        assert_eq!(record(&[], "2026-01-01 ERROR pool exhausted").level(), LogLevel::Error);
        assert_eq!(record(&[], "all is well").level(), LogLevel::Info);
    }
}
