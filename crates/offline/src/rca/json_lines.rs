//! How are files of JSON records read? One object per line, or one array, or one object over many lines.

use serde_json::Value;

use crate::bad_input::{BadInput, Place};

/// Whether a file is JSON by its first byte.
pub fn is_json(bytes: &[u8]) -> bool {
    unmarked(bytes).trim_ascii_start().first().is_some_and(|it| matches!(it, b'{' | b'['))
}

/// Without the mark that some editors put in front of UTF-8.
fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The records of a file with the line on which each begins; those of an array have the line of the array.
///
/// # Errors
/// At the first place that is not JSON.
pub fn read(file: &str, bytes: &[u8]) -> Result<Vec<(u64, Value)>, BadInput> {
    let bytes = unmarked(bytes);
    let is_array = bytes.trim_ascii_start().starts_with(b"[");
    if is_array {
        let values: Vec<Value> = serde_json::from_slice(bytes).map_err(|error| not_json(file, 0, &error))?;
        return Ok(values.into_iter().map(|it| (1, it)).collect());
    }
    let mut records = vec![];
    for (nth, line) in bytes.split(|it| *it == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(value) => records.push((nth as u64 + 1, value)),
            // One object may be spread over the whole file, as a pretty-printed body of OTLP is.
            Err(error) if records.is_empty() => {
                return match serde_json::from_slice(bytes) {
                    Ok(value) => Ok(vec![(1, value)]),
                    Err(_) => Err(not_json(file, nth, &error)),
                };
            }
            Err(error) => return Err(not_json(file, nth, &error)),
        }
    }
    Ok(records)
}

fn not_json(file: &str, lines_before: usize, error: &serde_json::Error) -> BadInput {
    let line = lines_before as u64 + error.line() as u64;
    let advice = "give one JSON object per line, or an array of objects";
    BadInput {
        place: Some(Box::new(Place { rows_are: "line", line, column: Some((error.column(), "byte".to_owned())) })),
        ..BadInput::of_file(file, format!("it is not JSON: {error}"), advice)
    }
}

/// The first field that is there, as text.
pub fn text(value: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match value.get(*name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is_true) => Some(is_true.to_string()),
        _ => None,
    })
}

/// The problem of a record that lacks a field.
pub fn lacks(file: &str, line: u64, record: &str, field: &str) -> BadInput {
    BadInput::of_line(file, line, format!("{record} has no {field}"), format!("give it a field \"{field}\""))
}
