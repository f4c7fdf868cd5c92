//! What does one message say? A number, a JSON object with numbers in it, or lines of the Influx protocol.

use std::collections::BTreeMap;

use serde_json::Value;

use signal::{Point, SeriesPoints, Timestamp};

use crate::influx::{self, Frame, Precision};
use crate::limits::{checked_labels, shortened};
use crate::when::{self, When};
use crate::{Config, Problems, Reason, names};

/// What is known of a message besides its payload.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Labels that its topic gives.
    pub labels: &'a [(&'a str, &'a str)],
    /// Further labels; those of the topic win.
    pub further: &'a BTreeMap<String, String>,
    /// The beginning of the name, if the topic has no `{__name__}`.
    pub name: &'a str,
    /// The key of a JSON object that holds the time; "" for none.
    pub time_key: &'a str,
    /// The time of what has none.
    pub arrival: Timestamp,
}

/// Series of a payload. What is not of any form is left out and named in `Problems`.
pub fn decode(payload: &[u8], message: Message<'_>, config: &Config) -> (Vec<SeriesPoints>, Problems) {
    let mut decoder = Decoder { message, config, batch: vec![], problems: Problems::default() };
    let text = String::from_utf8_lossy(payload);
    let text = text.trim();
    if let Some(value) = number(text) {
        decoder.add("", message.arrival, value);
    } else if text.starts_with('{') {
        decoder.object(text);
    } else {
        decoder.lines(payload);
    }
    (decoder.batch, decoder.problems)
}

struct Decoder<'a> {
    message: Message<'a>,
    config: &'a Config,
    batch: Vec<SeriesPoints>,
    problems: Problems,
}

impl Decoder<'_> {
    fn object(&mut self, text: &str) {
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return self.problems.add(Reason::Malformed, 1, || format!("JSON: {error}")),
        };
        let time = match value.get(self.message.time_key) {
            Some(Value::String(text)) => when::of_text(text),
            Some(Value::Number(number)) => when::of_number(number.as_f64().unwrap_or(f64::NAN)),
            _ => When::Arrival,
        };
        let time = match time {
            When::Arrival => self.message.arrival,
            When::At(time) if time.is_plausible() => time,
            When::At(_) => {
                return self.problems.add(Reason::Timestamp, 1, || {
                    format!("{:?} is not between 1970 and 2200", shortened(self.message.time_key, 60))
                });
            }
        };
        self.flatten("", &value, time);
    }

    /// Numbers and truths at any depth; the keys on the way are joined by `_`. The parser bounds the depth.
    fn flatten(&mut self, path: &str, value: &Value, time: Timestamp) {
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    if path.is_empty() && key == self.message.time_key {
                        continue;
                    }
                    let path = if path.is_empty() { key.clone() } else { format!("{path}_{key}") };
                    self.flatten(&path, value, time);
                }
            }
            Value::Number(number) => match number.as_f64().filter(|it| it.is_finite()) {
                Some(value) => self.add(path, time, value),
                None => self.problems.add(Reason::Malformed, 1, || format!("{path} is no finite number")),
            },
            Value::Bool(truth) => self.add(path, time, f64::from(u8::from(*truth))),
            Value::Null => {}
            Value::String(_) | Value::Array(_) => self.problems.add(Reason::Text, 1, String::new),
        }
    }

    fn lines(&mut self, payload: &[u8]) {
        let message = self.message;
        let frame = Frame { precision: Precision::Nanoseconds, database: "", arrival: message.arrival };
        let (batch, problems, _) = influx::decode(payload, frame, self.config);
        for reason in Reason::ALL {
            let detail = || problems.first_mistake().unwrap_or_default().to_owned();
            self.problems.add(reason, problems.count(reason), detail);
        }
        for SeriesPoints { labels, points } in batch {
            // Tags win over the topic, as what is nearer to the measurement.
            let own: Vec<(&str, &str)> = labels.iter().collect();
            let pairs = self.pairs().filter(|it| it.0 != "__name__" && labels.get(it.0).is_none()).chain(own);
            match checked_labels(&pairs.collect::<Vec<_>>(), self.config) {
                Ok(labels) => self.batch.push(SeriesPoints { labels, points }),
                Err((reason, detail)) => self.problems.add(reason, points.len() as u64, || detail),
            }
        }
    }

    fn add(&mut self, path: &str, time: Timestamp, value: f64) {
        if self.batch.len() >= self.config.max_monitor_items {
            let most = self.config.max_monitor_items;
            return self.problems.add(Reason::LabelCount, 1, || format!("more than {most} numbers in one message"));
        }
        let of_topic = self.message.labels.iter().find(|it| it.0 == "__name__").map(|it| it.1);
        let base = of_topic.unwrap_or(self.message.name);
        let joined = match (base, path) {
            ("", path) => path.to_owned(),
            (base, "") => base.to_owned(),
            (base, path) => format!("{base}_{path}"),
        };
        let name = names::metric(&joined);
        if name.is_empty() {
            let detail = || "a number needs a name: give the topic a part `{__name__}` or set `name`".to_owned();
            return self.problems.add(Reason::Unnamed, 1, detail);
        }
        let pairs: Vec<(&str, &str)> =
            self.pairs().filter(|it| it.0 != "__name__").chain([("__name__", name.as_str())]).collect();
        match checked_labels(&pairs, self.config) {
            Ok(labels) => self.batch.push(SeriesPoints { labels, points: vec![Point { time, value }] }),
            Err((reason, detail)) => self.problems.add(reason, 1, || detail),
        }
    }

    /// Labels of the topic, and further ones that it does not name.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_topic = self.message.labels;
        let further = self.message.further.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        of_topic.iter().copied().chain(further.filter(|it| !of_topic.iter().any(|own| own.0 == it.0)))
    }
}

