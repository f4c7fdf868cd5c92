//! Incidents as self-contained HTML, Markdown and JSON: what happened, why, and what was done about it?
//!
//! Pure: everything a report shows is an argument, the time of writing too. Every text that came from telemetry is
//! untrusted; `markdown` and `html` each escape it in one place.

#![warn(missing_docs)]

mod chart;
mod html;
mod json;
mod markdown;
mod way;
mod words;

use serde::Serialize;

use signal::{Incident, Labels, LedgerEntry, Plan, Point, Score, TimeRange, Timestamp};

pub use html::html;
pub use json::json;
pub use markdown::markdown;
pub use way::svg;

/// Everything that a report of one incident shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IncidentReport {
    /// The incident with its diagnosis.
    pub incident: Incident,
    /// Plans made for it, in the order in which they shall be shown.
    pub plans: Vec<Plan>,
    /// One chart per symptom or cited series.
    pub charts: Vec<Chart>,
    /// Ledger entries on the incident and its plans.
    pub ledger: Vec<LedgerEntry>,
    /// When the report was made.
    pub generated_at: Timestamp,
    /// The version of Sentinel that made it.
    pub version: String,
}

/// A series around an incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chart {
    /// The series.
    pub labels: Labels,
    /// Its points, in order of time; for a counter its rate per second, like `band`.
    pub points: Vec<Point>,
    /// What was expected, in order of time; may cover less than the points.
    pub band: Vec<(Timestamp, Score)>,
    /// When it was anomalous.
    pub anomalous: Vec<TimeRange>,
}

#[cfg(test)]
mod sample;
