//! What does a clock on the wall show? The rhythm of days follows it, also when daylight saving begins or ends.

use jiff::tz::TimeZone;
use signal::Timestamp;

const QUARTER_MILLIS: i64 = 900_000;

/// A time zone that remembers its newest answer: offsets only change at quarters of an hour.
#[derive(Clone, Debug)]
pub(crate) struct WallClock {
    zone: TimeZone,
    quarter: i64,
    offset_millis: i64,
}

impl WallClock {
    /// UTC if there is no such zone; `Config::validate` has told so before.
    pub fn new(name: &str) -> Self {
        let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
        Self { zone, quarter: i64::MIN, offset_millis: 0 }
    }

    /// Milliseconds since 1970 as if the local time were UTC.
    #[inline]
    pub fn local_millis(&mut self, time: Timestamp) -> i64 {
        let quarter = time.millis().div_euclid(QUARTER_MILLIS);
        if quarter != self.quarter {
            self.quarter = quarter;
            let instant = jiff::Timestamp::from_millisecond(time.millis());
            self.offset_millis = instant.map_or(0, |it| 1000 * i64::from(self.zone.to_offset(it).seconds()));
        }
        time.millis().saturating_add(self.offset_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hour_of_daylight_saving_is_followed() {
        let mut clock = WallClock::new("Europe/Berlin");
        // 2026-03-29 01:00 UTC: 02:00 becomes 03:00 in Berlin.
        for (secs, hours) in [(1_774_745_999, 1), (1_774_746_000, 2), (1_767_225_600, 1)] {
            assert_eq!(clock.local_millis(Timestamp::from_secs(secs)), 1000 * (secs + hours * 3600));
        }
        assert_eq!(WallClock::new("Nowhere/At_All").local_millis(Timestamp::from_secs(5)), 5000);
    }
}