/// A number, or a word for on and off.
fn number(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "online" => Some(1.0),
        "off" | "false" | "offline" => Some(0.0),
        _ => text.parse::<f64>().ok().filter(|it| it.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(labels: &[(&str, &str)], payload: &str, expected: Expect) {
        let further = BTreeMap::from([("site".to_owned(), "x".to_owned()), ("host".to_owned(), "y".to_owned())]);
        let arrival = Timestamp::from_millis(5);
        let message = Message { labels, further: &further, name: "", time_key: "ts", arrival };
        let (batch, problems) = decode(payload.as_bytes(), message, &Config::default());
        let mut found = String::new();
        for it in batch {
            found.push_str(&format!("{} {}@{}\n", it.labels, it.points[0].value, it.points[0].time.millis()));
        }
        for reason in Reason::ALL.iter().filter(|it| problems.count(**it) > 0) {
            found.push_str(&format!("{} {}\n", problems.count(*reason), reason.as_str()));
        }
        found.push_str(problems.first_mistake().unwrap_or(""));
        expected.assert_eq(&found);
    }

    /// Guarantees: MUST 141 and 142 of docs/specs/ingest.md.
    #[test]
    fn numbers_objects_and_lines() {
        let topic = [("host", "a"), ("__name__", "temp")];
        check(
            &topic,
            " 21.5\n",
            expect![[r#"
            temp{host="a",site="x"} 21.5@5
        "#]],
        );
        check(
            &[("host", "a")],
            r#"{"ts":1700000000,"temp":{"in side":21,"out":-3.5},"ok":true,"name":"t","none":null,"list":[1]}"#,
            expect![[r#"
            ok{host="a",site="x"} 1@1700000000000
            temp_in_side{host="a",site="x"} 21@1700000000000
            temp_out{host="a",site="x"} -3.5@1700000000000
            2 text
        "#]],
        );
        check(
            &topic,
            "cpu,host=b,core=0 idle=90,note=\"x\" 1700000000000000000\nmem free=1i",
            expect![[r#"
            cpu_idle{core="0",host="b",site="x"} 90@1700000000000
            mem_free{host="a",site="x"} 1@5
            1 text
        "#]],
        );
        check(
            &topic,
            "ON",
            expect![[r#"
            temp{host="a",site="x"} 1@5
        "#]],
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        check(&[], "5", expect!["1 unnamed\na number needs a name: give the topic a part `{__name__}` or set `name`"]);
        check(
            &[("__name__", "t")],
            "{\"a\":",
            expect![[r#"
            1 malformed
            JSON: EOF while parsing a value at line 1 column 5"#]],
        );
        check(
            &[("__name__", "t")],
            "hello",
            expect![[r#"
            1 malformed
            line 1: unable to parse 'hello': missing fields"#]],
        );
        check(
            &[("__name__", "t")],
            "NaN",
            expect![[r#"
            1 malformed
            line 1: unable to parse 'NaN': missing fields"#]],
        );
        check(
            &[("__name__", "t")],
            r#"{"ts":"99999-01-01T00:00:00Z","a":1}"#,
            expect![[r#"
            1 timestamp
            "ts" is not between 1970 and 2200"#]],
        );
        check(
            &[("__name__", "t"), ("", "x")],
            "1",
            expect![[r#"
            1 label_name
            label name "" must have 1 to 128 bytes"#]],
        );
    }
}
