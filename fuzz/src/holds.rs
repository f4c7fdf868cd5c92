//! What must hold of everything that a decoder hands out, whatever the bytes were?
//!
//! It keeps to the limits of the configuration, there is no more of it than the bytes can pay for, and what is said to
//! the sender is short: MUST 230 and 231 of docs/specs/ingest.md. The limits here are small, so that small inputs reach them.

use std::error::Error;

use ingest::{Config, Problems};
use signal::{Exemplar, Labels, LogRecord, SeriesPoints, Span};

/// Points that one byte may stand for. The densest are histograms: an empty one takes two bytes and gives a count, a
/// sum and a bucket.
const POINTS_PER_BYTE: usize = 4;
/// Labels that decoders add to those of the sender: name, bucket or quantile, service, instance, scope and their like.
const ADDED_LABELS: usize = 16;
/// Longest text for a sender, in bytes.
const TEXT_BYTES: usize = 2_000;

/// Limits that are reached by inputs of a few hundred bytes.
pub fn small() -> Config {
    Config {
        max_body_bytes: 1 << 20,
        max_decompressed_bytes: 1 << 20,
        max_labels: 6,
        max_label_name_bytes: 40,
        max_label_value_bytes: 60,
        max_line_bytes: 80,
        max_monitor_items: 20,
        ..Config::default()
    }
}

/// Series of a body.
pub fn points(batch: &[SeriesPoints], n_bytes: usize) {
    let n_points: usize = batch.iter().map(|it| it.points.len()).sum();
    assert!(n_points <= POINTS_PER_BYTE * n_bytes, "{n_points} points of {n_bytes} bytes");
    for series in batch {
        assert!(!series.points.is_empty(), "a series without points: {}", series.labels);
        assert!(!series.labels.name().is_empty(), "a series without a name: {}", series.labels);
        assert!(series.points.is_sorted_by_key(|it| it.time), "points of {} are not in order", series.labels);
        assert!(series.points.iter().all(|it| it.time.is_plausible()), "absurd times of {}", series.labels);
        labels(&series.labels);
    }
}

/// Exemplars of a body.
pub fn exemplars(batch: &[Exemplar], n_bytes: usize) {
    assert!(batch.len() <= n_bytes, "{} exemplars of {n_bytes} bytes", batch.len());
    for exemplar in batch {
        assert!(exemplar.point.time.is_plausible(), "an absurd time of {}", exemplar.series);
        labels(&exemplar.series);
        labels(&exemplar.labels);
        let n_chars: usize = exemplar.labels.iter().map(|it| it.0.chars().count() + it.1.chars().count()).sum();
        assert!(n_chars <= 128, "{n_chars} characters: {}", exemplar.labels);
    }
}

/// Lines of a body.
pub fn lines(batch: &[LogRecord], n_bytes: usize) {
    assert!(batch.len() <= n_bytes, "{} lines of {n_bytes} bytes", batch.len());
    let limit = small().max_line_bytes;
    for record in batch {
        assert!(record.line.len() <= limit, "a line of {} bytes", record.line.len());
        labels(&record.labels);
        labels(&record.metadata);
    }
}

/// Spans of a body.
pub fn spans(batch: &[Span], n_bytes: usize) {
    assert!(batch.len() <= n_bytes, "{} spans of {n_bytes} bytes", batch.len());
    for span in batch {
        labels(&span.resource);
        labels(&span.attributes);
        span.events.iter().for_each(|it| labels(&it.attributes));
        assert!(span.events.len() + span.links.len() <= n_bytes);
        assert!(!span.id.is_zero() && !span.trace.is_zero(), "a span without ids");
    }
}

/// What is said of what was left out.
pub fn problems(problems: &Problems) {
    text(problems.first_mistake().unwrap_or_default());
    assert_eq!(problems.n_mistakes() > 0, problems.first_mistake().is_some(), "a mistake has a text, and only it has");
}

/// What is said of a body that is refused.
pub fn error(error: &dyn Error) {
    let said = error.to_string();
    assert!(!said.is_empty(), "an error must say something");
    text(&said);
}

fn text(said: &str) {
    assert!(said.len() <= TEXT_BYTES, "{} bytes are said to the sender: {said}", said.len());
}

fn labels(labels: &Labels) {
    let config = small();
    assert!(labels.len() <= config.max_labels + ADDED_LABELS, "{} labels: {labels}", labels.len());
    for (name, value) in labels.iter() {
        assert!(name.len() <= config.max_label_name_bytes + ADDED_LABELS, "a long name: {labels}");
        assert!(value.len() <= config.max_label_value_bytes, "a long value: {labels}");
    }
}
