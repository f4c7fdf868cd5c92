//! When did it happen? One instant type for all signals: milliseconds since the Unix epoch, UTC.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z. Serialized as RFC 3339 with milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant that is accepted from outside: 1970-01-01.
    pub const MIN: Self = Self(0);
    /// The latest instant that is accepted from outside: 2200-01-01.
    pub const MAX: Self = Self(7_258_118_400_000);

    /// From milliseconds since the epoch; not checked against [`Timestamp::MIN`] and [`Timestamp::MAX`].
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, with fraction.
    pub fn secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// True if the instant lies in the accepted range, so that arithmetic and printing are safe.
    pub fn is_plausible(self) -> bool {
        (Self::MIN..=Self::MAX).contains(&self)
    }

    /// This instant moved later.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This instant moved earlier.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Seconds from `earlier` to this instant; negative if `earlier` is later.
    pub fn secs_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1000.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(it) => write!(formatter, "{it:.3}"),
            Err(_) => write!(formatter, "{}ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    /// Parses RFC 3339, for example `2026-01-31T12:00:00.5Z`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.parse::<jiff::Timestamp>()?.as_millisecond()))
    }
}

crate::text::as_text!(Timestamp);

/// A span of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeRange {
    /// First instant.
    pub from: Timestamp,
    /// Last instant.
    pub to: Timestamp,
}

impl TimeRange {
    /// The range `from..=to`; empty if `to` is before `from`.
    pub const fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to }
    }

    /// Everything that is accepted from outside.
    pub const ALL: Self = Self::new(Timestamp::MIN, Timestamp::MAX);

    /// The `span` that ends at `to`.
    pub fn ending_at(to: Timestamp, span: Duration) -> Self {
        Self::new(to.minus(span), to)
    }

    /// True if the instant lies inside.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.from <= time && time <= self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_rfc_3339() {
        let time = Timestamp::from_millis(1_700_000_000_250);
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.250Z");
        assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"2023-11-14T22:13:20.250Z\"");
    }

    #[test]
    fn absurd_instants_do_not_panic() {
        let time = Timestamp::from_millis(i64::MIN);
        assert!(!time.is_plausible());
        assert_eq!(time.minus(Duration::from_secs(1)), time);
        assert_eq!(time.since(Timestamp::MAX), Duration::ZERO);
        let _ = time.to_string();
    }
}
