//! When is it? Instants as people write them, to milliseconds since 1970 in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Numbers below these are seconds, milliseconds, microseconds since 1970; larger ones nanoseconds. Each limit is the
/// year 5138 in its unit and 1973 in the next, so that no measurement of our time is on the wrong side.
const SECONDS_BELOW: f64 = 1e11;
const MILLIS_BELOW: f64 = 1e14;
const MICROS_BELOW: f64 = 1e17;

/// ISO 8601 with or without an offset, with a blank or `T`, with `-` or `/`, or a date alone. Without an offset it is UTC.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let dashed;
    let text = if text.contains('/') {
        dashed = text.replace('/', "-");
        dashed.as_str()
    } else {
        text
    };
    if let Ok(it) = text.parse::<Timestamp>() {
        return Some(it.as_millisecond());
    }
    let civil: DateTime = text.parse().ok()?;
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_millisecond())
}

/// An instant as people write it, or a number since 1970.
pub fn of_text(text: &str) -> Option<i64> {
    match text.trim().parse::<f64>() {
        Ok(number) => number.is_finite().then(|| (number * millis_per_unit(&[number])) as i64),
        Err(_) => parse(text),
    }
}

/// How many milliseconds one unit of a column of numbers is, judged by its largest number.
pub fn millis_per_unit(numbers: &[f64]) -> f64 {
    let largest =
        numbers.iter().copied().filter(|it| it.is_finite()).fold(0.0, |largest: f64, it| largest.max(it.abs()));
    match largest {
        it if it < SECONDS_BELOW => 1e3,
        it if it < MILLIS_BELOW => 1.0,
        it if it < MICROS_BELOW => 1e-3,
        _ => 1e-6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_people_write_them() {
        let half_past = Some(1_398_904_200_000);
        for text in [
            "2014-05-01 00:30:00",
            "2014-05-01T00:30:00",
            "2014-05-01T00:30:00Z",
            "2014-05-01 00:30:00.000000",
            "2014-05-01 00:30",
            "2014/05/01 00:30:00",
            " 2014-05-01T02:30:00+02:00 ",
            "2014-04-30T19:30:00-0500",
        ] {
            assert_eq!(parse(text), half_past, "{text}");
        }
        assert_eq!(parse("2014-05-01"), Some(1_398_902_400_000));
        for text in ["", "noon", "20.5", "2014-13-01", "01/05/2014"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_unit_of_numbers_is_told_by_their_size() {
        for (number, millis) in [(1.4e9, 1e3), (1.4e12, 1.0), (1.4e15, 1e-3), (1.4e18, 1e-6), (5.0, 1e3)] {
            assert_eq!(millis_per_unit(&[number, f64::NAN]), millis, "{number}");
        }
    }
}
