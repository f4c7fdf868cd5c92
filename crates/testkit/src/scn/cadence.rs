//! How often does something happen, and when is it due?

use std::ops::Range;
use std::time::Duration;

use super::cursor::{Cursor, Mistake};

/// No statement makes more of anything than this.
const MOST: u128 = 1_000_000;

/// `every 5s from 1m to 3m`, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cadence {
    every: Duration,
    pub(super) from: Duration,
    pub(super) to: Duration,
}

impl Cadence {
    /// Once and not again.
    pub(super) const fn once(at: Duration) -> Self {
        Self { every: Duration::from_secs(1), from: at, to: at }
    }

    /// As often, but so much later.
    pub(super) fn plus(self, later: Duration) -> Self {
        Self { every: self.every, from: self.from + later, to: self.to + later }
    }

    /// Reads what stands behind `every`; `what` there are too many of if there are.
    pub(super) fn read(cursor: &mut Cursor<'_>, what: &str) -> Result<Self, Mistake> {
        let offset = cursor.position();
        let every = cursor.duration()?;
        cursor.expect_word("from")?;
        let from = cursor.duration()?;
        cursor.expect_word("to")?;
        let to = cursor.duration()?;
        if every.is_zero() || to.saturating_sub(from).as_millis() / every.as_millis() > MOST {
            return Err(Mistake { offset, expected: format!("at most {MOST} {what}") });
        }
        Ok(Self { every, from, to })
    }

    /// What happens after `after` and not after `to`: its number, from 0, and when.
    pub(super) fn due(self, after: Option<Duration>, to: Duration) -> impl Iterator<Item = (u32, Duration)> {
        due(self.from, self.every, after, to.min(self.to)).map(move |it| (it, self.from + self.every * it))
    }
}

/// The numbers n, from 0, for which `from + n * every` lies after `after` and not after `to`.
pub(super) fn due(from: Duration, every: Duration, after: Option<Duration>, to: Duration) -> Range<u32> {
    let count_up_to = |time: Duration| -> u32 {
        let steps = time.checked_sub(from).map(|it| it.as_millis() / every.as_millis().max(1) + 1);
        u32::try_from(steps.unwrap_or(0)).unwrap_or(u32::MAX)
    };
    after.map_or(0, count_up_to)..count_up_to(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_point_is_due_exactly_once() {
        for (from, every) in [(0, 1_000), (0, 10_000), (250, 300), (2_500, 7_000), (9_000, 1_000)] {
            let (from, every) = (Duration::from_millis(from), Duration::from_millis(every));
            let mut seen = vec![];
            let mut after = None;
            for second in 0..20 {
                let to = Duration::from_secs(second);
                seen.extend(due(from, every, after, to));
                after = Some(to);
            }
            let last = (Duration::from_secs(19) - from).as_millis() / every.as_millis();
            assert_eq!(seen, (0..=u32::try_from(last).unwrap()).collect::<Vec<_>>(), "{from:?} {every:?}");
        }
    }

    #[test]
    fn nothing_is_due_after_the_end() {
        let secs = Duration::from_secs;
        let cadence = Cadence { every: secs(5), from: secs(2), to: secs(12) };
        let due = |after, to| cadence.due(after, secs(to)).map(|it| it.1.as_secs()).collect::<Vec<_>>();
        assert_eq!(due(None, 7), [2, 7]);
        assert_eq!(due(Some(secs(7)), 60), [12]);
        assert_eq!(due(Some(secs(12)), 60), [0; 0]);
        assert_eq!(Cadence::once(secs(3)).due(None, secs(60)).collect::<Vec<_>>(), [(0, secs(3))]);
    }
}
