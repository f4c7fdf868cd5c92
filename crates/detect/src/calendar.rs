//! Is it a time of planned work? Weekly windows in a time zone, and single windows, for all or for some series.

use std::collections::BTreeMap;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use signal::{Labels, Timestamp};

/// A time in which matching series are scored but neither learned nor reported. Either weekly (`days`, `from`, `to` as
/// `HH:MM`, `time_zone`) or once (`starts_at`, `ends_at`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Maintenance {
    /// Label values, `*` stands for anything; all must match. Default: every series.
    pub labels: BTreeMap<String, String>,
    /// Days on which a weekly window begins, `monday` to `sunday`. Default: none.
    pub days: Vec<Day>,
    /// Local time when a weekly window begins, `HH:MM`. Default: none.
    pub from: Option<String>,
    /// Local time when it ends, `HH:MM`; not later than `from` means on the next day. Default: none.
    pub to: Option<String>,
    /// IANA time zone of `from` and `to`. Default: `UTC`.
    pub time_zone: Option<String>,
    /// Begin of a single window, RFC 3339. Default: none.
    pub starts_at: Option<Timestamp>,
    /// End of a single window, RFC 3339. Default: none.
    pub ends_at: Option<Timestamp>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Monday => Weekday::Monday,
            Self::Tuesday => Weekday::Tuesday,
            Self::Wednesday => Weekday::Wednesday,
            Self::Thursday => Weekday::Thursday,
            Self::Friday => Weekday::Friday,
            Self::Saturday => Weekday::Saturday,
            Self::Sunday => Weekday::Sunday,
        }
    }
}

impl Maintenance {
    /// All problems, each naming its key.
    pub(crate) fn validate(&self) -> Vec<String> {
        let mut problems = vec![];
        let is_weekly = !self.days.is_empty() || self.from.is_some() || self.to.is_some();
        if is_weekly {
            if self.days.is_empty() {
                problems.push("days: a weekly window needs at least one day".to_owned());
            }
            for (key, text) in [("from", &self.from), ("to", &self.to)] {
                if text.as_deref().and_then(time_of).is_none() {
                    problems.push(format!("{key}: a weekly window needs a local time such as 02:30"));
                }
            }
        }
        if let Err(error) = zone(self.time_zone.as_deref()) {
            problems.push(format!("time_zone: {error}"));
        }
        match (self.starts_at, self.ends_at) {
            (None, None) if !is_weekly => problems.push("days: give days, from, to, or starts_at, ends_at".to_owned()),
            (Some(start), Some(end)) if start < end => {}
            (None, None) => {}
            _ => problems.push("ends_at: a single window needs starts_at and a later ends_at".to_owned()),
        }
        problems
    }
}

fn time_of(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn zone(name: Option<&str>) -> Result<TimeZone, jiff::Error> {
    match name.unwrap_or("UTC") {
        "UTC" => Ok(TimeZone::UTC),
        name => TimeZone::get(name),
    }
}

/// The windows of the configuration, ready to be asked for every point.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    entries: Vec<Entry>,
    /// The minute (since the epoch) for which `is_active` of the entries holds.
    minute: Option<i64>,
}

#[derive(Debug)]
struct Entry {
    labels: BTreeMap<String, String>,
    weekly: Option<Weekly>,
    once: Option<(Timestamp, Timestamp)>,
    is_active: bool,
}

#[derive(Debug)]
struct Weekly {
    days: Vec<Weekday>,
    from: Time,
    to: Time,
    zone: TimeZone,
}

impl Calendar {
    /// From the configuration. Windows that `validate` refuses are never active.
    pub fn new(windows: &[Maintenance]) -> Self {
        let entries = windows.iter().map(|it| {
            let weekly = || {
                Some(Weekly {
                    days: it.days.iter().map(|it| it.weekday()).collect(),
                    from: time_of(it.from.as_deref()?)?,
                    to: time_of(it.to.as_deref()?)?,
                    zone: zone(it.time_zone.as_deref()).ok()?,
                })
            };
            Entry { labels: it.labels.clone(), weekly: weekly(), once: it.starts_at.zip(it.ends_at), is_active: false }
        });
        Self { entries: entries.collect(), minute: None }
    }

