//! How are numbers told? In units that people read.

use super::Answer;
use crate::rules::numbers as written;
use crate::rules::template::time;
use crate::rules::template::value::Value;

pub fn humanize(value: &Value) -> Answer {
    Ok(Value::text(written::humanize(value.number()?)))
}

pub fn humanize_1024(value: &Value) -> Answer {
    Ok(Value::text(written::humanize_1024(value.number()?)))
}

pub fn humanize_duration(value: &Value) -> Answer {
    Ok(Value::text(written::humanize_duration(value.number()?)))
}

pub fn percentage(value: &Value) -> Answer {
    Ok(Value::text(written::percentage(value.number()?)))
}

pub fn timestamp(value: &Value) -> Answer {
    let secs = value.number()?;
    if !secs.is_finite() {
        return Ok(Value::text(written::g(secs, 4)));
    }
    Ok(Value::text(time::from_secs(secs)?.shown()))
}

pub fn to_time(value: &Value) -> Answer {
    let secs = value.number()?;
    if !secs.is_finite() {
        return Err("value is NaN or Inf".to_owned());
    }
    time::from_secs(secs)
}

const UNITS: [(&str, f64); 7] =
    [("y", 31_536_000.0), ("w", 604_800.0), ("d", 86_400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)];

/// Seconds of a duration such as `1h30m`, the larger units first.
pub fn parse_duration(value: &Value) -> Answer {
    let text = value.as_text()?;
    let wrong = || format!("{text:?} is not a duration such as 1h30m");
    if text == "0" {
        return Ok(Value::Float(0.0));
    }
    let (mut rest, mut secs, mut units) = (text, 0.0, UNITS.iter());
    while !rest.is_empty() {
        let n_digits = rest.len() - rest.trim_start_matches(|it: char| it.is_ascii_digit()).len();
        let (digits, behind) = rest.split_at_checked(n_digits).ok_or_else(wrong)?;
        let n_letters = behind.len() - behind.trim_start_matches(|it: char| it.is_ascii_alphabetic()).len();
        let (name, behind) = behind.split_at_checked(n_letters).ok_or_else(wrong)?;
        let number: f64 = digits.parse().map_err(|_| wrong())?;
        let (_, size) = units.find(|it| it.0 == name).ok_or_else(wrong)?;
        secs += number * size;
        rest = behind;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Value::Float(secs)) }
}
