//! Does a tenant send faster than it may? A token bucket that may go below zero, so that a batch of any size is taken
//! once and then paid for.

use signal::Timestamp;

/// A tenant that was silent may send as much at once as it may in so many seconds.
const BURST_SECS: f64 = 5.0;

/// Events that may still be sent.
#[derive(Debug)]
pub(super) struct Rate {
    per_sec: f64,
    left: f64,
    since: Timestamp,
}

impl Rate {
    /// 0 means any number.
    pub(super) fn new(events_per_sec: u64, now: Timestamp) -> Self {
        let per_sec = events_per_sec as f64;
        Self { per_sec, left: per_sec * BURST_SECS, since: now }
    }

    /// Takes `count` events, or says after how many seconds it is worth to try again.
    pub(super) fn take(&mut self, count: u64, now: Timestamp) -> Result<(), u64> {
        if self.per_sec == 0.0 {
            return Ok(());
        }
        self.refill(now);
        if self.left <= 0.0 {
            return Err((-self.left / self.per_sec).ceil().max(1.0) as u64);
        }
        self.left -= count as f64;
        Ok(())
    }

    /// True while forgetting it would let the tenant send more than it may.
    pub(super) fn is_in_use(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        self.left < self.per_sec * BURST_SECS
    }

    /// A clock that goes back gives nothing.
    fn refill(&mut self, now: Timestamp) {
        let secs = now.since(self.since).as_secs_f64();
        self.left = (self.left + secs * self.per_sec).min(self.per_sec * BURST_SECS);
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 173 of docs/specs/ingest.md.
    #[test]
    fn the_mean_rate_holds_for_batches_of_any_size() {
        let at = |secs: i64| Timestamp::from_secs(1_700_000_000 + secs);
        let mut rate = Rate::new(100, at(0));
        assert_eq!(rate.take(2_500, at(0)), Ok(()), "taken once, whatever its size");
        assert_eq!(rate.take(1, at(0)), Err(20), "2,000 over, at 100 a second");
        assert_eq!(rate.take(1, at(15)), Err(5));
        assert_eq!(rate.take(100, at(21)), Ok(()));
        let mut taken = 0;
        for second in 100..1_100 {
            while rate.take(30, at(second)).is_ok() {
                taken += 30;
            }
        }
        assert!((100_000..=100_600).contains(&taken), "{taken} in 1,000 s");
        assert_eq!(Rate::new(0, at(0)).take(u64::MAX, at(0)), Ok(()));
    }

    #[test]
    fn a_clock_that_goes_back_gives_and_takes_nothing() {
        let at = |secs: i64| Timestamp::from_secs(1_700_000_000 + secs);
        let mut rate = Rate::new(10, at(0));
        assert_eq!(rate.take(60, at(0)), Ok(()));
        assert_eq!(rate.take(1, at(-3_600)), Err(1));
        assert_eq!(rate.take(1, at(-3_598)), Ok(()));
    }
}
