//! `POST /sentinel/v1/changes`: deploys and other changes, one object or an array of them.

use serde_json::Value;

use signal::{Change, Timestamp};

use crate::error::{Fields, PathPart};
use crate::{Config, Error};

/// Changes of a body; a change without `time` happens at `now`.
pub fn decode(body: &[u8], now: Timestamp, config: &Config) -> Result<Vec<Change>, Error> {
    let value: Value = serde_json::from_slice(body).map_err(|error| Error::malformed("the body", error))?;
    let (items, is_array) = match value {
        Value::Array(items) => (items, true),
        one => (vec![one], false),
    };
    let mut changes = vec![];
    let mut errors = Fields::default();
    for (idx, item) in items.into_iter().enumerate() {
        match change(item, now, config) {
            Ok(it) => changes.push(it),
            Err(message) => {
                let place = || if is_array { format!("[{idx}]: ") } else { String::new() };
                let told = || (vec![PathPart::Position(idx)], format!("{}{message}", place()));
                errors.push(told, "value_error");
            }
        }
    }
    if errors.len() == 0 { Ok(changes) } else { Err(errors.error()) }
}

fn change(mut value: Value, now: Timestamp, config: &Config) -> Result<Change, String> {
    if let Value::Object(object) = &mut value {
        object.entry("time").or_insert_with(|| Value::String(now.to_string()));
    }
    let change: Change = serde_path_to_error::deserialize(value).map_err(|error| error.to_string())?;
    if !change.time.is_plausible() {
        return Err("time: must lie between 1970-01-01 and 2200-01-01".to_owned());
    }
    if change.service.is_empty() || change.service.len() > config.max_label_value_bytes {
        return Err(format!("service: must have 1 to {} bytes", config.max_label_value_bytes));
    }
    let longest = change.title.len().max(change.version.as_ref().map_or(0, String::len));
    if longest > config.max_line_bytes {
        return Err(format!("title and version: at most {} bytes", config.max_line_bytes));
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use signal::ChangeKind;

    use super::*;

    fn decoded(body: &str) -> Result<Vec<Change>, Error> {
        decode(body.as_bytes(), Timestamp::from_secs(5), &Config::default())
    }

    #[test]
    fn one_or_many_with_or_without_time() {
        let one = decoded(r#"{"service":"pay","kind":"deploy","title":"v2","version":"2"}"#).unwrap();
        assert_eq!((one[0].time, one[0].kind), (Timestamp::from_secs(5), ChangeKind::Deploy));
        let body = r#"[{"service":"a","kind":"flag","title":"x","time":"2023-11-14T22:13:20Z"}]"#;
        assert_eq!(decoded(body).unwrap()[0].time, Timestamp::from_secs(1_700_000_000));
    }

    #[test]
    fn mistakes_are_named() {
        for (body, expected) in [
            (r#"{"kind":"deploy","title":"v2"}"#, "missing field `service`"),
            (
                r#"[{"service":"a","kind":"flag","title":"x"},{"service":"a","kind":"party","title":"x"}]"#,
                "[1]: kind: unknown variant",
            ),
            (r#"{"service":"a","kind":"flag","title":"x","time":"1960-01-01T00:00:00Z"}"#, "time: must lie"),
            (r#"{"service":"","kind":"flag","title":"x"}"#, "service: must have"),
            (r#"{"service":"a","kind":"flag","title":"x","typo":1}"#, "unknown field `typo`"),
            ("[", "the body: EOF"),
        ] {
            let error = decoded(body).unwrap_err().to_string();
            assert!(error.contains(expected), "{body}: {error}");
        }
    }
}
