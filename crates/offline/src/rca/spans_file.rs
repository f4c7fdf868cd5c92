//! How do files of spans become steps of requests? JSON in lines or in an array, OTLP in JSON, or CSV.
//!
//! Of a JSON object the fields are found under the names that tools give them: `trace_id` or `traceId`, `service` or
//! `serviceName`, `duration_ms` or `durationNano`, and so on; `docs/specs/diagnosis.md` lists them.

use diagnose::case::Span;
use serde_json::Value;

use super::json_lines;
use super::names;
use super::rows;
use crate::bad_input::BadInput;
use crate::instants;

/// Names of the fields.
const TRACE: &[&str] = &["trace_id", "traceId", "TraceID", "traceID", "trace"];
const ID: &[&str] = &["span_id", "spanId", "SpanID", "spanID", "id"];
const PARENT: &[&str] =
    &["parent_id", "parent_span_id", "parentSpanId", "ParentID", "parentSpanID", "parent_span", "parent"];
const SERVICE: &[&str] =
    &["service", "service_name", "serviceName", "service.name", "PodName", "cmdb_id", "pod", "container_name"];
const OPERATION: &[&str] =
    &["name", "operation", "operation_name", "operationName", "OperationName", "span_name", "methodName"];
const START: &[&str] = &[
    "start",
    "start_time",
    "startTime",
    "startTimeUnixNano",
    "StartTimeUnixNano",
    "startTimeMillis",
    "timestamp",
    "time",
];
const END: &[&str] = &["end", "end_time", "endTime", "endTimeUnixNano", "EndTimeUnixNano"];
/// Durations with the milliseconds of one unit.
const DURATION: &[(&str, f64)] = &[
    ("duration_ms", 1.0),
    ("durationMs", 1.0),
    ("duration_us", 1e-3),
    ("Duration", 1e-3),
    ("duration", 1e-3),
    ("duration_ns", 1e-6),
    ("durationNano", 1e-6),
    ("duration_s", 1e3),
];
const STATUS: &[&str] = &["status", "status_code", "statusCode", "StatusCode", "error"];
const MESSAGE: &[&str] = &["error", "message", "status_message", "statusMessage", "exception.message"];

/// The spans of a file.
///
/// # Errors
/// At the first record that is no span, with its line.
pub fn read(file: &str, bytes: &[u8]) -> Result<Vec<Span>, BadInput> {
    if json_lines::is_json(bytes) {
        let mut spans = vec![];
        for (line, value) in json_lines::read(file, bytes)? {
            match value.get("resourceSpans").and_then(Value::as_array) {
                Some(resources) => spans.extend(resources.iter().flat_map(otlp)),
                None => spans.push(of_object(file, line, &value)?),
            }
        }
        return Ok(spans);
    }
    let rows = rows::read(file, bytes, OPERATION)?;
    (0..rows.len()).map(|row| of_row(&rows, row)).collect()
}

fn of_object(file: &str, line: u64, value: &Value) -> Result<Span, BadInput> {
    let text = |names: &[&str]| json_lines::text(value, names);
    let service = text(SERVICE).ok_or_else(|| json_lines::lacks(file, line, "a span", "service"))?;
    let start = text(START).and_then(|it| instants::of_text(&it));
    let start = start.ok_or_else(|| json_lines::lacks(file, line, "a span", "start"))?;
    let given = DURATION.iter().find_map(|(name, unit)| Some(value.get(*name)?.as_f64()? * unit));
    let end = || Some((text(END).and_then(|it| instants::of_text(&it))? - start) as f64);
    let status = text(STATUS).unwrap_or_default();
    Ok(Span {
        trace: text(TRACE).unwrap_or_default(),
        id: text(ID).unwrap_or_default(),
        parent: text(PARENT).unwrap_or_default(),
        service: names::service(&service),
        operation: text(OPERATION).unwrap_or_default(),
        start,
        millis: given.or_else(end).unwrap_or(0.0),
        is_error: is_error(&status),
        message: text(MESSAGE).filter(|it| *it != status).unwrap_or_default(),
        is_normal: false,
    })
}

fn is_error(status: &str) -> bool {
    let status = status.trim().to_ascii_lowercase();
    // OTLP has 2 for an error, gRPC codes from 2 on, HTTP from 500; data frames write them as 2.0 and 500.0.
    let is_bad = |code: f64| (2.0..=16.0).contains(&code) || (500.0..600.0).contains(&code);
    status.parse().is_ok_and(is_bad)
        || ["error", "status_code_error", "fail", "failed", "failure", "true"].contains(&status.as_str())
}