    /// True if a window that concerns the series is on.
    #[inline]
    pub fn covers(&mut self, labels: &Labels, time: Timestamp) -> bool {
        if self.entries.is_empty() {
            return false;
        }
        // Offsets of time zones and weekly windows are whole minutes, so within a minute the answer stays.
        let minute = time.millis().div_euclid(60_000);
        if self.minute != Some(minute) {
            self.minute = Some(minute);
            self.entries.iter_mut().for_each(|it| it.is_active = it.weekly.as_ref().is_some_and(|it| it.covers(time)));
        }
        self.entries.iter().any(|entry| {
            let is_once = entry.once.is_some_and(|(start, end)| start <= time && time < end);
            (entry.is_active || is_once)
                && entry
                    .labels
                    .iter()
                    .all(|(name, pattern)| signal::glob_matches(pattern, labels.get(name).unwrap_or("")))
        })
    }
}

impl Weekly {
    /// Asks the local clock at that instant, so that a window of local time stays one when clocks change: an hour that
    /// happens twice is covered twice, an hour that is left out not at all.
    fn covers(&self, time: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_millisecond(time.millis()) else { return false };
        let local = instant.to_zoned(self.zone.clone());
        let (today, now) = (local.weekday(), local.time());
        let begins = |day: Weekday| self.days.contains(&day);
        if self.from < self.to {
            return begins(today) && self.from <= now && now < self.to;
        }
        begins(today) && self.from <= now || begins(today.previous()) && now < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_covered(window: &str, labels: &str, time: &str) -> bool {
        let window: Maintenance = serde_json::from_str(window).unwrap();
        assert_eq!(window.validate(), Vec::<String>::new());
        Calendar::new(&[window]).covers(&labels.parse().unwrap(), time.parse().unwrap())
    }

    #[test]
    fn weekly_windows_follow_the_local_clock() {
        let berlin = r#"{"days": ["sunday"], "from": "01:30", "to": "04:00", "time_zone": "Europe/Berlin"}"#;
        for (time, expected) in [
            // Winter: 01:30 is 00:30 UTC.
            ("2026-01-04T00:29:59Z", false),
            ("2026-01-04T00:30:00Z", true),
            ("2026-01-04T03:00:00Z", false),
            // Summer: 01:30 is 23:30 UTC of the day before.
            ("2026-07-04T23:29:00Z", false),
            ("2026-07-04T23:30:00Z", true),
            ("2026-07-05T02:00:00Z", false),
            // The night the clock goes forward: 02:00 to 03:00 is left out.
            ("2026-03-29T00:59:00Z", true),
            ("2026-03-29T01:30:00Z", true),
            ("2026-03-29T02:00:00Z", false),
            // The night it goes back: 02:00 to 03:00 happens twice.
            ("2026-10-25T00:30:00Z", true),
            ("2026-10-25T01:30:00Z", true),
            ("2026-10-25T02:30:00Z", true),
            ("2026-10-25T03:00:00Z", false),
            ("2026-01-05T01:00:00Z", false),
        ] {
            assert_eq!(is_covered(berlin, "m", time), expected, "{time}");
        }
    }

    #[test]
    fn windows_may_cross_midnight() {
        let night = r#"{"days": ["friday"], "from": "23:00", "to": "01:00"}"#;
        for (time, expected) in [
            ("2026-01-02T22:59:00Z", false),
            ("2026-01-02T23:00:00Z", true),
            ("2026-01-03T00:59:00Z", true),
            ("2026-01-03T01:00:00Z", false),
            ("2026-01-02T00:30:00Z", false),
        ] {
            assert_eq!(is_covered(night, "m", time), expected, "{time}");
        }
    }

    #[test]
    fn single_windows_and_labels() {
        let once = r#"{"labels": {"service": "pay*"}, "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-01T01:00:00Z"}"#;
        assert!(is_covered(once, r#"m{service="payments"}"#, "2026-01-01T00:30:30Z"));
        assert!(!is_covered(once, r#"m{service="payments"}"#, "2026-01-01T01:00:00Z"));
        assert!(!is_covered(once, r#"m{service="shop"}"#, "2026-01-01T00:30:00Z"));
    }
}
