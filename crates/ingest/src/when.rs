//! What instant does a free-form timestamp mean? RFC 3339, Unix seconds to nanoseconds, or no instant at all.

use std::sync::atomic::{AtomicI64, Ordering};

use signal::{Clock, Timestamp};

/// Above this a Unix number is milliseconds, above its thousandfold microseconds, and so on (seconds reach it in 5138).
const MAX_SECONDS: f64 = 1e11;
/// How far arrival stamps may run ahead of the clock to stay distinct.
const MAX_AHEAD_MILLIS: i64 = 1000;

/// What a free-form text says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    /// An instant, plausible or not.
    At(Timestamp),
    /// Text that names no instant, such as `10:00`: the arrival counts.
    Arrival,
}

/// Reads a text.
pub(crate) fn of_text(text: &str) -> When {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return of_number(number);
    }
    // `2026-01-31 12:00:00` as Python prints it: a space for the T, and UTC where no zone is given.
    let normal = text.replacen(' ', "T", 1);
    let parsed = normal.parse().or_else(|_| format!("{normal}Z").parse());
    let dated = parsed.or_else(|_| format!("{normal}T00:00:00Z").parse());
    match dated {
        Ok(time) => When::At(time),
        // A year with five or more digits is a date that no parser takes: absurd, not missing.
        Err(_) if is_date_like(text) => When::At(Timestamp::from_millis(i64::MAX)),
        Err(_) => When::Arrival,
    }
}

/// Reads Unix seconds, milliseconds, microseconds or nanoseconds, told apart by their size.
pub(crate) fn of_number(number: f64) -> When {
    if !number.is_finite() {
        return When::At(Timestamp::from_millis(i64::MAX));
    }
    let mut seconds = number;
    for _ in 0..3 {
        if seconds.abs() >= MAX_SECONDS {
            seconds /= 1000.0;
        }
    }
    // Casting saturates, so that an absurd number stays absurd.
    #[expect(clippy::cast_possible_truncation, reason = "saturating is wanted")]
    When::At(Timestamp::from_millis((seconds * 1000.0).round() as i64))
}

/// The instant of an RFC 3339 timestamp with zone at the beginning of a log line.
pub(crate) fn of_line(line: &str) -> Option<Timestamp> {
    let line = line.strip_prefix('[').unwrap_or(line);
    let is_part = |it: char| it.is_ascii_digit() || matches!(it, '-' | ':' | '.' | '+' | 'T' | 'Z' | 't' | 'z');
    let end = line.find(|it| !is_part(it)).unwrap_or(line.len()).min(40);
    let stamp = line.get(..end).filter(|it| it.len() >= 20)?;
    stamp.parse().ok().filter(|it: &Timestamp| it.is_plausible())
}

fn is_date_like(text: &str) -> bool {
    let (digits, rest) = text.split_at(text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len()));
    digits.len() >= 4 && rest.starts_with('-') && rest.contains(':')
}

/// Gives arrivals distinct instants, so that observations without a time of their own are not taken for duplicates.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    last: AtomicI64,
}

impl Arrivals {
    /// The clock's time, or one millisecond after the last arrival if that is later.
    pub(crate) fn next(&self, clock: &dyn Clock) -> Timestamp {
        let now = clock.now().millis();
        let following = |last: i64| {
            let distinct = now.max(last.saturating_add(1));
            if distinct - now > MAX_AHEAD_MILLIS { now } else { distinct }
        };
        let update = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(following(last)));
        Timestamp::from_millis(following(update.unwrap_or(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(i64);

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0)
        }
    }

    #[test]
    fn free_form_texts() {
        let at = |millis| When::At(Timestamp::from_millis(millis));
        for (text, expected) in [
            ("10:00", When::Arrival),
            ("10:00:30", When::Arrival),
            ("noon", When::Arrival),
            ("", When::Arrival),
            ("2023-11-14T22:13:20Z", at(1_700_000_000_000)),
            ("2023-11-14T23:13:20+01:00", at(1_700_000_000_000)),
            ("2023-11-14 22:13:20", at(1_700_000_000_000)),
            ("2023-11-14", at(1_699_920_000_000)),
            ("1700000000", at(1_700_000_000_000)),
            ("1700000000.25", at(1_700_000_000_250)),
            ("1700000000000", at(1_700_000_000_000)),
            ("1700000000000000", at(1_700_000_000_000)),
            ("1700000000000000000", at(1_700_000_000_000)),
        ] {
            assert_eq!(of_text(text), expected, "{text}");
        }
        for text in ["99999-01-01T00:00:00Z", "1e300", "NaN", "-inf", "-5"] {
            assert!(matches!(of_text(text), When::At(it) if !it.is_plausible()), "{text}");
        }
    }

    #[test]
    fn lines_with_a_zone_carry_their_time() {
        assert_eq!(of_line("2023-11-14T22:13:20.5Z INFO x"), Some(Timestamp::from_millis(1_700_000_000_500)));
        assert_eq!(of_line("[2023-11-14T23:13:20+01:00] x"), Some(Timestamp::from_millis(1_700_000_000_000)));
        for line in
            ["2023-11-14 22:13:20 no zone", "2023-11-14T22:13:20 no zone", "hello", "", "[", "1234567890123456789012"]
        {
            assert_eq!(of_line(line), None, "{line}");
        }
    }

    #[test]
    fn arrivals_are_distinct_but_stay_near_the_clock() {
        let arrivals = Arrivals::default();
        let times: Vec<i64> = (0..5000).map(|_| arrivals.next(&Fixed(1_000_000)).millis()).collect();
        assert!(times.windows(2).take(999).all(|it| it[1] == it[0] + 1));
        assert!(times.iter().all(|it| (1_000_000..=1_001_000).contains(it)));
    }
}
