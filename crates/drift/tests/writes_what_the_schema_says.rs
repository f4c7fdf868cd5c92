//! MUST 488: is the JSON form what the published schema says, field by field, and nothing else?

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use drift::{Budget, ColumnBuilder, ColumnProfile, Config, Expectation, Kind, Metric, Mode, Profile, compare, part};
use serde_json::{Value, json};

/// Where the value is not what the schema says. A field that the schema does not name is an error here, so that none is
/// forgotten.
fn problems(schema: &Value, root: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return problems(&root["$defs"][name.trim_start_matches("#/$defs/")], root, value, path, found);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = |it: &Value| {
            let mut inner = Vec::new();
            problems(it, root, value, path, &mut inner);
            inner
        };
        let all: Vec<Vec<String>> = choices.iter().map(fits).collect();
        if all.iter().all(|it| !it.is_empty()) {
            found.push(format!("{path}: none of {all:?}"));
        }
        return;
    }
    if let Some(words) = schema["enum"].as_array() {
        if !words.contains(value) {
            found.push(format!("{path}: {value} is none of {words:?}"));
        }
        return;
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("null") => value.is_null(),
        _ => false,
    };
    if !fits {
        return found.push(format!("{path}: {value} is not {}", schema["type"]));
    }
    for (idx, item) in value.as_array().into_iter().flatten().enumerate() {
        if schema.get("items").is_some() {
            problems(&schema["items"], root, item, &format!("{path}[{idx}]"), found);
        }
    }
    let Some(fields) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            found.push(format!("{path}: {name} is missing"));
        }
    }
    for (name, field) in fields {
        match schema["properties"].get(name) {
            Some(it) => problems(it, root, field, &format!("{path}.{name}"), found),
            None => found.push(format!("{path}: the schema does not name {name}")),
        }
    }
}

fn column(name: &str, kind: Kind, cells: &[&str]) -> ColumnProfile {
    let mut column = ColumnBuilder::new(name, kind, Budget::default());
    (0..300).for_each(|it| column.cell(cells[it % cells.len()]));
    column.finish()
}

fn texts(is_current: bool) -> ColumnProfile {
    let mut column = ColumnBuilder::new("texts", Kind::Category, Budget::default());
    let word = if is_current { "lost" } else { "late" };
    (0..300).for_each(|it| column.cell(&format!("order {it} came {word} again, box {}", it * 7)));
    column.finish()
}

/// Every kind of column and every kind of finding.
fn profile(is_current: bool) -> Profile {
    let mut columns = vec![
        column("number", Kind::Number, if is_current { &["5", "6.5", "inf", "x"] } else { &["1", "2.5", "3"] }),
        column("constant", Kind::Number, if is_current { &["7"] } else { &["6"] }),
        column("word", Kind::Category, if is_current { &["a", "c", ""] } else { &["a", "b"] }),
        column("type", if is_current { Kind::Category } else { Kind::Number }, &["1", "2"]),
        column("hollow", Kind::Number, if is_current { &[""] } else { &["1", "2"] }),
    ];
    columns.push(texts(is_current));
    let extra = if is_current { "new" } else { "gone" };
    columns.push(column(extra, Kind::Number, &["1", "2"]));
    Profile { name: "t".to_owned(), rows: 300, duplicates: Some(if is_current { 200 } else { 0 }), columns }
}

#[test]
fn reports_are_what_the_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("../../../docs/schemas/drift_report.json")).unwrap();
    for mode in [Mode::Calibrated, Mode::Evidently] {
        let config = Config { mode, prediction: Some("word".to_owned()), ..Config::default() };
        let mut report = compare(&profile(false), &profile(true), &config);
        let (before, now) = (profile(false).columns.remove(0), profile(true).columns.remove(0));
        report.columns[0].segments.push(part("s", &before, &now, &config));
        report.columns[0].over_time.push(part("t", &before, &now, &config));
        report.expect(&[Expectation { metric: Metric::Rows, ..Expectation::default() }], &config);
        let value = serde_json::to_value(&report).unwrap();
        let mut found = Vec::new();
        problems(&schema, &schema, &value, "$", &mut found);
        assert!(found.is_empty(), "{}", found.join("\n"));
        let read: drift::Report = serde_json::from_value(value).unwrap();
        assert_eq!(read.columns.len(), 6);
        let of_texts = read.columns.iter().find(|it| it.name == "texts").unwrap();
        assert_eq!(of_texts.texts.is_empty(), mode == Mode::Evidently, "{of_texts:?}");
        assert_eq!(read.issues.len(), report.issues.len());
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let schema = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}});
    for (value, n_problems) in
        [(json!({"a": 1}), 0), (json!({}), 1), (json!({"a": "1"}), 1), (json!({"a": 1, "b": 2}), 1)]
    {
        let mut found = Vec::new();
        problems(&schema, &schema, &value, "$", &mut found);
        assert_eq!(found.len(), n_problems, "{value}: {found:?}");
    }
}
