//! When is the next time of `0 */6 * * *`? Five fields in UTC: minute, hour, day of month, month, day of week.
//!
//! As in Vixie cron (<https://man7.org/linux/man-pages/man5/crontab.5.html>): lists, ranges, steps, names of months and
//! days, 0 and 7 for Sunday, `@hourly` and the like; if both days are restricted, one of them is enough.

use jiff::ToSpan as _;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use signal::Timestamp;

/// Each field with its least and its greatest value.
const FIELDS: [(&str, u8, u8); 5] =
    [("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7)];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];
/// Days that are looked at: February 29 comes once in eight years at worst.
const MOST_DAYS: i64 = 366 * 9;

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    /// One bit per allowed value, by field.
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both days are restricted: one that fits is enough.
    is_either_day: bool,
}

impl Cron {
    /// Reads five fields; the error says which field is wrong and what it may hold.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().to_ascii_lowercase();
        let text = NICKNAMES.iter().find(|it| it.0 == text).map_or(text.as_str(), |it| it.1);
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts.as_slice() else {
            return Err(format!(
                "needs five fields (minute hour day-of-month month day-of-week), such as \"0 */6 * * *\", not {}",
                parts.len()
            ));
        };
        let weekdays = field(weekday, 4, &DAYS)?;
        let cron = Self {
            text: text.to_owned(),
            minutes: field(minute, 0, &[])?,
            hours: field(hour, 1, &[])?,
            days: field(day, 2, &[])?,
            months: field(month, 3, &MONTHS)?,
            // 7 is Sunday, too.
            weekdays: weekdays | weekdays >> 7,
            is_either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        match cron.next_after(Timestamp::MIN) {
            Some(_) => Ok(cron),
            None => Err("never comes: there is no such day in that month".to_owned()),
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first time later than `time`.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let start = jiff::Timestamp::from_millisecond(time.millis()).ok()?.to_zoned(TimeZone::UTC).datetime();
        let first = start.checked_add(1.minute()).ok()?.with().second(0).subsec_nanosecond(0).build().ok()?;
        let mut from = first;
        for _ in 0..MOST_DAYS {
            if let Some(found) = self.is_day(from).then(|| self.time_of_day(from)).flatten() {
                let zoned = found.to_zoned(TimeZone::UTC).ok()?;
                return Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()));
            }
            from = from.date().tomorrow().ok()?.to_datetime(jiff::civil::Time::midnight());
        }
        None
    }

    fn is_day(&self, at: DateTime) -> bool {
        let weekday = at.weekday().to_sunday_zero_offset();
        let (day, weekday) = (has(self.days, at.day()), has(self.weekdays, weekday));
        let is_day = if self.is_either_day { day || weekday } else { day && weekday };
        is_day && has(self.months, at.month())
    }

    /// The first allowed time on the day of `from`, not before it.
    fn time_of_day(&self, from: DateTime) -> Option<DateTime> {
        for hour in from.hour()..24 {
            let first_minute = if hour == from.hour() { from.minute() } else { 0 };
            let minute = has(self.hours, hour).then(|| (first_minute..60).find(|it| has(self.minutes, *it))).flatten();
            if let Some(minute) = minute {
                return from.with().hour(hour).minute(minute).build().ok();
            }
        }
        None
    }
}

fn has(bits: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|it| bits >> it & 1 == 1)
}

/// The bits of one field.
fn field(text: &str, idx: usize, names: &[&str]) -> Result<u64, String> {
    let (title, least, most) = FIELDS.get(idx).copied().unwrap_or(("", 0, 0));
    let wrong = || format!("{title}: {text:?} is not in {least}..{most}, a list, a range or a step such as */5");
    let value = |it: &str| -> Option<u8> {
        let first = if idx == 3 { 1 } else { 0 };
        let named = names.iter().position(|name| *name == it).and_then(|it| u8::try_from(it + first).ok());
        named.or_else(|| it.parse().ok()).filter(|it| (least..=most).contains(it))
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = part.split_once('/').map_or((part, "1"), |it| it);
        let step: u8 = step.parse().ok().filter(|it| *it > 0).ok_or_else(wrong)?;
        let has_step = part.contains('/');
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, if idx == 4 { 6 } else { most }),
            Some((from, to)) => (value(from).ok_or_else(wrong)?, value(to).ok_or_else(wrong)?),
            None => {
                let from = value(range).ok_or_else(wrong)?;
                (from, if has_step { most } else { from })
            }
        };
        if from > to {
            return Err(wrong());
        }
        (from..=to).step_by(usize::from(step)).for_each(|it| bits |= 1 << it);
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str) -> String {
        let next = Cron::parse(cron).unwrap().next_after(after.parse().unwrap()).unwrap();
        next.to_string().trim_end_matches(":00.000Z").to_owned()
    }

    /// Expected values: those of croniter 7.0.0 for the same arguments.
    #[test]
    fn next_times() {
        for (cron, after, expected) in [
            ("0 */6 * * *", "2026-01-31T17:59:59.999Z", "2026-01-31T18:00"),
            ("0 */6 * * *", "2026-01-31T18:00:00Z", "2026-02-01T00:00"),
            ("*/15 9-17 * * mon-fri", "2026-01-30T17:45:00Z", "2026-02-02T09:00"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00"),
            ("0 12 13 * 5", "2026-02-01T00:00:00Z", "2026-02-06T12:00"),
            ("30 4 1,15 * *", "2026-02-01T04:30:00Z", "2026-02-15T04:30"),
            ("5/20 * * * *", "2026-02-01T04:46:00Z", "2026-02-01T05:05"),
            ("0 0 * * 7", "2026-02-02T00:00:00Z", "2026-02-08T00:00"),
            ("@daily", "2026-12-31T00:00:01Z", "2027-01-01T00:00"),
            ("0 0 1 dec *", "2026-12-02T00:00:00Z", "2027-12-01T00:00"),
        ] {
            assert_eq!(next(cron, after), expected, "{cron} after {after}");
        }
    }

    #[test]
    fn wrong_fields_are_named() {
        for (cron, expected) in [
            ("0 */6 * *", "five fields"),
            ("", "five fields"),
            ("60 * * * *", "minute"),
            ("* 24 * * *", "hour"),
            ("* * 0 * *", "day of month"),
            ("* * * foo *", "month"),
            ("* * * * 8", "day of week"),
            ("*/0 * * * *", "minute"),
            ("9-5 * * * *", "minute"),
            ("0 0 31 2 *", "never comes"),
            ("1,,2 * * * *", "minute"),
        ] {
            let error = Cron::parse(cron).unwrap_err();
            assert!(error.contains(expected), "{cron}: {error}");
        }
    }
}
