//! `POST /monitor`: one observation of a service, or an array of them, in the shape of seed 0.
//!
//! Every field at fault is named at once, in the words of FastAPI, so that clients of the seed see what they expect.

use serde_json::{Map, Value, json};

use signal::{Labels, Point, SeriesPoints, Timestamp};

use crate::error::{Fields, PathPart};
use crate::when::{self, When};
use crate::{Config, Error, FieldError, MonitorVerdict, Problems, Reason};

/// Keys that are read; others are counted and left out.
const KNOWN: [&str; 6] = ["timestamp", "service_name", "cpu_usage", "memory", "latency", "metrics"];
/// Keys whose values are measurements.
const NUMBERS: [&str; 3] = ["cpu_usage", "memory", "latency"];

/// One observation: measurements of one service at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The service.
    pub service: String,
    /// The instant; None if the body names none (for example `10:00`), so that the arrival counts.
    pub time: Option<Timestamp>,
    /// Name and value; at least one.
    pub values: Vec<(String, f64)>,
}

impl Observation {
    /// One series per measurement, named after it, with the label `service`.
    pub fn series(&self, arrival: Timestamp) -> Vec<SeriesPoints> {
        let time = self.time.unwrap_or(arrival);
        let series = |(name, value): &(String, f64)| SeriesPoints {
            labels: Labels::metric(name, &[("service", &self.service)]),
            points: vec![Point { time, value: *value }],
        };
        self.values.iter().map(series).collect()
    }
}

/// Observations of a body, and whether it was an array.
pub fn decode(body: &[u8], config: &Config) -> Result<((Vec<Observation>, bool), Problems), Error> {
    let value: Value = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    let mut reader = Reader { config, errors: Fields::default(), problems: Problems::default() };
    let is_array = value.is_array();
    let observations: Vec<Observation> = match &value {
        Value::Array(items) if items.len() > config.max_monitor_items => {
            let message = format!("List should have at most {} items, not {}", config.max_monitor_items, items.len());
            reader.errors.push(|| (vec![], message), "too_long");
            vec![]
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .filter_map(|(idx, it)| reader.observation(it, &[PathPart::Position(idx)]))
            .collect(),
        one => reader.observation(one, &[]).into_iter().collect(),
    };
    if reader.errors.len() == 0 { Ok(((observations, is_array), reader.problems)) } else { Err(reader.errors.error()) }
}

/// The answer to one observation, with all the keys that the seed's versions used.
pub(crate) fn answer(verdict: &MonitorVerdict, service: &str) -> Value {
    if !verdict.is_critical {
        return json!({ "status": "Healthy", "message": verdict.message, "z_score": verdict.z_score });
    }
    let report = verdict.report.as_ref().unwrap_or(&verdict.message);
    let investigation = verdict.investigation.as_ref().unwrap_or(report);
    json!({
        "status": "CRITICAL",
        "service": service,
        "deviation": format!("{:.2} sigma", verdict.z_score),
        "incident_report": report,
        "investigation_report": investigation,
        "investigation": investigation,
        "incident_id": verdict.incident.map(|it| it.to_string()),
        "message": verdict.message,
        "z_score": verdict.z_score,
    })
}

/// FastAPI's body of a 422.
pub(crate) fn detail(errors: &[FieldError]) -> Value {
    let entry = |error: &FieldError| {
        let mut location = vec![json!("body")];
        location.extend(error.path.iter().map(|it| match it {
            PathPart::Key(key) => json!(key),
            PathPart::Position(position) => json!(position),
        }));
        json!({ "loc": location, "msg": error.message, "type": error.kind })
    };
    json!({ "detail": errors.iter().map(entry).collect::<Vec<_>>() })
}

fn not_json(body: &[u8], error: &serde_json::Error) -> Error {
    let before = body.split(|it| *it == b'\n').take(error.line().saturating_sub(1)).map(|it| it.len() + 1);
    let offset = before.sum::<usize>() + error.column().saturating_sub(1);
    Fields::one(vec![PathPart::Position(offset)], format!("JSON decode error: {error}"), "json_invalid")
}

struct Reader<'a> {
    config: &'a Config,
    errors: Fields,
    problems: Problems,
}

