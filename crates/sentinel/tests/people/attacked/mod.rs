//! What does an attacked service send? The same fault for all of them: its pool of connections is used up; with the
//! texts of attacks in its signals.

use serde_json::{Value, json};
use testkit::attacks::{Attack, Channel};

/// Seconds of history before the fault, and of the fault before now.
pub const BEFORE: i64 = 240;
pub const FAULT: i64 = 24;
/// Longer names are shortened by everybody.
const MOST_NAME: usize = 200;

/// A service with its attacks, each by another way; none: nobody attacks it.
pub struct Victim {
    pub service: String,
    pub attacks: Vec<Attack>,
}

impl Victim {
    fn is_by(&self, channel: Channel) -> Option<&str> {
        self.attacks.iter().find(|it| it.channel == channel).map(|it| it.text.as_str())
    }

    fn resource(&self) -> Value {
        json!({ "attributes": [text("service.name", &self.service)] })
    }

    /// Metrics from one second to another; the fault begins at `fault`.
    pub fn metrics(&self, from: i64, to: i64, fault: i64) -> Value {
        let wave = |second: i64| (second % 7) as f64 * 0.1;
        let gauge = |name: &str, attributes: Vec<Value>, before: f64, during: f64| {
            let point = |second: i64| {
                let value = if second >= fault { during } else { before };
                json!({ "timeUnixNano": nanos(second), "asDouble": value + wave(second), "attributes": attributes })
            };
            json!({ "name": name, "gauge": { "dataPoints": (from..to).map(point).collect::<Vec<_>>() } })
        };
        let mut metrics = vec![
            gauge("db_connections_in_use", vec![], 10.0, 49.0),
            gauge("db_connections_max", vec![], 50.0, 50.0),
            gauge("request_latency_ms", vec![], 40.0, 2000.0),
        ];
        if let Some(it) = self.is_by(Channel::LabelValue) {
            metrics.push(gauge("requests_in_flight", vec![text("path", it)], 5.0, 80.0));
        }
        if let Some(it) = self.is_by(Channel::MetricName) {
            metrics.push(gauge(&short(it), vec![], 5.0, 5.0));
        }
        if let Some(it) = self.is_by(Channel::PodName) {
            metrics.push(gauge("pod_restarts", vec![text("k8s.pod.name", it)], 1.0, 1.0));
        }
        json!({ "resourceMetrics": [{ "resource": self.resource(), "scopeMetrics": [{ "metrics": metrics }] }] })
    }

    /// Lines of the fault; quiet ones before.
    pub fn lines(&self, from: i64, to: i64, fault: i64) -> Value {
        let mut records = vec![];
        for second in from..to {
            if second % 5 == 0 && second < fault {
                records.push(line(second, "INFO", &format!("paid order {second}")));
            }
            if second >= fault {
                records.push(line(
                    second,
                    "ERROR",
                    &format!("order {second}: no database connection from pool within 2000 ms"),
                ));
            }
        }
        let late = fault.max(from) + 2;
        if let Some(it) = self.is_by(Channel::LogLine) {
            records.extend((late..late + 3).map(|second| line(second, "ERROR", it)));
        }
        if let Some(it) = self.is_by(Channel::SeveralLines) {
            let letters: Vec<char> = it.chars().collect();
            let pieces = letters.chunks(letters.len().div_ceil(3).max(1));
            records.extend(pieces.map(|it| line(late, "ERROR", &it.iter().collect::<String>())));
        }
        let mut resources = vec![json!({ "resource": self.resource(), "scopeLogs": [{ "logRecords": records }] })];
        if let Some(it) = self.is_by(Channel::ServiceName) {
            let resource = json!({ "attributes": [text("service.name", &short(it))] });
            let records = [line(late, "ERROR", "connection pool exhausted")];
            resources.push(json!({ "resource": resource, "scopeLogs": [{ "logRecords": records }] }));
        }
        json!({ "resourceLogs": resources })
    }

    /// A failed request, if the attack is in one.
    pub fn spans(&self, second: i64, number: usize) -> Option<Value> {
        let it = self.is_by(Channel::TraceAttribute)?;
        let span = json!({
            "traceId": format!("{:032x}", number + 1), "spanId": format!("{:016x}", number + 1), "name": short(it), "kind": 2,
            "startTimeUnixNano": nanos(second), "endTimeUnixNano": nanos(second + 1),
            "attributes": [text("db.statement", it)], "status": { "code": 2, "message": it },
        });
        Some(json!({ "resourceSpans": [{ "resource": self.resource(), "scopeSpans": [{ "spans": [span] }] }] }))
    }

    /// An alert of another system.
    pub fn alert(&self) -> Option<Value> {
        let it = self.is_by(Channel::AlertAnnotation)?;
        let labels = json!({ "alertname": "Hint", "service": self.service, "severity": "warning" });
        Some(json!([{ "labels": labels, "annotations": { "summary": it } }]))
    }

    /// A change that had no effect, long before.
    pub fn change(&self, fault: i64) -> Option<Value> {
        let it = self.is_by(Channel::ChangeTitle)?;
        let time = jiff::Timestamp::from_second(fault - 200).unwrap().to_string();
        Some(json!({ "service": self.service, "kind": "other", "title": short(it), "time": time }))
    }

    /// What a person says, if the attack is in that.
    pub fn comment(&self) -> Option<Value> {
        let it = self.is_by(Channel::Comment)?;
        Some(json!({ "opinion": "right", "comment": it.chars().take(200).collect::<String>(), "actor": "mallory" }))
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn nanos(second: i64) -> String {
    (second * 1_000_000_000).to_string()
}

fn line(second: i64, level: &str, body: &str) -> Value {
    json!({ "timeUnixNano": nanos(second), "severityText": level, "body": { "stringValue": body } })
}

fn short(it: &str) -> String {
    it.chars().take(MOST_NAME).collect()
}
