//! What proves it? Facts that code can open again.

use serde::{Deserialize, Serialize};

use crate::{Change, Labels, LogId, TimeRange, Timestamp, TraceId};

/// The identity of a piece of evidence inside one diagnosis: `E3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EvidenceId(pub String);

/// A fact that a claim cites.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What claims cite.
    pub id: EvidenceId,
    /// One sentence made by code from the facts below; untrusted parts are quoted and shortened.
    pub text: String,
    /// Where code reads it again.
    pub source: EvidenceSource,
}

/// A pointer into the stored signals, with the values that were read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EvidenceSource {
    /// A series moved.
    SeriesWindow {
        /// The series.
        labels: Labels,
        /// The window that was compared with what came before it.
        range: TimeRange,
        /// Median before.
        before: f64,
        /// Most extreme value inside.
        during: f64,
        /// Robust deviations.
        deviation: f64,
        /// When it began to move.
        onset: Timestamp,
    },
    /// Lines of one template.
    LogLines {
        /// The stream's service.
        service: String,
        /// The template with `<*>` for variables.
        template: String,
        /// Where they were counted.
        range: TimeRange,
        /// Lines in the window before, per minute.
        before_per_minute: f64,
        /// Lines inside, per minute.
        during_per_minute: f64,
        /// Some of them.
        ids: Vec<LogId>,
        /// One of them, verbatim (untrusted).
        example: String,
    },
    /// A process, by its resource use.
    Process {
        /// The host.
        host: String,
        /// Process id.
        pid: u32,
        /// Its start, seconds since the epoch: with the pid the identity of the process.
        start_time: i64,
        /// The command line (untrusted).
        command: String,
        /// Resource series, re-readable.
        labels: Labels,
        /// When it was looked at.
        range: TimeRange,
        /// The highest value inside.
        value: f64,
    },
    /// Requests, as their spans show them.
    Requests {
        /// The service that answers them.
        service: String,
        /// What is asked of it; empty for anything.
        operation: String,
        /// Who asks; empty for anybody.
        caller: String,
        /// What was measured of them.
        measure: RequestMeasure,
        /// When they came.
        range: TimeRange,
        /// The usual: milliseconds, or a share of requests.
        before: f64,
        /// The same inside.
        during: f64,
        /// Some that show it.
        traces: Vec<TraceId>,
    },
    /// A change shortly before.
    Change {
        /// The change.
        change: Change,
        /// Seconds from the change to the first symptom.
        lead_secs: f64,
    },
    /// What a tool that only reads has answered; it is asked again to read it again.
    Answer {
        /// The tool.
        tool: String,
        /// What it was asked: a JSON object with absolute times.
        arguments: String,
        /// The part of the answer that is cited, as code wrote it; foreign text in it is quoted and shortened (untrusted).
        fact: String,
    },
}

/// What is measured of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestMeasure {
    /// Time without the requests that it makes itself, in milliseconds.
    SelfTime,
    /// Time on the way between caller and service, in milliseconds.
    EdgeGap,
    /// The share that fails.
    Errors,
    /// The share that fails although nothing fails that it asks for: failures begin here.
    FirstErrors,
}