/// The spans of one resource of OTLP in JSON (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>).
fn otlp(resource: &Value) -> Vec<Span> {
    let service = attribute(resource.pointer("/resource/attributes"), "service.name").unwrap_or_default();
    let list = |value: &Value, names: [&str; 2]| {
        names.iter().find_map(|it| value.get(*it)?.as_array().cloned()).unwrap_or_default()
    };
    let scopes = list(resource, ["scopeSpans", "instrumentationLibrarySpans"]);
    let spans = scopes.iter().flat_map(|it| list(it, ["spans", "Spans"]));
    spans.filter_map(|it| of_otlp(&service, &it)).collect()
}

fn of_otlp(service: &str, value: &Value) -> Option<Span> {
    let text = |names: &[&str]| json_lines::text(value, names);
    let nanos = |name: &str| text(&[name])?.parse::<f64>().ok();
    let (start, end) = (nanos("startTimeUnixNano")?, nanos("endTimeUnixNano").unwrap_or(0.0));
    let code = value.pointer("/status/code").map(ToString::to_string).unwrap_or_default();
    Some(Span {
        trace: text(TRACE)?,
        id: text(ID)?,
        parent: text(PARENT).unwrap_or_default(),
        service: names::service(service),
        operation: text(OPERATION).unwrap_or_default(),
        start: (start / 1e6) as i64,
        millis: ((end - start) / 1e6).max(0.0),
        is_error: is_error(code.trim_matches('"')),
        message: value.pointer("/status/message").and_then(Value::as_str).unwrap_or_default().to_owned(),
        is_normal: false,
    })
}

/// A text attribute of OTLP.
pub fn attribute(attributes: Option<&Value>, key: &str) -> Option<String> {
    let found = attributes?.as_array()?.iter().find(|it| it.get("key").and_then(Value::as_str) == Some(key))?;
    found.pointer("/value/stringValue").and_then(Value::as_str).map(str::to_owned)
}

fn of_row(rows: &rows::Rows, row: usize) -> Result<Span, BadInput> {
    let text = |names: &[&str]| rows.text(row, names).unwrap_or_default().to_owned();
    let start = rows.text(row, START).and_then(instants::of_text);
    let start = start.ok_or_else(|| rows.bad(row, START, "no time is in it"))?;
    let service = text(SERVICE);
    if service.is_empty() {
        return Err(rows.bad(row, SERVICE, "no service is in it"));
    }
    let given = DURATION.iter().find_map(|(name, unit)| Some(rows.text(row, &[name])?.parse::<f64>().ok()? * unit));
    let end = || Some((rows.text(row, END).and_then(instants::of_text)? - start) as f64);
    let parent = text(PARENT);
    let status = text(STATUS);
    Ok(Span {
        trace: text(TRACE),
        id: text(ID),
        parent: if parent == "root" { String::new() } else { parent },
        service: names::service(&service),
        operation: text(OPERATION),
        start,
        millis: given.or_else(end).unwrap_or(0.0),
        is_error: is_error(&status),
        message: String::new(),
        is_normal: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_span_is_read_from_each_layout() {
        let flat = r#"{"trace_id":"t","span_id":"a","parent_id":null,"service":"pay","name":"GET /","start":"2026-01-01T00:00:00Z","duration_ms":12,"status":"ERROR"}"#;
        let array = format!("[{flat}]");
        let otlp = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"pay"}}]},
            "scopeSpans":[{"spans":[{"traceId":"t","spanId":"a","name":"GET /","startTimeUnixNano":"1767225600000000000",
            "endTimeUnixNano":"1767225600012000000","status":{"code":2}}]}]}]}"#;
        let csv = "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,Duration,status\nt,a,root,pay,GET /,1767225600000000000,12000,error\n";
        for text in [flat, &array, otlp, csv] {
            let spans = read("t.json", text.as_bytes()).unwrap();
            assert_eq!(spans.len(), 1, "{text}");
            let it = &spans[0];
            assert_eq!((it.service.as_str(), it.operation.as_str(), it.parent.as_str()), ("pay", "GET /", ""));
            assert_eq!((it.start, it.millis, it.is_error), (1_767_225_600_000, 12.0, true), "{text}");
        }
    }

    #[test]
    fn a_record_without_what_is_needed_is_told_with_its_line() {
        let text = "{\"service\":\"a\",\"start\":1767225600}\n{\"start\":1767225600}\n";
        let message = read("t.ndjson", text.as_bytes()).unwrap_err().to_string();
        assert!(message.starts_with("t.ndjson, line 2: a span has no service"), "{message}");
        let message = read("t.ndjson", b"{\"service\":\n").unwrap_err().to_string();
        assert!(message.starts_with("t.ndjson, line 1"), "{message}");
    }
}
