//! Which events are from before the incident, and which belong to it?

/// Two stretches of time; what lies between them or is not known to belong to either is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Events before this instant are usual.
    quiet_until: i64,
    /// Events from this instant on, and before the other one, belong to the incident.
    from: i64,
    to: i64,
}

/// The detection time may be so much too late.
const GUARD_MS: i64 = 60_000;
/// A shorter past than this has no room for a guard of its own length.
const GUARD_SHARE: i64 = 10;
/// Of a past longer than this only the first part is taken for usual: slow faults are noticed late.
const LONG_MS: i64 = 900_000;
const QUIET_SHARE: f64 = 0.6;
/// An incident is looked at for so long after its detection.
const LASTS_MS: i64 = 900_000;

/// Which of the two an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    During,
}

impl Window {
    /// From the detection time and the times of all events, leaving out those that are usual by themselves. If there are
    /// such, the others are from the incident, and a whole guard of them may belong to it.
    pub(crate) fn of(at: i64, times: impl Iterator<Item = i64>, has_usual: bool) -> Self {
        let first = times.min().unwrap_or(at).min(at);
        let past = at - first;
        // Files of the incident may begin a little before it; so short a beginning is as good as usual.
        let is_whole = has_usual && past >= GUARD_MS * 3 / 2;
        let guard = if is_whole { GUARD_MS } else { GUARD_MS.min(past / GUARD_SHARE) };
        let quiet_until = if past > LONG_MS { first + (past as f64 * QUIET_SHARE) as i64 } else { at - guard };
        Self { quiet_until, from: at, to: at + LASTS_MS }
    }

    pub(crate) const fn side(&self, time: i64, is_normal: bool) -> Option<Side> {
        if is_normal || time < self.quiet_until {
            Some(Side::Before)
        } else if time >= self.from && time < self.to {
            Some(Side::During)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn a_short_past_is_usual_nearly_to_its_end_and_a_long_one_for_its_first_part() {
        let at = 1_000 * MINUTE;
        let short = Window::of(at, (0..10).map(|it| at - it * MINUTE), false);
        assert_eq!(short.side(at - MINUTE, false), Some(Side::Before));
        assert_eq!(short.side(at - 1, false), None);
        assert_eq!(short.side(at, false), Some(Side::During));
        assert_eq!(short.side(at, true), Some(Side::Before));
        assert_eq!(short.side(at + 60 * MINUTE, false), None);
        let long = Window::of(at, (0..100).map(|it| at - it * MINUTE), false);
        assert_eq!(long.side(at - 30 * MINUTE, false), None);
        assert_eq!(long.side(at - 50 * MINUTE, false), Some(Side::Before));
        let apart = Window::of(at, std::iter::once(at - 2 * MINUTE), true);
        assert_eq!((apart.side(at - MINUTE, false), apart.side(at - MINUTE, true)), (None, Some(Side::Before)));
        let short = Window::of(at, std::iter::once(at - MINUTE / 2), true);
        assert_eq!(short.side(at - MINUTE / 2, false), Some(Side::Before));
    }
}
