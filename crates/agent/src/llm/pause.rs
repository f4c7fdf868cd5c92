//! How long until the next try? As the provider says it, or twice as long each time with some of it left to chance.

use std::time::Duration;

use jiff::Timestamp;

use crate::RetryConfig;

/// The pause of a `Retry-After` header: seconds, or a date.
pub fn of_header(text: &str) -> Option<Duration> {
    of_header_at(text, Timestamp::now())
}

fn of_header_at(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(secs) = text.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(secs).ok();
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    // A date that is over means at once.
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// The pause after this many failed tries. `chance` lies between 0 and 1: half of the pause is left to it, so that those
/// who failed together do not come back together.
pub fn after(tries: u32, config: &RetryConfig, chance: f64) -> Duration {
    let doubled = config.first_pause_secs * 2_f64.powi(i32::try_from(tries.saturating_sub(1)).unwrap_or(i32::MAX));
    let secs = doubled.min(config.max_pause_secs) * (0.5 + chance / 2.0);
    Duration::try_from_secs_f64(secs).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_seconds_or_dates() {
        let now: Timestamp = "2026-11-26T10:00:00Z".parse().unwrap();
        let check = |text: &str, secs: Option<f64>| {
            assert_eq!(of_header_at(text, now).map(|it| it.as_secs_f64()), secs, "{text}");
        };
        check("7", Some(7.0));
        check(" 0.5 ", Some(0.5));
        check("Thu, 26 Nov 2026 10:00:30 GMT", Some(30.0));
        check("Thu, 26 Nov 2026 09:00:00 GMT", Some(0.0));
        for text in ["-1", "soon", "1e99", "NaN", ""] {
            check(text, None);
        }
    }

    /// Guarantees: MUST 687 of docs/specs/llm.md.
    #[test]
    fn pauses_double_up_to_a_bound() {
        let config = RetryConfig { max_tries: 9, first_pause_secs: 1.0, max_pause_secs: 5.0 };
        let secs = |tries, chance| after(tries, &config, chance).as_secs_f64();
        assert_eq!([1, 2, 3, 4, 5000].map(|it| secs(it, 1.0)), [1.0, 2.0, 4.0, 5.0, 5.0]);
        assert_eq!([1, 2, 3, 4].map(|it| secs(it, 0.0)), [0.5, 1.0, 2.0, 2.5]);
    }
}
