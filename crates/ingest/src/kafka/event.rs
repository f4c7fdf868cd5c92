//! What does a JSON event say? Its time, level, service and message by the configured names; the rest beside the line.

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use signal::{Labels, LogRecord, Timestamp};

use super::config::KafkaFields;
use super::decode::{KafkaMessage, PLACE};
use super::moment;
use super::poison::{Poison, PoisonReason};
use crate::limits::{checked_labels, cut_line, line_metadata};
use crate::{Config, Problems};

/// Reads events by the names of the configuration.
pub(super) struct EventReader<'c> {
    pub(super) fields: &'c KafkaFields,
    /// Labels of every line.
    pub(super) labels: &'c [(String, String)],
    pub(super) zone: &'c TimeZone,
    pub(super) limits: &'c Config,
}

impl EventReader<'_> {
    /// One event as a line; `whole` is its JSON text, which is the line where no field holds a message.
    pub(super) fn read(
        &self,
        message: &KafkaMessage<'_>,
        event: &Map<String, Value>,
        whole: impl FnOnce() -> String,
        problems: &mut Problems,
    ) -> Result<LogRecord, Poison> {
        let mut used = vec![];
        let time = self.time(message, event, &mut used, problems)?;
        let line = take(event, &self.fields.message, &mut used).map_or_else(whole, text_of);
        let labels = self.stream(message, event, &mut used)?;
        let metadata = self.metadata(message, event, &used, problems);
        Ok(LogRecord { time, labels, line: cut_line(line, self.limits, problems), metadata })
    }

    /// The event's own time; that of the message if it has none.
    fn time<'e>(
        &self,
        message: &KafkaMessage<'_>,
        event: &'e Map<String, Value>,
        used: &mut Vec<&'e Value>,
        problems: &mut Problems,
    ) -> Result<Timestamp, Poison> {
        let Some(value) = take(event, &self.fields.time, used) else { return Ok(message.time) };
        let Some(time) = moment::of_value(value, self.zone) else {
            problems.times_replaced += 1;
            // The text stays beside the line, for who looks for it.
            used.pop();
            return Ok(message.time);
        };
        if !time.is_plausible() {
            let detail = format!("timestamp: {value} is not between 1970 and 2200");
            return Err(Poison::new(PoisonReason::Timestamp, detail));
        }
        Ok(time)
    }

    fn stream<'e>(
        &self,
        message: &KafkaMessage<'_>,
        event: &'e Map<String, Value>,
        used: &mut Vec<&'e Value>,
    ) -> Result<Labels, Poison> {
        let mut pairs = vec![("job".to_owned(), message.topic.to_owned())];
        let fields = self.fields;
        let named = [
            ("level", &fields.level, &fields.default_level),
            ("service", &fields.service, &fields.default_service),
            ("instance", &fields.instance, &None),
        ];
        for (name, candidates, default) in named {
            let value = take(event, candidates, used).map(text_of).or_else(|| default.clone());
            pairs.extend(value.map(|it| (name.to_owned(), it)));
        }
        for name in &fields.labels {
            let Some(value) = find(event, name) else { continue };
            used.push(value);
            match value {
                Value::Object(entries) => {
                    pairs.extend(entries.iter().map(|(name, value)| (name.clone(), text_of(value))));
                }
                value => pairs.push((name.clone(), text_of(value))),
            }
        }
        if let Some(component) = fields.default_component.as_ref().filter(|_| find(event, "component").is_none()) {
            pairs.push(("component".to_owned(), component.clone()));
        }
        labels(pairs, self.labels, self.limits)
    }

    /// What no field of the configuration names, and where the event stood in Kafka.
    fn metadata(
        &self,
        message: &KafkaMessage<'_>,
        event: &Map<String, Value>,
        used: &[&Value],
        problems: &mut Problems,
    ) -> Labels {
        let mut pairs = vec![(PLACE.to_owned(), message.place())];
        flatten("", event, used, &mut pairs);
        line_metadata(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())), self.limits, problems)
    }
}

/// Labels within the limits. Those of the configuration win over those of the event, and what the event says twice
/// (for example `env` and `tags.env`) counts as it said it first.
pub(super) fn labels(
    own: Vec<(String, String)>,
    configured: &[(String, String)],
    limits: &Config,
) -> Result<Labels, Poison> {
    let mut pairs: Vec<(&str, &str)> = configured.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (name, value) in &own {
        if !value.is_empty() && pairs.iter().all(|it| it.0 != name) {
            pairs.push((name, value));
        }
    }
    checked_labels(&pairs, limits).map_err(|(_, detail)| Poison::new(PoisonReason::Labels, detail))
}

/// The first candidate that is there and not null.
fn take<'e>(event: &'e Map<String, Value>, candidates: &[String], used: &mut Vec<&'e Value>) -> Option<&'e Value> {
    let found = candidates.iter().find_map(|it| find(event, it))?;
    used.push(found);
    Some(found)
}

/// A field by its name as it stands, else by the path that its dots show.
fn find<'e>(event: &'e Map<String, Value>, name: &str) -> Option<&'e Value> {
    let found = match event.get(name) {
        Some(it) => Some(it),
        None => {
            let (first, rest) = name.split_once('.')?;
            find(event.get(first)?.as_object()?, rest)
        }
    };
    found.filter(|it| !it.is_null())
}

/// All values that are not used yet, under the path that leads to them. Depth is bounded by the JSON reader.
fn flatten(prefix: &str, event: &Map<String, Value>, used: &[&Value], pairs: &mut Vec<(String, String)>) {
    for (name, value) in event {
        if value.is_null() || used.iter().any(|it| std::ptr::eq(*it, value)) {
            continue;
        }
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(inner) => flatten(&path, inner, used, pairs),
            value => pairs.push((path, text_of(value))),
        }
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