impl Reader<'_> {
    fn observation(&mut self, value: &Value, path: &[PathPart]) -> Option<Observation> {
        let Value::Object(object) = value else {
            self.error(path, &[], "model_attributes_type", "Input should be a valid dictionary or object".to_owned());
            return None;
        };
        let errors_before = self.errors.len();
        let unknown = object.keys().filter(|it| !KNOWN.contains(&it.as_str())).count() as u64;
        self.problems.add(Reason::UnknownField, unknown, String::new);
        let time = self.time(object, path);
        let service = self.service(object, path);
        let mut values = vec![];
        for key in NUMBERS {
            if let Some(it) = object.get(key).filter(|it| !it.is_null()) {
                values.extend(self.number(it, path, &[key]).map(|number| (key.to_owned(), number)));
            }
        }
        self.metrics(object, path, &mut values);
        if values.is_empty()
            && self.errors.len() == errors_before + usize::from(service.is_none()) + usize::from(time.is_none())
        {
            self.error(path, &["cpu_usage"], "missing", "Field required".to_owned());
        }
        Some(Observation { service: service?.to_owned(), time: time?, values })
    }

    fn time(&mut self, object: &Map<String, Value>, path: &[PathPart]) -> Option<Option<Timestamp>> {
        let when = match object.get("timestamp") {
            None => {
                self.error(path, &["timestamp"], "missing", "Field required".to_owned());
                return None;
            }
            Some(Value::String(text)) => when::of_text(text),
            Some(Value::Number(number)) => when::of_number(number.as_f64().unwrap_or(f64::NAN)),
            Some(_) => {
                self.error(path, &["timestamp"], "string_type", "Input should be a valid string".to_owned());
                return None;
            }
        };
        match when {
            When::Arrival => Some(None),
            When::At(time) if time.is_plausible() => Some(Some(time)),
            When::At(_) => {
                let message = "Input should be an instant between 1970-01-01 and 2200-01-01".to_owned();
                self.error(path, &["timestamp"], "datetime_out_of_range", message);
                None
            }
        }
    }

    fn service<'v>(&mut self, object: &'v Map<String, Value>, path: &[PathPart]) -> Option<&'v str> {
        let max_bytes = self.config.max_label_value_bytes;
        let (kind, message) = match object.get("service_name") {
            None => ("missing", "Field required".to_owned()),
            Some(Value::String(text)) if text.is_empty() => {
                ("string_too_short", "String should have at least 1 character".to_owned())
            }
            Some(Value::String(text)) if text.len() > max_bytes => {
                ("string_too_long", format!("String should have at most {max_bytes} bytes"))
            }
            Some(Value::String(text)) => return Some(text),
            Some(_) => ("string_type", "Input should be a valid string".to_owned()),
        };
        self.error(path, &["service_name"], kind, message);
        None
    }

    fn metrics(&mut self, object: &Map<String, Value>, path: &[PathPart], values: &mut Vec<(String, f64)>) {
        let entries = match object.get("metrics") {
            None | Some(Value::Null) => return,
            Some(Value::Object(entries)) => entries,
            Some(_) => {
                return self.error(path, &["metrics"], "dict_type", "Input should be a valid dictionary".to_owned());
            }
        };
        if entries.len() > self.config.max_monitor_items {
            let message = format!("Dictionary should have at most {} items", self.config.max_monitor_items);
            return self.error(path, &["metrics"], "too_long", message);
        }
        for (name, value) in entries {
            if name.is_empty() || name.len() > self.config.max_label_name_bytes {
                let message = format!("A metric's name should have 1 to {} bytes", self.config.max_label_name_bytes);
                let shown = crate::limits::shortened(name, self.config.max_label_name_bytes);
                self.error(path, &["metrics", shown], "string_too_long", message);
            } else if values.iter().any(|(it, _)| NUMBERS.contains(&name.as_str()) && it == name) {
                self.error(path, &["metrics", name], "value_error", format!("{name} is given twice"));
            } else if let Some(number) = self.number(value, path, &["metrics", name]) {
                values.push((name.clone(), number));
            }
        }
    }

    fn number(&mut self, value: &Value, path: &[PathPart], keys: &[&str]) -> Option<f64> {
        let (kind, message) = match value {
            Value::Number(number) => match number.as_f64().filter(|it| it.is_finite()) {
                Some(it) => return Some(it),
                None => ("finite_number", "Input should be a finite number"),
            },
            // FastAPI takes numbers in quotes; so do we.
            Value::String(text) => match text.trim().parse::<f64>() {
                Ok(it) if it.is_finite() => return Some(it),
                Ok(_) => ("finite_number", "Input should be a finite number"),
                Err(_) => ("float_parsing", "Input should be a valid number, unable to parse string as a number"),
            },
            _ => ("float_type", "Input should be a valid number"),
        };
        self.error(path, keys, kind, message.to_owned());
        None
    }

    fn error(&mut self, path: &[PathPart], keys: &[&str], kind: &'static str, message: String) {
        let keys = keys.iter().map(|it| PathPart::Key((*it).to_owned()));
        self.errors.push(|| (path.iter().cloned().chain(keys).collect(), message), kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields_at_fault(body: &str) -> Vec<String> {
        let Err(Error::Fields(errors)) = decode(body.as_bytes(), &Config::default()) else { return vec![] };
        let value = detail(&errors);
        let entry = |it: &Value| {
            let location: Vec<String> =
                it["loc"].as_array().unwrap().iter().map(|it| it.to_string().replace('"', "")).collect();
            format!("{} {}", location.join("."), it["type"].as_str().unwrap())
        };
        value["detail"].as_array().unwrap().iter().map(entry).collect()
    }

    #[test]
    fn the_body_of_the_readme_is_one_observation() {
        let body = br#"{"timestamp":"10:00","service_name":"PaymentGateway","cpu_usage":900}"#;
        let ((observations, is_array), _) = decode(body, &Config::default()).unwrap();
        assert!(!is_array);
        let series = observations[0].series(Timestamp::from_secs(7));
        assert_eq!(series.len(), 1);
        assert_eq!(series[0].labels.to_string(), r#"cpu_usage{service="PaymentGateway"}"#);
        assert_eq!(series[0].points, [Point { time: Timestamp::from_secs(7), value: 900.0 }]);
    }

    #[test]
    fn further_numbers_become_series_of_their_own() {
        let body = br#"[{"timestamp":"2023-11-14T22:13:20Z","service_name":"a","memory":"12.5","latency":3,
            "metrics":{"disk":1},"cpu_usage":null,"comment":"x"}]"#;
        let ((observations, is_array), problems) = decode(body, &Config::default()).unwrap();
        assert!(is_array);
        assert_eq!(observations[0].time, Some(Timestamp::from_secs(1_700_000_000)));
        let names: Vec<&str> = observations[0].values.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(names, ["memory", "latency", "disk"]);
        assert_eq!(problems.count(Reason::UnknownField), 1);
    }

    /// Guarantees: MUST 4 of docs/specs/ingest.md: a refused body names every field at fault.
    #[test]
    fn every_field_at_fault_is_named() {
        for (body, expected) in [
            ("{}", &["body.timestamp missing", "body.service_name missing", "body.cpu_usage missing"][..]),
            (r#"{"timestamp":"10:00","service_name":"a","cpu_usage":"high"}"#, &["body.cpu_usage float_parsing"]),
            (r#"{"timestamp":"10:00","service_name":"a","cpu_usage":"NaN"}"#, &["body.cpu_usage finite_number"]),
            (r#"{"timestamp":"10:00","service_name":"a","cpu_usage":true}"#, &["body.cpu_usage float_type"]),
            (r#"{"timestamp":"10:00","service_name":"a","cpu_usage":NaN}"#, &["body.52 json_invalid"]),
            (r#"{"timestamp":"10:00","service_name":"a","cpu_usage":1e999}"#, &["body.56 json_invalid"]),
            (
                r#"{"timestamp":[],"service_name":"","cpu_usage":1}"#,
                &["body.timestamp string_type", "body.service_name string_too_short"],
            ),
            (
                r#"{"timestamp":"99999-01-01T00:00:00Z","service_name":"a","cpu_usage":1}"#,
                &["body.timestamp datetime_out_of_range"],
            ),
            (r#"{"timestamp":1e300,"service_name":"a","cpu_usage":1}"#, &["body.timestamp datetime_out_of_range"]),
            (
                r#"[{"timestamp":"x","service_name":"a","cpu_usage":1},{"service_name":5,"metrics":{"a":{}}}]"#,
                &["body.1.timestamp missing", "body.1.service_name string_type", "body.1.metrics.a float_type"],
            ),
            (
                r#"{"timestamp":"x","service_name":"a","cpu_usage":1,"metrics":{"cpu_usage":2}}"#,
                &["body.metrics.cpu_usage value_error"],
            ),
            (r#"{"timestamp":"x","service_name":"a","metrics":[1]}"#, &["body.metrics dict_type"]),
            ("5", &["body model_attributes_type"]),
        ] {
            assert_eq!(fields_at_fault(body), expected, "{body}");
        }
    }

    #[test]
    fn answers_have_the_shapes_of_the_seed() {
        let mut verdict = MonitorVerdict {
            is_critical: false,
            message: "Normal".to_owned(),
            z_score: 0.5,
            report: None,
            investigation: None,
            incident: None,
        };
        let healthy = answer(&verdict, "pay");
        assert_eq!(healthy, json!({"status": "Healthy", "message": "Normal", "z_score": 0.5}));
        verdict = MonitorVerdict { is_critical: true, z_score: 12.345, report: Some("Root".to_owned()), ..verdict };
        let critical = answer(&verdict, "pay");
        assert_eq!(critical["deviation"], "12.35 sigma");
        for key in ["incident_report", "investigation_report", "investigation"] {
            assert_eq!(critical[key], "Root", "{key}");
        }
        verdict.investigation = Some("Pool is full [T1]".to_owned());
        let investigated = answer(&verdict, "pay");
        let of = |key: &str| investigated[key].as_str().unwrap().to_owned();
        assert_eq!((of("investigation"), of("incident_report")), ("Pool is full [T1]".to_owned(), "Root".to_owned()));
    }
}
