//! How do files of log lines become lines with an owner? JSON in lines or in an array, OTLP in JSON, or CSV.

use diagnose::case::Line;
use serde_json::Value;
use signal::LogLevel;

use super::json_lines;
use super::names;
use super::rows;
use super::spans_file::attribute;
use crate::bad_input::BadInput;
use crate::instants;

/// Names of the fields.
const TIME: &[&str] =
    &["timestamp", "time", "ts", "@timestamp", "Timestamp", "TimeUnixNano", "timeUnixNano", "observedTimeUnixNano"];
const SERVICE: &[&str] =
    &["service", "service_name", "serviceName", "service.name", "PodName", "container_name", "cmdb_id", "pod", "app"];
const TEXT: &[&str] = &["msg", "message", "body", "log", "line", "Log", "text", "value"];
const LEVEL: &[&str] = &["severity_text", "severityText", "level", "severity", "log_level"];
const TRACE: &[&str] = &["trace_id", "traceId", "TraceID", "traceID"];
const SPAN: &[&str] = &["span_id", "spanId", "SpanID", "spanID"];

/// The lines of a file.
///
/// # Errors
/// At the first record that is no log line, with its place in the file.
pub fn read(file: &str, bytes: &[u8]) -> Result<Vec<Line>, BadInput> {
    if json_lines::is_json(bytes) {
        let mut lines = vec![];
        for (line, value) in json_lines::read(file, bytes)? {
            match value.get("resourceLogs").and_then(Value::as_array) {
                Some(resources) => lines.extend(resources.iter().flat_map(otlp)),
                None => lines.push(of_object(file, line, &value)?),
            }
        }
        return Ok(lines);
    }
    let rows = rows::read(file, bytes, TEXT)?;
    let mut lines: Vec<Line> = Vec::with_capacity(rows.len());
    for row in 0..rows.len() {
        // A text over several lines that nobody quoted goes on where no time begins a row.
        let has_time = rows.text(row, TIME).and_then(instants::of_text).is_some();
        match (rows.continued(row).filter(|_| !has_time), lines.last_mut()) {
            (Some(more), Some(line)) => line.text += &format!("\n{more}"),
            _ => lines.push(of_row(&rows, row)?),
        }
    }
    Ok(lines)
}

fn of_object(file: &str, line: u64, value: &Value) -> Result<Line, BadInput> {
    let text = |names: &[&str]| json_lines::text(value, names);
    let time = text(TIME).and_then(|it| instants::of_text(&it));
    Ok(Line {
        time: time.ok_or_else(|| json_lines::lacks(file, line, "a log line", "timestamp"))?,
        service: text(SERVICE).map(|it| names::service(&it)).unwrap_or_default(),
        text: message(&text(TEXT).ok_or_else(|| json_lines::lacks(file, line, "a log line", "msg"))?),
        level: text(LEVEL).and_then(|it| LogLevel::parse(&it)),
        trace: text(TRACE).unwrap_or_default(),
        span: text(SPAN).unwrap_or_default(),
        is_normal: false,
    })
}

fn otlp(resource: &Value) -> Vec<Line> {
    let service = attribute(resource.pointer("/resource/attributes"), "service.name").unwrap_or_default();
    let scopes = resource.get("scopeLogs").and_then(Value::as_array).cloned().unwrap_or_default();
    let records =
        scopes.iter().flat_map(|it| it.get("logRecords").and_then(Value::as_array).cloned().unwrap_or_default());
    let line = |it: Value| {
        let text = |names: &[&str]| json_lines::text(&it, names);
        Some(Line {
            time: text(TIME).and_then(|it| instants::of_text(&it))?,
            service: names::service(&service),
            text: message(it.pointer("/body/stringValue").and_then(Value::as_str)?),
            level: text(LEVEL).and_then(|it| LogLevel::parse(&it)),
            trace: text(TRACE).unwrap_or_default(),
            span: text(SPAN).unwrap_or_default(),
            is_normal: false,
        })
    };
    records.filter_map(line).collect()
}

fn of_row(rows: &rows::Rows, row: usize) -> Result<Line, BadInput> {
    let text = |names: &[&str]| rows.text(row, names).unwrap_or_default().to_owned();
    let time = rows.text(row, TIME).and_then(instants::of_text);
    Ok(Line {
        time: time.ok_or_else(|| rows.bad(row, TIME, "no time is in it"))?,
        service: names::service(&text(SERVICE)),
        text: message(&text(TEXT)),
        level: rows.text(row, LEVEL).and_then(LogLevel::parse),
        trace: text(TRACE),
        span: text(SPAN),
        is_normal: false,
    })
}

/// What was said, out of the record that Docker keeps (`{"log": "...", "stream": ..}`), whole or broken.
fn message(text: &str) -> String {
    let text = text.trim();
    if !text.starts_with("{\"log\":") {
        return text.to_owned();
    }
    if let Ok(Value::Object(record)) = serde_json::from_str(text)
        && let Some(Value::String(log)) = record.get("log")
    {
        return log.trim_end().to_owned();
    }
    let inner = text.trim_start_matches("{\"log\":").trim_start().trim_start_matches('"');
    let inner = inner.rsplit_once("\",\"stream\"").map_or(inner, |it| it.0);
    inner.trim_end_matches("\\n").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_line_is_read_from_each_layout() {
        let flat =
            r#"{"timestamp":"2026-01-01T00:00:00Z","service":"pay","severity_text":"ERROR","msg":"no such card"}"#;
        let otlp = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"pay"}}]},
            "scopeLogs":[{"logRecords":[{"timeUnixNano":"1767225600000000000","severityText":"ERROR","body":{"stringValue":"no such card"}}]}]}]}"#;
        let csv = "Timestamp,PodName,level,Log\n2026-01-01T00:00:00Z,pay,error,\"{\"\"log\"\":\"\"no such card\\n\"\",\"\"stream\"\":\"\"stdout\"\"}\"\n";
        for text in [flat, otlp, csv] {
            let lines = read("l", text.as_bytes()).unwrap();
            let it = &lines[0];
            assert_eq!(
                (it.time, it.service.as_str(), it.text.as_str()),
                (1_767_225_600_000, "pay", "no such card"),
                "{text}"
            );
            assert_eq!(it.level, Some(LogLevel::Error), "{text}");
        }
    }

    #[test]
    fn broken_records_of_docker_still_say_what_was_said() {
        assert_eq!(message("{\"log\":\"a \"b\", c\\n\",\"stream\":\"stdout\"}"), "a \"b\", c");
    }

    #[test]
    fn a_record_without_what_is_needed_is_told_with_its_line() {
        let message = read("l.ndjson", b"{\"msg\":\"x\"}\n").unwrap_err().to_string();
        assert!(message.starts_with("l.ndjson, line 1: a log line has no timestamp"), "{message}");
    }
}
