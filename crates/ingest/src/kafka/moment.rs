//! When did an event happen? Its own time, in the zone it names or else in the one that is configured.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use signal::Timestamp;

use crate::when::{self, When};

/// The instant that a field names: RFC 3339, a date and time without zone (`2026-01-31 12:00:00`, `,` or `.` before the
/// fraction), or Unix seconds to nanoseconds. None if it names none; it may be implausible.
///
/// A time that a change of clocks makes ambiguous is the earlier one; one that it leaves out is moved forward.
pub(super) fn of_value(value: &Value, zone: &TimeZone) -> Option<Timestamp> {
    match value {
        Value::String(text) => of_text(text.trim(), zone),
        Value::Number(number) => of_number(number.as_f64()?),
        _ => None,
    }
}

fn of_text(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(number) = text.parse::<f64>() {
        return of_number(number);
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_millis(instant.as_millisecond()));
    }
    let local = text.parse::<DateTime>().ok()?;
    let instant = zone.to_ambiguous_timestamp(local).compatible().ok()?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}

fn of_number(number: f64) -> Option<Timestamp> {
    match when::of_number(number) {
        When::At(time) => Some(time),
        When::Arrival => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_of_the_formats_that_programs_write() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = |value: Value| of_value(&value, &berlin).map(|it| it.to_string());
        for (value, expected) in [
            (json!("2026-01-31 12:00:00"), "2026-01-31T11:00:00.000Z"),
            (json!("2026-07-31 12:00:00"), "2026-07-31T10:00:00.000Z"),
            (json!("2026-07-31T12:00:00.25"), "2026-07-31T10:00:00.250Z"),
            (json!("2026-07-31 12:00:00,125"), "2026-07-31T10:00:00.125Z"),
            (json!("2026-07-31T12:00:00Z"), "2026-07-31T12:00:00.000Z"),
            (json!("2026-07-31 12:00:00Z"), "2026-07-31T12:00:00.000Z"),
            (json!("2026-07-31T12:00:00.123456789-07:00"), "2026-07-31T19:00:00.123Z"),
            (json!("2026-07-31T12:00:00+0530"), "2026-07-31T06:30:00.000Z"),
            (json!(1_700_000_000), "2023-11-14T22:13:20.000Z"),
            (json!(1_700_000_000.5), "2023-11-14T22:13:20.500Z"),
            (json!("1700000000000000000"), "2023-11-14T22:13:20.000Z"),
            // Clocks go back: the first 02:30 counts. Clocks go forward: there is no 02:30.
            (json!("2026-10-25 02:30:00"), "2026-10-25T00:30:00.000Z"),
            (json!("2026-03-29 02:30:00"), "2026-03-29T01:30:00.000Z"),
        ] {
            assert_eq!(at(value.clone()).as_deref(), Some(expected), "{value}");
        }
        for value in [json!("noon"), json!(""), json!(null), json!({"a": 1}), json!("2026-13-01 00:00:00")] {
            assert_eq!(at(value.clone()), None, "{value}");
        }
        assert!(!of_value(&json!(1e300), &berlin).unwrap().is_plausible());
    }
}
