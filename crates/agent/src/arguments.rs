//! What does a model want to know? Its arguments, read strictly: what is wrong is named, with what would do.

use std::time::Duration;

use serde_json::{Map, Value, json};
use signal::{TimeRange, Timestamp};

use crate::ToolError;

/// Longest text of an argument, in bytes.
const MOST_TEXT: usize = 2000;

/// Arguments of a call.
pub struct Arguments<'a> {
    object: &'a Map<String, Value>,
}

impl<'a> Arguments<'a> {
    /// Only an object with the given keys will do.
    pub fn read(value: &'a Value, known: &[&str]) -> Result<Self, ToolError> {
        let expected = || format!("the arguments must be a JSON object with {}", known.join(", "));
        let object = match value {
            Value::Object(it) => it,
            Value::String(text) if !text.is_empty() => {
                return Err(wrong(format!("the arguments are not JSON; {}", expected())));
            }
            _ => return Err(wrong(expected())),
        };
        match object.keys().find(|it| !known.contains(&it.as_str())) {
            Some(key) => Err(wrong(format!("{}: unknown argument; known are {}", short(key), known.join(", ")))),
            None => Ok(Self { object }),
        }
    }

    /// A text that must be there.
    pub fn text(&self, key: &str) -> Result<&'a str, ToolError> {
        self.optional_text(key)?.ok_or_else(|| wrong(format!("{key}: is missing")))
    }

    /// A text; none if it is left out, null or empty.
    pub fn optional_text(&self, key: &str) -> Result<Option<&'a str>, ToolError> {
        match self.object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() > MOST_TEXT => {
                Err(wrong(format!("{key}: is longer than {MOST_TEXT} bytes")))
            }
            Some(Value::String(text)) => Ok(Some(text.trim()).filter(|it| !it.is_empty())),
            Some(_) => Err(wrong(format!("{key}: must be a text"))),
        }
    }

    /// One of some words.
    pub fn one_of<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, ToolError> {
        let Some(text) = self.optional_text(key)? else { return Ok(None) };
        let names = || words.iter().map(|it| it.0).collect::<Vec<_>>().join(", ");
        let found = words.iter().find(|it| it.0.eq_ignore_ascii_case(text));
        found.map(|it| Some(it.1)).ok_or_else(|| wrong(format!("{key}: must be one of {}", names())))
    }

    /// A whole number within bounds.
    pub fn count(&self, key: &str, default: usize, most: usize) -> Result<usize, ToolError> {
        let Some(value) = self.object.get(key).filter(|it| !it.is_null()) else { return Ok(default) };
        let number =
            value.as_u64().or_else(|| value.as_f64().filter(|it| it.fract() == 0.0 && *it >= 0.0).map(|it| it as u64));
        let number = number.and_then(|it| usize::try_from(it).ok()).filter(|it| (1..=most).contains(it));
        number.ok_or_else(|| wrong(format!("{key}: must be a whole number from 1 to {most}")))
    }

    /// The range between `from` and `to`: instants of RFC 3339, or `-10m` back from `now`. Left out it is `default` up to
    /// now; never longer than `most`.
    pub fn range(&self, now: Timestamp, default: Duration, most: Duration) -> Result<TimeRange, ToolError> {
        let to = self.instant("to", now)?.unwrap_or(now);
        let from = self.instant("from", now)?.unwrap_or_else(|| to.minus(default));
        if to < from {
            return Err(wrong("to: must not be before from".to_owned()));
        }
        if to.since(from) > most {
            return Err(wrong(format!("from: the range must not be longer than {} s", most.as_secs())));
        }
        Ok(TimeRange::new(from, to))
    }

    fn instant(&self, key: &str, now: Timestamp) -> Result<Option<Timestamp>, ToolError> {
        let Some(text) = self.optional_text(key)? else { return Ok(None) };
        instant(text, now).map(Some).ok_or_else(|| {
            wrong(format!("{key}: {} is neither an instant such as {now} nor a time back such as -10m", short(text)))
        })
    }
}

fn instant(text: &str, now: Timestamp) -> Option<Timestamp> {
    if text == "now" {
        return Some(now);
    }
    if let Some(back) = text.strip_prefix('-') {
        let (number, unit) = back.split_at_checked(back.len().checked_sub(1)?)?;
        let secs = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        let number: u64 = number.parse().ok().filter(|it| *it <= 1_000_000)?;
        return Some(now.minus(Duration::from_secs(number * secs)));
    }
    text.parse::<Timestamp>().ok().filter(|it| it.is_plausible())
}

/// An error about arguments.
pub fn wrong(text: String) -> ToolError {
    ToolError::Arguments(text)
}

fn short(text: &str) -> String {
    crate::frame::quoted(text, 40)
}

/// A schema of an object from rows of name, type, whether it is needed, and description.
pub fn schema(rows: &[(&str, &str, bool, &str)]) -> Value {
    let property = |row: &(&str, &str, bool, &str)| (row.0.to_owned(), json!({ "type": row.1, "description": row.3 }));
    let properties: Map<String, Value> = rows.iter().map(property).collect();
    let required: Vec<&str> = rows.iter().filter(|it| it.2).map(|it| it.0).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

/// The rows of a range, for schemas.
pub const RANGE: [(&str, &str, bool, &str); 2] = [
    ("from", "string", false, "First instant (RFC 3339, UTC), or a time back from now such as -10m."),
    ("to", "string", false, "Last instant; now if it is left out."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_secs(1_000_000)
    }

    #[test]
    fn wrong_arguments_are_named() {
        let known = ["service", "limit", "from", "to"];
        let check = |value: Value| {
            let outcome = Arguments::read(&value, &known).and_then(|it| {
                it.text("service")?;
                it.count("limit", 5, 50)?;
                it.range(now(), Duration::from_secs(60), Duration::from_secs(3600)).map(|_| ())
            });
            outcome.err().map(|it| it.to_string()).unwrap_or_default()
        };
        assert_eq!(check(json!({"service": "pay", "limit": 3.0, "from": "-10m"})), "");
        assert!(check(json!("{oops")).contains("not JSON"));
        assert!(check(json!(null)).contains("must be a JSON object"));
        assert!(check(json!({"servce": "pay"})).contains("unknown argument; known are service"));
        assert_eq!(check(json!({})), "service: is missing");
        assert_eq!(check(json!({"service": 1})), "service: must be a text");
        for limit in [json!(0), json!(51), json!(-1), json!(1.5), json!("x"), json!(1e30)] {
            assert_eq!(check(json!({"service": "pay", "limit": limit})), "limit: must be a whole number from 1 to 50");
        }
        assert!(check(json!({"service": "pay", "from": "yesterday"})).contains("neither an instant"));
        assert!(check(json!({"service": "pay", "from": "-2h"})).contains("longer than 3600 s"));
        assert!(check(json!({"service": "pay", "from": "-1m", "to": "-5m"})).contains("before from"));
        assert!(check(json!({"service": "pay", "from": "-\u{e9}"})).contains("neither an instant"));
    }
}
